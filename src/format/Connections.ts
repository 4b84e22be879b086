/** Who is connected for a group. Source: spec/wire.md, connections. */
import { Subscription, consumeFromWheres, consumeTypes, messageModels } from "./Heartbeat.ts"
import { choice, int, list, map, orElse, record, tableSizeMax, text } from "./shape.ts"

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
    subscriptionTable: orElse(map(Subscription), new Map()),
  },
  tableSizeMax,
)
export type ConsumerConnection = typeof ConsumerConnection.Type
