package interop;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Runs commands of Apache's mqadmin one after another, as its own start script would, without a JVM for each.
 *
 * <p>Lines in, words separated by tabs: {@code admin WORD...} runs a command line of mqadmin, {@code client TOPIC GROUP}
 * starts a consumer and a producer that stay connected; the end of input ends the process. A line out for each: all
 * that was printed meanwhile, in base64.
 */
public final class Mqadmin extends MQAdminStartup {
    private static final PrintStream out = System.out;

    public static void main(String[] args) {
        try {
            serve();
        } catch (Exception error) {
            error.printStackTrace();
        }
        Runtime.getRuntime().halt(0);
    }

    private static void serve() throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t");
            var printed = new ByteArrayOutputStream();
            var stream = new PrintStream(printed, true, StandardCharsets.UTF_8);
            System.setOut(stream);
            System.setErr(stream);
            try {
                switch (words[0]) {
                    case "admin" -> admin(Arrays.copyOfRange(words, 1, words.length));
                    case "client" -> connect(words[1], words[2]);
                    default -> throw new IllegalArgumentException(line);
                }
            } catch (Throwable error) {
                error.printStackTrace();
            }
            stream.flush();
            out.println(Base64.getEncoder().encodeToString(printed.toByteArray()));
            out.flush();
        }
    }

    /** Every run registers all commands anew, and the first one of a name wins: some cannot be used twice. */
    private static void admin(String[] words) {
        SUB_COMMANDS.clear();
        MQAdminStartup.main(words);
    }

    /** A group that consumes, and a producer that has sent: what the connections' commands ask about. */
    private static void connect(String topic, String group) throws Exception {
        var consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(System.getProperty("rocketmq.namesrv.addr"));
        consumer.setInstanceName("consumer");
        consumer.subscribe(topic, "*");
        var consumed = new CountDownLatch(1);
        MessageListenerConcurrently listener = (messages, context) -> {
            consumed.countDown();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        };
        consumer.setMessageListener(listener);
        consumer.start();
        var producer = new DefaultMQProducer("producers");
        producer.setNamesrvAddr(System.getProperty("rocketmq.namesrv.addr"));
        producer.setInstanceName("producer");
        producer.start();
        producer.send(new Message(topic, "tag", "client-key", "hello".getBytes(StandardCharsets.UTF_8)));
        producer.getDefaultMQProducerImpl().getMqClientFactory().sendHeartbeatToAllBrokerWithLock();
        if (!consumed.await(30, TimeUnit.SECONDS)) throw new IllegalStateException("nothing was consumed");
        // Offsets of one's own accord would be told only every 5 s.
        consumer.getDefaultMQPushConsumerImpl().persistConsumerOffset();
    }
}
