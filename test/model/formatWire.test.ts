/**
 * Recorded frames: what Java clients, brokers and name servers really sent decodes, and is written back as it was.
 */
import { describe, expect, it } from "vitest"
import * as Admin from "../../src/format/Admin.ts"
import * as Batch from "../../src/format/Batch.ts"
import * as BrokerStats from "../../src/format/BrokerStats.ts"
import * as Command from "../../src/format/Command.ts"
import {
  DataVersion,
  Forbidden,
  GroupConfig,
  GroupConfigList,
  SubscriptionGroups,
  TopicConfig,
  TopicConfigList,
} from "../../src/format/ConfigJson.ts"
import * as Connections from "../../src/format/Connections.ts"
import * as ConsumerRuntime from "../../src/format/ConsumerRuntime.ts"
import * as ConsumeStats from "../../src/format/ConsumeStats.ts"
import { crc31 } from "../../src/format/Crc32.ts"
import * as Ext from "../../src/format/Ext.ts"
import * as Heartbeat from "../../src/format/Heartbeat.ts"
import type { Header, Parameters } from "../../src/format/header.ts"
import * as LockBatch from "../../src/format/LockBatch.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as NameServer from "../../src/format/NameServer.ts"
import * as PullMessage from "../../src/format/PullMessage.ts"
import * as QueueView from "../../src/format/QueueView.ts"
import * as RegisterBroker from "../../src/format/RegisterBroker.ts"
import { RequestCode, requestCodeName } from "../../src/format/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../../src/format/ResponseCode.ts"
import * as RouteData from "../../src/format/RouteData.ts"
import * as SendMessage from "../../src/format/SendMessage.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import type { Members, RecordShape } from "../../src/format/shape.ts"
import { legacy, standard } from "../../src/format/shape.ts"
import type { Exchange } from "../golden/golden.ts"
import { exchanges } from "../golden/golden.ts"

const recorded = exchanges()

const decodeFrame = (hex: string): Command.Command => {
  const frame = Buffer.from(hex, "hex")
  expect(Command.frameLength(frame, 0)).toBe(frame.length - 4)
  const command = Command.decode(frame, 4, frame.length)
  if (command instanceof Malformed) throw command
  return command
}

const label = ({ codeName, file, scenario }: Exchange) => `${file} ${scenario} ${codeName}`

/** Parameters as texts, without the absent ones: what both ends agree on. */
const meaning = (ext: Ext.Ext) =>
  Object.fromEntries(
    Object.keys(ext).flatMap((name) => (Ext.text(ext, name) === undefined ? [] : [[name, Ext.text(ext, name)]])),
  )

describe("frames", () => {
  it("decodes every recorded frame and writes it back, JSON headers to the byte", () => {
    let count = 0
    for (const exchange of recorded) {
      for (const hex of [exchange.request, exchange.response]) {
        if (hex === null) continue
        const command = decodeFrame(hex)
        const frame = Command.encode(command)
        if (command.serialize === Command.serializeJson) expect(frame.toString("hex"), label(exchange)).toBe(hex)
        const again = decodeFrame(frame.toString("hex"))
        expect({ ...again, ext: meaning(again.ext) }, label(exchange)).toEqual({
          ...command,
          ext: meaning(command.ext),
        })
        count++
      }
    }
    expect(count).toBe(2397)
  })

  it("keeps the bytes of binary headers that hold no empty value", () => {
    let count = 0
    for (const exchange of recorded) {
      if (exchange.serialize !== "ROCKETMQ") continue
      const command = decodeFrame(exchange.request)
      if (Object.values(command.ext).includes(null)) continue
      const frame = Command.encode(command)
      // A header written once as fields and once as a map repeats its parameters; we write each once.
      if (frame.length * 2 === exchange.request.length)
        expect(frame.toString("hex"), label(exchange)).toBe(exchange.request)
      count++
    }
    expect(count).toBeGreaterThan(300)
  })

  it("knows the name of every recorded code", () => {
    for (const { code, codeName, response, responseCode } of recorded) {
      // Binary headers cut POP codes to 16 bits, and one request was made up.
      if (RequestCode[codeName as keyof typeof RequestCode] === code) expect(requestCodeName(code)).toBe(codeName)
      else expect(codeName.startsWith("UNKNOWN") || code < 32_768).toBe(true)
      if (response !== null) expect(decodeFrame(response).code).toBe(responseCode)
      if (responseCode !== undefined) expect(responseCodeName(responseCode)).not.toBe(String(responseCode))
    }
  })
})

