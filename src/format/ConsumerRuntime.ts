/** What a consumer tells of itself when an administrator asks. Source: spec/wire.md, consumer runtime. */
import { Subscription } from "./Heartbeat.ts"
import {
  choice,
  double,
  flag,
  int,
  list,
  long,
  map,
  optional,
  orElse,
  queueMap,
  record,
  tableSizeMax,
  text,
} from "./shape.ts"

/** One queue in a push consumer's hands. Times in ms. */
const ProcessQueueInfo = record("ProcessQueueInfo", {
  cachedMsgCount: orElse(int, 0),
  cachedMsgMaxOffset: orElse(long, 0),
  cachedMsgMinOffset: orElse(long, 0),
  cachedMsgSizeInMiB: orElse(int, 0),
  commitOffset: orElse(long, 0),
  droped: orElse(flag, false),
  lastConsumeTimestamp: orElse(long, 0),
  lastLockTimestamp: orElse(long, 0),
  lastPullTimestamp: orElse(long, 0),
  locked: orElse(flag, false),
  transactionMsgCount: orElse(int, 0),
  transactionMsgMaxOffset: orElse(long, 0),
  transactionMsgMinOffset: orElse(long, 0),
  tryUnlockTimes: orElse(long, 0),
})

/** One queue that is popped. */
const PopProcessQueueInfo = record("PopProcessQueueInfo", {
  droped: orElse(flag, false),
  lastPopTimestamp: orElse(long, 0),
  waitAckCount: orElse(int, 0),
})

/** One topic: response times in ms, rates per second. */
const ConsumeStatus = record("ConsumeStatus", {
  consumeFailedMsgs: orElse(long, 0),
  consumeFailedTPS: orElse(double, 0),
  consumeOKTPS: orElse(double, 0),
  consumeRT: orElse(double, 0),
  pullRT: orElse(double, 0),
  pullTPS: orElse(double, 0),
})

/** The answer to GET_CONSUMER_RUNNING_INFO (307). */
export const RunningInfo = record(
  "ConsumerRunningInfo",
  {
    jstack: optional(text),
    mqPopTable: optional(queueMap(PopProcessQueueInfo)),
    mqTable: orElse(queueMap(ProcessQueueInfo), []),
    properties: orElse(map(text), new Map()),
    statusTable: orElse(map(ConsumeStatus), new Map()),
    subscriptionSet: orElse(list(Subscription), []),
    userConsumerInfo: optional(map(text)),
  },
  tableSizeMax,
)
export type RunningInfo = typeof RunningInfo.Type

export const consumeResults = [
  "CR_SUCCESS",
  "CR_LATER",
  "CR_ROLLBACK",
  "CR_COMMIT",
  "CR_THROW_EXCEPTION",
  "CR_RETURN_NULL",
] as const

/** The answer to CONSUME_MESSAGE_DIRECTLY (309). */
export const ConsumedDirectly = record("ConsumeMessageDirectlyResult", {
  autoCommit: orElse(flag, true),
  consumeResult: optional(choice(consumeResults, "CR_RETURN_NULL")),
  order: orElse(flag, false),
  remark: optional(text),
  /** ms. */
  spentTimeMills: orElse(long, 0),
})
export type ConsumedDirectly = typeof ConsumedDirectly.Type
