import { type Fault, pick } from "./Fault.ts"

/** The disk of a broker takes long to sync, now and then longer than syncFlushTimeout. */
export const slowSync: Fault = {
  name: "slowSync",
  strike: (cluster, random) => {
    const broker = pick(cluster.brokers, random)
    if (broker === undefined) return undefined
    const { diskWeather } = broker
    diskWeather.syncDelayMs = random.chance(0.3) ? random.between(3000, 8000) : random.between(20, 1000)
    return {
      end: () => {
        diskWeather.syncDelayMs = 0
      },
      forMs: random.between(500, 15_000),
      what: `${broker.name}, ${diskWeather.syncDelayMs.toFixed(0)} ms`,
    }
  },
}
