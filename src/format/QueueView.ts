/** The entries of a queue, for administrators. Source: spec/wire.md, QUERY_CONSUME_QUEUE. */
import { Subscription } from "./Heartbeat.ts"
import { flag, int, list, long, optional, orElse, record, tableSizeMax, text, time } from "./shape.ts"

/** One entry. `eval`: whether the group's subscription takes it. */
export const QueueEntry = record("ConsumeQueueData", {
  physicOffset: long,
  physicSize: int,
  /** hashCode of the tag; in a delay queue a time in ms. */
  tagsCode: time,
  extendDataJson: optional(text),
  bitMap: optional(text),
  eval: orElse(flag, false),
  /** What is wrong with the entry. */
  msg: optional(text),
})
export type QueueEntry = typeof QueueEntry.Type

/** The answer to QUERY_CONSUME_QUEUE (321). */
export const QueueView = record(
  "QueryConsumeQueueResponseBody",
  {
    filterData: optional(text),
    maxQueueIndex: long,
    minQueueIndex: long,
    queueData: orElse(list(QueueEntry), []),
    subscriptionData: optional(Subscription),
  },
  tableSizeMax,
)
export type QueueView = typeof QueueView.Type
