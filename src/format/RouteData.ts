/**
 * Routes: which brokers serve a topic, and the clusters that a name server knows. Clients below 4.9.4 that do not ask
 * for standard JSON take the keys of `brokerAddrs` as bare numbers, and some find them by string search.
 * Source: spec/wire.md, GET_ROUTEINFO_BY_TOPIC and the listings.
 */
import {
  flag,
  int,
  legacy,
  list,
  long,
  map,
  numberMap,
  optional,
  orElse,
  record,
  standard,
  tableSizeMax,
  text,
} from "./shape.ts"
import type { Style } from "./shape.ts"
import { threshold } from "./Version.ts"

export const QueueData = record("QueueData", {
  brokerName: text,
  readQueueNums: int,
  writeQueueNums: int,
  perm: int,
  topicSysFlag: orElse(int, 0),
})

export const BrokerData = record("BrokerData", {
  cluster: orElse(text, ""),
  brokerName: text,
  /** From broker id (0 is the master) to ip:port. */
  brokerAddrs: numberMap(text),
  enableActingMaster: orElse(flag, false),
  zoneName: optional(text),
})

/** Where the queues of a static topic lie on one broker. */
export const MappingInfo = record("TopicQueueMappingInfo", {
  topic: text,
  bname: text,
  totalQueues: int,
  epoch: orElse(long, 0),
  scope: orElse(text, "__global__"),
  dirty: orElse(flag, false),
  currIdMap: orElse(numberMap(int), new Map()),
})

/** The body of the answer to GET_ROUTEINFO_BY_TOPIC (105). */
export const RouteData = record(
  "TopicRouteData",
  {
    queueDatas: orElse(list(QueueData), []),
    brokerDatas: orElse(list(BrokerData), []),
    filterServerTable: orElse(map(list(text)), new Map()),
    orderTopicConf: optional(text),
    topicQueueMappingByBroker: optional(map(MappingInfo)),
  },
  tableSizeMax,
)
export type RouteData = typeof RouteData.Type

/** Which encoding of a route a requester understands. */
export const styleFor = (requesterVersion: number, acceptStandardJsonOnly: boolean): Style =>
  acceptStandardJsonOnly || requesterVersion >= threshold.standardJsonRoute ? standard : legacy

/** The answer to GET_BROKER_CLUSTER_INFO (106); always in legacy JSON. */
export const ClusterInfo = record(
  "ClusterInfo",
  {
    brokerAddrTable: orElse(map(BrokerData), new Map()),
    clusterAddrTable: orElse(map(list(text)), new Map()),
  },
  tableSizeMax,
)
export type ClusterInfo = typeof ClusterInfo.Type

/** The answer to GET_BROKER_MEMBER_GROUP (901). */
export const BrokerMemberGroup = record("GetBrokerMemberGroupResponseBody", {
  brokerMemberGroup: record("BrokerMemberGroup", {
    cluster: orElse(text, ""),
    brokerName: orElse(text, ""),
    brokerAddrs: orElse(numberMap(text), new Map()),
  }),
})
export type BrokerMemberGroup = typeof BrokerMemberGroup.Type

/** A list of topics: 206, 224, 304, 305, 311 to 313, 343. */
export const TopicList = record(
  "TopicList",
  { brokerAddr: optional(text), topicList: orElse(list(text), []) },
  tableSizeMax,
)
export type TopicList = typeof TopicList.Type

/** The answer to QUERY_TOPIC_CONSUME_BY_WHO (300). */
export const GroupList = record("GroupList", { groupList: orElse(list(text), []) }, tableSizeMax)
export type GroupList = typeof GroupList.Type

/** Texts by name: the answers to 28, 103 and 219. */
export const KvTable = record("KVTable", { table: orElse(map(text), new Map()) }, tableSizeMax)
export type KvTable = typeof KvTable.Type
