import * as DelayLevel from "../../../../src/domain/DelayLevel.ts"
import { TopicName } from "../../../../src/domain/Topic.ts"
import type { Checker } from "./Checker.ts"

/** Clocks of brokers drift by up to 50 ppm, and show whole milliseconds. */
const tolerance = { driftRate: 1.0001, roundingMs: 2 }

/**
 * P7: a delayed message is delivered once, where it was meant to go, and not early. Early is what comes before its time
 * by the broker's clock; when that was set back meanwhile, by the time that went by.
 */
export const onTime: Checker = {
  *check({ brokers, history }) {
    for (const { brokerName, recordAt, records } of brokers) {
      const appendedMs = history.appendedMs.get(brokerName) ?? new Map<number, number>()
      const times = new Map<number, number>()
      const tables = history.delayTables.filter((table) => table.brokerName === brokerName)
      for (const { identity, message } of records) {
        const source = recordAt.get(message.preparedTransactionOffset)?.message
        if (source?.topic !== TopicName.SCHEDULE) continue
        const place = `${identity?.key} of ${brokerName}`
        times.set(source.physicalOffset, (times.get(source.physicalOffset) ?? 0) + 1)
        const target = DelayLevel.restore(source.properties)
        if (target?.topic !== message.topic || target.queueId !== message.queueId)
          yield `${place} went to ${message.topic}/${message.queueId}, not to ${target?.topic}/${target?.queueId}`
        // The table that was in force when it was stored counts, whatever the broker was started with since.
        const table = tables.findLast(({ commitLogOffset }) => commitLogOffset <= source.physicalOffset)
        const delayMs = table?.delaysMs[DelayLevel.levelOfQueue(source.queueId) - 1] ?? Number.POSITIVE_INFINITY
        const byClockMs = message.storeTimestamp - source.storeTimestamp
        const passedMs = (appendedMs.get(message.physicalOffset) ?? 0) - (appendedMs.get(source.physicalOffset) ?? 0)
        if (byClockMs < delayMs && passedMs * tolerance.driftRate + tolerance.roundingMs < delayMs)
          yield `${place} was delivered after ${passedMs.toFixed(3)} ms (${byClockMs} ms by the broker's clock), not ${delayMs}`
      }
      for (const { identity, message } of records) {
        const count = times.get(message.physicalOffset) ?? 0
        if (message.topic === TopicName.SCHEDULE && count !== 1)
          yield `${identity?.key} of ${brokerName} (level ${DelayLevel.levelOfQueue(message.queueId)}, ${message.queueOffset}) was delivered ${count} times`
      }
    }
  },
  name: "onTime",
  promise: "P7",
}
