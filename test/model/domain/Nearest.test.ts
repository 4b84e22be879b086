import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { distanceMax, distanceOf, hint, nearest } from "../../../src/domain/Nearest.ts"

const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 })

describe("Nearest", () => {
  it("known: the answer is one of the known words", () => {
    fc.assert(
      fc.property(word, fc.array(word), (wanted, known) => {
        const found = nearest(wanted, known)
        expect(found === undefined || known.includes(found)).toBe(true)
      }),
    )
  })

  it("near: its distance is at most a third of the word's length", () => {
    fc.assert(
      fc.property(word, fc.array(word), (wanted, known) => {
        const found = nearest(wanted, known)
        expect(found === undefined ? 0 : distanceOf(wanted, found)).toBeLessThanOrEqual(distanceMax(wanted))
      }),
    )
  })

  it("nearest: no known word is nearer, and of equally near ones the first wins", () => {
    fc.assert(
      fc.property(word, fc.array(word), (wanted, known) => {
        const near = known.filter((other) => distanceOf(wanted, other) <= distanceMax(wanted))
        const least = Math.min(...near.map((other) => distanceOf(wanted, other)))
        expect(nearest(wanted, known)).toBe(near.find((other) => distanceOf(wanted, other) === least))
      }),
      { numRuns: 1_000 },
    )
  })

  it("counts insertions, deletions, replacements and swaps of neighbours", () => {
    expect(distanceOf("topic", "topic")).toBe(0)
    expect(distanceOf("topic", "topics")).toBe(1)
    expect(distanceOf("topic", "tpic")).toBe(1)
    expect(distanceOf("topic", "tobic")).toBe(1)
    expect(distanceOf("topic", "tpoic")).toBe(1)
    expect(distanceOf("", "abc")).toBe(3)
  })

  it("hints at a mistyped word, whatever its case, and says nothing without one", () => {
    expect(hint("OrderTopc", ["PayTopic", "ordertopic"])).toBe(" Did you mean ordertopic?")
    expect(hint("OrderTopic", ["OrderTopic"])).toBe("")
    expect(hint("OrderTopic", [])).toBe("")
  })
})
