/** How often something happened on a broker, of late. Source: spec/wire.md, statistics. */
import { double, long, orElse, record } from "./shape.ts"

/** Over one window: what was counted, per second, and per time that it was counted. */
export const StatsWindow = record("BrokerStatsItem", {
  sum: orElse(long, 0),
  tps: orElse(double, 0),
  avgpt: orElse(double, 0),
})
export type StatsWindow = typeof StatsWindow.Type

/** The answer to VIEW_BROKER_STATS_DATA (315). */
export const BrokerStatsData = record("BrokerStatsData", {
  statsMinute: StatsWindow,
  statsHour: StatsWindow,
  statsDay: StatsWindow,
})
export type BrokerStatsData = typeof BrokerStatsData.Type
