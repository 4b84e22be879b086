/** How a pull consumer is set up. Names and defaults are those of RocketMQ's lite pull consumer. */
import * as ClientCheck from "../domain/ClientCheck.ts"
import type { ConsumeFromWhere } from "../domain/ConsumerGroup.ts"
import type { Strategy } from "../domain/Rebalance.ts"
import {
  type ConsumeFromOption,
  type RebalanceStrategyOption,
  type SubscriptionOption,
  consumerSettingsOf,
} from "./ConsumerOptions.ts"
import type { Bounds } from "./core/ProcessQueue.ts"
import { ArgumentError } from "./GantryError.ts"

export interface PullConsumerOptions {
  readonly group: string
  /** Topics whose queues the group shares out. Without any, `assign` says which queues to read. */
  readonly subscriptions?: ReadonlyArray<SubscriptionOption>
  readonly messageModel?: "CLUSTERING" | "BROADCASTING"
  readonly consumeFromWhere?: ConsumeFromOption
  readonly rebalanceStrategy?: RebalanceStrategyOption
  /** Whether a call for more messages settles those handed out before; default true. */
  readonly autoCommit?: boolean
  /** How long `poll` waits for a first message; default 5,000. */
  readonly pollTimeoutMs?: number
  /** Messages asked for at once; default 10. */
  readonly pullBatchSize?: number
  /** What one queue may hold in memory, and all of them together; default 1,000 messages, 100 MiB, and 10,000. */
  readonly pullThresholdForQueue?: number
  readonly pullThresholdSizeForQueueMiB?: number
  readonly pullThresholdForAll?: number
  /** How long a broker may hold a pull; default 20,000. */
  readonly brokerSuspendMaxTimeMs?: number
  readonly pullDelayWhenExceptionMs?: number
}

export interface PullConsumerSettings {
  readonly group: string
  readonly isBroadcasting: boolean
  readonly consumeFromWhere: ConsumeFromWhere
  readonly timestampMs: number
  readonly strategy: Strategy
  readonly autoCommit: boolean
  readonly pollTimeoutMs: number
  readonly pullBatchSize: number
  readonly pullBatchSizeBytes: number
  readonly bounds: Bounds
  readonly messagesMaxOfAll: number
  readonly holdMs: number
  readonly pullDelayWhenExceptionMs: number
}

const spanMax = 2_000

export const pullConsumerSettingsOf = (options: PullConsumerOptions): PullConsumerSettings => {
  const invalid = ClientCheck.group(options.group)
  if (invalid !== undefined) throw new ArgumentError(`No consumer: ${invalid.message}`)
  const {
    autoCommit,
    brokerSuspendMaxTimeMs,
    pollTimeoutMs,
    pullThresholdForAll,
    subscriptions: _,
    ...shared
  } = options
  const settings = consumerSettingsOf({ ...shared, pullBatchSize: options.pullBatchSize ?? 10 })
  return {
    autoCommit: autoCommit ?? true,
    bounds: { bytesMax: settings.bytesMaxOfQueue, messagesMax: settings.messagesMaxOfQueue, spanMax },
    consumeFromWhere: settings.consumeFromWhere,
    group: settings.group,
    holdMs: brokerSuspendMaxTimeMs ?? 20_000,
    isBroadcasting: settings.isBroadcasting,
    messagesMaxOfAll: pullThresholdForAll ?? 10_000,
    pollTimeoutMs: pollTimeoutMs ?? 5_000,
    pullBatchSize: settings.pullBatchSize,
    pullBatchSizeBytes: settings.pullBatchSizeBytes,
    pullDelayWhenExceptionMs: settings.pullDelayWhenExceptionMs,
    strategy: settings.strategy,
    timestampMs: settings.timestampMs,
  }
}
