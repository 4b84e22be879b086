import { done, type Fault, pick } from "./Fault.ts"

/** The wall clock of a machine is set forward or back, by milliseconds or by an hour. */
export const clockJump: Fault = {
  name: "clockJump",
  strike: (cluster, random) => {
    const node = pick(
      cluster.world.nodes.filter(({ alive }) => alive),
      random,
    )
    if (node === undefined) return undefined
    const byMs = Math.round(10 ** random.between(0.5, 6.5)) * (random.chance(0.5) ? 1 : -1)
    node.process.clock.jump(byMs)
    return done(`${node.name} by ${byMs} ms`)
  },
}
