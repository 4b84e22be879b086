/**
 * A message queue as clients name it: one queue of a topic on one broker.
 * Source: behaviour of RocketMQ 5.5.0 (MessageQueue).
 */
import { compare as compareText } from "./JavaString.ts"

export interface MessageQueue {
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
}

/** The order in which a rebalance lays out queues: every member of a group must lay them out alike. */
export const compare = (left: MessageQueue, right: MessageQueue): number =>
  compareText(left.topic, right.topic) || compareText(left.brokerName, right.brokerName) || left.queueId - right.queueId

export const isEqual = (left: MessageQueue, right: MessageQueue): boolean =>
  left.queueId === right.queueId && left.topic === right.topic && left.brokerName === right.brokerName

/** RocketMQ's text form: the key of a queue on the hash ring. */
export const print = (queue: MessageQueue): string =>
  `MessageQueue [topic=${queue.topic}, brokerName=${queue.brokerName}, queueId=${queue.queueId}]`
