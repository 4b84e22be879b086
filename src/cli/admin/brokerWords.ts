/** The commands about brokers, in words. */
import type { AdminWords } from "./AdminWords.ts"
import { cluster, number, oneTarget, target, trueOrFalse } from "./common.ts"

const some = { brokerAddr: target.brokerAddr, cluster } as const
const ofTarget = {
  brokerAddr: { ...target.brokerAddr, help: "of the broker at this address" },
  clusterName: { ...target.clusterName, help: "of all brokers of this cluster" },
} as const

export const brokerCommands: ReadonlyArray<AdminWords> = [
  {
    examples: ["brokerStatus -b 127.0.0.1:10911", "brokerStatus -c DefaultCluster -o json"],
    name: "brokerStatus",
    oneOf: oneTarget,
    options: ofTarget,
    summary: "what a broker measures: rates, disk, log, queues of requests",
  },
  {
    examples: ["getBrokerConfig -c DefaultCluster"],
    name: "getBrokerConfig",
    oneOf: oneTarget,
    options: ofTarget,
    summary: "the settings of brokers",
  },
  {
    details:
      "Gantry's brokers refuse what nobody may change from afar without being known: change it where the broker is started.",
    examples: ["updateBrokerConfig -b 127.0.0.1:10911 -k fileReservedTime -v 48"],
    name: "updateBrokerConfig",
    oneOf: oneTarget,
    options: {
      ...target,
      key: { help: "the setting", required: true, short: "k", value: "NAME" },
      updateAllBroker: trueOrFalse("replicas, too (false)", "a"),
      value: { help: "its value", required: true, short: "v", value: "VALUE" },
    },
    summary: "change a setting of brokers",
  },
  {
    examples: ["brokerConsumeStats -b 127.0.0.1:10911 -l 1000"],
    name: "brokerConsumeStats",
    options: {
      brokerAddr: { help: "the broker", required: true, short: "b", value: "HOST:PORT" },
      level: number("only queues with so much lag (0)", "l"),
      order: trueOrFalse("only ordered topics (false)", "o"),
      timeoutMillis: number("patience, ms (50000)", "t"),
    },
    summary: "the lag of all groups of a broker",
  },
  {
    examples: ["sendMsgStatus -b broker-a -s 1024 -c 10"],
    name: "sendMsgStatus",
    options: {
      brokerName: { help: "the broker: its own topic is sent to", required: true, short: "b", value: "BROKER" },
      count: number("how many messages (50)", "c"),
      messageSize: number("their size, bytes (128)", "s"),
    },
    summary: "send to a broker's own topic, and say how long it takes",
  },
  {
    examples: ["cleanExpiredCQ -c DefaultCluster"],
    name: "cleanExpiredCQ",
    options: some,
    summary: "delete queue files of messages that are no longer there",
  },
  {
    details: "On a terminal it asks first, unless --yes is given.",
    examples: ["deleteExpiredCommitLog -b 127.0.0.1:10911"],
    name: "deleteExpiredCommitLog",
    options: some,
    summary: "delete log files that have expired, now",
  },
  {
    details: "On a terminal it asks first, unless --yes is given.",
    examples: ["cleanUnusedTopic -c DefaultCluster"],
    name: "cleanUnusedTopic",
    options: some,
    summary: "delete what is left of topics that are no longer there",
  },
]
