/**
 * The message store: the CommitLog and its projections (consume queues, index), opened with recovery, written with
 * group commit, read through queues. One owner, one event loop; everything here is plain and synchronous but for disk
 * calls, which answer by callback.
 *
 * Order of every write: durable, then true, then visible. `put` appends and gives the queue offset at once; queues,
 * index, long polls and answers follow when the log says that the record is readable.
 *
 *   P1  a put that is told "Stored" is readable, which by SYNC_FLUSH means synced
 *   P2  queue offsets of a queue are given in the order of the puts, dense
 *   P9  queues and index are rebuilt from the log after `projectedOffset`
 */
import { tagsCode as hashTags } from "../../domain/Subscription.ts"
import * as Properties from "../../domain/Properties.ts"
import { TopicName } from "../../domain/Topic.ts"
import { isBlank } from "../../format/ConsumeQueueEntry.ts"
import type { Host } from "../../format/Host.ts"
import { indexKeyHash } from "../../format/IndexFile.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import { Malformed } from "../../format/Malformed.ts"
import { type Disk, DiskError } from "../disk/Disk.ts"
import { makeDurableDirectory } from "../disk/durable.ts"
import type { World } from "../world/World.ts"
import { attempt } from "./attempt.ts"
import { CommitLog } from "./CommitLog.ts"
import { type ConsumeQueue, entryBytes } from "./ConsumeQueue.ts"
import { IndexFiles } from "./IndexFiles.ts"
import { QueueTable } from "./QueueTable.ts"
import { OpenFiles, type Segment, SegmentFiles } from "./SegmentFiles.ts"
import { StateFiles } from "./StateFiles.ts"
import { StoreError } from "./StoreError.ts"
import type { StoreOptions } from "./StoreOptions.ts"
import { recover, type Recovered, type RecoveredRecord } from "./Recovery.ts"

export { refuseOtherKinds } from "./StoreKind.ts"

/** A message to be stored, before it has a place: what a broker made of a request, or of a record it moves. */
export interface MessageIn {
  readonly flag: number
  readonly sysFlag: number
  readonly bornTimestamp: number
  readonly bornHost: Host
  readonly reconsumeTimes: number
  readonly preparedTransactionOffset: number
  readonly body: Buffer
  readonly properties: string
  /** `Properties.glance` of the properties, when the caller has it already. */
  readonly glance?: Properties.Glance
}

/** What a put came to. `Stored`: as durable as the settings promise. `FlushTimedOut`: in the log, the sync is late. */
export type StoredStatus = "Stored" | "FlushTimedOut" | "Failed"

/** Called once for the last record of a put, when it is readable, late, or never going to be. */
export interface PutWaiter {
  readonly stored: (status: StoredStatus, record: Appended) => void
  /** Waits as long as it takes: it is never told `FlushTimedOut`, which leaves open what will be. */
  readonly isPatient?: boolean
}

/** Why a put was refused at once; nothing was appended. */
export type PutRefusal = "Busy" | "Closed" | "DiskFull" | "MessageTooLarge" | "PropertiesTooLarge"

/** A record between its append and its readability. */
export interface Appended {
  readonly queue: ConsumeQueue
  readonly queueOffset: number
  readonly commitLogOffset: number
  readonly sizeBytes: number
  readonly tagsCode: number
  readonly storeTimestamp: number
  readonly glance: Properties.Glance
  /** Who is told; undefined when nobody waits, or when it was told. */
  waiter: PutWaiter | undefined
  readonly appendedAtMs: number
}

/** A message is readable at `queueOffset`; long polls may look. */
export type ArrivalListener = (queue: ConsumeQueue, queueOffset: number, tagsCode: number) => void

/** Every record after the snapshots, in log order, at recovery: what the owner folds into its state (promise P9). */
export type RecordFold = (message: StoredMessage.Decoded) => void

export type GetStatus =
  | "FOUND"
  | "NO_MATCHED_MESSAGE"
  | "MESSAGE_WAS_REMOVING"
  | "OFFSET_FOUND_NULL"
  | "OFFSET_OVERFLOW_ONE"
  | "OFFSET_OVERFLOW_BADLY"
  | "OFFSET_TOO_SMALL"
  | "NO_MESSAGE_IN_QUEUE"

/** The answer to a read. `copyTo` may be called in the callback only, once, with room for `sizeBytes`. */
export interface GetResult {
  readonly status: GetStatus
  readonly nextBeginOffset: number
  readonly minOffset: number
  readonly maxOffset: number
  readonly count: number
  readonly sizeBytes: number
  /** Copies the messages; false when one of them is rotten, in which case the bytes must not be served (P1). */
  readonly copyTo: (target: Buffer, at: number) => boolean
}

export interface GetRequest {
  readonly queue: ConsumeQueue
  readonly queueOffset: number
  readonly countMax: number
  /** Whether a message with this tags code may be delivered; undefined takes all. */
  readonly matches: ((tagsCode: number) => boolean) | undefined
}

