/** Who consumes what, and how far: requests of administrators about groups and topics. Nothing is changed here. */
import * as ConsumerFilter from "../../domain/ConsumerFilter.ts"
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as Statistics from "../../domain/Statistics.ts"
import { matchesCode } from "../../domain/Subscription.ts"
import type { TopicConfig } from "../../domain/Topic.ts"
import * as Admin from "../../format/Admin.ts"
import { isExtAddress } from "../../format/ConsumeQueueEntry.ts"
import { SubscriptionOfGroup } from "../../format/Connections.ts"
import * as Stats from "../../format/ConsumeStats.ts"
import { type QueueEntry, QueueView } from "../../format/QueueView.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { GroupList, TopicList } from "../../format/RouteData.ts"
import { legacy } from "../../format/shape.ts"
import type { Handler } from "../../infra/remoting/Hub.ts"
import { failed, success, typed } from "../../infra/remoting/TypedHandler.ts"
import type { BrokerState } from "./BrokerState.ts"
import { inTurns } from "./turns.ts"

/** Queues looked at in one turn: each may be opened for it, and read once from the disk. */
const queuesPerTurn = 64
/** Entries of one answer to 321: 100 bytes of JSON each. */
const entriesMax = 10_000

export const consumptionCalls = (state: BrokerState): ReadonlyArray<readonly [number, Handler]> => [
  [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, groupsOfTopic(state)],
  [RequestCode.QUERY_TOPICS_BY_CONSUMER, topicsOfGroup(state)],
  [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, subscription(state)],
  [RequestCode.QUERY_CONSUME_TIME_SPAN, timeSpans(state)],
  [RequestCode.QUERY_CORRECTION_OFFSET, correctionOffsets(state)],
  [RequestCode.GET_BROKER_CONSUME_STATS, brokerConsumeStats(state)],
  [RequestCode.QUERY_CONSUME_QUEUE, queueView(state)],
]

/** Groups that subscribe the topic now, or did. */
const groupsOfTopic = (state: BrokerState): Handler =>
  typed(Admin.TopicOf, ({ topic }) => {
    const online = ConsumerGroup.groupsOfTopic(state.consumers, topic)
    const groupList = [...new Set([...online, ...ConsumerOffset.groupsOfTopic(state.metadata.offsets, topic)])]
    return { ...success, body: GroupList.encode({ groupList }) }
  })

const topicsOfGroup = (state: BrokerState): Handler =>
  typed(Admin.GroupOf, ({ group }) => {
    const topicList = ConsumerOffset.topicsOfGroup(state.metadata.offsets, group)
    return { ...success, body: TopicList.encode({ brokerAddr: state.brokerAddr, topicList }) }
  })

const subscription = (state: BrokerState): Handler =>
  typed(Admin.QuerySubscription, (header) => {
    const found =
      header.topic === undefined ? undefined : ConsumerGroup.subscriptionOf(state.consumers, header.group, header.topic)
    const body = { ...header, ...(found === undefined ? {} : { subscriptionData: found }) }
    return { ...success, body: SubscriptionOfGroup.encode(body, legacy) }
  })

/** Which times the messages of each queue are from, and how old the next one is that a group will get. */
const timeSpans = (state: BrokerState): Handler =>
  typed(Admin.TopicOfGroup, ({ group, topic }, _command, call) => {
    const config = state.metadata.topics.get(topic)
    if (config === undefined) return { code: ResponseCode.TOPIC_NOT_EXIST, remark: `topic[${topic}] not exist` }
    const spans: Array<Stats.ConsumeTimeSpans["consumeTimeSpanSet"][number]> = []
    const text = (ms: number): string => timeText(ms + state.config.utcOffsetMinutes * 60_000)
    const look = (queueId: number): boolean => {
      const queue = state.queueOf(topic, queueId)
      const { maxOffset = 0, minOffset = 0 } = queue ?? {}
      const minTimeStamp = state.storedAt(queue, minOffset) ?? -1
      const maxTimeStamp = state.storedAt(queue, maxOffset - 1) ?? -1
      const offset = ConsumerOffset.query(state.metadata.offsets, group, topic, queueId) ?? -1
      const consumeTimeStamp = offset > 0 ? (state.storedAt(queue, offset - 1) ?? -1) : minTimeStamp
      const nextStored = offset < maxOffset ? state.storedAt(queue, Math.max(offset, minOffset)) : undefined
      spans.push({
        consumeTimeStamp,
        consumeTimeStampStr: text(consumeTimeStamp),
        delayTime: nextStored === undefined ? 0 : state.world.clock.nowMs() - nextStored,
        maxTimeStamp,
        maxTimeStampStr: text(maxTimeStamp),
        messageQueue: state.messageQueue(topic, queueId),
        minTimeStamp,
        minTimeStampStr: text(minTimeStamp),
      })
      return true
    }
    inTurns(state.world, call, Array(config.writeQueueNums).keys(), queuesPerTurn, look, () =>
      call.answer({ ...success, body: Stats.ConsumeTimeSpans.encode({ consumeTimeSpanSet: spans }) }),
    )
    return undefined
  })

