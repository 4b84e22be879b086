/**
 * UPDATE_BROKER_CONFIG (25): which settings a running broker may be given, and by whom. RocketMQ lets anybody who
 * reaches the port change everything, which was the way in for several attacks; here only settings whose change does no
 * harm beyond what any client may do, and only for who is allowed by `configUpdateFrom` (promise P12). A change lasts
 * until the broker ends: its file is the operator's.
 */
import { hint } from "../../domain/Nearest.ts"
import { type Refusal, make as refusal } from "../../domain/Refusal.ts"
import * as PropertyFile from "../../format/PropertyFile.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { BrokerConfig } from "./BrokerConfig.ts"

type Check = (text: string) => string | number | boolean | undefined

const flag: Check = (text) => (text === "true" ? true : text === "false" ? false : undefined)

const whole =
  (min: number, max: number): Check =>
  (text) =>
    /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : undefined

const matching =
  (pattern: RegExp): Check =>
  (text) =>
    pattern.test(text) ? text : undefined

const percent = whole(1, 100)

/** How each setting is read that may be changed while the broker runs. */
const changeable: ReadonlyMap<keyof BrokerConfig, Check> = new Map<keyof BrokerConfig, Check>([
  ["autoCreateSubscriptionGroup", flag],
  ["autoCreateTopicEnable", flag],
  ["brokerPermission", (text) => (/^[246]$/.test(text) ? Number(text) : undefined)],
  ["cleanFileForciblyEnable", flag],
  ["clearRetryTopicWhenDeleteTopic", flag],
  ["defaultMessageRequestMode", matching(/^(?:PULL|POP)$/)],
  ["deleteWhen", matching(/^(?:[01]?\d|2[0-3])(?:;(?:[01]?\d|2[0-3]))*$/)],
  ["diskMaxUsedSpaceRatio", percent],
  ["diskSpaceCleanForciblyRatio", percent],
  ["diskSpaceWarningLevelRatio", percent],
  ["enablePropertyFilter", flag],
  ["fileReservedTime", whole(0, 876_000)],
  ["filterSupportRetry", flag],
  ["litePullMessageEnable", flag],
  ["longPollingEnable", flag],
  ["maxMsgsNumBatch", whole(1, 10_000)],
  ["namesrvAddr", (text) => ("illegal" in PeerAddress.parseList(text) ? undefined : text)],
  ["notifyConsumerIdsChangedEnable", flag],
  ["rejectTransactionMessage", flag],
  ["serverLoadBalancerEnable", flag],
  ["shortPollingTimeMills", whole(1, 86_400_000)],
  ["slaveReadEnable", flag],
  ["useServerSideResetOffset", flag],
])

/** RocketMQ's own list of names that nobody may change. */
const blackList: ReadonlySet<string> = new Set(["brokerConfigPath", "rocketmqHome", "configBlackList"])

const bodyBytesMax = 64 * 1024

/** Reads the changes that a request asks for: all of them are fine, or none is taken. */
export const read = (body: Buffer, config: BrokerConfig): Partial<BrokerConfig> | Refusal => {
  if (body.length > bodyBytesMax)
    return refusal("INVALID_PARAMETER", `the settings have more than ${bodyBytesMax} bytes`)
  const changes: Record<string, string | number | boolean> = {}
  for (const { name, value } of PropertyFile.parse(body.toString("utf8"), "request")) {
    if (blackList.has(name)) return refusal("NO_PERMISSION", "Can not update config in black list.")
    const check = changeable.get(name as keyof BrokerConfig)
    if (check === undefined) return refusal("NO_PERMISSION", unchangeable(name, config))
    const read = check(value.trim())
    if (read === undefined)
      return refusal("INVALID_PARAMETER", `${name}=${value.slice(0, 64)} is not a value of ${name}`)
    changes[name] = read
  }
  return changes
}

const unchangeable = (name: string, config: BrokerConfig): string => {
  const names = [...changeable.keys()].join(", ")
  return Object.hasOwn(config, name)
    ? `${name} is read at the start: change the broker's file and restart it. While it runs these can be changed: ${names}.`
    : `${name.slice(0, 64)} is not a setting of this broker.${hint(name.slice(0, 64), Object.keys(config))} While it runs these can be changed: ${names}.`
}

/** Why a peer may not change settings; undefined when it may. */
export const refuseFrom = (host: string, config: BrokerConfig): Refusal | undefined => {
  const { configUpdateFrom } = config
  if (configUpdateFrom === "loopback" && isLoopback(host)) return undefined
  const allowed = configUpdateFrom === "loopback" ? "from the broker's own machine" : "by its file and a restart"
  return refusal(
    "NO_PERMISSION",
    `The configuration of this broker is changed only ${allowed} (configUpdateFrom=${configUpdateFrom}): nobody is authenticated.`,
  )
}

const isLoopback = (host: string): boolean =>
  host === "::1" || host.startsWith("127.") || host.startsWith("::ffff:127.")
