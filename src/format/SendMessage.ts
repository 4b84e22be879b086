/**
 * Sending a message: SEND_MESSAGE (10) with whole names, SEND_MESSAGE_V2 (310) and SEND_BATCH_MESSAGE (320) with
 * letters, the replies 324 and 325 likewise. Whether the body is a batch is told by `batch`, never by the code.
 * Source: spec/wire.md, SEND_MESSAGE and SEND_BATCH_MESSAGE.
 */
import * as Command from "./Command.ts"
import * as Ext from "./Ext.ts"
import { flag, header, int, long, optional, orElse, text, time } from "./header.ts"

const parameters = {
  producerGroup: orElse(text("Group of the producer."), ""),
  topic: text("Topic to send to."),
  defaultTopic: orElse(text("Template for a topic that does not exist yet."), ""),
  defaultTopicQueueNums: orElse(int("Queues of such a topic, at most."), 4),
  queueId: int("Queue to send to; negative: the broker picks one."),
  sysFlag: int("See SysFlag."),
  bornTimestamp: time("When the client made the message, its clock, ms."),
  flag: int("The application's own flag, kept as it is."),
  properties: optional(text("Properties, see Properties.")),
  reconsumeTimes: optional(int("Sent to a retry topic: how often it was consumed.")),
  unitMode: optional(flag("Unit mode of the client.")),
  maxReconsumeTimes: optional(int("Sent to a retry topic: attempts before the dead-letter queue.")),
  batch: optional(flag("The body is a batch.")),
  bname: optional(text("Name of the broker that the client meant.")),
}

/** Parameters by their names: codes 10 and 324. */
export const SendMessage = header("SendMessage", parameters)
export type SendMessage = typeof SendMessage.Type

/** What the Java clients send, each parameter a string. 0.25 µs a message instead of 0.9. */
const quickV2 = (ext: Ext.Ext): SendMessage | undefined => {
  const { a, b, c, d, e, f, g, h, i, j, k, l, m, n } = ext
  if (typeof a !== "string" || typeof b !== "string" || typeof c !== "string" || typeof d !== "string") return undefined
  if (typeof e !== "string" || typeof f !== "string" || typeof g !== "string" || typeof h !== "string") return undefined
  if (typeof i !== "string" || typeof j !== "string" || typeof k !== "string" || l !== undefined) return undefined
  if (typeof m !== "string" || typeof n !== "string") return undefined
  const value = {
    batch: m === "true",
    bname: n,
    bornTimestamp: Ext.parseInt64(g),
    defaultTopic: c,
    defaultTopicQueueNums: Ext.parseInt32(d),
    flag: Ext.parseInt32(h),
    producerGroup: a,
    properties: i,
    queueId: Ext.parseInt32(e),
    reconsumeTimes: Ext.parseInt32(j),
    sysFlag: Ext.parseInt32(f),
    topic: b,
    unitMode: k === "true",
  }
  // Other spellings of a boolean, and one addition that finds a number that is none.
  if (!((value.batch || m === "false") && (value.unitMode || k === "false"))) return undefined
  const { bornTimestamp, defaultTopicQueueNums, queueId, reconsumeTimes, sysFlag } = value
  const sum = bornTimestamp + defaultTopicQueueNums + value.flag + queueId + reconsumeTimes + sysFlag
  return Number.isNaN(sum) ? undefined : value
}

/** The same by letters: codes 310, 320 and 325. */
export const SendMessageV2 = header(
  "SendMessageV2",
  parameters,
  {
    producerGroup: "a",
    topic: "b",
    defaultTopic: "c",
    defaultTopicQueueNums: "d",
    queueId: "e",
    sysFlag: "f",
    bornTimestamp: "g",
    flag: "h",
    properties: "i",
    reconsumeTimes: "j",
    unitMode: "k",
    maxReconsumeTimes: "l",
    batch: "m",
    bname: "n",
  },
  quickV2,
)

/** Parameters of the answer, also when the message is stored but its flush or its replicas are late (10, 11, 12). */
export const SendMessageAnswer = header("SendMessageAnswer", {
  msgId: text("Offset message id; for a batch one per element, joined by commas."),
  queueId: int("Queue it was put into."),
  queueOffset: long("Place in the queue; of the first element of a batch."),
  transactionId: optional(text("UNIQ_KEY of the message.")),
  batchUniqId: optional(text("UNIQ_KEY of an inner batch.")),
  recallHandle: optional(text("Handle to recall a timed message.")),
  MSG_REGION: optional(text("Region of the broker.")),
  TRACE_ON: optional(text("true or false: clients send traces.")),
})
export type SendMessageAnswer = typeof SendMessageAnswer.Type

