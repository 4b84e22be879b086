/** What clients and tools ask of a broker's topics and groups: creating, reading. Names are checked at this border. */
import * as SubscriptionGroup from "../../domain/SubscriptionGroup.ts"
import * as Topic from "../../domain/Topic.ts"
import * as Admin from "../../format/Admin.ts"
import type { Command } from "../../format/Command.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import { Malformed } from "../../format/Malformed.ts"
import { TopicConfigs } from "../../format/RegisterBroker.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
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
    const invalid = Topic.validateName(header.topic) ?? this.#invalid(header)
    if (invalid !== undefined) return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: invalid })
    const known = this.#state.metadata.topics.get(header.topic)
    const attributes = changeAttributes(known, header.attributes)
    if (typeof attributes === "string") return call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: attributes })
    const config: Topic.TopicConfig = {
      attributes,
      order: header.order,
      perm: header.perm,
      readQueueNums: header.readQueueNums,
      topicFilterType: header.topicFilterType === "MULTI_TAG" ? "MULTI_TAG" : "SINGLE_TAG",
      topicName: header.topic,
      topicSysFlag: header.topicSysFlag ?? 0,
      writeQueueNums: header.writeQueueNums,
    }
    this.#state.metadata.change([config], [], (failure) => this.#changed(call, failure))
  }

  /** UPDATE_AND_CREATE_SUBSCRIPTIONGROUP (200). */
  readonly createGroup = (command: Command, call: Call): void => {
    const config = ConfigJson.GroupConfig.decode(command.body)
    if (config instanceof Malformed) return answerMalformed(call, config)
    const invalid = SubscriptionGroup.validateName(config.groupName) ?? tooManyQueues(config.retryQueueNums)
    if (invalid !== undefined) return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: invalid })
    this.#state.metadata.change([], [config], (failure) => this.#changed(call, failure))
  }

  /** GET_ALL_TOPIC_CONFIG (21). */
  readonly allTopics = (_command: Command, call: Call): void => {
    const { topics, topicsVersion } = this.#state.metadata
    call.answer({
      body: TopicConfigs.encode(
        {
          dataVersion: topicsVersion,
          mappingDataVersion: topicsVersion,
          topicConfigTable: topics,
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
  readonly allGroups = (_command: Command, call: Call): void => {
    const { forbidden, groups, groupsVersion } = this.#state.metadata
    call.answer({
      body: ConfigJson.SubscriptionGroups.encode(
        { dataVersion: groupsVersion, forbiddenTable: forbidden, subscriptionGroupTable: groups },
        legacy,
      ),
      code: ResponseCode.SUCCESS,
      ext: { totalGroupNum: groups.size },
    })
  }

  #changed(call: Call, failure: string | undefined): void {
    if (failure === undefined) return call.answer({ code: ResponseCode.SUCCESS })
    call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `not known to be on disk: ${failure}` })
  }

  #invalid(header: typeof Admin.CreateTopic.Type): string | undefined {
    const { config } = this.#state
    const own = new Set([config.brokerClusterName, config.brokerName])
    if (Topic.isSystem(header.topic, own))
      return `The topic[${header.topic}] is conflict with system topic: it is the broker's own. Choose another name.`
    if (!Topic.isValidPerm(header.perm)) return `perm ${header.perm} is invalid: 2 write, 4 read, 6 both`
    for (const queueNums of [header.readQueueNums, header.writeQueueNums])
      if (queueNums < 0) return `a topic has 0 to ${queueNumsMax} queues, not ${queueNums}.`
    return tooManyQueues(header.readQueueNums) ?? tooManyQueues(header.writeQueueNums)
  }
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

/** Applies `+key=value,-key` to the attributes of a topic, or of one that is being made; a text says why it cannot be. */
const changeAttributes = (
  topic: Topic.TopicConfig | undefined,
  change: string | undefined,
): Readonly<Record<string, string>> | string => {
  if ((change ?? "").length > attributesLengthMax) return `attributes are longer than ${attributesLengthMax} characters`
  const after: Record<string, string> = { ...topic?.attributes }
  for (const part of (change ?? "").split(",")) {
    if (part === "") continue
    const [key = "", value] = part.slice(1).split("=", 2)
    const isSet = part.startsWith("+") && value !== undefined
    if (!isSet && !(part.startsWith("-") && value === undefined))
      return `attribute "${part}" is neither +key=value nor -key`
    const isServed = attributesKnown.get(key)
    if (isServed === undefined) return `unsupported key: ${key}. Known are ${[...attributesKnown.keys()].join(", ")}.`
    if (!isSet) delete after[key]
    else if (isServed(value)) after[key] = value
    else return `the attribute ${key} of this broker's topics cannot be ${value}`
  }
  return after
}
