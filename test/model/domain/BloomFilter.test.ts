import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as BloomFilter from "../../../src/domain/BloomFilter.ts"
import { murmur3 } from "../../../src/format/Murmur3.ts"

const filter = Result.getOrThrow(BloomFilter.make(20, 32))
const bitsOf = (keys: Iterable<string>): Uint8Array => {
  const bits = new Uint8Array(filter.bits / 8)
  for (const key of keys) BloomFilter.add(bits, BloomFilter.positions(filter, murmur3(key)))
  return bits
}
const has = (bits: Uint8Array, key: string): boolean =>
  BloomFilter.has(bits, BloomFilter.positions(filter, murmur3(key)))

describe("BloomFilter", () => {
  it("no miss: every key that was added is found, whatever else was", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 40, unit: fc.constantFrom(..."abcXYZ019%|_-#é中😀") }), { maxLength: 20 }),
        (keys) => {
          const bits = bitsOf(keys)
          expect(keys.filter((key) => !has(bits, key))).toEqual([])
        },
      ),
      { numRuns: 30 },
    )
    expect(has(bitsOf([]), "g#t")).toBe(false)
  })

  it("rate: with as many keys as expected, about as many others are found as said", () => {
    const bits = bitsOf(Array.from({ length: 32 }, (_, i) => `group-${i}#topic`))
    const found = Array.from({ length: 2000 }, (_, i) => has(bits, `other-${i}#topic`)).filter(Boolean).length
    expect(found).toBeGreaterThan(200)
    expect(found).toBeLessThan(600)
  })
})
