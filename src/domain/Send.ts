/**
 * Sends: whether a broker takes a message, and where it puts it. The checks run in RocketMQ's order, so that a message
 * that is wrong in two ways gets the answer that clients know.
 *
 * Laws (test/model/domain/Send.test.ts)
 *   placed      an accepted message has a topic that exists or is in `create`, and a queue within its write queues, or
 *               the one that was asked for
 *   settled     a retry beyond its group's attempts, or of a group that consumes in order, goes to its dead-letter
 *               topic (P4)
 *   closed      no accepted message lands in a topic that only the broker writes
 * Source: spec/delivery/Delivery.tla (Send); behaviour of RocketMQ 5.5.0 (SendMessageProcessor).
 */
import * as Result from "effect/Result"
import { levelOf } from "./DelayLevel.ts"
import { hint } from "./Nearest.ts"
import * as Properties from "./Properties.ts"
import { PropertyName } from "./Properties.ts"
import { type Refusal, refuse } from "./Refusal.ts"
import { type GroupConfig, autoCreate as autoCreateGroup } from "./SubscriptionGroup.ts"
import { MessageFlag, withTransactionType } from "./SysFlag.ts"
import * as Topic from "./Topic.ts"
import type { TopicConfig } from "./Topic.ts"

/** From this client version on (3.4.9) a header may carry its own maximum of attempts. */
export const maxReconsumeTimesVersionMin = 121

export interface SendRequest {
  readonly topic: string
  /** Negative: the broker picks one. */
  readonly queueId: number
  readonly sysFlag: number
  readonly properties: string
  readonly bodySizeBytes: number
  readonly isBatch: boolean
  /** A reply to a request: one message, to a topic that exists. See `RequestReply`. */
  readonly isReply: boolean
  readonly defaultTopic: string
  readonly defaultTopicQueueNums: number
  readonly reconsumeTimes: number
  readonly maxReconsumeTimes: number | undefined
  readonly clientVersion: number
  /** A random or rising natural number, for a queue of the broker's choice. */
  readonly pick: number
}

/** What the broker knows, as far as sends need it. */
export interface View {
  readonly topic: (name: string) => TopicConfig | undefined
  readonly group: (name: string) => GroupConfig | undefined
  /** Whether a client of the group holds a queue lock now. */
  readonly isAnyLockHeld: (group: string) => boolean
  /** All topics, for hints at mistyped names. */
  readonly topicNames: () => Iterable<string>
}

export interface Settings {
  /** How the broker calls itself in remarks: its address or name. */
  readonly brokerName: string
  readonly brokerPermission: number
  readonly autoCreateTopicEnable: boolean
  readonly autoCreateSubscriptionGroup: boolean
  readonly rejectTransactionMessage: boolean
  readonly maxMessageSize: number
}

export interface Accepted {
  readonly topic: string
  readonly queueId: number
  readonly config: TopicConfig
  readonly sysFlag: number
  readonly properties: string
  /** Topics to create first, in this order. */
  readonly create: ReadonlyArray<TopicConfig>
  readonly createGroup: GroupConfig | undefined
  /** A transaction's first half: to be hidden from consumers. */
  readonly isHalf: boolean
  readonly isDeadLetter: boolean
}

const none: ReadonlyArray<TopicConfig> = []

/** Judges one send. Retryable refusals: TOPIC_NOT_EXIST and NO_PERMISSION on another broker, none of the others. */
export const decide = (request: SendRequest, view: View, settings: Settings): Result.Result<Accepted, Refusal> => {
  if (request.bodySizeBytes === 0) return refuse("MESSAGE_ILLEGAL", "the message has no body: send at least one byte")
  const known = view.topic(request.topic)
  if (!Topic.isWritable(settings.brokerPermission) && known?.order === true) {
    return refuse(
      "NO_PERMISSION",
      `the broker[${settings.brokerName}] sending message is forbidden: brokerPermission takes no writes. Send to ` +
        "another broker, or give the write permission back.",
    )
  }
  const invalid = Topic.validateName(request.topic)
  if (invalid !== undefined) return refuse("INVALID_PARAMETER", invalid)
  if (Topic.isNotSendable(request.topic)) {
    return refuse(
      "NO_PERMISSION",
      `Sending message to topic[${request.topic}] is forbidden. Only the broker writes there; send to a topic of your ` +
        `own.`,
    )
  }
  const created = known === undefined ? createdBySend(request, view, settings) : undefined
  const config = known ?? created
  if (config === undefined) return unknownTopic(request.topic, view, settings)

  const queueNums = Math.max(config.writeQueueNums, config.readQueueNums)
  if (request.queueId >= queueNums || (request.queueId < 0 && config.writeQueueNums <= 0)) {
    return refuse(
      "INVALID_PARAMETER",
      `request queueId[${request.queueId}] is illegal, topic[${request.topic}] has ${config.writeQueueNums} write and ` +
        `${config.readQueueNums} read queues on broker[${settings.brokerName}]. Refresh the route and send to one of ` +
        `them.`,
    )
  }
  const illegal = request.isBatch ? illegalBatch(request, settings) : illegalSingle(request, settings)
  if (illegal !== undefined) return illegal
  // Single messages neither: Apache RocketMQ does not open a store in which such a topic has queues of another kind.
  if (Topic.isBatchQueue(config)) {
    return refuse(
      "MESSAGE_ILLEGAL",
      `topic[${request.topic}] has queue.type BatchCQ, which this broker does not serve. Use a topic of type SimpleCQ.`,
    )
  }
  if (request.isReply && created !== undefined) {
    return refuse(
      "TOPIC_NOT_EXIST",
      `topic[${request.topic}] not exist, apply first please! Replies go to the reply topic of the broker's cluster.`,
    )
  }
  const create = created === undefined ? none : [created]
  if (!request.isBatch && Topic.isRetry(request.topic)) {
    return retried(request, config, create, view, settings)
  }
  return accepted(request, config, create, undefined, settings)
}

