import { done, type Fault, pick } from "./Fault.ts"

/** The power of a broker is cut at one of the first disk calls of its next life: within recovery, or soon after. */
export const powerCutAtBoundary: Fault = {
  name: "powerCutAtBoundary",
  strike: (cluster, random) => {
    const broker = pick(
      cluster.brokers.filter(({ isHeldDown, node }) => node.alive && !isHeldDown),
      random,
    )
    if (broker === undefined) return undefined
    const boundary = 1 + random.below(random.below(200) + 1)
    broker.isHeldDown = true
    broker.powerCut()
    broker.isHeldDown = false
    broker.start({
      onBoundary: (n) => {
        if (n === boundary) broker.powerCut()
      },
    })
    return done(`${broker.name} at call ${boundary} of its next life`)
  },
}
