/**
 * The name server's tables: which brokers are alive, which topics they serve, where a client finds them. Name servers
 * do not talk to each other; each knows what brokers tell it, and forgets a broker that falls silent or disconnects.
 *
 * The tables are mutable inside their owner; each function below is one input, applied whole or refused unchanged. A
 * reverse index from broker to topics makes the loss of a broker cost its own topics only, not all of them.
 *
 * Laws (test/model/domain/Route.test.ts, against a model that keeps plain lists)
 *   routed      a topic's route names exactly the brokers that registered it and still have an address
 *   refused     a refused registration changes nothing
 *   repeated    registering the same twice is registering once
 *   forgotten   after `expire` no broker is silent longer than it promised; after the last one left, all tables are
 *               empty
 *   late        the end of an old connection never removes what a newer connection registered
 * Source: behaviour of RocketMQ 5.5.0 (RouteInfoManager).
 */
import * as Result from "effect/Result"
import { type DataVersion, isEqual } from "./DataVersion.ts"
import { compare } from "./JavaString.ts"
import { hint } from "./Nearest.ts"
import { type Refusal, refuse } from "./Refusal.ts"
import { TopicFlag, has } from "./SysFlag.ts"
import {
  type BrokerData,
  type BrokerEntry,
  type LiveBroker,
  type MappingInfo,
  type QueueData,
  type Route,
  type TopicRoute,
  brokerDataOf,
  changePerm,
  liveKey,
  masterId,
  minOf,
  removeBroker,
  removeQueueData,
  setQueueData,
  sortedById,
  sortedByKey,
} from "./RouteTables.ts"
import { Perm, type TopicConfig, isWritable } from "./Topic.ts"

export {
  type BrokerData,
  type LiveBroker,
  type MappingInfo,
  type QueueData,
  type Route,
  type TopicRoute,
  make,
  masterId,
} from "./RouteTables.ts"

export const heartbeatTimeoutMsDefault = 120_000
const syncMemberPrefix = "rmq_sys_SYNC_BROKER_MEMBER_"

/** One REGISTER_BROKER. */
export interface Registration<C> {
  readonly clusterName: string
  readonly brokerName: string
  readonly brokerId: number
  readonly brokerAddr: string
  readonly haServerAddr: string
  /** Undefined: a broker older than 5.0, which never stands in for its master. */
  readonly enableActingMaster: boolean | undefined
  readonly zoneName?: string
  /** Undefined: the default, 120 s. */
  readonly heartbeatTimeoutMs?: number | undefined
  readonly dataVersion: DataVersion
  readonly topics: ReadonlyMap<string, TopicConfig>
  readonly mappings?: ReadonlyMap<string, MappingInfo>
  readonly filterServers?: ReadonlyArray<string>
  readonly connection: C
  readonly nowMs: number
}

export interface RegistrationSettings {
  /** Forget topics that the registration leaves out. RocketMQ's `deleteTopicWithBrokerRegistration`, off. */
  readonly deleteTopicWithBrokerRegistration: boolean
}

/** Told to the members of a broker name when the smallest id changed and the name server is set to notify. */
export interface MinBrokerIdChanged {
  readonly brokerName: string
  readonly minBrokerId: number
  readonly minBrokerAddr: string
  readonly offlineBrokerAddr?: string
  readonly haBrokerAddr?: string
  /** Who is to be told. */
  readonly brokerAddrs: ReadonlyArray<string>
}

export interface Registered {
  /** For a slave whose master is alive. */
  readonly masterAddr?: string
  readonly haServerAddr?: string
  /** Another address holds this id with a newer state: nothing was registered, and the answer is success. */
  readonly ignored: boolean
  readonly minBrokerIdChanged?: MinBrokerIdChanged
}

/**
 * Registers a broker and its topics. Only the master's topics count, or those of the slave with the smallest id while
 * there is no master. Refused with SYSTEM_ERROR: an unknown broker that brings exactly one topic, because that is an
 * incremental update whose base this name server never saw; the broker's next full registration succeeds.
 */
