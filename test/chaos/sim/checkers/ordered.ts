import type { Delivery } from "../History.ts"
import type { Checker } from "./Checker.ts"
import { recordsFor } from "./matching.ts"

/**
 * P5: an orderly group starts the messages of a queue in order, each after all before it were settled; and no two
 * consumers are at work on one queue while both have reason to believe in their locks.
 */
export const ordered: Checker = {
  *check({ brokers, history, settings }) {
    for (const group of settings.groups) {
      if (!group.isOrderly) continue
      for (const view of brokers) {
        const started = history.deliveries.filter(
          ({ brokerName, group: name, startedMs }) =>
            name === group.name && brokerName === view.brokerName && startedMs !== undefined,
        )
        const queues = Map.groupBy(started, ({ queueId, topic }) => `${topic}/${queueId}`)
        for (const [queue, deliveries] of queues) yield* apart(`${queue} on ${view.brokerName}`, deliveries)
        yield* oneAfterTheOther(
          [...recordsFor(group, view)].map(({ message }) => [
            `${message.topic}/${message.queueId}`,
            message.physicalOffset,
          ]),
          Map.groupBy(started, ({ commitLogOffset }) => commitLogOffset),
        )
      }
    }
  },
  name: "ordered",
  promise: "P5",
}

function* apart(queue: string, deliveries: ReadonlyArray<Delivery>): Generator<string> {
  const inOrder = deliveries.toSorted((a, b) => a.startedMs! - b.startedMs!)
  let before: Delivery | undefined
  for (const delivery of inOrder) {
    if (before !== undefined && before.consumer !== delivery.consumer) {
      const endMs = Math.min(before.settled?.atMs ?? Number.POSITIVE_INFINITY, before.believedUntilMs!)
      // A consumer that died is not at work: its last message has no end, and its belief is its bound.
      if (delivery.startedMs! < endMs && before.settled !== undefined)
        yield `${queue}: ${delivery.consumer} started ${delivery.key} while ${before.consumer} was at ${before.key}`
    }
    if (before === undefined || endOf(delivery) >= endOf(before)) before = delivery
  }
}

const endOf = ({ settled, startedMs }: Delivery): number => settled?.atMs ?? startedMs!

function* oneAfterTheOther(
  records: ReadonlyArray<readonly [string, number]>,
  deliveries: ReadonlyMap<number, ReadonlyArray<Delivery>>,
): Generator<string> {
  const before = new Map<string, { readonly key: string; readonly settledMs: number }>()
  for (const [queue, commitLogOffset] of records) {
    const all = deliveries.get(commitLogOffset) ?? []
    if (all.length === 0) continue
    const startedMs = Math.min(...all.map((one) => one.startedMs!))
    const settledMs = Math.min(...all.map(({ settled }) => settled?.atMs ?? Number.POSITIVE_INFINITY))
    const last = before.get(queue)
    if (last !== undefined && startedMs < last.settledMs)
      yield `${queue}: ${all[0]!.key} was started before ${last.key} was settled`
    before.set(queue, { key: all[0]!.key, settledMs: Math.max(settledMs, last?.settledMs ?? 0) })
  }
}