const requestHeaders = new Map<number, Header<Parameters>>([
  [RequestCode.SEND_MESSAGE, SendMessage.SendMessage],
  [RequestCode.SEND_MESSAGE_V2, SendMessage.SendMessageV2],
  [RequestCode.SEND_BATCH_MESSAGE, SendMessage.SendMessageV2],
  [RequestCode.SEND_REPLY_MESSAGE_V2, SendMessage.SendMessageV2],
  [RequestCode.CONSUMER_SEND_MSG_BACK, SendMessage.ConsumerSendMsgBack],
  [RequestCode.END_TRANSACTION, SendMessage.EndTransaction],
  [RequestCode.CHECK_TRANSACTION_STATE, SendMessage.CheckTransactionState],
  [RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, SendMessage.PushReplyMessage],
  [RequestCode.RECALL_MESSAGE, SendMessage.RecallMessage],
  [RequestCode.PULL_MESSAGE, PullMessage.PullMessage],
  [RequestCode.LITE_PULL_MESSAGE, PullMessage.PullMessage],
  [RequestCode.QUERY_CONSUMER_OFFSET, PullMessage.QueryConsumerOffset],
  [RequestCode.UPDATE_CONSUMER_OFFSET, PullMessage.UpdateConsumerOffset],
  [RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, PullMessage.SearchOffset],
  [RequestCode.GET_MAX_OFFSET, PullMessage.GetMaxOffset],
  [RequestCode.GET_MIN_OFFSET, PullMessage.GetMinOffset],
  [RequestCode.GET_EARLIEST_MSG_STORETIME, PullMessage.GetMinOffset],
  [RequestCode.VIEW_MESSAGE_BY_ID, PullMessage.ViewMessage],
  [RequestCode.QUERY_MESSAGE, PullMessage.QueryMessage],
  [RequestCode.GET_CONSUMER_LIST_BY_GROUP, PullMessage.ConsumerGroupOf],
  [RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, PullMessage.ConsumerGroupOf],
  [RequestCode.GET_CONSUMER_CONNECTION_LIST, PullMessage.ConsumerGroupOf],
  [RequestCode.UNREGISTER_CLIENT, PullMessage.UnregisterClient],
  [RequestCode.REGISTER_BROKER, NameServer.RegisterBroker],
  [RequestCode.UNREGISTER_BROKER, NameServer.BrokerOf],
  [RequestCode.QUERY_DATA_VERSION, NameServer.BrokerOf],
  [RequestCode.BROKER_HEARTBEAT, NameServer.BrokerHeartbeat],
  [RequestCode.GET_BROKER_MEMBER_GROUP, NameServer.GetBrokerMemberGroup],
  [RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, NameServer.NotifyMinBrokerIdChange],
  [RequestCode.GET_ROUTEINFO_BY_TOPIC, NameServer.GetRouteInfo],
  [RequestCode.PUT_KV_CONFIG, NameServer.PutKvConfig],
  [RequestCode.GET_KV_CONFIG, NameServer.KvConfigOf],
  [RequestCode.DELETE_KV_CONFIG, NameServer.KvConfigOf],
  [RequestCode.GET_KVLIST_BY_NAMESPACE, NameServer.GetKvListByNamespace],
  [RequestCode.GET_TOPICS_BY_CLUSTER, NameServer.GetTopicsByCluster],
  [RequestCode.WIPE_WRITE_PERM_OF_BROKER, NameServer.WritePermOfBroker],
  [RequestCode.ADD_WRITE_PERM_OF_BROKER, NameServer.WritePermOfBroker],
  [RequestCode.DELETE_TOPIC_IN_NAMESRV, NameServer.DeleteTopicInNamesrv],
  [RequestCode.UPDATE_AND_CREATE_TOPIC, Admin.CreateTopic],
  [RequestCode.DELETE_TOPIC_IN_BROKER, Admin.TopicOf],
  [RequestCode.GET_TOPIC_STATS_INFO, Admin.TopicOf],
  [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, Admin.TopicOf],
  [RequestCode.GET_TOPIC_CONFIG, Admin.GetTopicConfig],
  [RequestCode.GET_ALL_TOPIC_CONFIG, Admin.GetAllTopicConfig],
  [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, Admin.GetAllSubscriptionGroup],
  [RequestCode.QUERY_TOPICS_BY_CONSUMER, Admin.GroupOf],
  [RequestCode.DELETE_SUBSCRIPTIONGROUP, Admin.DeleteSubscriptionGroup],
  [RequestCode.GET_PRODUCER_CONNECTION_LIST, Admin.ProducerGroupOf],
  [RequestCode.GET_CONSUME_STATS, Admin.GetConsumeStats],
  [RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, Admin.ResetOffset],
  [RequestCode.RESET_CONSUMER_CLIENT_OFFSET, Admin.ResetOffset],
  [RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT, Admin.GetConsumerStatus],
  [RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, Admin.GetConsumerStatus],
  [RequestCode.GET_CONSUMER_RUNNING_INFO, Admin.GetConsumerRunningInfo],
  [RequestCode.CONSUME_MESSAGE_DIRECTLY, Admin.ConsumeMessageDirectly],
  [RequestCode.QUERY_CONSUME_TIME_SPAN, Admin.TopicOfGroup],
  [RequestCode.CLONE_GROUP_OFFSET, Admin.CloneGroupOffset],
  [RequestCode.VIEW_BROKER_STATS_DATA, Admin.ViewBrokerStats],
  [RequestCode.GET_BROKER_CONSUME_STATS, Admin.GetBrokerConsumeStats],
  [RequestCode.QUERY_CONSUME_QUEUE, Admin.QueryConsumeQueue],
  [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, Admin.QuerySubscription],
  [RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, Admin.GroupForbidden],
])

