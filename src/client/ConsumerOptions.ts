/** How a push consumer is set up. Names and defaults are those of RocketMQ's Java client, units at their ends. */
import * as Result from "effect/Result"
import * as ClientCheck from "../domain/ClientCheck.ts"
import type { ConsumeFromWhere } from "../domain/ConsumerGroup.ts"
import type { MessageQueue } from "../domain/MessageQueue.ts"
import * as Rebalance from "../domain/Rebalance.ts"
import * as Sql92 from "../domain/Sql92.ts"
import * as Subscription from "../domain/Subscription.ts"
import { ArgumentError } from "./GantryError.ts"
import { md5Place } from "./md5Place.ts"

/**
 * What of a topic is wanted: everything, messages with one of some tags, an expression such as `a || b`, or what an SQL92
 * condition picks.
 */
export type SubscriptionOption =
  | string
  | {
      readonly topic: string
      readonly tags?: ReadonlyArray<string>
      readonly expression?: string
      readonly sql?: string
    }

/** Where a group starts in a queue that it has no progress in. */
export type ConsumeFromOption = "first" | "last" | { readonly timestampMs: number }

/** How the queues are shared out; every member of a group must use the same. */
export type RebalanceStrategyOption =
  | "AVG"
  | "AVG_BY_CIRCLE"
  | "CONSISTENT_HASH"
  | { readonly consistentHash: { readonly virtualNodes: number } }
  | { readonly config: ReadonlyArray<MessageQueue> }
  | { readonly machineRoom: ReadonlyArray<string> }
  | { readonly machineRoomNearby: Rebalance.RoomResolver; readonly inner?: RebalanceStrategyOption }
  | Rebalance.Strategy

export interface ConsumerOptions {
  readonly group: string
  /** What it reads; `subscribe` adds more. */
  readonly subscriptions?: ReadonlyArray<SubscriptionOption>
  /** CLUSTERING shares the messages among the members, BROADCASTING gives each member all of them. Default CLUSTERING. */
  readonly messageModel?: "CLUSTERING" | "BROADCASTING"
  /** Each queue's messages one after another, on one member at a time (P5). Default false. */
  readonly ordered?: boolean
  /** Where a group starts that has no progress yet; default `last`: with messages sent from then on. */
  readonly consumeFromWhere?: ConsumeFromOption
  readonly rebalanceStrategy?: RebalanceStrategyOption
  /**
   * False: a broker shares out the queues in place of the members, by `AVG` or `AVG_BY_CIRCLE`. Ordered consumption and
   * broadcasts are always shared by the members. Default true.
   */
  readonly clientRebalance?: boolean
  /** Handlers at work at once; ordered: queues. Default 20. */
  readonly concurrency?: number
  /** Messages for one call of `eachBatch`; default 1. */
  readonly consumeMessageBatchMaxSize?: number
  /** Messages asked for at once; default 32. */
  readonly pullBatchSize?: number
  readonly pullBatchSizeBytes?: number
  /** A pause between two pulls that found something; default 0. */
  readonly pullIntervalMs?: number
  /** What one queue may hold in memory; then it is not pulled. Default 1,000 messages, 100 MiB, a span of 2,000. */
  readonly pullThresholdForQueue?: number
  readonly pullThresholdSizeForQueueMiB?: number
  readonly consumeConcurrentlyMaxSpan?: number
  /** The same for all queues of the consumer together, shared evenly; default: no such bound. */
  readonly pullThresholdForTopic?: number
  readonly pullThresholdSizeForTopicMiB?: number
  /** Attempts before a message becomes a dead letter; default 16, ordered: no end. */
  readonly maxReconsumeTimes?: number
  /** After how long an ordered queue tries a failed message again; default 1,000. */
  readonly suspendCurrentQueueTimeMs?: number
  /** How long one handler may take before its message is given to others; default 15 minutes. */
  readonly consumeTimeoutMs?: number
  /** How long `close` waits for handlers; default 30,000. */
  readonly awaitTerminationMs?: number
  /** How long a broker may hold a pull; default 15,000. */
  readonly brokerSuspendMaxTimeMs?: number
  /** How often an ordered consumer asks for its locks again; default 20,000. */
  readonly lockIntervalMs?: number
  readonly pullDelayWhenExceptionMs?: number
}

