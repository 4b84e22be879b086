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
import { MessageFlag, transactionType } from "../../domain/SysFlag.ts"
import type { DurableMark } from "../../format/DurableMark.ts"
import { Malformed } from "../../format/Malformed.ts"
import type * as StoredMessage from "../../format/StoredMessage.ts"
import { DiskError, type DiskFile } from "../disk/Disk.ts"
import type { Log } from "../telemetry/Log.ts"
import type { Trace } from "../telemetry/Trace.ts"
import { blankBytes, type CommitLog } from "./CommitLog.ts"
import type { ConsumeQueue } from "./ConsumeQueue.ts"
import type { IndexFiles, IndexLoaded } from "./IndexFiles.ts"
import { type LastLife, lastLife, verdictAt } from "./LogEnd.ts"
import { walk, type WalkEnd } from "./LogWalk.ts"
import type { QueueTable } from "./QueueTable.ts"
import type { SegmentFiles } from "./SegmentFiles.ts"
import { SegmentError, type SegmentReason } from "./SegmentFiles.ts"
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

/** Pairs of reads that may differ before the disk counts as broken. */
const readsMax = 3
/** Bytes that are written again at once. */
const sliceBytes = 1024 * 1024
/** Shortest record: IPv4 hosts, version 1, empty body, topic and properties. */
const recordBytesMin = 91
/** Names that may become a folder; `+` stands in the retry topics of POP. */
const shownNames = /^[%|a-zA-Z0-9_+-]{1,255}$/

/** A queue's files lack what the log has: the scan must begin at the oldest record. */
class QueueGap extends Error {}

export function* recover(ports: RecoveryPorts): Generator<void, Recovered> {
  const { log, queues, state } = ports
  loadLog(ports)
  const mark = readMark(ports)
  const life = lastLife(mark, state)
  const { isClean, isForeign } = life
  const indexed = yield* loadIndex(ports, isClean, isForeign)
  const isWhole = isForeign ? loadQueues(ports, mark) : !isClean || hasQueues(ports, mark)
  const projectedFrom = queues.isEmpty || !isWhole ? 0 : (mark?.projectedOffset ?? foreignStart(ports))
  const start = Math.min(projectedFrom, ports.foldFrom, indexed.from, mark?.syncedOffset ?? projectedFrom)
  const from = isForeign ? segmentStart(ports, start) : Math.max(log.minOffset, start)
  let needs = { completeBelow: indexed.completeBelow, projectedFrom }
  let scanned: Scanned
  try {
    scanned = yield* scan(ports, from, life, needs)
  } catch (error) {
    if (!(error instanceof QueueGap)) throw error
    ports.logger.warn(`${error.message}: all queues are rebuilt from the log`)
    // What the first scan put into the index is there.
    needs = { completeBelow: Math.max(needs.completeBelow, ports.index.endOffset + 1), projectedFrom: 0 }
    scanned = yield* scan(ports, log.minOffset, life, needs)
  }
  if (needs.projectedFrom === 0) endQueues(ports)
  const { end, last } = scanned
  const syncedOffset = mark?.syncedOffset ?? 0
  ports.trace?.("Recover", { commitLogOffsetEnd: end, markCommitLogOffset: syncedOffset, refused: false })
  const isUntouched = isClean && mark?.cleanEnd === end
  // From here on the store is changed: a crash in between must not find what looks like a clean exit.
  state.markOpen(ports.options.processId)
  if (!isUntouched) {
    yield* ports.index.dropFrom(end)
    if (isForeign || isClean) cutQueues(ports, end)
    rewriteTail(ports, isForeign ? syncSegments(ports, end) : Math.max(syncedOffset, log.minOffset), end)
    bury(ports, end)
  } else ports.index.removeDropped()
  const checkpoint = state.readCheckpoint()
  return {
    endOffset: end,
    last: last ?? {
      commitLogOffset: checkpoint?.confirmPhyOffset ?? 0,
      storeTimestamp: checkpoint?.physicMsgTimestamp ?? 0,
    },
    projectedOffset: Math.min(needs.projectedFrom, end),
  }
}

const loadLog = ({ log, options, state }: RecoveryPorts): void => {
  try {
    log.files.load(undefined, state.isAborted && !state.isAbortedByOther)
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error
    throw new StoreError(
      "Segments",
      `The CommitLog of ${options.root} cannot be opened: ${error.message}. ${logRemedies[error.reason](options.root)}`,
      { cause: error },
    )
  }
}

