package interop;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.exception.RequestTimeoutException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Requests, the replies to them, and requests that nobody replies to. */
final class Requests {
    private static final long patienceMs = 60_000;

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("request-reply", Requests::replied);
    }

    private static void replied(Rig rig) throws Exception {
        DefaultMQProducer requester = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(requester, topic, 2);
        DefaultMQProducer replier = new DefaultMQProducer(rig.own("replier"));
        Rig.configure(replier);
        replier.start();
        CompletableFuture<MessageExt> kept = new CompletableFuture<>();
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                if (Rig.text(message).equals("silence")) {
                    kept.complete(message);
                    continue;
                }
                try {
                    byte[] body = ("re: " + Rig.text(message)).getBytes();
                    replier.send(MessageUtil.createReplyMessage(message, body), patienceMs);
                } catch (Exception failure) {
                    return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        try {
            for (int i = 0; i < 3; i++) {
                Message reply = requester.request(Rig.message(topic, "question " + i), patienceMs);
                Unexpected.unlessEqual(Rig.text(reply), "re: question " + i, "reply");
            }
            CompletableFuture<Message> async = new CompletableFuture<>();
            requester.request(Rig.message(topic, "later"), callback(async), patienceMs);
            // RocketMQ's client calls back twice: without a reply when the request is stored, and with it.
            Unexpected.unlessEqual(Rig.text(async.get(patienceMs, TimeUnit.MILLISECONDS)), "re: later", "reply");
            Message chosen = requester.request(Rig.message(topic, "chosen"), (queues, message, argument) -> queues.get(1), null,
                patienceMs);
            Unexpected.unlessEqual(Rig.text(chosen), "re: chosen", "reply");
            unanswered(requester, topic);
            lost(replier, kept.get(patienceMs, TimeUnit.MILLISECONDS));
        } finally {
            replier.shutdown();
        }
    }

    private static RequestCallback callback(CompletableFuture<Message> reply) {
        return new RequestCallback() {
            @Override
            public void onSuccess(Message message) {
                if (message != null) reply.complete(message);
            }

            @Override
            public void onException(Throwable failure) {
                reply.completeExceptionally(failure);
            }
        };
    }

    private static void unanswered(DefaultMQProducer requester, String topic) throws Exception {
        try {
            requester.request(Rig.message(topic, "silence"), 2_000);
        } catch (RequestTimeoutException late) {
            Unexpected.unlessEqual(late.getResponseCode(), 10006, "code of an unanswered request");
            return;
        }
        throw new Unexpected("a request that nobody answered was answered");
    }

    /** A reply to a client that nobody knows is refused, with a reason. */
    private static void lost(DefaultMQProducer replier, MessageExt request) throws Exception {
        Message reply = MessageUtil.createReplyMessage(request, "lost".getBytes());
        reply.getProperties().put("REPLY_TO_CLIENT", "nobody@1");
        try {
            SendResult result = replier.send(reply, 10_000);
            throw new Unexpected("a reply to nobody was taken: " + result);
        } catch (MQClientException afterAllAttempts) {
            Unexpected.unlessEqual(afterAllAttempts.getResponseCode(), 1, "code of " + afterAllAttempts);
            String reason = ((MQBrokerException) afterAllAttempts.getCause()).getErrorMessage();
            Unexpected.unless(reason.startsWith("push reply message fail, channel of <nobody@1> not found."),
                "the reason: " + reason);
        }
    }

    private Requests() {
    }
}
