import { done, type Fault, pick } from "./Fault.ts"

/** kill -9 of a broker: its connections are reset, its page cache stays. */
export const processKill: Fault = {
  name: "processKill",
  strike: (cluster, random) => {
    const broker = pick(
      cluster.brokers.filter(({ node }) => node.alive),
      random,
    )
    if (broker === undefined) return undefined
    broker.kill()
    return done(broker.name)
  },
}
