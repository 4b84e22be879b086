/**
 * Pulls: whether a consumer may read a queue, what it subscribes to, where it stands in the queue, and how the outcome
 * is answered. The checks run in RocketMQ's order.
 *
 * Laws (test/model/domain/Pull.test.ts)
 *   in range   an offset within [min, max) is read; any other is answered with one that is in [min, max]
 *   waits      only a pull at the end of its queue is held, and never beyond its time
 *   filtered   a pull by a filter is answered by that filter, or refused
 *   honest     nothing that failed is answered as an empty queue
 * Source: spec/delivery/Delivery.tla (Pull); behaviour of RocketMQ 5.5.0 (PullMessageProcessor).
 */
import * as Result from "effect/Result"
import type { Compiled, ConsumerFilter } from "./ConsumerFilter.ts"
import type { MessageModel } from "./ConsumerGroup.ts"
import { hint } from "./Nearest.ts"
import { type Refusal, make, refuse } from "./Refusal.ts"
import { unknownGroup } from "./Send.ts"
import type * as Sql92 from "./Sql92.ts"
import { type GroupConfig, autoCreate, forbiddenRead } from "./SubscriptionGroup.ts"
import { type Subscription, isTagType, parseTyped } from "./Subscription.ts"
import { PullFlag, has } from "./SysFlag.ts"
import { type TopicConfig, isReadable } from "./Topic.ts"

export interface PullRequest {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  /** `PullFlag` bits. */
  readonly sysFlag: number
  /** LITE_PULL_MESSAGE instead of PULL_MESSAGE. */
  readonly isLite: boolean
  /** The expression that counts when the SUBSCRIPTION bit is set. */
  readonly subscription: string | undefined
  readonly expressionType: string | undefined
  readonly subVersion: number
}

/** What the broker knows, as far as pulls need it. */
export interface View {
  readonly topic: (name: string) => TopicConfig | undefined
  readonly group: (name: string) => GroupConfig | undefined
  /** What the connected clients of a group said of themselves; undefined when none is connected. */
  readonly consumers: (
    group: string,
  ) => { readonly messageModel: MessageModel; readonly subscriptions: ReadonlyMap<string, Subscription> } | undefined
  /** The group's forbidden bits for a topic; 0 when nothing is forbidden. */
  readonly forbidden: (group: string, topic: string) => number
  readonly topicNames: () => Iterable<string>
  /** The filter that the group's heartbeats brought. */
  readonly filter: (topic: string, group: string) => ConsumerFilter | undefined
  /** A filter that a pull brings itself. */
  readonly compile: (expression: string, expressionType: string) => Compiled
}

export interface Settings {
  readonly brokerName: string
  readonly brokerPermission: number
  readonly litePullMessageEnable: boolean
  readonly enablePropertyFilter: boolean
  readonly autoCreateSubscriptionGroup: boolean
}

export interface Admitted {
  readonly config: TopicConfig
  readonly groupConfig: GroupConfig
  /** A group to create first. */
  readonly createGroup: GroupConfig | undefined
  readonly subscription: Subscription
  /** What the properties of a message must pass; undefined when the subscription is one by tags. */
  readonly filter: Sql92.Filter | undefined
  /** The same as the group's heartbeats brought it, for which messages are marked. */
  readonly consumerFilter: ConsumerFilter | undefined
}

