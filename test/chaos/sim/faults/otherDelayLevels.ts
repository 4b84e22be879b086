import { delayTablesMs } from "../Settings.ts"
import { done, type Fault, pick } from "./Fault.ts"

/** An administrator gives a broker another table of delay levels, and starts it again; messages wait meanwhile. */
export const otherDelayLevels: Fault = {
  name: "otherDelayLevels",
  strike: (cluster, random) => {
    const broker = pick(
      cluster.brokers.filter(({ isUp }) => isUp),
      random,
    )
    const delaysMs = pick(delayTablesMs, random)
    if (broker === undefined || delaysMs === undefined) return undefined
    cluster.delaysMs.set(broker.name, delaysMs)
    if (random.chance(0.5)) broker.stop()
    else broker.powerCut()
    return done(`${broker.name}: ${delaysMs.join(", ")} ms`)
  },
}
