package interop;

import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.MessageExt;

/** What consumers were given, in order of arrival. */
final class Inbox {
    record Arrival(MessageExt message, String text, long atMs) {
    }

    private final List<Arrival> arrivals = new CopyOnWriteArrayList<>();

    void add(MessageExt message) {
        arrivals.add(new Arrival(message, Rig.text(message), System.currentTimeMillis()));
    }

    /** A listener that keeps everything and consumes it. */
    MessageListenerConcurrently consume() {
        return (messages, context) -> {
            messages.forEach(this::add);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        };
    }

    List<Arrival> all() {
        return List.copyOf(arrivals);
    }

    List<String> texts() {
        return arrivals.stream().map(Arrival::text).toList();
    }

    List<Arrival> where(Predicate<Arrival> condition) {
        return arrivals.stream().filter(condition).toList();
    }

    int size() {
        return arrivals.size();
    }

    /** Waits until every text was seen at least once. */
    void awaitAll(Collection<String> texts) throws Exception {
        try {
            Rig.await(texts.size() + " messages", () -> Set.copyOf(texts()).containsAll(texts));
        } catch (Unexpected late) {
            Set<String> lost = new HashSet<>(texts);
            lost.removeAll(texts());
            throw new Unexpected(lost.size() + " of " + texts.size() + " messages never came, among them "
                + lost.stream().sorted().limit(5).toList());
        }
    }

    /** Waits until so many came, and a little longer for what should not come; then it must be exactly these texts. */
    void awaitExactly(Collection<String> texts) throws Exception {
        awaitAll(texts);
        Rig.await(texts.size() + " arrivals", () -> size() >= texts.size());
        Thread.sleep(500);
        List<String> seen = texts().stream().sorted().toList();
        Unexpected.unlessEqual(seen, texts.stream().sorted().toList(), "all that came");
    }
}
