package interop;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;

/** Clients in namespaces, whose names the client itself prefixes; and messages that are handled in batches. */
@SuppressWarnings("deprecation")
final class Namespaces {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("namespaces", Namespaces::apart);
        scenarios.put("push-batch", Namespaces::batches);
    }

    /** Two namespaces with the same names have nothing in common, retries included. */
    private static void apart(Rig rig) throws Exception {
        String topic = rig.own("topic");
        List<ConcurrentLinkedQueue<String>> got = List.of(new ConcurrentLinkedQueue<>(), new ConcurrentLinkedQueue<>());
        for (int i = 0; i < 2; i++) {
            ConcurrentLinkedQueue<String> inbox = got.get(i);
            DefaultMQProducer producer = new DefaultMQProducer(rig.own("producer"));
            Rig.configure(producer);
            producer.setNamespace("ns" + i);
            producer.start();
            DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
            consumer.setNamespace("ns" + i);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                context.setDelayLevelWhenNextConsume(1);
                for (MessageExt message : messages) {
                    inbox.add(message.getTopic() + " " + Rig.text(message) + " " + message.getReconsumeTimes());
                    if (message.getReconsumeTimes() == 0) return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            try {
                rig.send(producer, Rig.message(topic, "of " + i));
                consumer.start();
                Rig.await("the message of namespace " + i + ", twice", () -> inbox.size() == 2);
            } finally {
                producer.shutdown();
            }
        }
        for (int i = 0; i < 2; i++) {
            Unexpected.unlessEqual(List.copyOf(got.get(i)), List.of(topic + " of " + i + " 0", topic + " of " + i + " 1"),
                "messages of namespace " + i);
        }
    }

    /** A listener gets up to its batch size, all of one queue. */
    private static void batches(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        List<String> sent = rig.sendMany(producer, topic, "m", 60);
        ConcurrentLinkedQueue<String> handled = new ConcurrentLinkedQueue<>();
        AtomicInteger largest = new AtomicInteger();
        AtomicInteger mixed = new AtomicInteger();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.setConsumeMessageBatchMaxSize(10);
        consumer.setPullBatchSize(32);
        // One bound of each kind, small enough to be met while the messages are handled.
        consumer.setPullThresholdForQueue(20);
        consumer.setConsumeConcurrentlyMaxSpan(25);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            largest.accumulateAndGet(messages.size(), Math::max);
            if (messages.stream().map(MessageExt::getQueueId).distinct().count() > 1) mixed.incrementAndGet();
            messages.forEach(message -> handled.add(Rig.text(message)));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Rig.await("all messages", () -> Set.copyOf(handled).size() == sent.size());
        Unexpected.unlessEqual(Set.copyOf(handled), Set.copyOf(sent), "what was handled");
        Unexpected.unlessEqual(mixed.get(), 0, "batches of several queues");
        Unexpected.unless(largest.get() > 1 && largest.get() <= 10, "the largest batch had " + largest.get());
    }

    private Namespaces() {
    }
}
