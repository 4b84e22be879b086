import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Properties from "../domain/Properties.ts"
import { PropertyBytes } from "./PropertyBytes.ts"

const names = ["a", "ab", "é", "missing"]

describe("PropertyBytes", () => {
  it("reads what Properties.parse reads, wherever the bytes lie", () => {
    const part = fc.constantFrom("a", "ab", "é", "b", "\u0001", "\u0002", "\u0001", "\u0002", "x", "😀")
    const view = new PropertyBytes(names)
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), fc.nat(5), (parts, before) => {
        const text = parts.join("")
        const bytes = Buffer.from(text)
        const buffer = Buffer.concat([
          Buffer.from("\u0002a\u0001z").subarray(0, before),
          bytes,
          Buffer.from("tail\u0002"),
        ])
        const start = Math.min(before, 4)
        view.look(buffer, start, start + bytes.length)
        const parsed = Properties.parse(text)
        expect(names.map((_, index) => view.text(index))).toEqual(names.map((name) => parsed.get(name)))
      }),
    )
  })
})
