import { type Fault, pick } from "./Fault.ts"

/** The disk of a broker has no room for more of the log. */
export const fullDisk: Fault = {
  name: "fullDisk",
  strike: (cluster, random) => {
    const broker = pick(cluster.brokers, random)
    if (broker === undefined) return undefined
    const { diskWeather } = broker
    diskWeather.faults = {
      strike: ({ operation, path }) =>
        operation === "write" && path.includes("/commitlog/") ? { kind: "fail", reason: "NoSpace" } : undefined,
    }
    return { end: () => diskWeather.clear(), forMs: random.between(500, 8000), what: broker.name }
  },
}
