/** Pulling messages and everything about consumer offsets. Source: spec/wire.md, consumer calls. */
import { flag, header, int, long, optional, orElse, text, time } from "./header.ts"

/** PULL_MESSAGE (11) and LITE_PULL_MESSAGE (361). */
export const PullMessage = header("PullMessage", {
  consumerGroup: text("Consumer group."),
  topic: text("Topic."),
  queueId: int("Queue."),
  queueOffset: long("Place in the queue of the first message wanted."),
  maxMsgNums: int("Most messages wanted."),
  sysFlag: int("1 commitOffset counts, 2 may be held, 4 subscription is given, 16 lite pull."),
  commitOffset: orElse(long("Offset to commit along the way."), 0),
  suspendTimeoutMillis: orElse(time("How long it may be held, ms."), 0),
  subscription: optional(text("Filter expression.")),
  subVersion: orElse(time("Version of the subscription."), 0),
  expressionType: optional(text("TAG or SQL92; absent means TAG.")),
  maxMsgBytes: optional(int("Most bytes wanted.")),
  requestSource: optional(int("-1 SDK, 0 to 2 kinds of proxy.")),
  proxyFrowardClientId: optional(text("Client behind the proxy; misspelt by the protocol.")),
  liteTopic: optional(text("Lite topic.")),
  bname: optional(text("Name of the broker that the client meant.")),
  gantryGrant: optional(long("Gantry's own: the grant of the lock that the commit is under.")),
})
export type PullMessage = typeof PullMessage.Type

/** Parameters of the answer, on FOUND and on the three ways to find nothing (19, 20, 21). */
export const PullMessageAnswer = header("PullMessageAnswer", {
  suggestWhichBrokerId: long("Broker id to pull from next; 0 is the master."),
  nextBeginOffset: long("Where to pull next."),
  minOffset: long("First offset of the queue."),
  maxOffset: long("Offset after the last of the queue."),
  offsetDelta: optional(long("Static topics: to be added to the queue offsets.")),
  topicSysFlag: optional(int("See Topic.")),
  groupSysFlag: optional(int("See SubscriptionGroup.")),
  forbiddenType: optional(int("On NO_PERMISSION: who forbids it.")),
})
export type PullMessageAnswer = typeof PullMessageAnswer.Type

/** QUERY_CONSUMER_OFFSET (14). */
export const QueryConsumerOffset = header("QueryConsumerOffset", {
  consumerGroup: text("Consumer group."),
  topic: text("Topic."),
  queueId: int("Queue."),
  setZeroIfNotFound: optional(flag("false: never answer 0 for a queue without an offset.")),
})
export type QueryConsumerOffset = typeof QueryConsumerOffset.Type

/** UPDATE_CONSUMER_OFFSET (15). */
export const UpdateConsumerOffset = header("UpdateConsumerOffset", {
  consumerGroup: text("Consumer group."),
  topic: text("Topic."),
  queueId: int("Queue."),
  commitOffset: long("Offset of the next message to consume."),
  gantryGrant: optional(long("Gantry's own: the grant of the lock that the commit is under.")),
})
export type UpdateConsumerOffset = typeof UpdateConsumerOffset.Type

/** SEARCH_OFFSET_BY_TIMESTAMP (29). */
export const SearchOffset = header("SearchOffset", {
  topic: text("Topic."),
  queueId: int("Queue."),
  timestamp: time("Store time, ms."),
  boundaryType: optional(text("LOWER (absent too) or UPPER, in any case.")),
})
export type SearchOffset = typeof SearchOffset.Type

/** GET_MAX_OFFSET (30). */
export const GetMaxOffset = header("GetMaxOffset", {
  topic: text("Topic."),
  queueId: int("Queue."),
  committed: optional(flag("false: count what is not yet readable.")),
})
export type GetMaxOffset = typeof GetMaxOffset.Type

/** GET_MIN_OFFSET (31) and GET_EARLIEST_MSG_STORETIME (32). */
export const GetMinOffset = header("GetMinOffset", { topic: text("Topic."), queueId: int("Queue.") })
export type GetMinOffset = typeof GetMinOffset.Type

/** The answer of 14, 29, 30 and 31. */
export const OffsetAnswer = header("OffsetAnswer", { offset: long("The offset asked for.") })
export type OffsetAnswer = typeof OffsetAnswer.Type

/** The answer of 32. */
export const StoretimeAnswer = header("StoretimeAnswer", { timestamp: long("Store time, ms; -1 without a message.") })
export type StoretimeAnswer = typeof StoretimeAnswer.Type

/** VIEW_MESSAGE_BY_ID (33). */
export const ViewMessage = header("ViewMessage", {
  offset: long("CommitLog offset of the message."),
  topic: optional(text("Its topic.")),
})
export type ViewMessage = typeof ViewMessage.Type

/** QUERY_MESSAGE (12): by key. */
export const QueryMessage = header(
  "QueryMessage",
  {
    topic: text("Topic."),
    key: text("Key, unique key or tag."),
    maxNum: int("Most messages wanted."),
    beginTimestamp: time("Earliest store time, ms."),
    endTimestamp: time("Latest store time, ms."),
    indexType: optional(text("K key, U unique key, T tag.")),
    lastKey: optional(text("Where the page before ended.")),
    uniqueKeyQuery: optional(flag("The key is a unique key.")),
  },
  { uniqueKeyQuery: "_UNIQUE_KEY_QUERY" },
)
export type QueryMessage = typeof QueryMessage.Type

export const QueryMessageAnswer = header("QueryMessageAnswer", {
  indexLastUpdateTimestamp: long("Store time of the last indexed record, ms."),
  indexLastUpdatePhyoffset: long("Its CommitLog offset."),
})
export type QueryMessageAnswer = typeof QueryMessageAnswer.Type

/** GET_CONSUMER_LIST_BY_GROUP (38), NOTIFY_CONSUMER_IDS_CHANGED (40) and GET_CONSUMER_CONNECTION_LIST (203). */
export const ConsumerGroupOf = header("ConsumerGroupOf", { consumerGroup: text("Consumer group.") })
export type ConsumerGroupOf = typeof ConsumerGroupOf.Type

/** UNREGISTER_CLIENT (35). */
export const UnregisterClient = header("UnregisterClient", {
  clientID: text("Client id."),
  producerGroup: optional(text("Producer group it leaves.")),
  consumerGroup: optional(text("Consumer group it leaves.")),
})
export type UnregisterClient = typeof UnregisterClient.Type

/** The answer of HEART_BEAT (34). */
export const HeartbeatAnswer = header(
  "HeartbeatAnswer",
  {
    supportsHeartbeatV2: optional(flag("The broker knows short heartbeats.")),
    subChanged: optional(flag("Send the full form next time.")),
  },
  { supportsHeartbeatV2: "IS_SUPPORT_HEART_BEAT_V2", subChanged: "IS_SUB_CHANGE" },
)
export type HeartbeatAnswer = typeof HeartbeatAnswer.Type
