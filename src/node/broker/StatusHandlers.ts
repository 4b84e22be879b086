/**
 * What administrators look at: how far queues and groups are, who is connected, how the broker is configured. Nothing
 * is changed here. Rates are not measured by this version and are answered as 0.
 */
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as DataVersion from "../../domain/DataVersion.ts"
import * as ProducerGroup from "../../domain/ProducerGroup.ts"
import type { TopicConfig } from "../../domain/Topic.ts"
import * as Admin from "../../format/Admin.ts"
import type { Command } from "../../format/Command.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
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
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import { answerMalformed, type BrokerState } from "./BrokerState.ts"
import { inTurns } from "./turns.ts"

/** Queues looked at in one turn: each may be opened for it, and read once from the disk. */
const queuesPerTurn = 64
/** Names of thousands of topics. */
const topicListLengthMax = 256 * 1024

export class StatusHandlers {
  readonly #state: BrokerState
  readonly #configVersion: DataVersion.DataVersion

  constructor(state: BrokerState) {
    this.#state = state
    this.#configVersion = DataVersion.initial(state.world.clock.nowMs())
  }

  /** GET_TOPIC_STATS_INFO (202). */
  readonly topicStats = (command: Command, call: Call): void => {
    const header = Admin.TopicOf.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const config = this.#state.metadata.topics.get(header.topic)
    if (config === undefined)
      return call.answer({
        code: ResponseCode.TOPIC_NOT_EXIST,
        remark: `topic[${header.topic}] not exist on this broker`,
      })
    const offsetTable: Array<TopicStats["offsetTable"][number]> = []
    const count = Math.max(config.readQueueNums, config.writeQueueNums)
    const look = ([name, queueId]: QueueOf): boolean => {
      const queue = this.#queue(name, queueId)
      const { maxOffset, minOffset } = queue
      const lastUpdateTimestamp = this.#storedAt(queue, maxOffset - 1)
      offsetTable.push([this.#messageQueue(name, queueId), { lastUpdateTimestamp, maxOffset, minOffset }])
      return true
    }
    inTurns(this.#state.world, call, queuesOf([[config, count]]), queuesPerTurn, look, () =>
      call.answer({ body: TopicStats.encode({ offsetTable, topicPutTps: 0 }, legacy), code: ResponseCode.SUCCESS }),
    )
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
    const { consumers, metadata, world } = this.#state
    const group = header.consumerGroup
    const offsetTable: Array<ConsumeStats["offsetTable"][number]> = []
    const look = ([topic, queueId]: QueueOf): boolean => {
      const queue = this.#queue(topic, queueId)
      const consumerOffset = ConsumerOffset.query(metadata.offsets, group, topic, queueId) ?? 0
      const lastTimestamp = this.#storedAt(queue, consumerOffset - 1)
      const pullOffset = ConsumerOffset.queryPulled(metadata.offsets, group, topic, queueId) ?? 0
      const progress = { brokerOffset: queue.maxOffset, consumerOffset, lastTimestamp, pullOffset }
      offsetTable.push([this.#messageQueue(topic, queueId), progress])
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
    inTurns(world, call, queuesOf(topics), queuesPerTurn, look, () =>
      call.answer({ body: ConsumeStats.encode({ consumeTps: 0, offsetTable }, legacy), code: ResponseCode.SUCCESS }),
    )
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
    const body = { connectionSet, consumeFromWhere, consumeType, messageModel, subscriptionTable: subscriptions }
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

  /** GET_BROKER_CONFIG (26). */
  readonly config = (_command: Command, call: Call): void => {
    const lines = Object.entries(this.#state.config).map(([name, value]) => `${name}=${value}\n`)
    call.answer({
      body: Buffer.from(lines.toSorted().join("")),
      code: ResponseCode.SUCCESS,
      ext: { version: ConfigJson.DataVersion.encode(this.#configVersion, legacy).toString() },
    })
  }

  #topicsOf(header: Admin.GetConsumeStats): ReadonlySet<string> {
    const listed = (header.topicList ?? "").split(";").filter((topic) => topic !== "")
    if (listed.length > 0) return new Set(listed)
    if (header.topic !== undefined && header.topic !== "") return new Set([header.topic])
    return new Set(ConsumerOffset.topicsOfGroup(this.#state.metadata.offsets, header.consumerGroup))
  }

  #queue(topic: string, queueId: number): ConsumeQueue {
    const { store } = this.#state
    const queue = store.queues.get(topic, queueId)
    queue.correctMin(store.log.minOffset)
    return queue
  }

  #storedAt(queue: ConsumeQueue, queueOffset: number): number {
    return this.#state.store.storeTimestampAt(queue, queueOffset) ?? 0
  }

  #messageQueue(topic: string, queueId: number) {
    return { brokerName: this.#state.config.brokerName, queueId, topic }
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
