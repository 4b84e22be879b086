import { strikeAt } from "../../../../src/infra/disk/DiskFaults.ts"
import { type Fault, pick } from "./Fault.ts"

/** One bit of the log is read wrongly from a broker's disk, once: read again, it is right. */
export const rottenRead: Fault = {
  name: "rottenRead",
  strike: (cluster, random) => {
    const broker = pick(cluster.brokers, random)
    if (broker === undefined) return undefined
    const { diskWeather } = broker
    diskWeather.faults = strikeAt(
      ({ operation, path }) => operation === "read" && path.includes("/commitlog/"),
      { bit: random.below(8 * 4096), kind: "flip" },
      { skip: random.below(5) },
    )
    return { end: () => diskWeather.clear(), forMs: random.between(2000, 15_000), what: broker.name }
  },
}