/** Entries that one read looks at, at most, whatever passes the filter. RocketMQ: maxFilterMessageSize 16,000 / 20. */
const scannedMax = 800

/** Shortest record: IPv4 hosts, version 1, empty body, topic and properties. */
const recordBytesMin = 91

const nothing = (): boolean => true

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export class MessageStore {
  readonly options: StoreOptions
  readonly queues: QueueTable
  readonly log: CommitLog
  readonly index: IndexFiles
  readonly #world: World
  readonly #disk: Disk
  readonly #open: OpenFiles
  readonly #state: StateFiles
  readonly #fold: RecordFold
  onArrival: ArrivalListener = () => {}
  /** Told when the backlog of unsynced bytes becomes high (stop reading sockets) and when it is low again. */
  onPressure: (isHigh: boolean) => void = () => {}
  /** Told once when the store is poisoned and will answer no more. */
  onFailed: (error: DiskError) => void = () => {}

  #pending: Array<Appended> = []
  #pendingHead = 0
  #isOpen = false
  #isDiskFull = false
  #isPressed = false
  #release: (() => void) | undefined
  #lastProjected = { commitLogOffset: 0, storeTimestamp: 0 }
  #projectedOffset = 0
  #checkpointOffset = 0
  #checkpointing = false
  #cancelSweep: (() => void) | undefined
  #cancelCheckpoint: (() => void) | undefined

  constructor(options: StoreOptions, world: World, fold: RecordFold = () => {}) {
    this.options = options
    this.#world = world
    this.#disk = world.disk
    this.#fold = fold
    this.#open = new OpenFiles(world.disk)
    this.#state = new StateFiles(world.disk, options.root)
    const logFiles = new SegmentFiles(
      world.disk,
      this.#open,
      `${options.root}/commitlog`,
      options.commitLogSegmentBytes,
    )
    this.log = new CommitLog(
      logFiles,
      world.clock,
      options,
      {
        onDiskFull: (error) => this.#diskFull(error),
        onFailed: (error) => this.#fail(error),
        onReadable: (offset) => this.#becameReadable(offset),
      },
      world.trace,
    )
    this.queues = new QueueTable(
      world.disk,
      this.#open,
      `${options.root}/consumequeue`,
      options.consumeQueueSegmentBytes,
      () => this.log.minOffset,
    )
    this.index = new IndexFiles(world.disk, world.clock, `${options.root}/index`, options.index)
  }

  /**
   * Opens the store: takes its lock, recovers, and leaves it ready for puts. `foldFrom` is the log offset of the
   * oldest snapshot: records from there on are handed to the fold. Yields between slices of work.
   * Throws `StoreError` or `DiskError`; nothing of the log was changed then. `isRepair` goes on where a repair is at.
   */
  *open(foldFrom: number, lock: () => void, isRepair = false): Generator<void, void> {
    this.#release = lock
    if (this.#state.isInRepair && !isRepair)
      throw new StoreError(
        "InRepair",
        `A repair of the store ${this.options.root} was begun and not ended. Run \`gantry store repair ${this.options.root} --yes\` again.`,
      )
    this.queues.mayBeCut = this.#state.isAborted && !this.#state.isAbortedByOther
    let recovered: Recovered
    try {
      recovered = yield* recover({
        foldFrom,
        index: this.index,
        log: this.log,
        logger: this.#world.log,
        onRecord: (record) => this.#projectAgain(record),
        fold: this.#fold,
        options: this.options,
        queues: this.queues,
        state: this.#state,
        trace: this.#world.trace,
      })
    } catch (error) {
      this.#closeFiles()
      throw error
    }
    // What a mark says of queues and index needs their folders; the names in them are synced with the files. A process
    // that was killed may have made these and not synced them.
    for (const folder of [this.log.files.directory, this.queues.directory, this.index.directory])
      makeDurableDirectory(this.#disk, folder)
    this.#disk.syncDirectory(this.options.root)
    this.#projectedOffset = recovered.endOffset
    this.#checkpointOffset = recovered.projectedOffset
    this.#lastProjected = recovered.last
    this.log.start(recovered.endOffset)
    this.#state.writeMarkSync({
      cleanEnd: -1,
      projectedOffset: this.#checkpointOffset,
      syncedOffset: recovered.endOffset,
    })
    this.#isOpen = true
    this.#scheduleSweep()
    this.#scheduleCheckpoint()
    this.#world.trace?.("Reopen", { commitLogOffsetEnd: recovered.endOffset })
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get isDiskFull(): boolean {
    return this.#isDiskFull
  }

  /** By the watermarks of retention: clients are refused, Gantry's own records still go through. */
  setDiskFull(isFull: boolean, usedPercent: number): void {
    if (isFull && !this.#isDiskFull)
      this.#world.log.error(`the disk is ${usedPercent}% full: sends are refused, reads go on; free some space`)
    if (!isFull && this.#isDiskFull) this.#world.log.info(`the disk is ${usedPercent}% full: sends are taken again`)
    this.#isDiskFull = isFull
  }

  /**
   * Appends a message to its queue. Answers the appended record, whose waiter is called later, or why it was refused.
   * `isSystem` marks Gantry's own records, which the disk-full rule lets through.
   */
  put(queue: ConsumeQueue, message: MessageIn, waiter: PutWaiter | undefined, isSystem = false): Appended | PutRefusal {
    if (!this.#isOpen) return "Closed"
    if (this.#isDiskFull && !isSystem) return "DiskFull"
    if (message.body.length > this.options.messageBytesMax) return "MessageTooLarge"
    const properties = message.properties
    const propertiesSizeBytes = StoredMessage.propertiesSize(properties, true)
    if (propertiesSizeBytes > StoredMessage.propertiesSizeMax) return "PropertiesTooLarge"
    const { log } = this
    const { topic } = queue
    const storeTimestamp = this.#world.clock.nowMs()
    const queueOffset = queue.nextOffset
    const stored: Writable<StoredMessage.StoredMessage> = {
      body: message.body,
      bornHost: message.bornHost,
      bornTimestamp: message.bornTimestamp,
      flag: message.flag,
      physicalOffset: 0,
      preparedTransactionOffset: message.preparedTransactionOffset,
      properties,
      queueId: queue.queueId,
      queueOffset,
      reconsumeTimes: message.reconsumeTimes,
      storeHost: this.options.storeHost,
      storeTimestamp,
      sysFlag: message.sysFlag,
      topic,
      version: StoredMessage.versionFor(topic),
    }
    const sizeBytes = StoredMessage.sizeWith(stored, propertiesSizeBytes)
    if (sizeBytes > log.recordBytesMax) return "MessageTooLarge"
    if (!log.reserve(sizeBytes)) return this.#refusalOfLog()
    const commitLogOffset = log.targetOffset
    stored.physicalOffset = commitLogOffset
    StoredMessage.encodeInto(stored, log.target, log.targetAt, true)
    log.commit(sizeBytes)
    queue.nextOffset = queueOffset + 1
    const glance = message.glance ?? Properties.glance(properties)
    const record: Appended = {
      appendedAtMs: this.#world.clock.monotonicMs(),
      commitLogOffset,
      glance,
      queue,
      queueOffset,
      sizeBytes,
      storeTimestamp,
      tagsCode: this.#tagsCode(topic, glance, storeTimestamp),
      waiter,
    }
    this.#pending.push(record)
    this.#world.trace?.("Append", {
      commitLogOffset,
      queueId: queue.queueId,
      queueOffset,
      sizeBytes,
      topic: queue.topic,
    })
    if (!this.#isPressed && log.backlogBytes > log.backlogHighBytes) {
      this.#isPressed = true
      this.onPressure(true)
    }
    return record
  }

  #refusalOfLog(): PutRefusal {
    if (this.log.failed !== undefined) return "Closed"
    return this.log.lacksSegment ? "DiskFull" : "Busy"
  }

  /** Reads messages of a queue from `queueOffset` on; `done` runs in this turn when they are in memory. */
  get(request: GetRequest, done: (error: DiskError | undefined, result: GetResult | undefined) => void): void {
    const { queue, queueOffset } = request
    const correct = (): true => {
      queue.correctMin(this.log.minOffset)
      return true
    }
    if (attempt(correct, (error) => done(error, undefined)) === undefined) return
    const { maxOffset, minOffset } = queue
    const bare = (status: GetStatus, nextBeginOffset: number): void =>
      done(undefined, { copyTo: nothing, count: 0, maxOffset, minOffset, nextBeginOffset, sizeBytes: 0, status })
    if (maxOffset === 0) return bare("NO_MESSAGE_IN_QUEUE", 0)
    if (queueOffset < minOffset) return bare("OFFSET_TOO_SMALL", minOffset)
    if (queueOffset === maxOffset) return bare("OFFSET_OVERFLOW_ONE", queueOffset)
    if (queueOffset > maxOffset) return bare("OFFSET_OVERFLOW_BADLY", maxOffset)
    const offsets: Array<number> = []
    const sizes: Array<number> = []
    this.#gather(request, queueOffset, offsets, sizes, 0, (error, next, bytes) => {
      if (error !== undefined) return done(error, undefined)
      if (next === queueOffset) return bare("OFFSET_FOUND_NULL", Math.min(maxOffset, queueOffset + 1))
      if (offsets.length === 0) return bare("NO_MATCHED_MESSAGE", next)
      this.#bringIn(offsets, sizes, 0, undefined, (failed, removed, aside) => {
        if (failed !== undefined) return done(failed, undefined)
        if (removed) return bare("MESSAGE_WAS_REMOVING", next)
        done(undefined, {
          copyTo: (target, at) => this.#copyAll(offsets, sizes, aside, target, at),
          count: offsets.length,
          maxOffset: queue.maxOffset,
          minOffset: queue.minOffset,
          nextBeginOffset: next,
          sizeBytes: bytes,
          status: "FOUND",
        })
      })
    })
  }

  /** The record at a physical offset, checked; undefined when there is none, it is rotten, or the disk fails to read. */
  lookAt(
    commitLogOffset: number,
    done: (message: StoredMessage.StoredMessage | undefined, error: DiskError | undefined) => void,
  ): void {
    const { log } = this
    const none = (error?: DiskError): void => done(undefined, error)
    if (commitLogOffset < log.minOffset || commitLogOffset + recordBytesMin > log.readableOffset) return none()
    const head = Buffer.allocUnsafe(4)
    this.#bringIn([commitLogOffset], [4], 0, undefined, (error, removed) => {
      if (error !== undefined || removed) return none(error)
      log.copyTo(head, 0, commitLogOffset, 4)
      const sizeBytes = head.readInt32BE(0)
      if (!this.#canLie(commitLogOffset, sizeBytes)) return none()
      this.#bringIn([commitLogOffset], [sizeBytes], 0, undefined, (failed, gone) => {
        if (failed !== undefined || gone) return none(failed)
        const bytes = Buffer.allocUnsafe(sizeBytes)
        log.copyTo(bytes, 0, commitLogOffset, sizeBytes)
        done(this.#decode(bytes, commitLogOffset), undefined)
      })
    })
  }

  /** The record at a physical offset, read at once: start-up, searches by time, tools. */
  lookAtSync(commitLogOffset: number, sizeBytes: number): StoredMessage.StoredMessage | undefined {
    const bytes = Buffer.allocUnsafe(sizeBytes)
    if (this.log.isResident(commitLogOffset, sizeBytes)) this.log.copyTo(bytes, 0, commitLogOffset, sizeBytes)
    else {
      const segment = this.log.files.holding(commitLogOffset)
      if (segment === undefined) return undefined
      this.log.files.file(segment).readSync(bytes, commitLogOffset - segment.baseOffset)
    }
    return this.#decode(bytes, commitLogOffset)
  }

  /** The record that begins at a physical offset, whatever its size, read at once: recovery. */
  recordAtSync(commitLogOffset: number): StoredMessage.StoredMessage | undefined {
    const segment = this.log.files.holding(commitLogOffset)
    if (segment === undefined) return undefined
    const size = Buffer.alloc(4)
    this.log.files.file(segment).readSync(size, commitLogOffset - segment.baseOffset)
    const sizeBytes = size.readInt32BE(0)
    if (sizeBytes < recordBytesMin || commitLogOffset + sizeBytes > segment.baseOffset + this.log.files.segmentBytes)
      return undefined
    return this.lookAtSync(commitLogOffset, sizeBytes)
  }

  /**
   * When the last record of a full segment was stored, to within the pause before the next one, which begins the segment
   * behind it: records can only be walked forward. Undefined when that one cannot be read.
   */
  lastStoreTimestampOf(segment: Segment): number | undefined {
    const known = this.#lastStoreTimestamps.get(segment.baseOffset)
    if (known !== undefined) return known
    const next = this.log.files.holding(segment.baseOffset + this.log.files.segmentBytes)
    // The first record of the next segment was stored right after the last one of this.
    const after = next === undefined ? undefined : this.recordAtSync(next.baseOffset)?.storeTimestamp
    if (after !== undefined) this.#lastStoreTimestamps.set(segment.baseOffset, after)
    return after
  }

  readonly #lastStoreTimestamps = new Map<number, number>()

  /** When the message at `queueOffset` was stored, or undefined when there is none. */
  storeTimestampAt(queue: ConsumeQueue, queueOffset: number): number | undefined {
    const entry = queue.entrySync(queueOffset)
    if (entry === undefined || !this.#canLie(entry.commitLogOffset, entry.sizeBytes)) return undefined
    return this.lookAtSync(entry.commitLogOffset, entry.sizeBytes)?.storeTimestamp
  }

  /**
   * The queue offset for a time: the first message stored at or after it (`LOWER`), or the last at or before it
   * (`UPPER`), within [min, max].
   */
  offsetByTime(queue: ConsumeQueue, timestampMs: number, boundary: "LOWER" | "UPPER"): number {
    queue.correctMin(this.log.minOffset)
    let low = queue.minOffset
    let high = queue.maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const at = this.storeTimestampAt(queue, middle) ?? 0
      if (boundary === "LOWER" ? at < timestampMs : at <= timestampMs) low = middle + 1
      else high = middle
    }
    return boundary === "LOWER" ? low : Math.max(queue.minOffset, low - 1)
  }

  /** Deletes the oldest segment of the log, when every projection and snapshot that covers it is durable. */
  deleteFirstSegment(): boolean {
    const first = this.log.files.first
    const second = this.log.files.all[1]
    if (first === undefined || second === undefined || this.#checkpointOffset < second.baseOffset) return false
    if (this.log.syncedOffset < second.baseOffset) return false
    this.log.removeFirstSegment()
    this.#lastStoreTimestamps.delete(first.baseOffset)
    this.queues.correctMins(this.log.minOffset)
    this.index.deleteBelow(this.log.minOffset)
    return true
  }

  /** Writes queues and index to disk, then moves the mark and the checkpoint up to what they cover. */
  checkpoint(done: (error: DiskError | undefined) => void): void {
    this.#whenIdle(() => {
      if (!this.#isOpen) return done(this.log.failed)
      this.#checkpointing = true
      this.#checkpoint((error) => {
        this.#checkpointing = false
        // What a failed sync covered may be gone though the next one succeeds: the next start writes it anew.
        if (error?.operation.startsWith("sync") === true) this.log.poison(error)
        done(error)
      })
    })
  }

  #checkpoint(end: (error: DiskError | undefined) => void): void {
    const projectedOffset = this.#projectedOffset
    const last = this.#lastProjected
    // By ASYNC_FLUSH the log may be behind what is readable; nothing may be made to rest on more than it has.
    if (this.log.syncedOffset < projectedOffset)
      return this.log.syncNow(() =>
        this.log.failed === undefined ? this.#flushProjections(projectedOffset, last, end) : end(this.log.failed),
      )
    this.#flushProjections(projectedOffset, last, end)
  }

  #flushProjections(
    projectedOffset: number,
    last: Recovered["last"],
    end: (error: DiskError | undefined) => void,
  ): void {
    this.queues.flush(this.log.syncedOffset, (queuesError) => {
      if (queuesError !== undefined) return end(queuesError)
      this.#world.trace?.("FlushQueue", { commitLogOffsetEnd: projectedOffset })
      this.index.flush((indexError) => {
        if (indexError !== undefined) return end(indexError)
        const syncedOffset = this.log.syncedOffset
        this.#state.writeMark({ cleanEnd: -1, projectedOffset, syncedOffset }, (markError) => {
          if (markError !== undefined) return end(markError)
          this.#checkpointOffset = projectedOffset
          this.#world.trace?.("Mark", { commitLogOffsetEnd: syncedOffset })
          this.#state.writeCheckpoint(this.#checkpointOf(last), (error) => {
            if (error === undefined) this.#world.trace?.("Checkpoint", { commitLogOffsetEnd: projectedOffset })
            end(error)
          })
        })
      })
    })
  }

  /**
   * Syncs everything, removes the abort mark and lets the lock go. After it the store is closed. What the disk does not
   * take is told, the abort mark stays, and the next start recovers from the log.
   */
  close(done: () => void): void {
    this.#isOpen = false
    this.#cancelSweep?.()
    this.#cancelCheckpoint?.()
    const leave = (error: DiskError | undefined): void => {
      if (error !== undefined && this.log.failed === undefined)
        this.#world.log.error(
          `the store was not closed cleanly: ${error.message}; the next start recovers from its log`,
        )
      this.#closeFiles()
      this.#release?.()
      done()
    }
    this.log.drain((isOnDisk) =>
      this.#whenIdle(() => {
        if (!isOnDisk) return leave(new DiskError("NoSpace", "write", this.log.files.directory))
        this.queues.flush(this.log.syncedOffset, (error) => {
          if (error !== undefined) return leave(error)
          attempt(() => {
            this.#seal()
            leave(undefined)
          }, leave)
        })
      }),
    )
  }

  /** Leaves the state files of a clean close. Throws `DiskError`. */
  #seal(): void {
    this.index.close(true)
    this.#state.writeCheckpointSync(this.#checkpointOf(this.#lastProjected, true))
    const end = this.log.syncedOffset
    this.#state.writeMarkSync({ cleanEnd: end, projectedOffset: end, syncedOffset: end })
    this.#state.markClosed()
  }

  #closeFiles(): void {
    this.index.close(false)
    this.#state.close()
    this.#open.closeAll()
  }

  #whenIdle(run: () => void): void {
    if (!this.#checkpointing) return run()
    this.#world.clock.after(5, () => this.#whenIdle(run))
  }

  /**
   * What Apache RocketMQ may trust after a crash. It then deletes every index file that is not full and rebuilds from
   * where the queues end; so that no key is lost, we claim no more of the queues than of full index files. A clean close
   * leaves nothing to rebuild.
   */
  #checkpointOf(last: { commitLogOffset: number; storeTimestamp: number }, isClosed = false) {
    const fullEnd = this.index.fullEnd
    const end = isClosed ? last : fullEnd
    return {
      confirmPhyOffset: last.commitLogOffset,
      indexMsgTimestamp: fullEnd.storeTimestamp,
      logicsMsgTimestamp: Math.min(last.storeTimestamp, end.storeTimestamp),
      logicsPhysicalOffset: Math.min(last.commitLogOffset, end.commitLogOffset),
      masterFlushedOffset: 0,
      physicMsgTimestamp: last.storeTimestamp,
    }
  }

  #scheduleCheckpoint(): void {
    this.#cancelCheckpoint = this.#world.clock.after(this.options.checkpointIntervalMs, () => {
      if (!this.#isOpen) return
      if (this.#projectedOffset === this.#checkpointOffset) return this.#scheduleCheckpoint()
      this.checkpoint((error) => {
        if (error !== undefined)
          this.#world.log.warn(`the queues could not be written: ${error.message}; trying again`, { path: error.path })
        if (this.#isOpen) this.#scheduleCheckpoint()
      })
    })
  }

  /** Answers puts whose sync is late: they are in the log, whether they are on disk nobody knows yet. */
  #scheduleSweep(): void {
    this.#cancelSweep = this.#world.clock.after(this.options.syncFlushTimeoutMs / 5, () => {
      const late = this.#world.clock.monotonicMs() - this.options.syncFlushTimeoutMs
      for (let i = this.#pendingHead; i < this.#pending.length; i++) {
        const record = this.#pending[i]
        if (record === undefined || record.appendedAtMs > late) break
        const { waiter } = record
        if (waiter === undefined || waiter.isPatient === true) continue
        record.waiter = undefined
        waiter.stored("FlushTimedOut", record)
      }
      this.#scheduleSweep()
    })
  }

  #becameReadable(readableOffset: number): void {
    const pending = this.#pending
    let head = this.#pendingHead
    const first = head
    for (let record = pending[head]; record !== undefined; record = pending[head]) {
      if (record.commitLogOffset >= readableOffset) break
      this.#project(record)
      head++
    }
    this.#pendingHead = head
    this.#projectedOffset = readableOffset
    if (head > first) this.#world.trace?.("Dispatch", { commitLogOffsetEnd: readableOffset })
    // Answers follow when every record of the sync is in its queue: what a producer is told, a consumer can see.
    for (let i = first; i < head; i++) {
      const record = pending[i]
      if (record === undefined) continue
      const { waiter } = record
      if (waiter === undefined) continue
      record.waiter = undefined
      this.#world.trace?.("Ack", { commitLogOffset: record.commitLogOffset })
      waiter.stored("Stored", record)
    }
    if (this.#pendingHead > 4096 && this.#pendingHead * 2 > pending.length) {
      pending.splice(0, this.#pendingHead)
      this.#pendingHead = 0
    }
    if (this.#isDiskFull && this.#isDiskFullByWrite) {
      this.#isDiskFullByWrite = false
      this.#isDiskFull = false
    }
    if (this.#isPressed && this.log.backlogBytes < this.log.backlogHighBytes / 2) {
      this.#isPressed = false
      this.onPressure(false)
    }
  }

  #isDiskFullByWrite = false

  #project(record: Appended): void {
    const { commitLogOffset, glance, queue, queueOffset, sizeBytes, storeTimestamp, tagsCode } = record
    this.queues.append(queue, commitLogOffset, sizeBytes, tagsCode)
    this.#indexKeys(queue.topic, glance, commitLogOffset, storeTimestamp)
    this.#lastProjected = { commitLogOffset, storeTimestamp }
    if (queue.heldCount > 0 || queue.topic === TopicName.SCHEDULE) this.onArrival(queue, queueOffset, tagsCode)
  }

  /** The same as `#project`, from the bytes of the log: recovery. */
  #projectAgain({ isIndexed, message, queue }: RecoveredRecord): void {
    const { physicalOffset, sizeBytes, storeTimestamp, topic } = message
    const glance = Properties.glance(message.properties)
    if (queue !== undefined && message.queueOffset >= queue.maxOffset)
      this.queues.append(queue, physicalOffset, sizeBytes, this.#tagsCode(topic, glance, storeTimestamp))
    if (!isIndexed) this.#indexKeys(topic, glance, physicalOffset, storeTimestamp)
  }

  /** In a delay queue the tags code is the time of delivery; elsewhere the hash of the tag. */
  #tagsCode(topic: string, glance: Properties.Glance, storeTimestamp: number): number {
    if (topic === TopicName.SCHEDULE && glance.delay !== undefined) {
      const level = Number(glance.delay)
      const delays = this.options.delayLevelsMs
      if (level > 0) return storeTimestamp + (delays[Math.min(level, delays.length) - 1] ?? 1000)
    }
    return hashTags(glance.tags)
  }

  #indexKeys(topic: string, { keys, tags, uniqKey }: Properties.Glance, offset: number, storeTimestamp: number): void {
    if (uniqKey !== undefined) this.index.put(indexKeyHash(`${topic}#${uniqKey}`), offset, storeTimestamp)
    if (keys !== undefined) {
      for (const key of keys.split(" "))
        if (key !== "") this.index.put(indexKeyHash(`${topic}#${key}`), offset, storeTimestamp)
    }
    if (tags !== undefined) this.index.put(indexKeyHash(`${topic}#T#${tags}`), offset, storeTimestamp)
  }

  /** Collects what a read will serve, from `from` on; loads queue entries when they are not in memory. */
  #gather(
    request: GetRequest,
    from: number,
    offsets: Array<number>,
    sizes: Array<number>,
    bytesBefore: number,
    done: (error: DiskError | undefined, next: number, bytes: number) => void,
  ): void {
    const { matches, queue } = request
    const { options } = this
    const { countMax } = request
    const scanEnd = request.queueOffset + Math.max(scannedMax, countMax)
    let bytes = bytesBefore
    let next = from
    while (next < queue.maxOffset && next < scanEnd) {
      const run = queue.entries(next)
      if (run === undefined) {
        const at = next
        return queue.loadEntries(at, (error, found) => {
          if (error !== undefined || !found) return done(error, at, bytes)
          this.#gather(request, at, offsets, sizes, bytes, done)
        })
      }
      const { buffer, count } = run
      for (let i = 0; i < count && next < scanEnd; i++, next++) {
        const at = run.at + i * entryBytes
        const commitLogOffset = buffer.readUInt32BE(at) * 0x1_00_00_00_00 + buffer.readUInt32BE(at + 4)
        // Messages that went with their segment, and those before the first file of a queue, are passed over.
        if (commitLogOffset < this.log.minOffset) continue
        if (matches !== undefined && !matches(buffer.readInt32BE(at + 16))) continue
        const sizeBytes = buffer.readInt32BE(at + 8)
        if (isBlank(sizeBytes)) continue
        if (!this.#canLie(commitLogOffset, sizeBytes)) return done(this.#rottenEntry(queue, next), next, bytes)
        if (offsets.length > 0) {
          const isHot = this.log.isHot(commitLogOffset)
          if (bytes + sizeBytes > (isHot ? options.transferBytesMaxHot : options.transferBytesMaxCold))
            return done(undefined, next, bytes)
          if (offsets.length >= (isHot ? options.transferCountMaxHot : options.transferCountMaxCold))
            return done(undefined, next, bytes)
        }
        offsets.push(commitLogOffset)
        sizes.push(sizeBytes)
        bytes += sizeBytes
        if (offsets.length >= countMax) return done(undefined, next + 1, bytes)
      }
    }
    done(undefined, next, bytes)
  }

  /** Whether a readable record may have this place and size: bounds for what a client asks for, or an entry says. */
  #canLie(commitLogOffset: number, sizeBytes: number): boolean {
    const { files, readableOffset } = this.log
    const within = commitLogOffset % files.segmentBytes
    return (
      sizeBytes >= recordBytesMin &&
      commitLogOffset + sizeBytes <= readableOffset &&
      within + sizeBytes <= files.segmentBytes
    )
  }

  /** Queue files have no checksums, but an entry that leads to no record is known for what it is. */
  #rottenEntry(queue: ConsumeQueue, queueOffset: number): DiskError {
    const error = new DiskError("Io", "read", queue.directory, `the entry of queue offset ${queueOffset} is rotten`)
    this.#world.log.error("rotten queue entry: stop the broker and run `gantry store repair`, which rebuilds queues", {
      path: queue.directory,
      queueOffset,
    })
    return error
  }

  /**
   * Makes all the ranges resident, loading cold ones once each; `removed` when one is gone for good. When other reads
   * push out what this one brought in, it starts again and puts each range `aside` as soon as it is there.
   */
  #bringIn(
    offsets: ReadonlyArray<number>,
    sizes: ReadonlyArray<number>,
    from: number,
    aside: Array<Buffer | undefined> | undefined,
    done: (
      error: DiskError | undefined,
      removed: boolean,
      aside: ReadonlyArray<Buffer | undefined> | undefined,
    ) => void,
  ): void {
    const { log } = this
    for (let i = from; i < offsets.length; i++) {
      const offset = offsets[i] ?? 0
      const sizeBytes = sizes[i] ?? 0
      if (aside?.[i] !== undefined) continue
      if (log.isResident(offset, sizeBytes)) {
        if (aside === undefined || log.isHot(offset)) continue
        const bytes = Buffer.allocUnsafe(sizeBytes)
        log.copyTo(bytes, 0, offset, sizeBytes)
        aside[i] = bytes
        continue
      }
      if (offset < log.minOffset) return done(undefined, true, aside)
      // What lies close behind is asked for in the same read: a batch of neighbours is one load.
      let end = offset + sizeBytes
      for (let j = i + 1; j < offsets.length; j++) {
        const nextEnd = (offsets[j] ?? 0) + (sizes[j] ?? 0)
        if (nextEnd - offset > options64KiB || nextEnd < end) break
        end = nextEnd
      }
      const segmentBytes = log.files.segmentBytes
      const segmentEnd = offset - (offset % segmentBytes) + segmentBytes
      return log.load(offset, Math.min(end, segmentEnd) - offset, (error) => {
        if (error !== undefined) return done(error, false, aside)
        this.#bringIn(offsets, sizes, i, log.isResident(offset, sizeBytes) ? aside : (aside ?? []), done)
      })
    }
    for (let i = 0; i < offsets.length; i++) {
      if (aside?.[i] === undefined && !log.isResident(offsets[i] ?? 0, sizes[i] ?? 0))
        return this.#bringIn(offsets, sizes, 0, aside ?? [], done)
    }
    done(undefined, false, aside)
  }

  #copyAll(
    offsets: ReadonlyArray<number>,
    sizes: ReadonlyArray<number>,
    aside: ReadonlyArray<Buffer | undefined> | undefined,
    target: Buffer,
    start: number,
  ): boolean {
    let at = start
    for (let i = 0; i < offsets.length; i++) {
      const offset = offsets[i] ?? 0
      const sizeBytes = sizes[i] ?? 0
      const bytes = aside?.[i]
      if (bytes === undefined) this.log.copyTo(target, at, offset, sizeBytes)
      else bytes.copy(target, at)
      const isFromDisk = bytes !== undefined || !this.log.isHot(offset)
      if (!this.#isSound(target, at, sizeBytes, offset, isFromDisk)) return false
      at += sizeBytes
    }
    return true
  }

  /**
   * What came back from a disk is checked before it is served: rotten media are reported, never served (P1). Bytes of the
   * ring are as they were encoded; that they are a record of this place and size tells whether the queue entry is right.
   */
  #isSound(buffer: Buffer, at: number, sizeBytes: number, commitLogOffset: number, isFromDisk: boolean): boolean {
    const reason =
      misplaced(buffer, at, sizeBytes, commitLogOffset) ?? (isFromDisk ? unsound(buffer, at, sizeBytes) : undefined)
    if (reason === undefined) return true
    this.log.doubt(commitLogOffset, sizeBytes)
    const segment = this.log.files.holding(commitLogOffset)
    this.#world.log.error("rotten record: it is not served; run `gantry store verify`, then `gantry store repair`", {
      commitLogOffset,
      file: segment?.path,
      reason,
      sizeBytes,
    })
    return false
  }

  #decode(bytes: Buffer, commitLogOffset: number): StoredMessage.StoredMessage | undefined {
    // Whoever asks for an offset may be wrong: what does not belong there is no sign of rot.
    if (misplaced(bytes, 0, bytes.length, commitLogOffset) !== undefined) return undefined
    if (!this.#isSound(bytes, 0, bytes.length, commitLogOffset, true)) return undefined
    const message = StoredMessage.decode(bytes, 0)
    return message instanceof Malformed ? undefined : message
  }

  #diskFull(error: DiskError): void {
    if (!this.#isDiskFull)
      this.#world.log.error("the disk is full: sends are refused, nothing acknowledged is lost; free some space", {
        path: error.path,
      })
    this.#isDiskFull = true
    this.#isDiskFullByWrite = true
  }

  #fail(error: DiskError): void {
    this.#isOpen = false
    this.#cancelSweep?.()
    this.#cancelCheckpoint?.()
    this.#world.log.error("the disk failed to write or sync: the store answers no more", { reason: error.message })
    for (let i = this.#pendingHead; i < this.#pending.length; i++) {
      const record = this.#pending[i]
      const waiter = record?.waiter
      if (record === undefined || waiter === undefined) continue
      record.waiter = undefined
      waiter.stored("Failed", record)
    }
    this.onFailed(error)
  }
}

const options64KiB = 64 * 1024

const misplaced = (buffer: Buffer, at: number, sizeBytes: number, commitLogOffset: number): string | undefined => {
  const size = StoredMessage.at.totalSize(buffer, at)
  if (size !== sizeBytes) return `a record of ${size} bytes, its queue entry says ${sizeBytes}`
  const place = StoredMessage.at.physicalOffset(buffer, at)
  return place === commitLogOffset ? undefined : `a record that belongs to ${place}`
}

const unsound = (buffer: Buffer, at: number, sizeBytes: number): string | undefined => {
  const found = StoredMessage.check(buffer, at, sizeBytes)
  if (found.kind === "record") return undefined
  return found.kind === "bad" ? found.reason : "a filler"
}
