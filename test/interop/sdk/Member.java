import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** One member of a group, by the Java client: prints what it gets, until its standard input ends. */
public final class Member {
    public static void main(String[] args) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(args[1]);
        consumer.setNamesrvAddr(args[0]);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(args[2], "*");
        DefaultMQProducer producer = new DefaultMQProducer(args[1] + "-producer");
        producer.setNamesrvAddr(args[0]);
        if (args[3].equals("asking")) {
            ask(producer, args[2]);
            return;
        }
        if (args[3].equals("replying")) {
            producer.start();
            consumer.setMessageListener((MessageListenerConcurrently) (messages, context) -> {
                for (MessageExt message : messages) {
                    try {
                        producer.send(MessageUtil.createReplyMessage(message, ("java: " + text(message)).getBytes(StandardCharsets.UTF_8)));
                    } catch (Exception failure) {
                        return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                    }
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        } else if (args[3].equals("ordered")) {
            consumer.setMessageListener((MessageListenerOrderly) (messages, context) -> {
                messages.forEach(Member::print);
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.setMessageListener((MessageListenerConcurrently) (messages, context) -> {
                messages.forEach(Member::print);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        System.out.println("ready");
        while (System.in.read() >= 0) { }
        consumer.shutdown();
        System.out.println("left");
        System.exit(0);
    }

    /** Sends requests, and prints the replies as if they were got. */
    private static void ask(DefaultMQProducer producer, String topic) throws Exception {
        producer.start();
        System.out.println("ready");
        for (int i = 0; i < 5; i++) {
            Message reply = producer.request(new Message(topic, ("java asks " + i).getBytes(StandardCharsets.UTF_8)), 60_000);
            System.out.println("got 0 " + i + " " + text(reply));
        }
        while (System.in.read() >= 0) { }
        producer.shutdown();
        System.exit(0);
    }

    private static String text(Message message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }

    private static synchronized void print(MessageExt message) {
        System.out.println("got " + message.getQueueId() + " " + message.getQueueOffset() + " "
            + new String(message.getBody(), StandardCharsets.UTF_8));
    }
}
