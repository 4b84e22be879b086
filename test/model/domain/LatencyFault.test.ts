import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as LatencyFault from "../../../src/domain/LatencyFault.ts"

const outcome = fc.record({
  latencyMs: fc.nat(20_000),
  isIsolated: fc.boolean(),
  isReachable: fc.boolean(),
  laterMs: fc.nat(20_000),
})

describe("LatencyFault", () => {
  it("longer and passing: a broker is away exactly until the longest of its penalties is over", () => {
    fc.assert(
      fc.property(fc.array(outcome, { minLength: 1, maxLength: 10 }), (outcomes) => {
        const faults = LatencyFault.make()
        let nowMs = 1
        let untilMs = 0
        for (const given of outcomes) {
          nowMs += given.laterMs
          LatencyFault.update(faults, "b", given, nowMs)
          const penaltyMs = LatencyFault.penaltyMsOf(given.latencyMs, given.isIsolated)
          if (penaltyMs > 0) untilMs = Math.max(untilMs, nowMs + penaltyMs)
          expect(LatencyFault.isReachable(faults, "b")).toBe(given.isReachable)
          for (const atMs of [nowMs, untilMs - 1, untilMs]) {
            expect(LatencyFault.isAvailable(faults, "b", atMs)).toBe(atMs >= untilMs)
          }
        }
        expect(LatencyFault.isAvailable(faults, "other", nowMs)).toBe(true)
        expect(LatencyFault.isReachable(faults, "other")).toBe(true)
      }),
    )
  })

  it("knows the penalties of the protocol's examples", () => {
    expect([49, 550, 2_999, 3_000, 20_000].map((ms) => LatencyFault.penaltyMsOf(ms, false))).toEqual([
      0, 2_000, 5_000, 6_000, 30_000,
    ])
    expect(LatencyFault.penaltyMsOf(0, true)).toBe(10_000)
  })

  it("probes each broker no sooner than its interval, and believes a probe that succeeds", () => {
    const faults = LatencyFault.make()
    LatencyFault.update(faults, "b", { latencyMs: 0, isIsolated: true, isReachable: false }, 0)
    expect(LatencyFault.toProbe(faults, 10)).toEqual(["b"])
    expect(LatencyFault.toProbe(faults, 10 + LatencyFault.detectIntervalMs - 1)).toEqual([])
    expect(LatencyFault.toProbe(faults, 10 + LatencyFault.detectIntervalMs)).toEqual(["b"])
    LatencyFault.probed(faults, "b", false)
    expect(LatencyFault.isReachable(faults, "b")).toBe(false)
    LatencyFault.probed(faults, "b", true)
    expect(LatencyFault.isReachable(faults, "b")).toBe(true)
    LatencyFault.probed(faults, "b", undefined)
    LatencyFault.probed(faults, "b", true)
    expect(faults.items.size).toBe(0)
  })
})
