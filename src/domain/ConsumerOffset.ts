/**
 * Consumer offsets: how far each group has consumed each queue (P8).
 *
 * The table is mutable inside its owner. `commit` decides and applies; the owner appends what `drainDirty` hands out as
 * one record of the log and answers explicit commits when it is durable. `apply` folds such records at start: snapshot
 * plus records is the table (P9).
 *
 * Who may commit what, for a queue that a lock of the group fences (QueueLock.grantOf):
 *   a member that names the last grant, or names none and is its client: forward only, or back to where an
 *     administrator's reset sent it
 *   another member of the group: nothing, it is late, or was never given the queue
 *   anyone else, or no lock: as asked, groups without locks and administrators may seek back
 * and once the group consumes the topic in order (ConsumptionOrder), with no lock:
 *   any member that does not pull by itself: forward only
 *
 * Laws (test/model/domain/ConsumerOffset.test.ts)
 *   replay   folding the drained records over an empty table gives the committed table, and the resets that are pending
 *   fenced   while a queue is fenced its offset never falls, except to an announced reset or by an administrator
 *   kept     only `commit`, `reset`, `apply`, `clone` and the removals change what `query` answers
 * Source: spec/delivery/Delivery.tla (PersistOffset); behaviour of RocketMQ 5.5.0 (ConsumerOffsetManager).
 */
import * as Result from "effect/Result"
import { type DataVersion, initial, next } from "./DataVersion.ts"
import { type Refusal, refuse } from "./Refusal.ts"

/** By group, topic and queue id. */
type Table<V = number> = Map<string, Map<string, Map<number, V>>>

export interface ConsumerOffsets {
  /** group → topic → queue id → the next queue offset to consume. */
  readonly committed: Table
  /** Resets that no pull has taken up yet: every other pull is sent there, and commits are dropped. */
  readonly pendingResets: Table
  /** The clients whose pulls were sent to pending resets last; not durable. */
  readonly toldResets: Table<string | undefined>
  /** Where an administrator's reset has sent the clients themselves: a fenced commit may fall back to exactly there. */
  readonly announcedResets: Table
  /** Where the last pull of each queue ended, for administrators; not durable. */
  readonly pulled: Table
  readonly dirty: Table
  version: DataVersion
  commits: number
}

/** One queue's progress, as a record or a snapshot carries it. */
export interface OffsetEntry {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  /** An administrator has sent the group there, and no pull has come from there yet. */
  readonly isReset?: true
}

/** The data version moves once per so many commits. RocketMQ's `consumerOffsetUpdateVersionStep`. */
export const versionStep = 500

export const make = (nowMs: number): ConsumerOffsets => ({
  committed: new Map(),
  pendingResets: new Map(),
  toldResets: new Map(),
  announcedResets: new Map(),
  pulled: new Map(),
  dirty: new Map(),
  version: initial(nowMs),
  commits: 0,
})

/** Who commits and what fences the queue. */
export interface Commit {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  /** The member of the group that the connection speaks for; undefined for administrators and other strangers. */
  readonly clientId: string | undefined
  /** The client of the queue's last grant; undefined when no lock fences it. */
  readonly holder: string | undefined
  /** The number of that grant. */
  readonly grant?: number | undefined
  /** The grant that the member says it works under; undefined when it cannot tell. */
  readonly claimedGrant?: number | undefined
  /** The group consumes the topic in order, whether a grant is remembered now or not (ConsumptionOrder). */
  readonly isOrdered?: boolean
  readonly nowMs: number
}

/**
 * `Stored`: the table changed. `Same`: it held this offset already. `ResetPending`: dropped, the wire says SUCCESS.
 * `NotHolder` and `Backwards`: dropped by the fence.
 */
export type Committed = "Stored" | "Same" | "ResetPending" | "NotHolder" | "Backwards"

/**
 * Commits one offset. Called once per pull, so it answers a word; `refusalOf` makes a remark of it when one is asked.
 */
export const commit = (offsets: ConsumerOffsets, input: Commit): Committed => {
  const { clientId, group, holder, queueId, queueOffset, topic } = input
  if (offsets.pendingResets.size > 0 && get(offsets.pendingResets, group, topic, queueId) !== undefined) {
    return "ResetPending"
  }
  const before = get(offsets.committed, group, topic, queueId)
  if (clientId !== undefined && (holder !== undefined || input.isOrdered === true)) {
    if (holder !== undefined && !isOfGrant(input)) return "NotHolder"
    if (before !== undefined && queueOffset < before) {
      if (get(offsets.announcedResets, group, topic, queueId) !== queueOffset) return "Backwards"
      remove(offsets.announcedResets, group, topic, queueId)
    }
  }
  if (before === queueOffset) return "Same"
  store(offsets, group, topic, queueId, queueOffset, input.nowMs)
  return "Stored"
}

/** Whether the member works under the last grant, as far as it can be told: by the grant that it names, or by its name. */
const isOfGrant = ({ claimedGrant, clientId, grant, holder }: Commit): boolean =>
  claimedGrant === undefined ? clientId === holder : claimedGrant === grant

