/** Laws of a producer's back-pressure. */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { BackPressure } from "../../../src/client/core/BackPressure.ts"
import { makeSimWorld } from "../../../src/infra/world/SimWorld.ts"

const room = { bytesMax: 100, messagesMax: 3 }

it("bounded, in line: whoever comes and goes, the bounds hold and the first in line is the first to enter", () => {
  const step = fc.oneof(
    fc.record({ enter: fc.integer({ max: 150, min: 0 }) }),
    fc.record({ release: fc.nat(5) }),
    fc.record({ leave: fc.nat(5) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = makeSimWorld(1)
      const pressure = new BackPressure(world.node("n", "10.0.0.1").world.clock, room)
      const inside: Array<{ id: number; size: number }> = []
      const line: Array<{ id: number; leave: () => void }> = []
      let id = 0
      const check = (): void => {
        const bytes = inside.reduce((sum, { size }) => sum + size, 0)
        expect([pressure.messages, pressure.bytes, pressure.waiting]).toEqual([inside.length, bytes, line.length])
        if (inside.length > 1) expect(bytes).toBeLessThanOrEqual(room.bytesMax)
        expect(inside.length).toBeLessThanOrEqual(room.messagesMax)
      }
      for (const one of steps) {
        if ("enter" in one) {
          const own = id++
          let hasEntered = false
          const entered = (): void => {
            hasEntered = true
            if (line.length > 0 && line[0]!.id === own) line.shift()
            else expect(line.some((waiting) => waiting.id === own)).toBe(false)
            inside.push({ id: own, size: one.enter })
          }
          const leave = pressure.enter(one.enter, 1_000, entered, () => {})
          if (!hasEntered) line.push({ id: own, leave })
        } else if ("release" in one) {
          const [gone] = inside.splice(one.release, 1)
          if (gone !== undefined) pressure.release(gone.size)
        } else {
          const [gone] = line.splice(one.leave, 1)
          gone?.leave()
        }
        check()
      }
    }),
    { numRuns: 200 },
  )
})

it("who waits too long is told once, and never enters", () => {
  const world = makeSimWorld(1)
  const pressure = new BackPressure(world.node("n", "10.0.0.1").world.clock, { bytesMax: 10, messagesMax: 1 })
  const told: Array<string> = []
  pressure.enter(
    1,
    100,
    () => told.push("first in"),
    () => told.push("first late"),
  )
  pressure.enter(
    1,
    100,
    () => told.push("second in"),
    () => told.push("second late"),
  )
  world.sim.runFor(200)
  pressure.release(1)
  expect(told).toEqual(["first in", "second late"])
})
