import type { Delivery } from "../History.ts"
import type { Checker } from "./Checker.ts"
import { recordsFor } from "./matching.ts"

/**
 * P3: every group sees every message of its subscription at least once and no other, in queue order by first delivery,
 * and nobody is told that an offset that was readable is not.
 */
export const readable: Checker = {
  *check({ brokers, history, restless, settings }) {
    for (const { brokerName, what } of restless) yield `never came to rest: ${brokerName}: ${what}`
    for (const group of settings.groups) {
      for (const view of brokers) {
        const first = new Map<number, Delivery>()
        for (const delivery of history.deliveries) {
          if (delivery.group !== group.name || delivery.brokerName !== view.brokerName) continue
          if (!first.has(delivery.commitLogOffset)) first.set(delivery.commitLogOffset, delivery)
        }
        const latest = new Map<string, Delivery>()
        for (const { identity, message } of recordsFor(group, view)) {
          const queue = `${message.topic}/${message.queueId}`
          const delivery = first.get(message.physicalOffset)
          const place = `${identity?.key ?? "a record"} at ${queue} ${message.queueOffset} on ${view.brokerName}`
          if (delivery === undefined) {
            yield `${group.name} never saw ${place}`
            continue
          }
          first.delete(message.physicalOffset)
          if (delivery.queueOffset !== message.queueOffset || delivery.key !== identity?.key)
            yield `${group.name} saw ${delivery.key} at ${delivery.queueOffset} in the place of ${place}`
          const before = latest.get(queue)
          if (before !== undefined && before.atMs > delivery.atMs)
            yield `${group.name} saw ${place} before ${before.key} at ${before.queueOffset}`
          latest.set(queue, delivery)
        }
        for (const { key, queueOffset, topic } of first.values())
          yield `${group.name} saw ${key} at ${topic} ${queueOffset}, which it does not subscribe or which is not stored`
      }
    }
    for (const { asked, atMs, brokerName, group, nextBeginOffset, queueId, remark, topic } of history.moved) {
      const isSent = history.resets.some(
        (reset) =>
          reset.brokerName === brokerName && reset.group === group && reset.topic === topic && reset.sentMs < atMs,
      )
      if (remark === "OFFSET_RESET" && nextBeginOffset === 0 && isSent) continue
      yield `${group} asked ${brokerName} for ${topic}/${queueId} at ${asked} and was sent to ${nextBeginOffset} (${remark})`
    }
  },
  name: "readable",
  promise: "P3",
}
