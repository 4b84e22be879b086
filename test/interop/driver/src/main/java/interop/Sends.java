package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Every way to send, and that what is read back is what was sent. */
final class Sends {
    private static final String crcProperty = "__CRC32#";

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("cluster-known", rig -> {
            DefaultMQProducer producer = rig.producer();
            Rig.await("a broker", () -> rig.queues(producer, "TBW102").size() == 8);
        });
        scenarios.put("send-sync", Sends::sync);
        scenarios.put("send-async", Sends::async);
        scenarios.put("send-oneway", Sends::oneway);
        scenarios.put("send-batch", Sends::batch);
        scenarios.put("send-to-queue", Sends::toQueue);
        scenarios.put("send-compressed", Sends::compressed);
        scenarios.put("send-properties", Sends::properties);
        scenarios.put("send-again", Sends::again);
        scenarios.put("topic-auto-created", Sends::autoCreated);
        scenarios.put("topic-created", Sends::created);
        scenarios.put("topic-changed", Sends::changed);
    }

    private static void sync(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 4);
        Map<Integer, List<Long>> offsets = new TreeMap<>();
        Set<String> uniqueIds = new TreeSet<>();
        Set<String> offsetIds = new TreeSet<>();
        for (int i = 0; i < 20; i++) {
            SendResult result = rig.send(producer, Rig.message(topic, "sync" + i));
            MessageQueue queue = result.getMessageQueue();
            Unexpected.unlessEqual(queue.getTopic(), topic, "topic of the answer");
            offsets.computeIfAbsent(queue.getQueueId(), key -> new ArrayList<>()).add(result.getQueueOffset());
            uniqueIds.add(result.getMsgId());
            offsetIds.add(result.getOffsetMsgId());
        }
        List<Long> dense = List.of(0L, 1L, 2L, 3L, 4L);
        Unexpected.unlessEqual(offsets, Map.of(0, dense, 1, dense, 2, dense, 3, dense), "queue offsets, round robin");
        Unexpected.unlessEqual(uniqueIds.size() + offsetIds.size(), 40, "distinct ids");
        List<MessageExt> read = rig.readAll(topic);
        Unexpected.unlessEqual(texts(read), numbered("sync", 20), "texts read back");
        for (MessageExt message : read) {
            Unexpected.unless(uniqueIds.contains(message.getMsgId()), "read back under another id " + message);
        }
    }

    private static void async(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        List<CompletableFuture<SendResult>> results = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            CompletableFuture<SendResult> result = new CompletableFuture<>();
            results.add(result);
            producer.send(Rig.message(topic, "async" + i), callback(result));
        }
        for (CompletableFuture<SendResult> result : results) {
            SendStatus status = result.get(30, TimeUnit.SECONDS).getSendStatus();
            Unexpected.unlessEqual(status, SendStatus.SEND_OK, "status of an asynchronous send");
        }
        Unexpected.unlessEqual(texts(rig.readAll(topic)), numbered("async", 50), "texts read back");
    }

    private static void oneway(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        for (int i = 0; i < 20; i++) producer.sendOneway(Rig.message(topic, "oneway" + i));
        MessageQueue queue = rig.queues(producer, topic).get(0);
        producer.sendOneway(Rig.message(topic, "oneway20"), queue);
        Rig.await("21 stored messages", () -> rig.queues(producer, topic).stream().mapToLong(each -> max(producer, each)).sum() == 21);
        Unexpected.unlessEqual(texts(rig.readAll(topic)), numbered("oneway", 21), "texts read back");
    }

    private static long max(DefaultMQProducer producer, MessageQueue queue) {
        try {
            return producer.maxOffset(queue);
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }

    private static void batch(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        rig.send(producer, Rig.message(topic, "batch0"));
        List<Message> batch = new ArrayList<>();
        for (int i = 1; i <= 10; i++) {
            Message message = new Message(topic, "tag" + i, "key" + i, ("batch" + i).getBytes(StandardCharsets.UTF_8));
            message.putUserProperty("number", "" + i);
            batch.add(message);
        }
        SendResult result = producer.send(batch);
        Unexpected.unlessEqual(result.getSendStatus(), SendStatus.SEND_OK, "status of a batch");
        Unexpected.unlessEqual(result.getQueueOffset(), 1L, "queue offset of a batch");
        Unexpected.unlessEqual(result.getMsgId().split(",").length, 10, "unique ids in the answer");
        Unexpected.unlessEqual(result.getOffsetMsgId().split(",").length, 10, "offset ids in the answer");
        List<MessageExt> read = rig.readAll(topic);
        for (int i = 0; i <= 10; i++) {
            MessageExt message = read.get(i);
            Unexpected.unlessEqual(message.getQueueOffset(), (long) i, "queue offset in a batch");
            Unexpected.unlessEqual(Rig.text(message), "batch" + i, "text in a batch");
            if (i == 0) continue;
            Unexpected.unlessEqual(message.getTags() + message.getKeys() + message.getUserProperty("number"),
                "tag" + i + "key" + i + i, "properties in a batch");
            Unexpected.unlessEqual(message.getMsgId(), result.getMsgId().split(",")[i - 1], "unique id in a batch");
        }
    }

    private static void toQueue(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 4);
        List<MessageQueue> queues = rig.queues(producer, topic);
        for (MessageQueue queue : queues) {
            SendResult result = producer.send(Rig.message(topic, "to" + queue.getQueueId()), queue);
            Unexpected.unlessEqual(result.getMessageQueue(), queue, "queue of the answer");
        }
        for (String key : List.of("order-1", "order-2", "order-17", "order-4711")) {
            MessageQueue wanted = new SelectMessageQueueByHash().select(queues, null, key);
            SendResult result = producer.send(Rig.message(topic, key), new SelectMessageQueueByHash(), key);
            Unexpected.unlessEqual(result.getMessageQueue(), wanted, "queue that the selector chose");
        }
        CompletableFuture<SendResult> last = new CompletableFuture<>();
        producer.send(Rig.message(topic, "chosen"), (all, message, argument) -> all.get((Integer) argument), 3, callback(last));
        Unexpected.unlessEqual(last.get(30, TimeUnit.SECONDS).getMessageQueue().getQueueId(), 3, "chosen queue");
        for (MessageExt message : rig.readAll(topic)) {
            String text = Rig.text(message);
            if (text.startsWith("to")) Unexpected.unlessEqual("to" + message.getQueueId(), text, "queue read back");
        }
    }

    /** Bodies over 4 KiB travel compressed (by the type that the JVM is started with) and are stored as they came. */
    private static void compressed(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        byte[] text = "a hundred rockets on one gantry; ".repeat(6_000).getBytes(StandardCharsets.UTF_8);
        byte[] noise = new byte[1_000_000];
        new Random(7).nextBytes(noise);
        rig.send(producer, new Message(topic, text));
        rig.send(producer, new Message(topic, noise));
        List<MessageExt> read = rig.readAll(topic);
        Unexpected.unless(Arrays.equals(read.get(0).getBody(), text), "the text came back otherwise");
        Unexpected.unless(Arrays.equals(read.get(1).getBody(), noise), "the noise came back otherwise");
        int storedBytes = read.get(0).getStoreSize();
        Unexpected.unless(storedBytes < text.length / 10, "stored in " + storedBytes + " bytes: not compressed");
        rig.note(text.length + " bytes stored in " + storedBytes);
    }

    private static void properties(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        Message message = new Message(topic, "Größe", "k1 Ключ k3", "τὸ ξύλον 木 🚀".getBytes(StandardCharsets.UTF_8));
        message.setFlag(4711);
        message.setBuyerId("buyer");
        message.setWaitStoreMsgOK(false);
        message.putUserProperty("käse", "🧀 with = and : and { }");
        message.putUserProperty("long", "x".repeat(20_000));
        long beforeMs = System.currentTimeMillis();
        SendResult sent = rig.send(producer, message);
        rig.send(producer, Rig.message(topic, "bare"));
        List<MessageExt> both = rig.readAll(topic);
        MessageExt read = both.get(0);
        Unexpected.unlessEqual(Rig.text(read), Rig.text(message), "text");
        Unexpected.unlessEqual(read.getTags(), "Größe", "tag");
        Unexpected.unlessEqual(read.getKeys(), "k1 Ключ k3", "keys");
        Unexpected.unlessEqual(read.getFlag(), 4711, "flag");
        Unexpected.unlessEqual(read.getBuyerId(), "buyer", "buyer id");
        Unexpected.unlessEqual(read.isWaitStoreMsgOK(), false, "wait for the store");
        Unexpected.unlessEqual(read.getUserProperty("käse"), "🧀 with = and : and { }", "user property");
        Unexpected.unlessEqual(read.getUserProperty("long").length(), 20_000, "length of the long user property");
        Unexpected.unlessEqual(read.getMsgId(), sent.getMsgId(), "unique id");
        Unexpected.unlessEqual(read.getReconsumeTimes(), 0, "reconsume times");
        Unexpected.unlessEqual(read.getBornHostString(), "127.0.0.1", "born host");
        Unexpected.unless(read.getStoreHost().toString().contains("127.0.0.1"), "store host " + read.getStoreHost());
        Unexpected.unless(read.getBornTimestamp() >= beforeMs && read.getStoreTimestamp() >= read.getBornTimestamp(),
            "born " + read.getBornTimestamp() + ", stored " + read.getStoreTimestamp() + ", sent after " + beforeMs);
        // Gantry's checksum of the whole record travels as a property: the client must live with it.
        if (Rig.checksums) for (MessageExt each : both) {
            String crc = each.getProperty(crcProperty);
            Unexpected.unless(crc != null && crc.matches("\\d{10}"), "checksum property of " + Rig.text(each) + ": " + crc);
        }
        Unexpected.unlessEqual(Rig.text(both.get(1)), "bare", "text without properties");
    }

    /** A received message is sent on with all its properties, the old checksum among them, as the client's own retries do. */
    private static void again(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        Message first = new Message(topic, "tag", "key", "around".getBytes(StandardCharsets.UTF_8));
        first.putUserProperty("lap", "one");
        rig.send(producer, first);
        MessageExt received = rig.readAll(topic).get(0);
        Message second = new Message(topic, received.getBody());
        MessageAccessor.setProperties(second, new TreeMap<>(received.getProperties()));
        MessageAccessor.putProperty(second, "lap", "two");
        rig.send(producer, second);
        MessageExt back = rig.readAll(topic).get(1);
        Unexpected.unlessEqual(Rig.text(back) + back.getTags() + back.getKeys() + back.getProperty("lap"), "aroundtagkeytwo",
            "text and properties of the second lap");
        Unexpected.unless(!Rig.checksums || !received.getProperty(crcProperty).equals(back.getProperty(crcProperty)),
            "the second lap kept the checksum of the first");
    }

    private static void autoCreated(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        Unexpected.unless(rig.queues(producer, topic).isEmpty(), "the topic exists already");
        List<String> texts = rig.sendMany(producer, topic, "auto", 8);
        Rig.await("a route of 4 queues", () -> rig.queues(producer, topic).size() == 4);
        Unexpected.unlessEqual(texts(rig.readAll(topic)), texts, "texts read back");
    }

    private static void created(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 3);
        Set<Integer> hit = new TreeSet<>();
        for (int i = 0; i < 6; i++) hit.add(rig.send(producer, Rig.message(topic, "m" + i)).getMessageQueue().getQueueId());
        Unexpected.unlessEqual(hit, Set.of(0, 1, 2), "queues that were written");
    }

    /** A topic that is created again with more queues gets them. */
    private static void changed(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        rig.send(producer, Rig.message(topic, "first"));
        rig.createTopic(producer, topic, 5);
        producer.send(Rig.message(topic, "second"), rig.queues(producer, topic).get(4));
        Unexpected.unlessEqual(texts(rig.readAll(topic)), List.of("first", "second"), "texts read back");
    }

    private static SendCallback callback(CompletableFuture<SendResult> result) {
        return new SendCallback() {
            @Override
            public void onSuccess(SendResult sendResult) {
                result.complete(sendResult);
            }

            @Override
            public void onException(Throwable error) {
                result.completeExceptionally(error);
            }
        };
    }

    private static List<String> texts(List<MessageExt> messages) {
        return messages.stream().map(Rig::text).sorted(Sends::byNumber).toList();
    }

    private static List<String> numbered(String prefix, int count) {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < count; i++) texts.add(prefix + i);
        return texts;
    }

    private static int byNumber(String a, String b) {
        return a.length() != b.length() ? a.length() - b.length() : a.compareTo(b);
    }

    private Sends() {
    }
}
