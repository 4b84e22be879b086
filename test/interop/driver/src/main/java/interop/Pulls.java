package interop;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullCallback;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** The old pull consumer: single pulls, and pulls that wait for a message. */
@SuppressWarnings("deprecation")
final class Pulls {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("pull", Pulls::pull);
        scenarios.put("pull-woken", Pulls::woken);
        scenarios.put("pull-not-woken", Pulls::notWoken);
    }

    private static void pull(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        for (int i = 0; i < 40; i++) {
            Message message = Rig.message(topic, "p" + i);
            message.setTags(i < 20 ? "first" : "second");
            rig.send(producer, message);
        }
        DefaultMQPullConsumer consumer = rig.pull(rig.own("group"));
        MessageQueue queue = consumer.fetchSubscribeMessageQueues(topic).iterator().next();
        PullResult few = consumer.pull(queue, "*", 3, 5);
        expect(few, PullStatus.FOUND, 8);
        Unexpected.unlessEqual(few.getMsgFoundList().stream().map(Rig::text).toList(),
            List.of("p3", "p4", "p5", "p6", "p7"), "texts");
        Unexpected.unlessEqual(few.getMinOffset() + ".." + few.getMaxOffset(), "0..40", "bounds of the queue");
        PullResult many = consumer.pull(queue, "*", 0, 100);
        Unexpected.unlessEqual(many.getPullStatus(), PullStatus.FOUND, "status of a big pull");
        Unexpected.unless(many.getMsgFoundList().size() <= 32, "a pull of " + many.getMsgFoundList().size());
        expect(consumer.pull(queue, "second", 0, 32), PullStatus.FOUND, 40);
        expect(consumer.pull(queue, "neither", 0, 32), PullStatus.NO_MATCHED_MSG, 40);
        expect(consumer.pull(queue, "*", 40, 32), PullStatus.NO_NEW_MSG, 40);
        expect(consumer.pull(queue, "*", 4711, 32), PullStatus.OFFSET_ILLEGAL, 40);
        CompletableFuture<PullResult> later = new CompletableFuture<>();
        consumer.pull(queue, "first", 0, 32, callback(later));
        Unexpected.unlessEqual(later.get(30, TimeUnit.SECONDS).getMsgFoundList().size(), 20, "asynchronous pull");
    }

    private static void woken(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        rig.sendMany(producer, topic, "old", 3);
        DefaultMQPullConsumer consumer = rig.pull(rig.own("group"));
        MessageQueue queue = consumer.fetchSubscribeMessageQueues(topic).iterator().next();
        CompletableFuture<PullResult> waiting = pullYes(consumer, queue, 3);
        Thread.sleep(1_000);
        Unexpected.unless(!waiting.isDone(), "a pull at the end of the queue did not wait");
        rig.send(producer, new Message(topic, "no", "deaf".getBytes()));
        Thread.sleep(500);
        if (waiting.isDone()) {
            // Every 5 s the broker looks over the waiting pulls, and then lets them step over what does not match.
            expect(waiting.get(), PullStatus.NO_MATCHED_MSG, 4);
            waiting = pullYes(consumer, queue, 4);
        }
        long sentNanos = System.nanoTime();
        rig.send(producer, new Message(topic, "yes", "wake".getBytes()));
        PullResult result = waiting.get(30, TimeUnit.SECONDS);
        long wokenMs = (System.nanoTime() - sentNanos) / 1_000_000;
        if (result.getPullStatus() == PullStatus.NO_MATCHED_MSG) result = pullYes(consumer, queue, 4).get(30, TimeUnit.SECONDS);
        Unexpected.unlessEqual(result.getPullStatus(), PullStatus.FOUND, "status of the woken pull");
        Unexpected.unlessEqual(result.getMsgFoundList().stream().map(Rig::text).toList(), List.of("wake"), "texts");
        // A wake-up by the message itself is far below those 5 s.
        Unexpected.unless(wokenMs < 2_500, "woken after " + wokenMs + " ms only");
        rig.note("woken after " + wokenMs + " ms");
    }

    private static CompletableFuture<PullResult> pullYes(DefaultMQPullConsumer consumer, MessageQueue queue, long offset)
        throws Exception {
        CompletableFuture<PullResult> result = new CompletableFuture<>();
        consumer.pullBlockIfNotFound(queue, "yes", offset, 32, callback(result));
        return result;
    }

    private static void notWoken(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 1);
        DefaultMQPullConsumer consumer = rig.pull(rig.own("group"));
        consumer.setBrokerSuspendMaxTimeMillis(2_000);
        MessageQueue queue = consumer.fetchSubscribeMessageQueues(topic).iterator().next();
        long startNanos = System.nanoTime();
        expect(consumer.pullBlockIfNotFound(queue, "*", 0, 32), PullStatus.NO_NEW_MSG, 0);
        long waitedMs = (System.nanoTime() - startNanos) / 1_000_000;
        Unexpected.unless(waitedMs >= 1_900, "answered after " + waitedMs + " ms already");
        rig.note("answered after " + waitedMs + " ms");
    }

    private static void expect(PullResult result, PullStatus status, long nextBeginOffset) {
        Unexpected.unlessEqual(result.getPullStatus(), status, "pull status");
        Unexpected.unlessEqual(result.getNextBeginOffset(), nextBeginOffset, "next offset after " + status);
    }

    private static PullCallback callback(CompletableFuture<PullResult> result) {
        return new PullCallback() {
            @Override
            public void onSuccess(PullResult pullResult) {
                result.complete(pullResult);
            }

            @Override
            public void onException(Throwable error) {
                result.completeExceptionally(error);
            }
        };
    }

    private Pulls() {
    }
}
