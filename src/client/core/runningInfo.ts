/** What a consumer tells of itself when an administrator asks (GET_CONSUMER_RUNNING_INFO). */
import type { Subscription } from "../../domain/Subscription.ts"
import type { RunningInfo } from "../../format/ConsumerRuntime.ts"
import { gantryVersion } from "../../format/Version.ts"
import type { ConsumerSettings } from "../ConsumerOptions.ts"
import type { Offsets } from "./Offsets.ts"
import type { ProcessQueue } from "./ProcessQueue.ts"

export interface RunningInfoInput {
  readonly settings: ConsumerSettings
  readonly subscriptions: Iterable<Subscription>
  readonly queues: Iterable<ProcessQueue>
  readonly offsets: Offsets
  readonly startedMs: number
  readonly nowMonotonicMs: number
}

const mebibyte = 1024 * 1024

export const runningInfoOf = (input: RunningInfoInput): RunningInfo => ({
  mqTable: [...input.queues].map((held) => [
    held.queue,
    {
      cachedMsgCount: held.count,
      cachedMsgMaxOffset: held.count === 0 ? 0 : (held.endOffset ?? 1) - 1,
      cachedMsgMinOffset: held.minOffset ?? 0,
      cachedMsgSizeInMiB: Math.floor(held.bytes / mebibyte),
      commitOffset: input.offsets.known(held.queue) ?? -1,
      droped: held.isDropped,
      lastConsumeTimestamp: held.lastConsumeMs,
      lastLockTimestamp: 0,
      lastPullTimestamp: held.lastPullMs,
      locked: held.isLocked(input.nowMonotonicMs),
      transactionMsgCount: 0,
      transactionMsgMaxOffset: 0,
      transactionMsgMinOffset: 0,
      tryUnlockTimes: 0,
    },
  ]),
  properties: new Map([
    ["PROP_CLIENT_VERSION", String(gantryVersion)],
    ["PROP_CONSUMEORDERLY", String(input.settings.isOrdered)],
    ["PROP_CONSUMER_START_TIMESTAMP", String(input.startedMs)],
    ["PROP_CONSUME_TYPE", "CONSUME_PASSIVELY"],
    ["PROP_THREADPOOL_CORE_SIZE", String(input.settings.concurrency)],
    ["consumerGroup", input.settings.group],
    ["messageModel", input.settings.isBroadcasting ? "BROADCASTING" : "CLUSTERING"],
  ]),
  statusTable: new Map(),
  subscriptionSet: [...input.subscriptions],
})
