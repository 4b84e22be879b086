package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Transactions: what is committed arrives, once, and nothing else; who says nothing is asked. The broker asks every
 * second, twelve times: for longer than a new producer takes to be known to it.
 */
final class Transactions {
    private static final int checkMax = 12;

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("transaction", Transactions::decided);
        scenarios.put("transaction-orphaned", Transactions::orphaned);
        scenarios.put("transaction-given-up", Transactions::givenUp);
        scenarios.put("transaction-outage", Transactions::outage);
    }

    /** Decides by the text of a message: "commit", "rollback", "throw", or "unknown" and after it what is said when asked. */
    private static final class Decisions implements TransactionListener {
        final List<String> executed = new CopyOnWriteArrayList<>();
        final Map<String, List<MessageExt>> asked = new ConcurrentHashMap<>();

        @Override
        public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
            String text = Rig.text(message);
            executed.add(text + " " + argument);
            Unexpected.unlessEqual(message.getTransactionId(), message.getProperty("UNIQ_KEY"), "transaction id");
            return state(text.split(" ")[0]);
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt message) {
            String text = Rig.text(message);
            asked.computeIfAbsent(text, any -> new CopyOnWriteArrayList<>()).add(message);
            return state(text.split(" ")[1]);
        }

        private static LocalTransactionState state(String word) {
            return switch (word) {
                case "commit" -> LocalTransactionState.COMMIT_MESSAGE;
                case "rollback" -> LocalTransactionState.ROLLBACK_MESSAGE;
                case "throw" -> throw new IllegalStateException("the local transaction fails");
                default -> LocalTransactionState.UNKNOW;
            };
        }

        int checks(String text) {
            return asked.getOrDefault(text, List.of()).size();
        }
    }

    private static TransactionMQProducer producer(Rig rig, String group, Decisions decisions) throws Exception {
        TransactionMQProducer producer = new TransactionMQProducer(group);
        Rig.configure(producer);
        producer.setTransactionListener(decisions);
        // Two members of a group are two clients.
        producer.setInstanceName(group + System.nanoTime());
        producer.start();
        return producer;
    }

    private static TransactionSendResult send(TransactionMQProducer producer, String topic, String text) throws Exception {
        Message message = new Message(topic, "tx", "key", text.getBytes());
        TransactionSendResult result = producer.sendMessageInTransaction(message, "argument");
        Unexpected.unlessEqual(result.getSendStatus(), SendStatus.SEND_OK, "status of a half message");
        return result;
    }

    private static Inbox consume(Rig rig, String topic) throws Exception {
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "tx");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        return inbox;
    }

    private static void decided(Rig rig) throws Exception {
        DefaultMQProducer admin = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(admin, topic, 2);
        Inbox inbox = consume(rig, topic);
        Decisions decisions = new Decisions();
        TransactionMQProducer producer = producer(rig, rig.own("transactions"), decisions);
        try {
            TransactionSendResult committed = send(producer, topic, "commit 1");
            Unexpected.unlessEqual(committed.getLocalTransactionState(), LocalTransactionState.COMMIT_MESSAGE, "state");
            for (String text : List.of("rollback 1", "throw commit", "throw rollback", "unknown commit", "unknown rollback", "commit 2")) {
                send(producer, topic, text);
            }
            Unexpected.unlessEqual(decisions.executed.size(), 7, "local transactions");
            Unexpected.unlessEqual(decisions.executed.get(0), "commit 1 argument", "first local transaction");
            inbox.awaitAll(List.of("commit 1", "commit 2", "throw commit", "unknown commit"));
            Rig.await("the checks", () -> decisions.checks("throw rollback") > 0 && decisions.checks("unknown rollback") > 0);
            // Longer than the broker takes to ask again.
            Thread.sleep(3_000);
            inbox.awaitExactly(List.of("commit 1", "commit 2", "throw commit", "unknown commit"));
            for (String text : List.of("commit 1", "rollback 1", "commit 2")) {
                Unexpected.unlessEqual(decisions.checks(text), 0, "checks of what was decided: " + text);
            }
            MessageExt asked = decisions.asked.get("unknown commit").get(0);
            Unexpected.unlessEqual(asked.getTopic(), topic, "topic of a check");
            Unexpected.unlessEqual(asked.getProperty("TRANSACTION_CHECK_TIMES"), "1", "check times");
            MessageExt seen = inbox.where(arrival -> arrival.text().equals("commit 1")).get(0).message();
            Unexpected.unlessEqual(seen.getTransactionId(), committed.getTransactionId(), "transaction id of a consumer");
            Unexpected.unlessEqual(seen.getMsgId(), committed.getMsgId(), "message id of a consumer");
            Unexpected.unlessEqual(seen.getKeys(), "key", "keys");
            Unexpected.unlessEqual(seen.getTags(), "tx", "tag");
        } finally {
            producer.shutdown();
        }
    }

    /** Another producer of the group answers for one that is gone. */
    private static void orphaned(Rig rig) throws Exception {
        DefaultMQProducer admin = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(admin, topic, 1);
        Inbox inbox = consume(rig, topic);
        String group = rig.own("transactions");
        TransactionMQProducer first = producer(rig, group, new Decisions());
        send(first, topic, "unknown commit");
        send(first, topic, "unknown rollback");
        first.shutdown();
        Decisions decisions = new Decisions();
        TransactionMQProducer second = producer(rig, group, decisions);
        try {
            // A producer of 5.x is known to the brokers that it has sent to.
            send(second, topic, "commit 1");
            inbox.awaitAll(List.of("commit 1", "unknown commit"));
            Rig.await("the checks", () -> decisions.checks("unknown rollback") > 0);
            Thread.sleep(3_000);
            inbox.awaitExactly(List.of("commit 1", "unknown commit"));
        } finally {
            second.shutdown();
        }
    }

    /** Nobody knows what became of it: it is asked about so often, and then no more. */
    private static void givenUp(Rig rig) throws Exception {
        DefaultMQProducer admin = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(admin, topic, 1);
        Inbox inbox = consume(rig, topic);
        Decisions decisions = new Decisions();
        TransactionMQProducer producer = producer(rig, rig.own("transactions"), decisions);
        try {
            String unknown = "unknown unknown " + rig.own("text");
            send(producer, topic, unknown);
            AtomicReference<MessageExt> found = new AtomicReference<>();
            Rig.await("the end of its checks", () -> {
                found.set(lastIn(rig, "TRANS_CHECK_MAX_TIME_TOPIC", unknown));
                return found.get() != null;
            });
            Unexpected.unlessEqual(decisions.checks(unknown), checkMax, "checks");
            Unexpected.unlessEqual(found.get().getProperty("TRANSACTION_CHECK_TIMES"), String.valueOf(checkMax), "check times");
            Unexpected.unlessEqual(found.get().getProperty("REAL_TOPIC"), topic, "real topic");
            Thread.sleep(3_000);
            Unexpected.unlessEqual(decisions.checks(unknown), checkMax, "checks after the last");
            Unexpected.unlessEqual(inbox.texts(), List.of(), "messages");
        } finally {
            producer.shutdown();
        }
    }

    private static MessageExt lastIn(Rig rig, String topic, String text) throws Exception {
        try {
            for (MessageExt message : rig.readAll(topic)) if (Rig.text(message).equals(text)) return message;
        } catch (org.apache.rocketmq.client.exception.MQClientException noTopicYet) {
            return null;
        }
        return null;
    }

    /** What was committed before the broker was killed is there once; what was open is asked about afterwards. */
    private static void outage(Rig rig) throws Exception {
        DefaultMQProducer admin = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(admin, topic, 2);
        Inbox inbox = consume(rig, topic);
        Decisions decisions = new Decisions();
        TransactionMQProducer producer = producer(rig, rig.own("transactions"), decisions);
        try {
            List<String> expected = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                send(producer, topic, "rollback " + i);
                expected.add("commit " + i);
                send(producer, topic, "commit " + i);
                expected.add("unknown commit " + i);
                send(producer, topic, "unknown commit " + i);
            }
            rig.ask("kill and start");
            inbox.awaitAll(expected);
            Thread.sleep(3_000);
            List<String> seen = inbox.texts();
            Unexpected.unless(seen.stream().noneMatch(text -> text.startsWith("rollback")), "a rolled back message was seen");
            // Consumers may see a message again; in the queues each lies once.
            List<String> stored = rig.readAll(topic).stream().map(Rig::text).sorted().toList();
            Unexpected.unlessEqual(stored, expected.stream().sorted().toList(), "messages in the topic");
        } finally {
            producer.shutdown();
        }
    }

    private Transactions() {
    }
}
