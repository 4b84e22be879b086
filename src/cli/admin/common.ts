/** Options that many commands of mqadmin share, under the names that it gives them. */
import type { AdminOption } from "./AdminWords.ts"

export const topic: AdminOption = { help: "the topic", required: true, short: "t", value: "TOPIC" }

/** `-b` and `-c`: one broker, or all masters of a cluster; the broker counts more. */
export const brokerAddr: AdminOption = { help: "on the broker at this address", short: "b", value: "HOST:PORT" }
export const clusterName: AdminOption = { help: "on all masters of this cluster", short: "c", value: "CLUSTER" }
export const target = { brokerAddr, clusterName } as const
export const oneTarget = ["brokerAddr", "clusterName"] as const

/** Where mqadmin calls the cluster `--cluster`. */
export const cluster: AdminOption = { help: "only brokers of this cluster", short: "c", value: "CLUSTER" }

export const number = (help: string, short?: string): AdminOption => ({
  help,
  value: "NUMBER",
  ...(short === undefined ? {} : { short }),
})

export const trueOrFalse = (help: string, short?: string): AdminOption => ({
  help,
  value: "true|false",
  ...(short === undefined ? {} : { short }),
})

export const time = (help: string, short: string): AdminOption => ({ help, short, value: "TIME" })
