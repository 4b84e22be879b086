import type { Checker } from "./Checker.ts"

/** P5: the durable progress of an orderly group never goes back, whoever sleeps, dies or comes back. */
export const forward: Checker = {
  *check({ history, settings }) {
    const orderly = new Set(settings.groups.filter(({ isOrderly }) => isOrderly).map(({ name }) => name))
    const reached = new Map<string, number>()
    for (const { atMs, brokerName, group, queueId, queueOffset, topic } of history.persisted) {
      if (!orderly.has(group)) continue
      const key = `${group} at ${topic}/${queueId} on ${brokerName}`
      const before = reached.get(key) ?? 0
      if (queueOffset < before) yield `${key} went back from ${before} to ${queueOffset} at ${atMs.toFixed(3)} ms`
      reached.set(key, queueOffset)
    }
  },
  name: "forward",
  promise: "P5",
}
