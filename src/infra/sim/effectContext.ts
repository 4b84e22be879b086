import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import type { SeededRandom } from "../random/SeededRandom.ts"

/** What Effect needs of a simulated world. */
export interface EffectSource {
  readonly nowMs: () => number
  readonly monotonicMs: () => number
  readonly after: (delayMs: number, run: () => void) => () => void
  /** Makes a fiber's next piece of work ready to run; the simulation picks among the ready ones by its seed. */
  readonly ready: (task: () => void) => void
  readonly random: SeededRandom
  /** Probability that a fiber gives way at any one operation; 0 preempts only where Effect itself would. */
  readonly preemptChance: number
}

/** Effect's Clock, Random and Scheduler over a simulation: what runs with this context takes no real time. */
export const effectContext = (source: EffectSource): Context.Context<never> =>
  Context.make(Clock.Clock, clock(source)).pipe(
    Context.add(Random.Random, {
      nextDoubleUnsafe: () => source.random.fraction(),
      nextIntUnsafe: () => Math.floor((source.random.fraction() - 0.5) * 2 ** 53),
    }),
    Context.add(Scheduler.Scheduler, scheduler(source)),
  )

const nanos = (ms: number): bigint => BigInt(Math.round(ms * 1e6))

const clock = (source: EffectSource): Clock.Clock => {
  return {
    currentTimeMillis: Effect.sync(source.nowMs),
    currentTimeMillisUnsafe: source.nowMs,
    currentTimeNanos: Effect.sync(() => nanos(source.nowMs())),
    currentTimeNanosUnsafe: () => nanos(source.nowMs()),
    monotonicTimeNanos: Effect.sync(() => nanos(source.monotonicMs())),
    monotonicTimeNanosUnsafe: () => nanos(source.monotonicMs()),
    sleep: (duration) => {
      const delayMs = Duration.toMillis(duration)
      if (!Number.isFinite(delayMs)) return Effect.never
      return Effect.callback<void>((resume) => {
        const cancel = source.after(Math.max(0, delayMs), () => resume(Effect.void))
        return Effect.sync(cancel)
      })
    },
  }
}

const scheduler = (source: EffectSource): Scheduler.Scheduler => ({
  executionMode: "async",
  makeDispatcher: () => ({
    flush: () => {
      throw new Error("Effect.runSync inside a simulation installs a scheduler of its own: use Sim.sync instead")
    },
    scheduleTask: (task) => source.ready(task),
  }),
  shouldYield: (fiber) =>
    fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield ||
    (source.preemptChance > 0 && source.random.chance(source.preemptChance)),
})
