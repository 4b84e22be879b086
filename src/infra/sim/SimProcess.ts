/**
 * A simulated process: the one door through which timers, disk completions, network events and fiber tasks reach a
 * node's code.
 *
 *   dead      once killed, nothing of it runs again: not its timers, not its fibers, not their finalizers (a power
 *             loss runs none), and an error thrown while it dies is dropped with it
 *   paused    what would run waits, in order of arrival; time goes on, so that leases run out meanwhile
 */
import type * as Context from "effect/Context"
import { SimClock, type SimClockOptions } from "../clock/SimClock.ts"
import type { SeededRandom } from "../random/SeededRandom.ts"
import { effectContext } from "./effectContext.ts"
import { simEpochMs, type Sim } from "./Sim.ts"

/** Upper bound of a turn of the event loop, ms: input that comes within it is "already at hand" for `Clock.soon`. */
const turnMsMax = 0.02

export class SimProcess {
  readonly sim: Sim
  readonly name: string
  readonly random: SeededRandom
  readonly clock: SimClock
  readonly context: Context.Context<never>
  #state: "running" | "paused" | "dead" = "running"
  #backlog: Array<() => void> = []
  #draining = false

  constructor(sim: Sim, name: string, options: SimClockOptions = {}) {
    this.sim = sim
    this.name = name
    this.random = sim.random.fork()
    const turns = this.random.fork()
    this.clock = new SimClock(
      {
        after: (delayMs, run) => this.after(delayMs, run),
        elapsedMs: () => sim.nowMs,
        enter: (run) => this.enter(run),
        epochMs: simEpochMs,
        monotonicBaseMs: turns.below(1_000_000),
        turnMs: () => turns.between(0, turnMsMax),
      },
      options,
    )
    this.context = effectContext({
      after: this.clock.after,
      monotonicMs: this.clock.monotonicMs,
      nowMs: this.clock.nowMs,
      preemptChance: sim.preemptChance,
      random: this.random.fork(),
      ready: (task) => sim.ready(() => this.enter(task)),
    })
  }

  get alive(): boolean {
    return this.#state !== "dead"
  }

  /** Runs `run` as this process: now, when it is resumed, or never. */
  enter(run: () => void): void {
    if (this.#state === "dead") return
    if (this.#state === "paused" || this.#draining) this.#backlog.push(run)
    else this.#call(run)
  }

  /** Runs `run` as this process after `delayMs` of simulated time; the answer cancels it. */
  after(delayMs: number, run: () => void): () => void {
    let cancelled = false
    const cancel = this.sim.after(delayMs, () =>
      this.enter(() => {
        // A timer that fired during a pause can still be cancelled by what runs before it afterwards.
        if (!cancelled) run()
      }),
    )
    return () => {
      cancelled = true
      cancel()
    }
  }

  /** Ends the process. To be called after its network and disk were detached. */
  kill(): void {
    this.#state = "dead"
    this.#backlog = []
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused"
  }

  resume(): void {
    if (this.#state !== "paused") return
    this.#state = "running"
    this.#drainLater()
  }

  /** Works the backlog off one event at a time, so that what arrives meanwhile queues behind it. */
  #drainLater(): void {
    if (this.#draining || this.#backlog.length === 0) return
    this.#draining = true
    this.sim.after(0, () => {
      if (this.#state === "running") this.#call(this.#backlog.shift()!)
      this.#draining = false
      if (this.#state === "running") this.#drainLater()
    })
  }

  #call(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (this.alive) throw error
    }
  }
}
