import { type Fault, pick } from "./Fault.ts"

/** A name server ends, in one way or another, and is back after a while with nothing in memory. */
export const nameServerRestart: Fault = {
  name: "nameServerRestart",
  strike: (cluster, random) => {
    const server = pick(
      cluster.nameServers.filter(({ isHeldDown, node }) => node.alive && !isHeldDown),
      random,
    )
    if (server === undefined) return undefined
    const how = random.below(3)
    server.isHeldDown = true
    if (how === 0) server.kill()
    else if (how === 1) server.powerCut()
    else server.stop()
    return {
      end: () => {
        server.isHeldDown = false
        // One that was asked to stop and has not ended yet goes through a kill.
        server.kill()
        server.start()
      },
      forMs: random.between(500, 20_000),
      what: `${server.name} ${["killed", "without power", "stopped"][how]}`,
    }
  },
}
