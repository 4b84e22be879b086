/**
 * Carries records from the log into its projections, queues and index, when they are readable, and then tells who waits.
 * Once per message: plain and synchronous.
 *
 *   P1  a put that is told "Stored" is readable, which by SYNC_FLUSH means synced
 *   P9  from the bytes of the log the projections come out the same as from the puts
 */
import * as FlowControl from "../../domain/FlowControl.ts"
import { tagsCode as hashTags } from "../../domain/Subscription.ts"
import * as Properties from "../../domain/Properties.ts"
import { TopicName } from "../../domain/Topic.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import { indexKeyHash } from "../../format/IndexFile.ts"
import type { World } from "../world/World.ts"
import type { CommitLog } from "./CommitLog.ts"
import type { ConsumeQueue } from "./ConsumeQueue.ts"
import type { IndexFiles } from "./IndexFiles.ts"
import type { Appended } from "./Put.ts"
import type { QueueTable } from "./QueueTable.ts"
import type { Recovered, RecoveredRecord } from "./Recovery.ts"
import type { StoreOptions } from "./StoreOptions.ts"

/** A message is readable at `queueOffset`; long polls may look. */
export type ArrivalListener = (queue: ConsumeQueue, queueOffset: number, tagsCode: number) => void

/**
 * The mark of a message by its properties `buffer[start, end)`, which are valid during the call: bits of the groups that
 * want it. Undefined when nobody asks.
 */
export type Marks = (topic: string, buffer: Buffer, start: number, end: number) => Uint8Array | undefined

/** How far the projections have come. */
export type Projected = Recovered["last"]

export class Dispatch {
  onArrival: ArrivalListener = () => {}
  marks: Marks = () => undefined
  /** The delay levels that a record of the log was stored under; those of now, when nothing else is known. */
  delayLevelsAt: (commitLogOffset: number) => ReadonlyArray<number>
  /** Records below it are in their queues and in the index. */
  projectedOffset = 0
  /** The newest of them. */
  last: Projected = { commitLogOffset: 0, storeTimestamp: 0 }
  readonly #log: CommitLog
  readonly #queues: QueueTable
  readonly #index: IndexFiles
  readonly #options: StoreOptions
  readonly #world: World
  /** Whether the oldest put waits so long for its sync that further ones are to be refused. */
  isBusy = false
  /** Records that were appended and are not readable yet, from `#pendingHead` on. */
  #pending: Array<Appended> = []
  #pendingHead = 0
  #cancelSweep: (() => void) | undefined

  constructor(log: CommitLog, queues: QueueTable, index: IndexFiles, options: StoreOptions, world: World) {
    this.#log = log
    this.#queues = queues
    this.#index = index
    this.#options = options
    this.#world = world
    this.delayLevelsAt = () => options.delayLevelsMs
  }

  /** Goes on where recovery ended. */
  start({ endOffset, last }: Recovered): void {
    this.projectedOffset = endOffset
    this.last = last
  }

  stop(): void {
    this.#cancelSweep?.()
  }

  add(record: Appended): void {
    this.#pending.push(record)
    if (this.#cancelSweep === undefined) this.#scheduleSweep()
  }

  /** Everything below `readableOffset` is readable. */
  readable(readableOffset: number): void {
    const pending = this.#pending
    let head = this.#pendingHead
    const first = head
    for (let record = pending[head]; record !== undefined; record = pending[head]) {
      if (record.commitLogOffset >= readableOffset) break
      this.#project(record)
      head++
    }
    this.#pendingHead = head
    if (this.isBusy) this.#judgeBusy()
    this.projectedOffset = readableOffset
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
  }

  /** The log has failed: what waits is told so. */
  fail(): void {
    this.stop()
    for (let i = this.#pendingHead; i < this.#pending.length; i++) {
      const record = this.#pending[i]
      const waiter = record?.waiter
      if (record === undefined || waiter === undefined) continue
      record.waiter = undefined
      waiter.stored("Failed", record)
    }
  }

  #project(record: Appended): void {
    const { commitLogOffset, glance, queue, queueOffset, sizeBytes, storeTimestamp, tagsCode } = record
    if (queue.ext === undefined) this.#queues.append(queue, commitLogOffset, sizeBytes, tagsCode)
    else {
      const mark = this.#markOf(queue.topic, commitLogOffset, sizeBytes)
      this.#queues.appendWithUnit(queue, commitLogOffset, sizeBytes, { mark, storeTimestamp, tagsCode })
    }
    this.#indexKeys(queue.topic, glance, commitLogOffset, storeTimestamp)
    this.last = { commitLogOffset, storeTimestamp }
    if (queue.heldCount > 0 || queue.topic === TopicName.SCHEDULE) this.onArrival(queue, queueOffset, tagsCode)
  }

