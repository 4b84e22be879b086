/**
 * How long puts take, from their append to the moment at which they may be answered, in RocketMQ's steps.
 *
 * Laws (test/model/domain/PutTimes.test.ts)
 *   counted     every time noted stands in exactly one step
 *   percentile  at least that part of the times is not longer than what is answered, to within 1 ms below 1 s
 * Source: behaviour of RocketMQ 5.5.0 (StoreStatsService).
 */

/** The step of a time is the first whose bound it does not reach, ms; the first is for what takes no time at all. */
const steps: ReadonlyArray<readonly [name: string, untilMs: number]> = [
  ["<=0ms", 1],
  ["0~10ms", 10],
  ["10~50ms", 50],
  ["50~100ms", 100],
  ["100~200ms", 200],
  ["200~500ms", 500],
  ["500ms~1s", 1000],
  ["1~2s", 2000],
  ["2~3s", 3000],
  ["3~4s", 4000],
  ["4~5s", 5000],
  ["5~10s", 10_000],
  ["10s~", Number.POSITIVE_INFINITY],
]

/** `fine` counts by whole milliseconds; its last place has everything longer. */
export interface PutTimes {
  readonly counts: Array<number>
  readonly fine: Uint32Array
  maxMs: number
}

export const make = (): PutTimes => ({ counts: steps.map(() => 0), fine: new Uint32Array(1001), maxMs: 0 })

export const note = (times: PutTimes, ms: number): void => {
  let step = 0
  while (ms >= steps[step]![1]) step++
  times.counts[step]!++
  times.fine[Math.min(1000, Math.max(0, Math.floor(ms)))]!++
  if (ms > times.maxMs) times.maxMs = ms
}

/** `[<=0ms]:27 [0~10ms]:7 …`, with a blank at the end, as its readers know it. */
export const print = ({ counts }: PutTimes): string => steps.map(([name], i) => `[${name}]:${counts[i]} `).join("")

/** The whole milliseconds that a part of all times stays within; 0 before the first. */
export const percentile = ({ fine, maxMs }: PutTimes, part: number): number => {
  let left = fine.reduce((sum, count) => sum + count, 0) * part
  if (left === 0) return 0
  for (const [ms, count] of fine.entries()) {
    left -= count
    if (left <= 0) return Math.min(ms === 1000 ? maxMs : ms + 1, maxMs)
  }
  return maxMs
}
