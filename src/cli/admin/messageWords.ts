/** The commands about messages, in words. */
import type { AdminOption, AdminWords } from "./AdminWords.ts"
import { cluster, number, time, topic, trueOrFalse } from "./common.ts"

const msgId: AdminOption = { help: "the id of the message", required: true, short: "i", value: "ID" }
const directly = {
  clientId: { help: "have this client of --consumerGroup consume it now", short: "d", value: "ID" },
  consumerGroup: { help: "the group of --clientId", short: "g", value: "GROUP" },
} as const
const bodyFormat: AdminOption = { help: "the character set of the body (UTF-8)", short: "f", value: "CHARSET" }
const charsetName: AdminOption = { help: "the character set of bodies (UTF-8)", short: "c", value: "CHARSET" }
const subExpression: AdminOption = { help: 'only these tags: "A || B"', short: "s", value: "TAGS" }
const begin = time("only messages stored then or later", "b")
const end = time("only messages stored before", "e")
const groupName: AdminOption = { help: "the consumer group", required: true, short: "g", value: "GROUP" }
const letters = {
  beginTimestamp: time("only what was given up then or later", "b"),
  endTimestamp: time("only what was given up before", "e"),
  groupName,
  maxNum: number("dead letters at most (1000)", "m"),
  msgId: { help: "only these ids, separated by commas", short: "i", value: "IDS" },
  msgKey: { help: "only with this key", short: "k", value: "KEY" },
} as const
const printBody = trueOrFalse("with the bodies (true)", "d")

