/**
 * The broker's settings from options, environment and property file. Settings whose promise cannot be kept (a slave,
 * several log folders, access control, …) are refused by name: to start without what was asked for would be worse.
 */
import type { BrokerConfig } from "../node/broker/BrokerConfig.ts"
import { defaults } from "../node/broker/BrokerConfig.ts"
import { foreignBrokerSettings } from "./foreignBrokerSettings.ts"
import type { Entry } from "../format/PropertyFile.ts"
import { type Foreign, type Read, type Rule, between, matching, oneOf, port, read } from "./settings.ts"

/** What of the machine goes into the defaults. */
export interface Machine {
  readonly home: string
  readonly hostName: string
  /** The first address that other machines can reach; undefined when there is only the loopback. */
  readonly address: string | undefined
  /** Minutes that local time is ahead of UTC. */
  readonly utcOffsetMinutes: number
}

/** Reads the entries, least important first. */
export const readBroker = (entries: ReadonlyArray<Entry>, machine: Machine): Read<BrokerConfig> => {
  const result = read<BrokerConfig>(entries, {
    defaults: {
      ...defaults,
      brokerName: machine.hostName,
      storePathRootDir: `${machine.home}/store`,
      utcOffsetMinutes: machine.utcOffsetMinutes,
    },
    foreign: foreignOf(entries, machine),
    foreignNames: foreignBrokerSettings,
    owner: "the broker",
    rules,
  })
  const settings = result.given.has("brokerIP1")
    ? result.settings
    : { ...result.settings, brokerIP1: advertised(result.settings.bindAddress, machine) }
  return { ...result, settings, warnings: [...result.warnings, ...exposure(settings)] }
}

const MiB = 1024 * 1024
const day = 86_400_000
const ratio = between(1, 100, "percent")
const interval = between(1, day, "milliseconds")

/** What each setting may be, beyond the kind of its default. */
export const rules: Readonly<Partial<Record<keyof BrokerConfig, Rule>>> = {
  brokerClusterName: matching(/^[\w%|-]+$/, "a name of letters, digits and %|-_"),
  brokerId: { holds: (value) => value === 0, words: "0, the id of a master: Gantry has no slaves yet" },
  brokerName: matching(/^[\w%|.-]+$/, "a name of letters, digits and %|.-_"),
  brokerPermission: oneOf("2", "4", "6"),
  channelExpiredTimeout: interval,
  cleanResourceInterval: interval,
  commitLogTotalBytesMax: between(0, Number.MAX_SAFE_INTEGER, "bytes"),
  configUpdateFrom: oneOf("loopback", "none"),
  defaultMessageRequestMode: oneOf("PULL", "POP"),
  defaultPopShareQueueNum: between(-1, 1_000_000),
  defaultTopicQueueNums: between(1, 1024),
  deleteWhen: matching(
    /^(?:[01]?\d|2[0-3])(?:;(?:[01]?\d|2[0-3]))*$/,
    'an hour of the day, or several such as "04;16"',
  ),
  diskMaxUsedSpaceRatio: ratio,
  diskSpaceCleanForciblyRatio: ratio,
  diskSpaceWarningLevelRatio: ratio,
  expectConsumerNumUseFilter: between(1, 10_000),
  fastListenPort: between(-1, 65_535),
  fileReservedTime: between(0, 876_000, "hours"),
  filterDataCleanTimeSpan: between(1, 365 * day, "milliseconds"),
  flushConsumerOffsetInterval: interval,
  flushDelayOffsetInterval: interval,
  flushDiskType: oneOf("SYNC_FLUSH", "ASYNC_FLUSH"),
  flushIntervalCommitLog: interval,
  flushIntervalConsumeQueue: interval,
  groupNumsMax: between(1, 10_000_000, "groups"),
  httpPort: port,
  listenPort: port,
  logLevel: oneOf("debug", "info", "warn", "error"),
  mappedFileSizeCommitLog: between(MiB, 1024 * MiB, "bytes"),
  mappedFileSizeConsumeQueue: between(20, 1024 * MiB, "bytes"),
  mappedFileSizeConsumeQueueExt: between(64 * 1024, 1024 * MiB, "bytes"),
  maxErrorRateOfBloomFilter: between(1, 99),
  maxHashSlotNum: between(1, 100_000_000),
  maxIndexNum: between(2, 100_000_000),
  // A record must fit into a frame of the wire, 16 MiB, with its properties.
  maxMessageSize: between(1, 15 * MiB, "bytes"),
  maxMsgsNumBatch: between(1, 10_000),
  maxTransferBytesOnMessageInDisk: between(1, 15 * MiB, "bytes"),
  maxTransferBytesOnMessageInMemory: between(1, 15 * MiB, "bytes"),
  maxTransferCountOnMessageInDisk: between(1, 10_000),
  maxTransferCountOnMessageInMemory: between(1, 10_000),
  osPageCacheBusyTimeOutMills: interval,
  registerBrokerTimeoutMills: interval,
  registerNameServerPeriod: interval,
  shortPollingTimeMills: interval,
  splitRegistrationSize: between(2, 100_000, "topics"),
  storePathRootDir: matching(/\S/, "the path of a folder"),
  syncFlushTimeout: interval,
  transactionCheckInterval: interval,
  transactionCheckMax: between(1, 1_000_000),
  transactionOpBatchInterval: interval,
  transactionOpMsgMaxSize: between(1, MiB, "characters"),
  transactionPendingMax: between(1, 10_000_000),
  transactionTimeOut: between(0, day, "milliseconds"),
  topicNumsMax: between(100, 10_000_000, "topics"),
  utcOffsetMinutes: between(-1_440, 1_440, "minutes"),
  writeRingBytes: between(4 * MiB, 2048 * MiB, "bytes"),
}