/** Judges one pull. Clients retry SUBSCRIPTION_* refusals: the next heartbeat brings what is missing. */
export const decide = (request: PullRequest, view: View, settings: Settings): Result.Result<Admitted, Refusal> => {
  if (!isReadable(settings.brokerPermission)) {
    return refuse(
      "NO_PERMISSION",
      `the broker[${settings.brokerName}] pulling message is forbidden: brokerPermission takes no reads. Give the ` +
        "read permission back.",
      1,
    )
  }
  if (request.isLite && !settings.litePullMessageEnable) {
    return refuse(
      "NO_PERMISSION",
      `the broker[${settings.brokerName}] for lite pull consumer is forbidden: litePullMessageEnable is off.`,
      1,
    )
  }
  const known = view.group(request.group)
  const created = known === undefined ? autoCreate(request.group, settings.autoCreateSubscriptionGroup) : undefined
  const groupConfig = known ?? created
  if (groupConfig === undefined) return unknownGroup(request.group)
  if (!groupConfig.consumeEnable) {
    return refuse(
      "NO_PERMISSION",
      `subscription group no permission, ${request.group}: its consumeEnable is off. Turn it on to consume.`,
      2,
    )
  }
  const config = view.topic(request.topic)
  if (config === undefined) {
    return refuse(
      "TOPIC_NOT_EXIST",
      `topic[${request.topic}] not exist, apply first please! It is not on broker[${settings.brokerName}]. Create it ` +
        `by an administrator's command, or send a message to it.${hint(request.topic, view.topicNames())}`,
    )
  }
  if (!isReadable(config.perm)) {
    return refuse(
      "NO_PERMISSION",
      `the topic[${request.topic}] pulling message is forbidden: its perm has no read bit. Give the topic read ` +
        `permission.`,
      3,
    )
  }
  if (request.queueId < 0 || request.queueId >= config.readQueueNums) {
    return refuse(
      "INVALID_PARAMETER",
      `queueId[${request.queueId}] is illegal, topic:[${request.topic}] ` +
        `topicConfig.readQueueNums:[${config.readQueueNums}]. Refresh the route and pull from one of them.`,
    )
  }
  const subscription = has(request.sysFlag, PullFlag.SUBSCRIPTION)
    ? parseTyped(request.topic, request.subscription, request.expressionType, request.subVersion)
    : registered(request, groupConfig, view)
  if (Result.isFailure(subscription)) return Result.fail(subscription.failure)
  const admitted = {
    config,
    consumerFilter: undefined,
    createGroup: created,
    filter: undefined,
    groupConfig,
    subscription: subscription.success,
  }
  if (isTagType(subscription.success.expressionType)) return Result.succeed(admitted)
  const filter = filterOf(request, subscription.success, view)
  if (Result.isFailure(filter)) return Result.fail(filter.failure)
  if (!settings.enablePropertyFilter) return Result.fail(noPropertyFilter(subscription.success.expressionType))
  const consumerFilter = has(request.sysFlag, PullFlag.SUBSCRIPTION)
    ? undefined
    : view.filter(request.topic, request.group)
  return Result.succeed({ ...admitted, consumerFilter, filter: filter.success })
}

/** Refuses whatever is filtered by properties: the setting is off, as it is in RocketMQ unless it is set. */
export const noPropertyFilter = (expressionType: string): Refusal =>
  make(
    "SYSTEM_ERROR",
    `The broker does not support consumer to filter message by ${expressionType}. ` +
      "Set enablePropertyFilter=true on the broker, or filter by tags.",
  )

/** The filter that a pull brings, or that its group's heartbeats brought. RocketMQ delivers all where it has none. */
const filterOf = (
  request: PullRequest,
  { expressionType, subString, topic }: Subscription,
  view: View,
): Result.Result<Sql92.Filter, Refusal> => {
  if (has(request.sysFlag, PullFlag.SUBSCRIPTION)) {
    const compiled = view.compile(subString, expressionType)
    if (typeof compiled !== "string") return Result.succeed(compiled)
    return refuse("SUBSCRIPTION_PARSE_FAILED", `parse the consumer's subscription failed: ${compiled}`)
  }
  const known = view.filter(topic, request.group)
  if (known === undefined || typeof known.compiled === "string") {
    return refuse(
      "FILTER_DATA_NOT_EXIST",
      `The broker's consumer filter data is not exist! group[${request.group}] topic[${topic}]: ` +
        (known === undefined ? "send a heartbeat with it, then pull" : String(known.compiled)),
    )
  }
  if (known.version < request.subVersion) {
    return refuse(
      "FILTER_DATA_NOT_LATEST",
      `the consumer's consumer filter data not latest: version ${request.subVersion} of topic[${topic}] has not ` +
        `arrived, ${known.version} is known. Send a heartbeat, then pull.`,
    )
  }
  return Result.succeed(known.compiled)
}

