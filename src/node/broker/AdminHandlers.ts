/**
 * What administrators do to a broker's topics and groups: creating, changing, reading, deleting. Names are checked at
 * this border. A change is answered when it is on disk.
 */
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as DataVersion from "../../domain/DataVersion.ts"
import * as Statistics from "../../domain/Statistics.ts"
import * as SubscriptionGroup from "../../domain/SubscriptionGroup.ts"
import * as Topic from "../../domain/Topic.ts"
import * as Admin from "../../format/Admin.ts"
import type { Command } from "../../format/Command.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import { Malformed } from "../../format/Malformed.ts"
import { TopicConfigs } from "../../format/RegisterBroker.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { TopicList } from "../../format/RouteData.ts"
import { legacy } from "../../format/shape.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import { answerMalformed, type BrokerState } from "./BrokerState.ts"

/** A topic's queues beyond which a request is a mistake: each is a folder and a few files. */
const queueNumsMax = 65_536

export class AdminHandlers {
  readonly #state: BrokerState

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** UPDATE_AND_CREATE_TOPIC (17). */
  readonly createTopic = (command: Command, call: Call): void => {
    const header = Admin.CreateTopic.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { order, perm, readQueueNums, topic, topicFilterType, topicSysFlag = 0, writeQueueNums } = header
    const changes = splitAttributes(header.attributes ?? "")
    if (typeof changes === "string") return call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: changes })
    this.#createTopics(call, [
      {
        attributes: changes,
        order,
        perm,
        readQueueNums,
        topicFilterType: topicFilterType === "MULTI_TAG" ? "MULTI_TAG" : "SINGLE_TAG",
        topicName: topic,
        topicSysFlag,
        writeQueueNums,
      },
    ])
  }

  /** UPDATE_AND_CREATE_TOPIC_LIST (18): all or none. */
  readonly createTopics = (command: Command, call: Call): void => {
    const body = ConfigJson.TopicConfigList.decode(command.body)
    if (body instanceof Malformed) return answerMalformed(call, body)
    this.#createTopics(call, body.topicConfigList)
  }

  /** DELETE_TOPIC_IN_BROKER (215), with its offsets and messages. */
  readonly deleteTopic = (command: Command, call: Call): void => {
    const header = Admin.TopicOf.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { topic } = header
    const { metadata, statistics } = this.#state
    const invalid = this.#refusedName(topic)
    if (invalid !== undefined) return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: invalid })
    const names = [topic, ...this.#popRetryTopics(topic)].filter((name) => metadata.topics.has(name))
    // What is not there is deleted already, as in RocketMQ.
    if (names.length === 0) return call.answer({ code: ResponseCode.SUCCESS })
    metadata.deleteTopics(names, (failure) => {
      if (failure === undefined) for (const name of names) Statistics.removeTopic(statistics, name)
      this.#changed(call, failure)
    })
  }

  /** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP (200). */
  readonly createGroup = (command: Command, call: Call): void => {
    const config = ConfigJson.GroupConfig.decode(command.body)
    if (config instanceof Malformed) return answerMalformed(call, config)
    this.#createGroups(call, [config])
  }

  /** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST (225): all or none. */
  readonly createGroups = (command: Command, call: Call): void => {
    const body = ConfigJson.GroupConfigList.decode(command.body)
    if (body instanceof Malformed) return answerMalformed(call, body)
    this.#createGroups(call, body.groupConfigList)
  }

  /** DELETE_SUBSCRIPTIONGROUP (207). Its retry and dead-letter topics are deleted by requests of their own. */
  readonly deleteGroup = (command: Command, call: Call): void => {
    const header = Admin.DeleteSubscriptionGroup.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { groupName } = header
    const withOffsets = header.cleanOffset ?? header.removeOffset ?? false
    const { metadata, statistics } = this.#state
    const isKnown = metadata.groups.has(groupName) || metadata.offsets.committed.has(groupName)
    if (!isKnown) return call.answer({ code: ResponseCode.SUCCESS })
    metadata.deleteGroup(groupName, withOffsets, (failure) => {
      if (failure === undefined) Statistics.removeGroup(statistics, groupName)
      this.#changed(call, failure)
    })
  }

  /** GET_SUBSCRIPTIONGROUP_CONFIG (352). */
  readonly group = (command: Command, call: Call): void => {
    const header = Admin.GroupOf.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const config = this.#state.metadata.groups.get(header.group)
    if (config === undefined)
      return call.answer({
        code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        remark: `No group in this broker. group: ${header.group}`,
      })
    call.answer({ body: ConfigJson.GroupConfig.encode(config, legacy), code: ResponseCode.SUCCESS })
  }

  /** UPDATE_AND_GET_GROUP_FORBIDDEN (353). */
  readonly groupForbidden = (command: Command, call: Call): void => {
    const header = Admin.GroupForbidden.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { group, readable, topic } = header
    const { metadata } = this.#state
    const bits = metadata.forbidden.get(group)?.get(topic) ?? 0
    const answer = (now: number): void => {
      const isReadable = (now & SubscriptionGroup.forbiddenRead) === 0
      const body = ConfigJson.Forbidden.encode({ group, readable: isReadable, topic }, legacy)
      call.answer({ body, code: ResponseCode.SUCCESS, remark: "" })
    }
    const wanted = readable === false ? bits | SubscriptionGroup.forbiddenRead : bits & ~SubscriptionGroup.forbiddenRead
    if (readable === undefined || wanted === bits) return answer(bits)
    const invalid = SubscriptionGroup.validateName(group) ?? Topic.validateName(topic)
    if (invalid !== undefined) return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: invalid })
    metadata.forbid(group, topic, wanted, (failure) =>
      failure === undefined ? answer(wanted) : this.#changed(call, failure),
    )
  }

  /** GET_SYSTEM_TOPIC_LIST_FROM_BROKER (305). */
  readonly systemTopics = (_command: Command, call: Call): void =>
    call.answer({ body: TopicList.encode({ topicList: [...this.#systemNames] }), code: ResponseCode.SUCCESS })

  /** GET_ALL_TOPIC_CONFIG (21), page by page when it is asked so: a frame holds about 90,000 topics. */
  readonly allTopics = (command: Command, call: Call): void => {
    const header = Admin.GetAllTopicConfig.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { topics, topicsVersion } = this.#state.metadata
    const { dataVersion, maxTopicNum, topicSeq } = header
    if (maxTopicNum === undefined && topics.size > wholeTopicsMax)
      return call.answer({
        code: ResponseCode.SYSTEM_ERROR,
        remark: `this broker has ${topics.size} topics, more than one answer holds. Ask for them in pages, by topicSeq and maxTopicNum, as clients of 5.4 do.`,
      })
    call.answer({
      body: TopicConfigs.encode(
        {
          dataVersion: topicsVersion,
          mappingDataVersion: topicsVersion,
          topicConfigTable: pageOf(topics, maxTopicNum, topicSeq, dataVersion, topicsVersion),
          topicQueueMappingDetailMap: new Map(),
          topicQueueMappingInfoMap: new Map(),
        },
        legacy,
      ),
      code: ResponseCode.SUCCESS,
      ext: { totalTopicNum: topics.size },
    })
  }

  /** GET_TOPIC_CONFIG (351). */
  readonly topic = (command: Command, call: Call): void => {
    const header = Admin.GetTopicConfig.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const config = this.#state.metadata.topics.get(header.topic)
    if (config === undefined)
      return call.answer({
        code: ResponseCode.TOPIC_NOT_EXIST,
        remark: `No topic in this broker. topic: ${header.topic}`,
      })
    call.answer({ body: ConfigJson.TopicConfig.encode(config, legacy), code: ResponseCode.SUCCESS })
  }

  /** GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201). */
  readonly allGroups = (command: Command, call: Call): void => {
    const header = Admin.GetAllSubscriptionGroup.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { forbidden, groups, groupsVersion } = this.#state.metadata
    const { dataVersion, groupSeq, maxGroupNum } = header
    const subscriptionGroupTable = pageOf(groups, maxGroupNum, groupSeq, dataVersion, groupsVersion)
    call.answer({
      body: ConfigJson.SubscriptionGroups.encode(
        { dataVersion: groupsVersion, forbiddenTable: forbidden, subscriptionGroupTable },
        legacy,
      ),
      code: ResponseCode.SUCCESS,
      ext: { totalGroupNum: groups.size },
    })
  }

  #changed(call: Call, failure: string | undefined): void {
    if (failure === undefined) return call.answer({ code: ResponseCode.SUCCESS })
    call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `not done, or not known to be on disk: ${failure}` })
  }

  /** Creates or changes topics, all or none; their attributes are changes of the form `+name` or `-name`. */
  #createTopics(call: Call, wanted: ReadonlyArray<Topic.TopicConfig>): void {
    const { metadata } = this.#state
    const configs: Array<Topic.TopicConfig> = []
    for (const one of wanted) {
      const invalid = this.#invalid(one)
      if (invalid !== undefined) return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: invalid })
      const attributes = changeAttributes(metadata.topics.get(one.topicName), one.attributes)
      if (typeof attributes === "string") return call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: attributes })
      configs.push({ ...one, attributes })
    }
    if (configs.length === 0)
      return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: "the request names no topic" })
    metadata.change(configs, [], (failure) => this.#changed(call, failure))
  }

  #createGroups(call: Call, configs: ReadonlyArray<SubscriptionGroup.GroupConfig>): void {
    for (const { groupName, retryQueueNums } of configs) {
      const invalid = SubscriptionGroup.validateName(groupName) ?? tooManyQueues(retryQueueNums)
      if (invalid !== undefined) return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: invalid })
    }
    if (configs.length === 0)
      return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: "the request names no group" })
    this.#state.metadata.change([], configs, (failure) => this.#changed(call, failure))
  }

  get #systemNames(): ReadonlySet<string> {
    const { brokerClusterName, brokerName } = this.#state.config
    return Topic.systemNames(brokerClusterName, brokerName)
  }

  /** Topics that POP consumers of a topic retried in; RocketMQ made them, and deletes them with it. */
  #popRetryTopics(topic: string): ReadonlyArray<string> {
    if (!this.#state.config.clearRetryTopicWhenDeleteTopic) return []
    return ConsumerOffset.groupsOfTopic(this.#state.metadata.offsets, topic).flatMap((group) => [
      Topic.popRetryTopicV2(topic, group),
      Topic.popRetryTopicV1(topic, group),
    ])
  }

  /** Why an administrator may not touch a topic of this name; undefined when he may. */
  #refusedName(topic: string): string | undefined {
    const invalid = Topic.validateName(topic)
    if (invalid !== undefined) return invalid
    return Topic.isSystem(topic, this.#systemNames)
      ? `The topic[${topic}] is conflict with system topic: it is the broker's own. Choose another name.`
      : undefined
  }

  #invalid({ perm, readQueueNums, topicName, writeQueueNums }: Topic.TopicConfig): string | undefined {
    const refused = this.#refusedName(topicName)
    if (refused !== undefined) return refused
    if (!Topic.isValidPerm(perm)) return `perm ${perm} is invalid: 2 write, 4 read, 6 both`
    for (const queueNums of [readQueueNums, writeQueueNums])
      if (queueNums < 0) return `a topic has 0 to ${queueNumsMax} queues, not ${queueNums}.`
    return tooManyQueues(readQueueNums) ?? tooManyQueues(writeQueueNums)
  }
}

