/**
 * The entries of all queues, read from their files with a bounded number of windows in memory, whatever the number of
 * queues.
 */
import { ConsumeQueueEntry, isBlank, isWritten } from "../../../format/ConsumeQueueEntry.ts"
import type * as StoredMessage from "../../../format/StoredMessage.ts"
import { listFiles, type StoreView, strangersIn, type ViewedFile } from "./StoreView.ts"

const entryBytes = ConsumeQueueEntry.sizeBytes
const windowEntries = 1024
/** Windows of 20 KiB that are in memory at once. */
const windowsMax = 1000

export interface ReadQueue {
  readonly topic: string
  readonly queueId: number
  readonly files: ReadonlyArray<ViewedFile>
  window: Buffer
  windowFrom: number
}

export class QueueEntries {
  readonly #view: StoreView
  readonly #queues = new Map<string, ReadQueue>()
  readonly #windowed = new Set<ReadQueue>()

  constructor(view: StoreView) {
    this.#view = view
  }

  queue(topic: string, queueId: number): ReadQueue {
    const name = `${topic}/${queueId}`
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const files = listFiles(this.#view.disk, this.#view.queueFolder(topic, queueId))
    const queue = { files, queueId, topic, window: Buffer.alloc(0), windowFrom: 0 }
    this.#queues.set(name, queue)
    return queue
  }

  /** Why a broker would refuse the files of a queue, each a sentence without a full stop. */
  *faults({ files, queueId, topic }: ReadQueue): Generator<string> {
    const folder = this.#view.queueFolder(topic, queueId)
    for (const path of strangersIn(this.#view.disk, folder)) yield `${path} is no file of a queue`
    const sizes = new Set(files.map(({ sizeBytes }) => sizeBytes))
    if (files.at(-1)?.sizeBytes === 0) sizes.delete(0)
    if (sizes.size > 1) yield `${folder}: its files have different sizes: ${[...sizes].join(", ")}`
  }

  firstOffset({ files }: ReadQueue): number {
    return (files[0]?.baseOffset ?? 0) / entryBytes
  }

  /** The entry of a queue offset; undefined where none was written. */
  entry(queue: ReadQueue, queueOffset: number): ConsumeQueueEntry | undefined {
    const at = (queueOffset - queue.windowFrom) * entryBytes
    if (at < 0 || at >= queue.window.length) {
      if (!this.#load(queue, queueOffset)) return undefined
      return this.entry(queue, queueOffset)
    }
    if (!isWritten(queue.window, at)) return undefined
    const entry = ConsumeQueueEntry.decode(queue.window, at)
    return entry instanceof Error ? undefined : entry
  }

  /** Whether the entry of a record leads to it; undefined when it has none. */
  leadTo({ physicalOffset, queueId, queueOffset, sizeBytes, topic }: StoredMessage.Decoded): boolean | undefined {
    const entry = this.entry(this.queue(topic, queueId), queueOffset)
    if (entry === undefined || isBlank(entry.sizeBytes)) return undefined
    return entry.commitLogOffset === physicalOffset && entry.sizeBytes === sizeBytes
  }

  /** How many messages of each queue have an entry, as far as the files tell: by topic and queue id. */
  *lengths(): Generator<readonly [topic: string, queueId: number, maxOffset: number]> {
    for (const [topic, queueId] of this.#view.queues()) {
      const queue = this.queue(topic, queueId)
      const last = queue.files.at(-1)
      if (last === undefined) continue
      let end = last.baseOffset / entryBytes
      while (this.entry(queue, end) !== undefined) end++
      yield [topic, queueId, end]
    }
  }

  /** Entries of all queues whose records lie in one of the ranges of the log. */
  *within(
    ranges: ReadonlyArray<{ readonly from: number; readonly to: number }>,
  ): Generator<readonly [topic: string, queueId: number, queueOffset: number]> {
    for (const [topic, queueId] of this.#view.queues()) {
      const queue = this.queue(topic, queueId)
      for (let queueOffset = this.firstOffset(queue); ; queueOffset++) {
        const entry = this.entry(queue, queueOffset)
        if (entry === undefined) break
        const { commitLogOffset, sizeBytes } = entry
        if (!isBlank(sizeBytes) && ranges.some(({ from, to }) => from <= commitLogOffset && commitLogOffset < to))
          yield [topic, queueId, queueOffset]
      }
    }
  }

  #load(queue: ReadQueue, queueOffset: number): boolean {
    const byte = queueOffset * entryBytes
    const file = queue.files.findLast(({ baseOffset }) => baseOffset <= byte)
    const within = byte - (file?.baseOffset ?? 0)
    if (file === undefined || within < 0 || within + entryBytes > file.sizeBytes) return false
    const left = Math.floor((file.sizeBytes - within) / entryBytes)
    queue.window = Buffer.alloc(Math.min(windowEntries, left) * entryBytes)
    queue.windowFrom = queueOffset
    const opened = this.#view.disk.open(file.path, "read")
    opened.readSync(queue.window, within)
    opened.close()
    this.#windowed.delete(queue)
    this.#windowed.add(queue)
    if (this.#windowed.size <= windowsMax) return true
    for (const oldest of this.#windowed) {
      oldest.window = Buffer.alloc(0)
      this.#windowed.delete(oldest)
      break
    }
    return true
  }
}
