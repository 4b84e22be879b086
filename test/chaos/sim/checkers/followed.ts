import type { Evidence } from "../Evidence.ts"
import type { Reset } from "../History.ts"
import type { Checker } from "./Checker.ts"
import { recordsFor } from "./matching.ts"

/** A commit that nobody answers may take effect so long after it was sent: until its connection is given up. */
const lateMsMax = 60_000

/** P8: what an administrator was told is done is done: a group that was sent back gets again what was stored before. */
export const followed: Checker = {
  *check(evidence) {
    const { brokers, history, settings } = evidence
    for (const reset of history.resets) {
      if (reset.answer?.code !== 0) continue
      const view = brokers.find(({ brokerName }) => brokerName === reset.brokerName)
      const group = settings.groups.find(({ name }) => name === reset.group)
      if (view === undefined || group === undefined) continue
      const appendedMs = history.appendedMs.get(reset.brokerName)
      const again = new Set(
        history.deliveries
          .filter(({ atMs, brokerName, group: name }) => {
            return atMs > reset.sentMs && brokerName === reset.brokerName && name === reset.group
          })
          .map(({ commitLogOffset }) => commitLogOffset),
      )
      for (const { identity, message } of recordsFor(group, view)) {
        const { physicalOffset, queueId, queueOffset, topic } = message
        if (topic !== reset.topic || again.has(physicalOffset)) continue
        if ((appendedMs?.get(physicalOffset) ?? Number.POSITIVE_INFINITY) > reset.sentMs) continue
        if (mayBeUndone(evidence, reset, queueId)) continue
        yield `${group.name} was sent back in ${topic}/${queueId} on ${reset.brokerName} at ${reset.sentMs.toFixed(3)} ms, and never saw ${identity?.key} at ${queueOffset} again`
      }
    }
  },
  name: "followed",
  promise: "P8",
}

/** Groups without locks are not fenced: a commit that a former owner of the queue has sent may come after the reset was followed. */
const mayBeUndone = ({ history }: Evidence, reset: Reset, queueId: number): boolean => {
  const endMs = reset.answer?.atMs ?? Number.POSITIVE_INFINITY
  const owners = new Set(
    history.commits
      .filter(
        (commit) =>
          commit.brokerName === reset.brokerName &&
          commit.group === reset.group &&
          commit.topic === reset.topic &&
          commit.queueId === queueId &&
          commit.consumer !== "administrator" &&
          commit.sentMs > reset.sentMs - lateMsMax &&
          commit.sentMs < endMs,
      )
      .map(({ consumer }) => consumer),
  )
  return owners.size > 1
}
