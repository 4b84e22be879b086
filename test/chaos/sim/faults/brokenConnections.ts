import { done, type Fault, pick } from "./Fault.ts"

/** All connections between two machines are reset. */
export const brokenConnections: Fault = {
  name: "brokenConnections",
  strike: (cluster, random) => {
    const client = pick(cluster.world.nodes, random)
    const server = pick(cluster.servers, random)
    if (client === undefined || server === undefined || client === server.node) return undefined
    cluster.world.network.breakConnections(client.host, server.host)
    return done(`${client.name} and ${server.name}`)
  },
}