const sends: readonly number[] = [RequestCode.SEND_MESSAGE, RequestCode.SEND_MESSAGE_V2, RequestCode.SEND_BATCH_MESSAGE]
const stored: readonly number[] = [
  ResponseCode.SUCCESS,
  ResponseCode.FLUSH_DISK_TIMEOUT,
  ResponseCode.SLAVE_NOT_AVAILABLE,
]
const pulls: readonly number[] = [RequestCode.PULL_MESSAGE, RequestCode.LITE_PULL_MESSAGE]
const offsets: readonly number[] = [
  RequestCode.QUERY_CONSUMER_OFFSET,
  RequestCode.SEARCH_OFFSET_BY_TIMESTAMP,
  RequestCode.GET_MAX_OFFSET,
  RequestCode.GET_MIN_OFFSET,
]

/** The header of a recorded answer, where it has one. */
const answerHeader = (code: number, responseCode: number): Header<Parameters> | undefined => {
  if (sends.includes(code)) return stored.includes(responseCode) ? SendMessage.SendMessageAnswer : undefined
  if (pulls.includes(code)) {
    const isPullResult = responseCode === 0 || (responseCode >= 19 && responseCode <= 21)
    return isPullResult ? PullMessage.PullMessageAnswer : undefined
  }
  if (responseCode !== ResponseCode.SUCCESS) return undefined
  if (offsets.includes(code)) return PullMessage.OffsetAnswer
  return answerHeaders.get(code)
}

const answerHeaders = new Map<number, Header<Parameters>>([
  [RequestCode.GET_EARLIEST_MSG_STORETIME, PullMessage.StoretimeAnswer],
  [RequestCode.QUERY_MESSAGE, PullMessage.QueryMessageAnswer],
  [RequestCode.HEART_BEAT, PullMessage.HeartbeatAnswer],
  [RequestCode.REGISTER_BROKER, NameServer.RegisterBrokerAnswer],
  [RequestCode.QUERY_DATA_VERSION, NameServer.QueryDataVersionAnswer],
  [RequestCode.GET_KV_CONFIG, NameServer.GetKvConfigAnswer],
  [RequestCode.WIPE_WRITE_PERM_OF_BROKER, NameServer.WipeWritePermAnswer],
  [RequestCode.ADD_WRITE_PERM_OF_BROKER, NameServer.AddWritePermAnswer],
  [RequestCode.GET_ALL_TOPIC_CONFIG, Admin.GetAllTopicConfigAnswer],
  [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, Admin.GetAllSubscriptionGroupAnswer],
])

