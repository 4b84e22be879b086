/** The commands about topics, in words. */
import type { AdminWords } from "./AdminWords.ts"
import { cluster, number, oneTarget, target, topic, trueOrFalse } from "./common.ts"

const perm = { help: "2 write, 4 read, 6 both", short: "p", value: "PERM" } as const

export const topicCommands: ReadonlyArray<AdminWords> = [
  {
    details:
      "What is not given gets its default, also when the topic exists. A command that is refused changes nothing.",
    examples: ["updateTopic -t orders -c DefaultCluster", "updateTopic -t orders -b 127.0.0.1:10911 -r 16 -w 16 -p 6"],
    name: "updateTopic",
    oneOf: oneTarget,
    options: {
      topic,
      ...target,
      readQueueNums: number("queues to read from (8)", "r"),
      writeQueueNums: number("queues to write to (8)", "w"),
      perm: { ...perm, help: `${perm.help} (6)` },
      attributes: {
        help: "attributes to set and to remove: +message.type=FIFO,-reserve.time",
        short: "a",
        value: "LIST",
      },
      order: trueOrFalse("the topic is ordered; its queues are told to clients by the name server (false)", "o"),
      unit: trueOrFalse("the topic belongs to a unit (false)", "u"),
      hasUnitSub: trueOrFalse("the topic is subscribed in units (false)", "s"),
    },
    summary: "create a topic, or change it",
  },
  {
    details: 'FILE holds a JSON list: [{"topicName": "orders", "readQueueNums": 8, "writeQueueNums": 8, "perm": 6}]',
    examples: ["updateTopicList -c DefaultCluster -f topics.json"],
    name: "updateTopicList",
    oneOf: oneTarget,
    options: { ...target, filename: { help: "the topics, in JSON", required: true, short: "f", value: "FILE" } },
    summary: "create or change the topics of a file",
  },
  {
    details: "On a terminal it asks first, unless --yes is given.",
    examples: ["deleteTopic -t orders -c DefaultCluster"],
    name: "deleteTopic",
    options: {
      topic,
      clusterName: { help: "from all masters of this cluster", required: true, short: "c", value: "CLUSTER" },
    },
    summary: "delete a topic and its messages",
  },
  {
    examples: ["updateTopicPerm -t orders -c DefaultCluster -p 4"],
    name: "updateTopicPerm",
    oneOf: oneTarget,
    options: { topic, ...target, perm: { ...perm, required: true } },
    summary: "open or close a topic for reads and writes",
  },
  {
    examples: ["topicList", "topicList -c"],
    name: "topicList",
    options: { clusterModel: { help: "with the cluster and the groups of each topic", short: "c" } },
    summary: "list all topics",
  },
  {
    examples: ["topicRoute -t orders"],
    name: "topicRoute",
    options: { list: { help: "taken because mqadmin has it: there always is a table", short: "l" }, topic },
    summary: "where clients find a topic",
  },
  {
    examples: ["topicStatus -t orders"],
    name: "topicStatus",
    options: { cluster, topic },
    summary: "the queues of a topic: first and last offset, last message",
  },
  {
    examples: ["topicClusterList -t orders"],
    name: "topicClusterList",
    options: { topic },
    summary: "the clusters that serve a topic",
  },
  {
    examples: ["updateOrderConf -t orders -m put -v 'broker-a:4;broker-b:4'", "updateOrderConf -t orders -m get"],
    name: "updateOrderConf",
    options: {
      method: { help: "put, get or delete", required: true, short: "m", value: "WORD" },
      orderConf: { help: "how many queues each broker has of it: broker-a:4;broker-b:4", short: "v", value: "LIST" },
      topic,
    },
    summary: "the queues that clients use of an ordered topic",
  },
  {
    examples: ["allocateMQ -t orders -i 10.0.0.1,10.0.0.2"],
    name: "allocateMQ",
    options: { ipList: { help: "the clients, joined by commas", required: true, short: "i", value: "LIST" }, topic },
    summary: "how queues would be shared among clients",
  },
]
