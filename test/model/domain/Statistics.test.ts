import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Statistics from "../../../src/domain/Statistics.ts"

const { find, make, perSecond, raise, sample, total } = Statistics

/** Raises by the numbers, and a sample after each. */
const run = (values: ReadonlyArray<number>): Statistics.Statistics => {
  const statistics = make()
  for (const [i, value] of values.entries()) {
    raise(statistics, "TOPIC_PUT_NUMS", "T", value, value > 0 ? 1 : 0, i * 10_000)
    sample(statistics, (i + 1) * 10_000)
  }
  return statistics
}

const sumOf = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0)

describe("statistics", () => {
  it("sum: a minute is what was raised in the last six periods, an hour and a day by their own", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { maxLength: 40, minLength: 1 }), (values) => {
        const windows = find(run(values), "TOPIC_PUT_NUMS", "T")!
        const last = values.slice(-6)
        expect(windows.statsMinute.sum).toBe(sumOf(last))
        expect(windows.statsMinute.tps).toBeCloseTo(sumOf(last) / (last.length * 10))
        const times = last.filter((value) => value > 0).length
        expect(windows.statsMinute.avgpt).toBeCloseTo(times === 0 ? 0 : sumOf(last) / times)
      }),
      { numRuns: 50 },
    )
    // Four hours and ten minutes, one each period.
    const long = find(run(Array(4 * 360 + 60).fill(1)), "TOPIC_PUT_NUMS", "T")!
    expect(long).toEqual({
      statsDay: { avgpt: 1, sum: 4 * 360, tps: 0.1 },
      statsHour: { avgpt: 1, sum: 360, tps: 0.1 },
      statsMinute: { avgpt: 1, sum: 6, tps: 0.1 },
    })
  })

  it("windows: a counter has at most 7, 7 and 25 samples", () => {
    const counter = run(Array(30 * 360).fill(1))
      .counters.get("TOPIC_PUT_NUMS")!
      .get("T")!
    expect([counter.minute.length, counter.hour.length, counter.day.length]).toEqual([7, 7, 25])
  })

  it("has nothing of what was never counted, and forgets what was not raised for a day", () => {
    const statistics = run([5])
    expect(find(statistics, "TOPIC_PUT_SIZE", "T")).toBeUndefined()
    expect([perSecond(statistics, "TOPIC_PUT_NUMS", "U"), total(statistics, "TOPIC_PUT_NUMS", "U")]).toEqual([0, 0])
    expect([perSecond(statistics, "TOPIC_PUT_NUMS", "T"), total(statistics, "TOPIC_PUT_NUMS", "T")]).toEqual([0.5, 5])
    sample(statistics, 86_400_000)
    expect(statistics.size).toBe(1)
    sample(statistics, 86_420_000)
    expect([statistics.size, total(statistics, "TOPIC_PUT_NUMS", "T")]).toEqual([0, 0])
  })

  it("a counter without a sample yet is empty", () => {
    const statistics = make()
    raise(statistics, "BROKER_GET_NUMS", "C", 3, 1, 0)
    expect(find(statistics, "BROKER_GET_NUMS", "C")!.statsMinute).toEqual({ avgpt: 0, sum: 0, tps: 0 })
  })

  it("bounded: beyond countersMax the ones longest not raised go", () => {
    const statistics = make()
    for (let i = 0; i < Statistics.countersMax; i++) raise(statistics, "TOPIC_PUT_NUMS", `t${i}`, 1, 1, i)
    raise(statistics, "TOPIC_PUT_NUMS", "new", 1, 1, Statistics.countersMax)
    expect(statistics.size).toBeLessThan(Statistics.countersMax)
    expect(statistics.size).toBe(statistics.counters.get("TOPIC_PUT_NUMS")!.size)
    const left = (key: string): number => total(statistics, "TOPIC_PUT_NUMS", key)
    expect([left("t0"), left(`t${Statistics.countersMax - 1}`), left("new")]).toEqual([0, 1, 1])
  })

  it("forgets deleted topics and groups", () => {
    const statistics = make()
    for (const key of ["T", "T2"]) raise(statistics, "TOPIC_PUT_NUMS", key, 1, 1, 0)
    for (const key of ["T@G", "T@H", "T2@G"]) raise(statistics, "GROUP_GET_NUMS", key, 1, 1, 0)
    Statistics.removeTopic(statistics, "T")
    expect([...statistics.counters.get("GROUP_GET_NUMS")!.keys()]).toEqual(["T2@G"])
    expect([...statistics.counters.get("TOPIC_PUT_NUMS")!.keys()]).toEqual(["T2"])
    Statistics.removeGroup(statistics, "G")
    expect(statistics.size).toBe(1)
    expect(Statistics.isName("TOPIC_PUT_NUMS") && !Statistics.isName("__proto__")).toBe(true)
  })
})
