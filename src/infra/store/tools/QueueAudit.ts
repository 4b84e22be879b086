/** Compares consume queues with the log, entry by entry, while the log is walked: each queue is read once, forward. */
import { tagsCode } from "../../../domain/Subscription.ts"
import * as Properties from "../../../domain/Properties.ts"
import { TopicName } from "../../../domain/Topic.ts"
import { type ConsumeQueueEntry, isBlank, isExtAddress } from "../../../format/ConsumeQueueEntry.ts"
import type * as StoredMessage from "../../../format/StoredMessage.ts"
import { hiddenBy } from "../Recovery.ts"
import { QueueEntries, type ReadQueue } from "./QueueEntries.ts"
import type { StoreView } from "./StoreView.ts"

interface Audited {
  readonly read: ReadQueue
  /** Queue offset that the next record of the queue should have; undefined before the first. */
  next: number | undefined
}

export class QueueAudit {
  readonly #view: StoreView
  readonly #report: (sentence: string) => void
  readonly #entries: QueueEntries
  readonly #queues = new Map<string, Audited>()
  entries = 0

  constructor(view: StoreView, report: (sentence: string) => void) {
    this.#view = view
    this.#report = report
    this.#entries = new QueueEntries(view)
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
    if (queue.next !== undefined && queueOffset > queue.next) this.#gap(queue.read, queue.next, queueOffset)
    queue.next = Math.max(queue.next ?? 0, queueOffset + 1)
    if (!isDue) return
    this.entries++
    const found = this.#entries.entry(queue.read, queueOffset)
    const wrong = found === undefined ? "is missing" : differing(found, message)
    if (wrong !== undefined)
      this.#report(`${topic}-${queueId}: entry ${queueOffset}, of the record at ${message.physicalOffset}, ${wrong}`)
  }

  /** The log was walked to its end: what do queues say that it does not? */
  finish(endOffset: number): void {
    for (const [topic, queueId] of this.#view.queues()) this.#queue(topic, queueId)
    for (const { next, read } of this.#queues.values()) {
      for (let queueOffset = next ?? this.#entries.firstOffset(read); ; queueOffset++) {
        const entry = this.#entries.entry(read, queueOffset)
        if (entry === undefined) break
        if (isBlank(entry.sizeBytes) || entry.commitLogOffset < this.#view.minOffset) continue
        const where = entry.commitLogOffset >= endOffset ? "behind the end of the log" : "where its record should be"
        this.#report(
          `${read.topic}-${read.queueId}: entry ${queueOffset} leads to ${entry.commitLogOffset}, ${where} is none`,
        )
      }
    }
  }

  /** Messages that the log lacks: lost, unless a repair has said so already. */
  #gap(queue: ReadQueue, from: number, to: number): void {
    for (let queueOffset = from; queueOffset < to; queueOffset++) {
      const entry = this.#entries.entry(queue, queueOffset)
      if (entry !== undefined && isBlank(entry.sizeBytes)) continue
      const which = queueOffset === to - 1 ? `message ${queueOffset} is` : `messages ${queueOffset} to ${to - 1} are`
      this.#report(`${queue.topic}-${queue.queueId}: ${which} not in the log`)
      return
    }
  }

  #queue(topic: string, queueId: number): Audited {
    const name = `${topic}/${queueId}`
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const queue = { next: undefined, read: this.#entries.queue(topic, queueId) }
    this.#queues.set(name, queue)
    for (const fault of this.#entries.faults(queue.read)) this.#report(fault)
    return queue
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
