/**
 * Queue selection: to which queue a producer sends. By turns, away from the broker that failed last and, where that is
 * on, from slow ones; or by a selector, such as the hash of an order's number.
 *
 * Laws (test/model/domain/QueueSelection.test.ts)
 *   fair       without faults, as many picks in a row as there are queues answer each of them once
 *   away       while another broker has a queue, the one that failed last is not picked
 *   some       with at least one queue there always is an answer
 *   same hash  equal arguments select equal queues
 * Source: behaviour of RocketMQ 5.5.0 (TopicPublishInfo, MQFaultStrategy, SelectMessageQueueByHash).
 */
import { hashCode } from "./JavaString.ts"
import { type LatencyFaults, isAvailable, isReachable } from "./LatencyFault.ts"
import type { MessageQueue } from "./MessageQueue.ts"

/** A counter of picks, a signed 32-bit integer; it starts anywhere. */
export interface Turn {
  index: number
}

/** Steps the counter and answers it as a natural number. */
export const next = (turn: Turn): number => {
  turn.index = (turn.index + 1) | 0
  return turn.index & 0x7fff_ffff
}

export interface Choice {
  /** The broker that the attempt before was sent to. */
  readonly lastBrokerName?: string | undefined
  /** Undefined: slow brokers are not kept away from. */
  readonly faults?: LatencyFaults | undefined
  readonly nowMs: number
}

/** The next queue, or undefined when there is none at all. */
export const select = (queues: ReadonlyArray<MessageQueue>, turn: Turn, choice: Choice): MessageQueue | undefined => {
  if (queues.length === 0) return undefined
  const { faults, lastBrokerName, nowMs } = choice
  const isOther = (queue: MessageQueue): boolean => queue.brokerName !== lastBrokerName
  if (faults !== undefined) {
    return (
      pick(queues, turn, (queue) => isAvailable(faults, queue.brokerName, nowMs) && isOther(queue)) ??
      pick(queues, turn, (queue) => isReachable(faults, queue.brokerName) && isOther(queue)) ??
      pick(queues, turn)
    )
  }
  return pick(queues, turn, isOther) ?? pick(queues, turn)
}

const pick = (
  queues: ReadonlyArray<MessageQueue>,
  turn: Turn,
  isWanted?: (queue: MessageQueue) => boolean,
): MessageQueue | undefined => {
  for (let i = 0; i < queues.length; i++) {
    const queue = queues[next(turn) % queues.length]!
    if (isWanted === undefined || isWanted(queue)) return queue
  }
  return undefined
}

/** What a selector may be given: text, a 32-bit integer, or a bigint where a Java client would use a long. */
export type SelectorArgument = string | number | bigint

/** The position that `SelectMessageQueueByHash` picks among `count` queues, or undefined when there are none. */
export const selectByHash = (argument: SelectorArgument, count: number): number | undefined =>
  count <= 0 ? undefined : Math.abs(hashOf(argument) % count)

/**
 * Java's `hashCode` of a String, an Integer, or (bigints, and integers beyond 32 bits) a Long; others go by their
 * text.
 */
export const hashOf = (argument: SelectorArgument): number => {
  if (typeof argument === "string") return hashCode(argument)
  if (typeof argument === "number") {
    if ((argument | 0) === argument) return argument
    if (!Number.isSafeInteger(argument)) return hashCode(String(argument))
  }
  const long = BigInt.asUintN(64, BigInt(argument))
  return Number(BigInt.asIntN(32, long ^ (long >> 32n)))
}