/** Topics in an answer that is not a page: a frame holds about 90,000. */
const wholeTopicsMax = 80_000

/** Entries of one page, as RocketMQ's splitMetadataSize. */
const pageSizeMax = 2000

/**
 * The entries from `seq` on, by name; all of them when no page is asked for. A page of another version than the one that
 * stands now begins anew: its followers would miss what moved.
 */
const pageOf = <T>(
  table: ReadonlyMap<string, T>,
  countMax: number | undefined,
  seq: number | undefined,
  version: string | undefined,
  now: ConfigJson.DataVersion,
): ReadonlyMap<string, T> => {
  if (countMax === undefined || countMax <= 0) return table
  const asked = ConfigJson.DataVersion.parse(version ?? "")
  const isSame = !(asked instanceof Malformed) && DataVersion.isEqual(asked, now)
  const start = isSame ? Math.max(0, seq ?? 0) : 0
  const names = [...table.keys()].toSorted().slice(start, start + Math.min(pageSizeMax, countMax))
  return new Map(names.map((name) => [name, table.get(name)!]))
}

const tooManyQueues = (queueNums: number): string | undefined =>
  queueNums > queueNumsMax ? `a topic has at most ${queueNumsMax} queues, not ${queueNums}.` : undefined

const attributesLengthMax = 4096

