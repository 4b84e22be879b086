/** The commands about whole clusters, in words. */
import type { AdminWords } from "./AdminWords.ts"
import { number } from "./common.ts"

export const clusterCommands: ReadonlyArray<AdminWords> = [
  {
    examples: ["clusterList", "clusterList -m -i 5"],
    name: "clusterList",
    options: {
      clusterName: { help: "only this cluster", short: "c", value: "CLUSTER" },
      interval: number("again every so many seconds, until Ctrl-C", "i"),
      moreStats: { help: "messages of yesterday and today instead of rates", short: "m" },
    },
    summary: "clusters and their brokers, with rates and disk",
  },
  {
    examples: ["clusterRT -c DefaultCluster -a 10"],
    name: "clusterRT",
    options: {
      amount: number("messages for each broker (100)", "a"),
      cluster: { help: "only this cluster", short: "c", value: "CLUSTER" },
      interval: number("again every so many seconds, until Ctrl-C", "i"),
      machineRoom: { alias: "machine room", help: "taken because mqadmin has it", short: "m", value: "NAME" },
      printLog: { alias: "print log", help: "taken because mqadmin has it", short: "p", value: "true|false" },
      size: number("their size, bytes (128)", "s"),
    },
    summary: "send to each broker's own topic, and say how long it takes",
  },
  {
    examples: ["statsAll", "statsAll -a", "statsAll -t orders"],
    name: "statsAll",
    options: {
      activeTopic: { help: "only topics with messages within the last minute or day", short: "a" },
      topic: { help: "only this topic", short: "t", value: "TOPIC" },
    },
    summary: "for each topic and group: rates, messages of a day, lag",
  },
]
