package interop;

import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Messages found by key, by unique id and by offset id. */
final class Queries {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("query", Queries::query);
    }

    private static void query(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        // The index keeps seconds, rounded down from its first message: a query that starts just before the first misses some.
        long beforeMs = System.currentTimeMillis() - 60_000;
        SendResult sought = null;
        for (int i = 0; i < 10; i++) {
            String key = i % 2 == 0 ? "even common" : "odd common";
            SendResult result = rig.send(producer, new Message(topic, "tag", key + " k" + i, ("q" + i).getBytes()));
            if (i == 6) sought = result;
        }
        SendResult six = sought;
        long untilMs = System.currentTimeMillis() + 60_000;
        // The index is built behind the log: the last message is the last to be found.
        Rig.await("the index", () -> found(producer, topic, "k9", beforeMs, untilMs).equals(List.of("q9")));
        Unexpected.unlessEqual(found(producer, topic, "odd", beforeMs, untilMs), List.of("q1", "q3", "q5", "q7", "q9"), "odd");
        Unexpected.unlessEqual(found(producer, topic, "common", beforeMs, untilMs).size(), 10, "messages with the common key");
        Unexpected.unlessEqual(found(producer, topic, "never", beforeMs, untilMs), List.of(), "a key that nobody used");
        long hourMs = 3_600_000;
        Unexpected.unlessEqual(found(producer, topic, "common", beforeMs - hourMs, beforeMs), List.of(), "the hour before");
        Unexpected.unlessEqual(found(producer, topic, "common", untilMs, untilMs + hourMs), List.of(), "the hour after");
        MessageExt byUniqueId = producer.viewMessage(topic, six.getMsgId());
        Unexpected.unlessEqual(Rig.text(byUniqueId), "q6", "message by unique id " + six.getMsgId());
        MessageExt byOffsetId = producer.viewMessage(topic, six.getOffsetMsgId());
        Unexpected.unlessEqual(Rig.text(byOffsetId), "q6", "message by offset id " + six.getOffsetMsgId());
        Unexpected.unlessEqual(byOffsetId.getQueueOffset(), six.getQueueOffset(), "queue offset by offset id");
    }

    private static List<String> found(DefaultMQProducer producer, String topic, String key, long fromMs, long untilMs)
        throws Exception {
        try {
            return producer.queryMessage(topic, key, 32, fromMs, untilMs).getMessageList().stream().map(Rig::text).sorted()
                .toList();
        } catch (MQClientException none) {
            return List.of();
        }
    }

    private Queries() {
    }
}
