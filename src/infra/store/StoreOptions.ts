/** What a store is told when it is opened. Sizes are bytes, times milliseconds, unless the name says otherwise. */
import * as FlowControl from "../../domain/FlowControl.ts"
import type { Host } from "../../format/Host.ts"
import type { CommitLogOptions } from "./CommitLog.ts"
import type { IndexOptions } from "./IndexFiles.ts"

export interface StoreOptions extends CommitLogOptions {
  /** RocketMQ's storePathRootDir. */
  readonly root: string
  /** mappedFileSizeCommitLog. */
  readonly commitLogSegmentBytes: number
  /** mappedFileSizeConsumeQueue, rounded up to whole entries. */
  readonly consumeQueueSegmentBytes: number
  /** mappedFileSizeConsumeQueueExt; undefined: enableConsumeQueueExt is off. */
  readonly consumeQueueExtSegmentBytes?: number | undefined
  /** maxHashSlotNum and maxIndexNum. */
  readonly index: IndexOptions
  readonly messageBytesMax: number
  /** A put that waits longer for its sync has further ones refused: see `FlowControl`. Infinity: never. */
  readonly busyAfterMs: number
  /** How long a put waits for its sync before it is told FLUSH_DISK_TIMEOUT. */
  readonly syncFlushTimeoutMs: number
  /** How often queues and index are written and the mark is moved. */
  readonly checkpointIntervalMs: number
  /** maxTransferBytesOnMessageInMemory and its siblings: bounds of one read. */
  readonly transferBytesMaxHot: number
  readonly transferCountMaxHot: number
  readonly transferBytesMaxCold: number
  readonly transferCountMaxCold: number
  /** Address and port that records and offset message ids carry. */
  readonly storeHost: Host
  /** Waiting time of each delay level, from level 1 on. */
  readonly delayLevelsMs: ReadonlyArray<number>
  /** Written into the abort file. */
  readonly processId: number
}

const MiB = 1024 * 1024

/** RocketMQ's defaults, except that a put is synced before it is answered. */
export const defaults: Omit<StoreOptions, "root" | "storeHost" | "delayLevelsMs"> = {
  busyAfterMs: FlowControl.busyAfterMs(FlowControl.patience),
  checkpointIntervalMs: 1000,
  coldBlocksMax: 128,
  commitLogSegmentBytes: 1024 * MiB,
  consumeQueueSegmentBytes: 6_000_000,
  flush: "sync",
  flushIntervalMs: 500,
  index: { entries: 20_000_000, slots: 5_000_000 },
  messageBytesMax: 4 * MiB,
  processId: 0,
  ringBytes: 64 * MiB,
  syncFlushTimeoutMs: 5000,
  transferBytesMaxCold: 256 * 1024,
  transferBytesMaxHot: 256 * 1024,
  transferCountMaxCold: 32,
  transferCountMaxHot: 32,
}
