/**
 * Recovery: brings a store from whatever a crash, or another program, left on the disk to a state in which the log
 * ends at a whole record and every projection is a function of the log (promises P1, P9).
 *
 *   prefix      what remains is a prefix of what was appended, and holds all that was synced
 *   rot         a bad record below the durable mark is reported, never cut; one above it is a torn tail and is cut
 *   buried      behind the cut the file is zero, and that is synced, before the first append: an old record behind the
 *               tear must not come back to life after the next crash
 *   rewritten   what lies above the mark is written once more and synced: after a failed sync the page cache may hold
 *               what the disk does not
 *   idempotent  a crash during recovery changes nothing of its outcome
 *
 * A generator, so that its owner may do something else between two slices of a long scan. Source: spec/store/Store.tla.
 */
import { type Stopped, verdict } from "../../domain/Recovery.ts"
import { MessageFlag, transactionType } from "../../domain/SysFlag.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import type { Disk } from "../disk/Disk.ts"
import type { Log } from "../telemetry/Log.ts"
import type { Trace } from "../telemetry/Trace.ts"
import type { CommitLog } from "./CommitLog.ts"
import type { ConsumeQueue } from "./ConsumeQueue.ts"
import type { IndexFiles } from "./IndexFiles.ts"
import type { QueueTable } from "./QueueTable.ts"
import type { Segment, SegmentFiles } from "./SegmentFiles.ts"
import { SegmentError } from "./SegmentFiles.ts"
import type { StateFiles } from "./StateFiles.ts"
import { StoreError } from "./StoreError.ts"
import type { StoreOptions } from "./StoreOptions.ts"

/** One record of the log, as recovery hands it to the projections. */
export interface RecoveredRecord {
  readonly message: StoredMessage.Decoded
  /** Undefined for a record that no queue shows: prepared, rolled back, or of a kind of queue not served here. */
  readonly queue: ConsumeQueue | undefined
  readonly isIndexed: boolean
}

export interface RecoveryPorts {
  readonly disk: Disk
  readonly options: StoreOptions
  readonly log: CommitLog
  readonly queues: QueueTable
  readonly index: IndexFiles
  readonly state: StateFiles
  readonly logger: Log
  readonly trace: Trace
  /** Log offset of the oldest snapshot: records from there on are folded again. */
  readonly foldFrom: number
  readonly onRecord: (record: RecoveredRecord) => void
  readonly fold: (message: StoredMessage.Decoded) => void
}

export interface Recovered {
  /** One past the last byte of the log. */
  readonly endOffset: number
  /** Queue entries of records below it are synced. */
  readonly projectedOffset: number
  readonly last: { readonly commitLogOffset: number; readonly storeTimestamp: number }
}

/** Bytes that are read and checked between two yields: a few milliseconds of work. */
const sliceBytes = 1024 * 1024
/** A frame is at most 16 MiB, and so is the message that came in one. */
const recordBytesMax = 17 * 1024 * 1024
/** Names that may become a folder; `+` stands in the retry topics of POP. */
const shownNames = /^[%|a-zA-Z0-9_+-]{1,255}$/

/** A queue's files lack what the log has: the scan must begin at the oldest record. */
class QueueGap extends Error {}

