/** Locking queues for ordered consumption. Source: spec/wire.md, LOCK_BATCH_MQ. */
import { MessageQueue, flag, list, orElse, record, text } from "./shape.ts"

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
export const LockBatchAnswer = record("LockBatchResponseBody", { lockOKMQSet: orElse(list(MessageQueue), []) })
export type LockBatchAnswer = typeof LockBatchAnswer.Type
