/**
 * Queue locks: the leases by which an orderly group lets one client at a time consume a queue.
 *
 * Locks are volatile. A client renews every 20 s; a lease not renewed for 60 s is over, and the next who asks takes it.
 * Each acquisition (not a renewal) is a new `grant`, counted up; the last grant of a queue is remembered for one lease
 * after its end, so that a late commit of its former holder is told from its successor's (P5, ConsumerOffset).
 *
 * Laws (test/model/domain/QueueLock.test.ts)
 *   one holder  at any time a queue has at most one holder
 *   lease       only its holder, or the end of its lease, ends a hold
 *   grants      the grants of a queue only grow; a grant has one client for its whole life
 *   restart     within one lease after a start nothing is granted when another process may still have granted it
 * Source: behaviour of RocketMQ 5.5.0 (RebalanceLockManager); grants are Gantry's own.
 */

import type { MessageQueue } from "./MessageQueue.ts"

export const leaseMsDefault = 60_000

interface Lock {
  readonly queue: MessageQueue
  readonly clientId: string
  readonly grant: number
  lastUpdateMs: number
  /** Given back by its holder: nobody holds it now, but it was this grant's last. */
  released: boolean
}

export interface QueueLocks {
  readonly groups: Map<string, Map<string, Lock>>
  readonly leaseMs: number
  /** Before this time nothing is granted, because a grant of the process before may still be believed in. */
  readonly quietUntilMs: number
  grants: number
}

/**
 * `quietUntilMs`: the start plus one lease after a restart that may have left grants behind; 0 for a new store.
 * `grants`: beyond the grants of the life before, so that those of one are never taken for those of another.
 */
export const make = (quietUntilMs = 0, leaseMs = leaseMsDefault, grants = 0): QueueLocks => ({
  groups: new Map(),
  leaseMs,
  quietUntilMs,
  grants,
})

/** Locks or renews each queue for the client where it can; answers those that it holds now, in the order asked. */
export const lockBatch = (
  locks: QueueLocks,
  group: string,
  clientId: string,
  queues: Iterable<MessageQueue>,
  nowMs: number,
): ReadonlyArray<MessageQueue> => {
  if (nowMs < locks.quietUntilMs) return []
  let table = locks.groups.get(group)
  if (table === undefined) locks.groups.set(group, (table = new Map()))
  const held: Array<MessageQueue> = []
  for (const queue of queues) {
    const key = keyOf(queue.topic, queue.queueId)
    const lock = table.get(key)
    if (lock !== undefined && isHeld(locks, lock, nowMs)) {
      if (lock.clientId !== clientId) continue
      lock.lastUpdateMs = nowMs
    } else {
      locks.grants++
      table.set(key, { queue, clientId, grant: locks.grants, lastUpdateMs: nowMs, released: false })
    }
    held.push(queue)
  }
  if (table.size === 0) locks.groups.delete(group)
  return held
}

/** Gives back those of the queues that the client holds; others are left alone. */
export const unlockBatch = (
  locks: QueueLocks,
  group: string,
  clientId: string,
  queues: Iterable<MessageQueue>,
  nowMs: number,
): void => {
  const table = locks.groups.get(group)
  if (table === undefined) return
  for (const queue of queues) {
    const lock = table.get(keyOf(queue.topic, queue.queueId))
    if (lock === undefined || lock.clientId !== clientId || lock.released) continue
    lock.released = true
    lock.lastUpdateMs = nowMs
  }
}

/** Who holds a queue now. */
export const holderOf = (
  locks: QueueLocks,
  group: string,
  topic: string,
  queueId: number,
  nowMs: number,
): string | undefined => {
  const lock = find(locks, group, topic, queueId)
  return lock !== undefined && isHeld(locks, lock, nowMs) ? lock.clientId : undefined
}

/** The last grant of a queue, held or ended less than one lease ago; undefined: no lock fences this queue. */
export const grantOf = (
  locks: QueueLocks,
  group: string,
  topic: string,
  queueId: number,
  nowMs: number,
): { readonly clientId: string; readonly grant: number } | undefined => {
  const lock = find(locks, group, topic, queueId)
  return lock !== undefined && !isForgotten(locks, lock, nowMs) ? lock : undefined
}

/** Whether a client of the group holds any queue: then failed messages go to the dead-letter topic (Send). */
export const isAnyHeld = (locks: QueueLocks, group: string, nowMs: number): boolean => {
  const table = locks.groups.get(group)
  if (table === undefined) return false
  for (const lock of table.values()) if (isHeld(locks, lock, nowMs)) return true
  return false
}

/** The queues of a group that are held now, with holder and grant, for administrators. */
export const held = (
  locks: QueueLocks,
  group: string,
  nowMs: number,
): ReadonlyArray<{ readonly queue: MessageQueue; readonly clientId: string; readonly grant: number }> =>
  [...(locks.groups.get(group)?.values() ?? [])].filter((lock) => isHeld(locks, lock, nowMs))

/** Forgets grants that ended more than one lease ago: nothing but memory changes. */
export const expire = (locks: QueueLocks, nowMs: number): void => {
  for (const [group, table] of locks.groups) {
    for (const [key, lock] of table) if (isForgotten(locks, lock, nowMs)) table.delete(key)
    if (table.size === 0) locks.groups.delete(group)
  }
}

/** When `expire` has something to forget at the earliest, or undefined when there is nothing. */
export const nextDueMs = (locks: QueueLocks): number | undefined => {
  let due: number | undefined
  for (const table of locks.groups.values()) {
    for (const lock of table.values()) {
      const at = forgottenAfterMs(locks, lock) + 1
      if (due === undefined || at < due) due = at
    }
  }
  return due
}

/** Forgets all grants of a deleted group. */
export const removeGroup = (locks: QueueLocks, group: string): void => {
  locks.groups.delete(group)
}

// The broker's own name is the same for all of its queues, and clients may write it in different ways.
const keyOf = (topic: string, queueId: number): string => `${topic}@${queueId}`

const find = (locks: QueueLocks, group: string, topic: string, queueId: number): Lock | undefined => {
  const table = locks.groups.get(group)
  return table === undefined ? undefined : table.get(keyOf(topic, queueId))
}

const isHeld = (locks: QueueLocks, lock: Lock, nowMs: number): boolean =>
  !lock.released && nowMs - lock.lastUpdateMs <= locks.leaseMs

const forgottenAfterMs = (locks: QueueLocks, lock: Lock): number =>
  lock.lastUpdateMs + (lock.released ? locks.leaseMs : 2 * locks.leaseMs)

const isForgotten = (locks: QueueLocks, lock: Lock, nowMs: number): boolean => nowMs > forgottenAfterMs(locks, lock)
