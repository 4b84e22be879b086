import type { Clock } from "./Clock.ts"

export interface SimClockOptions {
  /** How far the wall clock is ahead of the simulation's at the start; default 0. */
  readonly skewMs?: number
  /** How much faster than the simulation both clocks run, in parts per million; default 0. */
  readonly driftPpm?: number
}

/** What a simulated clock stands on: the kernel's time, and its timers as this node sees them. */
export interface TimeSource {
  readonly epochMs: number
  /** True milliseconds since the start of the simulation. */
  readonly elapsedMs: () => number
  readonly after: (delayMs: number, run: () => void) => () => void
  /** Runs `run` as the node: now, later when the node is paused, or never when it is dead. */
  readonly enter: (run: () => void) => void
  /** Where this node's monotonic clock started: differs from node to node, so that nobody compares them. */
  readonly monotonicBaseMs: number
  /** How long after now the current turn of the event loop ends. */
  readonly turnMs: () => number
}

/** One node's clocks: skewed and drifting against the simulation's, with a wall clock that a test can make jump. */
export class SimClock implements Clock {
  readonly #source: TimeSource
  readonly #rate: number
  #offsetMs: number
  #soon: Array<() => void> = []

  constructor(source: TimeSource, options: SimClockOptions = {}) {
    this.#source = source
    this.#rate = 1 + (options.driftPpm ?? 0) / 1e6
    this.#offsetMs = source.epochMs + (options.skewMs ?? 0)
  }

  readonly nowMs = (): number => Math.floor(this.#offsetMs + this.#source.elapsedMs() * this.#rate)

  readonly monotonicMs = (): number => this.#source.monotonicBaseMs + this.#source.elapsedMs() * this.#rate

  readonly after = (delayMs: number, run: () => void): (() => void) =>
    this.#source.after(Math.max(0, Math.ceil(delayMs)) / this.#rate, run)

  readonly soon = (run: () => void): void => {
    this.#soon.push(run)
    if (this.#soon.length === 1) this.#source.after(this.#source.turnMs(), () => this.#endTurn())
  }

  /** How far the wall clock is ahead now, drift not counted. */
  get skewMs(): number {
    return this.#offsetMs - this.#source.epochMs
  }

  /** Moves the wall clock by `byMs`, back if negative. Timers and the monotonic clock do not notice. */
  jump(byMs: number): void {
    this.#offsetMs += byMs
  }

  #endTurn(): void {
    const turn = this.#soon
    this.#soon = []
    // Each on its own: the first may kill or pause the node, and the others then share its fate.
    for (const run of turn) this.#source.enter(run)
  }
}
