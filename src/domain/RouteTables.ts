/**
 * The tables behind Route, and the few moves that keep them in step: every queue data has its broker, every broker
 * knows its topics, and nothing empty stays. Only Route uses these.
 */
import type { DataVersion } from "./DataVersion.ts"
import { compare } from "./JavaString.ts"

export const masterId = 0

/** What one broker says of one topic. */
export interface QueueData {
  readonly brokerName: string
  readonly readQueueNums: number
  readonly writeQueueNums: number
  readonly perm: number
  readonly topicSysFlag: number
}

/** The addresses of one broker name: `brokerAddrs` from broker id (0 is the master) to `ip:port`, sorted by id. */
export interface BrokerData {
  readonly cluster: string
  readonly brokerName: string
  readonly brokerAddrs: ReadonlyMap<number, string>
  readonly enableActingMaster: boolean
  readonly zoneName?: string
}

/** Where the queues of a static topic lie on one broker; `currIdMap` from logical to physical queue id. */
export interface MappingInfo {
  readonly topic: string
  readonly bname: string
  readonly totalQueues: number
  readonly epoch: number
  readonly scope: string
  readonly dirty: boolean
  readonly currIdMap: ReadonlyMap<number, number>
}

export interface TopicRoute {
  readonly queueDatas: ReadonlyArray<QueueData>
  readonly brokerDatas: ReadonlyArray<BrokerData>
  readonly filterServerTable: ReadonlyMap<string, ReadonlyArray<string>>
  readonly topicQueueMappingByBroker?: ReadonlyMap<string, MappingInfo>
}

/** A broker that registered and has not been lost. `C` is whatever the owner knows a connection by. */
export interface LiveBroker<C> {
  readonly clusterName: string
  readonly brokerAddr: string
  readonly brokerName: string
  readonly brokerId: number
  readonly haServerAddr: string
  readonly heartbeatTimeoutMs: number
  readonly dataVersion: DataVersion
  readonly connection: C
  lastUpdateMs: number
}

export interface BrokerEntry {
  readonly cluster: string
  readonly brokerName: string
  readonly addrs: Map<number, string>
  readonly topics: Set<string>
  enableActingMaster: boolean
  zoneName: string | undefined
}

export interface Route<C> {
  readonly topics: Map<string, Map<string, QueueData>>
  readonly brokers: Map<string, BrokerEntry>
  readonly clusters: Map<string, Set<string>>
  readonly live: Map<string, LiveBroker<C>>
  readonly filterServers: Map<string, ReadonlyArray<string>>
  readonly mappings: Map<string, Map<string, MappingInfo>>
}

export const make = <C>(): Route<C> => ({
  topics: new Map(),
  brokers: new Map(),
  clusters: new Map(),
  live: new Map(),
  filterServers: new Map(),
  mappings: new Map(),
})

export const liveKey = (clusterName: string, brokerAddr: string): string => `${clusterName}\n${brokerAddr}`

export const minOf = (addrs: ReadonlyMap<number, string>): number => {
  let min = Number.POSITIVE_INFINITY
  for (const id of addrs.keys()) if (id < min) min = id
  return min
}

export const sortedById = (addrs: ReadonlyMap<number, string>): ReadonlyMap<number, string> =>
  new Map([...addrs].toSorted((a, b) => a[0] - b[0]))

export const sortedByKey = <V>(table: ReadonlyMap<string, V>): Array<[string, V]> =>
  [...table].toSorted((a, b) => compare(a[0], b[0]))

export const brokerDataOf = (broker: BrokerEntry, actingMaster: boolean): BrokerData => {
  const addrs = new Map(sortedById(broker.addrs))
  if (actingMaster && broker.enableActingMaster && !addrs.has(masterId)) {
    const id = minOf(addrs)
    const addr = addrs.get(id)!
    addrs.delete(id)
    addrs.set(masterId, addr)
  }
  return {
    cluster: broker.cluster,
    brokerName: broker.brokerName,
    brokerAddrs: sortedById(addrs),
    enableActingMaster: broker.enableActingMaster,
    ...(broker.zoneName === undefined ? {} : { zoneName: broker.zoneName }),
  }
}

export const setQueueData = <C>(route: Route<C>, broker: BrokerEntry, topic: string, queue: QueueData): void => {
  broker.topics.add(topic)
  const queues = route.topics.get(topic)
  if (queues === undefined) route.topics.set(topic, new Map([[broker.brokerName, queue]]))
  else queues.set(broker.brokerName, queue)
}

export const removeQueueData = <C>(route: Route<C>, broker: BrokerEntry, topic: string): void => {
  broker.topics.delete(topic)
  removeOf(route.topics, topic, broker.brokerName)
  removeOf(route.mappings, topic, broker.brokerName)
}

const removeOf = <V>(table: Map<string, Map<string, V>>, topic: string, brokerName: string): void => {
  const byBroker = table.get(topic)
  if (byBroker === undefined) return
  byBroker.delete(brokerName)
  if (byBroker.size === 0) table.delete(topic)
}

export const removeBroker = <C>(route: Route<C>, broker: BrokerEntry): void => {
  route.brokers.delete(broker.brokerName)
  for (const topic of broker.topics) removeQueueData(route, broker, topic)
  for (const [topic] of route.mappings) removeOf(route.mappings, topic, broker.brokerName)
  for (const [cluster, brokerNames] of route.clusters) {
    brokerNames.delete(broker.brokerName)
    if (brokerNames.size === 0) route.clusters.delete(cluster)
  }
}

export const changePerm = <C>(route: Route<C>, broker: BrokerEntry, change: (perm: number) => number): number => {
  for (const topic of broker.topics) {
    const queues = route.topics.get(topic)!
    const queue = queues.get(broker.brokerName)!
    queues.set(broker.brokerName, { ...queue, perm: change(queue.perm) })
  }
  return broker.topics.size
}
