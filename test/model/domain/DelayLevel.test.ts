import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as DelayLevel from "../../../src/domain/DelayLevel.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import { MessageFlag } from "../../../src/domain/SysFlag.ts"
import { text, validName } from "./arbitrary.ts"

const levels = DelayLevel.defaultLevels

const place = (properties: string, sysFlag = 0): string =>
  Result.getOrThrow(DelayLevel.rewrite({ topic: "T", queueId: 1, sysFlag, properties }, levels)).topic

describe("DelayLevel", () => {
  it("reads the default text as the default table", () => {
    expect(Result.getOrThrow(DelayLevel.parse(DelayLevel.defaultText))).toEqual(levels)
  })

  it("says which level it cannot read", () => {
    const refused = DelayLevel.parse("1s 5x")
    expect(Result.isFailure(refused) && refused.failure.remark).toContain('no delay in level 2: "5x"')
  })

  it("there and back: a rewritten message goes where it was to go", () => {
    fc.assert(
      fc.property(validName, fc.nat(1_000), fc.integer({ min: 1, max: 30 }), text, (topic, queueId, level, more) => {
        const properties = Properties.set(Properties.print(Properties.parse(more)), "DELAY", String(level))
        const message = { topic, queueId, sysFlag: 0, properties }
        const placed = Result.getOrThrow(DelayLevel.rewrite(message, levels))
        expect(placed.topic).toBe("SCHEDULE_TOPIC_XXXX")
        expect(placed.queueId).toBe(Math.min(level, 18) - 1)
        expect(DelayLevel.levelOfQueue(placed.queueId)).toBe(DelayLevel.levelOf(placed.properties))
        const back = DelayLevel.restore(placed.properties)!
        expect([back.topic, back.queueId, back.properties]).toEqual([topic, queueId, placed.properties])
        const after = Properties.parse(placed.properties)
        for (const name of ["REAL_TOPIC", "REAL_QID", "DELAY"]) after.delete(name)
        const before = Properties.parse(properties)
        for (const name of ["REAL_TOPIC", "REAL_QID", "DELAY"]) before.delete(name)
        expect(after).toEqual(before)
      }),
    )
  })

  it("leaves messages without a level, and halves, where they are", () => {
    expect(place("")).toBe("T")
    expect(place("DELAY\u00010\u0002")).toBe("T")
    expect(place("DELAY\u0001-1\u0002")).toBe("T")
    expect(place("DELAY\u00013\u0002", MessageFlag.TRANSACTION_PREPARED)).toBe("T")
    expect(place("DELAY\u00013\u0002", MessageFlag.TRANSACTION_COMMIT)).toBe("SCHEDULE_TOPIC_XXXX")
  })

  it("refuses a level that is no number", () => {
    const refused = DelayLevel.rewrite(
      { topic: "T", queueId: 1, sysFlag: 0, properties: "DELAY\u0001soon\u0002" },
      levels,
    )
    expect(Result.isFailure(refused) && refused.failure).toMatchObject({ code: "MESSAGE_ILLEGAL" })
    expect(DelayLevel.levelOf("DELAY\u000199999999999\u0002")).toBeNaN()
    expect(DelayLevel.levelOf("DELAY\u0001+3\u0002")).toBe(3)
  })

  it("drops a delayed message that has nowhere to go", () => {
    expect(DelayLevel.restore("REAL_QID\u00011\u0002")).toBeUndefined()
    expect(DelayLevel.restore("REAL_TOPIC\u0001T\u0002")).toBeUndefined()
    expect(DelayLevel.restore("REAL_TOPIC\u0001RMQ_SYS_TRANS_HALF_TOPIC\u0002REAL_QID\u00011\u0002")).toBeUndefined()
  })

  it("never early: whatever the clock does, a message waits its level's delay of real time", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 18 }),
        fc.nat(10_000_000),
        fc.integer({ min: -10_000_000, max: 10_000_000 }),
        fc.nat(10_000_000),
        (level, storedMs, jumpMs, seenAfterMs) => {
          const delayMs = DelayLevel.delayMsOf(levels, level)
          const entryDueMs = DelayLevel.dueMs(levels, level, storedMs)
          // By the clock as it runs after a jump: when the message was really stored, and when it is the head.
          const storedReallyMs = storedMs + jumpMs
          const seenMs = storedReallyMs + seenAfterMs
          const atMs = DelayLevel.deliverAtMs(entryDueMs, seenMs, delayMs)
          if (jumpMs <= 0) expect(atMs).toBeGreaterThanOrEqual(storedReallyMs + delayMs)
          expect(atMs).toBeLessThanOrEqual(seenMs + delayMs)
          expect(atMs).toBeLessThanOrEqual(entryDueMs)
        },
      ),
    )
  })

  it("not for ever: a clock that fell back delays a message by one more wait at most", () => {
    expect(DelayLevel.deliverAtMs(10_000_000, 1_000, 5_000)).toBe(6_000)
    expect(DelayLevel.deliverAtMs(10_000, 9_000, 5_000)).toBe(10_000)
    expect(DelayLevel.deliverAtMs(10_000, 90_000, 5_000)).toBe(10_000)
  })

  it("goes on from within the queue", () => {
    expect([3, 7, 12].map((offset) => DelayLevel.clampOffset(offset, 5, 10))).toEqual([5, 7, 10])
  })
})