export function* recover(ports: RecoveryPorts): Generator<void, Recovered> {
  const { log, options, state } = ports
  try {
    log.files.load()
  } catch (error) {
    if (error instanceof SegmentError)
      throw new StoreError(
        "Segments",
        `The CommitLog of ${options.root} cannot be opened: ${error.message}. Set mappedFileSizeCommitLog to the size that the store was made with, or restore the missing file.`,
        { cause: error },
      )
    throw error
  }
  const mark = state.readMark()
  if (mark instanceof Malformed)
    throw new StoreError(
      "NewerVersion",
      `${options.root}/gantry.mark was written by a newer Gantry (${mark.reason}). Start that version, or a newer one.`,
    )
  const isClean = !state.isAborted
  const syncedOffset = mark?.syncedOffset ?? 0
  const indexFrom = yield* loadIndex(ports, isClean)
  const projectedFrom = ports.queues.isEmpty ? 0 : (mark?.projectedOffset ?? foreignStart(ports))
  const start = Math.max(log.minOffset, Math.min(projectedFrom, ports.foldFrom, indexFrom))
  const from = recordBorder(ports, start, mark !== undefined)
  let scanned: Scanned
  try {
    scanned = yield* scan(ports, from, { durableMark: mark?.syncedOffset, indexFrom, isClean, projectedFrom })
  } catch (error) {
    if (!(error instanceof QueueGap)) throw error
    ports.logger.warn(`${error.message}: all queues are rebuilt from the log`)
    scanned = yield* scan(ports, log.minOffset, {
      durableMark: mark?.syncedOffset,
      indexFrom,
      isClean,
      projectedFrom: 0,
    })
  }
  const { end, last } = scanned
  ports.trace?.("Recover", { commitLogOffsetEnd: end, markCommitLogOffset: syncedOffset, refused: false })
  if (!(isClean && mark?.cleanEnd === end)) {
    rewriteTail(ports, Math.max(syncedOffset, log.minOffset), end)
    bury(ports, end)
  }
  const checkpoint = state.readCheckpoint()
  return {
    endOffset: end,
    last: last ?? {
      commitLogOffset: checkpoint?.logicsPhysicalOffset ?? 0,
      storeTimestamp: checkpoint?.logicsMsgTimestamp ?? 0,
    },
    projectedOffset: Math.min(projectedFrom, end),
  }
}

function* loadIndex(ports: RecoveryPorts, isClean: boolean): Generator<void, number> {
  try {
    return yield* ports.index.load(isClean)
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error
    throw new StoreError(
      "Segments",
      `The index of ${ports.options.root} cannot be opened: ${error.message}. Delete the index folder: it is rebuilt from the log.`,
      { cause: error },
    )
  }
}

/** Where the queues of a store that Gantry never opened may be trusted up to: RocketMQ's own rule, by segment. */
const foreignStart = ({ log, state }: RecoveryPorts): number => {
  const checkpoint = state.readCheckpoint()
  const trusted = checkpoint?.logicsPhysicalOffset ?? 0
  if (trusted <= 0) return 0
  return log.files.holding(trusted)?.baseOffset ?? 0
}

/** A position of Gantry's own is a border of records; any other start is moved back to the start of its segment. */
const recordBorder = ({ foldFrom, log }: RecoveryPorts, start: number, isOwn: boolean): number => {
  if (isOwn || start === foldFrom) return start
  return log.files.holding(start)?.baseOffset ?? log.minOffset
}

interface Bounds {
  readonly indexFrom: number
  readonly projectedFrom: number
  /** Everything below was synced; undefined in a store that Gantry never opened. */
  readonly durableMark: number | undefined
  readonly isClean: boolean
}

interface Scanned {
  readonly end: number
  readonly last: { readonly commitLogOffset: number; readonly storeTimestamp: number } | undefined
}

