package interop;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;

/** The broker goes away under a producer and a consumer, and comes back. What was answered SEND_OK arrives. */
final class Outages {
    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("outage-stop", rig -> outage(rig, "restart strictly"));
        scenarios.put("outage-kill", rig -> outage(rig, "kill and start"));
    }

    private static void outage(Rig rig, String how) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String settled = rig.own("settled");
        List<String> old = consumeAndLeave(rig, producer, settled);
        String topic = rig.own("topic");
        List<String> stored = Collections.synchronizedList(new ArrayList<>());
        Inbox inbox = new Inbox();
        rig.sendMany(producer, topic, "first", 1);
        Rig.await("the topic", () -> rig.queues(producer, topic).size() == 4);
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        AtomicBoolean over = new AtomicBoolean();
        AtomicInteger failures = new AtomicInteger();
        Thread sender = new Thread(() -> {
            for (int i = 0; !over.get(); i++) {
                try {
                    if (producer.send(Rig.message(topic, "m" + i)).getSendStatus() == SendStatus.SEND_OK) stored.add("m" + i);
                    Thread.sleep(1);
                } catch (Exception down) {
                    failures.incrementAndGet();
                }
            }
        });
        sender.start();
        try {
            Rig.await("messages before", () -> stored.size() > 200 && inbox.size() > 100);
            rig.ask(how);
            int storedBefore = stored.size();
            Rig.await("messages after", () -> stored.size() > storedBefore + 200);
        } finally {
            over.set(true);
            sender.join();
        }
        // A pull of the 4.9.8 client that the broker's end left unanswered is given up after 30 s only.
        inbox.awaitAll(List.copyOf(stored));
        int twice = inbox.size() - (int) inbox.texts().stream().distinct().count();
        rig.note(stored.size() + " stored, " + failures + " sends failed, " + twice + " came twice");
        comeBack(rig, producer, settled, old);
    }

    /** A group consumes a topic to its end, its offsets are on the broker's disk, and it leaves. */
    private static List<String> consumeAndLeave(Rig rig, DefaultMQProducer producer, String topic) throws Exception {
        rig.createTopic(producer, topic, 2);
        List<String> texts = rig.sendMany(producer, topic, "old", 20);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("settled"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        inbox.awaitExactly(texts);
        consumer.shutdown();
        Unexpected.unlessEqual(rig.readAll(topic).size(), texts.size(), "messages in the topic");
        // The commits of a leaving consumer are oneway, and a RocketMQ broker writes them down twice a second here.
        Thread.sleep(1_500);
        return texts;
    }

    /** The same group, after the outage, gets what is new and nothing that it had consumed. */
    private static void comeBack(Rig rig, DefaultMQProducer producer, String topic, List<String> old) throws Exception {
        List<String> texts = rig.sendMany(producer, topic, "new", 10);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = rig.push(rig.own("settled"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.consume());
        consumer.start();
        inbox.awaitExactly(texts);
        Unexpected.unlessEqual(rig.readAll(topic).size(), old.size() + texts.size(), "messages in the topic");
    }

    private Outages() {
    }
}
