/** All commands of `gantry admin`, by area. */
import type { Area } from "./AdminWords.ts"
import { brokerCommands } from "./brokerWords.ts"
import { clusterCommands } from "./clusterWords.ts"
import { connectionCommands } from "./connectionWords.ts"
import { groupCommands } from "./groupWords.ts"
import { messageCommands } from "./messageWords.ts"
import { nameCommands } from "./nameWords.ts"
import { offsetCommands } from "./offsetWords.ts"
import { topicCommands } from "./topicWords.ts"

export const areas: ReadonlyArray<Area> = [
  { commands: topicCommands, load: async () => (await import("./topics.ts")).handlers, title: "Topics" },
  { commands: groupCommands, load: async () => (await import("./groups.ts")).handlers, title: "Groups" },
  { commands: offsetCommands, load: async () => (await import("./offsets.ts")).handlers, title: "Offsets" },
  { commands: messageCommands, load: async () => (await import("./messages.ts")).handlers, title: "Messages" },
  { commands: connectionCommands, load: async () => (await import("./connections.ts")).handlers, title: "Connections" },
  { commands: brokerCommands, load: async () => (await import("./brokers.ts")).handlers, title: "Brokers" },
  {
    commands: clusterCommands,
    load: async () => (await import("./cluster.ts")).handlers,
    title: "Cluster and statistics",
  },
  { commands: nameCommands, load: async () => (await import("./names.ts")).handlers, title: "Name servers" },
]

const replication = "it needs replication, which Gantry does not have yet."
const accessControl = "it needs access control, which Gantry does not have yet."
const controller = "it asks a controller, which Gantry does not have."
const container = "it needs a broker container, which Gantry does not have: start brokers with gantry broker."
const rocksDb = "it reads RocksDB, in which Gantry keeps nothing."
const staticTopic = "Gantry has no static topics."
const coldData = "Gantry does not tell cold reads from others."
const exported =
  "there are files for none of it: print it by -o json, with topicList -c, getBrokerConfig or brokerStatus."
const lite = "Gantry has no lite topics."

/** Commands of mqadmin that are not here, and why. */
export const notServed: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({
    [accessControl]:
      "createUser updateUser deleteUser getUser listUser copyUser createAcl updateAcl deleteAcl getAcl listAcl copyAcl",
    [coldData]:
      "getColdDataFlowCtrInfo updateColdDataFlowCtrGroupConfig removeColdDataFlowCtrGroupConfig setCommitLogReadAheadMode",
    [container]: "addBroker removeBroker",
    [controller]:
      "getControllerMetaData getControllerConfig updateControllerConfig electMaster cleanBrokerMetadata getSyncStateSet",
    [exported]: "exportMetadata exportConfigs exportMetrics exportPopRecord",
    [lite]:
      "getBrokerLiteInfo getParentTopicInfo getLiteTopicInfo getLiteClientInfo getLiteGroupInfo triggerLiteDispatch",
    [replication]: "haStatus getBrokerEpoch resetMasterFlushOffset",
    [rocksDb]: "rocksDBConfigToJson exportMetadataInRocksDB checkRocksdbCqWriteProgress switchTimerEngine",
    [staticTopic]: "updateStaticTopic remappingStaticTopic",
    "Gantry keeps no compacted topics.": "dumpCompactionLog",
    "use gantry admin consumerProgress in a loop, or the broker's metrics.": "startMonitoring",
  }).flatMap(([why, names]) => names.split(" ").map((name) => [name, why])),
)