/** The subscription that the group's heartbeats brought. */
const registered = (
  request: PullRequest,
  groupConfig: GroupConfig,
  view: View,
): Result.Result<Subscription, Refusal> => {
  const consumers = view.consumers(request.group)
  if (consumers === undefined) {
    return refuse(
      "SUBSCRIPTION_NOT_EXIST",
      `the consumer's group info not exist: no client of group[${request.group}] has sent a heartbeat. Send one, then ` +
        `pull.`,
    )
  }
  if (!groupConfig.consumeBroadcastEnable && consumers.messageModel === "BROADCASTING") {
    return refuse(
      "NO_PERMISSION",
      `the consumer group[${request.group}] can not consume by broadcast way: its consumeBroadcastEnable is off.`,
      4,
    )
  }
  if ((view.forbidden(request.group, request.topic) & forbiddenRead) !== 0) {
    return refuse(
      "NO_PERMISSION",
      `the consumer group[${request.group}] is forbidden for topic[${request.topic}]. An administrator can allow it ` +
        `again.`,
      5,
    )
  }
  const subscription = consumers.subscriptions.get(request.topic)
  if (subscription === undefined) {
    return refuse(
      "SUBSCRIPTION_NOT_EXIST",
      `the consumer's subscription not exist: group[${request.group}] does not subscribe topic[${request.topic}]. ` +
        "Subscribe, then pull.",
    )
  }
  if (subscription.subVersion < request.subVersion) {
    return refuse(
      "SUBSCRIPTION_NOT_LATEST",
      `the consumer's subscription not latest: version ${request.subVersion} of topic[${request.topic}] has not ` +
        `arrived, ${subscription.subVersion} is known. Send a heartbeat, then pull.`,
    )
  }
  return Result.succeed(subscription)
}

/** What reading a queue came to, in the store's words; they are the remark of the answer. */
export type PullStatus =
  | "FOUND"
  | "NO_MATCHED_MESSAGE"
  | "MESSAGE_WAS_REMOVING"
  | "OFFSET_FOUND_NULL"
  | "OFFSET_OVERFLOW_BADLY"
  | "OFFSET_OVERFLOW_ONE"
  | "OFFSET_TOO_SMALL"
  | "NO_MATCHED_LOGIC_QUEUE"
  | "NO_MESSAGE_IN_QUEUE"
  | "OFFSET_RESET"

/**
 * Where an asked offset stands in a queue that holds [min, max): undefined when there is something to read at it, else
 * the status. A queue that does not exist is [0, 0).
 */
export const locate = (queueOffset: number, queueOffsetMin: number, queueOffsetMax: number): PullStatus | undefined => {
  if (queueOffsetMax <= 0) return "NO_MESSAGE_IN_QUEUE"
  if (queueOffset < queueOffsetMin) return "OFFSET_TOO_SMALL"
  if (queueOffset === queueOffsetMax) return "OFFSET_OVERFLOW_ONE"
  return queueOffset > queueOffsetMax ? "OFFSET_OVERFLOW_BADLY" : undefined
}

/** Where the client goes on, for a status of `locate`. */
export const nextBeginOffset = (
  status: PullStatus,
  queueOffset: number,
  queueOffsetMin: number,
  queueOffsetMax: number,
): number => {
  switch (status) {
    case "NO_MESSAGE_IN_QUEUE":
    case "NO_MATCHED_LOGIC_QUEUE":
      return 0
    case "OFFSET_TOO_SMALL":
      return queueOffsetMin
    case "OFFSET_OVERFLOW_BADLY":
      return queueOffsetMax
    default:
      return queueOffset
  }
}

