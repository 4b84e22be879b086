package interop;

/** What a scenario saw is not what the client was promised. */
final class Unexpected extends RuntimeException {
    Unexpected(String message) {
        super(message);
    }

    static void unless(boolean holds, String message) {
        if (!holds) throw new Unexpected(message);
    }

    static void unlessEqual(Object seen, Object wanted, String what) {
        if (!wanted.equals(seen)) throw new Unexpected(what + ": " + seen + ", not " + wanted);
    }
}
