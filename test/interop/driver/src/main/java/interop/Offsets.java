package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageQueue;

/** Where a group stands, and where messages are by time. */
@SuppressWarnings("deprecation")
final class Offsets {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("offsets-resume", Offsets::resume);
        scenarios.put("offsets-by-time", Offsets::byTime);
        scenarios.put("offsets-committed", Offsets::committed);
    }

    /** A group that comes back goes on where it was, and gets what was sent meanwhile. */
    private static void resume(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 4);
        List<String> all = new ArrayList<>();
        Inbox inbox = new Inbox();
        for (int life = 0; life < 3; life++) {
            all.addAll(rig.sendMany(producer, topic, "life" + life + "-", 20));
            DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener(inbox.consume());
            consumer.start();
            inbox.awaitExactly(all);
            consumer.shutdown();
        }
    }

    private static void byTime(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        MessageQueue queue = rig.queues(producer, topic).get(0);
        Unexpected.unlessEqual(producer.minOffset(queue), 0L, "minimum of an empty queue");
        Unexpected.unlessEqual(producer.maxOffset(queue), 0L, "maximum of an empty queue");
        long beforeMs = System.currentTimeMillis();
        rig.sendMany(producer, topic, "early", 5);
        Thread.sleep(50);
        long betweenMs = System.currentTimeMillis();
        Thread.sleep(50);
        rig.sendMany(producer, topic, "late", 5);
        long afterMs = System.currentTimeMillis();
        DefaultMQPullConsumer consumer = rig.pull(rig.own("group"));
        Rig.await("ten messages by time", () -> consumer.searchOffset(queue, afterMs + 60_000) == 10);
        Unexpected.unlessEqual(consumer.searchOffset(queue, beforeMs - 60_000), 0L, "offset of a time before all");
        Unexpected.unlessEqual(consumer.searchOffset(queue, betweenMs), 5L, "offset of a time in the middle");
        Unexpected.unlessEqual(consumer.minOffset(queue), 0L, "minimum");
        Unexpected.unlessEqual(consumer.maxOffset(queue), 10L, "maximum");
        long earliestMs = producer.earliestMsgStoreTime(queue);
        Unexpected.unless(earliestMs >= beforeMs && earliestMs <= betweenMs, "earliest message at " + earliestMs
            + ", between " + beforeMs + " and " + betweenMs + " expected");
    }

    /** An offset that a consumer commits is the one that the group's next consumer finds. */
    private static void committed(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        rig.sendMany(producer, topic, "m", 10);
        String group = rig.own("group");
        DefaultMQPullConsumer first = rig.pull(group);
        MessageQueue queue = first.fetchSubscribeMessageQueues(topic).iterator().next();
        first.pull(queue, "*", 0, 10);
        for (long offset : new long[] {7, 4}) {
            first.updateConsumeOffset(queue, offset);
            first.getOffsetStore().updateConsumeOffsetToBroker(queue, offset, false);
            Rig.await("offset " + offset, () -> first.fetchConsumeOffset(queue, true) == offset);
        }
        first.shutdown();
        DefaultMQPullConsumer second = rig.pull(group);
        Unexpected.unlessEqual(second.fetchConsumeOffset(queue, true), 4L, "offset of the group");
        Unexpected.unlessEqual(rig.pull(rig.own("stranger")).fetchConsumeOffset(queue, true), 0L,
            "offset of a group that never committed, on a young topic");
    }

    private Offsets() {
    }
}
