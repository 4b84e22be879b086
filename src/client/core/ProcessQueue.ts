/**
 * What a consumer holds of one queue: the messages that were pulled and not settled, and how far the group may say it is.
 * One of these lives from the moment the queue is taken to the moment it is let go; a queue that is taken again, or that
 * must go on elsewhere, gets a new one, so that whatever is still at work on the old one changes nothing.
 *
 * Laws (test/model/client/processQueue.test.ts)
 *   behind   `progress` is never beyond the smallest offset that is not settled (P8)
 *   bounded  `isFull` holds as soon as one of the bounds is reached (P11)
 *   ordered  `take` gives the lowest messages first; what was put back comes again before later ones (P5)
 * Source: behaviour of RocketMQ 5.5.0 (ProcessQueue).
 */
import * as FlowControl from "../../domain/FlowControl.ts"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import type { Message } from "../Message.ts"

export type Bounds = FlowControl.Bounds

/** How long a lock is believed in: half of the broker's lease. */
export const lockBelievedMs = 30_000

export class ProcessQueue {
  readonly queue: MessageQueue
  /** By queue offset, rising. */
  #messages = new Map<number, Message>()
  /** Taken by ordered consumption and not settled; rising. */
  #inFlight: Array<Message> = []
  #bytes = 0
  /** The offset after the highest that was put; undefined while nothing was. */
  #endOffset: number | undefined
  readonly #whenDropped = new Set<() => void>()

  /** Where to pull next; undefined while that is being found out. */
  nextOffset: number | undefined
  isDropped = false
  isPulling = false
  /** Something is on its way that pulls later. */
  isPullPlanned = false
  /** A handler is at work (ordered consumption). */
  isConsuming = false
  /** Belongs to another member from now on, and is let go when its handler has ended. */
  isLeaving = false
  /** When the lock was asked for that holds now; undefined without one. */
  lockedAtMs: number | undefined
  /** The number of the grant under which its messages are pulled and told, where the broker says it (P5). */
  grant: number | undefined
  lastPullMs = 0
  lastConsumeMs = 0

  constructor(queue: MessageQueue, nextOffset: number | undefined) {
    this.queue = queue
    this.nextOffset = nextOffset
  }

  get count(): number {
    return this.#messages.size + this.#inFlight.length
  }

  get bytes(): number {
    return this.#bytes
  }

  get minOffset(): number | undefined {
    return this.#inFlight[0]?.queueOffset ?? first(this.#messages)?.queueOffset
  }

  get endOffset(): number | undefined {
    return this.#endOffset
  }

  has(message: Message): boolean {
    return this.#messages.has(message.queueOffset)
  }

  /** The lowest message that waits. */
  get head(): Message | undefined {
    return first(this.#messages)
  }

  isFull(bounds: Bounds): boolean {
    const min = this.minOffset
    const span = min === undefined ? 0 : this.#endOffset! - 1 - min
    return FlowControl.isFull({ bytes: this.#bytes, messages: this.count, span }, bounds)
  }

  isLocked(monotonicMs: number): boolean {
    return this.lockedAtMs !== undefined && monotonicMs - this.lockedAtMs < lockBelievedMs
  }

  /** Adds messages, whose offsets are beyond all that were added before; what was there already is left out. */
  put(messages: ReadonlyArray<Message>): ReadonlyArray<Message> {
    const added: Array<Message> = []
    for (const message of messages) {
      if (this.#endOffset !== undefined && message.queueOffset < this.#endOffset) continue
      this.#messages.set(message.queueOffset, message)
      this.#bytes += message.sizeBytes
      this.#endOffset = message.queueOffset + 1
      added.push(message)
    }
    return added
  }

  /** Settles messages; the answer is how far the group is now. */
  settle(messages: ReadonlyArray<Message>): number | undefined {
    for (const { queueOffset } of messages) {
      const message = this.#messages.get(queueOffset)
      if (message === undefined || !this.#messages.delete(queueOffset)) continue
      this.#bytes -= message.sizeBytes
    }
    return this.progress
  }

  /** Puts another view of a message in its place. */
  replace(message: Message): void {
    if (this.#messages.has(message.queueOffset)) this.#messages.set(message.queueOffset, message)
  }

  /** The smallest offset that is not settled; undefined while nothing was pulled. */
  get progress(): number | undefined {
    return this.minOffset ?? this.#endOffset
  }

  /** Takes the lowest messages for ordered consumption. */
  take(countMax: number): ReadonlyArray<Message> {
    for (const [queueOffset, message] of this.#messages) {
      if (this.#inFlight.length >= countMax) break
      this.#messages.delete(queueOffset)
      this.#inFlight.push(message)
    }
    return this.#inFlight
  }

  /** Settles what was taken; the answer is how far the group is now. */
  commit(): number | undefined {
    for (const message of this.#inFlight) this.#bytes -= message.sizeBytes
    this.#inFlight = []
    return this.progress
  }

  /** Puts back what was taken, as it is to be tried again; what is left out is settled. */
  putBack(messages: ReadonlyArray<Message>): void {
    for (const message of this.#inFlight) this.#bytes -= message.sizeBytes
    for (const message of messages) this.#bytes += message.sizeBytes
    this.#messages = new Map([...messages.map((one) => [one.queueOffset, one] as const), ...this.#messages])
    this.#inFlight = []
  }

  /** Runs when the queue is let go; the answer forgets it. */
  onDropped(run: () => void): () => void {
    this.#whenDropped.add(run)
    return () => this.#whenDropped.delete(run)
  }

  drop(): void {
    if (this.isDropped) return
    this.isDropped = true
    this.#messages.clear()
    for (const run of this.#whenDropped) run()
    this.#whenDropped.clear()
  }
}

const first = (messages: ReadonlyMap<number, Message>): Message | undefined => {
  for (const message of messages.values()) return message
  return undefined
}
