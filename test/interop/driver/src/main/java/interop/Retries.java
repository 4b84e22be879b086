package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Messages that come again, later, or not at all: retries, dead letters, delays. */
final class Retries {
    /** Delay level 1 of the default table, as the consumers below ask for it. */
    private static final long levelOneMs = 1_000;

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("retry", Retries::retry);
        scenarios.put("dead-letter", Retries::deadLetter);
        scenarios.put("dead-letter-at-once", Retries::deadLetterAtOnce);
        scenarios.put("retry-orderly", Retries::retryOrderly);
        scenarios.put("dead-letter-orderly", Retries::deadLetterOrderly);
        scenarios.put("delay-level", Retries::delayLevel);
    }

    private static void retry(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "tag");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            inbox.add(message);
            context.setDelayLevelWhenNextConsume(1);
            boolean fails = Rig.text(message).equals("stubborn") && message.getReconsumeTimes() < 2;
            return fails ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        String id = rig.send(producer, new Message(topic, "tag", "key", "stubborn".getBytes())).getMsgId();
        for (int i = 0; i < 5; i++) rig.send(producer, new Message(topic, "tag", ("good" + i).getBytes()));
        inbox.awaitExactly(List.of("stubborn", "stubborn", "stubborn", "good0", "good1", "good2", "good3", "good4"));
        List<Inbox.Arrival> attempts = inbox.where(arrival -> arrival.text().equals("stubborn"));
        for (int i = 0; i < 3; i++) {
            MessageExt message = attempts.get(i).message();
            Unexpected.unlessEqual(message.getReconsumeTimes(), i, "reconsume times of attempt " + i);
            Unexpected.unlessEqual(message.getTopic(), topic, "topic of attempt " + i);
            Unexpected.unlessEqual(message.getTags() + message.getKeys(), "tagkey", "tag and key of attempt " + i);
            Unexpected.unlessEqual(message.getMsgId(), id, "unique id of attempt " + i);
            if (i == 0) continue;
            long waitedMs = attempts.get(i).atMs() - attempts.get(i - 1).atMs();
            Unexpected.unless(waitedMs >= levelOneMs, "attempt " + i + " came after " + waitedMs + " ms already");
        }
    }

    private static void deadLetter(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        Inbox inbox = new Inbox();
        String group = rig.own("group");
        DefaultMQPushConsumer consumer = rig.push(group);
        consumer.subscribe(topic, "*");
        consumer.setMaxReconsumeTimes(2);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(inbox::add);
            context.setDelayLevelWhenNextConsume(1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        Message hopeless = new Message(topic, "tag", "key", "hopeless".getBytes());
        hopeless.putUserProperty("note", "keep me");
        rig.send(producer, hopeless);
        MessageExt letter = onlyDeadLetter(rig, group);
        Unexpected.unlessEqual(inbox.texts(), List.of("hopeless", "hopeless", "hopeless"), "attempts");
        Unexpected.unlessEqual(Rig.text(letter), "hopeless", "text of the dead letter");
        Unexpected.unlessEqual(letter.getTags() + letter.getKeys() + letter.getUserProperty("note"), "tagkeykeep me",
            "properties of the dead letter");
        Unexpected.unlessEqual(letter.getReconsumeTimes(), 3, "reconsume times of the dead letter");
        Unexpected.unlessEqual(letter.getProperty("RETRY_TOPIC"), topic, "origin of the dead letter");
    }

    /** Delay level -1 asks for the dead letter queue at the first failure. */
    private static void deadLetterAtOnce(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        Inbox inbox = new Inbox();
        String group = rig.own("group");
        DefaultMQPushConsumer consumer = rig.push(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(inbox::add);
            context.setDelayLevelWhenNextConsume(-1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        rig.send(producer, Rig.message(topic, "refused"));
        Unexpected.unlessEqual(Rig.text(onlyDeadLetter(rig, group)), "refused", "text of the dead letter");
        Unexpected.unlessEqual(inbox.texts(), List.of("refused"), "attempts");
    }

    @SuppressWarnings("deprecation")
    private static MessageExt onlyDeadLetter(Rig rig, String group) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = "%DLQ%" + group;
        Rig.await("the topic of the dead letters", () -> rig.queues(producer, topic).size() == 1);
        DefaultMQPullConsumer reader = rig.pull(rig.own("reader"));
        MessageQueue queue = rig.queues(producer, topic).get(0);
        Rig.await("a dead letter", () -> reader.maxOffset(queue) > 0);
        List<MessageExt> letters = Rig.read(reader, queue, 0);
        Unexpected.unlessEqual(letters.size(), 1, "dead letters");
        return letters.get(0);
    }

    /** A suspended queue goes on with the same message, and nothing behind it overtakes it. */
    private static void retryOrderly(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        rig.sendMany(producer, topic, "m", 5);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            messages.forEach(inbox::add);
            context.setSuspendCurrentQueueTimeMillis(100);
            boolean fails = Rig.text(messages.get(0)).equals("m2") && messages.get(0).getReconsumeTimes() < 2;
            return fails ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        inbox.awaitExactly(List.of("m0", "m1", "m2", "m2", "m2", "m3", "m4"));
        Unexpected.unlessEqual(inbox.texts(), List.of("m0", "m1", "m2", "m2", "m2", "m3", "m4"), "order");
    }

    /** After its last attempt the client sends the message to the retry topic with a count that makes it a dead letter. */
    private static void deadLetterOrderly(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        rig.sendMany(producer, topic, "m", 3);
        Inbox inbox = new Inbox();
        String group = rig.own("group");
        DefaultMQPushConsumer consumer = rig.push(group);
        consumer.subscribe(topic, "*");
        consumer.setMaxReconsumeTimes(1);
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            messages.forEach(inbox::add);
            context.setSuspendCurrentQueueTimeMillis(100);
            boolean fails = Rig.text(messages.get(0)).equals("m1");
            return fails ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        Unexpected.unlessEqual(Rig.text(onlyDeadLetter(rig, group)), "m1", "text of the dead letter");
        inbox.awaitExactly(List.of("m0", "m1", "m1", "m2"));
    }

    private static void delayLevel(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        Map<String, Long> delaysMs = Map.of("1", 1_000L, "2", 5_000L, "0", 0L);
        List<String> texts = new ArrayList<>();
        Map<String, Long> sentMs = new java.util.HashMap<>();
        for (String level : List.of("2", "1", "0")) {
            for (int i = 0; i < 3; i++) {
                String text = level + "-" + i;
                Message message = new Message(topic, "tag", "key", text.getBytes());
                message.setDelayTimeLevel(Integer.parseInt(level));
                texts.add(text);
                sentMs.put(text, System.currentTimeMillis());
                rig.send(producer, message);
            }
        }
        inbox.awaitExactly(texts);
        long worstMs = 0;
        for (Inbox.Arrival arrival : inbox.all()) {
            MessageExt message = arrival.message();
            long delayMs = delaysMs.get(arrival.text().substring(0, 1));
            long waitedMs = arrival.atMs() - sentMs.get(arrival.text());
            Unexpected.unless(waitedMs >= delayMs, arrival.text() + " came after " + waitedMs + " ms already");
            Unexpected.unlessEqual(message.getTopic() + message.getTags() + message.getKeys(), topic + "tagkey",
                "topic and properties of " + arrival.text());
            worstMs = Math.max(worstMs, waitedMs - delayMs);
        }
        rig.note("at most " + worstMs + " ms late");
    }

    private Retries() {
    }
}
