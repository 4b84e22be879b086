/** Who is connected for a group. Source: spec/wire.md, connections. */
import { Subscription, consumeFromWheres, consumeTypes, messageModels } from "./Heartbeat.ts"
import { choice, int, list, long, map, optional, orElse, record, tableSizeMax, text } from "./shape.ts"

const Connection = record("Connection", {
  clientAddr: text,
  clientId: text,
  /** As a JSON header names it. */
  language: text,
  version: int,
})

/** The answer to GET_PRODUCER_CONNECTION_LIST (204). */
export const ProducerConnection = record(
  "ProducerConnection",
  { connectionSet: orElse(list(Connection), []) },
  tableSizeMax,
)
export type ProducerConnection = typeof ProducerConnection.Type

/** The answer to GET_CONSUMER_CONNECTION_LIST (203). */
export const ConsumerConnection = record(
  "ConsumerConnection",
  {
    connectionSet: orElse(list(Connection), []),
    consumeFromWhere: choice(consumeFromWheres, "CONSUME_FROM_LAST_OFFSET"),
    consumeType: choice(consumeTypes, "CONSUME_PASSIVELY"),
    messageModel: choice(messageModels, "CLUSTERING"),
    /** Gantry's own: how members subscribe differently, in words; absent while all subscribe alike. */
    mixedSubscriptions: optional(text),
    subscriptionTable: orElse(map(Subscription), new Map()),
  },
  tableSizeMax,
)
export type ConsumerConnection = typeof ConsumerConnection.Type

/** The answer to GET_ALL_PRODUCER_INFO (328): by group. */
export const ProducerTable = record(
  "ProducerTableInfo",
  {
    data: orElse(
      map(
        list(
          record("ProducerInfo", {
            clientId: text,
            language: text,
            /** ms. */
            lastUpdateTimestamp: long,
            /** As Java prints a socket address: `/10.0.0.9:5000`. */
            remoteIP: text,
            version: int,
          }),
        ),
      ),
      new Map(),
    ),
  },
  tableSizeMax,
)
export type ProducerTable = typeof ProducerTable.Type

/** The answer to QUERY_SUBSCRIPTION_BY_CONSUMER (345); without a subscription nobody of the group is connected. */
export const SubscriptionOfGroup = record("QuerySubscriptionResponseBody", {
  group: text,
  subscriptionData: optional(Subscription),
  topic: optional(text),
})
export type SubscriptionOfGroup = typeof SubscriptionOfGroup.Type
