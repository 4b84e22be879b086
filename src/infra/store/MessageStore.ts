/**
 * The message store: the CommitLog and its projections (consume queues, index), opened with recovery, written with
 * group commit, read through queues. One owner, one event loop; everything here is plain and synchronous but for disk
 * calls, which answer by callback.
 *
 * Order of every write: durable, then true, then visible. `put` appends and gives the queue offset at once; queues,
 * index, long polls and answers follow when the log says that the record is readable (`Dispatch`).
 *
 *   P1  a put that is told "Stored" is readable, which by SYNC_FLUSH means synced
 *   P2  queue offsets of a queue are given in the order of the puts, dense
 *   P9  queues and index are rebuilt from the log after `projectedOffset`
 */
import * as Properties from "../../domain/Properties.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import { type Disk, DiskError } from "../disk/Disk.ts"
import { makeDurableDirectory } from "../disk/durable.ts"
import type { World } from "../world/World.ts"
import { attempt } from "./attempt.ts"
import { Checkpointing } from "./Checkpointing.ts"
import { CommitLog } from "./CommitLog.ts"
import type { ConsumeQueue } from "./ConsumeQueue.ts"
import { type ArrivalListener, Dispatch, type Marks } from "./Dispatch.ts"
import { IndexFiles } from "./IndexFiles.ts"
import { type GetRequest, type GetResult, MessageReader } from "./MessageReader.ts"
import type { Appended, MessageIn, PutRefusal, PutWaiter } from "./Put.ts"
import { QueueTable } from "./QueueTable.ts"
import { OpenFiles, type Segment, SegmentFiles } from "./SegmentFiles.ts"
import { StateFiles } from "./StateFiles.ts"
import { StoreError } from "./StoreError.ts"
import type { StoreOptions } from "./StoreOptions.ts"
import { recover, type Recovered } from "./Recovery.ts"

export type { GetRequest, GetResult, GetStatus } from "./MessageReader.ts"
export type { Appended, MessageIn, PutRefusal, PutWaiter, StoredStatus } from "./Put.ts"