export const register = <C>(
  route: Route<C>,
  input: Registration<C>,
  settings: RegistrationSettings = { deleteTopicWithBrokerRegistration: false },
): Result.Result<Registered, Refusal> => {
  const { brokerAddr, brokerId, brokerName, clusterName } = input
  const known = route.brokers.get(brokerName)
  const addrBefore = known?.addrs.get(brokerId)
  if (addrBefore !== undefined && addrBefore !== brokerAddr) {
    const holder = route.live.get(liveKey(clusterName, addrBefore))
    if (holder !== undefined && holder.dataVersion.stateVersion > input.dataVersion.stateVersion) {
      route.live.delete(liveKey(clusterName, brokerAddr))
      return Result.succeed({ ignored: true })
    }
  }
  if (addrBefore === undefined && input.topics.size === 1) {
    return refuse(
      "SYSTEM_ERROR",
      `register broker failed: broker ${brokerName} id ${brokerId} at ${brokerAddr} is not known here and sent a ` +
        "single topic. Register with the whole topic table first.",
    )
  }

  const minIdBefore = known === undefined || known.addrs.size === 0 ? 0 : minOf(known.addrs)
  const broker = known ?? addBroker(route, input)
  const brokerNames = route.clusters.get(clusterName)
  if (brokerNames === undefined) route.clusters.set(clusterName, new Set([brokerName]))
  else brokerNames.add(brokerName)
  broker.enableActingMaster = input.enableActingMaster ?? false
  broker.zoneName = input.zoneName
  // A slave that became master comes back with the same address under another id.
  for (const [id, addr] of broker.addrs) if (addr === brokerAddr && id !== brokerId) broker.addrs.delete(id)
  broker.addrs.set(brokerId, brokerAddr)

  const key = liveKey(clusterName, brokerAddr)
  const isMaster = brokerId === masterId
  const isPrimeSlave = !isMaster && input.enableActingMaster !== undefined && brokerId === minOf(broker.addrs)
  if (isMaster || isPrimeSlave) {
    const before = route.live.get(key)
    const isChanged =
      addrBefore === undefined || before === undefined || !isEqual(before.dataVersion, input.dataVersion)
    registerTopics(route, broker, input, isChanged, isPrimeSlave && broker.enableActingMaster)
    if (settings.deleteTopicWithBrokerRegistration && (input.mappings?.size ?? 0) === 0) {
      for (const topic of broker.topics) if (!input.topics.has(topic)) removeQueueData(route, broker, topic)
    }
  }
  route.live.set(key, {
    clusterName,
    brokerAddr,
    brokerName,
    brokerId,
    haServerAddr: input.haServerAddr,
    heartbeatTimeoutMs: input.heartbeatTimeoutMs ?? heartbeatTimeoutMsDefault,
    dataVersion: input.dataVersion,
    connection: input.connection,
    lastUpdateMs: input.nowMs,
  })
  if (input.filterServers !== undefined && input.filterServers.length > 0) {
    route.filterServers.set(brokerAddr, input.filterServers)
  } else route.filterServers.delete(brokerAddr)

  const minBrokerIdChanged = brokerId < minIdBefore ? minChange(route, broker, undefined) : undefined
  return Result.succeed({
    ignored: false,
    ...(isMaster ? {} : masterOf(route, broker)),
    ...(minBrokerIdChanged === undefined ? {} : { minBrokerIdChanged }),
  })
}

/** Notes a sign of life. Answers false when the broker is not registered: it should register again. */
export const heartbeat = <C>(route: Route<C>, clusterName: string, brokerAddr: string, nowMs: number): boolean => {
  const live = route.live.get(liveKey(clusterName, brokerAddr))
  if (live === undefined) return false
  live.lastUpdateMs = nowMs
  return true
}

/** QUERY_DATA_VERSION: a sign of life, and the version that this name server last took from the broker. */
export const dataVersion = <C>(
  route: Route<C>,
  clusterName: string,
  brokerAddr: string,
  nowMs: number,
): DataVersion | undefined => {
  heartbeat(route, clusterName, brokerAddr, nowMs)
  return route.live.get(liveKey(clusterName, brokerAddr))?.dataVersion
}

