/**
 * Retries: what becomes of a message that a consumer sends back. It waits at a level that grows with its attempts and
 * comes again by its group's retry topic, or goes to the group's dead-letter topic after the last one (P4).
 *
 * Laws (test/model/domain/Retry.test.ts)
 *   counted   a message that is put again has one attempt more
 *   bounded   with a maximum of n a message is retried at most n times and then is a dead letter
 *   spaced    unless the consumer names a level, a message waits at least as long as its group's own policy says, or at
 *             the longest level
 *   traced    RETRY_TOPIC and ORIGIN_MESSAGE_ID name the first topic and the first stored message, through all attempts
 * Source: spec/delivery/Delivery.tla (SendBack, Retry, DeadLetter); RocketMQ 5.5.0 (consumerSendMsgBack).
 */
import * as Result from "effect/Result"
import { isBlank } from "./JavaString.ts"
import * as Properties from "./Properties.ts"
import { PropertyName } from "./Properties.ts"
import type { DelayLevels } from "./DelayLevel.ts"
import { type Refusal, refuse } from "./Refusal.ts"
import * as RetryPolicy from "./RetryPolicy.ts"
import { attemptsMax, unknownGroup } from "./Send.ts"
import { type GroupConfig, autoCreate } from "./SubscriptionGroup.ts"
import * as Topic from "./Topic.ts"
import type { TopicConfig } from "./Topic.ts"

/** The level of a first retry when neither the consumer nor a policy of its group says another. */
export const firstLevel = 3

export interface SendBack {
  readonly group: string
  /** Below 0: to the dead-letter topic; 0: the broker's choice; above: that level. */
  readonly delayLevel: number
  readonly maxReconsumeTimes: number | undefined
  readonly clientVersion: number
  /** A random or rising natural number, for a queue of the broker's choice. */
  readonly pick: number
}

/** The message that is sent back, as it is stored. */
export interface FailedMessage {
  readonly topic: string
  readonly reconsumeTimes: number
  readonly properties: string
  /** Its offset message id. */
  readonly msgId: string
}

export interface View {
  readonly topic: (name: string) => TopicConfig | undefined
  readonly group: (name: string) => GroupConfig | undefined
}

export interface Settings {
  readonly brokerName: string
  readonly brokerPermission: number
  readonly autoCreateSubscriptionGroup: boolean
  readonly delayLevels: DelayLevels
}

/** `Dropped`: the group keeps no retry queue, so the message is done with and the answer is SUCCESS. */
export type Decision =
  | { readonly _tag: "Dropped"; readonly createGroup: GroupConfig | undefined }
  | {
      readonly _tag: "Retry" | "DeadLetter"
      readonly topic: string
      readonly queueId: number
      readonly reconsumeTimes: number
      /**
       * DELAY is set to the level, 0 for a dead letter: the put rewrites it like any delayed message. WAIT=false is
       * stored as 5.5.0 does; the answer still waits for the sync, because the consumer forgets the message then (P1,
       * P4).
       */
      readonly properties: string
      readonly create: ReadonlyArray<TopicConfig>
      readonly createGroup: GroupConfig | undefined
    }

/**
 * Judges one send-back; `message` is undefined when nothing readable is stored at the offset given. After a refusal a
 * client sends the message itself to the retry topic.
 */
export const decide = (
  request: SendBack,
  message: FailedMessage | undefined,
  view: View,
  settings: Settings,
): Result.Result<Decision, Refusal> => {
  const known = view.group(request.group)
  const created = known === undefined ? autoCreate(request.group, settings.autoCreateSubscriptionGroup) : undefined
  const group = known ?? created
  if (group === undefined) return unknownGroup(request.group)
  if (!Topic.isWritable(settings.brokerPermission)) {
    return refuse(
      "NO_PERMISSION",
      `the broker[${settings.brokerName}] sending message is forbidden: brokerPermission takes no writes. Give the ` +
        "write permission back.",
    )
  }
  if (group.retryQueueNums <= 0) return Result.succeed({ _tag: "Dropped", createGroup: created })

  const retryName = Topic.retryTopic(request.group)
  const retryTopic = view.topic(retryName) ?? Topic.make(retryName, group.retryQueueNums)
  if (!Topic.isWritable(retryTopic.perm)) {
    return refuse(
      "NO_PERMISSION",
      `the topic[${retryName}] sending message is forbidden: its perm has no write bit. Give the topic write ` +
        `permission.`,
    )
  }
  if (message === undefined) {
    return refuse(
      "SYSTEM_ERROR",
      "look message by offset failed: no message is stored there, or retention has deleted it. It cannot be retried.",
    )
  }
  const isDead = message.reconsumeTimes >= attemptsMax(group, request) || request.delayLevel < 0
  const dlqName = Topic.dlqTopic(request.group)
  const target = isDead ? (view.topic(dlqName) ?? Topic.make(dlqName, 1)) : retryTopic
  const level = isDead ? 0 : request.delayLevel || spacing(group, message.reconsumeTimes, settings.delayLevels)
  const isMissing = (config: TopicConfig): boolean => view.topic(config.topicName) === undefined
  const queueNums = isDead ? 1 : Math.max(1, Math.min(group.retryQueueNums, retryTopic.writeQueueNums))
  return Result.succeed({
    _tag: isDead ? "DeadLetter" : "Retry",
    topic: target.topicName,
    queueId: request.pick % queueNums,
    reconsumeTimes: message.reconsumeTimes + 1,
    properties: propertiesOf(message, level),
    create: isDead ? [retryTopic, target].filter(isMissing) : [retryTopic].filter(isMissing),
    createGroup: created,
  })
}

/**
 * The level that the broker chooses. RocketMQ counts up from the third level whatever the group's policy says; without a
 * policy of the group's own it is the same here.
 */
const spacing = (group: GroupConfig, reconsumeTimes: number, levels: DelayLevels): number =>
  RetryPolicy.isOwn(group.groupRetryPolicy)
    ? RetryPolicy.levelFor(levels, RetryPolicy.nextDelayMs(group.groupRetryPolicy, reconsumeTimes))
    : firstLevel + reconsumeTimes

const propertiesOf = (message: FailedMessage, level: number): string => {
  let text = message.properties
  if (Properties.find(text, PropertyName.RETRY_TOPIC) === undefined) {
    text = Properties.append(text, PropertyName.RETRY_TOPIC, message.topic)
  }
  if (isBlank(Properties.find(text, PropertyName.ORIGIN_MESSAGE_ID))) {
    text = Properties.set(text, PropertyName.ORIGIN_MESSAGE_ID, message.msgId)
  }
  text = Properties.set(text, PropertyName.DELAY, String(level))
  return Properties.set(text, PropertyName.WAIT, "false")
}