/** Every record after the snapshots, in log order, at recovery: what the owner folds into its state (promise P9). */
export type RecordFold = (message: StoredMessage.Decoded) => void

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
  readonly #reader: MessageReader
  readonly #dispatch: Dispatch
  readonly #checkpointing: Checkpointing
  /** Told when the backlog of unsynced bytes becomes high (stop reading sockets) and when it is low again. */
  onPressure: (isHigh: boolean) => void = () => {}
  /** Told once when the store is poisoned and will answer no more. */
  onFailed: (error: DiskError) => void = () => {}

  #isOpen = false
  #isDiskFull = false
  #isDiskFullByWrite = false
  #isPressed = false
  #release: (() => void) | undefined

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
      options.consumeQueueExtSegmentBytes === undefined
        ? undefined
        : { directory: `${options.root}/consumequeue_ext`, segmentBytes: options.consumeQueueExtSegmentBytes },
    )
    this.index = new IndexFiles(world.disk, world.clock, `${options.root}/index`, options.index)
    this.#reader = new MessageReader(this.log, options, world.log)
    this.#dispatch = new Dispatch(this.log, this.queues, this.index, options, world)
    this.#checkpointing = new Checkpointing(
      { dispatch: this.#dispatch, index: this.index, log: this.log, queues: this.queues, state: this.#state },
      options,
      world,
    )
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
        onRecord: (record) => this.#dispatch.again(record),
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
    this.queues.isRecovered = true
    this.log.start(recovered.endOffset)
    this.#state.writeMarkSync({
      cleanEnd: -1,
      projectedOffset: recovered.projectedOffset,
      syncedOffset: recovered.endOffset,
    })
    this.#isOpen = true
    this.#dispatch.start(recovered)
    this.#checkpointing.start(recovered.projectedOffset)
    this.#world.trace?.("Reopen", { commitLogOffsetEnd: recovered.endOffset })
  }

  /** Recovery asks which delay levels a record was stored under. */
  set delayLevelsAt(levelsAt: (commitLogOffset: number) => ReadonlyArray<number>) {
    this.#dispatch.delayLevelsAt = levelsAt
  }

  /** Marks messages beside their queue entries, for the filters that will look for them. */
  set marks(marks: Marks) {
    this.#dispatch.marks = marks
  }

  get onArrival(): ArrivalListener {
    return this.#dispatch.onArrival
  }

  /** Told when a message is readable that somebody may wait for. */
  set onArrival(listener: ArrivalListener) {
    this.#dispatch.onArrival = listener
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
   * `isSystem` marks Gantry's own records, which the rules for clients let through: a full disk, the size of messages.
   */
  put(queue: ConsumeQueue, message: MessageIn, waiter: PutWaiter | undefined, isSystem = false): Appended | PutRefusal {
    if (!this.#isOpen) return "Closed"
    if (this.#isDiskFull && !isSystem) return "DiskFull"
    if (this.#dispatch.isBusy && !isSystem) return "Busy"
    if (message.body.length > this.options.messageBytesMax && !isSystem) return "MessageTooLarge"
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
      tagsCode: this.#dispatch.tagsCode(topic, glance, storeTimestamp),
      waiter,
    }
    this.#dispatch.add(record)
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

  /**
   * Why messages that are put into a queue one after another, in this turn, would not all be taken; undefined when they
   * will be. Nothing is appended.
   */
  refusalOf(queue: ConsumeQueue, messages: ReadonlyArray<MessageIn>): PutRefusal | undefined {
    if (!this.#isOpen) return "Closed"
    if (this.#isDiskFull) return "DiskFull"
    if (this.#dispatch.isBusy) return "Busy"
    const { log } = this
    const topicBytes = Buffer.byteLength(queue.topic) + StoredMessage.versionFor(queue.topic)
    const storeHostBytes = this.options.storeHost.length
    const sizes: Array<number> = []
    for (const { body, bornHost, properties } of messages) {
      const propertiesBytes = StoredMessage.propertiesSize(properties, true)
      if (propertiesBytes > StoredMessage.propertiesSizeMax) return "PropertiesTooLarge"
      const hostBytes = bornHost.length + storeHostBytes
      const sizeBytes = StoredMessage.fixedSizeBytes + hostBytes + topicBytes + body.length + propertiesBytes
      if (body.length > this.options.messageBytesMax || sizeBytes > log.recordBytesMax) return "MessageTooLarge"
      sizes.push(sizeBytes)
    }
    return log.hasRoom(sizes) ? undefined : this.#refusalOfLog()
  }

  #refusalOfLog(): PutRefusal {
    if (this.log.failed !== undefined) return "Closed"
    return this.log.lacksSegment ? "DiskFull" : "Busy"
  }

  /** Reads messages of a queue from `queueOffset` on; `done` runs in this turn when they are in memory. */
  get(request: GetRequest, done: (error: DiskError | undefined, result: GetResult | undefined) => void): void {
    this.#reader.get(request, done)
  }

  /** The record at a physical offset, checked; undefined when there is none, it is rotten, or the disk fails to read. */
  lookAt(
    commitLogOffset: number,
    done: (message: StoredMessage.StoredMessage | undefined, error: DiskError | undefined) => void,
  ): void {
    this.#reader.lookAt(commitLogOffset, done)
  }

  /** The record that begins at a physical offset, whatever its size, read at once: recovery. */
  recordAtSync(commitLogOffset: number): StoredMessage.StoredMessage | undefined {
    return this.#reader.recordAtSync(commitLogOffset)
  }

  /** See `MessageReader.lastStoreTimestampOf`. */
  lastStoreTimestampOf(segment: Segment): number | undefined {
    return this.#reader.lastStoreTimestampOf(segment)
  }

  /** When the message at `queueOffset` was stored, or undefined when there is none. */
  storeTimestampAt(queue: ConsumeQueue, queueOffset: number): number | undefined {
    return this.#reader.storeTimestampAt(queue, queueOffset)
  }

  /** See `MessageReader.offsetByTime`. */
  offsetByTime(queue: ConsumeQueue, timestampMs: number, boundary: "LOWER" | "UPPER"): number {
    return this.#reader.offsetByTime(queue, timestampMs, boundary)
  }

  /** Deletes the oldest segment of the log, when every projection and snapshot that covers it is durable. */
  deleteFirstSegment(): boolean {
    const first = this.log.files.first
    const second = this.log.files.all[1]
    if (first === undefined || second === undefined || this.#checkpointing.offset < second.baseOffset) return false
    if (this.log.syncedOffset < second.baseOffset) return false
    this.log.removeFirstSegment()
    this.#reader.forget(first)
    this.queues.correctMins(this.log.minOffset)
    this.index.deleteBelow(this.log.minOffset)
    return true
  }

  /** Writes queues and index to disk, then moves the mark and the checkpoint up to what they cover. */
  checkpoint(done: (error: DiskError | undefined) => void): void {
    this.#checkpointing.take(done)
  }

  /**
   * Syncs everything, removes the abort mark and lets the lock go. After it the store is closed. What the disk does not
   * take is told, the abort mark stays, and the next start recovers from the log.
   */
  close(done: () => void): void {
    this.#isOpen = false
    this.#dispatch.stop()
    this.#checkpointing.stop()
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
      this.#checkpointing.whenIdle(() => {
        if (!isOnDisk) return leave(new DiskError("NoSpace", "write", this.log.files.directory))
        this.queues.flush(this.log.syncedOffset, (error) => {
          if (error !== undefined) return leave(error)
          attempt(() => {
            this.#checkpointing.seal()
            leave(undefined)
          }, leave)
        })
      }),
    )
  }

  #closeFiles(): void {
    this.index.close(false)
    this.#state.close()
    this.#open.closeAll()
  }

  #becameReadable(readableOffset: number): void {
    this.#dispatch.readable(readableOffset)
    if (this.#isDiskFull && this.#isDiskFullByWrite) {
      this.#isDiskFullByWrite = false
      this.#isDiskFull = false
    }
    if (this.#isPressed && this.log.backlogBytes < this.log.backlogHighBytes / 2) {
      this.#isPressed = false
      this.onPressure(false)
    }
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
    this.#checkpointing.stop()
    this.#world.log.error("the disk failed to write or sync: the store answers no more", { reason: error.message })
    this.#dispatch.fail()
    this.onFailed(error)
  }
}
