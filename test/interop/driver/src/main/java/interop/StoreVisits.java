package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * One store folder, opened in turn by two makes of brokers. The ledger lives in this process and outlives every broker:
 * whoever opens the store must serve everything in it. The host runs fill, then visits and floods, and swaps the broker
 * between them; all brokers but the first create neither topics nor groups by themselves, so they must know these.
 */
@SuppressWarnings("deprecation")
final class StoreVisits {
    /** Many small messages over two queues: segments of the log, the queues and the index roll. */
    private static final String topic = "store-topic";
    private static final String delayedTopic = "store-delayed";
    private static final String transferTopic = "store-transfers";
    private static final String reader = "store-reader";
    private static final String group = "store-group";

    /** Makes segments of 1 MiB full sooner. */
    private static final String filler = "f".repeat(2_000);

    private record Entry(String tag, String key, String offsetId) {
    }

    /** Text to what else is known of the message, for each queue in order of queue offset. */
    private static final Map<Integer, Map<String, Entry>> ledger = new TreeMap<>(Map.of(0, new LinkedHashMap<>(), 1,
        new LinkedHashMap<>()));
    /** Texts that were sent without an answer: they may be there or not. */
    private static final Set<String> unanswered = new TreeSet<>();
    private static final Map<Integer, Long> committed = new TreeMap<>();
    private static final List<String> delayed = new ArrayList<>();
    /** Texts of transactions that are committed, or will be by whoever opens the store next. */
    private static final List<String> transfers = new ArrayList<>();
    /** Those of this visit stay undecided until the next one. */
    private static final Set<String> undecided = new TreeSet<>();
    private static final long startMs = System.currentTimeMillis();
    private static int writes = 0;

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("store-fill", StoreVisits::fill);
        scenarios.put("store-visit", StoreVisits::visit);
        scenarios.put("store-flood", StoreVisits::flood);
    }

    private static void fill(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        rig.createTopic(producer, topic, 2);
        rig.createTopic(producer, delayedTopic, 1);
        rig.createTopic(producer, transferTopic, 1);
        DefaultMQPushConsumer late = rig.push(group);
        late.subscribe(delayedTopic, "*");
        late.registerMessageListener(new Inbox().consume());
        late.start();
        write(rig, producer, 300);
        DefaultMQPullConsumer consumer = rig.pull(reader);
        for (MessageQueue queue : rig.queues(producer, topic)) Rig.read(consumer, queue, 0);
        commit(rig, producer, consumer, 50);
        late.shutdown();
        delay(rig, producer);
        transfer(rig, producer);
    }

    private static void visit(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        Rig.await("the broker", () -> rig.queues(producer, topic).size() == 2);
        DefaultMQPullConsumer consumer = rig.pull(reader);
        Rig.await("the broker's first answer", () -> answers(consumer, rig.queues(producer, topic).get(0)));
        int checked = 0;
        for (MessageQueue queue : rig.queues(producer, topic)) {
            checked += checkQueue(Rig.read(consumer, queue, 0), ledger.get(queue.getQueueId()));
            long seen = consumer.fetchConsumeOffset(queue, true);
            Unexpected.unlessEqual(seen, committed.get(queue.getQueueId()), "committed offset of " + queue);
        }
        for (MessageQueue queue : rig.queues(producer, topic)) checkTags(consumer, queue);
        checkIndex(producer);
        checkDelayed(rig, producer);
        undecided.clear();
        transfer(rig, producer);
        write(rig, producer, 100);
        commit(rig, producer, consumer, 20);
        delay(rig, producer);
        for (MessageQueue queue : rig.queues(producer, topic)) {
            checkQueue(Rig.read(consumer, queue, 0), ledger.get(queue.getQueueId()));
        }
        rig.note(checked + " messages found");
    }

    /** Sends until the broker is gone; the host kills it in the middle. */
    private static void flood(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        producer.setRetryTimesWhenSendFailed(0);
        MessageQueue queue = rig.queues(producer, topic).get(0);
        Map<String, Entry> entries = ledger.get(0);
        int before = entries.size();
        AtomicReference<Integer> sent = new AtomicReference<>(0);
        Thread sender = new Thread(() -> {
            while (true) {
                String text = "flood" + writes++;
                try {
                    SendResult result = producer.send(message(text), queue);
                    if (result.getSendStatus() != SendStatus.SEND_OK) throw new IllegalStateException(result.toString());
                    entries.put(text, entry(text, result.getOffsetMsgId()));
                    sent.set(entries.size() - before);
                    Thread.sleep(2);
                } catch (Exception gone) {
                    unanswered.add(text);
                    return;
                }
            }
        });
        sender.start();
        Rig.await("a flood", () -> sent.get() > 300);
        // Long enough for the broker to write its checkpoints, which whoever opens the store next must be able to trust.
        Thread.sleep(3_000);
        rig.ask("kill");
        sender.join();
        rig.note(sent.get() + " answered");
    }

    private static boolean answers(DefaultMQPullConsumer consumer, MessageQueue queue) {
        try {
            return consumer.maxOffset(queue) >= 0;
        } catch (MQClientException notYet) {
            return false;
        }
    }

    /** Everything in the ledger stands in its order; between may stand what was never answered, and nothing else. */
    private static int checkQueue(List<MessageExt> messages, Map<String, Entry> entries) {
        List<String> answered = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            MessageExt message = messages.get(i);
            String text = Rig.text(message);
            Unexpected.unlessEqual(message.getQueueOffset(), (long) i, "queue offset of " + text);
            Entry entry = entries.get(text);
            if (entry == null) {
                Unexpected.unless(unanswered.contains(text), "nobody sent " + text);
                continue;
            }
            answered.add(text);
            Unexpected.unlessEqual(message.getUserProperty("filler"), filler, "filler of " + text);
            Unexpected.unlessEqual(message.getTags() + " " + message.getKeys(), entry.tag + " " + entry.key, "tag and key of " + text);
        }
        List<String> lost = new ArrayList<>(entries.keySet());
        lost.removeAll(Set.copyOf(answered));
        Unexpected.unless(lost.isEmpty(), lost.size() + " of " + entries.size() + " messages are lost, the first is "
            + lost.stream().findFirst().orElse(""));
        Unexpected.unlessEqual(answered, List.copyOf(entries.keySet()), "order of the messages");
        return answered.size();
    }

    /** A few messages from the oldest to the newest, asked for by their tags: those come, and no others. */
    private static void checkTags(DefaultMQPullConsumer consumer, MessageQueue queue) throws Exception {
        List<String> texts = List.copyOf(ledger.get(queue.getQueueId()).keySet());
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < texts.size(); i += 1 + texts.size() / 7) wanted.add(texts.get(i));
        String tags = String.join(" || ", wanted.stream().map(text -> "tag-" + text).toList());
        List<String> found = new ArrayList<>();
        long end = consumer.maxOffset(queue);
        for (long offset = 0; offset < end;) {
            var pulled = consumer.pull(queue, tags, offset, 32);
            if (pulled.getMsgFoundList() != null) found.addAll(pulled.getMsgFoundList().stream().map(Rig::text).toList());
            Unexpected.unless(pulled.getNextBeginOffset() > offset, "a pull by tags at " + offset + " went nowhere: " + pulled);
            offset = pulled.getNextBeginOffset();
        }
        Unexpected.unlessEqual(found, wanted, "messages by tags");
    }

    /** Messages from the oldest to the newest of each queue, a few apart, are found by key and by offset id. */
    private static void checkIndex(DefaultMQProducer producer) throws Exception {
        for (Map<String, Entry> entries : ledger.values()) {
            List<String> texts = List.copyOf(entries.keySet());
            for (int i = 0; i < texts.size(); i += 1 + texts.size() / 100) {
                String text = texts.get(i);
                Entry entry = entries.get(text);
                Rig.await(text + " in the index", () -> found(producer, entry.key).equals(List.of(text)));
                MessageExt viewed = producer.viewMessage(topic, entry.offsetId);
                Unexpected.unlessEqual(Rig.text(viewed), text, "message by offset id " + entry.offsetId);
            }
        }
    }

    /** Recovery may index a message twice, and RocketMQ's clients and brokers answer it twice then. */
    private static List<String> found(DefaultMQProducer producer, String key) throws InterruptedException {
        try {
            long untilMs = System.currentTimeMillis() + 60_000;
            return producer.queryMessage(topic, key, 32, startMs - 60_000, untilMs).getMessageList().stream().map(Rig::text)
                .distinct().toList();
        } catch (MQClientException none) {
            return List.of();
        }
    }

    /** The message that the last broker left waiting is delivered by this one. */
    private static void checkDelayed(Rig rig, DefaultMQProducer producer) throws Exception {
        DefaultMQPullConsumer consumer = rig.pull(group);
        MessageQueue queue = rig.queues(producer, delayedTopic).get(0);
        Rig.await("the delayed messages " + delayed, () -> consumer.maxOffset(queue) >= delayed.size());
        Unexpected.unlessEqual(Rig.read(consumer, queue, 0).stream().map(Rig::text).toList(), delayed, "delayed messages");
    }

    /**
     * Transactions: the last broker left one undecided, and this one asks about it. Each that was ever committed lies in
     * the queue, once, and none that was rolled back. Leaves another one undecided.
     */
    private static void transfer(Rig rig, DefaultMQProducer producer) throws Exception {
        int visit = transfers.size();
        TransactionMQProducer tellers = new TransactionMQProducer("store-tellers");
        Rig.configure(tellers);
        tellers.setInstanceName("tellers" + visit);
        tellers.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
                return (LocalTransactionState) argument;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                String text = Rig.text(message);
                if (undecided.contains(text)) return LocalTransactionState.UNKNOW;
                return transfers.contains(text) ? LocalTransactionState.COMMIT_MESSAGE : LocalTransactionState.ROLLBACK_MESSAGE;
            }
        });
        tellers.start();
        try {
            transfers.add("committed" + visit);
            tellers.sendMessageInTransaction(Rig.message(transferTopic, "committed" + visit), LocalTransactionState.COMMIT_MESSAGE);
            tellers.sendMessageInTransaction(Rig.message(transferTopic, "rolled back" + visit), LocalTransactionState.ROLLBACK_MESSAGE);
            DefaultMQPullConsumer consumer = rig.pull("store-transfers-reader");
            MessageQueue queue = rig.queues(producer, transferTopic).get(0);
            Rig.await("the transfers " + transfers, () -> consumer.maxOffset(queue) >= transfers.size());
            // Whoever would deliver one twice does it within a round of checks.
            Thread.sleep(2_500);
            List<String> stored = Rig.read(consumer, queue, 0).stream().map(Rig::text).sorted().toList();
            Unexpected.unlessEqual(stored, transfers.stream().sorted().toList(), "transfers");
            undecided.add("open" + visit);
            tellers.sendMessageInTransaction(Rig.message(transferTopic, "open" + visit), LocalTransactionState.UNKNOW);
            transfers.add("open" + visit);
        } finally {
            tellers.shutdown();
        }
    }

    /** A message that is due in 10 s: when this broker is gone. */
    private static void delay(Rig rig, DefaultMQProducer producer) throws Exception {
        String text = "delayed" + delayed.size();
        Message message = Rig.message(delayedTopic, text);
        message.setDelayTimeLevel(3);
        rig.send(producer, message);
        delayed.add(text);
    }

    /** Single messages to both queues, and one batch. */
    private static void write(Rig rig, DefaultMQProducer producer, int count) throws Exception {
        List<MessageQueue> queues = rig.queues(producer, topic);
        for (int i = 0; i < count; i++) {
            String text = "single" + writes++;
            MessageQueue queue = queues.get(i % 2);
            SendResult result = producer.send(message(text), queue);
            Unexpected.unlessEqual(result.getSendStatus(), SendStatus.SEND_OK, "status of a send");
            ledger.get(queue.getQueueId()).put(text, entry(text, result.getOffsetMsgId()));
        }
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 10; i++) batch.add(message("batched" + writes++));
        SendResult result = producer.send(batch, queues.get(1));
        String[] offsetIds = result.getOffsetMsgId().split(",");
        for (int i = 0; i < 10; i++) ledger.get(1).put(Rig.text(batch.get(i)), entry(Rig.text(batch.get(i)), offsetIds[i]));
    }

    private static void commit(Rig rig, DefaultMQProducer producer, DefaultMQPullConsumer consumer, long further)
        throws Exception {
        for (MessageQueue queue : rig.queues(producer, topic)) {
            long offset = committed.getOrDefault(queue.getQueueId(), 0L) + further + queue.getQueueId();
            consumer.getOffsetStore().updateConsumeOffsetToBroker(queue, offset, false);
            Rig.await("the commit of " + offset, () -> consumer.fetchConsumeOffset(queue, true) == offset);
            committed.put(queue.getQueueId(), offset);
        }
    }

    private static Message message(String text) {
        Message message = new Message(topic, "tag-" + text, "key-" + text, text.getBytes(StandardCharsets.UTF_8));
        message.putUserProperty("filler", filler);
        return message;
    }

    private static Entry entry(String text, String offsetId) {
        return new Entry("tag-" + text, "key-" + text, offsetId);
    }

    private StoreVisits() {
    }
}
