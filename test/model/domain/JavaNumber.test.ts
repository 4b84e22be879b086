import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { compareDoubles, longMax, parseDouble, parseInt32, parseInt64 } from "../../../src/domain/JavaNumber.ts"

describe("JavaNumber", () => {
  it("decimal: every int and long reads back from its text, with a sign or without", () => {
    fc.assert(
      fc.property(fc.bigInt({ max: longMax, min: -longMax - 1n }), (value) => {
        expect(BigInt(parseInt64(String(value))!)).toBe(value)
        if (value >= 0n) expect(parseInt64(`+${value}`)).toBe(parseInt64(String(value)))
      }),
    )
    fc.assert(fc.property(fc.integer(), (value) => void expect(parseInt32(String(value))).toBe(value)))
    expect([parseInt64("-0"), parseInt64("007"), parseInt64("9007199254740992")]).toEqual([0, 7, 9007199254740992n])
  })

  it("decimal: every double reads back from its text, with a suffix or in blanks too", () => {
    fc.assert(
      fc.property(fc.double(), fc.constantFrom("", "d", "F", " ", "\t"), (value, suffix) => {
        const text = Object.is(value, -0) ? "-0.0" : String(value)
        if (Number.isFinite(value) || suffix.trim() === "") expect(parseDouble(text + suffix)).toBe(value)
      }),
    )
    for (const [text, value] of [
      ["5.", 5],
      [".5e1", 5],
      ["+5E-0", 5],
      ["-Infinity", -Infinity],
      ["+Infinity", Infinity],
      ["1e400", Infinity],
      ["0x1p3", 8],
      ["-0x.8P1d", -1],
      ["0x0p0", 0],
      ["-0x0p0", -0],
      ["0x1.8p-1", 0.75],
      ["0x1p-1074", Number.MIN_VALUE],
      ["0x1p99999", Infinity],
      [`0x1${"0".repeat(40)}1p-164`, 1],
    ] as const)
      expect([text, parseDouble(text)]).toEqual([text, value])
    expect(parseDouble("NaN")).toBeNaN()
  })

  it("digits of other scripts count in integers, as they do in Java", () => {
    expect([parseInt64("５"), parseInt64("٤٢"), parseInt64("-९६")]).toEqual([5, 42, -96])
    expect(parseDouble("５")).toBeUndefined()
  })

  it("bounded: what is none, or does not fit, is none", () => {
    for (const text of ["", "+", "-", " 5", "5 ", "5.0", "5L", "0x5", "1_0", "²", "é", "--5"])
      expect([text, parseInt64(text)]).toEqual([text, undefined])
    for (const text of ["9223372036854775808", "-9223372036854775809", "9".repeat(20), "9".repeat(100_000)])
      expect(parseInt64(text)).toBeUndefined()
    expect([parseInt32("2147483647"), parseInt32("2147483648"), parseInt32("-2147483648")]).toEqual([
      2147483647,
      undefined,
      -2147483648,
    ])
    for (const text of ["", ".", "e5", "5e", "5e+", "0x5", "0xp1", "5 d", "infinity", "nan", "5dd", "\u00a05", "５."])
      expect([text, parseDouble(text)]).toEqual([text, undefined])
  })

  it("total: doubles have one order", () => {
    const ascending = [-Infinity, -1, -0, 0, Number.MIN_VALUE, 1, Infinity, Number.NaN]
    for (const [i, left] of ascending.entries())
      for (const [j, right] of ascending.entries()) expect(compareDoubles(left, right)).toBe(Math.sign(i - j))
  })
})
