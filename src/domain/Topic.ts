/**
 * Topics: their configuration, their names, who may send to them, and which of them a broker owns.
 *
 * Laws (test/model/domain/Topic.test.ts)
 *   safe       a valid name holds only letters, digits and `% | _ -`, so it is safe as a file name, and is 1 to 255
 *              long
 *   inherited  an auto-created topic has no more queues than its template and never passes INHERIT on
 *   ours       no name that a client may send to starts with `rmq_sys_GANTRY_`
 * Source: behaviour of RocketMQ 5.5.0 (TopicConfigManager, TopicValidator).
 */
import { isBlank } from "./JavaString.ts"

export type TopicFilterType = "SINGLE_TAG" | "MULTI_TAG"

/** One entry of topics.json, by the protocol's member names. Queue numbers are counts; `perm` is a `Perm` mask. */
export interface TopicConfig {
  readonly topicName: string
  readonly readQueueNums: number
  readonly writeQueueNums: number
  readonly perm: number
  readonly topicFilterType: TopicFilterType
  readonly topicSysFlag: number
  readonly order: boolean
  readonly attributes: Readonly<Record<string, string>>
}

/** Permission bits of brokers and topics. */
export const Perm = { INHERIT: 1, WRITE: 2, READ: 4, PRIORITY: 8, READ_WRITE: 6, ALL: 7 } as const

export const isReadable = (perm: number): boolean => (perm & Perm.READ) !== 0
export const isWritable = (perm: number): boolean => (perm & Perm.WRITE) !== 0
export const isInherited = (perm: number): boolean => (perm & Perm.INHERIT) !== 0
export const isAccessible = (perm: number): boolean => isReadable(perm) || isWritable(perm)
export const isPriority = (perm: number): boolean => (perm & Perm.PRIORITY) !== 0
/** Whether an administrator may set it: any mix of read, write and inherit. */
export const isValidPerm = (perm: number): boolean => Number.isInteger(perm) && perm >= 0 && perm < Perm.PRIORITY
/** `RWX`, with `-` for what is missing, as the admin tools print it. */
export const permText = (perm: number): string =>
  (isReadable(perm) ? "R" : "-") + (isWritable(perm) ? "W" : "-") + (isInherited(perm) ? "X" : "-")

/** How many queues it has, counting those that are only read or only written. */
export const queueNums = (config: TopicConfig): number => Math.max(config.readQueueNums, config.writeQueueNums)

/** Names that the protocol gives a meaning. */
export const TopicName = {
  AUTO_CREATE_TOPIC_KEY: "TBW102",
  SCHEDULE: "SCHEDULE_TOPIC_XXXX",
  BENCHMARK: "BenchmarkTest",
  TRANS_HALF: "RMQ_SYS_TRANS_HALF_TOPIC",
  TRANS_OP_HALF: "RMQ_SYS_TRANS_OP_HALF_TOPIC",
  ROCKSDB_TRANS_HALF: "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
  ROCKSDB_TRANS_OP_HALF: "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
  TRANS_CHECK_MAX_TIME: "TRANS_CHECK_MAX_TIME_TOPIC",
  TRACE: "RMQ_SYS_TRACE_TOPIC",
  SELF_TEST: "SELF_TEST_TOPIC",
  OFFSET_MOVED_EVENT: "OFFSET_MOVED_EVENT",
  CHECKPOINT: "CHECKPOINT_TOPIC",
  WHEEL_TIMER: "rmq_sys_wheel_timer",
  /** Gantry's own records in the log: changes of topics, groups and consumer offsets (P9). */
  GANTRY_TOPIC: "rmq_sys_GANTRY_topic",
  GANTRY_GROUP: "rmq_sys_GANTRY_group",
  GANTRY_OFFSET: "rmq_sys_GANTRY_offset",
} as const

export const systemPrefix = "rmq_sys_"
export const gantryPrefix = "rmq_sys_GANTRY_"
export const retryPrefix = "%RETRY%"
export const dlqPrefix = "%DLQ%"
export const lmqPrefix = "%LMQ%"
export const nameLengthMax = 127
/** Retry and dead-letter topics carry a prefix and a whole group name. */
export const retryOrDlqNameLengthMax = 255

