/**
 * A disk in memory for a broker that is thrown away with its process: the simulated disk without faults, latency or
 * journal. Files are sparse, so that a segment of a gibibyte costs what was written to it; a removed file's memory is
 * freed. Nothing is durable here (promise P1 does not hold), though every call of the port answers as if it were.
 */
import type { Clock } from "../clock/Clock.ts"
import { SimDisk } from "./SimDisk.ts"
import { Volume } from "./Volume.ts"

/** Large enough that a record is seldom cut, small enough that a hundred nearly empty queues stay cheap. */
const chunkBytes = 64 * 1024

/**
 * Calls complete at the end of the turn of the event loop, as a real disk's would at the earliest: a group commit
 * above gathers what came in the same turn. `capacityBytes` is what `usage` reports and what writes are held to.
 */
export const makeMemoryDisk = (clock: Clock, capacityBytes = 2 ** 36): SimDisk =>
  new SimDisk({ capacityBytes, later: (_call, run) => clock.soon(run) }, new Volume(chunkBytes, false))
