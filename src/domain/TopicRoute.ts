/**
 * Routes, as a client reads them: the queues that a topic is sent to, and those that it is read from.
 *
 *   to send   an order configuration, when there is one: exactly its queues, in its order, whether their brokers are
 *             there or not, so that a key keeps its queue while brokers come and go. Else the write queues of every
 *             broker that has write permission and a master, by broker name
 *   to read   the read queues of every broker with read permission, by master or replica
 *
 * The two counts of a topic may differ, which is how it shrinks without loss: fewer write queues first, and fewer read
 * queues once the others are empty. A topic that nobody knows is sent to by the route of the topic that brokers create
 * topics from, with at most so many queues.
 *
 * Laws (test/model/domain/TopicRoute.test.ts)
 *   ordered    with an order configuration the queues to send to are those that it names, whatever else the route says
 *   permitted  no queue of a broker without the permission, or to send without a master, is used
 *   counted    each broker used has its queues from 0 on, as many as the route says, and each once
 *   bounded    no broker has more than `queueNumsMax` queues, whatever a name server says (P11)
 * Source: behaviour of RocketMQ 5.5.0 (MQClientInstance.topicRouteData2TopicPublishInfo).
 */
import type { MessageQueue } from "./MessageQueue.ts"
import { isReadable, isWritable } from "./Topic.ts"

/** What a name server says of a topic, as far as it matters here. */
export interface TopicRoute {
  readonly queueDatas: ReadonlyArray<QueueData>
  readonly brokerDatas: ReadonlyArray<{ readonly brokerName: string; readonly brokerAddrs: Table }>
  readonly orderTopicConf?: string | undefined
}

export interface QueueData {
  readonly brokerName: string
  readonly readQueueNums: number
  readonly writeQueueNums: number
  readonly perm: number
}

/** Addresses by broker id. */
interface Table {
  readonly has: (brokerId: number) => boolean
}

export const masterId = 0
/** As many queues as a broker lets a topic have. */
export const queueNumsMax = 65_536

/** The queues that a topic is sent to, in the order in which producers take turns. */
export const writeQueues = (topic: string, route: TopicRoute): ReadonlyArray<MessageQueue> => {
  if (route.orderTopicConf !== undefined && route.orderTopicConf !== "")
    return orderedQueues(topic, route.orderTopicConf)
  const hasMaster = (name: string): boolean =>
    route.brokerDatas.some(({ brokerAddrs, brokerName }) => brokerName === name && brokerAddrs.has(masterId))
  return route.queueDatas
    .toSorted((left, right) => (left.brokerName < right.brokerName ? -1 : 1))
    .filter(({ brokerName, perm }) => isWritable(perm) && hasMaster(brokerName))
    .flatMap(({ brokerName, writeQueueNums }) => queuesOf(topic, brokerName, writeQueueNums))
}

/** The queues that a topic is read from. */
export const readQueues = (topic: string, route: TopicRoute): ReadonlyArray<MessageQueue> =>
  route.queueDatas
    .filter(({ perm }) => isReadable(perm))
    .flatMap(({ brokerName, readQueueNums }) => queuesOf(topic, brokerName, readQueueNums))

/** The queues of an order configuration, `broker-a:4;broker-b:4`; what cannot be read of it is left out. */
export const orderedQueues = (topic: string, text: string): ReadonlyArray<MessageQueue> =>
  text.split(";").flatMap((part) => {
    const [brokerName, count] = part.split(":")
    return brokerName === undefined || brokerName === "" || count === undefined || !/^\d{1,9}$/.test(count)
      ? []
      : queuesOf(topic, brokerName, Number(count))
  })

/** The route of a topic that does not exist yet, from that of the topic it will be made from. */
export const borrowed = <R extends TopicRoute>(template: R, queueNums: number): R => ({
  ...template,
  queueDatas: template.queueDatas.map((data) => {
    const count = Math.min(queueNums, data.readQueueNums)
    return { ...data, readQueueNums: count, writeQueueNums: count }
  }),
})

const queuesOf = (topic: string, brokerName: string, count: number): ReadonlyArray<MessageQueue> =>
  Array.from({ length: Math.min(queueNumsMax, Math.max(0, count)) }, (_, queueId) => ({ brokerName, queueId, topic }))
