/** What an application sends. */
import type { MessageQueue } from "../domain/MessageQueue.ts"
import type { SelectorArgument } from "../domain/QueueSelection.ts"

export interface OutgoingMessage {
  readonly topic: string
  /** Text is sent as UTF-8. Must not be empty. */
  readonly body: string | Uint8Array
  /** What consumers filter by: one tag. */
  readonly tags?: string
  /** What the message can be found by later; without blanks. */
  readonly keys?: string | ReadonlyArray<string>
  /** The application's own properties. */
  readonly properties?: Readonly<Record<string, string>>
  /** Delivered after the delay of this level: 1 is 1 s, 18 is 2 h, by RocketMQ's default table. */
  readonly delayLevel?: number
  /** Messages of one sharding key go to one queue, in the order in which they are sent (P2). */
  readonly shardingKey?: string
  /** The application's own number, kept as it is. */
  readonly flag?: number
  /** False: the broker answers before the message is on disk. Default true. */
  readonly waitStored?: boolean
}

/** What answers a request: it goes where the request came from. */
export type Reply = Pick<OutgoingMessage, "body" | "tags" | "keys" | "properties" | "flag">

/** What became of a local transaction. "unknown": the broker asks again, and in the end gives up. */
export type TransactionDecision = "commit" | "rollback" | "unknown"

/** How a message is sent in a transaction. */
export interface TransactionOptions extends SendOptions {
  /** How long the broker waits before it asks what became of the transaction, in s; default the broker's, 6. */
  readonly checkImmunitySeconds?: number
}

/** How one message, or one batch, is sent. */
export interface SendOptions {
  /** Patience with all attempts together, in ms; default the producer's. */
  readonly timeoutMs?: number
  /** Ends the wait; whether the message was sent is then not known. */
  readonly signal?: AbortSignal
  /** Send to this very queue. One attempt. */
  readonly queue?: MessageQueue
  /** Choose a queue: by the hash of a value, or by a function. One attempt. */
  readonly selector?: QueueSelector
}

export type QueueSelector = SelectorArgument | ((queues: ReadonlyArray<MessageQueue>) => MessageQueue)

/**
 * SEND_OK: stored as promised (P1). The others mean that it is stored, but not on disk or not on the replicas in time.
 */
export type SendStatus = "SEND_OK" | "FLUSH_DISK_TIMEOUT" | "FLUSH_SLAVE_TIMEOUT" | "SLAVE_NOT_AVAILABLE"

/** What became of a message that was sent in a transaction. */
export interface TransactionResult extends SendResult {
  /** What the local transaction came to; "rollback" without it when the half message was not stored as promised. */
  readonly decision: TransactionDecision
  /** Whether the broker has confirmed the decision. If not, it asks `checkTransaction` of some member of the group. */
  readonly isConfirmed: boolean
}

export interface SendResult {
  readonly status: SendStatus
  /** The id that the producer gave the message; consumers see it, tools find it. */
  readonly messageId: string
  /** The id by which the broker finds the message without looking. */
  readonly offsetMessageId: string
  readonly queue: MessageQueue
  readonly queueOffset: number
  readonly regionId: string
  readonly transactionId?: string
}
