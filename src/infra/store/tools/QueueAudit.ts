/**
 * Compares consume queues with the log, entry by entry, while the log is walked: each queue is read once, forward, with
 * a bounded number of windows in memory whatever the number of queues.
 */
import { tagsCode } from "../../../domain/Subscription.ts"
import * as Properties from "../../../domain/Properties.ts"
import { TopicName } from "../../../domain/Topic.ts"
import { ConsumeQueueEntry, isBlank, isExtAddress, isWritten } from "../../../format/ConsumeQueueEntry.ts"
import type * as StoredMessage from "../../../format/StoredMessage.ts"
import { hiddenBy } from "../Recovery.ts"
import type { StoreView, ViewedFile } from "./StoreView.ts"

const entryBytes = ConsumeQueueEntry.sizeBytes
const windowEntries = 1024
/** Windows of 20 KiB that are in memory at once. */
const windowsMax = 1000

interface Audited {
  readonly topic: string
  readonly queueId: number
  readonly files: ReadonlyArray<ViewedFile>
  /** Queue offset that the next record of the queue should have; undefined before the first. */
  next: number | undefined
  window: Buffer
  windowFrom: number
}

export class QueueAudit {
  readonly #view: StoreView
  readonly #report: (sentence: string) => void
  readonly #queues = new Map<string, Audited>()
  readonly #windowed = new Set<Audited>()
  entries = 0

  constructor(view: StoreView, report: (sentence: string) => void) {
    this.#view = view
    this.#report = report
  }

