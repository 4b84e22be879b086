import { describe, expect, it } from "vitest"
import * as Ext from "./Ext.ts"

const ext: Ext.Ext = {
  text: "a",
  empty: "",
  number: 5,
  flag: true,
  none: null,
  absent: undefined,
  plus: "+7",
  zero: "-0",
}

describe("Ext", () => {
  it("reads strings, numbers and booleans as text, null as absence", () => {
    expect(["text", "empty", "number", "flag", "none", "absent", "other"].map((name) => Ext.text(ext, name))).toEqual([
      "a",
      "",
      "5",
      "true",
      undefined,
      undefined,
      undefined,
    ])
  })

  it("does not take what an object inherits for a parameter", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
      expect(Ext.text({}, name)).toBeUndefined()
      expect(Ext.int({}, name)).toBeUndefined()
    }
  })

  it("reads numbers as Java parses them, NaN when they cannot be read", () => {
    expect(Ext.int(ext, "number")).toBe(5)
    expect(Ext.int(ext, "plus")).toBe(7)
    expect(Ext.int(ext, "zero")).toBe(0)
    expect(Ext.int(ext, "other")).toBeUndefined()
    for (const text of ["", " 1", "1.0", "0x1", "1e3", "2147483648", "-2147483649", "abc", "١"]) {
      expect(Ext.int({ text }, "text"), text).toBeNaN()
    }
    expect(Ext.int({ text: "-2147483648" }, "text")).toBe(-2_147_483_648)
  })

  it("refuses a long that a number cannot hold, but rounds a time", () => {
    expect(Ext.long({ a: "9007199254740991" }, "a")).toBe(Number.MAX_SAFE_INTEGER)
    expect(Ext.long({ a: "9007199254740992" }, "a")).toBeNaN()
    expect(Ext.time({ a: "9223372036854775807" }, "a")).toBe(2 ** 63)
    expect(Ext.time({ a: "-9223372036854775808" }, "a")).toBe(-(2 ** 63))
    expect(Ext.time({ a: "+9007199254740993" }, "a")).toBe(9_007_199_254_740_992)
    expect(Ext.time({ a: "9223372036854775808" }, "a")).toBeNaN()
    expect(Ext.time({}, "a")).toBeUndefined()
    expect(Ext.long({}, "a")).toBeUndefined()
  })

  it("prints a time so that Java can read it", () => {
    expect(Ext.printTime(17)).toBe(17)
    expect(Ext.printTime(2 ** 63)).toBe("9223372036854775807")
    expect(Ext.printTime(-(2 ** 70))).toBe("-9223372036854775808")
    expect(Ext.printTime(2 ** 60)).toBe("1152921504606846976")
  })

  it("takes true in any case for true, anything else for false", () => {
    expect(["true", "TRUE", "True", "false", "1", "yes", ""].map((text) => Ext.flag({ text }, "text"))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ])
    expect(Ext.flag({}, "text")).toBeUndefined()
  })
})
