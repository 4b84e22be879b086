/**
 * Subscription groups: the configuration that a broker keeps for each consumer group.
 *
 * Laws (test/model/domain/SubscriptionGroup.test.ts)
 *   safe     a valid name holds only letters, digits and `% | _ -`, and is 1 to 120 long
 *   created  `autoCreate` answers the defaults for a valid name or nothing; it never changes a name
 * Source: behaviour of RocketMQ 5.5.0 (SubscriptionGroupManager, TopicValidator).
 */
import { isBlank } from "./JavaString.ts"
import { hasIllegalCharacter } from "./Topic.ts"

/** How the proxy spaces retries of a group; the broker only keeps it. Times in ms. */
export interface GroupRetryPolicy {
  readonly type: "CUSTOMIZED" | "EXPONENTIAL"
  readonly customizedRetryPolicy?: { readonly next: ReadonlyArray<number> }
  readonly exponentialRetryPolicy?: { readonly initial: number; readonly max: number; readonly multiplier: number }
}

/** A subscription that an administrator fixed for the group. */
export interface SimpleSubscription {
  readonly topic: string
  readonly expression: string
  readonly expressionType: string
  readonly version: number
}

/** One entry of subscriptionGroup.json, by the protocol's member names. */
export interface GroupConfig {
  readonly groupName: string
  readonly consumeEnable: boolean
  readonly consumeFromMinEnable: boolean
  readonly consumeBroadcastEnable: boolean
  readonly consumeMessageOrderly: boolean
  readonly retryQueueNums: number
  readonly retryMaxTimes: number
  readonly groupRetryPolicy: GroupRetryPolicy
  readonly brokerId: number
  readonly whichBrokerWhenConsumeSlowly: number
  readonly notifyConsumerIdsChangedEnable: boolean
  readonly groupSysFlag: number
  readonly consumeTimeoutMinute: number
  readonly subscriptionDataSet?: ReadonlyArray<SimpleSubscription>
  readonly attributes: Readonly<Record<string, string>>
}

export const nameLengthMax = 120
export const systemGroupPrefix = "CID_RMQ_SYS_"

/** RocketMQ's defaults. */
export const defaults = (groupName: string): GroupConfig => ({
  groupName,
  consumeEnable: true,
  consumeFromMinEnable: true,
  consumeBroadcastEnable: true,
  consumeMessageOrderly: false,
  retryQueueNums: 1,
  retryMaxTimes: 16,
  groupRetryPolicy: { type: "CUSTOMIZED" },
  brokerId: 0,
  whichBrokerWhenConsumeSlowly: 1,
  notifyConsumerIdsChangedEnable: true,
  groupSysFlag: 0,
  consumeTimeoutMinute: 15,
  attributes: {},
})

const createdAtStart = [
  "TOOLS_CONSUMER",
  "FILTERSRV_CONSUMER",
  "SELF_TEST_C_GROUP",
  "CID_ONS-HTTP-PROXY",
  "CID_ONSAPI_PULL",
  "CID_ONSAPI_PERMISSION",
  "CID_ONSAPI_OWNER",
  "CID_RMQ_SYS_TRANS",
]

/** The groups that a broker creates at start. */
export const predefined = (): ReadonlyArray<GroupConfig> => createdAtStart.map(defaults)

/** Groups of the broker itself: created on first use even where auto-creation is off. */
export const isSystem = (group: string): boolean => group.startsWith(systemGroupPrefix)

/** Names that the protocol gives a meaning: no application should take one for its own group. */
export const isPredefined = (group: string): boolean => predefinedNames.has(group)

const predefinedNames: ReadonlySet<string> = new Set([
  ...createdAtStart,
  "DEFAULT_PRODUCER",
  "DEFAULT_CONSUMER",
  "SCHEDULE_CONSUMER",
  "__MONITOR_CONSUMER",
  "CLIENT_INNER_PRODUCER",
  "SELF_TEST_P_GROUP",
])

/** Why a broker refuses the name, in RocketMQ's words; undefined when it is fine. On the wire: INVALID_PARAMETER. */
export const validateName = (name: string | undefined): string | undefined => {
  if (name === undefined || isBlank(name)) return "The specified group is blank."
  if (hasIllegalCharacter(name)) {
    return `The specified group: ${name}, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$`
  }
  return name.length > nameLengthMax
    ? `The specified group: ${name}, is longer than group max length: ${nameLengthMax}`
    : undefined
}

/** The configuration of a group seen for the first time, or undefined when it may not come to life by itself. */
export const autoCreate = (groupName: string, autoCreateSubscriptionGroup: boolean): GroupConfig | undefined => {
  if (!autoCreateSubscriptionGroup && !isSystem(groupName)) return undefined
  return validateName(groupName) === undefined ? defaults(groupName) : undefined
}

/** The bit of a group's forbidden mask for a topic that blocks reading. */
export const forbiddenRead = 0x4
