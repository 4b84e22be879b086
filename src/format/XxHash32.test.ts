import { createRequire } from "node:module"
import fc from "fast-check"
import { expect, it } from "vitest"
import { xxHash32 } from "./XxHash32.ts"

it("gives the hashes that its specification and its reference list", () => {
  expect(xxHash32(Buffer.from(""))).toBe(0x02_cc_5d_05)
  expect(xxHash32(Buffer.from("a"))).toBe(0x55_0d_74_56)
  expect(xxHash32(Buffer.from("abc"))).toBe(0x32_d1_53_ff)
  expect(xxHash32(Buffer.from("Nobody inspects the spammish repetition"))).toBe(0xe2_29_3b_2f)
})

it("agrees with another implementation on any range of any bytes", () => {
  const other = createRequire(import.meta.url)("lz4js/xxh32.js") as {
    readonly hash: (seed: number, bytes: Uint8Array, start: number, length: number) => number
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (array, start) => {
      const bytes = Buffer.from(array)
      const from = Math.min(start, bytes.length)
      expect(xxHash32(bytes, from)).toBe(other.hash(0, bytes, from, bytes.length - from) >>> 0)
    }),
  )
})
