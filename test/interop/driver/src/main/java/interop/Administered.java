package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;

/** What a consumer sees of an administrator: its group is moved, and its dead letters come again. */
final class Administered {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("reset-online", Administered::resetOnline);
        scenarios.put("reset-offline", Administered::resetOffline);
        scenarios.put("dead-letter-resent", Administered::deadLetterResent);
        scenarios.put("broadcasting-resume", Administered::broadcastingResume);
    }

    /** A consumer that waits for news is sent back to a time, and then to the end. */
    private static void resetOnline(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        String group = rig.own("group");
        rig.createTopic(producer, topic, 2);
        List<String> all = new ArrayList<>(rig.sendMany(producer, topic, "early", 10));
        Thread.sleep(50);
        long betweenMs = System.currentTimeMillis();
        Thread.sleep(50);
        List<String> late = rig.sendMany(producer, topic, "late", 10);
        all.addAll(late);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        inbox.awaitExactly(all);
        long resetMs = System.currentTimeMillis();
        rig.ask("admin resetOffsetByTime -g " + group + " -t " + topic + " -s " + betweenMs);
        all.addAll(late);
        inbox.awaitExactly(all);
        rig.note("came again after " + (inbox.all().get(20).atMs() - resetMs) + " ms");
        all.addAll(rig.sendMany(producer, topic, "after", 2));
        inbox.awaitExactly(all);
    }

    /** Where an administrator has put a group that nobody consumes for is where its next consumer starts. */
    private static void resetOffline(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        String group = rig.own("group");
        rig.createTopic(producer, topic, 1);
        List<String> early = rig.sendMany(producer, topic, "early", 5);
        Thread.sleep(50);
        long betweenMs = System.currentTimeMillis();
        Thread.sleep(50);
        List<String> late = rig.sendMany(producer, topic, "late", 5);
        List<String> all = new ArrayList<>(early);
        all.addAll(late);
        consumed(rig, group, topic, all);
        rig.ask("admin resetOffsetByTime -g " + group + " -t " + topic + " -s " + betweenMs);
        consumed(rig, group, topic, late);
        rig.ask("admin resetOffsetByTime -g " + group + " -t " + topic + " -s 0");
        rig.ask("admin skipAccumulatedMessage -g " + group + " -t " + topic + " --yes");
        consumed(rig, group, topic, rig.sendMany(producer, topic, "new", 3));
    }

    /** A consumer of the group gets exactly these, and goes. */
    private static void consumed(Rig rig, String group, String topic, List<String> texts) throws Exception {
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        inbox.awaitExactly(texts);
        consumer.shutdown();
    }

    /** What was given up comes again to its group alone, as a first attempt of the same message. */
    private static void deadLetterResent(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        String group = rig.own("group");
        rig.createTopic(producer, topic, 1);
        Inbox others = new Inbox();
        DefaultMQPushConsumer other = rig.push(rig.own("other"));
        other.subscribe(topic, "*");
        other.registerMessageListener(others.consume());
        other.start();
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            boolean isFirst = inbox.size() == 0;
            messages.forEach(inbox::add);
            context.setDelayLevelWhenNextConsume(-1);
            return isFirst ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        String id = rig.send(producer, Rig.message(topic, "refused")).getMsgId();
        Rig.await("the topic of the dead letters", () -> rig.queues(producer, "%DLQ%" + group).size() == 1);
        Rig.await("a dead letter", () -> producer.maxOffset(rig.queues(producer, "%DLQ%" + group).get(0)) == 1);
        rig.ask("admin resendDeadLetters -g " + group + " -i " + id);
        inbox.awaitExactly(List.of("refused", "refused"));
        MessageExt again = inbox.all().get(1).message();
        Unexpected.unlessEqual(again.getMsgId(), id, "id of the message that was sent again");
        Unexpected.unlessEqual(again.getTopic(), topic, "topic of the message that was sent again");
        Unexpected.unlessEqual(again.getReconsumeTimes(), 0, "attempts before it");
        others.awaitExactly(List.of("refused"));
    }

    /** A member of a broadcasting group that comes back on its machine goes on where it was, by its own file. */
    private static void broadcastingResume(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        for (int life = 0; life < 2; life++) {
            List<String> texts = rig.sendMany(producer, topic, "life" + life + "-", 10);
            Inbox inbox = new Inbox();
            DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
            consumer.setInstanceName(rig.own("member"));
            Rig.broadcast(consumer);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener(inbox.consume());
            consumer.start();
            inbox.awaitExactly(texts);
            consumer.shutdown();
        }
    }

    private Administered() {
    }
}