/** Which address of which broker leaves. */
export interface Leaving {
  readonly clusterName: string
  readonly brokerAddr: string
  readonly brokerName: string
}

/** Forgets one address, and with the last address of its name the broker and its topics. */
export const unregister = <C>(route: Route<C>, leaving: Leaving): MinBrokerIdChanged | undefined => {
  const { brokerAddr, brokerName, clusterName } = leaving
  route.live.delete(liveKey(clusterName, brokerAddr))
  route.filterServers.delete(brokerAddr)
  const broker = route.brokers.get(brokerName)
  if (broker === undefined) return undefined
  const minIdBefore = minOf(broker.addrs)
  for (const [id, addr] of broker.addrs) if (addr === brokerAddr) broker.addrs.delete(id)
  if (broker.addrs.size === 0) {
    removeBroker(route, broker)
    return undefined
  }
  if (broker.enableActingMaster && !broker.addrs.has(masterId)) wipeWrite(route, broker)
  return minOf(broker.addrs) === minIdBefore ? undefined : minChange(route, broker, brokerAddr)
}

/** The brokers whose connection ended, unregistered. A broker that registered again on another one stays. */
export const disconnected = <C>(route: Route<C>, connection: C): ReadonlyArray<LiveBroker<C>> =>
  drop(route, (live) => live.connection === connection)

/** The brokers that were silent for longer than they promised, unregistered. */
export const expire = <C>(route: Route<C>, nowMs: number): ReadonlyArray<LiveBroker<C>> =>
  drop(route, (live) => live.lastUpdateMs + live.heartbeatTimeoutMs < nowMs)

/** When `expire` has something to do at the earliest, or undefined while no broker is registered. */
export const nextDueMs = <C>(route: Route<C>): number | undefined => {
  let due: number | undefined
  for (const live of route.live.values()) {
    const at = live.lastUpdateMs + live.heartbeatTimeoutMs + 1
    if (due === undefined || at < due) due = at
  }
  return due
}

/**
 * The route of a topic, or undefined when no live broker serves it. With `supportActingMaster` a slave stands in as id
 * 0 where the master is gone and the broker allows it.
 */
export const routeOf = <C>(route: Route<C>, topic: string, supportActingMaster = false): TopicRoute | undefined => {
  const queues = route.topics.get(topic)
  if (queues === undefined) return undefined
  const queueDatas = [...queues.values()].toSorted((a, b) => compare(a.brokerName, b.brokerName))
  const brokerDatas: Array<BrokerData> = []
  const filterServerTable = new Map<string, ReadonlyArray<string>>()
  for (const queue of queueDatas) {
    const broker = route.brokers.get(queue.brokerName)
    if (broker === undefined || broker.addrs.size === 0) continue
    const stands = supportActingMaster && !isWritable(queue.perm) && !topic.startsWith(syncMemberPrefix)
    brokerDatas.push(brokerDataOf(broker, stands))
    for (const addr of broker.addrs.values()) {
      const servers = route.filterServers.get(addr)
      if (servers !== undefined) filterServerTable.set(addr, servers)
    }
  }
  if (brokerDatas.length === 0) return undefined
  const mappings = route.mappings.get(topic)
  return {
    queueDatas,
    brokerDatas,
    filterServerTable,
    ...(mappings === undefined ? {} : { topicQueueMappingByBroker: mappings }),
  }
}

/** The route, or TOPIC_NOT_EXIST with a hint at a similar name. */
export const findRoute = <C>(
  route: Route<C>,
  topic: string,
  supportActingMaster = false,
): Result.Result<TopicRoute, Refusal> => {
  const found = routeOf(route, topic, supportActingMaster)
  if (found !== undefined) return Result.succeed(found)
  // Clients ask for unknown topics all day, before they fall back to the template; a huge table is not searched for it.
  const similar = route.topics.size <= similarNamesMax ? hint(topic, route.topics.keys()) : ""
  return refuse(
    "TOPIC_NOT_EXIST",
    `No topic route info in name server for the topic: ${topic}. Create the topic, or check that its broker registers ` +
      `here.` +
      similar,
  )
}

