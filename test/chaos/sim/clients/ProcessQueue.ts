/** What a consumer holds of one queue: what it pulled and has not settled, and where it pulls next. */
import type { MessageQueue } from "../../../../src/domain/MessageQueue.ts"
import type { StoredMessage } from "../../../../src/format/StoredMessage.ts"
import type { Delivery } from "../History.ts"

export interface Pending {
  readonly delivery: Delivery
  readonly message: StoredMessage
}

export class ProcessQueue {
  readonly queue: MessageQueue
  /** By queue offset, ascending: pulls only go forward. */
  readonly pending = new Map<number, Pending>()
  /** Undefined until the group's offset is known. */
  nextOffset: number | undefined
  isDropped = false
  isPulling = false
  /** The offset that was committed last by this consumer. */
  committed: number | undefined
  /** Orderly groups: when the broker last said that the lock is ours, by our monotonic clock. */
  lockedAtMs: number | undefined
  isConsuming = false
  /** It is to become another's as soon as the message at hand is done with: no other is begun. */
  isLeaving = false

  constructor(queue: MessageQueue) {
    this.queue = queue
  }

  /** The offset to commit: of the smallest message that is not settled, else where the next pull begins. */
  get progress(): number | undefined {
    for (const queueOffset of this.pending.keys()) return queueOffset
    return this.nextOffset
  }
}
