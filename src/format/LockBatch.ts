/** Locking queues for ordered consumption. Source: spec/wire.md, LOCK_BATCH_MQ. */
import { flag as parameter, header, optional as optionalParameter } from "./header.ts"
import { MessageQueue, flag, list, long, optional, orElse, record, text } from "./shape.ts"

/** The parameters of 41; RocketMQ has none. */
export const LockBatchHeader = header("LockBatchRequestHeader", {
  gantryGrants: optionalParameter(parameter("Gantry's own: the answer tells the grants.")),
})

/** The body of LOCK_BATCH_MQ (41) and UNLOCK_BATCH_MQ (42). */
export const LockBatch = record("LockBatchRequestBody", {
  consumerGroup: text,
  clientId: text,
  /** Locks are kept by this broker alone and not asked of its replicas. */
  onlyThisBroker: orElse(flag, false),
  mqSet: orElse(list(MessageQueue), []),
})
export type LockBatch = typeof LockBatch.Type

/** The answer to 41: the queues that are locked now. */
export const LockBatchAnswer = record("LockBatchResponseBody", {
  lockOKMQSet: orElse(list(MessageQueue), []),
  /** Gantry's own, for who asks for it: the grant of each of these queues, in the same order. */
  gantryGrants: optional(list(long)),
})
export type LockBatchAnswer = typeof LockBatchAnswer.Type