const logRemedies: Readonly<Record<SegmentReason, (root: string) => string>> = {
  Gap: (root) =>
    `Restore what is missing from a backup, or run \`gantry store repair ${root}\`, which says what would be lost.`,
  Name: () => "Move it out of the folder.",
  Rot: (root) => `Run \`gantry store repair ${root}\`, which says what would be lost.`,
  Size: (root) =>
    `Set mappedFileSizeCommitLog to the size that the store was made with. If only this file has another size, restore it from a backup, or run \`gantry store repair ${root}\`.`,
}

/** Undefined in a store that Gantry never opened. */
const readMark = ({ options, state }: RecoveryPorts): DurableMark | undefined => {
  const mark = state.readMark()
  if (!(mark instanceof Malformed)) return mark
  throw new StoreError(
    "NewerVersion",
    `${options.root}/gantry.mark was written by a newer Gantry (${mark.reason}). Start that version, or a newer one.`,
  )
}

function* loadIndex(ports: RecoveryPorts, isClean: boolean, isForeign: boolean): Generator<void, IndexLoaded> {
  // After its own crash Apache RocketMQ trusts only what its checkpoint names, and for the same reasons so do we.
  const trustedUntilMs = isForeign && !isClean ? (ports.state.readCheckpoint()?.indexMsgTimestamp ?? 0) : undefined
  try {
    return yield* ports.index.load(isClean, trustedUntilMs)
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error
    throw new StoreError(
      "Segments",
      `The index of ${ports.options.root} cannot be opened: ${error.message}. Set maxHashSlotNum and maxIndexNum to the numbers that the store was made with, or delete the index folder: it is rebuilt from the log.`,
      { cause: error },
    )
  }
}

/** Opens every queue that another program may have left in any state. False when one was broken and is empty now. */
const loadQueues = (ports: RecoveryPorts, mark: DurableMark | undefined): boolean => {
  let isWhole = true
  for (const [topic, queueId] of ports.queues.names()) {
    if (isUsable(openQueue(ports, topic, queueId), ports.options.root)) continue
    discard(ports, mark, topic, queueId)
    isWhole = false
  }
  return isWhole
}

/** Whether the files of every queue are there that were there at the clean close; else they are all made anew. */
const hasQueues = (ports: RecoveryPorts, mark: DurableMark | undefined): boolean => {
  const { logger, queues, state } = ports
  queues.ends = state.readQueueEnds()
  const missing = queues.firstMissing()
  if (missing === undefined) return true
  const [topic, queueId] = missing
  logger.warn(`files of queue ${topic}-${queueId} are missing: all queues are rebuilt from the log`)
  discard(ports, mark, topic, queueId)
  return false
}

/** Offsets of messages that are not in the log any more stay used, in queues that were rebuilt from it (P2). */
const endQueues = ({ log, queues }: RecoveryPorts): void => {
  for (const [topic, ends] of queues.ends)
    for (const [queueId, end = 0] of ends.entries()) {
      if (end === 0) continue
      const queue = queues.get(topic, queueId)
      if (queue.maxOffset >= end) continue
      if (queue.maxOffset === 0) queue.startAt(end - 1)
      queues.appendLost(queue, end, log.minOffset, log.files.segmentBytes)
    }
}

const isUsable = (queue: ConsumeQueue | undefined, root: string): boolean => {
  try {
    queue?.checkEnd(root)
    return queue !== undefined
  } catch (error) {
    if (error instanceof SegmentError) return false
    throw error
  }
}

/** Empties a queue whose files are broken. What is left after a crash in between may look whole, so the mark goes first. */
const discard = (
  { queues, state }: RecoveryPorts,
  mark: DurableMark | undefined,
  topic: string,
  queueId: number,
): void => {
  if (mark !== undefined) state.writeMarkSync({ ...mark, projectedOffset: 0 })
  queues.discard(topic, queueId)
}