/** Decodes a header and expects that writing it back gives every parameter that it declares, as it was. */
const expectHeader = (declared: Header<Parameters>, ext: Ext.Ext, why: string) => {
  const value = declared.decode(ext)
  if (value instanceof Malformed) throw new Error(`${why}: ${value.message}`)
  const written = meaning(declared.encode(value))
  for (const [name, text] of Object.entries(meaning(ext))) {
    if (Object.values(declared.keys).includes(name)) expect(written[name], `${why} ${name}`).toBe(text)
  }
}

describe("parameters", () => {
  it("reads the parameters of every request it declares, and writes them back", () => {
    const seen = new Set<number>()
    for (const exchange of recorded) {
      const declared = requestHeaders.get(exchange.code)
      if (declared === undefined) continue
      const { ext } = decodeFrame(exchange.request)
      if (exchange.scenario === "error-missing-field") {
        expect(declared.decode(ext)).toBeInstanceOf(Malformed)
        continue
      }
      expectHeader(declared, ext, label(exchange))
      seen.add(exchange.code)
    }
    expect([...requestHeaders.keys()].filter((code) => !seen.has(code))).toEqual([])
  })

  it("reads the parameters of every answer it declares, and writes them back", () => {
    let count = 0
    for (const exchange of recorded) {
      if (exchange.response === null) continue
      const answer = decodeFrame(exchange.response)
      const declared = answerHeader(exchange.code, answer.code)
      if (declared === undefined) continue
      expectHeader(declared, answer.ext, label(exchange))
      count++
    }
    expect(count).toBeGreaterThan(300)
  })
})

/** Decodes a body and expects it back; to the byte when the peer writes what we write. */
const expectBody = (shape: RecordShape<Members>, body: Buffer, isCurrent: boolean, isRoute: boolean, why: string) => {
  const value = shape.decode(body)
  if (value instanceof Malformed) throw new Error(`${why}: ${value.message}`)
  const written = shape.encode(value, isRoute ? standard : legacy)
  // 4.9 peers leave out what they do not know, so only current ones are written back to the byte.
  if (isCurrent) expect(written.toString("utf8"), why).toBe(body.toString("utf8"))
  expect(shape.decode(written), why).toEqual(value)
}

