package interop;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.rocketmq.client.consumer.AllocateMessageQueueStrategy;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMachineRoomNearby;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragelyByCircle;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueByConfig;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueByMachineRoom;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueConsistentHash;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** How two members share the queues of a topic by each strategy, by the broker's word, and when an orderly one dies. */
final class Shares {
    private static final int queueCount = 8;

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("rebalance-strategies", Shares::strategies);
        scenarios.put("rebalance-by-broker", Shares::byBroker);
        scenarios.put("orderly-crash", Shares::orderlyCrash);
    }

    /** Each strategy gives both members what its class computes from the whole lists, and together all queues. */
    private static void strategies(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, queueCount);
        List<MessageQueue> all = rig.queues(producer, topic);
        Map<String, List<AllocateMessageQueueStrategy>> pairs = new LinkedHashMap<>();
        pairs.put("circle", List.of(new AllocateMessageQueueAveragelyByCircle(), new AllocateMessageQueueAveragelyByCircle()));
        pairs.put("hash", List.of(new AllocateMessageQueueConsistentHash(), new AllocateMessageQueueConsistentHash()));
        pairs.put("nearby", List.of(nearby(), nearby()));
        pairs.put("config", List.of(config(all.subList(0, 3)), config(all.subList(3, queueCount))));
        AllocateMessageQueueByMachineRoom room = new AllocateMessageQueueByMachineRoom();
        room.setConsumeridcs(Set.of("elsewhere"));
        pairs.put("room", List.of(room, room));
        for (var pair : pairs.entrySet()) share(rig, topic, all, pair.getKey(), pair.getValue());
        rig.note(String.join(", ", pairs.keySet()));
    }

    private static void share(Rig rig, String topic, List<MessageQueue> all, String name,
        List<AllocateMessageQueueStrategy> strategies) throws Exception {
        List<DefaultMQPushConsumer> members = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            DefaultMQPushConsumer member = rig.push(rig.own(name));
            member.setInstanceName(rig.own(name) + i);
            member.setAllocateMessageQueueStrategy(strategies.get(i));
            member.subscribe(topic, "*");
            member.registerMessageListener(new Inbox().consume());
            member.start();
            members.add(member);
        }
        List<String> ids = members.stream().map(DefaultMQPushConsumer::buildMQClientId).sorted().toList();
        List<MessageQueue> sorted = all.stream().sorted().toList();
        // A queue of a broker whose name tells no room is nobody's by MACHINE_ROOM.
        boolean isWhole = !name.equals("room");
        Rig.await("shares by " + name, () -> {
            Set<MessageQueue> together = new HashSet<>();
            for (int i = 0; i < 2; i++) {
                Set<MessageQueue> owned = owned(members.get(i), topic);
                // In the group's words: a strategy may log the group's name, and nothing more.
                Collection<MessageQueue> computed =
                    strategies.get(i).allocate(rig.own(name), members.get(i).buildMQClientId(), sorted, ids);
                if (!owned.equals(new HashSet<>(computed)) || !Collections.disjoint(together, owned)) return false;
                together.addAll(owned);
            }
            return together.size() == (isWhole ? all.size() : 0);
        });
        for (DefaultMQPushConsumer member : members) member.shutdown();
    }

    private static AllocateMessageQueueStrategy nearby() throws Exception {
        return new AllocateMachineRoomNearby(new AllocateMessageQueueAveragely(),
            new AllocateMachineRoomNearby.MachineRoomResolver() {
                @Override
                public String brokerDeployIn(MessageQueue queue) {
                    return queue.getQueueId() % 2 == 0 ? "even" : "odd";
                }

                @Override
                public String consumerDeployIn(String clientId) {
                    return clientId.endsWith("0") ? "even" : "odd";
                }
            });
    }

    private static AllocateMessageQueueStrategy config(List<MessageQueue> queues) {
        AllocateMessageQueueByConfig strategy = new AllocateMessageQueueByConfig();
        strategy.setMessageQueueList(queues);
        return strategy;
    }

    private static Set<MessageQueue> owned(DefaultMQPushConsumer member, String topic) {
        Set<MessageQueue> owned = new HashSet<>();
        for (MessageQueue queue : member.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet()) {
            if (queue.getTopic().equals(topic)) owned.add(queue);
        }
        return owned;
    }

    /** Members that ask the broker for their share (5.x) get all queues between them, and every message. */
    private static void byBroker(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, queueCount);
        Inbox inbox = new Inbox();
        List<DefaultMQPushConsumer> members = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            DefaultMQPushConsumer member = rig.push(rig.own("group"));
            member.setInstanceName(rig.own("member") + i);
            try {
                DefaultMQPushConsumer.class.getMethod("setClientRebalance", boolean.class).invoke(member, false);
            } catch (NoSuchMethodException before5) {
                rig.note("this client always computes its share itself");
            }
            member.subscribe(topic, "*");
            member.registerMessageListener(inbox.consume());
            member.start();
            members.add(member);
        }
        Rig.await("halves", () -> {
            Set<MessageQueue> left = owned(members.get(0), topic);
            Set<MessageQueue> right = owned(members.get(1), topic);
            return left.size() == queueCount / 2 && right.size() == queueCount / 2 && Collections.disjoint(left, right);
        });
        inbox.awaitAll(rig.sendMany(producer, topic, "m", 40));
        members.get(0).shutdown();
        Rig.await("the whole", () -> owned(members.get(1), topic).size() == queueCount);
        inbox.awaitAll(rig.sendMany(producer, topic, "n", 40));
    }

    /** An orderly member loses its network in the middle of a message. The other one goes on when the lease is over: in order. */
    private static void orderlyCrash(Rig rig) throws Exception {
        DefaultMQProducer producer = rig.producer();
        String topic = rig.own("topic");
        rig.createTopic(producer, topic, 2);
        List<MessageQueue> queues = rig.queues(producer, topic);
        Map<Integer, List<String>> firsts = new ConcurrentHashMap<>();
        Set<String> stuck = Collections.synchronizedSet(new TreeSet<>());
        DefaultMQPushConsumer left = orderly(rig, topic, "left", message -> {
            if (Rig.text(message).endsWith("-5")) {
                stuck.add(Rig.text(message));
                sleep(3_600_000);
            }
            first(firsts, message);
        });
        List<String> all = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            for (MessageQueue queue : queues) {
                Message message = Rig.message(topic, "q" + queue.getQueueId() + "-" + i);
                all.add(Rig.text(message));
                producer.send(message, queue);
            }
        }
        Rig.await("a message in the middle of each queue", () -> stuck.size() == 2);
        DefaultMQPushConsumer right = orderly(rig, topic, "right", message -> first(firsts, message));
        left.getDefaultMQPushConsumerImpl().getmQClientFactory().getMQClientAPIImpl().getRemotingClient().shutdown();
        long beganMs = System.currentTimeMillis();
        Rig.await("all messages", 150_000, () -> firsts.values().stream().mapToInt(List::size).sum() == all.size());
        for (MessageQueue queue : queues) {
            List<String> expected = all.stream().filter(text -> text.startsWith("q" + queue.getQueueId() + "-")).toList();
            Unexpected.unlessEqual(firsts.get(queue.getQueueId()), expected, "first deliveries of queue " + queue.getQueueId());
        }
        rig.note("taken over after " + (System.currentTimeMillis() - beganMs) / 1000 + " s");
        right.shutdown();
    }

    private interface Handler {
        void handle(MessageExt message);
    }

    private static DefaultMQPushConsumer orderly(Rig rig, String topic, String name, Handler handler) throws Exception {
        DefaultMQPushConsumer consumer = rig.push(rig.own("group"));
        consumer.setInstanceName(rig.own(name));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((List<MessageExt> messages,
            org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyContext context) -> {
            messages.forEach(handler::handle);
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        return consumer;
    }

    /** Keeps the order in which messages were handled for the first time. */
    private static void first(Map<Integer, List<String>> firsts, MessageExt message) {
        List<String> texts = firsts.computeIfAbsent(message.getQueueId(), id -> new CopyOnWriteArrayList<>());
        if (!texts.contains(Rig.text(message))) texts.add(Rig.text(message));
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException ended) {
            Thread.currentThread().interrupt();
        }
    }

    private Shares() {
    }
}
