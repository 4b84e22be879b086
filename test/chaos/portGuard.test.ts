/**
 * Nothing goes round the ports: a whole cluster and its clients run, under faults, while every clock, timer, random
 * number, file and socket of the process is booby-trapped. Only so is a seed a run.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { Broker } from "../../src/node/broker/Broker.ts"
import { closed, guarded } from "../model/worldGuard.ts"
import { faults } from "./sim/faults/index.ts"
import type { Mutant } from "./sim/Mutant.ts"
import { type Outcome, run } from "./sim/Run.ts"

const all = faults.map(({ name }) => name)

const whole = (): Outcome =>
  run(2, { fixed: { faultEveryMs: 1000, faults: all, flush: "SYNC_FLUSH", loadMs: 10_000, messagesMax: 100 } })

const small = (mutant: Mutant): Outcome => run(2, { fixed: { faults: [], loadMs: 3000, messagesMax: 30 }, mutant })

/** A broker that looks at something else with each message that it stores. */
const lookingAt = (look: () => unknown): Mutant => ({
  broker: ({ state: { store } }: Broker) => {
    const put = store.put.bind(store)
    store.put = (...message) => {
      look()
      return put(...message)
    }
  },
  foundBy: "the guard",
  name: "goes round the ports",
})

describe("a simulated cluster", () => {
  it("reaches for no clock, timer, randomness, promise, file or socket of the process", () => {
    const { stats, violations } = closed(whole)
    expect(violations).toEqual([])
    expect(stats.acknowledged).toBeGreaterThan(50)
    expect(stats.strikes).toBeGreaterThan(5)
  })

  it.for<readonly [string, () => unknown]>([
    ["Date.now", () => Date.now()],
    ["Math.random", () => Math.random()],
    ["setTimeout", () => setTimeout(() => {}, 1).unref()],
    ["fs.readFileSync", () => readFileSync(new URL(import.meta.url))],
  ])("is seen when its broker uses %s", ([what, look]) => {
    const { reached } = guarded(() => small(lookingAt(look)))
    const own = reached.filter((reach) => reach.what === what)
    expect(own.length).toBeGreaterThan(10)
    expect(own.every(({ from }) => from.includes("portGuard.test.ts"))).toBe(true)
  })
})
