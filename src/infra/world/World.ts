/**
 * Everything outside the process that a node may touch. A real node gets `NodeWorld`, a simulated one a `SimWorld`;
 * the code above cannot tell which. `context` carries Effect's Clock, Random and Scheduler of the same world.
 */
import type * as Context from "effect/Context"
import type { Clock } from "../clock/Clock.ts"
import type { Disk } from "../disk/Disk.ts"
import type { Network } from "../network/Network.ts"
import type { Random } from "../random/Random.ts"
import type { Log } from "../telemetry/Log.ts"
import type { Trace } from "../telemetry/Trace.ts"

export interface World {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  readonly log: Log
  readonly trace: Trace
  readonly context: Context.Context<never>
}
