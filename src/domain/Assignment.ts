/**
 * Assignment: a broker shares out the queues of a topic in place of the group's members (`Rebalance`), who ask it for
 * their part. By PULL a part is what the strategy gives; by POP members share whole brokers, or a few queues each.
 *
 * Laws (test/model/domain/Assignment.test.ts)
 *   same     by PULL a member gets what it would have computed itself from the same lists
 *   whole    the parts of all members together are all queues, or all brokers, of the topic
 *   shared   by POP with a share of n, each queue is in n + 1 parts, unless there are more members than queues
 *   keep     a member that the broker has not heard of gets no answer to act upon: it keeps what it has
 * Source: behaviour of RocketMQ 5.5.0 (QueryAssignmentProcessor); `keep` is Gantry's own, there such a member is told
 * that it has no queue.
 */
import * as Result from "effect/Result"
import { compare as compareText } from "./JavaString.ts"
import { type MessageQueue, compare, print } from "./MessageQueue.ts"
import type { MessageModel } from "./ConsumerGroup.ts"
import * as Rebalance from "./Rebalance.ts"
import type { RequestMode } from "./RequestMode.ts"

export interface Question {
  readonly clientId: string
  readonly messageModel: MessageModel
  readonly strategyName: string
}

export interface View {
  /** The queues of the topic on all brokers; undefined when they are not known. */
  readonly queues: ReadonlyArray<MessageQueue> | undefined
  /** The members of the group, as this broker knows them. */
  readonly clientIds: ReadonlyArray<string>
  readonly mode: RequestMode
  readonly popShareQueueNum: number
  /** RocketMQ's `serverLoadBalancerEnable`: false gives every member all queues. */
  readonly isBalancing: boolean
}

/** The strategies that a broker knows by name. */
const strategies: ReadonlyMap<string, Rebalance.Strategy> = new Map(
  [Rebalance.average, Rebalance.averageByCircle].map((strategy) => [strategy.name, strategy]),
)

/** The queue id that stands for all queues of a broker. */
export const wholeBroker = -1

/** A member's part; undefined: there is nothing to go by, and the member keeps what it has. */
export const assign = (question: Question, view: View): ReadonlyArray<MessageQueue> | undefined => {
  const { clientId, messageModel, strategyName } = question
  if (view.queues === undefined || view.queues.length === 0) return undefined
  if (messageModel === "BROADCASTING" || !view.isBalancing) return view.queues
  const strategy = strategies.get(strategyName)
  if (strategy === undefined || clientId === "" || !view.clientIds.includes(clientId)) return undefined
  const queues = view.queues.toSorted(compare)
  const clientIds = view.clientIds.toSorted(compareText)
  const shareOf = (currentClientId: string): ReadonlyArray<MessageQueue> =>
    Result.getOrElse(strategy.allocate({ clientIds, currentClientId, queues }), () => [])
  return view.mode === "PULL" ? shareOf(clientId) : popped(clientId, queues, clientIds, view.popShareQueueNum, shareOf)
}

const popped = (
  clientId: string,
  queues: ReadonlyArray<MessageQueue>,
  clientIds: ReadonlyArray<string>,
  popShareQueueNum: number,
  shareOf: (clientId: string) => ReadonlyArray<MessageQueue>,
): ReadonlyArray<MessageQueue> => {
  if (popShareQueueNum <= 0 || popShareQueueNum >= clientIds.length - 1) {
    return distinct(queues.map(({ brokerName, topic }) => ({ brokerName, queueId: wholeBroker, topic })))
  }
  const index = clientIds.indexOf(clientId)
  if (clientIds.length > queues.length) return [queues[index % queues.length]!]
  const sharers = Array.from(
    { length: popShareQueueNum + 1 },
    (_, step) => clientIds[(index + step) % clientIds.length]!,
  )
  return distinct(sharers.flatMap(shareOf))
}

const distinct = (queues: ReadonlyArray<MessageQueue>): ReadonlyArray<MessageQueue> => [
  ...new Map(queues.map((queue) => [print(queue), queue])).values(),
]
