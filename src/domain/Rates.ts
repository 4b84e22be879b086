/**
 * Totals of a broker over time, for its runtime information: how much per second of late, and how much by the last
 * midnights. The owner adds a sample every 10 s.
 *
 * Laws (test/model/domain/Rates.test.ts)
 *   rate     over a window that was sampled, the rate is what was added in it, per second
 *   morning  at midnight the totals become this morning's, and this morning's yesterday's
 * Source: behaviour of RocketMQ 5.5.0 (StoreStatsService, BrokerStats).
 */

/** Totals since the start: messages put, messages got, pulls that found some, and pulls that found none. */
export interface Totals {
  readonly put: number
  readonly got: number
  readonly found: number
  readonly missed: number
}

export interface Rates {
  /** The oldest first; 10 minutes and one more. */
  readonly samples: Array<{ readonly atMs: number; readonly totals: Totals }>
  day: number
  yesterdayMorning: Totals
  todayMorning: Totals
}

const none: Totals = { found: 0, got: 0, missed: 0, put: 0 }
const samplesMax = 62
const dayMs = 86_400_000

/** `localMs` is the time of day where the broker stands, as ms since 1970 there. */
export const make = (monotonicMs: number, localMs: number): Rates => ({
  day: Math.floor(localMs / dayMs),
  samples: [{ atMs: monotonicMs, totals: none }],
  todayMorning: none,
  yesterdayMorning: none,
})

export const sample = (rates: Rates, totals: Totals, monotonicMs: number, localMs: number): void => {
  rates.samples.push({ atMs: monotonicMs, totals })
  if (rates.samples.length > samplesMax) rates.samples.shift()
  const day = Math.floor(localMs / dayMs)
  if (day === rates.day) return
  rates.day = day
  rates.yesterdayMorning = rates.todayMorning
  rates.todayMorning = totals
}

/** Per second over about `windowMs`: since the youngest sample that is at least as old, or the oldest there is. */
export const perSecond = (
  rates: Rates,
  totals: Totals,
  monotonicMs: number,
  windowMs: number,
  of: (totals: Totals) => number,
): number => {
  const from = rates.samples.findLast(({ atMs }) => monotonicMs - atMs >= windowMs) ?? rates.samples[0]
  if (from === undefined || monotonicMs <= from.atMs) return 0
  return ((of(totals) - of(from.totals)) * 1000) / (monotonicMs - from.atMs)
}