/** The queue, or undefined when files of it are missing: they are a projection and are made again. */
const openQueue = ({ options, queues }: RecoveryPorts, topic: string, queueId: number): ConsumeQueue | undefined => {
  try {
    return queues.get(topic, queueId)
  } catch (error) {
    if (!(error instanceof SegmentError)) throw error
    if (error.reason === "Gap" || error.reason === "Rot") return undefined
    throw new StoreError(
      "Segments",
      `A queue of ${options.root} cannot be opened: ${error.message}. Set mappedFileSizeConsumeQueue to the size that the store was made with, or run \`gantry store repair ${options.root}\`, which rebuilds queues from the log.`,
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

/** Gantry's positions are borders of records, unless another program has cut the log and gone on since. */
const segmentStart = ({ log }: RecoveryPorts, offset: number): number =>
  log.files.holding(offset)?.baseOffset ?? log.minOffset

/** What the projections lack. */
interface Needs {
  /** Records below it are in the index. */
  readonly completeBelow: number
  /** Records below it are in their queues. */
  readonly projectedFrom: number
}

interface Scanned {
  readonly end: number
  readonly last: { readonly commitLogOffset: number; readonly storeTimestamp: number } | undefined
}

function* scan(ports: RecoveryPorts, from: number, life: LastLife, needs: Needs): Generator<void, Scanned> {
  const touched = new Set<ConsumeQueue>()
  let last: Scanned["last"]
  const ended = yield* walk(ports.log.files, from, (message) => {
    replay(ports, life.mark, message, needs, touched)
    last = { commitLogOffset: message.physicalOffset, storeTimestamp: message.storeTimestamp }
  })
  refuseRot(ports, life, ended)
  return { end: ended.commitLogOffset, last }
}

/** Throws when what a walk stopped at is not the end of the log, but something that was lost (P1). */
const refuseRot = (ports: RecoveryPorts, life: LastLife, ended: WalkEnd): void => {
  const { files } = ports.log
  const { at, commitLogOffset } = ended
  const synced = life.mark?.syncedOffset ?? 0
  const refuse = (sentence: string): never => {
    ports.trace?.("Recover", { commitLogOffsetEnd: commitLogOffset, markCommitLogOffset: synced, refused: true })
    throw new StoreError(
      "Rot",
      `${sentence} or run \`gantry store repair ${ports.options.root}\`, which says what would be lost.`,
    )
  }
  if (at !== undefined) {
    if (verdictAt(files, life, at.segment, commitLogOffset) === "cut") return
    refuse(
      `Rotten record at CommitLog offset ${commitLogOffset} (byte ${commitLogOffset - at.segment.baseOffset} of ${at.segment.path}): ${at.reason}. It was synced, so the medium lost it; nothing was cut. Restore the file from a backup or a replica,`,
    )
  }
  const isThere = commitLogOffset === ports.log.minOffset || files.holding(commitLogOffset - 1) !== undefined
  if (commitLogOffset < synced || !isThere)
    refuse(
      `The CommitLog ends at offset ${Math.min(commitLogOffset, lastEnd(files))}, though everything below ${synced} was synced: a segment is missing. Restore it from a backup,`,
    )
}

const lastEnd = (files: SegmentFiles): number =>
  files.last === undefined ? 0 : files.last.baseOffset + files.segmentBytes

/** Hands a record to the projections that do not have it yet. */
const replay = (
  ports: RecoveryPorts,
  mark: DurableMark | undefined,
  message: StoredMessage.Decoded,
  needs: Needs,
  touched: Set<ConsumeQueue>,
): void => {
  const { physicalOffset, sysFlag } = message
  const isIndexed =
    physicalOffset < needs.completeBelow || transactionType(sysFlag) === MessageFlag.TRANSACTION_ROLLBACK
  const queue =
    physicalOffset >= needs.projectedFrom && isShown(ports, message)
      ? queueOf(ports, mark, message, needs, touched)
      : undefined
  ports.onRecord({ isIndexed, message, queue })
  if (physicalOffset >= ports.foldFrom) ports.fold(message)
}

/** The queue of a record, at the place where its entry belongs. Throws `QueueGap`. */
const queueOf = (
  ports: RecoveryPorts,
  mark: DurableMark | undefined,
  { physicalOffset, queueId, queueOffset, topic }: StoredMessage.Decoded,
  needs: Needs,
  touched: Set<ConsumeQueue>,
): ConsumeQueue => {
  // Whether entries of older records, which this scan does not bring back, are missing too.
  const isPartial = needs.projectedFrom > ports.log.minOffset
  let queue = openQueue(ports, topic, queueId)
  if (queue === undefined) {
    discard(ports, mark, topic, queueId)
    if (isPartial) throw new QueueGap(`files of queue ${topic}-${queueId} are missing`)
    queue = ports.queues.get(topic, queueId)
  }
  if (!touched.has(queue)) {
    touched.add(queue)
    // Entries of records after the mark were not synced: they are written anew, not trusted.
    if (queueOffset < queue.maxOffset) queue.rewind(queueOffset)
  }
  if (queueOffset > queue.maxOffset) {
    const gap = `queue ${topic}-${queueId} ends at ${queue.maxOffset}, the log goes on at ${queueOffset}`
    if (isPartial) throw new QueueGap(gap)
    // No more messages can be lost than there is room for between the two records; more is another queue of the name.
    const lostMax = Math.ceil((physicalOffset - queue.lastCommitLogEnd) / recordBytesMin)
    if (queue.maxOffset > 0 && queueOffset - queue.maxOffset <= lostMax) {
      ports.logger.warn(`${gap}: the messages between are lost`)
      ports.queues.appendLost(queue, queueOffset, physicalOffset, ports.log.files.segmentBytes)
    } else {
      // The oldest record is where a queue may begin: what came before it was deleted with its segment.
      if (queue.maxOffset > 0) ports.logger.warn(gap)
      queue.startAt(queueOffset)
    }
  }
  return queue
}

/** Whether a record has an entry in a ConsumeQueue of this store. */
const isShown = (ports: RecoveryPorts, message: StoredMessage.Decoded): boolean => {
  const hidden = hiddenBy(message)
  if (hidden === undefined) return true
  if (hidden !== "transaction")
    ports.logger.warn(`record ${hidden}: it stays in the log, unread`, {
      commitLogOffset: message.physicalOffset,
      topic: message.topic,
    })
  return false
}

/** Why a record has no entry in a ConsumeQueue of this store; undefined when it has. */
export const hiddenBy = ({ queueId, sysFlag, topic }: StoredMessage.StoredMessage): string | undefined => {
  const type = transactionType(sysFlag)
  if (type === MessageFlag.TRANSACTION_PREPARED || type === MessageFlag.TRANSACTION_ROLLBACK) return "transaction"
  if ((sysFlag & MessageFlag.INNER_BATCH) !== 0) return "of a BatchCQ topic"
  return shownNames.test(topic) && queueId >= 0 ? undefined : "with an unusable topic name"
}

/**
 * Forgets entries of records that the log does not have: another program may flush queues before the log. Gantry never
 * does, so that its own queues need no look at a start.
 */
const cutQueues = (ports: RecoveryPorts, end: number): void => {
  for (const [topic, queueId] of ports.queues.names()) ports.queues.get(topic, queueId).cut(end)
}

/** Syncs what another program wrote; answers from where on it is also written again. */
const syncSegments = ({ log }: RecoveryPorts, end: number): number => {
  for (const segment of log.files.all) log.files.file(segment).syncSync()
  return log.files.holding(Math.max(0, end - 1))?.baseOffset ?? end
}

/** Writes [from, end) once more and syncs it. */
const rewriteTail = ({ log }: RecoveryPorts, from: number, end: number): void => {
  const buffer = Buffer.allocUnsafe(sliceBytes)
  const again = Buffer.allocUnsafe(sliceBytes)
  for (let offset = from; offset < end;) {
    const segment = log.files.holding(offset)
    if (segment === undefined) return
    const file = log.files.file(segment)
    const segmentEnd = Math.min(end, segment.baseOffset + log.files.segmentBytes)
    while (offset < segmentEnd) {
      const slice = buffer.subarray(0, Math.min(buffer.length, segmentEnd - offset))
      readAlike(file, slice, again.subarray(0, slice.length), offset - segment.baseOffset)
      file.writeSync(slice, offset - segment.baseOffset)
      offset += slice.length
    }
    file.syncSync()
  }
}

/** Reads until two reads agree: a bit that is read wrongly once must not be written for good (P1). */
const readAlike = (file: DiskFile, target: Buffer, other: Buffer, position: number): void => {
  for (let reads = 0; reads < readsMax; reads++) {
    file.readSync(target, position)
    file.readSync(other, position)
    if (target.equals(other)) return
  }
  throw new DiskError("Io", "read", file.path)
}

/** Makes everything behind the end of the log zero, and that durable. */
const bury = ({ log }: RecoveryPorts, end: number): void => {
  const { files } = log
  const segment = files.holding(end)
  if (files.last === undefined) return
  // Durably before the cut: only the newest file may be found short.
  files.removeFrom(segment === undefined ? end : segment.baseOffset + files.segmentBytes)
  files.syncRemoval()
  if (segment === undefined) return
  const within = end - segment.baseOffset
  const file = files.file(segment)
  if (within < blankBytes) file.writeSync(Buffer.alloc(blankBytes), 0)
  // Never to nothing: an empty file is taken for one that was never used, and the log needs a segment to stand in.
  file.truncate(Math.max(within, blankBytes))
  file.truncate(files.segmentBytes)
  file.syncSync()
}
