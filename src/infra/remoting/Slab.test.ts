import fc from "fast-check"
import { expect, it } from "vitest"
import { Slab } from "./Slab.ts"

it("what it cuts has the size that was asked for, and no byte in common with anything else", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ max: 100_000, min: 0 }), { maxLength: 60 }), (sizes) => {
      const slab = new Slab()
      const cuts = sizes.map((size) => slab.cut(size))
      for (const [n, cut] of cuts.entries()) cut.fill(n)
      for (const [n, cut] of cuts.entries()) {
        expect(cut.length).toBe(sizes[n])
        expect(cut.every((byte) => byte === n)).toBe(true)
      }
    }),
    { numRuns: 20 },
  )
})

it("P11: a large frame does not hold a slab", () => {
  const slab = new Slab()
  const small = slab.cut(1000)
  expect(slab.cut(60_000).buffer.byteLength).toBe(60_000)
  expect(slab.cut(1000).buffer).toBe(small.buffer)
})
