import { randomFailures, strikeAt } from "../../../../src/infra/disk/DiskFaults.ts"
import { type Fault, pick } from "./Fault.ts"

/** One sync of a broker's log fails, with or without forgetting what it should have written: the store is poisoned. */
export const failingSync: Fault = {
  name: "failingSync",
  strike: (cluster, random) => {
    const broker = pick(cluster.brokers, random)
    if (broker === undefined) return undefined
    const { diskWeather } = broker
    diskWeather.faults = strikeAt(
      ({ operation, path }) => operation === "sync" && path.includes("/commitlog/"),
      random.chance(0.5) ? { kind: "drop" } : { kind: "fail", reason: "Io" },
    )
    return { end: () => diskWeather.clear(), forMs: random.between(500, 5000), what: broker.name }
  },
}

/** Any write, sync or change of names of a broker's disk may fail, for a while. */
export const failingDisk: Fault = {
  name: "failingDisk",
  strike: (cluster, random) => {
    const broker = pick(cluster.brokers, random)
    if (broker === undefined) return undefined
    const { diskWeather } = broker
    const rate = 10 ** random.between(-3, -1)
    diskWeather.faults = randomFailures(random.fork(), {
      create: rate,
      read: rate / 4,
      rename: rate,
      sync: rate,
      syncDirectory: rate,
      truncate: rate,
      write: rate,
    })
    return {
      end: () => diskWeather.clear(),
      forMs: random.between(500, 5000),
      what: `${broker.name}, ${(rate * 100).toFixed(1)} % of its calls`,
    }
  },
}
