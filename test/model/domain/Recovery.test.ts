import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Recovery from "../../../src/domain/Recovery.ts"

const stopped = fc.record({
  badAtOffset: fc.nat(100),
  isBlank: fc.boolean(),
  durableMark: fc.option(fc.nat(100), { nil: undefined }),
  wasCleanShutdown: fc.boolean(),
  isFollowed: fc.boolean(),
})

/** Segments of 100 bytes; times grow with the offset. */
const start = fc.record({
  firstRecords: fc.array(fc.tuple(fc.boolean(), fc.nat(2_000)), { minLength: 1, maxLength: 6 }).map((given) => {
    let timeMs = 1
    return given.map(([isRead, laterMs], i) => {
      timeMs += laterMs
      return isRead ? { commitLogOffset: i * 100, storeTimestampMs: timeMs } : undefined
    })
  }),
  wasCleanShutdown: fc.boolean(),
  queuedOffsetMax: fc.integer({ min: -1, max: 700 }),
  checkpoint: fc.record({
    physicMsgTimestampMs: fc.nat(12_000),
    logicsMsgTimestampMs: fc.nat(12_000),
    indexMsgTimestampMs: fc.nat(12_000),
    logicsPhysicalOffset: fc.oneof(fc.constant(0), fc.nat(700)),
  }),
  isIndexSafe: fc.boolean(),
  durableMark: fc.option(fc.nat(700), { nil: undefined }),
})

describe("Recovery", () => {
  it("promised and torn: with a mark, exactly what lies at or above it is cut", () => {
    fc.assert(
      fc.property(stopped, (given) => {
        if (given.durableMark === undefined) return
        expect(Recovery.verdict(given)).toBe(given.badAtOffset >= given.durableMark ? "cut" : "rot")
      }),
    )
  })

  it("promised: without a mark, nothing is cut that is followed by records or was left in order", () => {
    fc.assert(
      fc.property(stopped, (given) => {
        if (given.durableMark !== undefined) return
        const isTail = !given.isFollowed && (given.isBlank || !given.wasCleanShutdown)
        expect(Recovery.verdict(given)).toBe(isTail ? "cut" : "rot")
      }),
    )
  })

  it("covered: the scan starts at or before everything that queues, index or mark may lack", () => {
    fc.assert(
      fc.property(start, (given) => {
        const index = Recovery.startSegment(given)
        expect(index).toBeGreaterThanOrEqual(0)
        expect(index).toBeLessThan(given.firstRecords.length)
        if (index === 0) return
        const first = given.firstRecords[index]!
        if (given.durableMark !== undefined) expect(first.commitLogOffset).toBeLessThanOrEqual(given.durableMark)
        if (given.isIndexSafe) expect(first.storeTimestampMs).toBeLessThanOrEqual(given.checkpoint.indexMsgTimestampMs)
        if (given.wasCleanShutdown) expect(first.commitLogOffset).toBeLessThanOrEqual(given.queuedOffsetMax)
        else if (given.checkpoint.logicsPhysicalOffset > 0) {
          expect(first.commitLogOffset).toBeLessThanOrEqual(given.checkpoint.logicsPhysicalOffset)
        } else expect(first.storeTimestampMs + 3_000).toBeLessThanOrEqual(given.checkpoint.logicsMsgTimestampMs)
      }),
      { numRuns: 1_000 },
    )
  })

  it("covered: no newer segment would have done", () => {
    const records = [0, 100, 200, 300].map((commitLogOffset) => ({
      commitLogOffset,
      storeTimestampMs: 1 + commitLogOffset,
    }))
    const checkpoint = {
      physicMsgTimestampMs: 0,
      logicsMsgTimestampMs: 0,
      indexMsgTimestampMs: 150,
      logicsPhysicalOffset: 250,
    }
    const at = {
      firstRecords: records,
      wasCleanShutdown: true,
      queuedOffsetMax: 260,
      checkpoint,
      isIndexSafe: false,
      durableMark: undefined,
    }
    expect(Recovery.startSegment(at)).toBe(2)
    expect(Recovery.startSegment({ ...at, queuedOffsetMax: -1 })).toBe(0)
    expect(Recovery.startSegment({ ...at, isIndexSafe: true })).toBe(1)
    expect(Recovery.startSegment({ ...at, durableMark: 150 })).toBe(1)
    expect(Recovery.startSegment({ ...at, wasCleanShutdown: false })).toBe(2)
    expect(Recovery.startSegment({ ...at, firstRecords: [records[0], undefined, undefined, undefined] })).toBe(0)
  })

  it("hands on only what the queues cannot have after an orderly stop, everything after another one", () => {
    expect([99, 100, 101].map((offset) => Recovery.isDispatched(true, 100, offset))).toEqual([false, false, true])
    expect(Recovery.isDispatched(false, 100, 99)).toBe(true)
  })
})
