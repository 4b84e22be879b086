/**
 * The servers that are compared. Each says only how its processes are started; settings come from the same property
 * files, and everything that is measured is measured in one place for all of them.
 */

import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Apache from "../test/interop/apache.ts"
import * as Java from "../test/interop/java.ts"
import type { Command } from "../test/interop/processes.ts"
import { type BrokerSpec, type NameServerSpec, writeBrokerFile, writeNameServerFile } from "../test/interop/servers.ts"
import type { ContestantName, Options } from "./options.ts"

export interface Contestant {
  readonly name: ContestantName
  readonly title: string
  /** What a reader of the figures must know about how it was run. */
  readonly settings: string
  readonly nameServer?: (spec: NameServerSpec) => Command
  readonly broker: (spec: BrokerSpec) => Command
  /** A whole cluster in one process; it listens on the standard port of a broker. */
  readonly dev?: (folder: string) => Command
}

/** Why a contestant cannot be measured here, in one sentence. */
export interface Absent {
  readonly absent: string
}

export const find = (name: ContestantName, options: Options): Contestant | Absent => {
  switch (name) {
    case "apache":
      return apache(options)
    case "gantry":
      return gantry()
    case "fake":
      return fake
  }
}

/** What the release's start scripts open to the broker's direct access to memory. */
const openPackages = [
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
  "--add-opens=java.base/java.nio=ALL-UNNAMED",
  "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
  "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
  "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
  "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
]

/** The collector's options of the release's own runbroker.sh; only the heap is ours, 8 GiB there. */
const stockBroker = [
  "-server",
  "-XX:+UseG1GC",
  "-XX:G1HeapRegionSize=16m",
  "-XX:G1ReservePercent=25",
  "-XX:InitiatingHeapOccupancyPercent=30",
  "-XX:SoftRefLRUPolicyMSPerMB=0",
  "-XX:-OmitStackTraceInFastThrow",
  "-XX:+AlwaysPreTouch",
  "-XX:MaxDirectMemorySize=15g",
  "-XX:-UseLargePages",
]

const nameServerHeap = "512m"

const apache = ({ heap }: Options): Contestant | Absent => {
  const java = Java.find()
  if ("missing" in java) return { absent: `Not found: ${java.missing.join(" ")}` }
  let classPath: string
  try {
    // Only the jars: the bench keeps the release's own logging.
    classPath = Java.classPath(java, { folder: "apache", version: Apache.releaseVersion })
  } catch (error) {
    return { absent: error instanceof Error ? error.message : String(error) }
  }
  const command = (jvm: ReadonlyArray<string>, folder: string, main: string, config: string): Command => ({
    name: `Apache ${main}`,
    file: java.java,
    args: [
      ...jvm,
      ...openPackages,
      // Whatever no setting moves, logs among it, stays inside the folder.
      `-Duser.home=${folder}`,
      `-Drocketmq.home.dir=${folder}`,
      "-classpath",
      classPath,
      main,
      "-c",
      config,
    ],
    cwd: folder,
    logPath: join(folder, "server.log"),
  })
  const version = spawnSync(java.java, ["-version"], { encoding: "utf8" }).stderr.split("\n")[1] ?? "unknown JVM"
  return {
    name: "apache",
    title: `Apache RocketMQ ${Apache.releaseVersion}`,
    settings:
      `broker -Xms${heap} -Xmx${heap} with the options of its runbroker.sh (G1, AlwaysPreTouch), ` +
      `name server -Xms${nameServerHeap} -Xmx${nameServerHeap}; ${version.trim()}`,
    nameServer: (spec) =>
      command(
        ["-server", `-Xms${nameServerHeap}`, `-Xmx${nameServerHeap}`],
        spec.folder,
        "org.apache.rocketmq.namesrv.NamesrvStartup",
        writeNameServerFile(spec),
      ),
    broker: (spec) =>
      command(
        [`-Xms${heap}`, `-Xmx${heap}`, ...stockBroker],
        spec.folder,
        "org.apache.rocketmq.broker.BrokerStartup",
        writeBrokerFile(spec),
      ),
  }
}

const root = join(import.meta.dirname, "..")
const gantryMain = join(root, "src/cli/main.ts")

const gantry = (): Contestant | Absent => {
  if (!existsSync(gantryMain)) return { absent: "Not found: src/cli/main.ts." }
  const command = (folder: string, ...args: ReadonlyArray<string>): Command => ({
    name: `gantry ${args[0]}`,
    file: process.execPath,
    args: [gantryMain, ...args],
    cwd: folder,
    logPath: join(folder, "server.log"),
  })
  return {
    name: "gantry",
    title: "Gantry",
    settings: `Node ${process.version}, default options`,
    nameServer: (spec) => command(spec.folder, "namesrv", "-c", writeNameServerFile(spec)),
    broker: (spec) => command(spec.folder, "broker", "-c", writeBrokerFile(spec)),
    dev: (folder) => command(folder, "dev"),
  }
}

const fake: Contestant = {
  name: "fake",
  title: "no server",
  settings: "stores nothing, answers at once: the limit of the load generator",
  broker: (spec) => ({
    name: "fake broker",
    file: process.execPath,
    args: [join(import.meta.dirname, "FakeBroker.ts"), String(spec.port)],
    cwd: spec.folder,
    logPath: join(spec.folder, "server.log"),
  }),
}
