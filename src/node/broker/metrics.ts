/**
 * A broker's metrics as Prometheus reads them, under RocketMQ's own names, so that dashboards made for it work. Series of
 * topics and groups are those that were counted within a day, at most `seriesMax` of each kind.
 */
import type * as Statistics from "../../domain/Statistics.ts"
import { isRetry, isSystem } from "../../domain/Topic.ts"
import type { BrokerState } from "./BrokerState.ts"
import type { StatisticsService } from "./StatisticsService.ts"

const seriesMax = 10_000

export const metrics = (state: BrokerState, service: StatisticsService): string => {
  service.collect()
  const { config, consumers, producers, putTimes, statistics, store } = state
  const own = { cluster: config.brokerClusterName, node_id: config.brokerName, node_type: "broker" }
  const lines: Array<string> = []
  const family = (name: string, type: "counter" | "gauge", help: string): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
  }
  const sample = (name: string, value: number, labels: Readonly<Record<string, string | boolean>> = {}): void => {
    const pairs = Object.entries({ ...own, ...labels }).map(([label, text]) => `${label}="${escaped(String(text))}"`)
    lines.push(`${name}{${pairs.join(",")}} ${value}`)
  }
  const counters = (name: string, help: string, of: Statistics.Name, labelsOf: (key: string) => Labels): void => {
    family(name, "counter", help)
    let left = seriesMax
    for (const [key, { value }] of statistics.counters.get(of)!) if (left-- > 0) sample(name, value, labelsOf(key))
  }
  counters("rocketmq_messages_in_total", "Messages stored.", "TOPIC_PUT_NUMS", topicLabels)
  counters("rocketmq_throughput_in_total", "Bytes of messages stored.", "TOPIC_PUT_SIZE", topicLabels)
  counters("rocketmq_messages_out_total", "Messages handed out.", "GROUP_GET_NUMS", groupLabels)
  counters("rocketmq_throughput_out_total", "Bytes of messages handed out.", "GROUP_GET_SIZE", groupLabels)
  counters("rocketmq_consumer_send_to_dlq_messages_total", "Dead letters.", "DLQ_PUT_NUMS", groupLabels)
  const gauges: ReadonlyArray<readonly [string, number, string]> = [
    ["rocketmq_producer_connections", producers.ofConnection.size, "Connections of producers."],
    ["rocketmq_consumer_connections", consumers.ofConnection.size, "Connections of consumers."],
    ["rocketmq_storage_size", store.log.readableOffset - store.log.minOffset, "Bytes of the CommitLog."],
    ["rocketmq_storage_dispatch_behind_bytes", 0, "Bytes of the CommitLog that no queue has yet."],
    ["rocketmq_storage_flush_behind_bytes", store.log.backlogBytes, "Bytes appended and not synced."],
    ["rocketmq_broker_permission", config.brokerPermission, "2 write, 4 read, 6 both."],
    ["gantry_topics", state.metadata.topics.size, "Topics."],
    ["gantry_groups", state.metadata.groups.size, "Consumer groups."],
    ["gantry_groups_mixed", state.mixedGroups.size, "Groups whose members subscribe differently, and lose messages."],
    ["gantry_transactions_undecided", state.undecidedTransactions(), "Half messages that nobody has ended yet."],
    ["gantry_held_pulls", state.held.size, "Pulls that wait for messages."],
    ["gantry_disk_full", store.isDiskFull ? 1 : 0, "Whether sends are refused for a full disk."],
    ["gantry_put_time_max_seconds", putTimes.maxMs / 1000, "Longest time from append to answer, of one send in 16."],
  ]
  for (const [name, value, help] of gauges) {
    family(name, "gauge", help)
    sample(name, value)
  }
  return `${lines.join("\n")}\n`
}

type Labels = Readonly<Record<string, string | boolean>>

const topicLabels = (topic: string): Labels => ({ is_system: isSystem(topic), topic })

const groupLabels = (key: string): Labels => {
  const at = key.indexOf("@")
  const topic = key.slice(0, at)
  return { consumer_group: key.slice(at + 1), is_retry: isRetry(topic), is_system: isSystem(topic), topic }
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