/** Values of settings that Gantry does not have, by which RocketMQ would keep a promise that Gantry cannot. */
const refusals: Readonly<Record<string, (value: string) => string | undefined>> = {
  aclEnable: (value) => forbids(value, "it asks for access control"),
  authenticationEnabled: (value) => forbids(value, "it asks for authentication"),
  authorizationEnabled: (value) => forbids(value, "it asks for authorization"),
  brokerRole: (value) =>
    value === "ASYNC_MASTER" ? undefined : `it asks for replication, which Gantry does not have yet; use ASYNC_MASTER`,
  duplicationEnable: (value) => forbids(value, "it asks for replication"),
  enableControllerMode: (value) => forbids(value, "it asks for failover by a controller"),
  enableDLegerCommitLog: (value) => forbids(value, "it asks for replication by DLedger"),
  inSyncReplicas: (value) => single(value),
  minInSyncReplicas: (value) => single(value),
  storeType: (value) =>
    value === "default"
      ? undefined
      : "Gantry keeps messages in RocketMQ's default kind of store only; a store of another kind stays with RocketMQ",
  totalReplicas: (value) => single(value),
}

const forbids = (value: string, what: string): string | undefined =>
  value === "true" ? `${what}, which Gantry does not have yet; set it to false` : undefined

const single = (value: string): string | undefined =>
  value === "1" ? undefined : "it asks for replication, which Gantry does not have yet; use 1"

const foreignOf = (entries: ReadonlyArray<Entry>, machine: Machine): Foreign => {
  const root = entries.findLast(({ name }) => name === "storePathRootDir")?.value.trim() ?? `${machine.home}/store`
  return ({ name, value: text }) => {
    const value = text.trim()
    if (name === "storePathCommitLog") {
      if (value === `${root.replace(/\/$/, "")}/commitlog`) return "unused"
      return {
        problem: `storePathCommitLog=${value} is refused: Gantry keeps the log in one folder, commitlog in storePathRootDir. Leave it out.`,
      }
    }
    const why = Object.hasOwn(refusals, name) ? refusals[name]!(value) : undefined
    if (why !== undefined) return { problem: `${name}=${value} is refused: ${why}.` }
    return foreignBrokerSettings.has(name) || Object.hasOwn(refusals, name) ? "unused" : undefined
  }
}

/** What clients are told when nobody says: where the broker listens, or else an address of the machine. */
const advertised = (bindAddress: string, machine: Machine): string =>
  isAny(bindAddress) ? (machine.address ?? "127.0.0.1") : bindAddress

/** Stands for every address of the machine. */
export const isAny = (host: string): boolean => host === "0.0.0.0" || host === "::"

export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.")

/** What an operator should know about who can reach the broker. */
const exposure = (config: BrokerConfig): ReadonlyArray<string> => {
  const { bindAddress, brokerIP1 } = config
  if (!isLoopback(bindAddress)) {
    return [
      `The broker listens on ${bindAddress} without authentication: whoever reaches it can read, write and administer it.`,
    ]
  }
  if (isLoopback(brokerIP1)) return []
  return [
    `Clients are told ${brokerIP1} (brokerIP1), but the broker listens on ${bindAddress} only, where other machines cannot reach it. Set bindAddress=0.0.0.0 to let them.`,
  ]
}
