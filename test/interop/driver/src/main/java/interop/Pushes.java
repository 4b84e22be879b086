package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** Push consumers: concurrently, by tag, in order, broadcasting. */
final class Pushes {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("push-concurrently", Pushes::concurrently);
        scenarios.put("push-tags", Pushes::tags);
        scenarios.put("push-orderly", Pushes::orderly);
        scenarios.put("push-broadcasting", Pushes::broadcasting);
    }

    private static void concurrently(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 4);
        List<String> texts = new ArrayList<>(rig.sendMany(producer, topic, "before", 60));
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "*");
        consumer.setConsumeMessageBatchMaxSize(8);
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        inbox.awaitAll(texts);
        texts.addAll(rig.sendMany(producer, topic, "while", 40));
        inbox.awaitExactly(texts);
    }

    private static void tags(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        List<String> wanted = new ArrayList<>();
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "A || B");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        for (int i = 0; i < 10; i++) {
            for (String tag : new String[] {"A", "B", "C", "AB", null}) {
                Message message = Rig.message(topic, tag + i);
                message.setTags(tag);
                rig.send(producer, message);
                if ("A".equals(tag) || "B".equals(tag)) wanted.add(tag + i);
            }
        }
        // The hash code of both tags is the same: the broker lets "BB" through to a consumer of "Aa", which drops it.
        Inbox narrow = new Inbox();
        DefaultMQPushConsumer collider = rig.push(rig.own("collider"));
        collider.subscribe(topic, "Aa");
        collider.registerMessageListener(narrow.consume());
        collider.start();
        for (String tag : List.of("BB", "Aa", "BB")) {
            Message message = Rig.message(topic, tag);
            message.setTags(tag);
            rig.send(producer, message);
        }
        inbox.awaitExactly(wanted);
        narrow.awaitExactly(List.of("Aa"));
    }

    private static void orderly(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 3);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            messages.forEach(inbox::add);
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            for (MessageQueue queue : rig.queues(producer, topic)) {
                String text = queue.getQueueId() + "-" + i;
                texts.add(text);
                producer.send(Rig.message(topic, text), queue);
            }
        }
        inbox.awaitExactly(texts);
        for (int id = 0; id < 3; id++) {
            int queueId = id;
            List<Long> offsets = inbox.where(arrival -> arrival.message().getQueueId() == queueId).stream()
                .map(arrival -> arrival.message().getQueueOffset()).toList();
            Unexpected.unlessEqual(offsets, offsets.stream().sorted().toList(), "order of arrival in queue " + queueId);
        }
    }

    private static void broadcasting(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        List<String> texts = new ArrayList<>(rig.sendMany(producer, topic, "before", 10));
        List<Inbox> inboxes = List.of(new Inbox(), new Inbox());
        for (Inbox inbox : inboxes) {
            DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
            consumer.setInstanceName(rig.own("member" + inboxes.indexOf(inbox)));
            Rig.broadcast(consumer);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener(inbox.consume());
            consumer.start();
        }
        for (Inbox inbox : inboxes) inbox.awaitAll(texts);
        texts.addAll(rig.sendMany(producer, topic, "while", 10));
        for (Inbox inbox : inboxes) inbox.awaitExactly(texts);
    }

    private Pushes() {
    }
}