const similarNamesMax = 2_000

/** What is left of a route for a client of one zone: brokers of that zone, and those without a master. */
export const ofZone = (found: TopicRoute, zoneName: string): TopicRoute => {
  const wanted = zoneName.toLowerCase()
  const brokerDatas = found.brokerDatas.filter(
    (broker) => !broker.brokerAddrs.has(masterId) || broker.zoneName?.toLowerCase() === wanted,
  )
  const kept = new Set(brokerDatas.map((broker) => broker.brokerName))
  return { ...found, brokerDatas, queueDatas: found.queueDatas.filter((queue) => kept.has(queue.brokerName)) }
}

/** The members of a broker name, id to address; empty when unknown. */
export const memberGroup = <C>(route: Route<C>, brokerName: string): ReadonlyMap<number, string> =>
  sortedById(route.brokers.get(brokerName)?.addrs ?? new Map())

/** Every broker and cluster, for administrators. */
export const clusterInfo = <C>(
  route: Route<C>,
): {
  readonly brokerAddrTable: ReadonlyMap<string, BrokerData>
  readonly clusterAddrTable: ReadonlyMap<string, ReadonlyArray<string>>
} => ({
  brokerAddrTable: new Map(sortedByKey(route.brokers).map(([name, broker]) => [name, brokerDataOf(broker, false)])),
  clusterAddrTable: new Map(
    sortedByKey(route.clusters).map(([name, brokers]) => [name, [...brokers].toSorted(compare)]),
  ),
})

export const topicNames = <C>(route: Route<C>): ReadonlyArray<string> => [...route.topics.keys()]

export const topicNamesOfCluster = <C>(route: Route<C>, clusterName: string): ReadonlyArray<string> => {
  const names = new Set<string>()
  for (const brokerName of route.clusters.get(clusterName) ?? []) {
    for (const topic of route.brokers.get(brokerName)?.topics ?? []) names.add(topic)
  }
  return [...names]
}

/** Cluster and broker names, which are topics too, and the address of any broker. */
export const systemTopicList = <C>(
  route: Route<C>,
): { readonly topicList: ReadonlyArray<string>; readonly brokerAddr: string | undefined } => {
  const topicList = new Set<string>()
  for (const [cluster, brokerNames] of route.clusters) {
    topicList.add(cluster)
    for (const brokerName of brokerNames) topicList.add(brokerName)
  }
  const first = route.brokers.values().next().value
  return { topicList: [...topicList], brokerAddr: first?.addrs.values().next().value }
}

/** Topics by the unit bits of their first broker: 311 unit, 312 subscribed by units, 313 subscribed but not unit. */
export const unitTopicNames = <C>(
  route: Route<C>,
  wanted: "unit" | "unitSub" | "unitSubNotUnit",
): ReadonlyArray<string> => {
  const names: Array<string> = []
  for (const [topic, queues] of route.topics) {
    const flag = queues.values().next().value?.topicSysFlag ?? 0
    const unit = has(flag, TopicFlag.UNIT)
    const unitSub = has(flag, TopicFlag.UNIT_SUB)
    if (wanted === "unit" ? unit : wanted === "unitSub" ? unitSub : unitSub && !unit) names.push(topic)
  }
  return names
}

/** Takes the write permission of every topic of a broker until its next changed registration. Answers how many. */
export const wipeWritePerm = <C>(route: Route<C>, brokerName: string): number => {
  const broker = route.brokers.get(brokerName)
  return broker === undefined ? 0 : wipeWrite(route, broker)
}

/** Gives read and write permission back to every topic of a broker. Answers how many. */
export const addWritePerm = <C>(route: Route<C>, brokerName: string): number => {
  const broker = route.brokers.get(brokerName)
  return broker === undefined ? 0 : changePerm(route, broker, () => Perm.READ_WRITE)
}

