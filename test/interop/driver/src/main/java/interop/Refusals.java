package interop;

import java.util.Map;
import java.util.Random;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** What a broker refuses, and the code that tells the client why. */
@SuppressWarnings("deprecation")
final class Refusals {
    private static final int messageIllegal = 13;
    private static final int topicNotExist = 17;
    private static final int groupNotExist = 26;
    private static final int invalidParameter = 29;

    private interface Call {
        void run() throws Exception;
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("refused-size", Refusals::size);
        scenarios.put("refused-queue", Refusals::queue);
        scenarios.put("refused-unknown", Refusals::unknown);
    }

    private static void size(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        producer.setMaxMessageSize(8 * 1024 * 1024);
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        byte[] body = new byte[4 * 1024 * 1024 + 1];
        new Random(1).nextBytes(body);
        refused(messageIllegal, () -> producer.send(new Message(topic, body)));
        Message wordy = Rig.message(topic, "wordy");
        wordy.putUserProperty("long", "v".repeat(32_700));
        refused(messageIllegal, () -> producer.send(wordy));
        rig.send(producer, Rig.message(topic, "small"));
        Unexpected.unlessEqual(rig.readAll(topic).size(), 1, "messages in the topic");
    }

    private static void queue(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        String broker = rig.queues(producer, topic).get(0).getBrokerName();
        rig.send(producer, Rig.message(topic, "fine"));
        refused(invalidParameter, () -> producer.send(Rig.message(topic, "where"), new MessageQueue(topic, broker, 99)));
        DefaultMQPullConsumer consumer = rig.pull(rig.own("group"));
        consumer.fetchSubscribeMessageQueues(topic);
        refused(invalidParameter, () -> consumer.pull(new MessageQueue(topic, broker, 99), "*", 0, 32));
    }

    /** Run against a broker that creates neither topics nor groups by itself. The known topic is one of the system's. */
    private static void unknown(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        Rig.await("the broker", () -> !rig.queues(producer, "BenchmarkTest").isEmpty());
        String broker = rig.queues(producer, "BenchmarkTest").get(0).getBrokerName();
        rig.send(producer, Rig.message("BenchmarkTest", "known"));
        MessageQueue nowhere = new MessageQueue(rig.own("topic"), broker, 0);
        refused(topicNotExist, () -> producer.send(Rig.message(nowhere.getTopic(), "lost"), nowhere));
        DefaultMQPullConsumer stranger = rig.pull(rig.own("group"));
        MessageQueue known = stranger.fetchSubscribeMessageQueues("BenchmarkTest").stream().sorted().toList().get(0);
        refused(groupNotExist, () -> stranger.pull(known, "*", 0, 32));
        DefaultMQPullConsumer tool = rig.pull("SELF_TEST_C_GROUP");
        tool.pull(known, "*", 0, 32);
        refused(topicNotExist, () -> tool.pull(nowhere, "*", 0, 32));
        try {
            producer.send(Rig.message(rig.own("other"), "lost"));
            throw new Unexpected("a send to an unknown topic was accepted");
        } catch (MQClientException noRoute) {
            rig.note("without a route: " + noRoute.getResponseCode());
        } catch (MQBrokerException refused) {
            Unexpected.unlessEqual(refused.getResponseCode(), topicNotExist, "code");
        }
    }

    private static void refused(int code, Call call) throws Exception {
        try {
            call.run();
        } catch (MQBrokerException refusal) {
            Unexpected.unlessEqual(refusal.getResponseCode(), code, "code of \"" + refusal.getErrorMessage() + "\"");
            return;
        }
        throw new Unexpected("no refusal with code " + code);
    }

    private Refusals() {
    }
}
