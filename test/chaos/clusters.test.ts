/** Samples of what `pnpm test:chaos` runs at length: simulated clusters, and kills of a real broker. */
import { describe, expect, it } from "vitest"
import { killLoop } from "./real/killLoop.ts"
import { run } from "./sim/Run.ts"

const hashOf = (seed: number): string => run(seed, { fixed: { loadMs: 10_000, messagesMax: 150 } }).traceHash

describe("simulated clusters under faults", () => {
  it.for([1, 2, 3, 4])("keep every promise: seed %i", (seed) => {
    const { stats, violations } = run(seed)
    expect(violations).toEqual([])
    expect(stats.acknowledged).toBeGreaterThan(0)
    expect(stats.strikes).toBeGreaterThan(0)
  })

  it("are the same, byte for byte, for the same seed", () => {
    const hash = hashOf(5)
    expect(hashOf(5)).toBe(hash)
    expect(hashOf(6)).not.toBe(hash)
  })
})

describe("a real broker killed with SIGKILL", () => {
  it("P1 P2 loses nothing that it acknowledged", async () => {
    const report = await killLoop({ cycles: 2, seed: 1 })
    expect(report.violations).toEqual([])
    expect(report.acknowledged).toBeGreaterThan(0)
  })
})