  /** One record of the log. `isDue`: its entry must be in the files by now. */
  record(message: StoredMessage.Decoded, isDue: boolean): void {
    if (hiddenBy(message) !== undefined) return
    const { queueId, queueOffset, topic } = message
    const queue = this.#queue(topic, queueId)
    if (queue.next !== undefined && queueOffset < queue.next)
      this.#report(
        `${topic}-${queueId}: the record at ${message.physicalOffset} has queue offset ${queueOffset}, which was used before`,
      )
    if (queue.next !== undefined && queueOffset > queue.next) this.#gap(queue, queue.next, queueOffset)
    queue.next = Math.max(queue.next ?? 0, queueOffset + 1)
    if (!isDue) return
    this.entries++
    const found = this.#entry(queue, queueOffset)
    const wrong = found === undefined ? "is missing" : differing(found, message)
    if (wrong !== undefined)
      this.#report(`${topic}-${queueId}: entry ${queueOffset}, of the record at ${message.physicalOffset}, ${wrong}`)
  }

  /** The log was walked to its end: what do queues say that it does not? */
  finish(endOffset: number): void {
    for (const [topic, queueId] of this.#view.queues()) this.#queue(topic, queueId)
    for (const queue of this.#queues.values()) {
      const from = queue.next ?? (queue.files[0]?.baseOffset ?? 0) / entryBytes
      for (let queueOffset = from; ; queueOffset++) {
        const entry = this.#entry(queue, queueOffset)
        if (entry === undefined) break
        if (isBlank(entry.sizeBytes) || entry.commitLogOffset < this.#view.minOffset) continue
        const where = entry.commitLogOffset >= endOffset ? "behind the end of the log" : "where its record should be"
        this.#report(
          `${queue.topic}-${queue.queueId}: entry ${queueOffset} leads to ${entry.commitLogOffset}, ${where} is none`,
        )
      }
    }
  }

  /** How many messages of each queue have an entry, as far as the files tell: by topic and queue id. */
  static *lengths(view: StoreView): Generator<readonly [topic: string, queueId: number, maxOffset: number]> {
    const audit = new QueueAudit(view, () => {})
    for (const [topic, queueId] of view.queues()) {
      const queue = audit.#queue(topic, queueId)
      const last = queue.files.at(-1)
      if (last === undefined) continue
      let end = last.baseOffset / entryBytes
      while (audit.#entry(queue, end) !== undefined) end++
      yield [topic, queueId, end]
    }
  }

  /** Entries of all queues whose records lie in one of the ranges of the log. */
  static *within(
    view: StoreView,
    ranges: ReadonlyArray<{ readonly from: number; readonly to: number }>,
  ): Generator<readonly [topic: string, queueId: number, queueOffset: number, commitLogOffset: number]> {
    const audit = new QueueAudit(view, () => {})
    for (const [topic, queueId] of view.queues()) {
      const queue = audit.#queue(topic, queueId)
      for (let queueOffset = (queue.files[0]?.baseOffset ?? 0) / entryBytes; ; queueOffset++) {
        const entry = audit.#entry(queue, queueOffset)
        if (entry === undefined) break
        const { commitLogOffset, sizeBytes } = entry
        if (!isBlank(sizeBytes) && ranges.some(({ from, to }) => from <= commitLogOffset && commitLogOffset < to))
          yield [topic, queueId, queueOffset, commitLogOffset]
      }
    }
  }

  /** Messages that the log lacks: lost, unless a repair has said so already. */
  #gap(queue: Audited, from: number, to: number): void {
    for (let queueOffset = from; queueOffset < to; queueOffset++) {
      const entry = this.#entry(queue, queueOffset)
      if (entry !== undefined && isBlank(entry.sizeBytes)) continue
      this.#report(`${queue.topic}-${queue.queueId}: the messages from ${queueOffset} to ${to - 1} are not in the log`)
      return
    }
  }

  #queue(topic: string, queueId: number): Audited {
    const name = `${topic}/${queueId}`
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const files = this.#view.queueFiles(topic, queueId)
    const queue = { files, next: undefined, queueId, topic, window: Buffer.alloc(0), windowFrom: 0 }
    this.#queues.set(name, queue)
    const sizes = new Set(files.map(({ sizeBytes }) => sizeBytes))
    if (sizes.size > 1) this.#report(`${name}: its files have different sizes: ${[...sizes].join(", ")}`)
    return queue
  }

  #entry(queue: Audited, queueOffset: number): ConsumeQueueEntry | undefined {
    const at = (queueOffset - queue.windowFrom) * entryBytes
    if (at < 0 || at >= queue.window.length) {
      if (!this.#load(queue, queueOffset)) return undefined
      return this.#entry(queue, queueOffset)
    }
    if (!isWritten(queue.window, at)) return undefined
    const entry = ConsumeQueueEntry.decode(queue.window, at)
    return entry instanceof Error ? undefined : entry
  }

  #load(queue: Audited, queueOffset: number): boolean {
    const byte = queueOffset * entryBytes
    const file = queue.files.findLast(({ baseOffset }) => baseOffset <= byte)
    const within = byte - (file?.baseOffset ?? 0)
    if (file === undefined || within + entryBytes > file.sizeBytes) return false
    const left = Math.floor((file.sizeBytes - within) / entryBytes)
    queue.window = Buffer.alloc(Math.min(windowEntries, left) * entryBytes)
    queue.windowFrom = queueOffset
    const opened = this.#view.disk.open(file.path, "read")
    opened.readSync(queue.window, within)
    opened.close()
    this.#windowed.delete(queue)
    this.#windowed.add(queue)
    if (this.#windowed.size > windowsMax) {
      for (const oldest of this.#windowed) {
        oldest.window = Buffer.alloc(0)
        this.#windowed.delete(oldest)
        break
      }
    }
    return true
  }
}

const differing = (entry: ConsumeQueueEntry, message: StoredMessage.Decoded): string | undefined => {
  if (entry.commitLogOffset !== message.physicalOffset) return `leads to ${entry.commitLogOffset}`
  if (entry.sizeBytes !== message.sizeBytes) return `says ${entry.sizeBytes} bytes, the record has ${message.sizeBytes}`
  // A delay queue keeps the time of delivery, which depends on the broker's settings.
  if (message.topic === TopicName.SCHEDULE || isExtAddress(entry.tagsCode)) return undefined
  const expected = tagsCode(Properties.find(message.properties, Properties.PropertyName.TAGS))
  return entry.tagsCode === expected ? undefined : `has tags code ${entry.tagsCode}, the record's is ${expected}`
}
