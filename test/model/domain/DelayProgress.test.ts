import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as DelayProgress from "../../../src/domain/DelayProgress.ts"

describe("DelayProgress", () => {
  it("set and packed: it answers what a set of delivered offsets answers, in as few runs as there are", () => {
    const step = fc.oneof(
      { arbitrary: fc.record({ kind: fc.constant("delivered" as const), offset: fc.nat(20) }), weight: 6 },
      fc.record({ kind: fc.constant("skipTo" as const), offset: fc.nat(20) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const progress = DelayProgress.make()
        const done = new Set<number>()
        for (const { kind, offset } of steps) {
          DelayProgress[kind](progress, offset)
          if (kind === "delivered") done.add(offset)
          else for (let below = 0; below < offset; below++) done.add(below)
          for (let from = 0; from <= 22; from++) {
            let left = from
            while (done.has(left)) left++
            // Below `next` all is done, so that the first that is left there is `next` itself.
            expect(DelayProgress.firstLeft(progress, from)).toBe(left)
          }
          let end = progress.next
          for (const [first, behind] of progress.ahead) {
            expect(first).toBeGreaterThan(end)
            expect(behind).toBeGreaterThan(first)
            end = behind
          }
        }
        expect(DelayProgress.make(progress.next, progress.ahead)).toEqual(progress)
      }),
      { numRuns: 300 },
    )
  })
})
