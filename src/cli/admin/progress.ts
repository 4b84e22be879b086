/** Who consumes, and how far: what several areas ask. */
import * as AdminFormat from "../../format/Admin.ts"
import { ConsumerConnection } from "../../format/Connections.ts"
import { ConsumeStats } from "../../format/ConsumeStats.ts"
import { ConsumerGroupOf } from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { GroupList } from "../../format/RouteData.ts"
import type { Broker } from "../ClusterClient.ts"
import type { Admin } from "./Admin.ts"

/** Who of a group is connected to a broker; undefined when nobody is. */
export const connectionOf = (
  admin: Admin,
  broker: Broker,
  consumerGroup: string,
): Promise<ConsumerConnection | undefined> =>
  admin.askIf(
    broker,
    { code: RequestCode.GET_CONSUMER_CONNECTION_LIST, ext: ConsumerGroupOf.encode({ consumerGroup }) },
    ConsumerConnection,
    [ResponseCode.CONSUMER_NOT_ONLINE],
  )

/** The progress of a group on a broker, on all topics or on one. */
export const statsOf = (admin: Admin, broker: Broker, consumerGroup: string, topic?: string): Promise<ConsumeStats> =>
  admin.ask(
    broker,
    {
      code: RequestCode.GET_CONSUME_STATS,
      ext: AdminFormat.GetConsumeStats.encode({ consumerGroup, ...(topic === undefined ? {} : { topic }) }),
    },
    ConsumeStats,
  )

/** The groups that consume a topic: connected now, or with offsets. */
export const groupsOf = async (
  admin: Admin,
  topic: string,
  brokers: ReadonlyArray<Broker>,
): Promise<ReadonlyArray<string>> => {
  const request = { code: RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, ext: AdminFormat.TopicOf.encode({ topic }) }
  const lists = await Promise.all(brokers.map((broker) => admin.ask(broker, request, GroupList)))
  return [...new Set(lists.flatMap(({ groupList }) => groupList))].toSorted()
}

/** The order in which queues are told. */
export const byQueue = (a: MessageQueue, b: MessageQueue): number =>
  compare(a.topic, b.topic) || compare(a.brokerName, b.brokerName) || a.queueId - b.queueId

interface MessageQueue {
  readonly topic: string
  readonly brokerName: string
  readonly queueId: number
}

export const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Questions under way at once: enough to be quick about thousands of topics, few enough for any broker. */
const atOnce = 16

/** What `find` finds for each item, in their order. */
export const aFewAtATime = async <T, R>(items: ReadonlyArray<T>, find: (item: T) => Promise<R>): Promise<Array<R>> => {
  const found: Array<R> = []
  for (let at = 0; at < items.length; at += atOnce)
    found.push(...(await Promise.all(items.slice(at, at + atOnce).map(find))))
  return found
}
