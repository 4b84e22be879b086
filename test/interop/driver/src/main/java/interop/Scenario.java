package interop;

/** One thing that a client does and what must come of it. It ends, or throws what was wrong. */
interface Scenario {
    void run(Rig rig) throws Exception;
}
