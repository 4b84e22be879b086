import { type Fault, pick } from "./Fault.ts"

/** Nothing passes between one machine and some of the others, in either direction. */
export const partition: Fault = {
  name: "partition",
  strike: (cluster, random) => {
    const nodes = cluster.world.nodes
    const one = pick(nodes, random)
    if (one === undefined) return undefined
    const share = random.fraction()
    const others = nodes.filter((node) => node !== one && random.chance(share))
    const { network } = cluster.world
    network.partition(
      [one.host],
      others.map(({ host }) => host),
    )
    return {
      end: () => {
        for (const { host } of others) network.healBetween(one.host, host)
      },
      forMs: random.between(200, 25_000),
      what: `${one.name} from ${others.map(({ name }) => name).join(", ") || "nobody"}`,
    }
  },
}