/** `yyyy-MM-dd#HH:mm:ss:SSS`; `localMs` counts from 1970 by the clock on the wall. */
const timeText = (localMs: number): string => {
  const [date = "", time = ""] = new Date(localMs).toISOString().slice(0, -1).split("T")
  return `${date}#${time.replace(".", ":")}`
}

const noCorrection = 2 ** 63

/**
 * Where one group is behind all others of a topic. RocketMQ removes the filtered groups' offsets for good while it
 * answers this; here they are passed over.
 */
const correctionOffsets = (state: BrokerState): Handler =>
  typed(Admin.QueryCorrectionOffset, ({ compareGroup, filterGroups, topic }) => {
    const { offsets } = state.metadata
    const filtered = new Set((filterGroups ?? "").split(","))
    const correction = new Map<number, number>()
    for (const group of ConsumerOffset.groupsOfTopic(offsets, topic)) {
      if (filtered.has(group)) continue
      for (const [queueId, offset] of ConsumerOffset.ofTopic(offsets, group, topic)) {
        const known = correction.get(queueId) ?? noCorrection
        if (offset >= (state.queueOf(topic, queueId)?.minOffset ?? 0)) correction.set(queueId, Math.min(known, offset))
      }
    }
    for (const [queueId, offset] of ConsumerOffset.ofTopic(offsets, compareGroup, topic)) {
      const least = correction.get(queueId)
      if (least !== undefined && least > offset) correction.set(queueId, noCorrection)
    }
    return { ...success, body: Stats.CorrectionOffsets.encode({ correctionOffsets: correction }, legacy) }
  })

type Progress = Stats.ConsumeStats["offsetTable"][number]

/** Every group of the broker, with the topics that it consumes or once did. */
const brokerConsumeStats = (state: BrokerState): Handler =>
  typed(Admin.GetBrokerConsumeStats, ({ isOrder }, _command, call) => {
    const list = new Map<string, Array<Stats.ConsumeStats>>()
    let totalDiff = 0
    let totalInflightDiff = 0
    const look = ({ group, offsetTable, queueId, topic }: QueueOfGroup): boolean => {
      const queue = state.queueOf(topic, queueId)
      const brokerOffset = queue?.maxOffset ?? 0
      const consumerOffset = Math.max(0, ConsumerOffset.query(state.metadata.offsets, group, topic, queueId) ?? 0)
      const lastTimestamp = state.storedAt(queue, consumerOffset - 1) ?? 0
      totalDiff += brokerOffset - consumerOffset
      totalInflightDiff -= consumerOffset
      const progress = { brokerOffset, consumerOffset, lastTimestamp, pullOffset: 0 }
      offsetTable.push([state.messageQueue(topic, queueId), progress])
      return true
    }
    inTurns(state.world, call, queuesOfGroups(state, isOrder, list), queuesPerTurn, look, () => {
      const consumeStatsList = [...list].map(([group, stats]) => new Map([[group, stats]]))
      const body = { brokerAddr: state.brokerAddr, consumeStatsList, totalDiff, totalInflightDiff }
      call.answer({ ...success, body: Stats.ConsumeStatsList.encode(body, legacy) })
    })
    return undefined
  })

interface QueueOfGroup {
  readonly group: string
  readonly topic: string
  readonly queueId: number
  readonly offsetTable: Array<Progress>
}