/** A message to a retry topic: another attempt, or the last one was the last. */
const retried = (
  request: SendRequest,
  config: TopicConfig,
  create: ReadonlyArray<TopicConfig>,
  view: View,
  settings: Settings,
): Result.Result<Accepted, Refusal> => {
  const groupName = request.topic.slice(Topic.retryPrefix.length)
  const known = view.group(groupName)
  const created = known === undefined ? autoCreateGroup(groupName, settings.autoCreateSubscriptionGroup) : undefined
  const group = known ?? created
  if (group === undefined) return unknownGroup(groupName)
  const max = attemptsMax(group, request)
  // Who consumes in order sends a message here to give it up, which has failed at least once. One that begins anew comes
  // from an administrator.
  const isGivenUp = request.reconsumeTimes > 0 && view.isAnyLockHeld(groupName)
  if (request.reconsumeTimes <= max && !isGivenUp) {
    return accepted(request, config, create, created, settings)
  }
  const topic = Topic.dlqTopic(groupName)
  const dlq = view.topic(topic)
  const dlqConfig = dlq ?? Topic.make(topic, 1)
  return Result.succeed({
    topic,
    queueId: 0,
    config: dlqConfig,
    sysFlag: sysFlagOf(request, config),
    properties: Properties.set(request.properties, PropertyName.DELAY, "-1"),
    create: dlq === undefined ? [...create, dlqConfig] : create,
    createGroup: created,
    isHalf: false,
    isDeadLetter: true,
  })
}

const accepted = (
  request: SendRequest,
  config: TopicConfig,
  create: ReadonlyArray<TopicConfig>,
  createGroup: GroupConfig | undefined,
  settings: Settings,
): Result.Result<Accepted, Refusal> => {
  const isHalf =
    !request.isBatch &&
    Properties.find(request.properties, PropertyName.TRAN_MSG)?.toLowerCase() === "true" &&
    // A consumer sends a failed message back with the properties it came with, those of its transaction included.
    !(request.reconsumeTimes > 0 && levelOf(request.properties) > 0)
  if (isHalf && settings.rejectTransactionMessage) {
    return refuse(
      "NO_PERMISSION",
      `the broker[${settings.brokerName}] sending transaction message is forbidden: rejectTransactionMessage is on.`,
    )
  }
  if (!isHalf && !request.isBatch && isTimer(request.properties)) {
    return refuse(
      "SYSTEM_ERROR",
      "timer messages are not enabled on this broker (timerWheelEnable=false). Use a delay level; the message was not " +
        "stored.",
    )
  }
  return Result.succeed({
    topic: request.topic,
    queueId: request.queueId >= 0 ? request.queueId : request.pick % config.writeQueueNums,
    config,
    sysFlag: sysFlagOf(request, config),
    properties: request.properties,
    create,
    createGroup,
    isHalf,
    isDeadLetter: false,
  })
}

/** How often a group may be given a message again: its own number, or that of a newer client's header. */
export const attemptsMax = (
  group: GroupConfig,
  request: { readonly maxReconsumeTimes: number | undefined; readonly clientVersion: number },
): number =>
  request.maxReconsumeTimes !== undefined && request.clientVersion >= maxReconsumeTimesVersionMin
    ? request.maxReconsumeTimes
    : group.retryMaxTimes

/** What a broker adds to the properties of a single message. */
export interface Stamp {
  readonly clusterName: string
  readonly regionId: string
  readonly traceOn: boolean
}

/** The pairs of a stamp, printed once. */
export const printStamp = (stamp: Stamp): string =>
  Properties.print([
    [PropertyName.MSG_REGION, stamp.regionId],
    [PropertyName.TRACE_ON, String(stamp.traceOn)],
    [PropertyName.CLUSTER, stamp.clusterName],
  ])

/**
 * The property text to store: POP_CK taken out, the stamp put in, a unique key made when the client sent none.
 * `uniqKey` is called only then.
 */
export const stampProperties = (properties: string, stamp: string, uniqKey: () => string): string => {
  let text = Properties.remove(properties, PropertyName.POP_CK)
  // Only a message that has been here before carries them already.
  for (const name of stamped) text = Properties.remove(text, name)
  if (text !== "" && !text.endsWith(Properties.pairEnd)) text += Properties.pairEnd
  text += stamp
  return Properties.find(text, PropertyName.UNIQ_KEY) === undefined
    ? Properties.append(text, PropertyName.UNIQ_KEY, uniqKey())
    : text
}