function* scan(ports: RecoveryPorts, from: number, bounds: Bounds): Generator<void, Scanned> {
  const { files } = ports.log
  const touched = new Set<ConsumeQueue>()
  let offset = from
  let last: Scanned["last"]
  for (let segment = files.holding(offset); segment !== undefined; segment = files.holding(offset)) {
    const segmentEnd = segment.baseOffset + files.segmentBytes
    let stop: StoredMessage.Checked = { kind: "bad", reason: "nothing there" }
    let wantBytes = sliceBytes
    while (offset < segmentEnd) {
      const slice = Buffer.allocUnsafe(Math.min(wantBytes, segmentEnd - offset))
      const bytesRead = files.file(segment).readSync(slice, offset - segment.baseOffset)
      wantBytes = sliceBytes
      let at = 0
      for (;;) {
        const record = recordAt(slice, at, bytesRead, offset + at)
        if ("kind" in record) {
          stop = record
          break
        }
        replay(ports, record, bounds, touched, from)
        last = { commitLogOffset: record.physicalOffset, storeTimestamp: record.storeTimestamp }
        at += record.sizeBytes
      }
      offset += at
      if (stop.kind === "blank") break
      if (at === 0) {
        // Nothing whole at the start of a slice: bad, or a record longer than the slice, which is then read whole.
        const claimed = bytesRead >= 4 ? slice.readInt32BE(0) : 0
        if (claimed <= bytesRead || claimed > recordBytesMax || offset + bytesRead >= segmentEnd) break
        wantBytes = claimed
      }
      yield
    }
    if (offset === segmentEnd) continue
    if (stop.kind === "blank" && offset + stop.sizeBytes === segmentEnd) {
      offset = segmentEnd
      continue
    }
    const stopped: Stopped = {
      badAtOffset: offset,
      durableMark: bounds.durableMark,
      isBlank: isBlankFrom(files, segment, offset),
      isFollowed: isFollowed(files, segmentEnd),
      wasCleanShutdown: bounds.isClean,
    }
    if (verdict(stopped) === "rot") {
      const fields = { commitLogOffsetEnd: offset, markCommitLogOffset: bounds.durableMark ?? 0, refused: true }
      ports.trace?.("Recover", fields)
      throw rotten(segment, offset, stop.kind === "bad" ? stop.reason : "a filler of the wrong size")
    }
    break
  }
  if (bounds.durableMark !== undefined && offset < bounds.durableMark)
    throw new StoreError(
      "Rot",
      `The CommitLog ends at offset ${offset}, though everything below ${bounds.durableMark} was synced: a segment is missing. Restore it from a backup, or run \`gantry store repair\`, which says what would be lost.`,
    )
  return { end: offset, last }
}

/** The record at byte `at` of a slice, if it is whole and sound and belongs there; else what stands there. */
const recordAt = (
  slice: Buffer,
  at: number,
  bytesRead: number,
  commitLogOffset: number,
): StoredMessage.Decoded | StoredMessage.Checked => {
  const found = StoredMessage.check(slice, at, bytesRead - at)
  if (found.kind !== "record") return found
  const message = StoredMessage.decode(slice, at)
  if (message instanceof Malformed) return { kind: "bad", reason: message.reason }
  if (message.physicalOffset !== commitLogOffset)
    return { kind: "bad", reason: `a record that belongs to ${message.physicalOffset}` }
  if (!found.isSealed && isTorn(message)) return { kind: "bad", reason: "zeros inside" }
  return message
}

/** Whether nothing was ever written from `offset` to the end of its segment; the first bytes tell. */
const isBlankFrom = (files: SegmentFiles, segment: Segment, offset: number): boolean => {
  const within = offset - segment.baseOffset
  const bytes = Buffer.alloc(Math.min(4096, files.segmentBytes - within))
  files.file(segment).readSync(bytes, within)
  return bytes.every((byte) => byte === 0)
}

/** Whether a record that belongs there begins the segment at `baseOffset`: then the bad one before it was whole once. */
const isFollowed = (files: SegmentFiles, baseOffset: number): boolean => {
  const segment = files.holding(baseOffset)
  if (segment === undefined) return false
  const bytes = Buffer.alloc(Math.min(sliceBytes, files.segmentBytes))
  const bytesRead = files.file(segment).readSync(bytes, 0)
  return !("kind" in recordAt(bytes, 0, bytesRead, baseOffset))
}

const rotten = (segment: Segment, offset: number, reason: string): StoreError =>
  new StoreError(
    "Rot",
    `Rotten record at CommitLog offset ${offset} (byte ${offset - segment.baseOffset} of ${segment.path}): ${reason}. It was synced, so the medium lost it; nothing was cut. Restore the file from a backup or a replica, or run \`gantry store repair\`, which says what would be lost.`,
  )

