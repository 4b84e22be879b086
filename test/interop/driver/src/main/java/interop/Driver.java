package interop;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * Runs scenarios against a cluster through the Java client on the class path, one thread for each scenario.
 *
 * <p>Lines in: {@code run ID SCENARIO} starts one, {@code answer ID TEXT} answers its question; the end of input ends the
 * process. Lines out, as JSON: {@code {"id":7,"ask":"kill"}} asks the host to do something to the cluster,
 * {@code {"id":7,"ok":true,"detail":"..."}} ends a scenario. What the client itself prints goes to standard error.
 */
public final class Driver {
    private static final PrintStream out = System.out;
    private static final Map<String, BlockingQueue<String>> answers = new ConcurrentHashMap<>();

    public static void main(String[] args) throws Exception {
        System.setOut(System.err);
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ", 3);
            switch (words[0]) {
                case "run" -> {
                    answers.put(words[1], new LinkedBlockingQueue<>());
                    new Thread(() -> run(words[1], words[2]), words[2]).start();
                }
                case "answer" -> answers.get(words[1]).add(words[2]);
                default -> throw new IllegalArgumentException(line);
            }
        }
        // Client threads may be waiting for servers that are gone, and the host waits for nothing more.
        Runtime.getRuntime().halt(0);
    }

    private static void run(String id, String name) {
        String failure = null;
        String detail = "";
        Rig rig = new Rig(id, name);
        try {
            Scenario scenario = Scenarios.byName.get(name);
            if (scenario == null) throw new IllegalArgumentException("no scenario " + name);
            scenario.run(rig);
            detail = rig.notes();
        } catch (Throwable error) {
            failure = describe(error);
        }
        say("{\"id\":" + id + ",\"ok\":" + (failure == null) + ",\"detail\":"
            + quote(failure == null ? detail : failure) + "}");
        rig.close();
    }

    /** Asks the host to act on the cluster, and waits until it has done so. */
    static String ask(String id, String what) throws InterruptedException {
        say("{\"id\":" + id + ",\"ask\":" + quote(what) + "}");
        return answers.get(id).take();
    }

    private static synchronized void say(String line) {
        out.println(line);
        out.flush();
    }

    private static String describe(Throwable error) {
        StringBuilder text = new StringBuilder(error.toString());
        for (StackTraceElement frame : error.getStackTrace()) {
            if (frame.getClassName().startsWith("interop.")) text.append("\n    at ").append(frame);
        }
        if (error.getCause() != null) text.append("\n  caused by ").append(describe(error.getCause()));
        return text.toString();
    }

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') quoted.append('\\').append(c);
            else if (c < ' ' || c > '~') quoted.append(String.format("\\u%04x", (int) c));
            else quoted.append(c);
        }
        return quoted.append('"').toString();
    }
}