export type PullCode = "SUCCESS" | "PULL_NOT_FOUND" | "PULL_RETRY_IMMEDIATELY" | "PULL_OFFSET_MOVED"

/** The response code of a status. */
export const codeOf = (status: PullStatus, queueOffset: number): PullCode => {
  switch (status) {
    case "FOUND":
      return "SUCCESS"
    case "NO_MATCHED_MESSAGE":
    case "MESSAGE_WAS_REMOVING":
      return "PULL_RETRY_IMMEDIATELY"
    case "NO_MATCHED_LOGIC_QUEUE":
    case "NO_MESSAGE_IN_QUEUE":
      return queueOffset === 0 ? "PULL_NOT_FOUND" : "PULL_OFFSET_MOVED"
    case "OFFSET_FOUND_NULL":
    case "OFFSET_OVERFLOW_ONE":
      return "PULL_NOT_FOUND"
    case "OFFSET_OVERFLOW_BADLY":
    case "OFFSET_TOO_SMALL":
    case "OFFSET_RESET":
      return "PULL_OFFSET_MOVED"
  }
}

/** Whether a pull with this outcome waits instead of being answered. */
export const isHeld = (code: PullCode, sysFlag: number, isFirstPass: boolean): boolean =>
  code === "PULL_NOT_FOUND" && isFirstPass && has(sysFlag, PullFlag.SUSPEND)

/**
 * Whether a pull that was woken goes on waiting, from `nextBeginOffset`: its filter took nothing of what arrived, there
 * is nothing behind that, and its time is not over.
 */
export const waitsOn = (
  status: PullStatus,
  nextBeginOffset: number,
  queueOffsetMax: number,
  dueMs: number,
  nowMs: number,
): boolean => status === "NO_MATCHED_MESSAGE" && nextBeginOffset >= queueOffsetMax && nowMs < dueMs

/** How long a pull waits, in ms: as long as the client allows, or briefly where long polling is off. */
export const holdMs = (suspendTimeoutMs: number, longPollingEnable: boolean, shortPollingTimeMs: number): number =>
  longPollingEnable ? Math.max(0, suspendTimeoutMs) : shortPollingTimeMs

/** Whether the first pass of a pull also commits the offset it carries. */
export const commits = (sysFlag: number, isFirstPass: boolean): boolean =>
  isFirstPass && has(sysFlag, PullFlag.COMMIT_OFFSET)

/** Which broker id to pull from next. `isBehind`: what was read last is no longer in memory. */
export const suggestWhichBrokerId = (slaveReadEnable: boolean, isBehind: boolean, group: GroupConfig): number =>
  slaveReadEnable ? (isBehind ? group.whichBrokerWhenConsumeSlowly : group.brokerId) : 0

/** What one answer may carry, by where its messages lie. Sizes in bytes. */
export const batchMax = {
  memory: { sizeBytes: 262_144, messages: 32 },
  disk: { sizeBytes: 65_536, messages: 8 },
} as const

/**
 * Whether an answer takes no more. The first message always fits, whatever its size, so that no message blocks its
 * queue.
 */
export const isBatchFull = (
  taken: { readonly sizeBytes: number; readonly messages: number },
  sizeBytes: number,
  maxMessages: number,
  isInMemory: boolean,
): boolean => {
  if (taken.messages === 0) return false
  const max = isInMemory ? batchMax.memory : batchMax.disk
  return taken.messages >= maxMessages || taken.messages >= max.messages || taken.sizeBytes + sizeBytes > max.sizeBytes
}

/**
 * How many queue entries one pull examines before it answers PULL_RETRY_IMMEDIATELY: 16,000 bytes of them, or all
 * asked.
 */
export const examinedMax = (maxMessages: number): number => Math.max(16_000 / 20, maxMessages)
