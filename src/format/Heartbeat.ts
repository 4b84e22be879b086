/**
 * Heartbeats: who a client is, which groups it belongs to, what it subscribes to. Source: spec/wire.md, HEART_BEAT.
 */
import { choice, flag, int, list, optional, orElse, record, set, text, time } from "./shape.ts"

export const Subscription = record("SubscriptionData", {
  topic: text,
  /** The expression; `*` stands for everything. */
  subString: orElse(text, "*"),
  tagsSet: orElse(set(text), new Set()),
  /** hashCode of each tag. */
  codeSet: orElse(set(int), new Set()),
  /** Grows with each change; ms, or what the client counts in. */
  subVersion: orElse(time, 0),
  expressionType: orElse(text, "TAG"),
  classFilterMode: orElse(flag, false),
})

/** In the order of their ordinals. */
export const consumeTypes = ["CONSUME_ACTIVELY", "CONSUME_PASSIVELY", "CONSUME_POP"] as const
/** 5.5.0 knows a third, LITE_SELECTIVE, for lite topics; without those it reads as CLUSTERING. */
export const messageModels = ["BROADCASTING", "CLUSTERING"] as const
export const consumeFromWheres = [
  "CONSUME_FROM_LAST_OFFSET",
  "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
  "CONSUME_FROM_MIN_OFFSET",
  "CONSUME_FROM_MAX_OFFSET",
  "CONSUME_FROM_FIRST_OFFSET",
  "CONSUME_FROM_TIMESTAMP",
] as const

export const ConsumerData = record("ConsumerData", {
  groupName: text,
  consumeType: orElse(choice(consumeTypes, "CONSUME_PASSIVELY"), "CONSUME_PASSIVELY"),
  messageModel: orElse(choice(messageModels, "CLUSTERING"), "CLUSTERING"),
  consumeFromWhere: orElse(choice(consumeFromWheres, "CONSUME_FROM_LAST_OFFSET"), "CONSUME_FROM_LAST_OFFSET"),
  subscriptionDataSet: orElse(list(Subscription), []),
  unitMode: orElse(flag, false),
})

export const ProducerData = record("ProducerData", { groupName: text })

/** The body of HEART_BEAT (34). */
export const Heartbeat = record("HeartbeatData", {
  clientID: text,
  producerDataSet: orElse(list(ProducerData), []),
  consumerDataSet: orElse(list(ConsumerData), []),
  /** 0: a plain heartbeat. */
  heartbeatFingerprint: orElse(int, 0),
  /** A short heartbeat: the subscriptions sent before stay. */
  withoutSub: orElse(flag, false, "isWithoutSub"),
})
export type Heartbeat = typeof Heartbeat.Type

/** The body of CHECK_CLIENT_CONFIG (46). */
export const CheckClientConfig = record("CheckClientRequestBody", {
  clientId: text,
  group: text,
  subscriptionData: Subscription,
  namespace: optional(text),
})
export type CheckClientConfig = typeof CheckClientConfig.Type

/** The answer to GET_CONSUMER_LIST_BY_GROUP (38). */
export const ConsumerList = record("GetConsumerListByGroupResponseBody", { consumerIdList: orElse(list(text), []) })
export type ConsumerList = typeof ConsumerList.Type
