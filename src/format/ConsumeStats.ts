/** Bodies about offsets and progress, by queue. Source: spec/wire.md, statistics and consumer runtime. */
import {
  MessageQueue,
  double,
  int,
  list,
  long,
  map,
  numberMap,
  optional,
  orElse,
  queueMap,
  record,
  tableSizeMax,
  text,
  time,
} from "./shape.ts"

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

/** The answer to GET_BROKER_CONSUME_STATS (317): by group, one entry for each topic. */
export const ConsumeStatsList = record(
  "ConsumeStatsList",
  {
    brokerAddr: optional(text),
    consumeStatsList: orElse(list(map(list(ConsumeStats))), []),
    totalDiff: orElse(long, 0),
    totalInflightDiff: orElse(long, 0),
  },
  tableSizeMax,
)
export type ConsumeStatsList = typeof ConsumeStatsList.Type

/** The answer to QUERY_CONSUME_TIME_SPAN (303). Times in ms; their texts are `yyyy-MM-dd#HH:mm:ss:SSS`, local. */
export const ConsumeTimeSpans = record(
  "QueryConsumeTimeSpanBody",
  {
    consumeTimeSpanSet: orElse(
      list(
        record("QueueTimeSpan", {
          messageQueue: MessageQueue,
          minTimeStamp: long,
          minTimeStampStr: optional(text),
          maxTimeStamp: long,
          maxTimeStampStr: optional(text),
          consumeTimeStamp: long,
          consumeTimeStampStr: optional(text),
          delayTime: long,
        }),
      ),
      [],
    ),
  },
  tableSizeMax,
)
export type ConsumeTimeSpans = typeof ConsumeTimeSpans.Type

/** The answer to QUERY_CORRECTION_OFFSET (308): by queue id; Long.MAX_VALUE where nothing is to be corrected. */
export const CorrectionOffsets = record("QueryCorrectionOffsetBody", {
  correctionOffsets: orElse(numberMap(time), new Map()),
})
export type CorrectionOffsets = typeof CorrectionOffsets.Type

/** The answer to INVOKE_BROKER_TO_RESET_OFFSET (222), and the body of RESET_CONSUMER_CLIENT_OFFSET (220). */
export const ResetOffsets = record("ResetOffsetBody", { offsetTable: orElse(queueMap(long), []) }, tableSizeMax)
export type ResetOffsets = typeof ResetOffsets.Type

/** The same body of 220 for clients in C++, which cannot read a map by queue. */
export const ResetOffsetsForC = record(
  "ResetOffsetBodyForC",
  {
    offsetTable: orElse(
      list(record("MessageQueueForC", { topic: text, brokerName: text, queueId: int, offset: long })),
      [],
    ),
  },
  tableSizeMax,
)
export type ResetOffsetsForC = typeof ResetOffsetsForC.Type

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