/** A torn write leaves zeros: a record without a seal, whose text no checksum covers, must not hold any. */
const isTorn = ({ properties, topic }: StoredMessage.Decoded): boolean =>
  topic.includes("\0") || properties.includes("\0")

/** Hands a record to the projections that do not have it yet. */
const replay = (
  ports: RecoveryPorts,
  message: StoredMessage.Decoded,
  bounds: Bounds,
  touched: Set<ConsumeQueue>,
  scanFrom: number,
): void => {
  const { physicalOffset, sysFlag, topic } = message
  const isIndexed = physicalOffset < bounds.indexFrom || transactionType(sysFlag) === MessageFlag.TRANSACTION_ROLLBACK
  let queue: ConsumeQueue | undefined
  if (physicalOffset >= bounds.projectedFrom && isShown(ports, message)) {
    queue = ports.queues.get(topic, message.queueId)
    if (!touched.has(queue)) {
      touched.add(queue)
      // Entries of records after the mark were not synced: they are written anew, not trusted.
      if (message.queueOffset < queue.maxOffset) queue.rewind(message.queueOffset)
    }
    if (message.queueOffset > queue.maxOffset) {
      const gap = `queue ${topic}-${message.queueId} ends at ${queue.maxOffset}, the log goes on at ${message.queueOffset}`
      if (scanFrom > ports.log.minOffset) throw new QueueGap(gap)
      // The oldest record is where a queue may begin: what came before it was deleted with its segment.
      if (queue.maxOffset > 0) ports.logger.warn(gap)
      queue.startAt(message.queueOffset)
    }
  }
  ports.onRecord({ isIndexed, message, queue })
  if (physicalOffset >= ports.foldFrom) ports.fold(message)
}

/** Whether a record has an entry in a ConsumeQueue of this store. */
const isShown = (ports: RecoveryPorts, { physicalOffset, queueId, sysFlag, topic }: StoredMessage.Decoded): boolean => {
  const type = transactionType(sysFlag)
  if (type === MessageFlag.TRANSACTION_PREPARED || type === MessageFlag.TRANSACTION_ROLLBACK) return false
  const fields = { commitLogOffset: physicalOffset, topic }
  if ((sysFlag & MessageFlag.INNER_BATCH) !== 0) {
    ports.logger.warn("record of a BatchCQ topic: it stays in the log, unread", fields)
    return false
  }
  if (shownNames.test(topic) && queueId >= 0) return true
  ports.logger.warn("record with an unusable topic name: it stays in the log, unread", fields)
  return false
}

/** Writes [from, end) once more and syncs it. */
const rewriteTail = ({ log }: RecoveryPorts, from: number, end: number): void => {
  const buffer = Buffer.allocUnsafe(sliceBytes)
  for (let offset = from; offset < end;) {
    const segment = log.files.holding(offset)
    if (segment === undefined) return
    const file = log.files.file(segment)
    const segmentEnd = Math.min(end, segment.baseOffset + log.files.segmentBytes)
    while (offset < segmentEnd) {
      const slice = buffer.subarray(0, Math.min(buffer.length, segmentEnd - offset))
      file.readSync(slice, offset - segment.baseOffset)
      file.writeSync(slice, offset - segment.baseOffset)
      offset += slice.length
    }
    file.syncSync()
  }
}

/** Makes everything behind the end of the log zero, and that durable. */
const bury = ({ disk, log }: RecoveryPorts, end: number): void => {
  const { files } = log
  const hadSegments = files.all.length > 0
  const segment = files.holding(end)
  const within = segment === undefined ? 0 : end - segment.baseOffset
  // The newest goes first, so that a crash in between leaves no gap.
  files.removeFrom(segment === undefined || within === 0 ? end : segment.baseOffset + files.segmentBytes)
  if (segment !== undefined && within > 0) {
    const file = files.file(segment)
    file.truncate(within)
    file.truncate(files.segmentBytes)
    file.syncSync()
  }
  if (hadSegments) disk.syncDirectory(files.directory)
}
