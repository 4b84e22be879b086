import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import { expect, it } from "vitest"
import { simEpochMs, Sim } from "./Sim.ts"
import { SimProcess } from "./SimProcess.ts"

const order = (seed: number): string => {
  const sim = new Sim(seed)
  const ran: Array<string> = []
  for (const name of ["a", "b", "c", "d"]) sim.after(5, () => ran.push(name))
  sim.after(1, () => ran.push("first"))
  sim.after(9, () => ran.push("last"))
  while (sim.step());
  expect(sim.nowMs).toBe(9)
  return ran.join("")
}

it("timers run by time; which of one instant goes first depends on the seed alone", () => {
  expect(order(1)).toBe(order(1))
  const orders = new Set(Array.from({ length: 300 }, (_, seed) => order(seed)))
  expect(orders.size).toBe(24)
  for (const each of orders) expect(each).toMatch(/^first[abcd]{4}last$/)
})

it("runUntil stops at the predicate, at the end of the time, or when nothing is left", () => {
  const sim = new Sim(1)
  let count = 0
  const tick = (): void => {
    count++
    sim.after(10, tick)
  }
  sim.after(10, tick)
  expect(sim.runUntil(() => count === 3, 1000)).toBe(true)
  expect(sim.nowMs).toBe(30)
  expect(sim.runUntil(() => count === 100, 55)).toBe(false)
  expect([sim.nowMs, count]).toEqual([85, 8])
  sim.runFor(15)
  expect([sim.nowMs, count]).toEqual([100, 10])
  const empty = new Sim(1)
  expect(empty.runUntil(() => false, 500)).toBe(false)
  expect(empty.nowMs).toBe(500)
})

it("an error in a callback comes out, and a timer cannot lie in the past", () => {
  const sim = new Sim(1)
  sim.after(1, () => {
    throw new Error("defect")
  })
  expect(() => sim.runFor(10)).toThrow("defect")
  expect(() => sim.after(-1, () => {})).toThrow("past")
  expect(() => sim.after(Number.NaN, () => {})).toThrow("past")
})

it("fibers sleep in virtual time, and read the simulation's clock", () => {
  const sim = new Sim(1)
  const program = Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    yield* Effect.sleep("1 hour")
    return (yield* Clock.currentTimeMillis) - start
  })
  expect(sim.run(program)).toEqual(Exit.succeed(3_600_000))
  expect(sim.sync(Clock.currentTimeMillis)).toBe(simEpochMs + 3_600_000)
})

/** Starts every effect in a fiber of its own and waits for all of them. */
const forked = (effects: ReadonlyArray<Effect.Effect<void>>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const fibers = yield* Effect.forEach(effects, (effect) => Effect.forkChild(effect))
    yield* Effect.forEach(fibers, Fiber.join)
  })

const interleaving = (seed: number): string => {
  const sim = new Sim(seed)
  const seen: Array<string> = []
  const fiber = (name: string): Effect.Effect<void> =>
    Effect.gen(function* () {
      seen.push(name)
      yield* Effect.yieldNow
      seen.push(name)
    })
  sim.run(forked(["a", "b", "c"].map(fiber)))
  return seen.join("")
}

it("the seed reaches every interleaving of three fibers of two steps", () => {
  expect(interleaving(5)).toBe(interleaving(5))
  const all = new Set(Array.from({ length: 3000 }, (_, seed) => interleaving(seed)))
  expect(all.size).toBe(90)
})

const finish = (preemptChance: number, seed: number): string => {
  const sim = new Sim(seed, { preemptChance })
  const seen: Array<string> = []
  const fiber = (name: string): Effect.Effect<void> =>
    Effect.gen(function* () {
      for (let n = 0; n < 5; n++) yield* Effect.sync(() => seen.push(name))
    })
  sim.run(forked(["a", "b"].map(fiber)))
  return seen.join("")
}

const finishes = (preemptChance: number): ReadonlySet<string> =>
  new Set(Array.from({ length: 500 }, (_, seed) => finish(preemptChance, seed)))

it("preemption makes fibers give way between operations that do not wait", () => {
  expect([...finishes(0)].toSorted()).toEqual(["aaaaabbbbb", "bbbbbaaaaa"])
  const preempted = [...finishes(0.3)]
  for (const start of ["ab", "aab", "aaab", "aaaab"]) {
    expect(preempted.some((order) => order.startsWith(start))).toBe(true)
  }
  expect(() => new Sim(1, { preemptChance: 0.5 })).toThrow("at most 0.4")
})

const drawn = (seed: number): Exit.Exit<number> => new Sim(seed).run(Random.nextIntBetween(0, 1_000_000))

it("Effect's Random comes from the seed", () => {
  expect(drawn(1)).toEqual(drawn(1))
  expect(drawn(1)).not.toEqual(drawn(2))
})

