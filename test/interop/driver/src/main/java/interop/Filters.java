package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Conditions over properties: every kind of consumer, retries, and conditions that are none. */
final class Filters {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("filter-sql", Filters::push);
        scenarios.put("filter-sql-retry", Filters::retry);
        scenarios.put("filter-sql-pull", Filters::pull);
        scenarios.put("filter-sql-lite", Filters::lite);
        scenarios.put("filter-sql-refused", Filters::refused);
    }

    private static final String condition =
        "(region = 'north' OR region IN ('west', 'south')) AND n BETWEEN 3 AND 30 AND note IS NULL -- of a kind\n";

    /** Sends 40 messages of four regions, every tenth with a note; answers the texts that the condition picks. */
    private static List<String> sendMixed(Rig rig, DefaultMQProducer producer, String topic, String prefix)
        throws Exception {
        String[] regions = {"north", "east", "south", "west"};
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            String region = regions[i % 4];
            Message message = Rig.message(topic, prefix + i);
            message.putUserProperty("region", region);
            message.putUserProperty("n", Integer.toString(i));
            if (i % 10 == 0) message.putUserProperty("note", "careful");
            rig.send(producer, message);
            if (!region.equals("east") && i >= 3 && i <= 30 && i % 10 != 0) wanted.add(prefix + i);
        }
        return wanted;
    }

    private static void push(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 3);
        List<String> wanted = new ArrayList<>(sendMixed(rig, producer, topic, "before"));
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, MessageSelector.bySql(condition));
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        inbox.awaitAll(wanted);
        wanted.addAll(sendMixed(rig, producer, topic, "while"));
        inbox.awaitExactly(wanted);
    }

    /** What failed comes back by the retry topic, which nobody filters. */
    private static void retry(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        List<String> wanted = sendMixed(rig, producer, topic, "r");
        Inbox inbox = new Inbox();
        AtomicInteger failures = new AtomicInteger();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, MessageSelector.bySql(condition));
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            context.setDelayLevelWhenNextConsume(1);
            for (MessageExt message : messages) {
                if (message.getReconsumeTimes() == 0 && Rig.text(message).endsWith("7")) {
                    failures.incrementAndGet();
                    return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                }
                inbox.add(message);
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        inbox.awaitExactly(wanted);
        Unexpected.unless(failures.get() > 0, "nothing failed");
    }

    @SuppressWarnings("deprecation")
    private static void pull(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        List<String> wanted = sendMixed(rig, producer, topic, "p");
        DefaultMQPullConsumer consumer = rig.pull(rig.own("group"));
        MessageQueue queue = consumer.fetchSubscribeMessageQueues(topic).iterator().next();
        // The client learns with a heartbeat of its own whether the broker is new enough.
        Rig.await("a broker that filters", () -> {
            try {
                return consumer.pull(queue, MessageSelector.bySql(condition), 0, 1) != null;
            } catch (MQClientException early) {
                if (String.valueOf(early.getMessage()).contains("does not upgrade")) return false;
                throw early;
            }
        });
        List<String> found = new ArrayList<>();
        for (long offset = 0; offset < 40;) {
            PullResult result = consumer.pull(queue, MessageSelector.bySql(condition), offset, 32);
            if (result.getPullStatus() == PullStatus.FOUND) found.addAll(result.getMsgFoundList().stream().map(Rig::text).toList());
            Unexpected.unless(result.getNextBeginOffset() > offset, "a pull at " + offset + " went nowhere: " + result);
            offset = result.getNextBeginOffset();
        }
        Unexpected.unlessEqual(found, wanted, "what was pulled");
        PullResult none = consumer.pull(queue, MessageSelector.bySql("nothing = 'here'"), 0, 32);
        Unexpected.unlessEqual(none.getPullStatus(), PullStatus.NO_MATCHED_MSG, "status where nothing matches");
        Unexpected.unlessEqual(none.getNextBeginOffset(), 40L, "next offset where nothing matches");
    }

    private static void lite(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        List<String> wanted = sendMixed(rig, producer, topic, "l");
        DefaultLitePullConsumer consumer = rig.lite(rig.own("group"));
        consumer.subscribe(topic, MessageSelector.bySql(condition));
        consumer.start();
        Inbox inbox = new Inbox();
        CompletableFuture<Void> polling = CompletableFuture.runAsync(() -> {
            while (inbox.size() < wanted.size()) consumer.poll(500).forEach(inbox::add);
            consumer.poll(500).forEach(inbox::add);
        });
        inbox.awaitExactly(wanted);
        polling.get(30, TimeUnit.SECONDS);
    }

    /** A condition that cannot be read is told when the consumer starts. */
    private static void refused(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, MessageSelector.bySql("n >> 5"));
        consumer.registerMessageListener(new Inbox().consume());
        try {
            consumer.start();
        } catch (MQClientException refused) {
            String text = String.valueOf(refused.getMessage()) + refused.getCause();
            rig.note(text.replaceAll("(?s)\\s+", " ").substring(0, Math.min(160, text.length())));
            return;
        }
        throw new Unexpected("a condition that is none was taken");
    }

    private Filters() {
    }
}
