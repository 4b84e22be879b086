import { queueKey, offsetKey } from "../Evidence.ts"
import type { Commit, OffsetRead } from "../History.ts"
import type { Checker } from "./Checker.ts"
import { recordsFor } from "./matching.ts"

/** A commit that nobody answers may take effect so long after it was sent: until its connection is given up. */
const lateMsMax = 60_000

/**
 * P8: an offset that is read was committed, and is not older than one whose commit was answered before; and what lies
 * before the committed offset was settled by the group.
 */
export const progressKept: Checker = {
  *check({ brokers, history, settings }) {
    const commits = Map.groupBy(history.commits, (one) => keyOf(one))
    for (const read of history.reads) yield* judge(read, commits.get(keyOf(read)) ?? [])
    for (const view of brokers) {
      for (const group of settings.groups) {
        const done = new Set(
          history.deliveries
            .filter(
              ({ brokerName, group: name, settled }) =>
                brokerName === view.brokerName && name === group.name && settled !== undefined,
            )
            .map(({ commitLogOffset }) => commitLogOffset),
        )
        for (const { identity, message } of recordsFor(group, view)) {
          const committed = view.offsets.get(offsetKey(group.name, message.topic, message.queueId)) ?? 0
          if (message.queueOffset < committed && !done.has(message.physicalOffset))
            yield `${group.name} is at ${committed} of ${queueKey(message.topic, message.queueId)}, beyond ${identity?.key} at ${message.queueOffset}, which it never settled`
        }
        for (const [key, queueOffset] of view.offsets) {
          const [name, topic, queueId] = key.split("/")
          if (name !== group.name) continue
          const last: OffsetRead = {
            atMs: history.nowMs,
            brokerName: view.brokerName,
            consumer: "at the end",
            group: name,
            queueId: Number(queueId),
            queueOffset,
            sentMs: history.nowMs,
            topic: topic!,
          }
          yield* judge(last, commits.get(keyOf(last)) ?? [])
        }
      }
    }
  },
  name: "progressKept",
  promise: "P8",
}

function* judge(read: OffsetRead, commits: ReadonlyArray<Commit>): Generator<string> {
  const { brokerName, consumer, group, queueId, sentMs, topic } = read
  const queueOffset = read.queueOffset ?? 0
  const place = `${consumer} read ${read.queueOffset ?? "nothing"} for ${group} at ${topic}/${queueId} on ${brokerName}`
  // What was certainly in force when the read began: its successors count, and what may have come after it.
  const inForce = commits.filter(({ answer }) => answer?.code === 0 && answer.atMs < sentMs)
  const isPossible = (commit: Commit): boolean => {
    if (commit.queueOffset !== queueOffset || commit.sentMs > read.atMs) return false
    const endMs = commit.answer?.code === 0 ? commit.answer.atMs : commit.sentMs + lateMsMax
    return !inForce.some((later) => later !== commit && later.sentMs > endMs)
  }
  if (queueOffset === 0) {
    const lost = inForce.find((commit) => commit.queueOffset > 0)
    if (lost !== undefined && !commits.some(isPossible)) yield `${place}, though ${lost.queueOffset} was committed`
  } else if (!commits.some(isPossible)) {
    const newest = inForce.toSorted((a, b) => b.sentMs - a.sentMs)[0]
    yield `${place}, which nobody committed since ${newest?.queueOffset ?? "ever"}`
  }
}

const keyOf = ({ brokerName, group, queueId, topic }: Commit | OffsetRead): string =>
  `${brokerName} ${group} ${topic} ${queueId}`