export const retryTopic = (group: string): string => retryPrefix + group
export const dlqTopic = (group: string): string => dlqPrefix + group
/** The retry topic of one topic of a POP group; v1 cannot be taken apart without knowing the group, v2 can. */
export const popRetryTopicV1 = (topic: string, group: string): string => `${retryPrefix}${group}_${topic}`
export const popRetryTopicV2 = (topic: string, group: string): string => `${retryPrefix}${group}+${topic}`
export const replyTopic = (clusterName: string): string => `${clusterName}_REPLY_TOPIC`
export const reviveTopic = (clusterName: string): string => `rmq_sys_REVIVE_LOG_${clusterName}`
export const syncMemberTopic = (brokerName: string): string => `rmq_sys_SYNC_BROKER_MEMBER_${brokerName}`

export const isRetry = (topic: string): boolean => topic.startsWith(retryPrefix)
export const isDlq = (topic: string): boolean => topic.startsWith(dlqPrefix)
export const isLmq = (topic: string): boolean => topic.startsWith(lmqPrefix)
export const isPopRetryV2 = (topic: string): boolean => isRetry(topic) && topic.includes("+")
/** The parts of a v2 POP retry topic, or undefined when it is none or has another number of parts than two. */
export const popRetryV2Of = (name: string): { readonly group: string; readonly topic: string } | undefined => {
  const [group, topic, ...more] = name.split("+")
  return isPopRetryV2(name) && topic !== undefined && topic !== "" && more.every((part) => part === "")
    ? { group: group!.slice(retryPrefix.length), topic }
    : undefined
}
/** The topic of a POP retry topic of this group, either version; any other topic is its own. */
export const popTopicOf = (name: string, group: string): string =>
  name.startsWith(`${retryPrefix}${group}+`) || name.startsWith(`${retryPrefix}${group}_`)
    ? name.slice(retryPrefix.length + group.length + 1)
    : name
export const isGantry = (topic: string): boolean => topic.startsWith(gantryPrefix)

/** The group whose retry or dead-letter topic this is; undefined for any other topic. */
export const groupOf = (topic: string): string | undefined =>
  isRetry(topic) ? topic.slice(retryPrefix.length) : isDlq(topic) ? topic.slice(dlqPrefix.length) : undefined

/** A configuration with RocketMQ's defaults for everything but what is given. */
export const make = (topicName: string, queueNums: number, perm: number = Perm.READ_WRITE): TopicConfig => ({
  topicName,
  readQueueNums: queueNums,
  writeQueueNums: queueNums,
  perm,
  topicFilterType: "SINGLE_TAG",
  topicSysFlag: 0,
  order: false,
  attributes: {},
})

/** Why a broker refuses the name, in RocketMQ's words; undefined when it is fine. On the wire: INVALID_PARAMETER. */
export const validateName = (name: string | undefined): string | undefined => {
  if (name === undefined || isBlank(name)) return "The specified topic is blank."
  if (hasIllegalCharacter(name)) {
    return `The specified topic: ${name}, contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$`
  }
  if (isRetry(name) || isDlq(name)) {
    return name.length > retryOrDlqNameLengthMax
      ? `The specified topic is DLQ or Retry topic: ${name}, and it's longer than topic max length: ` +
          `${retryOrDlqNameLengthMax}`
      : undefined
  }
  return name.length > nameLengthMax
    ? `The specified topic: ${name}, is longer than topic max length: ${nameLengthMax}`
    : undefined
}

/** Whether a name of a topic or group holds anything but letters, digits and `% | _ -`. */
export const hasIllegalCharacter = (name: string): boolean => {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    const legal =
      (unit >= 97 && unit <= 122) || // a-z
      (unit >= 65 && unit <= 90) || // A-Z
      (unit >= 48 && unit <= 57) || // 0-9
      unit === 95 || // _
      unit === 45 || // -
      unit === 37 || // %
      unit === 124 // |
    if (!legal) return true
  }
  return false
}

/** Sends to these are refused with NO_PERMISSION: only the broker writes there. */
const notSendable: ReadonlySet<string> = new Set([
  TopicName.SCHEDULE,
  TopicName.TRANS_HALF,
  TopicName.TRANS_OP_HALF,
  TopicName.ROCKSDB_TRANS_HALF,
  TopicName.ROCKSDB_TRANS_OP_HALF,
  TopicName.TRANS_CHECK_MAX_TIME,
  TopicName.SELF_TEST,
  TopicName.OFFSET_MOVED_EVENT,
])

const fixedSystem: ReadonlySet<string> = new Set([
  ...notSendable,
  TopicName.AUTO_CREATE_TOPIC_KEY,
  TopicName.BENCHMARK,
  TopicName.TRACE,
  TopicName.CHECKPOINT,
])

