import { describe, expect, it } from "vitest"
import { int16, int32, int64, layout, offset, table } from "./layout.ts"
import { Malformed } from "./Malformed.ts"

const Sample = layout("Sample", {
  small: int16("Two bytes."),
  word: int32("Four bytes."),
  signed: int64("Eight bytes."),
  position: offset("Eight bytes, not negative."),
})

describe("layout", () => {
  it("lays fields out without gaps, big-endian", () => {
    expect(Sample.sizeBytes).toBe(22)
    expect(Sample.offsetOf).toEqual({ small: 0, word: 2, signed: 6, position: 14 })
    expect(Sample.encode({ small: -2, word: 1, signed: -1, position: 258 }).toString("hex")).toBe(
      "fffe00000001ffffffffffffffff0000000000000102",
    )
  })

  it("gives the table of the specification", () => {
    expect(table(Sample)).toEqual([
      [0, 2, "small", "Two bytes."],
      [2, 4, "word", "Four bytes."],
      [6, 8, "signed", "Eight bytes."],
      [14, 8, "position", "Eight bytes, not negative."],
    ])
  })

  it("refuses positions that are negative or not exact, and bytes that are too few", () => {
    const bytes = Sample.encode({ small: 0, word: 0, signed: 0, position: 0 })
    bytes.writeBigInt64BE(-1n, 14)
    expect(Sample.decode(bytes)).toMatchObject({ reason: "position is -1" })
    bytes.writeBigInt64BE(2n ** 53n, 14)
    expect(Sample.decode(bytes)).toBeInstanceOf(Malformed)
    expect(Sample.decode(bytes, 1)).toMatchObject({ reason: "21 bytes, needs 22" })
    expect(Sample.decode(bytes, 30)).toMatchObject({ reason: "0 bytes, needs 22" })
    expect(Sample.decode(bytes, -1)).toBeInstanceOf(Malformed)
  })

  it("rounds what it reads beyond 2^53 and refuses to write it", () => {
    const bytes = Sample.encode({ small: 0, word: 0, signed: 0, position: 0 })
    bytes.writeBigInt64BE(-(2n ** 63n), 6)
    expect(Sample.at.signed(bytes, 0)).toBe(-(2 ** 63))
    expect(() => Sample.set.signed(bytes, 0, 2 ** 53)).toThrow(RangeError)
    expect(() => Sample.encode({ small: 40_000, word: 0, signed: 0, position: 0 })).toThrow(RangeError)
  })
})