it("a promise is a deadlock, an endless loop a livelock; both name the seed", () => {
  const sim = new Sim(77)
  expect(() => sim.run(Effect.promise(() => Promise.resolve(1)))).toThrow(/deadlock .* seed 77/)
  expect(() => sim.run(Effect.forever(Effect.sleep(1)), 1000)).toThrow(/livelock: 1000 events, seed 77/)
  expect(() => sim.sync(Effect.sleep(1))).toThrow("waits")
  expect(() => sim.sync(Effect.die("defect"))).toThrow("failed")
})

const hash = (seed: number, act: (sim: Sim) => void): string => {
  const sim = new Sim(seed)
  act(sim)
  sim.runFor(100)
  return sim.traceHash()
}

it("the trace hash tells runs apart that did different things", () => {
  const hashes = [
    hash(1, () => {}),
    hash(1, (sim) => void sim.after(1, () => {})),
    hash(1, (sim) => void sim.after(2, () => {})),
    hash(1, (sim) => sim.record("a")),
    hash(1, (sim) => sim.record("a", 1)),
    hash(1, (sim) => sim.record("a", -1)),
    hash(1, (sim) => sim.record("a", 0.5)),
    hash(1, (sim) => sim.record("a", 2 ** 40)),
    hash(1, (sim) => sim.record("b")),
    hash(1, (sim) => sim.record("a", 1, Buffer.from("x"))),
    hash(1, (sim) => sim.record("a", 1, Buffer.from("y"))),
  ]
  expect(new Set(hashes).size).toBe(hashes.length)
  expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/)
})

it("onRecord shows what was recorded", () => {
  const sim = new Sim(1)
  const lines: Array<string> = []
  sim.onRecord = (line) => lines.push(line)
  sim.after(1.5, () => sim.record("sent", 3, Buffer.from("abc")))
  sim.runFor(2)
  sim.record("done")
  expect(lines).toEqual(["1.500 sent 3 [3]", "2.000 done 0"])
})

it("a killed process runs nothing again: timers, fibers, finalizers", () => {
  const sim = new Sim(1)
  const process = new SimProcess(sim, "node")
  const ran: Array<string> = []
  process.clock.after(10, () => ran.push("timer"))
  process.clock.soon(() => ran.push("soon"))
  const fiber = Effect.runForkWith(process.context)(
    Effect.ensuring(
      Effect.sleep(10),
      Effect.sync(() => ran.push("finalizer")),
    ),
  )
  sim.after(5, () => process.kill())
  sim.runFor(100)
  expect(ran).toEqual(["soon"])
  expect(fiber.pollUnsafe()).toBeUndefined()
  process.resume()
  process.enter(() => ran.push("entered"))
  expect(ran).toEqual(["soon"])
})

it("a process that dies in the middle of a turn does not end it, and its error dies with it", () => {
  const sim = new Sim(1)
  const process = new SimProcess(sim, "node")
  const ran: Array<string> = []
  process.clock.soon(() => {
    ran.push("a")
    process.kill()
    throw new Error("from the dead")
  })
  process.clock.soon(() => ran.push("b"))
  sim.runFor(1)
  expect(ran).toEqual(["a"])
})

it("a paused process makes up for it in order, and new events queue behind the old", () => {
  const sim = new Sim(1)
  const process = new SimProcess(sim, "node")
  const ran: Array<string> = []
  const entered = (name: string): void => process.enter(() => ran.push(name))
  process.pause()
  const cancel = process.clock.after(1, () => ran.push("cancelled"))
  process.enter(() => {
    ran.push("a")
    cancel()
    entered("d")
  })
  process.clock.after(2, () => ran.push("c"))
  sim.runFor(10)
  expect(ran).toEqual([])
  const before = process.clock.nowMs()
  process.resume()
  entered("e")
  process.pause()
  process.resume()
  sim.runFor(10)
  expect(ran).toEqual(["a", "c", "e", "d"])
  expect(before).toBe(simEpochMs + 10)
})

it("fibers of two nodes talk through a queue under one scheduler", () => {
  const sim = new Sim(3)
  const [a, b] = ["a", "b"].map((name) => new SimProcess(sim, name))
  const queue = sim.sync(Queue.unbounded<number>())
  const sum = Effect.runForkWith(b!.context)(
    Effect.gen(function* () {
      let total = 0
      for (let n = 0; n < 10; n++) total += yield* Queue.take(queue)
      return total
    }),
  )
  Effect.runForkWith(a!.context)(
    Effect.forEach(
      Array.from({ length: 10 }, (_, n) => n),
      (n) => Effect.delay(Queue.offer(queue, n), n),
      {
        concurrency: 4,
      },
    ),
  )
  expect(sim.run(Fiber.join(sum))).toEqual(Exit.succeed(45))
})