  /** The same as for a put, from the bytes of the log: recovery. */
  again({ isIndexed, message, queue }: RecoveredRecord): void {
    const { physicalOffset, sizeBytes, storeTimestamp, topic } = message
    const glance = Properties.glance(message.properties)
    if (queue !== undefined && message.queueOffset >= queue.maxOffset) {
      const delays = topic === TopicName.SCHEDULE ? this.delayLevelsAt(physicalOffset) : this.#options.delayLevelsMs
      const tagsCode = this.tagsCode(topic, glance, storeTimestamp, delays)
      if (queue.ext === undefined) this.#queues.append(queue, physicalOffset, sizeBytes, tagsCode)
      else {
        const properties = Buffer.from(message.properties)
        const mark = this.marks(topic, properties, 0, properties.length)
        this.#queues.appendWithUnit(queue, physicalOffset, sizeBytes, { mark, storeTimestamp, tagsCode })
      }
    }
    if (!isIndexed) this.#indexKeys(topic, glance, physicalOffset, storeTimestamp)
  }

  /** What is not in the ring any more has no mark: whoever looks for one looks at the message instead. */
  #markOf(topic: string, commitLogOffset: number, sizeBytes: number): Uint8Array | undefined {
    const log = this.#log
    const at = log.ringAt(commitLogOffset, sizeBytes)
    if (at !== undefined)
      return this.marks(topic, log.ring, StoredMessage.at.propertiesStart(log.ring, at), at + sizeBytes)
    if (!log.isHot(commitLogOffset)) return undefined
    const bytes = Buffer.allocUnsafe(sizeBytes)
    log.copyTo(bytes, 0, commitLogOffset, sizeBytes)
    return this.marks(topic, bytes, StoredMessage.at.propertiesStart(bytes, 0), sizeBytes)
  }

  /** In a delay queue the tags code is the time of delivery; elsewhere the hash of the tag. */
  tagsCode(
    topic: string,
    glance: Properties.Glance,
    storeTimestamp: number,
    delays = this.#options.delayLevelsMs,
  ): number {
    if (topic === TopicName.SCHEDULE && glance.delay !== undefined) {
      const level = Number(glance.delay)
      if (level > 0) return storeTimestamp + (delays[Math.min(level, delays.length) - 1] ?? 1000)
    }
    return hashTags(glance.tags)
  }

  #indexKeys(topic: string, { keys, tags, uniqKey }: Properties.Glance, offset: number, storeTimestamp: number): void {
    if (uniqKey !== undefined) this.#index.put(indexKeyHash(`${topic}#${uniqKey}`), offset, storeTimestamp)
    if (keys !== undefined) {
      for (const key of keys.split(" "))
        if (key !== "") this.#index.put(indexKeyHash(`${topic}#${key}`), offset, storeTimestamp)
    }
    if (tags !== undefined) this.#index.put(indexKeyHash(`${topic}#T#${tags}`), offset, storeTimestamp)
  }

  /**
   * Looks after puts that wait, as long as there are some. Answers those whose sync is late: they are in the log, whether
   * they are on disk nobody knows yet.
   */
  #scheduleSweep(): void {
    const { busyAfterMs, syncFlushTimeoutMs } = this.#options
    this.#cancelSweep = this.#world.clock.after(Math.min(syncFlushTimeoutMs, busyAfterMs) / 5, () => {
      this.#cancelSweep = undefined
      this.#judgeBusy()
      const late = this.#world.clock.monotonicMs() - this.#options.syncFlushTimeoutMs
      for (let i = this.#pendingHead; i < this.#pending.length; i++) {
        const record = this.#pending[i]
        if (record === undefined || record.appendedAtMs > late) break
        const { waiter } = record
        if (waiter === undefined || waiter.isPatient === true) continue
        record.waiter = undefined
        waiter.stored("FlushTimedOut", record)
      }
      if (this.#pendingHead < this.#pending.length && this.#cancelSweep === undefined) this.#scheduleSweep()
    })
  }

  #judgeBusy(): void {
    const oldest = this.#pending[this.#pendingHead]
    const waitMs = oldest === undefined ? undefined : this.#world.clock.monotonicMs() - oldest.appendedAtMs
    const wasBusy = this.isBusy
    this.isBusy = FlowControl.isBusy(waitMs, this.#options.busyAfterMs)
    if (this.isBusy && !wasBusy)
      this.#world.log.warn("the disk does not keep up: messages are refused until it does", { waitMs })
  }
}
