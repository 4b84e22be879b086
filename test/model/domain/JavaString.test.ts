import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as JavaString from "../../../src/domain/JavaString.ts"
import { text } from "./arbitrary.ts"

describe("JavaString", () => {
  it("knows the hash codes of the protocol's examples", () => {
    expect(JavaString.hashCode("")).toBe(0)
    expect(JavaString.hashCode("TagA")).toBe(2_598_919)
    expect(JavaString.hashCode("order-1001")).toBe(708_180_863)
    expect(JavaString.hashCode("polygenelubricants")).toBe(-2_147_483_648)
  })

  it("int32: a hash code is a signed 32-bit integer", () => {
    fc.assert(fc.property(text, (value) => (JavaString.hashCode(value) | 0) === JavaString.hashCode(value)))
  })

  it("concat: the hash of two texts joined follows from theirs", () => {
    fc.assert(
      fc.property(text, text, (left, right) => {
        let shifted = JavaString.hashCode(left)
        for (let i = 0; i < right.length; i++) shifted = Math.imul(shifted, 31)
        expect(JavaString.hashCode(left + right)).toBe((shifted + JavaString.hashCode(right)) | 0)
      }),
    )
  })

  it("trims control characters and blanks, but no other space", () => {
    expect(JavaString.trim(" \t\u0000a b\u001f\n")).toBe("a b")
    expect(JavaString.trim("\u00a0a\u3000")).toBe("\u00a0a\u3000")
    expect(JavaString.trim(" \t ")).toBe("")
  })

  it("calls nothing, empty text and Java's white space blank, a no-break space not", () => {
    expect(JavaString.isBlank(undefined)).toBe(true)
    expect(JavaString.isBlank("")).toBe(true)
    expect(JavaString.isBlank(" \t\n\u001c\u1680\u2003\u2028\u2029\u205f\u3000")).toBe(true)
    for (const noBreak of ["\u00a0", "\u2007", "\u202f"]) expect(JavaString.isBlank(noBreak)).toBe(false)
  })

  it("compares by code units", () => {
    expect(["b", "", "a", "\ud83d\ude00", "\uff00", "A", "a"].toSorted(JavaString.compare)).toEqual([
      "",
      "A",
      "a",
      "a",
      "b",
      "\ud83d\ude00",
      "\uff00",
    ])
  })
})