export const isNotSendable = (topic: string): boolean => notSendable.has(topic) || isGantry(topic)

/**
 * Whether administrators may not create, change or delete it. `ofBroker` holds the names that this broker made for
 * itself (cluster, broker, reply topic …): the names of `systemTopics`.
 */
export const isSystem = (topic: string, ofBroker?: ReadonlySet<string>): boolean =>
  fixedSystem.has(topic) || topic.startsWith(systemPrefix) || (ofBroker?.has(topic) ?? false)

/** Every name that is a broker's own, whether it has a topic of that name or not; Gantry's records are not told of. */
export const systemNames = (clusterName: string, brokerName: string): ReadonlySet<string> =>
  new Set([
    ...fixedSystem,
    clusterName,
    brokerName,
    replyTopic(clusterName),
    reviveTopic(clusterName),
    syncMemberTopic(brokerName),
    TopicName.WHEEL_TIMER,
  ])

export interface SystemTopicSettings {
  readonly clusterName: string
  readonly brokerName: string
  readonly autoCreateTopicEnable: boolean
  readonly defaultTopicQueueNums: number
  readonly clusterTopicEnable?: boolean
  readonly brokerTopicEnable?: boolean
  readonly traceTopicEnable?: boolean
  readonly msgTraceTopicName?: string
  readonly reviveQueueNum?: number
  readonly timerWheelEnable?: boolean
}

/** The topics that a broker creates at start, as 5.5.0 does: Apache must find them when it opens the store. */
export const systemTopics = (settings: SystemTopicSettings): ReadonlyArray<TopicConfig> => {
  const own = (enabled: boolean | undefined): number => (enabled === false ? Perm.INHERIT : Perm.ALL)
  const topics = [
    make(TopicName.SELF_TEST, 1),
    make(TopicName.BENCHMARK, 1024),
    make(settings.clusterName, 16, own(settings.clusterTopicEnable)),
    make(settings.brokerName, 1, own(settings.brokerTopicEnable)),
    make(TopicName.OFFSET_MOVED_EVENT, 1),
    make(TopicName.SCHEDULE, 18),
    make(replyTopic(settings.clusterName), 1),
    make(reviveTopic(settings.clusterName), settings.reviveQueueNum ?? 8),
    make(syncMemberTopic(settings.brokerName), 1, Perm.INHERIT),
    make(TopicName.TRANS_HALF, 1),
    make(TopicName.TRANS_OP_HALF, 1),
    make(TopicName.ROCKSDB_TRANS_HALF, 1),
    make(TopicName.ROCKSDB_TRANS_OP_HALF, 1),
  ]
  if (settings.autoCreateTopicEnable) {
    topics.push(make(TopicName.AUTO_CREATE_TOPIC_KEY, settings.defaultTopicQueueNums, Perm.ALL))
  }
  if (settings.traceTopicEnable === true) topics.push(make(settings.msgTraceTopicName ?? TopicName.TRACE, 1))
  if (settings.timerWheelEnable !== false) topics.push(make(TopicName.WHEEL_TIMER, 1))
  return topics
}

/**
 * The configuration of a topic that a send brings to life from its template, or undefined when the template does not
 * allow it. A disabled `autoCreateTopicEnable` takes INHERIT from TBW102, whatever topics.json says.
 */
export const autoCreate = (
  topicName: string,
  template: TopicConfig | undefined,
  queueNumsAsked: number,
  autoCreateTopicEnable: boolean,
): TopicConfig | undefined => {
  if (template === undefined || !isInherited(template.perm)) return undefined
  if (template.topicName === TopicName.AUTO_CREATE_TOPIC_KEY && !autoCreateTopicEnable) return undefined
  const queueNums = Math.max(0, Math.min(queueNumsAsked, template.writeQueueNums))
  return {
    ...make(topicName, queueNums, template.perm & ~Perm.INHERIT),
    topicFilterType: template.topicFilterType,
    topicSysFlag: 0,
  }
}

/** The kind of queue, from the attribute `queue.type`; Gantry serves SimpleCQ. */
export const isBatchQueue = (config: TopicConfig): boolean => config.attributes["queue.type"] === "BatchCQ"
/** Whether only the last message of each key is kept, from the attribute `cleanup.policy`. */
export const isCompacted = (config: TopicConfig): boolean => config.attributes["cleanup.policy"] === "COMPACTION"