const stamped = [PropertyName.MSG_REGION, PropertyName.TRACE_ON, PropertyName.CLUSTER]

/** Whether what is to be stored fits: the body as sent, and the property text with all that was added. */
export const checkSize = (
  bodySizeBytes: number,
  propertiesSizeBytes: number,
  maxMessageSize: number,
): Result.Result<undefined, Refusal> =>
  bodySizeBytes > maxMessageSize || propertiesSizeBytes > Properties.sizeBytesMax
    ? refuse(
        "MESSAGE_ILLEGAL",
        "the message is illegal, maybe msg body or properties length not matched. msg body length limit " +
          `${maxMessageSize}B and this has ${bodySizeBytes}B, msg properties length limit ${Properties.sizeBytesMax}B ` +
          `and this has ${propertiesSizeBytes}B. Send less, or raise maxMessageSize.`,
      )
    : Result.succeed(undefined)

const createdBySend = (request: SendRequest, view: View, settings: Settings): TopicConfig | undefined => {
  const template = view.topic(request.defaultTopic)
  const created = Topic.autoCreate(
    request.topic,
    template,
    request.defaultTopicQueueNums,
    settings.autoCreateTopicEnable,
  )
  return created ?? (Topic.isRetry(request.topic) ? Topic.make(request.topic, 1) : undefined)
}

const unknownTopic = (topic: string, view: View, settings: Settings): Result.Result<never, Refusal> =>
  refuse(
    "TOPIC_NOT_EXIST",
    `topic[${topic}] not exist, apply first please! It is not on broker[${settings.brokerName}], and ` +
      (settings.autoCreateTopicEnable
        ? "the send's default topic does not allow to create it. "
        : "autoCreateTopicEnable is off. ") +
      "Create it by an administrator's command." +
      hint(topic, view.topicNames()),
  )

/** The refusal of a group that is not there and may not come to life by itself. */
export const unknownGroup = (group: string): Result.Result<never, Refusal> =>
  refuse(
    "SUBSCRIPTION_GROUP_NOT_EXIST",
    `subscription group not exist, ${group}. Create the group, or turn autoCreateSubscriptionGroup on if its name is ` +
      `valid.`,
  )

const illegalSingle = (request: SendRequest, settings: Settings): Result.Result<never, Refusal> | undefined => {
  if (request.bodySizeBytes <= settings.maxMessageSize) return undefined
  return refuse(
    "MESSAGE_ILLEGAL",
    "the message is illegal, maybe msg body or properties length not matched. msg body length limit " +
      `${settings.maxMessageSize}B, and this has ${request.bodySizeBytes}B. Send less, or raise maxMessageSize.`,
  )
}

const timerNames = [PropertyName.TIMER_DELIVER_MS, PropertyName.TIMER_DELAY_MS, PropertyName.TIMER_DELAY_SEC]

/** A message that is to be delivered at a time, and not after the delay of a level. */
const isTimer = (properties: string): boolean =>
  properties.includes("TIMER_") &&
  timerNames.some((name) => Properties.find(properties, name) !== undefined) &&
  Properties.find(properties, PropertyName.DELAY) === undefined

const illegalBatch = (request: SendRequest, settings: Settings): Result.Result<never, Refusal> | undefined => {
  if (request.isReply) return refuse("MESSAGE_ILLEGAL", "a reply is one message. Send replies one by one.")
  if (request.bodySizeBytes > settings.maxMessageSize) {
    return refuse(
      "SYSTEM_ERROR",
      `the batch is too large: ${request.bodySizeBytes} bytes, maxMessageSize is ${settings.maxMessageSize}. Split it.`,
    )
  }
  if (request.topic.length > Topic.nameLengthMax) {
    return refuse(
      "MESSAGE_ILLEGAL",
      `message topic length too long ${request.topic.length}: a batch goes to topics of at most ` +
        `${Topic.nameLengthMax} characters`,
    )
  }
  if (Topic.isRetry(request.topic)) {
    return refuse("MESSAGE_ILLEGAL", `batch request does not support retry group ${request.topic}. Send one by one.`)
  }
  const transaction = MessageFlag.TRANSACTION_ROLLBACK
  if ((request.sysFlag & transaction) !== 0) {
    return refuse("MESSAGE_ILLEGAL", "batch request does not support transactions. Send one by one.")
  }
  if (levelOf(request.properties) > 0) {
    return refuse("MESSAGE_ILLEGAL", "batch request does not support a delay level. Send one by one.")
  }
  return undefined
}

/** What makes a transaction is its property: bits alone would hide a message for ever. */
const sysFlagOf = (request: SendRequest, config: TopicConfig): number => {
  const sysFlag = withTransactionType(request.sysFlag, MessageFlag.TRANSACTION_NONE)
  return config.topicFilterType === "MULTI_TAG" ? sysFlag | MessageFlag.MULTI_TAGS : sysFlag
}