/** What an explicit commit that was dropped by the fence is answered with; undefined when the answer is SUCCESS. */
export const refusalOf = (
  outcome: Committed,
  input: Commit,
  stored: number | undefined,
): Result.Result<undefined, Refusal> => {
  const queue = `queue ${input.queueId} of topic[${input.topic}]`
  switch (outcome) {
    case "NotHolder":
      return refuse(
        "ILLEGAL_OPERATION",
        `the offset of ${queue} is not moved: group[${input.group}] consumes it in order and client ${input.holder} ` +
          (input.claimedGrant === undefined
            ? `holds its lock, not ${input.clientId}. Lock the queue before consuming it.`
            : `holds its lock by grant ${input.grant}, which came after ${input.claimedGrant}.`),
      )
    case "Backwards":
      return refuse(
        "ILLEGAL_OPERATION",
        `the offset of ${queue} is not moved back from ${stored} to ${input.queueOffset}: group[${input.group}] ` +
          "consumes it in order. Reset the offset by an administrator's command to consume again.",
      )
    case "Stored":
    case "Same":
    case "ResetPending":
      return Result.succeed(undefined)
  }
}

/** RocketMQ's words for a commit that a pending reset drops. */
export const resetPendingRemark = "Offset has been previously reset"

/** The pending reset if there is one, else the committed offset. */
export const query = (offsets: ConsumerOffsets, group: string, topic: string, queueId: number): number | undefined =>
  get(offsets.pendingResets, group, topic, queueId) ?? get(offsets.committed, group, topic, queueId)

/**
 * What QUERY_CONSUMER_OFFSET is answered: the stored offset; else 0 for a young queue, whose first message is still
 * there and still in memory, so that a group's first consumer misses nothing; else QUERY_NOT_FOUND, and the client
 * starts where its own settings say.
 */
export const answerQuery = (input: {
  readonly stored: number | undefined
  /** False when the client asked not to be given 0; absent means it may. */
  readonly setZeroIfNotFound: boolean | undefined
  readonly queueOffsetMin: number
  readonly isFirstInMemory: boolean
}): Result.Result<number, Refusal> => {
  if (input.stored !== undefined && input.stored >= 0) return Result.succeed(input.stored)
  if (input.setZeroIfNotFound === false) {
    return refuse("QUERY_NOT_FOUND", "Not found, do not set to zero, maybe this group boot first")
  }
  if (input.queueOffsetMin <= 0 && input.isFirstInMemory) return Result.succeed(0)
  return refuse("QUERY_NOT_FOUND", "Not found, maybe this group consumer boot first")
}

/** Moves an offset by an administrator's hand: the group's pulls of the queue are sent there until one comes from there. */
export const reset = (offsets: ConsumerOffsets, entry: OffsetEntry, nowMs: number): void => {
  set(offsets.pendingResets, entry.group, entry.topic, entry.queueId, entry.queueOffset)
  remove(offsets.toldResets, entry.group, entry.topic, entry.queueId)
  store(offsets, entry.group, entry.topic, entry.queueId, entry.queueOffset, nowMs)
}

/**
 * Where a pending reset sends a pull (OFFSET_RESET); undefined when the pull may go on. A client's first pull is sent there
 * wherever it comes from; the reset is over when a pull has come from there. RocketMQ forgets it with the first pull:
 * when that answer is lost, or the broker stops before, the group goes on as if nothing had been asked.
 */
export const followReset = (
  offsets: ConsumerOffsets,
  pull: OffsetEntry,
  clientId: string | undefined,
): number | undefined => {
  const { group, queueId, queueOffset, topic } = pull
  const pending = get(offsets.pendingResets, group, topic, queueId)
  if (pending === undefined) return undefined
  const isTold = clientId !== undefined && get(offsets.toldResets, group, topic, queueId) === clientId
  if (pending !== queueOffset) {
    set(offsets.toldResets, group, topic, queueId, clientId)
    return pending
  }
  remove(offsets.pendingResets, group, topic, queueId)
  remove(offsets.toldResets, group, topic, queueId)
  markDirty(offsets, group, topic, queueId)
  return isTold ? undefined : pending
}

/** Notes that the clients were told to reset themselves, so that the fence lets their commit fall back to there. */
export const announceReset = (offsets: ConsumerOffsets, entry: OffsetEntry): void => {
  set(offsets.announcedResets, entry.group, entry.topic, entry.queueId, entry.queueOffset)
}

/** Notes where a pull ended. */
export const pulled = (
  offsets: ConsumerOffsets,
  group: string,
  topic: string,
  queueId: number,
  queueOffset: number,
): void => {
  set(offsets.pulled, group, topic, queueId, queueOffset)
}

export const queryPulled = (
  offsets: ConsumerOffsets,
  group: string,
  topic: string,
  queueId: number,
): number | undefined => get(offsets.pulled, group, topic, queueId)

