/** What a scenario needs of a cluster, whoever made it: one name server and one broker, started by their usual files. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Child } from "./processes.ts"

export type Properties = Readonly<Record<string, string | number | boolean>>

export interface NameServerSpec {
  /** Where its files and log go. */
  readonly folder: string
  readonly port: number
}

export interface BrokerSpec {
  /** Where its property file and log go. */
  readonly folder: string
  readonly port: number
  readonly nameServerPort: number
  /** The store root; it may hold a store that another broker wrote. */
  readonly storeFolder: string
  /** Settings by their RocketMQ names, over those that `brokerProperties` gives to every broker. */
  readonly properties: Properties
}

/** One make of servers. A server is answered when it is ready to be used. */
export interface Servers {
  readonly make: "Gantry" | "Apache"
  /** How many clusters of it, each with one client, a small machine bears at a time. */
  readonly lanes: number
  /** Whether its broker puts a checksum property on every message without being told to. */
  readonly checksums: boolean
  /** For so long after its start a broker may have answered commits of consumer offsets that a kill would lose. */
  readonly offsetsAtRiskMs: number
  readonly startNameServer: (spec: NameServerSpec) => Promise<Child>
  readonly startBroker: (spec: BrokerSpec) => Promise<Child>
}

/** The property file of a name server; both makes read it. Answers its path. */
export const writeNameServerFile = (spec: NameServerSpec): string =>
  write(spec.folder, "namesrv.conf", {
    listenPort: spec.port,
    bindAddress: "127.0.0.1",
    kvConfigPath: join(spec.folder, "kvConfig.json"),
    configStorePath: join(spec.folder, "namesrv.properties"),
  })

/** The property file of a broker; both makes read it. Answers its path. */
export const writeBrokerFile = (spec: BrokerSpec): string =>
  write(spec.folder, "broker.conf", {
    brokerClusterName: "DefaultCluster",
    brokerName: "broker-a",
    brokerId: 0,
    brokerIP1: "127.0.0.1",
    brokerIP2: "127.0.0.1",
    bindAddress: "127.0.0.1",
    listenPort: spec.port,
    haListenPort: spec.port + 1,
    namesrvAddr: `127.0.0.1:${spec.nameServerPort}`,
    storePathRootDir: spec.storeFolder,
    ...spec.properties,
  })

const write = (folder: string, name: string, properties: Properties): string => {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, name)
  writeFileSync(
    path,
    Object.entries(properties)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  )
  return path
}
