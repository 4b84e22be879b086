import * as Topic from "../../../../src/domain/Topic.ts"
import { failuresOf } from "../clients/failures.ts"
import type { Checker } from "./Checker.ts"
import { recordsFor } from "./matching.ts"

/**
 * P4: every message of a group ends by consumption or as a dead letter; what was sent back comes again, one attempt
 * further, or is a dead letter after its last attempt and not before; the application succeeds when it would.
 */
export const settled: Checker = {
  *check({ brokers, history, settings }) {
    for (const group of settings.groups) {
      if (group.isOrderly) continue
      const retryTopic = Topic.retryTopic(group.name)
      const dlqTopic = Topic.dlqTopic(group.name)
      for (const view of brokers) {
        const mine = history.deliveries.filter(
          (delivery) => delivery.group === group.name && delivery.brokerName === view.brokerName,
        )
        const ends = Map.groupBy(mine, ({ commitLogOffset }) => commitLogOffset)
        const moved = new Set<string>()
        const dead = new Set<string>()
        for (const { identity, message } of view.records) {
          if (message.topic === retryTopic && message.reconsumeTimes > group.maxReconsumeTimes)
            yield `${identity?.key} is tried again by ${group.name} after ${message.reconsumeTimes} attempts of ${group.maxReconsumeTimes}`
          if (message.topic === dlqTopic) {
            dead.add(identity!.key)
            if (message.reconsumeTimes <= group.maxReconsumeTimes)
              yield `${identity?.key} is a dead letter of ${group.name} after ${message.reconsumeTimes} attempts`
          }
          if (message.topic === retryTopic || message.topic === dlqTopic)
            moved.add(`${identity?.key} ${message.reconsumeTimes}`)
        }
        const consumed = new Set(mine.filter(({ settled: end }) => end?.how === "Consumed").map(({ key }) => key))
        for (const { identity, message } of recordsFor(group, view)) {
          const how = ends
            .get(message.physicalOffset)
            ?.flatMap(({ settled: end }) => (end === undefined ? [] : [end.how]))
          const key = identity?.key ?? ""
          const place = `${key} (attempt ${message.reconsumeTimes}) at ${message.topic} ${message.queueOffset}`
          if (how === undefined || how.length === 0) yield `${group.name} never settled ${place}`
          if (how?.includes("SentBack") === true && !moved.has(`${key} ${message.reconsumeTimes + 1}`))
            yield `${place} was sent back by ${group.name}, acknowledged, and is neither tried again nor dead`
          if (!consumed.has(key) && !dead.has(key)) yield `${place} left ${group.name} without an end`
          if (dead.has(key) && failuresOf(group.name, key) <= group.maxReconsumeTimes && !consumed.has(key))
            yield `${place} is dead, though ${group.name} would have succeeded`
        }
      }
    }
  },
  name: "settled",
  promise: "P4",
}
