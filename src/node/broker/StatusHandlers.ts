/**
 * What administrators look at: how far queues and groups are, and who is connected. Nothing is changed here. Rates are
 * those of the last minute.
 */
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as ProducerGroup from "../../domain/ProducerGroup.ts"
import * as Statistics from "../../domain/Statistics.ts"
import { queueNums, type TopicConfig } from "../../domain/Topic.ts"
import * as Admin from "../../format/Admin.ts"
import type { Command } from "../../format/Command.ts"
import { ConsumerConnection, ProducerConnection } from "../../format/Connections.ts"
import { ConsumeStats, TopicStats } from "../../format/ConsumeStats.ts"
import { fromCode } from "../../format/Language.ts"
import { Malformed } from "../../format/Malformed.ts"
import { ConsumerGroupOf } from "../../format/PullMessage.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { legacy } from "../../format/shape.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import { answerMalformed, type BrokerState } from "./BrokerState.ts"
import { inTurns } from "./turns.ts"

/** Queues looked at in one turn: each may be opened for it, and read once from the disk. */
const queuesPerTurn = 64
/** Names of thousands of topics. */
const topicListLengthMax = 256 * 1024

export class StatusHandlers {
  readonly #state: BrokerState

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** GET_TOPIC_STATS_INFO (202). */
  readonly topicStats = (command: Command, call: Call): void => {
    const header = Admin.TopicOf.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const state = this.#state
    const config = state.metadata.topics.get(header.topic)
    if (config === undefined)
      return call.answer({
        code: ResponseCode.TOPIC_NOT_EXIST,
        remark: `topic[${header.topic}] not exist on this broker`,
      })
    const offsetTable: Array<TopicStats["offsetTable"][number]> = []
    const look = ([name, queueId]: QueueOf): boolean => {
      const queue = state.queueOf(name, queueId)
      const { maxOffset = 0, minOffset = 0 } = queue ?? {}
      const lastUpdateTimestamp = state.storedAt(queue, maxOffset - 1) ?? 0
      offsetTable.push([state.messageQueue(name, queueId), { lastUpdateTimestamp, maxOffset, minOffset }])
      return true
    }
    inTurns(state.world, call, queuesOf([[config, queueNums(config)]]), queuesPerTurn, look, () => {
      const topicPutTps = Statistics.perSecond(state.statistics, "TOPIC_PUT_NUMS", header.topic)
      call.answer({ body: TopicStats.encode({ offsetTable, topicPutTps }, legacy), code: ResponseCode.SUCCESS })
    })
  }

  /** GET_CONSUME_STATS (208). */
  readonly consumeStats = (command: Command, call: Call): void => {
    const header = Admin.GetConsumeStats.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    if ((header.topicList ?? "").length > topicListLengthMax)
      return call.answer({
        code: ResponseCode.INVALID_PARAMETER,
        remark: `topicList has at most ${topicListLengthMax} characters. Ask for fewer topics at once.`,
      })
    const { consumers, metadata, statistics, world } = this.#state
    const group = header.consumerGroup
    const offsetTable: Array<ConsumeStats["offsetTable"][number]> = []
    const look = ([topic, queueId]: QueueOf): boolean => {
      const queue = this.#state.queueOf(topic, queueId)
      const consumerOffset = ConsumerOffset.query(metadata.offsets, group, topic, queueId) ?? 0
      const lastTimestamp = this.#state.storedAt(queue, consumerOffset - 1) ?? 0
      const pullOffset = ConsumerOffset.queryPulled(metadata.offsets, group, topic, queueId) ?? 0
      const progress = { brokerOffset: queue?.maxOffset ?? 0, consumerOffset, lastTimestamp, pullOffset }
      offsetTable.push([this.#state.messageQueue(topic, queueId), progress])
      return true
    }
    const online = ConsumerGroup.find(consumers, group)
    const topics: Array<readonly [TopicConfig, number]> = []
    for (const topic of this.#topicsOf(header)) {
      const config = metadata.topics.get(topic)
      // What a connected group has unsubscribed from is history.
      const isLeft = online !== undefined && online.subscriptions.size > 0 && !online.subscriptions.has(topic)
      if (config !== undefined && !isLeft) topics.push([config, config.readQueueNums])
    }
    inTurns(world, call, queuesOf(topics), queuesPerTurn, look, () => {
      let consumeTps = 0
      for (const [{ topicName }] of topics)
        consumeTps += Statistics.perSecond(statistics, "GROUP_GET_NUMS", `${topicName}@${group}`)
      call.answer({ body: ConsumeStats.encode({ consumeTps, offsetTable }, legacy), code: ResponseCode.SUCCESS })
    })
  }

  /** GET_CONSUMER_CONNECTION_LIST (203). */
  readonly consumerConnections = (command: Command, call: Call): void => {
    const header = ConsumerGroupOf.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const group = ConsumerGroup.find(this.#state.consumers, header.consumerGroup)
    if (group === undefined)
      return call.answer({
        code: ResponseCode.CONSUMER_NOT_ONLINE,
        remark: `the consumer group[${header.consumerGroup}] not online: none of its clients is connected to this broker`,
      })
    const { consumeFromWhere, consumeType, members, messageModel, subscriptions } = group
    const connectionSet = [...members.values()].map(connectionOf)
    const mixes = this.#state.mixedGroups.get(header.consumerGroup)
    const body = {
      connectionSet,
      consumeFromWhere,
      consumeType,
      messageModel,
      ...(mixes === undefined ? {} : { mixedSubscriptions: ConsumerGroup.printMixes(mixes) }),
      subscriptionTable: subscriptions,
    }
    call.answer({ body: ConsumerConnection.encode(body, legacy), code: ResponseCode.SUCCESS })
  }

  /** GET_PRODUCER_CONNECTION_LIST (204). */
  readonly producerConnections = (command: Command, call: Call): void => {
    const header = Admin.ProducerGroupOf.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const connectionSet = ProducerGroup.clients(this.#state.producers, header.producerGroup).map(connectionOf)
    if (connectionSet.length === 0)
      return call.answer({
        code: ResponseCode.SYSTEM_ERROR,
        remark: `the producer group[${header.producerGroup}] not exist: none of its clients is connected to this broker`,
      })
    call.answer({ body: ProducerConnection.encode({ connectionSet }, legacy), code: ResponseCode.SUCCESS })
  }

  #topicsOf(header: Admin.GetConsumeStats): ReadonlySet<string> {
    const listed = (header.topicList ?? "").split(";").filter((topic) => topic !== "")
    if (listed.length > 0) return new Set(listed)
    if (header.topic !== undefined && header.topic !== "") return new Set([header.topic])
    return new Set(ConsumerOffset.topicsOfGroup(this.#state.metadata.offsets, header.consumerGroup))
  }
}

type QueueOf = readonly [topic: string, queueId: number]

const queuesOf = function* (topics: ReadonlyArray<readonly [TopicConfig, number]>): Generator<QueueOf> {
  for (const [{ topicName }, count] of topics)
    for (let queueId = 0; queueId < count; queueId++) yield [topicName, queueId]
}

const connectionOf = ({ clientId, connection, language, version }: ConsumerGroup.Client<RemotingConnection>) => ({
  clientAddr: PeerAddress.print(connection.remote),
  clientId,
  language: fromCode(language) ?? "OTHER",
  version,
})
