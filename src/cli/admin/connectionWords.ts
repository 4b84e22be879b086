/** The commands about connected clients, in words. */
import type { AdminWords } from "./AdminWords.ts"
import { topic } from "./common.ts"

export const connectionCommands: ReadonlyArray<AdminWords> = [
  {
    examples: ["consumerConnection -g billing"],
    name: "consumerConnection",
    options: {
      brokerAddr: { help: "connected to this broker", short: "b", value: "HOST:PORT" },
      consumerGroup: { help: "the consumer group", required: true, short: "g", value: "GROUP" },
    },
    summary: "the clients of a consumer group, and what they subscribe to",
  },
  {
    examples: ["producerConnection -g shop -t orders"],
    name: "producerConnection",
    options: { producerGroup: { help: "the producer group", required: true, short: "g", value: "GROUP" }, topic },
    summary: "the clients of a producer group",
  },
  {
    examples: ["producer -b 127.0.0.1:10911"],
    name: "producer",
    options: { broker: { help: "connected to this broker", required: true, short: "b", value: "HOST:PORT" } },
    summary: "the clients of all producer groups of a broker",
  },
]
