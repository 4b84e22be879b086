/**
 * Time, as a port for plain code; Effect code uses Effect's own `Clock`, which the same adapter provides.
 * The wall clock may jump either way; the monotonic one never goes back and is what durations are measured with.
 */
export interface Clock {
  /** Milliseconds since 1970 by the wall clock, an integer. */
  readonly nowMs: () => number
  /** Milliseconds since some fixed moment; never goes back. */
  readonly monotonicMs: () => number
  /** Runs `run` once after `delayMs`; the answer cancels it. Does not keep the process alive. */
  readonly after: (delayMs: number, run: () => void) => () => void
  /** Runs `run` at the end of this turn of the event loop, after the input that is already at hand. */
  readonly soon: (run: () => void) => void
}
