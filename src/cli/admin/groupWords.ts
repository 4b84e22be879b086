/** The commands about consumer groups, in words. */
import type { AdminOption, AdminWords } from "./AdminWords.ts"
import { cluster, number, oneTarget, target, topic, trueOrFalse } from "./common.ts"

const groupName: AdminOption = { help: "the consumer group", required: true, short: "g", value: "GROUP" }

export const groupCommands: ReadonlyArray<AdminWords> = [
  {
    details:
      "What is not given gets its default, also when the group exists. A command that is refused changes nothing.",
    examples: [
      "updateSubGroup -g billing -c DefaultCluster -r 5",
      'updateSubGroup -g billing -c shop -p \'{"type":"CUSTOMIZED","customizedRetryPolicy":{"next":[1000]}}\'',
    ],
    name: "updateSubGroup",
    oneOf: oneTarget,
    options: {
      groupName,
      ...target,
      consumeEnable: trueOrFalse("the group may consume (true)", "s"),
      consumeFromMinEnable: trueOrFalse("it may start at the first message (true)", "m"),
      consumeBroadcastEnable: trueOrFalse("it may consume by broadcast (true)", "d"),
      consumeMessageOrderly: trueOrFalse("it consumes in order (false)", "o"),
      retryQueueNums: number("queues of its retry topic (1)", "q"),
      retryMaxTimes: number("attempts after the first, before a message is a dead letter (16)", "r"),
      groupRetryPolicy: { help: "how retries are spaced, in JSON", short: "p", value: "JSON" },
      brokerId: number("id of the broker to consume from (0, the master)", "i"),
      whichBrokerWhenConsumeSlowly: number("id of the broker to consume from when it is slow (1)", "w"),
      notifyConsumerIdsChanged: trueOrFalse("members are told when one comes or goes (true)", "a"),
      attributes: { help: "attributes to set and to remove: +a=b,-c", value: "LIST" },
    },
    summary: "create a group, or change it",
  },
  {
    details: 'FILE holds a JSON list: [{"groupName": "billing", "retryMaxTimes": 5}]',
    examples: ["updateSubGroupList -c DefaultCluster -f groups.json"],
    name: "updateSubGroupList",
    oneOf: oneTarget,
    options: { ...target, filename: { help: "the groups, in JSON", required: true, short: "f", value: "FILE" } },
    summary: "create or change the groups of a file",
  },
  {
    details: `With -c its retry topic and its dead letters are deleted, too, as mqadmin does. On a terminal it asks first, unless
--yes is given.`,
    examples: ["deleteSubGroup -g billing -c DefaultCluster -r true"],
    name: "deleteSubGroup",
    oneOf: oneTarget,
    options: { groupName, ...target, removeOffset: trueOrFalse("its offsets, too (false)", "r") },
    summary: "delete a group",
  },
  {
    examples: ["getConsumerConfig -g billing"],
    name: "getConsumerConfig",
    options: { groupName },
    summary: "the settings of a group, broker by broker",
  },
  {
    details: `Only consumers that let the broker share out the queues go by it (in Java setClientRebalance(false)). POP is for
consumers of later versions: a broker that does not serve it lets them find nothing.`,
    examples: ["setConsumeMode -t orders -g billing -m PULL -c DefaultCluster"],
    name: "setConsumeMode",
    oneOf: oneTarget,
    options: {
      ...target,
      topicName: topic,
      groupName,
      mode: {
        help: "PULL: each its own queues; POP: from whole brokers",
        required: true,
        short: "m",
        value: "PULL|POP",
      },
      popShareQueueNum: number("POP: with how many more members each shares its queues (0, with all)", "q"),
    },
    summary: "set how a group gets a topic's messages",
  },
  {
    examples: ["consumerProgress", "consumerProgress -g billing", "consumerProgress -g billing -t orders -s true"],
    name: "consumerProgress",
    options: {
      cluster,
      groupName: { help: "the consumer group; without it all groups, a line each", short: "g", value: "GROUP" },
      showClientIP: trueOrFalse("with the client that holds each queue (false)", "s"),
      topicName: { help: "only this topic", short: "t", value: "TOPIC" },
    },
    summary: "how far groups have consumed",
  },
  {
    examples: ["consumerStatus -g billing", "consumerStatus -g billing -i 10.0.0.9@1234 -s"],
    name: "consumerStatus",
    options: {
      brokerAddr: { help: "ask the clients that are connected to this broker", short: "b", value: "HOST:PORT" },
      clientId: { help: "only this client", short: "i", value: "ID" },
      consumerGroup: groupName,
      jstack: { help: "with the stacks of the clients", short: "s" },
    },
    summary: "what the clients of a group say of themselves",
  },
]
