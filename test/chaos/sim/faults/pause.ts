import { type Fault, pick } from "./Fault.ts"

/** A process stands still, as under a debugger or on a busy host, mostly for less than a lease, sometimes for longer. */
export const pause: Fault = {
  name: "pause",
  strike: (cluster, random) => {
    const node = pick(
      cluster.world.nodes.filter(({ alive }) => alive),
      random,
    )
    if (node === undefined) return undefined
    const { process } = node
    node.pause()
    return {
      end: () => process.resume(),
      forMs: random.chance(0.15) ? random.between(20_000, 100_000) : random.between(10, 10_000),
      what: node.name,
    }
  },
}
