/**
 * The simulation kernel: virtual time, timers, and the tasks of Effect fibers, all run by one synchronous loop. What
 * happens next is drawn from the seed wherever real machines leave it open: the order of timers of one instant, and
 * which ready fiber goes first.
 *
 *   repeatable  the same seed and the same program take the same steps, in any process (`traceHash` is equal)
 *   closed      no real timer, promise, microtask or I/O takes part: code under the loop uses callbacks and fibers
 *   forward     time never goes back, and stands still while a callback runs
 *
 * An error thrown by a callback ends `step` and comes out of `run*`: a simulation does not hide defects.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { SeededRandom } from "../random/SeededRandom.ts"
import { effectContext } from "./effectContext.ts"
import { TimerQueue } from "./TimerQueue.ts"
import { TraceHash } from "./TraceHash.ts"

/** Wall-clock time at the start of every simulation: 2025-06-15T15:06:40Z. */
export const simEpochMs = 1_750_000_000_000

export interface SimOptions {
  /** Probability that a fiber gives way at any one operation, at most 0.4; default 0. */
  readonly preemptChance?: number
}

/** Giving way makes two more operations that may give way again: from 0.5 on, a fiber would never come back. */
const preemptChanceMax = 0.4

export class Sim {
  readonly seed: number
  /** The kernel's own stream. Devices and tests `fork` it once, at their start. */
  readonly random: SeededRandom
  /** Effect's Clock, Random and Scheduler for whoever stands outside all nodes: the test itself. */
  readonly context: Context.Context<never>
  readonly preemptChance: number
  /** Told of each recorded event as a line of text; for looking at one seed. Costs nothing while undefined. */
  onRecord: ((line: string) => void) | undefined
  #nowMs = 0
  #events = 0
  readonly #ready: Array<() => void> = []
  readonly #timers = new TimerQueue()
  readonly #hash = new TraceHash()

  constructor(seed: number, options: SimOptions = {}) {
    this.seed = seed
    this.random = new SeededRandom(seed)
    this.preemptChance = options.preemptChance ?? 0
    if (!(this.preemptChance <= preemptChanceMax)) throw new Error(`preemptChance must be at most ${preemptChanceMax}`)
    this.context = effectContext({
      after: (delayMs, run) => this.after(delayMs, run),
      monotonicMs: () => this.#nowMs,
      nowMs: () => simEpochMs + Math.floor(this.#nowMs),
      preemptChance: this.preemptChance,
      random: this.random.fork(),
      ready: (task) => this.ready(task),
    })
  }

  /** Virtual milliseconds since the start, with fractions. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Steps taken so far. */
  get events(): number {
    return this.#events
  }

  /** Runs `run` once, `delayMs` (fractions count) from now; the answer cancels it. */
  after(delayMs: number, run: () => void): () => void {
    if (!(delayMs >= 0)) throw new Error(`a timer cannot lie in the past: ${delayMs} ms`)
    return this.#timers.add({ atMs: this.#nowMs + delayMs, run, tie: this.random.u32() })
  }

  /** Makes a task ready at this instant; ready tasks run before any timer, in an order drawn from the seed. */
  ready(task: () => void): void {
    this.#ready.push(task)
  }

  /** Takes one step; false when nothing is left to do. */
  step(): boolean {
    const task = this.#takeReady() ?? this.#takeTimer()
    if (task === undefined) return false
    this.#events++
    this.#hash.number(this.#nowMs)
    task()
    return true
  }

  /**
   * Steps until `predicate` holds: true. False when `maxMs` of virtual time went by, or nothing was left to do (then
   * time still moves on to the end of the period). The predicate is asked before each step.
   */
  runUntil(predicate: () => boolean, maxMs: number): boolean {
    const endMs = this.#nowMs + maxMs
    for (;;) {
      if (predicate()) return true
      const nextMs = this.#nextMs()
      if (nextMs === undefined || nextMs > endMs) {
        this.#nowMs = endMs
        return predicate()
      }
      this.step()
    }
  }

  /** Lets `forMs` of virtual time go by. */
  runFor(forMs: number): void {
    this.runUntil(() => false, forMs)
  }

  /**
   * Runs an effect from outside all nodes to its end. Throws when nothing is left that could end it (a deadlock, or a
   * promise, which never resolves here), or when it takes more than `maxEvents` steps.
   */
  run<A, E>(program: Effect.Effect<A, E>, maxEvents = 10_000_000): Exit.Exit<A, E> {
    const fiber = Effect.runForkWith(this.context)(program)
    const lastEvent = this.#events + maxEvents
    for (;;) {
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return exit
      if (this.#events >= lastEvent) throw new Error(`livelock: ${maxEvents} events, seed ${this.seed}`)
      if (!this.step()) throw new Error(`deadlock at ${this.#nowMs} ms, seed ${this.seed}: no event is left`)
    }
  }

  /** Runs an effect that never waits; use it where `Effect.runSync` would bring its own scheduler. */
  sync<A>(effect: Effect.Effect<A>): A {
    const exit = Effect.runForkWith(this.context)(effect).pollUnsafe()
    if (exit === undefined) throw new Error("the effect waits: it cannot be run synchronously")
    if (Exit.isFailure(exit)) throw new Error("the effect failed", { cause: exit.cause })
    return exit.value
  }

  /** Adds an event to the trace: what happened, a number, and bytes that are hashed, not kept. */
  record(what: string, value = 0, bytes?: Uint8Array): void {
    this.#hash.text(what)
    this.#hash.number(value)
    if (bytes !== undefined) this.#hash.bytes(bytes)
    this.onRecord?.(`${this.#nowMs.toFixed(3)} ${what} ${value}${bytes === undefined ? "" : ` [${bytes.length}]`}`)
  }

  /** The hash of all steps and records so far: equal for equal runs. */
  traceHash(): string {
    return this.#hash.digest()
  }

  #nextMs(): number | undefined {
    return this.#ready.length > 0 ? this.#nowMs : this.#timers.peek()?.atMs
  }

  #takeReady(): (() => void) | undefined {
    const ready = this.#ready
    if (ready.length === 0) return undefined
    const at = this.random.below(ready.length)
    const task = ready[at]!
    ready[at] = ready[ready.length - 1]!
    ready.pop()
    return task
  }

  #takeTimer(): (() => void) | undefined {
    const timer = this.#timers.take()
    if (timer === undefined) return undefined
    this.#nowMs = timer.atMs
    const run = timer.run
    timer.run = undefined
    return run
  }
}
