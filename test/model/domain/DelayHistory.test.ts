import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as DelayHistory from "../../../src/domain/DelayHistory.ts"
import { type DelayLevels, defaultLevels, delayMsOf } from "../../../src/domain/DelayLevel.ts"

const table: fc.Arbitrary<DelayLevels> = fc.array(fc.constantFrom(1000, 2000, 5000), { maxLength: 3, minLength: 1 })
/** Places where another table begins, and the log offsets of a level's queue, rising. */
const rising = (max: number) =>
  fc.array(fc.integer({ max: 50, min: 1 }), { maxLength: max }).map((steps) => {
    let at = 0
    return steps.map((step) => (at += step))
  })
const history = fc
  .tuple(table, rising(5), fc.array(table, { maxLength: 5, minLength: 5 }))
  .map(([first, places, tables]) =>
    places.reduce<DelayHistory.DelayHistory>(
      (all, place, at) => DelayHistory.begin(all, place, tables[at]!),
      DelayHistory.make(first),
    ),
  )

describe("DelayHistory", () => {
  it("in force: the table that began last at or before a place", () => {
    fc.assert(
      fc.property(history, fc.nat(260), (all, place) => {
        const before = all.filter(({ commitLogOffset }) => commitLogOffset <= place)
        expect(DelayHistory.levelsAt(all, place)).toBe(before.at(-1)!.levels)
        expect(DelayHistory.current(all)).toBe(all.at(-1)!.levels)
      }),
    )
  })

  it("cut: lanes cover the queue in order and without gaps, each with the delay of its messages", () => {
    fc.assert(
      fc.property(history, rising(20), fc.integer({ max: 3, min: 1 }), fc.nat(3), (all, places, level, min) => {
        const firstFrom = (commitLogOffset: number): number => {
          const found = places.findIndex((place) => place >= commitLogOffset)
          return min + (found < 0 ? places.length : found)
        }
        const lanes = DelayHistory.lanes(all, level, min, firstFrom)
        let end = min
        for (const lane of lanes) {
          expect(lane.begin).toBe(end)
          expect(lane.end).toBeGreaterThan(lane.begin)
          end = lane.end
        }
        expect(end).toBe(Number.POSITIVE_INFINITY)
        for (const [at, place] of places.entries()) {
          const levels = DelayHistory.levelsAt(all, place)
          if (level > levels.length) continue
          const lane = lanes.find(({ begin, end: behind }) => begin <= min + at && min + at < behind)
          expect(lane?.delayMs).toBe(delayMsOf(levels, level))
        }
        for (let at = 1; at < lanes.length; at++) expect(lanes[at]!.delayMs).not.toBe(lanes[at - 1]!.delayMs)
      }),
    )
  })

  it("forgetful: what is left says the same of the records that are left", () => {
    fc.assert(
      fc.property(history, fc.nat(260), fc.nat(260), (all, min, place) => {
        const left = DelayHistory.forget(all, min)
        expect(left[0].commitLogOffset).toBe(0)
        expect(left.length).toBeLessThanOrEqual(all.length)
        expect(DelayHistory.levelsAt(left, min + place)).toEqual(DelayHistory.levelsAt(all, min + place))
      }),
    )
  })

  it("begins with RocketMQ's levels; a record that was folded already changes nothing", () => {
    const all = DelayHistory.begin(DelayHistory.make(), 7, [1000])
    expect(DelayHistory.levelsAt(all, 6)).toBe(defaultLevels)
    expect(DelayHistory.begin(all, 7, [1000])).toBe(all)
    expect(DelayHistory.levelsMax(all)).toBe(18)
    const same = [DelayHistory.isSame([1, 2], [1, 2]), DelayHistory.isSame([1, 2], [1]), DelayHistory.isSame([1], [2])]
    expect(same).toEqual([true, false, false])
  })

  it("leaves a message in a level that its table has not to the longest wait there is", () => {
    const all = DelayHistory.begin(DelayHistory.make([1000]), 100, [1000, 9000])
    expect(DelayHistory.lanes(all, 2, 0, () => 4)).toEqual([{ begin: 0, delayMs: 9000, end: Number.POSITIVE_INFINITY }])
  })
})