/** Forgets a topic, everywhere or on the brokers of one cluster. A broker that still has it registers it again. */
export const deleteTopic = <C>(route: Route<C>, topic: string, clusterName?: string): void => {
  const brokerNames =
    clusterName === undefined || clusterName === "" ? route.topics.get(topic)?.keys() : route.clusters.get(clusterName)
  for (const brokerName of brokerNames ?? []) {
    const broker = route.brokers.get(brokerName)
    if (broker !== undefined) removeQueueData(route, broker, topic)
  }
}

/** Registers one topic by hand. Answers false, and changes nothing, when one of the brokers is unknown. */
export const registerTopic = <C>(route: Route<C>, topic: string, queueDatas: ReadonlyArray<QueueData>): boolean => {
  if (queueDatas.some((queue) => !route.brokers.has(queue.brokerName))) return false
  for (const queue of queueDatas) setQueueData(route, route.brokers.get(queue.brokerName)!, topic, queue)
  return true
}

const addBroker = <C>(route: Route<C>, input: Registration<C>): BrokerEntry => {
  const broker: BrokerEntry = {
    cluster: input.clusterName,
    brokerName: input.brokerName,
    addrs: new Map(),
    topics: new Set(),
    enableActingMaster: false,
    zoneName: undefined,
  }
  route.brokers.set(input.brokerName, broker)
  return broker
}

const registerTopics = <C>(
  route: Route<C>,
  broker: BrokerEntry,
  input: Registration<C>,
  isChanged: boolean,
  readOnly: boolean,
): void => {
  for (const [topic, config] of input.topics) {
    if (!isChanged && broker.topics.has(topic)) continue
    setQueueData(route, broker, topic, {
      brokerName: broker.brokerName,
      readQueueNums: config.readQueueNums,
      writeQueueNums: config.writeQueueNums,
      perm: readOnly ? config.perm & ~Perm.WRITE : config.perm,
      topicSysFlag: config.topicSysFlag,
    })
  }
  if (!isChanged || input.mappings === undefined) return
  for (const [topic, mapping] of input.mappings) {
    const byBroker = route.mappings.get(topic)
    if (byBroker === undefined) route.mappings.set(topic, new Map([[mapping.bname, mapping]]))
    else byBroker.set(mapping.bname, mapping)
  }
}

const wipeWrite = <C>(route: Route<C>, broker: BrokerEntry): number =>
  changePerm(route, broker, (perm) => perm & ~Perm.WRITE)

const drop = <C>(route: Route<C>, isLost: (live: LiveBroker<C>) => boolean): ReadonlyArray<LiveBroker<C>> => {
  const lost = [...route.live.values()].filter(isLost)
  for (const live of lost) unregister(route, live)
  return lost
}

const masterOf = <C>(
  route: Route<C>,
  broker: BrokerEntry,
): { readonly masterAddr?: string; readonly haServerAddr?: string } => {
  const masterAddr = broker.addrs.get(masterId)
  const master = masterAddr === undefined ? undefined : route.live.get(liveKey(broker.cluster, masterAddr))
  return master === undefined ? {} : { masterAddr: master.brokerAddr, haServerAddr: master.haServerAddr }
}

/** All members hear of a loss, or when one alone is left; of a newcomer all but the newcomer itself. */
const minChange = <C>(
  route: Route<C>,
  broker: BrokerEntry,
  offlineBrokerAddr: string | undefined,
): MinBrokerIdChanged => {
  const minBrokerId = minOf(broker.addrs)
  const minBrokerAddr = broker.addrs.get(minBrokerId)!
  const all = [...broker.addrs.values()]
  const tellAll = offlineBrokerAddr !== undefined || all.length === 1
  const haBrokerAddr = route.live.get(liveKey(broker.cluster, minBrokerAddr))?.haServerAddr
  return {
    brokerName: broker.brokerName,
    minBrokerId,
    minBrokerAddr,
    ...(offlineBrokerAddr === undefined ? {} : { offlineBrokerAddr }),
    ...(haBrokerAddr === undefined ? {} : { haBrokerAddr }),
    brokerAddrs: tellAll ? all : all.filter((addr) => addr !== minBrokerAddr),
  }
}
