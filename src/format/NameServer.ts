/** Requests to the name server and their answers. Source: spec/wire.md, nameserver. */
import { flag, header, int, long, optional, text } from "./header.ts"

const broker = {
  brokerName: text("Name that master and replicas share."),
  brokerAddr: text("ip:port that clients connect to."),
  clusterName: text("Cluster of the broker."),
  brokerId: long("0 is the master."),
}

/** REGISTER_BROKER (103). */
export const RegisterBroker = header(
  "RegisterBroker",
  {
    ...broker,
    haServerAddr: text("ip:port of the replication port."),
    heartbeatTimeoutMillis: optional(long("Silence after which the broker counts as gone, ms; absent: 120,000.")),
    enableActingMaster: optional(flag("Absent marks a broker before 5.0.")),
    compressed: optional(flag("The body is compressed.")),
    bodyCrc32: optional(int("CRC-32 of the body as sent, top bit cleared; 0: not checked.")),
    zoneName: optional(text("Zone of the broker.")),
  },
  { zoneName: "__ZONE_NAME" },
)
export type RegisterBroker = typeof RegisterBroker.Type

/** Its answer, for a replica whose master is alive. */
export const RegisterBrokerAnswer = header("RegisterBrokerAnswer", {
  haServerAddr: optional(text("Where the master replicates from.")),
  masterAddr: optional(text("The master's address.")),
})
export type RegisterBrokerAnswer = typeof RegisterBrokerAnswer.Type

/** UNREGISTER_BROKER (104) and QUERY_DATA_VERSION (322). */
export const BrokerOf = header("BrokerOf", broker)
export type BrokerOf = typeof BrokerOf.Type

/** The answer of 322. */
export const QueryDataVersionAnswer = header("QueryDataVersionAnswer", {
  changed: flag("The name server knows another version."),
})
export type QueryDataVersionAnswer = typeof QueryDataVersionAnswer.Type

/** BROKER_HEARTBEAT (904). */
export const BrokerHeartbeat = header("BrokerHeartbeat", {
  clusterName: text("Cluster of the broker."),
  brokerAddr: text("ip:port of the broker."),
  brokerName: text("Name of the broker."),
  brokerId: optional(long("0 is the master.")),
})
export type BrokerHeartbeat = typeof BrokerHeartbeat.Type

/** GET_BROKER_MEMBER_GROUP (901). */
export const GetBrokerMemberGroup = header("GetBrokerMemberGroup", {
  clusterName: text("Cluster of the broker."),
  brokerName: text("Name of the broker."),
})
export type GetBrokerMemberGroup = typeof GetBrokerMemberGroup.Type

/** NOTIFY_MIN_BROKER_ID_CHANGE (905), to the brokers of one name. */
export const NotifyMinBrokerIdChange = header("NotifyMinBrokerIdChange", {
  minBrokerId: optional(long("Smallest broker id that is alive.")),
  minBrokerAddr: optional(text("Its address.")),
  offlineBrokerAddr: optional(text("Address of the one that went.")),
  haBrokerAddr: optional(text("Replication address of the smallest.")),
})
export type NotifyMinBrokerIdChange = typeof NotifyMinBrokerIdChange.Type

/** GET_ROUTEINFO_BY_TOPIC (105). */
export const GetRouteInfo = header(
  "GetRouteInfo",
  {
    topic: text("Topic."),
    acceptStandardJsonOnly: optional(flag("Answer in standard JSON, whatever the version.")),
    zoneMode: optional(flag("Only brokers of the zone.")),
    zoneName: optional(text("The zone.")),
  },
  { zoneMode: "__ZONE_MODE", zoneName: "__ZONE_NAME" },
)
export type GetRouteInfo = typeof GetRouteInfo.Type

/** PUT_KV_CONFIG (100). */
export const PutKvConfig = header("PutKvConfig", {
  namespace: text("Namespace."),
  key: text("Key."),
  value: text("Value."),
})
export type PutKvConfig = typeof PutKvConfig.Type

/** GET_KV_CONFIG (101) and DELETE_KV_CONFIG (102). */
export const KvConfigOf = header("KvConfigOf", { namespace: text("Namespace."), key: text("Key.") })
export type KvConfigOf = typeof KvConfigOf.Type

/** The answer of 101. */
export const GetKvConfigAnswer = header("GetKvConfigAnswer", { value: optional(text("Value.")) })
export type GetKvConfigAnswer = typeof GetKvConfigAnswer.Type

/** GET_KVLIST_BY_NAMESPACE (219). */
export const GetKvListByNamespace = header("GetKvListByNamespace", { namespace: text("Namespace.") })
export type GetKvListByNamespace = typeof GetKvListByNamespace.Type

/** GET_TOPICS_BY_CLUSTER (224). */
export const GetTopicsByCluster = header("GetTopicsByCluster", { cluster: text("Cluster.") })
export type GetTopicsByCluster = typeof GetTopicsByCluster.Type

/** WIPE_WRITE_PERM_OF_BROKER (205) and ADD_WRITE_PERM_OF_BROKER (327). */
export const WritePermOfBroker = header("WritePermOfBroker", { brokerName: text("Name of the broker.") })
export type WritePermOfBroker = typeof WritePermOfBroker.Type

/** The answer of 205. */
export const WipeWritePermAnswer = header("WipeWritePermAnswer", { wipeTopicCount: int("Topics changed.") })
export type WipeWritePermAnswer = typeof WipeWritePermAnswer.Type

/** The answer of 327. */
export const AddWritePermAnswer = header("AddWritePermAnswer", { addTopicCount: int("Topics changed.") })
export type AddWritePermAnswer = typeof AddWritePermAnswer.Type

/** DELETE_TOPIC_IN_NAMESRV (216). */
export const DeleteTopicInNamesrv = header("DeleteTopicInNamesrv", {
  topic: text("Topic."),
  clusterName: optional(text("Only on the brokers of this cluster.")),
})
export type DeleteTopicInNamesrv = typeof DeleteTopicInNamesrv.Type
