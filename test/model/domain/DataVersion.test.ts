import * as fc from "fast-check"
import { expect, it } from "vitest"
import { initial, isEqual, next } from "../../../src/domain/DataVersion.ts"

it("moved: a bumped version never equals the one before", () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.tuple(fc.nat(), fc.nat(3)), { minLength: 1 }), (startMs, bumps) => {
      let version = initial(startMs)
      for (const [nowMs, epoch] of bumps) {
        const moved = next(version, nowMs, epoch)
        expect(isEqual(version, moved)).toBe(false)
        expect(isEqual(moved, { ...moved })).toBe(true)
        version = moved
      }
      expect(version.counter).toBe(bumps.length)
    }),
  )
})
