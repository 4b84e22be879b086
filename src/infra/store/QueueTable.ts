/**
 * All ConsumeQueues of a store. A queue is opened when it is first asked for, so that a start does not scan 100,000
 * folders; its entries are written behind by `flush`, one file after the other, beside the traffic.
 *
 * Names reach the file system here: callers hand in topics that passed `Topic.validateName`, which admits no dot, slash
 * or control character.
 */
import { TopicName } from "../../domain/Topic.ts"
import type { QueueEnds } from "../../format/QueueEnds.ts"
import type { Disk, DiskError } from "../disk/Disk.ts"
import { attempt } from "./attempt.ts"
import { ConsumeQueue, entryBytes } from "./ConsumeQueue.ts"
import { ConsumeQueueExt, type Unit } from "./ConsumeQueueExt.ts"
import { EntryWindows } from "./EntryWindows.ts"
import { type OpenFiles, SegmentError, SegmentFiles, segmentName } from "./SegmentFiles.ts"

export interface ExtFolder {
  readonly directory: string
  readonly segmentBytes: number
}

export class QueueTable {
  readonly #disk: Disk
  readonly #open: OpenFiles
  readonly directory: string
  /** Whether the last life of the store ended without a close, so that the newest file of a queue may be short. */
  mayBeCut = false
  /** Whether the files are as a clean life leaves them: what looks otherwise has rotted. */
  isRecovered = false
  readonly #segmentBytes: number
  readonly #commitLogMin: () => number
  /** Where the queues of topics that were deleted begin; the owner keeps it. */
  begins: (topic: string, queueId: number) => number | undefined = () => undefined
  /** Where queues ended when the store was closed: what is shorter now has lost entries. */
  ends: QueueEnds = new Map()
  readonly #windows = new EntryWindows()
  readonly #queues = new Map<string, Array<ConsumeQueue | undefined>>()
  /** Queues with entries that are not written, and with entries that are written but not synced. */
  #dirty: Array<ConsumeQueue> = []
  #unsynced = new Set<ConsumeQueue>()

  /** Where, and in files of which size, more stands beside the entries; undefined: nowhere. */
  readonly #ext: ExtFolder | undefined

  constructor(
    disk: Disk,
    open: OpenFiles,
    directory: string,
    segmentBytes: number,
    commitLogMin: () => number,
    ext?: ExtFolder,
  ) {
    this.#ext = ext
    this.#disk = disk
    this.#open = open
    this.directory = directory
    this.#segmentBytes = segmentBytes
    this.#commitLogMin = commitLogMin
  }

