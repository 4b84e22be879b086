import fc from "fast-check"
import { expect, it } from "vitest"
import { make, perSecond, sample, type Totals } from "../../../src/domain/Rates.ts"

const dayMs = 86_400_000
const totals = (put: number): Totals => ({ found: 0, got: 0, missed: 0, put })
const put = ({ put: count }: Totals): number => count

it("rate: over a window that was sampled, the rate is what was added in it, per second", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { maxLength: 100, minLength: 1 }), (added) => {
      const rates = make(0, 0)
      let sum = 0
      for (const [i, value] of added.entries()) sample(rates, totals((sum += value)), (i + 1) * 10_000, 0)
      const nowMs = added.length * 10_000
      for (const periods of [1, 6, 60]) {
        const last = added.slice(-periods)
        const expected = last.reduce((all, value) => all + value, 0) / (last.length * 10)
        expect(perSecond(rates, totals(sum), nowMs, periods * 10_000, put)).toBeCloseTo(expected)
      }
      expect(rates.samples.length).toBeLessThanOrEqual(62)
    }),
  )
})

it("rate: nothing per second in no time", () => {
  expect(perSecond(make(5, 0), totals(7), 5, 10_000, put)).toBe(0)
})

it("morning: at midnight the totals become this morning's, and this morning's yesterday's", () => {
  const rates = make(0, dayMs - 1)
  sample(rates, totals(5), 1, dayMs - 1)
  expect([rates.todayMorning.put, rates.yesterdayMorning.put]).toEqual([0, 0])
  sample(rates, totals(6), 2, dayMs)
  expect([rates.todayMorning.put, rates.yesterdayMorning.put]).toEqual([6, 0])
  sample(rates, totals(9), 3, 2 * dayMs)
  expect([rates.todayMorning.put, rates.yesterdayMorning.put]).toEqual([9, 6])
})
