import * as Context from "effect/Context"
import { nodeClock } from "../clock/NodeClock.ts"
import { nodeDisk } from "../disk/NodeDisk.ts"
import { nodeNetwork } from "../network/NodeNetwork.ts"
import { nodeRandom } from "../random/NodeRandom.ts"
import type { Log } from "../telemetry/Log.ts"
import { makeNodeLog } from "../telemetry/NodeLog.ts"
import type { Trace } from "../telemetry/Trace.ts"
import type { World } from "./World.ts"

export interface NodeWorldOptions {
  /** Default: pretty lines on a terminal, JSON lines elsewhere, on standard error. */
  readonly log?: Log
  readonly trace?: Trace
}

/** The real world. Effect's own defaults are real already, so its context is empty. */
export const makeNodeWorld = (options: NodeWorldOptions = {}): World => ({
  clock: nodeClock,
  context: Context.empty(),
  disk: nodeDisk,
  log: options.log ?? makeNodeLog(),
  network: nodeNetwork,
  random: nodeRandom,
  trace: options.trace,
})
