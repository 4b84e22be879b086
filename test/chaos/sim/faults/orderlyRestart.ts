import { done, type Fault, pick } from "./Fault.ts"

/** A broker is asked to stop, as by SIGTERM, and started again. */
export const orderlyRestart: Fault = {
  name: "orderlyRestart",
  strike: (cluster, random) => {
    const broker = pick(
      cluster.brokers.filter(({ isUp }) => isUp),
      random,
    )
    if (broker === undefined) return undefined
    broker.stop()
    return done(broker.name)
  },
}
