/**
 * The settings of a name server, by RocketMQ's names, so that an existing namesrv.properties works as it is. Settings
 * that have no meaning here (thread pools, JVM matters) are accepted and reported; unknown names and unreadable values
 * are problems, each with what to do about it.
 * Source: RocketMQ 5.5.0 (NamesrvConfig, NettyServerConfig); spec behaviour §10.7.
 */
import { hint } from "../../domain/Nearest.ts"

export interface NamesrvConfig {
  /** The address to listen on, and its port (0: any free one). */
  readonly bindAddress: string
  readonly listenPort: number
  /** Where /healthz, /readyz and /metrics are answered over HTTP; port 0: nowhere. */
  readonly httpAddress: string
  readonly httpPort: number
  /** What is logged: debug, info, warn or error, and whatever weighs more. */
  readonly logLevel: string
  /** The file that keeps the key-value configuration. */
  readonly kvConfigPath: string
  /** Whether routes carry the queue order of ordered topics. */
  readonly orderMessageEnable: boolean
  /** Whether a registration is answered with the queue order of all ordered topics. */
  readonly returnOrderTopicConfigToBroker: boolean
  /** How often brokers that fell silent are looked for, ms. */
  readonly scanNotActiveBrokerInterval: number
  /** Whether routes show a slave in place of a lost master, for brokers that allow it. */
  readonly supportActingMaster: boolean
  /** Whether 206 is answered. */
  readonly enableAllTopicList: boolean
  /** Whether 224 and 311 to 313 are answered. */
  readonly enableTopicList: boolean
  /** Whether the members of a broker name are told when their smallest id changes. */
  readonly notifyMinBrokerIdChanged: boolean
  /** Whether routes are refused for the first `waitSecondsForService` seconds, so that brokers can register first. */
  readonly needWaitForService: boolean
  readonly waitSecondsForService: number
  /** Whether a registration that leaves out a topic removes it. */
  readonly deleteTopicWithBrokerRegistration: boolean
  /** Whether idle connections are told to go away at shutdown, for up to `shutdownWaitTimeSeconds`, before they are cut. */
  readonly enableShutdownGracefully: boolean
  readonly shutdownWaitTimeSeconds: number
}

/** `home` is where RocketMQ keeps its files by default: the user's home directory. */
export const defaults = (home: string): NamesrvConfig => ({
  bindAddress: "0.0.0.0",
  deleteTopicWithBrokerRegistration: false,
  enableAllTopicList: true,
  enableShutdownGracefully: false,
  enableTopicList: true,
  httpAddress: "127.0.0.1",
  httpPort: 0,
  kvConfigPath: `${home}/namesrv/kvConfig.json`,
  listenPort: 9876,
  logLevel: "info",
  needWaitForService: false,
  notifyMinBrokerIdChanged: false,
  orderMessageEnable: false,
  returnOrderTopicConfigToBroker: true,
  scanNotActiveBrokerInterval: 5000,
  shutdownWaitTimeSeconds: 30,
  supportActingMaster: false,
  waitSecondsForService: 45,
})

/** Settings of RocketMQ that exist, and that nothing here depends on. */
const meaningless: ReadonlySet<string> = new Set([
  "callbackExecutorThreads",
  "clientRequestThreadPoolNums",
  "clientRequestThreadPoolQueueCapacity",
  "clusterTest",
  "configBlackList",
  "configStorePath",
  "defaultThreadPoolNums",
  "defaultThreadPoolQueueCapacity",
  "enableControllerInNamesrv",
  "productEnvName",
  "rocketmqHome",
  "serverAsyncSemaphoreValue",
  "serverCallbackExecutorThreads",
  "serverChannelMaxIdleTimeSeconds",
  "serverNettyWorkerGroupEnable",
  "serverOnewaySemaphoreValue",
  "serverPooledByteBufAllocatorEnable",
  "serverSelectorThreads",
  "serverSocketBacklog",
  "serverSocketRcvBufSize",
  "serverSocketSndBufSize",
  "serverWorkerThreads",
  "unRegisterBrokerQueueCapacity",
  "useEpollNativeSelector",
  "writeBufferHighWaterMark",
  "writeBufferLowWaterMark",
])

export interface Parsed {
  readonly config: NamesrvConfig
  /** Why settings were refused; when there are any, the name server should not start. */
  readonly problems: ReadonlyArray<string>
  /** Settings that are RocketMQ's and change nothing here. */
  readonly meaningless: ReadonlyArray<string>
}

/** Reads settings by name over `base`. Reports every problem, not only the first. */
export const parse = (settings: Iterable<readonly [string, string]>, base: NamesrvConfig): Parsed => {
  const config: Record<string, string | number | boolean> = { ...base }
  const problems: string[] = []
  const ignored: string[] = []
  for (const [name, text] of settings) {
    const before = Object.hasOwn(base, name) ? base[name as keyof NamesrvConfig] : undefined
    if (before === undefined) {
      if (meaningless.has(name)) ignored.push(name)
      else problems.push(`${name} is not a setting of the name server.${hint(name, Object.keys(base))}`)
      continue
    }
    const value = read(text.trim(), before)
    if (value === undefined) problems.push(`${name}=${text} is not ${kindOf(before)}.`)
    else config[name] = value
  }
  const checked = config as unknown as NamesrvConfig
  for (const name of ["httpPort", "listenPort"] as const)
    if (checked[name] > 65_535) problems.push(`${name}=${checked[name]} is beyond 65535.`)
  if (!/^(?:debug|info|warn|error)$/.test(checked.logLevel))
    problems.push(`logLevel=${checked.logLevel} is not debug, info, warn or error.`)
  if (checked.scanNotActiveBrokerInterval === 0) problems.push("scanNotActiveBrokerInterval must be at least 1 ms.")
  return { config: checked, meaningless: ignored, problems }
}

/** The settings as a properties text, sorted by name: what 319 answers. */
export const print = (config: NamesrvConfig): string =>
  Object.entries(config)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}\n`)
    .join("")

const read = (text: string, before: string | number | boolean): string | number | boolean | undefined => {
  if (typeof before === "boolean") return text === "true" ? true : text === "false" ? false : undefined
  if (typeof before === "number") return /^\d{1,9}$/.test(text) ? Number(text) : undefined
  return text === "" ? undefined : text
}

const kindOf = (before: string | number | boolean): string =>
  typeof before === "boolean" ? "true or false" : typeof before === "number" ? "a whole number" : "a text"