  /** The queue, opened now if need be; one that never had a message is empty. Throws `SegmentError` and `DiskError`. */
  get(topic: string, queueId: number): ConsumeQueue {
    const known = this.#queues.get(topic)?.[queueId]
    if (known !== undefined) return known
    const files = new SegmentFiles(this.#disk, this.#open, `${this.directory}/${topic}/${queueId}`, this.#segmentBytes)
    const queue = new ConsumeQueue(topic, queueId, files, this.#windows, this.#extOf(topic, queueId))
    queue.load(this.#commitLogMin(), this.mayBeCut)
    if (this.isRecovered) {
      queue.checkEnd(this.directory.slice(0, this.directory.lastIndexOf("/")))
      this.#refuseShort(queue)
    }
    const begin = this.begins(topic, queueId)
    if (begin !== undefined) queue.beginAt(begin)
    const ofTopic = this.#queues.get(topic)
    if (ofTopic === undefined) {
      const fresh: Array<ConsumeQueue | undefined> = []
      fresh[queueId] = queue
      this.#queues.set(topic, fresh)
    } else ofTopic[queueId] = queue
    return queue
  }

  #refuseShort({ directory, nextOffset, queueId, topic }: ConsumeQueue): void {
    const end = this.ends.get(topic)?.[queueId] ?? 0
    if (nextOffset < end)
      throw new SegmentError(
        directory,
        "Rot",
        `the queue ends at offset ${nextOffset}, and had ${end} messages when the store was closed. Stop the broker and run \`gantry store repair\` on its folder, which rebuilds queues from the log`,
      )
  }

  /** The first queue whose newest file is not there, of those that had one when the store was closed. */
  firstMissing(): readonly [topic: string, queueId: number] | undefined {
    for (const [topic, ends] of this.ends)
      for (const [queueId, end = 0] of ends.entries()) {
        if (end === 0) continue
        const byte = (end - 1) * entryBytes
        const name = segmentName(byte - (byte % this.#segmentBytes))
        if (!this.#disk.exists(`${this.directory}/${topic}/${queueId}/${name}`)) return [topic, queueId]
      }
    return undefined
  }

  /** Where every queue ends that has files: as far as it was opened, now, and else when the store was closed before. */
  endsNow(): QueueEnds {
    for (const queue of this.opened()) {
      if (!queue.hasFiles) this.#forgetEnd(queue.topic, queue.queueId)
      else {
        const ends = this.ends.get(queue.topic) ?? []
        ends[queue.queueId] = queue.nextOffset
        this.ends.set(queue.topic, ends)
      }
    }
    return this.ends
  }

  #forgetEnd(topic: string, queueId: number): void {
    delete this.ends.get(topic)?.[queueId]
  }

  /** Queues that were opened since the start. */
  *opened(): Generator<ConsumeQueue> {
    for (const ofTopic of this.#queues.values()) for (const queue of ofTopic) if (queue !== undefined) yield queue
  }

  /** Every queue that has a folder: for tools, and for stores that another program has written, not for any start. */
  *names(): Generator<readonly [topic: string, queueId: number]> {
    for (const topic of this.#disk.list(this.directory)) {
      for (const queueId of this.#disk.list(`${this.directory}/${topic}`)) {
        if (/^\d+$/.test(queueId)) yield [topic, Number(queueId)]
      }
    }
  }

  /**
   * Forgets the messages of a queue before `begin`, its files with them, and the queue itself while nothing depends on
   * it: its topic was deleted, and many may be.
   */
  forgetBefore(topic: string, queueId: number, begin: number): void {
    const queue = this.get(topic, queueId)
    queue.beginAt(begin)
    if (queue.isDirty || queue.heldCount > 0 || queue.minOffset < queue.nextOffset) return
    const ofTopic = this.#queues.get(topic)
    delete ofTopic?.[queueId]
    this.#forgetEnd(topic, queueId)
    this.#unsynced.delete(queue)
    this.#disk.remove(queue.directory)
    if (this.#ext !== undefined) this.#disk.remove(`${this.#ext.directory}/${topic}/${queueId}`)
    const folder = `${this.directory}/${topic}`
    if (this.#disk.list(folder).length > 0) return
    this.#queues.delete(topic)
    this.#disk.remove(folder)
    if (this.#ext !== undefined) this.#disk.remove(`${this.#ext.directory}/${topic}`)
  }

  /** The ids of a topic's queues that were opened or have a folder. */
  idsOf(topic: string): ReadonlyArray<number> {
    const ids = new Set<number>()
    for (const queue of this.#queues.get(topic) ?? []) if (queue !== undefined) ids.add(queue.queueId)
    for (const name of this.#disk.list(`${this.directory}/${topic}`)) if (/^\d+$/.test(name)) ids.add(Number(name))
    return [...ids]
  }

  /** Topics that have queues here, whether they exist or not. */
  topics(): ReadonlyArray<string> {
    return [...new Set([...this.#queues.keys(), ...this.#disk.list(this.directory)])]
  }

  /** Whether no queue was ever written: the folder was deleted, or the store is new. */
  get isEmpty(): boolean {
    return this.#disk.list(this.directory).length === 0
  }

  /** Deletes the files of a queue: files of it are missing, and it is rebuilt from the log. */
  discard(topic: string, queueId: number): void {
    delete this.#queues.get(topic)?.[queueId]
    this.#extOf(topic, queueId)?.discard()
    new SegmentFiles(this.#disk, this.#open, `${this.directory}/${topic}/${queueId}`, this.#segmentBytes).discard()
  }

  /** Makes a message readable through its queue. */
  append(queue: ConsumeQueue, commitLogOffset: number, sizeBytes: number, tagsCode: number): void {
    if (!queue.isDirty) this.#touch(queue)
    queue.append(commitLogOffset, sizeBytes, tagsCode)
  }

  /** The same, with a unit beside the entry. */
  appendWithUnit(queue: ConsumeQueue, commitLogOffset: number, sizeBytes: number, unit: Unit): void {
    if (!queue.isDirty) this.#touch(queue)
    queue.appendWithUnit(commitLogOffset, sizeBytes, unit)
  }

  /** Passes over messages that are lost: see `ConsumeQueue.appendLost`. */
  appendLost(queue: ConsumeQueue, queueOffset: number, commitLogOffset: number, logSegmentBytes: number): void {
    this.#touch(queue)
    queue.appendLost(queueOffset, commitLogOffset, logSegmentBytes)
  }

  /** Delay queues keep times of delivery in place of tags codes, and have nothing beside them. */
  #extOf(topic: string, queueId: number): ConsumeQueueExt | undefined {
    if (this.#ext === undefined || topic === TopicName.SCHEDULE) return undefined
    const { directory, segmentBytes } = this.#ext
    return new ConsumeQueueExt(
      new SegmentFiles(this.#disk, this.#open, `${directory}/${topic}/${queueId}`, segmentBytes),
    )
  }

  #touch(queue: ConsumeQueue): void {
    if (queue.isDirty) return
    queue.isDirty = true
    this.#dirty.push(queue)
  }

  /**
   * Writes every entry that is only in memory and whose record lies below `syncedOffset`, and syncs the files; one disk
   * call at a time.
   */
  flush(syncedOffset: number, done: (error: DiskError | undefined) => void): void {
    const dirty = this.#dirty
    this.#dirty = []
    const write = (): void => {
      const queue = dirty.pop()
      if (queue === undefined) return this.#sync(new Set(), done)
      queue.isDirty = false
      this.#unsynced.add(queue)
      queue.flush(syncedOffset, (error) => {
        if (error === undefined) {
          if (queue.flushedOffset < queue.maxOffset) this.#touch(queue)
          return write()
        }
        // The entries are still in memory; they are tried again at the next flush.
        this.#touch(queue)
        for (const left of dirty) this.#dirty.push(left)
        done(error)
      })
    }
    write()
  }

  correctMins(commitLogMin: number): void {
    for (const queue of this.opened()) queue.correctMin(commitLogMin)
  }

  #sync(folders: Set<string>, done: (error: DiskError | undefined) => void): void {
    const [queue] = this.#unsynced
    if (queue === undefined) {
      const synced = attempt(() => {
        // Topics before the folder that they are in.
        for (const folder of [...folders].toSorted((a, b) => b.length - a.length)) this.#disk.syncDirectory(folder)
      }, done)
      if (synced) done(undefined)
      return
    }
    queue.sync(folders, (error) => {
      if (error !== undefined) return done(error)
      this.#unsynced.delete(queue)
      this.#sync(folders, done)
    })
  }
}