export interface ConsumerSettings {
  readonly group: string
  readonly isBroadcasting: boolean
  readonly isOrdered: boolean
  readonly consumeFromWhere: ConsumeFromWhere
  /** For CONSUME_FROM_TIMESTAMP. */
  readonly timestampMs: number
  readonly strategy: Rebalance.Strategy
  /** A broker is asked for the share. */
  readonly isSharedByBroker: boolean
  readonly concurrency: number
  readonly batchMax: number
  readonly pullBatchSize: number
  readonly pullBatchSizeBytes: number
  readonly pullIntervalMs: number
  readonly messagesMaxOfQueue: number
  readonly bytesMaxOfQueue: number
  readonly spanMax: number
  readonly messagesMaxOfTopic: number | undefined
  readonly bytesMaxOfTopic: number | undefined
  /** -1: 16, or for ordered consumption without end. */
  readonly maxReconsumeTimes: number
  readonly suspendMs: number
  readonly consumeTimeoutMs: number
  readonly awaitTerminationMs: number
  readonly holdMs: number
  readonly lockIntervalMs: number
  readonly pullDelayWhenExceptionMs: number
}

const mebibyte = 1024 * 1024

const within = (name: string, value: number, min: number, max: number): number => {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ArgumentError(`No consumer: ${name} is ${value}, it must be within ${min} to ${max}`)
}

export const consumerSettingsOf = (options: ConsumerOptions): ConsumerSettings => {
  const { consumeFromWhere = "last", group } = options
  const invalid = ClientCheck.group(group)
  if (invalid !== undefined) throw new ArgumentError(`No consumer: ${invalid.message}`)
  if (group === "DEFAULT_CONSUMER") {
    throw new ArgumentError(
      `No consumer: "DEFAULT_CONSUMER" stands for no name in RocketMQ; give the group one of its own`,
    )
  }
  const strategy = strategyOf(options.rebalanceStrategy ?? "AVG")
  const isSharedByBroker =
    options.clientRebalance === false && options.ordered !== true && options.messageModel !== "BROADCASTING"
  if (isSharedByBroker && strategy.name !== "AVG" && strategy.name !== "AVG_BY_CIRCLE") {
    throw new ArgumentError(
      `No consumer: a broker (clientRebalance: false) shares queues out by AVG or AVG_BY_CIRCLE, not by ${strategy.name}`,
    )
  }
  const ofTopic = options.pullThresholdForTopic
  const sizeOfTopic = options.pullThresholdSizeForTopicMiB
  return {
    awaitTerminationMs: options.awaitTerminationMs ?? 30_000,
    batchMax: within("consumeMessageBatchMaxSize", options.consumeMessageBatchMaxSize ?? 1, 1, 1_024),
    bytesMaxOfQueue:
      within("pullThresholdSizeForQueueMiB", options.pullThresholdSizeForQueueMiB ?? 100, 1, 1_024) * mebibyte,
    bytesMaxOfTopic:
      sizeOfTopic === undefined
        ? undefined
        : within("pullThresholdSizeForTopicMiB", sizeOfTopic, 1, 102_400) * mebibyte,
    concurrency: within("concurrency", options.concurrency ?? 20, 1, 100_000),
    consumeFromWhere:
      consumeFromWhere === "first"
        ? "CONSUME_FROM_FIRST_OFFSET"
        : consumeFromWhere === "last"
          ? "CONSUME_FROM_LAST_OFFSET"
          : "CONSUME_FROM_TIMESTAMP",
    consumeTimeoutMs: options.consumeTimeoutMs ?? 15 * 60_000,
    group,
    holdMs: options.brokerSuspendMaxTimeMs ?? 15_000,
    isBroadcasting: options.messageModel === "BROADCASTING",
    isOrdered: options.ordered ?? false,
    isSharedByBroker,
    lockIntervalMs: options.lockIntervalMs ?? 20_000,
    maxReconsumeTimes: options.maxReconsumeTimes ?? -1,
    messagesMaxOfQueue: within("pullThresholdForQueue", options.pullThresholdForQueue ?? 1_000, 1, 65_535),
    messagesMaxOfTopic: ofTopic === undefined ? undefined : within("pullThresholdForTopic", ofTopic, 1, 6_553_500),
    pullBatchSize: within("pullBatchSize", options.pullBatchSize ?? 32, 1, 1_024),
    pullBatchSizeBytes: options.pullBatchSizeBytes ?? 256 * 1024,
    pullDelayWhenExceptionMs: options.pullDelayWhenExceptionMs ?? 1_000,
    pullIntervalMs: within("pullIntervalMs", options.pullIntervalMs ?? 0, 0, 65_535),
    spanMax: within("consumeConcurrentlyMaxSpan", options.consumeConcurrentlyMaxSpan ?? 2_000, 1, 65_535),
    strategy,
    suspendMs: Math.min(30_000, Math.max(10, options.suspendCurrentQueueTimeMs ?? 1_000)),
    timestampMs: typeof consumeFromWhere === "object" ? consumeFromWhere.timestampMs : 0,
  }
}