export const messageCommands: ReadonlyArray<AdminWords> = [
  {
    details: "An id that leads to a place in the log is asked of that broker; any other is looked for as a unique id.",
    examples: ["queryMsgById -t orders -i 7F00000100002A9F0000000000001B62"],
    name: "queryMsgById",
    options: {
      bodyFormat,
      cluster,
      ...directly,
      msgId,
      sendMessage: trueOrFalse("send it again, as a new message (false)", "s"),
      topic,
      unitName: { help: "taken because mqadmin has it", short: "u", value: "NAME" },
    },
    summary: "a message by its id, and which groups have consumed it",
  },
  {
    examples: ["queryMsgByUniqueKey -t orders -i 7F0000011F4018B4AAC20A2B3C4D0000"],
    name: "queryMsgByUniqueKey",
    options: {
      cluster,
      ...directly,
      endTime: time("stored before", "e"),
      msgId,
      showAll: { help: "every message with this id, 32 at most", short: "a" },
      startTime: time("stored then or later", "s"),
      topic,
    },
    summary: "a message by the id that its producer gave it",
  },
  {
    examples: ["queryMsgByKey -t orders -k 4711", "queryMsgByKey -t orders -k created -p T -b 1h"],
    name: "queryMsgByKey",
    options: {
      beginTimestamp: begin,
      cluster,
      endTimestamp: end,
      keyType: { help: "K for keys (the default), T for tags", short: "p", value: "K|T" },
      lastKey: { help: "go on after this one of an earlier answer", short: "l", value: "KEY" },
      maxNum: number("messages at most (64)", "m"),
      msgKey: { help: "the key", required: true, short: "k", value: "KEY" },
      topic,
    },
    summary: "messages by their key or tag",
  },
  {
    examples: ["queryMsgByOffset -t orders -b broker-a -i 3 -o 1200"],
    name: "queryMsgByOffset",
    options: {
      bodyFormat,
      brokerName: { help: "the broker", required: true, short: "b", value: "BROKER" },
      offset: { ...number("the offset in the queue", "o"), required: true },
      queueId: { ...number("the queue", "i"), required: true },
      routeTopic: { help: "taken because mqadmin has it", short: "r", value: "TOPIC" },
      topic,
    },
    summary: "a message by its place in a queue",
  },
  {
    examples: ["queryMsgTraceById -i 7F0000011F4018B4AAC20A2B3C4D0000"],
    name: "queryMsgTraceById",
    options: {
      beginTimestamp: begin,
      endTimestamp: end,
      maxNum: number("traces at most (64)", "c"),
      msgId,
      traceTopic: { help: "where the traces are (RMQ_SYS_TRACE_TOPIC)", short: "t", value: "TOPIC" },
    },
    summary: "what clients have traced of a message: sent, consumed",
  },
  {
    examples: ["printMsg -t orders -b 10m", "printMsg -t orders -s 'created || paid' -d false"],
    name: "printMsg",
    options: {
      beginTimestamp: begin,
      charsetName,
      endTimestamp: end,
      lmqParentTopic: { help: "taken because mqadmin has it", short: "l", value: "TOPIC" },
      printBody,
      subExpression,
      topic,
    },
    summary: "print the messages of a topic, a line each",
  },
  {
    examples: ["printMsgByQueue -t orders -a broker-a -i 3", "printMsgByQueue -t orders -a broker-a -i 3 -f true"],
    name: "printMsgByQueue",
    options: {
      beginTimestamp: begin,
      brokerName: { help: "the broker", required: true, short: "a", value: "BROKER" },
      calculate: trueOrFalse("count by tag (false)", "f"),
      charsetName,
      endTimestamp: end,
      printBody,
      printMsg: { ...trueOrFalse("print the messages (true, but with -f false)", "p"), alias: "print msg" },
      queueId: { ...number("the queue", "i"), required: true },
      subExpression,
      topic,
    },
    summary: "print the messages of a queue, or count them by tag",
  },
  {
    details: "No offset is moved: other consumers do not notice.",
    examples: ["consumeMessage -t orders -c 10", "consumeMessage -t orders -b broker-a -i 3 -o 1200 -c 1"],
    name: "consumeMessage",
    options: {
      MessageNumber: number("messages at most (128)", "c"),
      beginTimestamp: time("only messages stored then or later", "s"),
      brokerName: { help: "only of this broker", short: "b", value: "BROKER" },
      consumerGroup: { help: "in the name of this group", short: "g", value: "GROUP" },
      endTimestamp: end,
      offset: number("from this offset; needs --brokerName and --queueId", "o"),
      queueId: number("only of this queue; needs --brokerName", "i"),
      topic,
    },
    summary: "read messages, from a place or a time",
  },
  {
    examples: ["queryCq -t orders -q 3 -i 0 -c 10"],
    name: "queryCq",
    options: {
      broker: { help: "the broker; without it the first that serves the topic", short: "b", value: "HOST:PORT" },
      consumer: { help: "say what this group's subscription takes", short: "g", value: "GROUP" },
      count: number("entries at most (10)", "c"),
      index: { ...number("from this offset", "i"), required: true },
      queue: { ...number("the queue", "q"), required: true },
      topic,
    },
    summary: "the entries of a queue: where its messages lie in the log",
  },
  {
    examples: ["sendMessage -t orders -p '{\"id\": 7}' -k 7 -c created"],
    name: "sendMessage",
    options: {
      body: { help: "the body, UTF-8", required: true, short: "p", value: "TEXT" },
      broker: { help: "to this broker", short: "b", value: "BROKER" },
      key: { help: "the keys, separated by blanks", short: "k", value: "KEYS" },
      msgTraceEnable: trueOrFalse("taken when false: this command sends no traces", "m"),
      qid: number("to this queue; needs --broker", "i"),
      tags: { help: "the tag", short: "c", value: "TAG" },
      topic,
    },
    summary: "send a message",
  },
  {
    examples: ["checkMsgSendRT -t orders -a 10 -s 1024"],
    name: "checkMsgSendRT",
    options: { amount: number("how many messages (100)", "a"), size: number("their size, bytes (128)", "s"), topic },
    summary: "send to a topic, and say how long it takes",
  },
  {
    details: "Dead letters are kept as long as other messages: retention takes them with the log.",
    examples: ["deadLetters -g billing", "deadLetters -g billing -b 1h -o json"],
    name: "deadLetters",
    options: letters,
    summary: "what a group has given up on",
  },
  {
    details: `They go to the group alone, by its retry topic, and have all their attempts again; with --to origin to the topic that
they came from, where every group gets them. They stay among the dead letters, too.`,
    examples: [
      "resendDeadLetters -g billing -i 7F0000011F4018B4AAC20A2B3C4D0000",
      "resendDeadLetters -g billing --all",
    ],
    name: "resendDeadLetters",
    options: {
      ...letters,
      all: { help: "all dead letters of the group, up to --maxNum", short: "a" },
      to: { help: "group (the default) or origin", short: "t", value: "group|origin" },
    },
    summary: "send dead letters again: one, many, or those of a time or key",
  },
]
