/**
 * Time, as a port for plain code; Effect code uses Effect's own `Clock`, which the same adapter provides.
 * The wall clock may jump either way; the monotonic one never goes back and is what durations are measured with.
 * What holds for every adapter (contract suite: Clock.contract.ts):
 *
 *   later     neither `after` nor `soon` runs anything within the call
 *   once      each callback runs at most once, and not at all after its cancellation
 *   due       a timer that is due earlier runs first; timers due at one moment run in any order
 *   turn      callbacks of `soon` run in the order given; those given meanwhile run in a turn of their own
 *
 * A real timer may fire up to 1 ms early: who must not be early (promise P7) looks at `nowMs` when it runs.
 */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock, an integer. */
  readonly nowMs: () => number
  /** Milliseconds since some fixed moment; never goes back. */
  readonly monotonicMs: () => number
  /** Runs `run` once after `delayMs` (0 or more); the answer cancels it. Does not keep the process alive. */
  readonly after: (delayMs: number, run: () => void) => () => void
  /** Runs `run` at the end of this turn of the event loop, after the input that is already at hand. */
  readonly soon: (run: () => void) => void
}
