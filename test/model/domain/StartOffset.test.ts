import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as StartOffset from "../../../src/domain/StartOffset.ts"

const settings = fc.constantFrom(
  "CONSUME_FROM_LAST_OFFSET" as const,
  "CONSUME_FROM_FIRST_OFFSET" as const,
  "CONSUME_FROM_TIMESTAMP" as const,
  "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST" as const,
  "CONSUME_FROM_MIN_OFFSET" as const,
  "CONSUME_FROM_MAX_OFFSET" as const,
)

describe("StartOffset", () => {
  it("goes on: a stored offset is where it starts, whatever the setting", () => {
    fc.assert(
      fc.property(settings, fc.nat(), fc.constantFrom("T", "%RETRY%g"), (setting, stored, topic) => {
        expect(StartOffset.decide(setting, stored, topic)).toEqual({ _tag: "At", queueOffset: stored })
      }),
    )
  })

  it("no guess: an offset that could not be asked for is not replaced by another", () => {
    fc.assert(
      fc.property(settings, fc.constantFrom("T", "%RETRY%g"), (setting, topic) => {
        expect(StartOffset.decide(setting, "failed", topic)).toEqual({ _tag: "Unknown" })
      }),
    )
  })

  it("starts a new group where its setting says, and a retry topic so that no retry is skipped", () => {
    expect(StartOffset.decide("CONSUME_FROM_LAST_OFFSET", undefined, "T")).toEqual({ _tag: "Max" })
    expect(StartOffset.decide("CONSUME_FROM_LAST_OFFSET", undefined, "%RETRY%g")).toEqual({
      _tag: "At",
      queueOffset: 0,
    })
    expect(StartOffset.decide("CONSUME_FROM_FIRST_OFFSET", undefined, "T")).toEqual({ _tag: "At", queueOffset: 0 })
    expect(StartOffset.decide("CONSUME_FROM_TIMESTAMP", undefined, "T")).toEqual({ _tag: "Timestamp" })
    expect(StartOffset.decide("CONSUME_FROM_TIMESTAMP", undefined, "%RETRY%g")).toEqual({ _tag: "Max" })
  })
})
