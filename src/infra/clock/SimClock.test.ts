import { expect, it } from "vitest"
import { simEpochMs, Sim } from "../sim/Sim.ts"
import { SimProcess } from "../sim/SimProcess.ts"
import { suite } from "./Clock.contract.ts"

for (const [name, options] of Object.entries({
  drifting: { driftPpm: 200_000 },
  plain: {},
  skewed: { skewMs: -9e9 },
})) {
  suite(`SimClock, ${name}`, () => {
    const sim = new Sim(1)
    const { clock } = new SimProcess(sim, "node", options)
    return {
      clock,
      wait: async (done) => {
        if (!sim.runUntil(done, 60_000)) throw new Error("the time never came")
      },
    }
  })
}

it("a skewed wall clock differs, jumps move it, and timers do not notice", () => {
  const sim = new Sim(1)
  const { clock } = new SimProcess(sim, "node", { skewMs: 5000 })
  expect(clock.nowMs()).toBe(simEpochMs + 5000)
  let ranAtMs = 0
  clock.after(100, () => (ranAtMs = sim.nowMs))
  const before = clock.monotonicMs()
  clock.jump(-60_000)
  expect(clock.nowMs()).toBe(simEpochMs - 55_000)
  expect(clock.monotonicMs()).toBe(before)
  expect(clock.skewMs).toBe(-55_000)
  sim.runFor(1000)
  expect(ranAtMs).toBe(100)
})

it("a drifting clock measures and waits by its own rate", () => {
  const sim = new Sim(1)
  const { clock } = new SimProcess(sim, "node", { driftPpm: 250_000 })
  const start = clock.monotonicMs()
  let ranAtMs = 0
  clock.after(1000, () => (ranAtMs = sim.nowMs))
  sim.runFor(2000)
  expect(ranAtMs).toBe(800)
  expect(clock.monotonicMs() - start).toBe(2500)
  expect(clock.nowMs()).toBe(simEpochMs + 2500)
})

it("nodes cannot compare their monotonic clocks", () => {
  const sim = new Sim(1)
  const readings = new Set(["a", "b", "c"].map((name) => new SimProcess(sim, name).clock.monotonicMs()))
  expect(readings.size).toBe(3)
})