describe("bodies", () => {
  const requestBodies = new Map<number, RecordShape<Members>>([
    [RequestCode.HEART_BEAT, Heartbeat.Heartbeat],
    [RequestCode.CHECK_CLIENT_CONFIG, Heartbeat.CheckClientConfig],
    [RequestCode.LOCK_BATCH_MQ, LockBatch.LockBatch],
    [RequestCode.UNLOCK_BATCH_MQ, LockBatch.LockBatch],
    [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, GroupConfig],
    [RequestCode.UPDATE_AND_CREATE_TOPIC_LIST, TopicConfigList],
    [RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, GroupConfigList],
    [RequestCode.REGISTER_BROKER, RegisterBroker.RegisterBody],
    [RequestCode.QUERY_DATA_VERSION, DataVersion],
  ])
  const answerBodies = new Map<number, RecordShape<Members>>([
    [RequestCode.GET_CONSUMER_LIST_BY_GROUP, Heartbeat.ConsumerList],
    [RequestCode.LOCK_BATCH_MQ, LockBatch.LockBatchAnswer],
    [RequestCode.GET_ROUTEINFO_BY_TOPIC, RouteData.RouteData],
    [RequestCode.GET_BROKER_CLUSTER_INFO, RouteData.ClusterInfo],
    [RequestCode.GET_BROKER_MEMBER_GROUP, RouteData.BrokerMemberGroup],
    [RequestCode.QUERY_DATA_VERSION, DataVersion],
    [RequestCode.GET_TOPIC_CONFIG, TopicConfig],
    [RequestCode.GET_ALL_TOPIC_CONFIG, RegisterBroker.TopicConfigs],
    [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, SubscriptionGroups],
    [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, RouteData.TopicList],
    [RequestCode.GET_TOPICS_BY_CLUSTER, RouteData.TopicList],
    [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS, RouteData.TopicList],
    [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER, RouteData.TopicList],
    [RequestCode.GET_KVLIST_BY_NAMESPACE, RouteData.KvTable],
    [RequestCode.GET_BROKER_RUNTIME_INFO, RouteData.KvTable],
    [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO, RouteData.GroupList],
    [RequestCode.QUERY_TOPICS_BY_CONSUMER, RouteData.TopicList],
    [RequestCode.QUERY_CONSUME_TIME_SPAN, ConsumeStats.ConsumeTimeSpans],
    [RequestCode.GET_BROKER_CONSUME_STATS, ConsumeStats.ConsumeStatsList],
    [RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, ConsumeStats.ConsumerStatus],
    [RequestCode.VIEW_BROKER_STATS_DATA, BrokerStats.BrokerStatsData],
    [RequestCode.GET_ALL_PRODUCER_INFO, Connections.ProducerTable],
    [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER, Connections.SubscriptionOfGroup],
    [RequestCode.QUERY_CONSUME_QUEUE, QueueView.QueueView],
    [RequestCode.GET_CONSUMER_RUNNING_INFO, ConsumerRuntime.RunningInfo],
    [RequestCode.CONSUME_MESSAGE_DIRECTLY, ConsumerRuntime.ConsumedDirectly],
    [RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, Forbidden],
  ])

  it("reads every JSON body it declares, and writes those of current peers back to the byte", () => {
    let count = 0
    for (const exchange of recorded) {
      const request = decodeFrame(exchange.request)
      const requestShape = requestBodies.get(exchange.code)
      if (requestShape !== undefined && request.body.length > 0) {
        // These bodies were made by hand, with fewer members than a client sends.
        const isWhole = exchange.from.endsWith("5.5.0") && exchange.code !== RequestCode.CHECK_CLIENT_CONFIG
        expectBody(requestShape, request.body, isWhole, false, label(exchange))
        count++
      }
      if (exchange.response === null) continue
      const answer = decodeFrame(exchange.response)
      const answerShape = answerBodies.get(exchange.code)
      if (answerShape === undefined || answer.body.length === 0) continue
      expectBody(answerShape, answer.body, true, exchange.code === RequestCode.GET_ROUTEINFO_BY_TOPIC, label(exchange))
      count++
    }
    expect(count).toBeGreaterThan(250)
  })

  it("reads every registration as the sender's version says, compressed or not", () => {
    for (const exchange of recorded) {
      if (exchange.code !== RequestCode.REGISTER_BROKER) continue
      const request = decodeFrame(exchange.request)
      expect(Ext.int(request.ext, "bodyCrc32")).toBe(crc31(request.body))
      const body = RegisterBroker.decode(request.body, false, request.version)
      if (body instanceof Malformed) throw body
      const compressed = RegisterBroker.decode(RegisterBroker.encodeCompressed(body), true, request.version)
      if (compressed instanceof Malformed) throw compressed
      // The compressed form has no room for the mapping's version and the details of static topics.
      const { dataVersion, topicConfigTable } = body.topicConfigSerializeWrapper
      expect(compressed.topicConfigSerializeWrapper).toMatchObject({ dataVersion, topicConfigTable })
    }
  })

  it("reads every message of every answer that carries messages, and writes it back to the byte", () => {
    const carriers: readonly number[] = [...pulls, RequestCode.QUERY_MESSAGE, RequestCode.VIEW_MESSAGE_BY_ID]
    let count = 0
    for (const exchange of recorded) {
      if (!carriers.includes(exchange.code) || exchange.response === null) continue
      const { body } = decodeFrame(exchange.response)
      const { messages, rest } = StoredMessage.decodeAll(body)
      expect(rest, label(exchange)).toBeUndefined()
      let at = 0
      for (const message of messages) {
        expect(StoredMessage.check(body, at, message.sizeBytes)).toEqual({
          kind: "record",
          isSealed: false,
          sizeBytes: message.sizeBytes,
        })
        expect(StoredMessage.encode(message).equals(body.subarray(at, at + message.sizeBytes)), label(exchange)).toBe(
          true,
        )
        at += message.sizeBytes
        count++
      }
    }
    expect(count).toBeGreaterThan(100)
  })

  it("reads every element of every batch, and writes the batch back to the byte", () => {
    let count = 0
    for (const exchange of recorded) {
      if (exchange.code !== RequestCode.SEND_BATCH_MESSAGE) continue
      const { body, ext } = decodeFrame(exchange.request)
      expect(Ext.flag(ext, "m")).toBe(true)
      const elements = Batch.decode(body)
      if (elements instanceof Malformed) throw elements
      expect(elements.length).toBeGreaterThan(1)
      expect(Batch.encode(elements).equals(body)).toBe(true)
      count++
    }
    expect(count).toBeGreaterThan(3)
  })
})
