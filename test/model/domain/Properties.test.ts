import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Properties from "../../../src/domain/Properties.ts"
import { text } from "./arbitrary.ts"

const word = fc.string({ unit: fc.constantFrom("a", "b", "K", " ", "\u4e2d"), minLength: 1, maxLength: 4 })
const propertyText = fc.string({ unit: fc.constantFrom("a", "b", "\u0001", "\u0002"), maxLength: 30 })

describe("Properties", () => {
  it("round-trip: what is printed is read again", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word)), (pairs) => {
        const map = new Map(pairs)
        expect(Properties.parse(Properties.print(map))).toEqual(map)
      }),
    )
  })

  it("find: it answers what the parsed map holds, for every text", () => {
    fc.assert(
      fc.property(
        fc.oneof(propertyText, text),
        fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 3 }),
        (all, name) => {
          expect(Properties.find(all, name)).toBe(Properties.parse(all).get(name))
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it("set: the name has the value and every other name keeps its own", () => {
    fc.assert(
      fc.property(propertyText, word, word, (all, name, value) => {
        const before = Properties.parse(all)
        expect(Properties.parse(Properties.set(all, name, value))).toEqual(before.set(name, value))
      }),
      { numRuns: 500 },
    )
  })

  it("removes every pair of a name and nothing else", () => {
    fc.assert(
      fc.property(propertyText, word, (all, name) => {
        const before = Properties.parse(all)
        before.delete(name)
        expect(Properties.parse(Properties.remove(all, name))).toEqual(before)
      }),
    )
  })

  it("appends behind a text whose last pair is not closed", () => {
    expect(Properties.append("a\u00011", "b", "2")).toBe("a\u00011\u0002b\u00012\u0002")
    expect(Properties.append("", "b", "2")).toBe("b\u00012\u0002")
  })
})
