package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** The lite pull consumer: subscribed or assigned, seeking, committing. */
final class LitePulls {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("lite-subscribe", LitePulls::subscribe);
        scenarios.put("lite-assign", LitePulls::assign);
    }

    /** What was committed is not given again to the next member of the group, what was not is. */
    private static void subscribe(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        List<String> texts = rig.sendMany(producer, topic, "early", 30);
        DefaultLitePullConsumer first = rig.lite(rig.own("group"));
        first.subscribe(topic, "*");
        first.setAutoCommit(false);
        first.start();
        pollExactly(rig, first, texts);
        first.commitSync();
        for (MessageQueue queue : first.assignment()) {
            Rig.await("the commit of " + queue, () -> first.committed(queue) == 15);
        }
        List<String> uncommitted = rig.sendMany(producer, topic, "late", 10);
        pollExactly(rig, first, uncommitted);
        first.shutdown();
        DefaultLitePullConsumer second = rig.lite(rig.own("group"));
        second.subscribe(topic, "*");
        second.start();
        pollExactly(rig, second, uncommitted);
    }

    private static void assign(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        rig.sendMany(producer, topic, "m", 20);
        DefaultLitePullConsumer consumer = rig.lite(rig.own("group"));
        consumer.setAutoCommit(false);
        consumer.start();
        MessageQueue queue = consumer.fetchMessageQueues(topic).stream().sorted().toList().get(1);
        consumer.assign(List.of(queue));
        Unexpected.unlessEqual(offsets(poll(consumer, 10)), List.of(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L), "from the start");
        consumer.seek(queue, 7);
        Unexpected.unlessEqual(offsets(poll(consumer, 3)), List.of(7L, 8L, 9L), "after a seek to 7");
        consumer.seekToBegin(queue);
        Unexpected.unlessEqual(offsets(poll(consumer, 10)).get(0), 0L, "after a seek to the beginning");
        consumer.seekToEnd(queue);
        Unexpected.unlessEqual(consumer.poll(500).size(), 0, "messages after a seek to the end");
        try {
            consumer.seek(queue, 4711);
            throw new Unexpected("a seek beyond the end was accepted");
        } catch (MQClientException refused) {
            rig.note(refused.getErrorMessage());
        }
    }

    private static List<MessageExt> poll(DefaultLitePullConsumer consumer, int count) throws Exception {
        List<MessageExt> messages = new ArrayList<>();
        Rig.await(count + " polled messages", () -> {
            messages.addAll(consumer.poll(1_000));
            return messages.size() >= count;
        });
        Unexpected.unlessEqual(messages.size(), count, "polled messages");
        return messages;
    }

    private static List<Long> offsets(List<MessageExt> messages) {
        return messages.stream().map(MessageExt::getQueueOffset).toList();
    }

    /** Polls until every text came, and a little longer: none but these may come. One that comes twice is noted. */
    private static void pollExactly(Rig rig, DefaultLitePullConsumer consumer, List<String> wanted) throws Exception {
        List<String> seen = new ArrayList<>();
        Rig.await("the messages from " + wanted.get(0) + " on", () -> {
            consumer.poll(500).forEach(message -> seen.add(Rig.text(message)));
            return seen.containsAll(wanted);
        });
        consumer.poll(500).forEach(message -> seen.add(Rig.text(message)));
        List<String> others = seen.stream().filter(text -> !wanted.contains(text)).toList();
        Unexpected.unless(others.isEmpty(), "these came too: " + others);
        if (seen.size() > wanted.size()) rig.note((seen.size() - wanted.size()) + " came twice");
    }

    private LitePulls() {
    }
}