/** All committed offsets of a group for a topic; empty when there are none. */
export const ofTopic = (offsets: ConsumerOffsets, group: string, topic: string): ReadonlyMap<number, number> =>
  offsets.committed.get(group)?.get(topic) ?? new Map()

export const topicsOfGroup = (offsets: ConsumerOffsets, group: string): ReadonlyArray<string> => [
  ...(offsets.committed.get(group)?.keys() ?? []),
]

export const groupsOfTopic = (offsets: ConsumerOffsets, topic: string): ReadonlyArray<string> => {
  const groups: Array<string> = []
  for (const [group, topics] of offsets.committed) if (topics.has(topic)) groups.push(group)
  return groups
}

/**
 * Copies the committed offsets of one group and topic to another group. That is an administrator's hand, too: resets that
 * pend there are over.
 */
export const clone = (offsets: ConsumerOffsets, source: string, target: string, topic: string, nowMs: number): void => {
  for (const [queueId, queueOffset] of ofTopic(offsets, source, topic)) {
    remove(offsets.pendingResets, target, topic, queueId)
    remove(offsets.toldResets, target, topic, queueId)
    store(offsets, target, topic, queueId, queueOffset, nowMs)
  }
}

/** Folds one record or snapshot entry. Never refuses: what is in the log has been accepted. */
export const apply = (offsets: ConsumerOffsets, entry: OffsetEntry): void => {
  const { group, queueId, queueOffset, topic } = entry
  set(offsets.committed, group, topic, queueId, queueOffset)
  if (entry.isReset === true) set(offsets.pendingResets, group, topic, queueId, queueOffset)
  else remove(offsets.pendingResets, group, topic, queueId)
}

/** What changed since the last call, each queue once with its newest offset. */
export const drainDirty = (offsets: ConsumerOffsets): ReadonlyArray<OffsetEntry> => {
  const drained = entriesOf(offsets.dirty, offsets.pendingResets)
  offsets.dirty.clear()
  return drained
}

/** Has `drainDirty` hand a queue out again, with its newest offset: the record that carried it did not become durable. */
export const markDirty = (offsets: ConsumerOffsets, group: string, topic: string, queueId: number): void => {
  const queueOffset = get(offsets.committed, group, topic, queueId)
  if (queueOffset !== undefined) set(offsets.dirty, group, topic, queueId, queueOffset)
}

/** Everything committed, for a snapshot. */
export const entries = (offsets: ConsumerOffsets): ReadonlyArray<OffsetEntry> =>
  entriesOf(offsets.committed, offsets.pendingResets)

/** Forgets a deleted group: its record must say so too, or the fold brings it back. */
export const removeGroup = (offsets: ConsumerOffsets, group: string): void => {
  for (const table of tablesOf(offsets)) table.delete(group)
}

/** Forgets a deleted topic for all groups. */
export const removeTopic = (offsets: ConsumerOffsets, topic: string): void => {
  for (const table of tablesOf(offsets)) {
    for (const [group, topics] of table) {
      topics.delete(topic)
      if (topics.size === 0) table.delete(group)
    }
  }
}

const tablesOf = (offsets: ConsumerOffsets): ReadonlyArray<Table | Table<string | undefined>> => [
  offsets.committed,
  offsets.pendingResets,
  offsets.toldResets,
  offsets.announcedResets,
  offsets.pulled,
  offsets.dirty,
]

const store = (
  offsets: ConsumerOffsets,
  group: string,
  topic: string,
  queueId: number,
  queueOffset: number,
  nowMs: number,
): void => {
  set(offsets.committed, group, topic, queueId, queueOffset)
  set(offsets.dirty, group, topic, queueId, queueOffset)
  offsets.commits++
  if (offsets.commits % versionStep === 0) offsets.version = next(offsets.version, nowMs)
}

const get = <V>(table: Table<V>, group: string, topic: string, queueId: number): V | undefined =>
  table.get(group)?.get(topic)?.get(queueId)

const set = <V>(table: Table<V>, group: string, topic: string, queueId: number, value: V): void => {
  let topics = table.get(group)
  if (topics === undefined) table.set(group, (topics = new Map()))
  let queues = topics.get(topic)
  if (queues === undefined) topics.set(topic, (queues = new Map()))
  queues.set(queueId, value)
}

const remove = <V>(table: Table<V>, group: string, topic: string, queueId: number): void => {
  const topics = table.get(group)
  const queues = topics?.get(topic)
  if (topics === undefined || queues === undefined) return
  queues.delete(queueId)
  if (queues.size > 0) return
  topics.delete(topic)
  if (topics.size === 0) table.delete(group)
}

const entriesOf = (table: Table, resets: Table): ReadonlyArray<OffsetEntry> => {
  const found: Array<OffsetEntry> = []
  for (const [group, topics] of table) {
    for (const [topic, queues] of topics) {
      const pending = resets.get(group)?.get(topic)
      for (const [queueId, queueOffset] of queues) {
        const entry = { group, topic, queueId, queueOffset }
        found.push(pending?.has(queueId) === true ? { ...entry, isReset: true } : entry)
      }
    }
  }
  return found
}
