package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** Two members of a group share the queues of a topic; when one leaves, the other takes all. */
final class Rebalances {
    private static final int queueCount = 8;

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("rebalance", Rebalances::rebalance);
    }

    private static void rebalance(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, queueCount);
        Inbox leftInbox = new Inbox();
        Inbox rightInbox = new Inbox();
        List<String> all = new ArrayList<>();
        member(rig, topic, leftInbox);
        awaitShares(rig, producer, topic, all, "one", leftInbox, rightInbox, queueCount, 0);
        DefaultMQPushConsumer right = member(rig, topic, rightInbox);
        awaitShares(rig, producer, topic, all, "two", leftInbox, rightInbox, queueCount / 2, queueCount / 2);
        right.shutdown();
        awaitShares(rig, producer, topic, all, "last", leftInbox, rightInbox, queueCount, 0);
        Set<String> seen = new TreeSet<>(leftInbox.texts());
        seen.addAll(rightInbox.texts());
        Rig.await("every message of every round", () -> {
            seen.addAll(leftInbox.texts());
            return seen.containsAll(all);
        });
    }

    private static DefaultMQPushConsumer member(Rig rig, String topic, Inbox inbox) throws Exception {
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        return consumer;
    }

    /** Sends rounds of one message to each queue until a round is shared as it should be: so many queues left and right. */
    private static void awaitShares(Rig rig, DefaultMQProducer producer, String topic, List<String> all, String phase,
        Inbox leftInbox, Inbox rightInbox, int left, int right) throws Exception {
        int[] round = {0};
        Rig.await("shares of " + left + " and " + right, () -> {
            String prefix = phase + round[0]++ + "-";
            for (MessageQueue queue : rig.queues(producer, topic)) {
                Message message = Rig.message(topic, prefix + queue.getQueueId());
                all.add(Rig.text(message));
                producer.send(message, queue);
            }
            for (int patience = 0; patience < 50; patience++) {
                if (share(leftInbox, prefix) + share(rightInbox, prefix) >= queueCount) break;
                Thread.sleep(20);
            }
            return share(leftInbox, prefix) == left && share(rightInbox, prefix) == right;
        });
        rig.note(phase + ": " + round[0] + " rounds");
    }

    private static long share(Inbox inbox, String prefix) {
        return inbox.texts().stream().filter(text -> text.startsWith(prefix)).distinct().count();
    }

    private Rebalances() {
    }
}
