/**
 * Apache RocketMQ's own name server and broker, as released, run from the jars that Maven resolves. They prove the
 * scenarios (what fails here is wrong in the scenario), open stores that Gantry wrote, and are what benches compare to.
 */
import { mkdirSync } from "node:fs"
import { delimiter, join } from "node:path"
import * as Java from "./java.ts"
import * as Processes from "./processes.ts"
import { writeBrokerFile, writeNameServerFile, type BrokerSpec, type NameServerSpec, type Servers } from "./servers.ts"

export const releaseVersion = "5.5.0"

/** Where the jars are. */
export interface Release {
  readonly java: string
  readonly classPath: string
}

/** Resolves name server and broker with everything they need. The first time, Maven downloads about 60 MB. */
export const resolve = (java: Java.Java, version = releaseVersion): Release => ({
  java: java.java,
  // The folder comes first: its rmq.logback.xml replaces the one inside the jars, which keeps 1 GB of old logs.
  classPath: [join(import.meta.dirname, "apache"), Java.classPath(java, { folder: "apache", version })].join(delimiter),
})

/** What the release's own start scripts open to the broker's direct access to memory. */
const openPackages = [
  "--add-opens=java.base/java.lang=ALL-UNNAMED",
  "--add-opens=java.base/java.nio=ALL-UNNAMED",
  "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
  "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
  "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
  "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
]

/** JVM options of the two servers; what a bench wants otherwise, it says. */
export interface JvmOptions {
  readonly nameServer: ReadonlyArray<string>
  readonly broker: ReadonlyArray<string>
}

export const smallJvms: JvmOptions = {
  nameServer: Java.smallJvm(128),
  broker: [...Java.smallJvm(512), "-XX:MaxDirectMemorySize=512m"],
}

/** `user.home` too is the server's folder: whatever no setting moves, logs among it, stays inside. */
const args = (release: Release, jvm: ReadonlyArray<string>, folder: string, main: string, config: string) => [
  ...jvm,
  ...openPackages,
  `-Duser.home=${folder}`,
  `-Drocketmq.home.dir=${folder}`,
  "-classpath",
  release.classPath,
  main,
  "-c",
  config,
]

export const startNameServer = async (
  release: Release,
  spec: NameServerSpec,
  jvm: JvmOptions = smallJvms,
): Promise<Processes.Child> => {
  const config = writeNameServerFile(spec)
  const child = Processes.start({
    name: `Apache name server ${spec.port}`,
    file: release.java,
    args: args(release, jvm.nameServer, spec.folder, "org.apache.rocketmq.namesrv.NamesrvStartup", config),
    cwd: spec.folder,
    logPath: join(spec.folder, `namesrv-${spec.port}.log`),
  })
  await Processes.ready(child, /The Name Server boot success/, spec.port)
  return child
}

/** Stop it with `Processes.stop` (SIGTERM runs its shutdown hook) or `Processes.kill`; the store folder can be opened again. */
export const startBroker = async (
  release: Release,
  spec: BrokerSpec,
  jvm: JvmOptions = smallJvms,
): Promise<Processes.Child> => {
  const config = writeBrokerFile(spec)
  mkdirSync(spec.storeFolder, { recursive: true })
  const child = Processes.start({
    name: `Apache broker ${spec.port}`,
    file: release.java,
    args: args(release, jvm.broker, spec.folder, "org.apache.rocketmq.broker.BrokerStartup", config),
    cwd: spec.folder,
    logPath: join(spec.folder, `broker-${spec.port}-${++starts}.log`),
  })
  await Processes.ready(child, /The broker.* boot success/, spec.port)
  return child
}

/** Numbers the logs: a broker that is started again must not be found ready by the line of its last life. */
let starts = 0

export const servers = (release: Release, jvm: JvmOptions = smallJvms): Servers => ({
  make: "Apache",
  lanes: 1,
  checksums: false,
  // Offsets are written every `flushConsumerOffsetInterval`, but for the first time 10 s after the start.
  offsetsAtRiskMs: 11_000,
  startNameServer: (spec) => startNameServer(release, spec, jvm),
  // A busy machine must not make the broker refuse what waited 200 ms.
  startBroker: (spec) =>
    startBroker(release, { ...spec, properties: { waitTimeMillsInSendQueue: 10_000, ...spec.properties } }, jvm),
})