/** Every queue of every topic of every group; the groups and topics are added to `list` on the way. */
function* queuesOfGroups(
  state: BrokerState,
  isOrder: boolean,
  list: Map<string, Array<Stats.ConsumeStats>>,
): Generator<QueueOfGroup> {
  for (const group of state.metadata.groups.keys()) {
    const stats: Array<Stats.ConsumeStats> = []
    list.set(group, stats)
    for (const config of consumedBy(state, group)) {
      if (isOrder && !config.order) continue
      const topic = config.topicName
      const offsetTable: Array<Progress> = []
      const consumeTps = Statistics.perSecond(state.statistics, "GROUP_GET_NUMS", `${topic}@${group}`)
      stats.push({ consumeTps, offsetTable })
      for (let queueId = 0; queueId < config.writeQueueNums; queueId++) yield { group, offsetTable, queueId, topic }
    }
  }
}

/** The topics that a group has offsets of; what a connected group has unsubscribed from is history. */
const consumedBy = (state: BrokerState, group: string): ReadonlyArray<TopicConfig> => {
  const online = ConsumerGroup.find(state.consumers, group)
  return ConsumerOffset.topicsOfGroup(state.metadata.offsets, group).flatMap((topic) => {
    const isLeft = online !== undefined && online.subscriptions.size > 0 && !online.subscriptions.has(topic)
    const config = isLeft ? undefined : state.metadata.topics.get(topic)
    return config === undefined ? [] : [config]
  })
}

/** A group's filter as text; one by tags is "null", as RocketMQ says it. */
const printFilter = (filter: ConsumerFilter.ConsumerFilter | undefined): string => {
  if (filter === undefined) return "null"
  const { bornMs, compiled, deadMs, expression, expressionType, group, positions, topic, version } = filter
  const fault = typeof compiled === "string" ? { fault: compiled } : {}
  return JSON.stringify({ bornMs, deadMs, expression, expressionType, group, positions, topic, version, ...fault })
}

/** The bits of a mark, the last first. */
const bitsOf = (mark: Uint8Array): string => {
  let text = ""
  for (const byte of mark) text = byte.toString(2).padStart(8, "0") + text
  return text
}

const queueView = (state: BrokerState): Handler =>
  typed(Admin.QueryConsumeQueue, ({ consumerGroup, count, index, queueId, topic }, _command, call) => {
    const queue = state.queueOf(topic, queueId)
    if (queue === undefined) return failed(`${queueId}@${topic} is not exist!`)
    if (count > entriesMax) return failed(`count is ${count}, at most ${entriesMax}. Ask for fewer entries at once.`)
    const found =
      consumerGroup === undefined ? undefined : ConsumerGroup.subscriptionOf(state.consumers, consumerGroup, topic)
    const filter = consumerGroup === undefined ? undefined : ConsumerFilter.find(state.filters, topic, consumerGroup)
    const { maxOffset, minOffset } = queue
    const first = index < 0 ? Math.max(minOffset, maxOffset + index) : index
    if (first < minOffset || first >= maxOffset) {
      return { ...success, remark: `Index ${index} of ${queueId}@${topic} is not exist!` }
    }
    const queueData: Array<QueueEntry> = []
    const look = (queueOffset: number): boolean => {
      const entry = queue.entrySync(queueOffset)
      if (entry === undefined) return true
      const { commitLogOffset: physicOffset, sizeBytes: physicSize } = entry
      const unit = queue.unitSync(queueOffset)
      const isLost = unit === undefined && isExtAddress(entry.tagsCode)
      const tagsCode = unit?.tagsCode ?? (isLost ? 0 : entry.tagsCode)
      const mark = unit?.mark
      const isMarked =
        mark === undefined || filter === undefined || ConsumerFilter.mayMatch(state.filters, filter, physicOffset, mark)
      queueData.push({
        eval: found !== undefined && isMarked && matchesCode(found, isLost ? undefined : tagsCode),
        physicOffset,
        physicSize,
        tagsCode,
        ...(mark === undefined ? {} : { bitMap: bitsOf(mark) }),
        ...(isLost ? { msg: "Cq extend not exist!" } : {}),
      })
      return true
    }
    const offsets = Array.from({ length: Math.max(0, Math.min(count, maxOffset - first)) }, (_, i) => first + i)
    inTurns(state.world, call, offsets, 500, look, () => {
      const subscriptionText = found === undefined ? `${consumerGroup}@${topic} is not online!` : printFilter(filter)
      const body = {
        maxQueueIndex: maxOffset,
        minQueueIndex: minOffset,
        queueData,
        ...(consumerGroup === undefined ? {} : { filterData: subscriptionText }),
        ...(found === undefined ? {} : { subscriptionData: found }),
      }
      call.answer({ ...success, body: QueueView.encode(body, legacy) })
    })
    return undefined
  })