/** As members of a JSON header (`Command.printedResponseHeader`), for what every answer of a broker carries. */
export const printAnswerTail = (region: string, traceOn: string): string =>
  `,"MSG_REGION":${Command.quote(region)},"TRACE_ON":${Command.quote(traceOn)}`

/** The parameters of an answer, printed: what encoding and printing them one by one gives, at a third of the cost. */
export const printAnswer = (
  msgId: string,
  queueId: number,
  queueOffset: number,
  transactionId: string | undefined,
  tail: string,
): string =>
  transactionId === undefined
    ? `"msgId":"${msgId}","queueId":"${queueId}","queueOffset":"${queueOffset}"${tail}`
    : `"msgId":"${msgId}","queueId":"${queueId}","queueOffset":"${queueOffset}","transactionId":${Command.quote(transactionId)}${tail}`

/** CONSUMER_SEND_MSG_BACK (36): a consumer gives a message back, to be delivered again. */
export const ConsumerSendMsgBack = header("ConsumerSendMsgBack", {
  offset: long("CommitLog offset of the message."),
  group: text("Consumer group."),
  delayLevel: int("Negative: dead-letter queue; 0: 3 + reconsumeTimes; else that level."),
  originMsgId: optional(text("Id of the first delivery's message.")),
  originTopic: optional(text("Topic it was sent to.")),
  unitMode: optional(flag("Unit mode of the client.")),
  maxReconsumeTimes: optional(int("Attempts before the dead-letter queue.")),
  bname: optional(text("Broker that holds the message.")),
})
export type ConsumerSendMsgBack = typeof ConsumerSendMsgBack.Type

/** END_TRANSACTION (37): the producer's decision on a half message. */
export const EndTransaction = header("EndTransaction", {
  topic: optional(text("Topic of the message; 4.9 does not send it.")),
  producerGroup: text("Group of the producer, equal to PGROUP of the half message."),
  tranStateTableOffset: long("Queue offset of the half message."),
  commitLogOffset: long("CommitLog offset of the half message."),
  commitOrRollback: int("0 unknown, 8 commit, 12 rollback."),
  fromTransactionCheck: optional(flag("Answers a check.")),
  msgId: orElse(text("Id of the message."), ""),
  transactionId: optional(text("UNIQ_KEY of the message.")),
})
export type EndTransaction = typeof EndTransaction.Type

/** CHECK_TRANSACTION_STATE (39), to the producer: what became of this half message? */
export const CheckTransactionState = header("CheckTransactionState", {
  topic: optional(text("The half topic.")),
  tranStateTableOffset: long("Queue offset of the half message."),
  commitLogOffset: long("CommitLog offset of the half message."),
  msgId: optional(text("UNIQ_KEY of the message.")),
  transactionId: optional(text("UNIQ_KEY of the message.")),
  offsetMsgId: optional(text("Offset message id of the half message.")),
  bname: optional(text("Name of the broker.")),
})
export type CheckTransactionState = typeof CheckTransactionState.Type

/** PUSH_REPLY_MESSAGE_TO_CLIENT (326), to the requester: the reply it waits for. */
export const PushReplyMessage = header("PushReplyMessage", {
  producerGroup: text("Group of the replying producer."),
  topic: text("Reply topic."),
  defaultTopic: orElse(text("Template topic."), ""),
  defaultTopicQueueNums: orElse(int("Queues of the template."), 4),
  queueId: int("Queue of the reply."),
  sysFlag: int("See SysFlag."),
  bornTimestamp: time("When the reply was made, ms."),
  flag: int("The application's own flag."),
  properties: optional(text("Properties of the reply.")),
  reconsumeTimes: optional(int("0.")),
  unitMode: optional(flag("Unit mode of the client.")),
  bornHost: text("ip:port of the replying client."),
  storeHost: text("ip:port of the broker."),
  storeTimestamp: time("When the broker took it, ms."),
})
export type PushReplyMessage = typeof PushReplyMessage.Type

/** RECALL_MESSAGE (370): takes a timed message back. */
export const RecallMessage = header("RecallMessage", {
  producerGroup: optional(text("Group of the producer.")),
  topic: text("Topic of the message."),
  recallHandle: text("Handle from the answer of the send."),
  bname: optional(text("Name of the broker.")),
})
export type RecallMessage = typeof RecallMessage.Type
