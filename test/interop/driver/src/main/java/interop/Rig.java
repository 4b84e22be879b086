package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * What a scenario works with: clients that are shut down when it ends, topics and groups of its own, and waiting. Clients
 * keep their default settings, except that they look for routes every second, report offsets every second and say that they are
 * there every 5 s.
 */
final class Rig implements AutoCloseable {
    private static final String nameServer = System.getProperty("interop.namesrv");
    /** Tells apart the runs that share a cluster: client version, serialization, sending. */
    private static final String tag = System.getProperty("interop.tag");
    /** Whether the servers put a checksum property on every message. */
    static final boolean checksums = Boolean.getBoolean("interop.checksums");
    private static final long patienceMs = 60_000;

    private final String id;
    private final String name;
    private final Deque<Runnable> shutdowns = new ArrayDeque<>();
    private final List<String> notes = new ArrayList<>();

    Rig(String id, String name) {
        this.id = id;
        this.name = name;
    }

    /** A name for a topic or a group of this scenario and this run only. */
    String own(String suffix) {
        return name + "-" + tag + "-" + suffix;
    }

    /** Adds to what is printed beside the scenario's verdict. */
    void note(String text) {
        notes.add(text);
    }

    String notes() {
        return String.join("; ", notes);
    }

    String ask(String what) throws InterruptedException {
        return Driver.ask(id, what);
    }

    DefaultMQProducer producer() throws MQClientException {
        DefaultMQProducer producer = new DefaultMQProducer(own("producer"));
        configure(producer);
        producer.start();
        shutdowns.push(producer::shutdown);
        return producer;
    }

    /** A push consumer from the first message on; the scenario subscribes, adds the listener and starts it. */
    DefaultMQPushConsumer push(String group) {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        configure(consumer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        shutdowns.push(consumer::shutdown);
        return consumer;
    }

    /** Makes a push consumer a broadcasting one. The type of the setting moved to another package in 5.x. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    static void broadcast(DefaultMQPushConsumer consumer) throws ReflectiveOperationException {
        for (var method : DefaultMQPushConsumer.class.getMethods()) {
            if (!method.getName().equals("setMessageModel")) continue;
            method.invoke(consumer, Enum.valueOf((Class<Enum>) method.getParameterTypes()[0], "BROADCASTING"));
        }
    }

    @SuppressWarnings("deprecation")
    DefaultMQPullConsumer pull(String group) throws MQClientException {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group);
        configure(consumer);
        consumer.start();
        shutdowns.push(consumer::shutdown);
        return consumer;
    }

    /** A lite pull consumer from the first message on; the scenario subscribes or assigns, and starts it. */
    DefaultLitePullConsumer lite(String group) {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group);
        configure(consumer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        shutdowns.push(consumer::shutdown);
        return consumer;
    }

    static void configure(ClientConfig client) {
        client.setNamesrvAddr(nameServer);
        client.setPollNameServerInterval(1_000);
        client.setPersistConsumerOffsetInterval(1_000);
        client.setHeartbeatBrokerInterval(5_000);
    }

    /** Creates a topic through the client's admin call and waits until its route is known. In 5.x it takes attributes too. */
    void createTopic(DefaultMQProducer producer, String topic, int queues) throws Exception {
        Class<?> client = DefaultMQProducer.class;
        try {
            client.getMethod("createTopic", String.class, String.class, int.class, Map.class)
                .invoke(producer, "TBW102", topic, queues, Map.of());
        } catch (NoSuchMethodException before5) {
            client.getMethod("createTopic", String.class, String.class, int.class).invoke(producer, "TBW102", topic, queues);
        }
        await("a route of " + queues + " queues", () -> queues(producer, topic).size() == queues);
    }

    /** The queues of a topic in order of their ids; none as long as the name server knows no route. */
    List<MessageQueue> queues(DefaultMQProducer producer, String topic) {
        try {
            return producer.fetchPublishMessageQueues(topic).stream().sorted().toList();
        } catch (MQClientException unknown) {
            return List.of();
        }
    }

    /** Sends one text and insists on SEND_OK. */
    SendResult send(DefaultMQProducer producer, Message message) throws Exception {
        SendResult result = producer.send(message);
        Unexpected.unlessEqual(result.getSendStatus(), SendStatus.SEND_OK, "status of a send");
        return result;
    }

    /** Sends texts {@code prefix0}, {@code prefix1}, ... without tag; answers them in order. */
    List<String> sendMany(DefaultMQProducer producer, String topic, String prefix, int count) throws Exception {
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            texts.add(prefix + i);
            send(producer, message(topic, prefix + i));
        }
        return texts;
    }

    static Message message(String topic, String text) {
        return new Message(topic, text.getBytes(StandardCharsets.UTF_8));
    }

    static String text(Message message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }

    /** Everything in a queue from an offset on, by plain pulls. */
    @SuppressWarnings("deprecation")
    static List<MessageExt> read(DefaultMQPullConsumer reader, MessageQueue queue, long from) throws Exception {
        List<MessageExt> messages = new ArrayList<>();
        long end = reader.maxOffset(queue);
        for (long offset = from; offset < end;) {
            var pulled = reader.pull(queue, "*", offset, 32);
            if (pulled.getMsgFoundList() != null) messages.addAll(pulled.getMsgFoundList());
            Unexpected.unless(pulled.getNextBeginOffset() > offset, "a pull at " + offset + " below the maximum " + end
                + " went nowhere: " + pulled);
            offset = pulled.getNextBeginOffset();
        }
        return messages;
    }

    /** Everything in a topic, queue after queue. */
    @SuppressWarnings("deprecation")
    List<MessageExt> readAll(String topic) throws Exception {
        DefaultMQPullConsumer reader = pull(own("reader"));
        List<MessageExt> messages = new ArrayList<>();
        for (MessageQueue queue : reader.fetchSubscribeMessageQueues(topic).stream().sorted().toList()) {
            messages.addAll(read(reader, queue, 0));
        }
        return messages;
    }

    static void await(String what, Callable<Boolean> condition) throws Exception {
        await(what, patienceMs, condition);
    }

    static void await(String what, long withinMs, Callable<Boolean> condition) throws Exception {
        long deadlineNanos = System.nanoTime() + withinMs * 1_000_000;
        while (!condition.call()) {
            Unexpected.unless(System.nanoTime() < deadlineNanos, "waited " + withinMs + " ms in vain for " + what);
            Thread.sleep(20);
        }
    }

    @Override
    public void close() {
        for (Runnable shutdown : shutdowns) {
            try {
                shutdown.run();
            } catch (RuntimeException error) {
                System.err.println("shutdown after " + name + ": " + error);
            }
        }
    }
}
