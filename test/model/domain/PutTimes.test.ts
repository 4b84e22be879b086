import fc from "fast-check"
import { expect, it } from "vitest"
import { make, note, percentile, print } from "../../../src/domain/PutTimes.ts"

const noted = (times: ReadonlyArray<number>) => {
  const all = make()
  for (const ms of times) note(all, ms)
  return all
}

const anyTime = fc.oneof(fc.double({ max: 50, min: 0, noNaN: true }), fc.double({ max: 20_000, min: 0, noNaN: true }))

it("counted: every time noted stands in exactly one step", () => {
  fc.assert(
    fc.property(fc.array(anyTime), (times) => {
      const { counts } = noted(times)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(times.length)
    }),
  )
  expect(print(noted([0, 0.2, 3, 9.9, 10, 999, 1000, 60_000]))).toBe(
    "[<=0ms]:2 [0~10ms]:2 [10~50ms]:1 [50~100ms]:0 [100~200ms]:0 [200~500ms]:0 [500ms~1s]:1 [1~2s]:1 [2~3s]:0 " +
      "[3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:1 ",
  )
})

it("percentile: at least that part of the times is not longer than what is answered, to within 1 ms below 1 s", () => {
  fc.assert(
    fc.property(fc.array(anyTime, { minLength: 1 }), fc.constantFrom(0.5, 0.99, 0.999), (times, part) => {
      const answer = percentile(noted(times), part)
      expect(times.filter((ms) => ms <= answer).length).toBeGreaterThanOrEqual(times.length * part)
      const sorted = times.toSorted((a, b) => a - b)
      const exact = sorted[Math.ceil(times.length * part) - 1]!
      if (exact < 1000) expect(answer).toBeLessThanOrEqual(exact + 1)
    }),
  )
  expect(percentile(make(), 0.99)).toBe(0)
})
