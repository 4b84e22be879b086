import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Retention from "../../../src/domain/Retention.ts"

const hourMs = 3_600_000
const nowMs = 1_000 * hourMs

const segments = fc
  .array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 100 }), fc.boolean()), { maxLength: 15 })
  .map((given): ReadonlyArray<Retention.Segment> => {
    const ages = given.map(([age]) => age).toSorted((a, b) => b - a)
    return given.map(([, sizeBytes, isRead], i) => ({
      baseOffset: i * 100,
      sizeBytes,
      lastStoreTimestampMs: isRead ? nowMs - ages[i]! * hourMs : undefined,
    }))
  })

const now = fc.record({
  nowMs: fc.constant(nowMs),
  hour: fc.integer({ min: 0, max: 23 }),
  usedPercent: fc.option(fc.record({ commitLog: fc.nat(100), consumeQueue: fc.nat(100) }), { nil: undefined }),
  isAsked: fc.boolean(),
  awaitedOffset: fc.option(fc.nat(1500), { nil: undefined }),
})

const constant = fc.constant
const rule: fc.Arbitrary<Retention.Rule> = fc.record(
  {
    fileReservedTimeHours: constant(72),
    deleteWhenHours: constant([4]),
    deleteFileBatchMax: constant(10),
    diskMaxUsedSpaceRatio: constant(75),
    diskSpaceCleanForciblyRatio: constant(85),
    diskSpaceWarningLevelRatio: constant(90),
    cleanFileForciblyEnable: fc.boolean(),
    totalBytesMax: fc.nat(500),
  },
  {
    requiredKeys: [
      "fileReservedTimeHours",
      "deleteWhenHours",
      "deleteFileBatchMax",
      "diskMaxUsedSpaceRatio",
      "diskSpaceCleanForciblyRatio",
      "diskSpaceWarningLevelRatio",
      "cleanFileForciblyEnable",
    ],
  },
)

describe("Retention", () => {
  it("oldest first: a prefix goes, and never the last segment", () => {
    fc.assert(
      fc.property(segments, rule, now, (all, given, at) => {
        const { count, reason } = Retention.decide(all, given, at)
        expect(count).toBeGreaterThanOrEqual(0)
        expect(count).toBeLessThanOrEqual(Math.max(0, all.length - 1))
        if (reason === undefined) expect(count).toBe(0)
        if (reason !== "TotalBytes") expect(count).toBeLessThanOrEqual(given.deleteFileBatchMax)
      }),
      { numRuns: 1_000 },
    )
  })

  it("kept: without pressure nothing younger than its time goes", () => {
    fc.assert(
      fc.property(segments, rule, now, (all, given, at) => {
        const { count, reason } = Retention.decide(all, given, at)
        if (reason !== "Expired") return
        for (const segment of all.slice(0, count)) {
          expect(nowMs - segment.lastStoreTimestampMs!).toBeGreaterThanOrEqual(72 * hourMs)
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it("awaited: age alone takes no message that waits for its delivery", () => {
    fc.assert(
      fc.property(segments, rule, now, (all, given, at) => {
        const { count, reason } = Retention.decide(all, given, at)
        if (reason !== "Expired" || at.awaitedOffset === undefined) return
        const { baseOffset, sizeBytes } = all[count - 1]!
        expect(at.awaitedOffset).toBeGreaterThanOrEqual(baseOffset + sizeBytes)
      }),
      { numRuns: 1000 },
    )
    const two = [0, 100, 200].map((baseOffset) => ({ baseOffset, lastStoreTimestampMs: 0, sizeBytes: 100 }))
    const asked = { hour: 4, isAsked: true, nowMs, usedPercent: undefined }
    const count = (awaitedOffset: number | undefined): number =>
      Retention.decide(two, Retention.defaults, { ...asked, awaitedOffset }).count
    expect([undefined, 250, 200, 199, 100, 99, 0].map(count)).toEqual([2, 2, 2, 1, 1, 0, 0])
  })

  it("relieved: as long as two segments are left, pressure takes at least one", () => {
    fc.assert(
      fc.property(segments, rule, now, (all, given, at) => {
        const used = at.usedPercent
        const isPressed = used !== undefined && Math.max(used.commitLog, used.consumeQueue) > 85
        const total = all.reduce((sum, segment) => sum + segment.sizeBytes, 0)
        const isOver = given.totalBytesMax !== undefined && total > given.totalBytesMax
        const { count, isDiskFull } = Retention.decide(all, given, at)
        if (all.length >= 2 && (isOver || (isPressed && given.cleanFileForciblyEnable))) {
          expect(count).toBeGreaterThanOrEqual(1)
        }
        expect(isDiskFull).toBe(used !== undefined && Math.max(used.commitLog, used.consumeQueue) > 90)
        if (!isOver) return
        const left = all.slice(count).reduce((sum, segment) => sum + segment.sizeBytes, 0)
        expect(left <= given.totalBytesMax! || count === all.length - 1).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it("deletes what has expired in its hour, when asked, or when the disk fills", () => {
    const old: ReadonlyArray<Retention.Segment> = [0, 100, 200].map((baseOffset) => ({
      baseOffset,
      sizeBytes: 100,
      lastStoreTimestampMs: nowMs - 72 * hourMs,
    }))
    const at = { nowMs, hour: 5, usedPercent: { commitLog: 10, consumeQueue: 10 }, isAsked: false }
    const count = (more: Partial<Retention.Now>): number =>
      Retention.decide(old, Retention.defaults, { ...at, ...more }).count
    expect(count({})).toBe(0)
    expect(count({ hour: 4 })).toBe(2)
    expect(count({ isAsked: true })).toBe(2)
    expect(count({ usedPercent: { commitLog: 76, consumeQueue: 10 } })).toBe(2)
    expect(count({ hour: 4, nowMs: nowMs - 1 })).toBe(0)
  })

  it("reserve: a full store takes no client message, and system records down to the reserve", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.nat(1_000), fc.nat(500), fc.nat(300), (isFull, free, reserve, size) => {
        const client = Retention.admits("Client", isFull, free, reserve, size)
        const system = Retention.admits("System", isFull, free, reserve, size)
        expect(client).toBe(!isFull && free - size > reserve)
        if (client) expect(system).toBe(true)
        expect(system).toBe(free > size)
      }),
    )
  })

  it("rounds the use of a disk up", () => {
    expect(Retention.usedPercentOf(1_000, 1_000)).toBe(0)
    expect(Retention.usedPercentOf(1_000, 999)).toBe(1)
    expect(Retention.usedPercentOf(1_000, 0)).toBe(100)
    expect(Retention.usedPercentOf(0, 0)).toBe(0)
  })
})
