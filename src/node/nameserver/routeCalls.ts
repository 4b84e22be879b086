/** What clients and administrators ask of a name server: routes and listings. Source: spec wire §10.4 to §10.6. */
import * as Result from "effect/Result"
import { orderTopicNamespace } from "../../domain/KvConfig.ts"
import * as Route from "../../domain/Route.ts"
import * as NameServerHeaders from "../../format/NameServer.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as RouteData from "../../format/RouteData.ts"
import { legacy } from "../../format/shape.ts"
import type { Answer } from "../../infra/remoting/Call.ts"
import type { Handler } from "../../infra/remoting/Hub.ts"
import { failed, refused, success, typed } from "../../infra/remoting/TypedHandler.ts"
import * as NamesrvConfig from "./NamesrvConfig.ts"
import type { NamesrvState } from "./NamesrvState.ts"

export const routeCalls = (state: NamesrvState): ReadonlyArray<readonly [number, Handler]> => [
  [RequestCode.GET_ROUTEINFO_BY_TOPIC, route(state)],
  [RequestCode.GET_BROKER_CLUSTER_INFO, clusterInfo(state)],
  [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, allTopics(state)],
  [RequestCode.GET_TOPICS_BY_CLUSTER, topicsOfCluster(state)],
  [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS, systemTopics(state)],
  [RequestCode.GET_UNIT_TOPIC_LIST, unitTopics(state, "unit")],
  [RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST, unitTopics(state, "unitSub")],
  [RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, unitTopics(state, "unitSubNotUnit")],
  [RequestCode.WIPE_WRITE_PERM_OF_BROKER, wipeWritePerm(state)],
  [RequestCode.ADD_WRITE_PERM_OF_BROKER, addWritePerm(state)],
  [RequestCode.DELETE_TOPIC_IN_NAMESRV, deleteTopic(state)],
  [RequestCode.GET_NAMESRV_CONFIG, getConfig(state)],
  [RequestCode.UPDATE_NAMESRV_CONFIG, updateConfig],
]

const route = (state: NamesrvState): Handler => {
  const { config, kv, world } = state
  const readyMs = config.needWaitForService ? state.startedMs + config.waitSecondsForService * 1000 : 0
  return typed(NameServerHeaders.GetRouteInfo, (header, command) => {
    if (config.needWaitForService && world.clock.monotonicMs() < readyMs) {
      return failed("name server not ready: it waits for brokers to register. Try again, or ask another one.")
    }
    const found = Route.findRoute(state.route, header.topic, config.supportActingMaster)
    if (Result.isFailure(found)) return refused(found.failure)
    const isOfZone = header.zoneMode === true && header.zoneName !== undefined && header.zoneName.trim() !== ""
    const data = isOfZone ? Route.ofZone(found.success, header.zoneName) : found.success
    const orderTopicConf = config.orderMessageEnable ? kv.get(orderTopicNamespace, header.topic) : undefined
    const style = RouteData.styleFor(command.version, header.acceptStandardJsonOnly === true)
    const body = RouteData.RouteData.encode(orderTopicConf === undefined ? data : { ...data, orderTopicConf }, style)
    return { body, code: success.code }
  })
}

const clusterInfo =
  (state: NamesrvState): Handler =>
  (_command, call) =>
    call.answer({ body: RouteData.ClusterInfo.encode(Route.clusterInfo(state.route), legacy), code: success.code })

const topicList = (topics: ReadonlyArray<string>, brokerAddr?: string): Answer => ({
  body: RouteData.TopicList.encode({ topicList: topics, ...(brokerAddr === undefined ? {} : { brokerAddr }) }),
  code: success.code,
})

const disabled: Answer = failed("disable")

const allTopics =
  (state: NamesrvState): Handler =>
  (_command, call) =>
    call.answer(state.config.enableAllTopicList ? topicList(Route.topicNames(state.route)) : disabled)

const topicsOfCluster = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.GetTopicsByCluster, ({ cluster }) =>
    state.config.enableTopicList ? topicList(Route.topicNamesOfCluster(state.route, cluster)) : disabled,
  )

const systemTopics =
  (state: NamesrvState): Handler =>
  (_command, call) => {
    const list = Route.systemTopicList(state.route)
    call.answer(topicList(list.topicList, list.brokerAddr))
  }

const unitTopics =
  (state: NamesrvState, wanted: Parameters<typeof Route.unitTopicNames>[1]): Handler =>
  (_command, call) =>
    call.answer(state.config.enableTopicList ? topicList(Route.unitTopicNames(state.route, wanted)) : disabled)

const wipeWritePerm = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.WritePermOfBroker, ({ brokerName }) => {
    const wipeTopicCount = Route.wipeWritePerm(state.route, brokerName)
    state.world.log.info("write permission wiped", { brokerName, topics: wipeTopicCount })
    return { code: success.code, ext: NameServerHeaders.WipeWritePermAnswer.encode({ wipeTopicCount }) }
  })

const addWritePerm = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.WritePermOfBroker, ({ brokerName }) => {
    const addTopicCount = Route.addWritePerm(state.route, brokerName)
    state.world.log.info("write permission added", { brokerName, topics: addTopicCount })
    return { code: success.code, ext: NameServerHeaders.AddWritePermAnswer.encode({ addTopicCount }) }
  })

const deleteTopic = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.DeleteTopicInNamesrv, ({ clusterName, topic }) => {
    state.memo.removed()
    Route.deleteTopic(state.route, topic, clusterName)
    state.world.log.info("topic deleted", { clusterName, topic })
    return success
  })

const getConfig =
  (state: NamesrvState): Handler =>
  (_command, call) =>
    call.answer({ body: Buffer.from(NamesrvConfig.print(state.config)), code: success.code })

/** RocketMQ lets anybody who reaches the port change its configuration; that was the way in for several attacks (P12). */
const updateConfig: Handler = (_command, call) =>
  call.answer({
    code: ResponseCode.NO_PERMISSION,
    remark: "The configuration of a name server is not changed over the network. Change its file and restart it.",
  })
