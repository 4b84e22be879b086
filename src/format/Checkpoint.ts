/**
 * The `checkpoint` file of a store: how far log, queues and index were flushed when it was written. Apache RocketMQ
 * trusts it to choose where recovery begins, so it never claims more than was synced. Source: spec/store.md, checkpoint.
 */
import { int64, layout } from "./layout.ts"
import type { Malformed } from "./Malformed.ts"

export const Layout = layout("Checkpoint", {
  physicMsgTimestamp: int64("Store time of the last flushed record of the CommitLog, ms."),
  logicsMsgTimestamp: int64("Store time of the last record whose queue entry was flushed, ms."),
  indexMsgTimestamp: int64("Store time of the last record of the last full index file, ms."),
  masterFlushedOffset: int64("On a replica: how far its master had flushed, bytes."),
  confirmPhyOffset: int64("Start of the last valid record that recovery found, or the confirmed offset."),
  logicsPhysicalOffset: int64("Start of the record that logicsMsgTimestamp belongs to (5.5.0; 0 before)."),
})
export type Checkpoint = typeof Layout.Type

/** Size of the file; all behind the fields is zero. */
export const fileBytes = 4096

export const decode = (buffer: Buffer, start = 0): Checkpoint | Malformed => Layout.decode(buffer, start)
export const encode = (checkpoint: Checkpoint): Buffer => Layout.encode(checkpoint)

/** Slack that recovery takes off: timestamps of one group of writes may be reordered by this much. */
const slackMs = 3000

/** Records stored before this time, ms, were in log and queues: recovery may begin there. */
export const minTimestamp = (checkpoint: Checkpoint): number =>
  Math.max(0, Math.min(checkpoint.physicMsgTimestamp, checkpoint.logicsMsgTimestamp) - slackMs)
