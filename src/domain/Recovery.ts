/**
 * Recovery: where the scan of a log starts after a stop, and whether the place where it ends is a torn tail or rot.
 *
 * The durable mark is the offset below which everything was synced. What does not read above it was never promised to
 * anyone and is cut; below it a promise is broken, and nothing is cut or guessed (P1).
 *
 * Laws (test/model/domain/Recovery.test.ts)
 *   promised   nothing below the durable mark is ever cut
 *   torn       what does not read at or above the mark is always cut
 *   covered    the scan starts at or before everything that queues, index or durable mark may lack
 * Source: spec/store/Store.tla (Recover, RotRefused); behaviour of RocketMQ 5.5.0 (CommitLog).
 */

/** Where a scan of the log stopped. Offsets are bytes of the log. */
export interface Stopped {
  /** End of the last record that reads. */
  readonly badAtOffset: number
  /** Zeros to the end of the newest segment: nothing was ever written there. */
  readonly isBlank: boolean
  /** Everything below was synced; undefined for a store that keeps no mark (it comes from Apache RocketMQ). */
  readonly durableMark: number | undefined
  /** Without a mark: whether the process before stopped in an orderly way, */
  readonly wasCleanShutdown: boolean
  /** and whether a later segment begins with a record that belongs there. */
  readonly isFollowed: boolean
}

/** `cut`: a torn tail, truncate here. `rot`: the medium lost what was synced, refuse to serve it. */
export type Verdict = "cut" | "rot"

export const verdict = (stopped: Stopped): Verdict => {
  if (stopped.durableMark !== undefined) return stopped.badAtOffset < stopped.durableMark ? "rot" : "cut"
  if (stopped.isFollowed) return "rot"
  return stopped.wasCleanShutdown && !stopped.isBlank ? "rot" : "cut"
}

/** The first record of one segment, oldest segment first; undefined when it does not read. */
export interface FirstRecord {
  readonly commitLogOffset: number
  readonly storeTimestampMs: number
}

export interface Checkpoint {
  readonly physicMsgTimestampMs: number
  readonly logicsMsgTimestampMs: number
  readonly indexMsgTimestampMs: number
  /** 0: not known. */
  readonly logicsPhysicalOffset: number
}

export interface Start {
  readonly firstRecords: ReadonlyArray<FirstRecord | undefined>
  readonly wasCleanShutdown: boolean
  /** The greatest log offset that some queue has an entry for; -1 when no queue has any. */
  readonly queuedOffsetMax: number
  readonly checkpoint: Checkpoint
  /** Whether the index must be made good too: it is on, and `messageIndexSafe`. */
  readonly isIndexSafe: boolean
  readonly durableMark: number | undefined
}

/** The segment to start the scan from: the newest one before which nothing needs to be done, else the oldest. */
export const startSegment = (start: Start): number => {
  for (let i = start.firstRecords.length - 1; i > 0; i--) {
    const first = start.firstRecords[i]
    if (first !== undefined && first.storeTimestampMs !== 0 && isCovered(start, first)) return i
  }
  return 0
}

const isCovered = (start: Start, first: FirstRecord): boolean => {
  const { checkpoint } = start
  if (start.durableMark !== undefined && first.commitLogOffset > start.durableMark) return false
  if (start.isIndexSafe && first.storeTimestampMs > checkpoint.indexMsgTimestampMs) return false
  if (start.wasCleanShutdown) return first.commitLogOffset <= start.queuedOffsetMax
  return checkpoint.logicsPhysicalOffset > 0
    ? first.commitLogOffset <= checkpoint.logicsPhysicalOffset
    : first.storeTimestampMs <= Math.min(checkpoint.physicMsgTimestampMs, checkpoint.logicsMsgTimestampMs) - slackMs
}

// Where only times are known, records of the checkpoint's last moments may have reached no queue yet. 5.5.0 dropped the
// three seconds that its predecessors allowed for that; starting a segment too early costs time, too late costs
// messages.
const slackMs = 3_000

/** Whether the scan hands a record to queues and index: after an orderly stop only those they cannot have. */
export const isDispatched = (wasCleanShutdown: boolean, queuedOffsetMax: number, commitLogOffset: number): boolean =>
  !wasCleanShutdown || commitLogOffset > queuedOffsetMax