/** The attributes of topics, and whether a value is one that this broker keeps the promise of. */
const attributesKnown: ReadonlyMap<string, (value: string) => boolean> = new Map([
  ["cleanup.policy", (value) => value === "DELETE"],
  ["message.type", (value) => ["UNSPECIFIED", "NORMAL", "FIFO", "DELAY", "TRANSACTION"].includes(value)],
  // A topic of another type has files of another kind: Apache RocketMQ would not open the store.
  ["queue.type", (value) => value === "SimpleCQ"],
  ["reserve.time", (value) => /^-?\d{1,18}$/.test(value)],
])

/** Reads `+key=value,-key`; a text says why it cannot be. */
const splitAttributes = (text: string): Readonly<Record<string, string>> | string => {
  if (text.length > attributesLengthMax) return `attributes are longer than ${attributesLengthMax} characters`
  const changes: Record<string, string> = Object.create(null) as Record<string, string>
  for (const part of text.split(",")) {
    if (part === "") continue
    const [key = "", value] = part.split("=", 2)
    if (key.startsWith("+") ? value === undefined : !key.startsWith("-") || value !== undefined)
      return `attribute "${part}" is neither +key=value nor -key`
    changes[key] = value ?? ""
  }
  return changes
}

/** Applies changes, named `+key` or `-key`, to the attributes of a topic, or of one that is being made. */
const changeAttributes = (
  topic: Topic.TopicConfig | undefined,
  changes: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | string => {
  const after: Record<string, string> = { ...topic?.attributes }
  for (const [name, value] of Object.entries(changes)) {
    const key = name.slice(1)
    if (!name.startsWith("+") && !name.startsWith("-")) return `attribute "${name}" is neither +key=value nor -key`
    const isServed = attributesKnown.get(key)
    if (isServed === undefined) return `unsupported key: ${key}. Known are ${[...attributesKnown.keys()].join(", ")}.`
    if (name.startsWith("-")) delete after[key]
    else if (isServed(value)) after[key] = value
    else return `the attribute ${key} of this broker's topics cannot be ${value}`
  }
  return after
}
