/** Bodies about offsets and progress, by queue. Source: spec/wire.md, statistics and consumer runtime. */
import { double, long, map, orElse, queueMap, record, tableSizeMax } from "./shape.ts"

/** The answer to GET_TOPIC_STATS_INFO (202). */
export const TopicStats = record(
  "TopicStatsTable",
  {
    offsetTable: orElse(
      queueMap(record("TopicOffset", { minOffset: long, maxOffset: long, lastUpdateTimestamp: long })),
      [],
    ),
    topicPutTps: orElse(double, 0),
  },
  tableSizeMax,
)
export type TopicStats = typeof TopicStats.Type

/** The answer to GET_CONSUME_STATS (208). */
export const ConsumeStats = record(
  "ConsumeStats",
  {
    consumeTps: orElse(double, 0),
    offsetTable: orElse(
      queueMap(
        record("OffsetWrapper", {
          brokerOffset: long,
          consumerOffset: long,
          pullOffset: orElse(long, 0),
          lastTimestamp: long,
        }),
      ),
      [],
    ),
  },
  tableSizeMax,
)
export type ConsumeStats = typeof ConsumeStats.Type

/** The answer to INVOKE_BROKER_TO_RESET_OFFSET (222), and the body of RESET_CONSUMER_CLIENT_OFFSET (220). */
export const ResetOffsets = record("ResetOffsetBody", { offsetTable: orElse(queueMap(long), []) }, tableSizeMax)
export type ResetOffsets = typeof ResetOffsets.Type

/** The answers to GET_CONSUMER_STATUS_FROM_CLIENT (221) and INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223). */
export const ConsumerStatus = record(
  "GetConsumerStatusBody",
  {
    messageQueueTable: orElse(queueMap(long), []),
    consumerTable: orElse(map(queueMap(long)), new Map()),
  },
  tableSizeMax,
)
export type ConsumerStatus = typeof ConsumerStatus.Type
