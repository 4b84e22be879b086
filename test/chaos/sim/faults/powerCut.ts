import { keepAll, keepNone } from "../../../../src/infra/disk/survival.ts"
import { done, type Fault, pick } from "./Fault.ts"

/** A broker loses its power: peers are not told, and what was not synced is lost in part or altogether. */
export const powerCut: Fault = {
  name: "powerCut",
  strike: (cluster, random) => {
    const broker = pick(
      cluster.brokers.filter(({ node }) => node.alive),
      random,
    )
    if (broker === undefined) return undefined
    broker.powerCut(pick([undefined, undefined, keepNone, keepAll], random))
    return done(broker.name)
  },
}
