import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultLevels } from "../../../src/domain/DelayLevel.ts"
import * as RetryPolicy from "../../../src/domain/RetryPolicy.ts"
import type { GroupRetryPolicy } from "../../../src/domain/SubscriptionGroup.ts"

const anyMs = fc.nat(20_000_000)
const anyTable = fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 20 })
const anyPolicy: fc.Arbitrary<GroupRetryPolicy> = fc.oneof(
  fc
    .record({ next: fc.array(fc.integer({ min: -5, max: 10_000_000 }), { maxLength: 8 }) })
    .map((customizedRetryPolicy): GroupRetryPolicy => ({ customizedRetryPolicy, type: "CUSTOMIZED" })),
  fc
    .record({ initial: anyMs, max: anyMs, multiplier: fc.oneof(fc.integer({ min: -3, max: 9 }), fc.maxSafeInteger()) })
    .map((exponentialRetryPolicy): GroupRetryPolicy => ({ exponentialRetryPolicy, type: "EXPONENTIAL" })),
)

describe("RetryPolicy", () => {
  it("patient and tight: a level is long enough, and no shorter one would be", () => {
    fc.assert(
      fc.property(anyTable, anyMs, (levels, delayMs) => {
        const level = RetryPolicy.levelFor(levels, delayMs)
        const chosen = levels[level - 1]!
        if (chosen < delayMs) expect(chosen).toBe(Math.max(...levels))
        else for (const other of levels) if (other >= delayMs) expect(chosen).toBeLessThanOrEqual(other)
      }),
    )
  })

  it("bounded: no delay is negative, and an exponential one is not above its maximum", () => {
    fc.assert(
      fc.property(anyPolicy, fc.integer({ min: -3, max: 2_147_483_647 }), (policy, times) => {
        const delayMs = RetryPolicy.nextDelayMs(policy, times)
        expect(delayMs).toBeGreaterThanOrEqual(0)
        if (policy.type === "EXPONENTIAL") expect(delayMs).toBeLessThanOrEqual(policy.exponentialRetryPolicy!.max)
      }),
    )
  })

  it("default: the default policy chooses the level that a broker chooses without one", () => {
    for (let times = 0; times <= 40; times++) {
      const delayMs = RetryPolicy.nextDelayMs({ type: "CUSTOMIZED" }, times)
      expect(RetryPolicy.levelFor(defaultLevels, delayMs)).toBe(Math.min(3 + times, 18))
    }
    expect(RetryPolicy.isOwn({ type: "CUSTOMIZED" })).toBe(false)
    expect(RetryPolicy.isOwn({ customizedRetryPolicy: { next: [] }, type: "CUSTOMIZED" })).toBe(false)
    expect(RetryPolicy.isOwn({ customizedRetryPolicy: { next: [1000] }, type: "CUSTOMIZED" })).toBe(true)
    expect(RetryPolicy.isOwn({ type: "EXPONENTIAL" })).toBe(true)
  })
})
