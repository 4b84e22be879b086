/**
 * Held pulls: the long-poll table. A pull that found nothing waits here until a message arrives in its queue, its time
 * is over, or its connection ends; then the owner runs it once more, without holding it again.
 *
 * The table is mutable inside its owner and bounded (P11): a pull that does not fit is answered at once.
 *
 * Laws (test/model/domain/HeldPull.test.ts)
 *   once      a held pull is handed out at most once, by exactly one of `arrived`, `reset`, `expired`,
 *             `released` or `cancel`
 *   woken     a message that the pull's filter may match, at or above its offset, wakes it
 *   patient   nothing else wakes it before its time, except a reset of its group's offset in the queue
 *   in order  pulls of one queue that a message wakes are handed out in the order in which they were held
 *   bounded   no more than `heldMax` pulls are held
 * Source: behaviour of RocketMQ 5.5.0 (PullRequestHoldService).
 */
import { matchesCode, type Subscription } from "./Subscription.ts"

/** A waiting pull; `request` is whatever the owner needs to run it again. `pullFromOffset` is a queue offset. */
export interface Held<R> {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  readonly pullFromOffset: number
  /** When its time is over, ms. */
  readonly dueMs: number
  /** Undefined: every message wakes it. */
  readonly subscription: Subscription | undefined
  readonly request: R
}

export interface HeldPulls<R> {
  readonly queues: Map<string, Map<number, Set<Held<R>>>>
  /** Held pulls by the tick in which they end, so that neither holding nor waking one searches the others. */
  readonly ticks: Map<number, Set<Held<R>>>
  readonly heldMax: number
  size: number
}

/** Pulls end on the next multiple of this after their time. */
export const tickMs = 100

const none: ReadonlyArray<never> = []

export const make = <R>(heldMax = 100_000): HeldPulls<R> => ({
  queues: new Map(),
  ticks: new Map(),
  heldMax,
  size: 0,
})

/** Holds a pull. Answers false, and holds nothing, when the table is full. */
export const hold = <R>(table: HeldPulls<R>, held: Held<R>): boolean => {
  if (table.size >= table.heldMax) return false
  let queues = table.queues.get(held.topic)
  if (queues === undefined) table.queues.set(held.topic, (queues = new Map()))
  let queue = queues.get(held.queueId)
  if (queue === undefined) queues.set(held.queueId, (queue = new Set()))
  queue.add(held)
  const tick = tickOf(held.dueMs)
  const ending = table.ticks.get(tick)
  if (ending === undefined) table.ticks.set(tick, new Set([held]))
  else ending.add(held)
  table.size++
  return true
}

/**
 * A message became readable: the pulls that it may satisfy. Called once per message, so a queue that nobody waits for
 * costs two look-ups. `queueOffsetMax` is the offset behind the message; `tagsCode` undefined when not known.
 */
export const arrived = <R>(
  table: HeldPulls<R>,
  topic: string,
  queueId: number,
  queueOffsetMax: number,
  tagsCode: number | undefined,
): ReadonlyArray<Held<R>> => {
  const queue = table.queues.get(topic)?.get(queueId)
  if (queue === undefined) return none
  let woken: Array<Held<R>> | undefined
  for (const held of queue) {
    if (queueOffsetMax <= held.pullFromOffset) continue
    if (held.subscription !== undefined && !matchesCode(held.subscription, tagsCode)) continue
    if (woken === undefined) woken = [held]
    else woken.push(held)
  }
  if (woken === undefined) return none
  for (const held of woken) drop(table, held)
  return woken
}

/** An administrator has moved a group in a queue: its pulls there, which wait at the wrong place. */
export const reset = <R>(
  table: HeldPulls<R>,
  group: string,
  topic: string,
  queueId: number,
): ReadonlyArray<Held<R>> => {
  const queue = table.queues.get(topic)?.get(queueId)
  if (queue === undefined) return none
  const moved = [...queue].filter((held) => held.group === group)
  for (const held of moved) drop(table, held)
  return moved
}

/** The pulls whose time is over. */
export const expired = <R>(table: HeldPulls<R>, nowMs: number): ReadonlyArray<Held<R>> => {
  if (table.size === 0) return none
  const ended: Array<Held<R>> = []
  const ticks = [...table.ticks.keys()].filter((tick) => tick * tickMs <= nowMs).toSorted((a, b) => a - b)
  for (const tick of ticks) ended.push(...table.ticks.get(tick)!)
  for (const held of ended) drop(table, held)
  return ended
}

/** When `expired` has something to answer at the earliest, or undefined while nothing is held. */
export const nextDueMs = <R>(table: HeldPulls<R>): number | undefined => {
  let due: number | undefined
  for (const tick of table.ticks.keys()) if (due === undefined || tick < due) due = tick
  return due === undefined ? undefined : due * tickMs
}

/** Takes one pull out, because its connection ended. Answers whether it was still held. */
export const cancel = <R>(table: HeldPulls<R>, held: Held<R>): boolean => {
  const isHeld = table.queues.get(held.topic)?.get(held.queueId)?.has(held) ?? false
  if (isHeld) drop(table, held)
  return isHeld
}

/** Takes all pulls out: the broker changes its role or stops. */
export const released = <R>(table: HeldPulls<R>): ReadonlyArray<Held<R>> => {
  const all: Array<Held<R>> = []
  for (const queues of table.queues.values()) for (const queue of queues.values()) all.push(...queue)
  for (const held of all) drop(table, held)
  return all
}

const tickOf = (dueMs: number): number => Math.ceil(dueMs / tickMs)

const drop = <R>(table: HeldPulls<R>, held: Held<R>): void => {
  const queues = table.queues.get(held.topic)!
  const queue = queues.get(held.queueId)!
  queue.delete(held)
  if (queue.size === 0) queues.delete(held.queueId)
  if (queues.size === 0) table.queues.delete(held.topic)
  const tick = tickOf(held.dueMs)
  const ending = table.ticks.get(tick)!
  ending.delete(held)
  if (ending.size === 0) table.ticks.delete(tick)
  table.size--
}
