import { type Fault, pick } from "./Fault.ts"

/** A client dies or loses its power, or leaves in order; another life of it begins a while later. */
export const clientCrash: Fault = {
  name: "clientCrash",
  strike: (cluster, random) => {
    const client = pick(
      cluster.clients.filter(({ node }) => node.alive),
      random,
    )
    if (client === undefined) return undefined
    const { node } = client
    const how = random.below(3)
    const life = client.lives
    if (how === 0) node.crash()
    else if (how === 1) node.powerCut()
    else {
      client.life.leave()
      cluster.world.sim.after(1000, () => {
        if (client.lives === life) node.crash()
      })
    }
    return {
      end: () => {
        if (client.lives !== life) return
        node.crash()
        cluster.restartClient(client)
      },
      forMs: random.between(1200, 20_000),
      what: `${client.name} ${["killed", "without power", "leaves"][how]}`,
    }
  },
}
