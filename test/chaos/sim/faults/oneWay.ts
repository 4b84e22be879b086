import { type Fault, pick } from "./Fault.ts"

/** Bytes pass between two machines in one direction only. */
export const oneWay: Fault = {
  name: "oneWay",
  strike: (cluster, random) => {
    const { network, nodes } = cluster.world
    const source = pick(nodes, random)
    const target = pick(
      nodes.filter((node) => node !== source),
      random,
    )
    if (source === undefined || target === undefined) return undefined
    network.blockOneWay(source.host, target.host)
    return {
      end: () => network.healBetween(source.host, target.host),
      forMs: random.between(200, 25_000),
      what: `nothing from ${source.name} to ${target.name}`,
    }
  },
}