export const strategyOf = (option: RebalanceStrategyOption): Rebalance.Strategy => {
  if (option === "AVG") return Rebalance.average
  if (option === "AVG_BY_CIRCLE") return Rebalance.averageByCircle
  if (option === "CONSISTENT_HASH") return consistentHash(10)
  if (typeof option === "string") throw new ArgumentError(`There is no rebalance strategy "${option as string}"`)
  if ("consistentHash" in option) return consistentHash(option.consistentHash.virtualNodes)
  if ("config" in option) return Rebalance.config(option.config)
  if ("machineRoom" in option) return Rebalance.machineRoom(new Set(option.machineRoom))
  if ("machineRoomNearby" in option) {
    return Rebalance.machineRoomNearby(strategyOf(option.inner ?? "AVG"), option.machineRoomNearby)
  }
  return option
}

const consistentHash = (virtualNodes: number): Rebalance.Strategy => {
  const strategy = Rebalance.consistentHash(md5Place, virtualNodes)
  if (Result.isSuccess(strategy)) return strategy.success
  throw new ArgumentError(strategy.failure.remark)
}

/** Reads a subscription; throws an ArgumentError for one that cannot be. */
export const subscriptionOf = (option: SubscriptionOption, subVersion: number): Subscription.Subscription => {
  const asked = typeof option === "string" ? { topic: option } : option
  const invalid = ClientCheck.topic(asked.topic)
  if (invalid !== undefined) throw new ArgumentError(`No subscription: ${invalid.message}`)
  const ways = [asked.tags, asked.expression, asked.sql].filter((way) => way !== undefined)
  if (ways.length > 1) {
    throw new ArgumentError(`The subscription of topic "${asked.topic}" has more than one of tags, expression and sql`)
  }
  const read =
    asked.sql === undefined
      ? Subscription.parse(asked.topic, asked.expression ?? asked.tags?.join(" || "), subVersion)
      : Subscription.parseTyped(asked.topic, asked.sql, "SQL92", subVersion)
  if (Result.isFailure(read)) throw new ArgumentError(read.failure.remark)
  if (asked.sql !== undefined) checkSql(asked.topic, asked.sql)
  return read.success
}

/** Brokers read a condition as far as it goes and pass over the rest: what would be passed over is a mistake. */
const checkSql = (topic: string, sql: string): void => {
  const filter = Sql92.compile(sql)
  if (!Sql92.isFilter(filter))
    throw new ArgumentError(`The subscription of topic "${topic}" cannot be read: ${Sql92.printFault(filter)}`)
  if (filter.rest !== undefined)
    throw new ArgumentError(
      `The subscription of topic "${topic}" goes on behind a whole condition: ${JSON.stringify(sql.slice(filter.rest, filter.rest + 40))} would never count`,
    )
}
