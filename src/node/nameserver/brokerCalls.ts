/** What brokers ask of a name server: to be known, to stay known, to be forgotten. Source: spec wire §10.1 to §10.3. */
import * as Result from "effect/Result"
import * as DataVersion from "../../domain/DataVersion.ts"
import { orderTopicNamespace } from "../../domain/KvConfig.ts"
import * as Route from "../../domain/Route.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import { crc31 } from "../../format/Crc32.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as NameServerHeaders from "../../format/NameServer.ts"
import * as RegisterBroker from "../../format/RegisterBroker.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import * as RouteData from "../../format/RouteData.ts"
import { legacy } from "../../format/shape.ts"
import type { Answer } from "../../infra/remoting/Call.ts"
import type { Handler } from "../../infra/remoting/Hub.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import { failed, refused, success, typed } from "../../infra/remoting/TypedHandler.ts"
import type { NamesrvState } from "./NamesrvState.ts"

/** The first byte of a zlib stream, which no JSON text begins with. */
const zlibMark = 0x78

export const brokerCalls = (state: NamesrvState): ReadonlyArray<readonly [number, Handler]> => [
  [RequestCode.REGISTER_BROKER, register(state)],
  [RequestCode.UNREGISTER_BROKER, unregister(state)],
  [RequestCode.QUERY_DATA_VERSION, queryDataVersion(state)],
  [RequestCode.BROKER_HEARTBEAT, heartbeat(state)],
  [RequestCode.GET_BROKER_MEMBER_GROUP, memberGroup(state)],
  [RequestCode.REGISTER_TOPIC_IN_NAMESRV, registerTopic(state)],
]

const register = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.RegisterBroker, (header, command, call) => {
    if (header.bodyCrc32 !== undefined && header.bodyCrc32 !== 0 && crc31(command.body) !== header.bodyCrc32) {
      return failed(`register broker failed: the body of ${header.brokerAddr} does not match its CRC. Send it again.`)
    }
    const broker = `${header.clusterName}\n${header.brokerName}\n${header.brokerId}\n${header.brokerAddr}`
    const known = state.config.deleteTopicWithBrokerRegistration
      ? undefined
      : state.memo.unchanged(call.connection, broker, command.body)
    // Brokers of the develop branch compress the body and say that they did not.
    const isCompressed = header.compressed === true || command.body[0] === zlibMark
    const body = known ?? RegisterBroker.decode(command.body, isCompressed, command.version)
    if (body instanceof Malformed) return failed(`register broker failed: ${body.message}`)
    const registration = toRegistration(header, body, call.connection, state.nowMs())
    const excess = beyondBounds(state, registration)
    if (excess !== undefined) return failed(`register broker failed: ${excess}`)
    const isNew = !Route.heartbeat(state.route, header.clusterName, header.brokerAddr, registration.nowMs)
    const registered = Route.register(state.route, registration, state.config)
    if (Result.isFailure(registered)) return refused(registered.failure)
    const { ignored, minBrokerIdChanged, ...answer } = registered.success
    if (known === undefined && !ignored) state.memo.registered(call.connection, broker, command.body, body)
    if (isNew && !ignored) {
      const { brokerAddr, brokerId, brokerName, clusterName } = header
      state.world.log.info("broker registered", { brokerAddr, brokerId, brokerName, clusterName })
    }
    state.notify(minBrokerIdChanged)
    return { ...orderedTopics(state), code: success.code, ext: NameServerHeaders.RegisterBrokerAnswer.encode(answer) }
  })

type RegistrationOf = Route.Registration<RemotingConnection>

const toRegistration = (
  header: NameServerHeaders.RegisterBroker,
  body: RegisterBroker.RegisterBody,
  connection: RemotingConnection,
  nowMs: number,
): RegistrationOf => {
  const { topicConfigSerializeWrapper: topics } = body
  return {
    brokerAddr: header.brokerAddr,
    brokerId: header.brokerId,
    brokerName: header.brokerName,
    clusterName: header.clusterName,
    connection,
    dataVersion: topics.dataVersion,
    enableActingMaster: header.enableActingMaster,
    filterServers: body.filterServerList,
    haServerAddr: header.haServerAddr,
    heartbeatTimeoutMs: header.heartbeatTimeoutMillis,
    nowMs,
    topics: topics.topicConfigTable,
    ...(topics.topicQueueMappingInfoMap === undefined ? {} : { mappings: topics.topicQueueMappingInfoMap }),
    ...(header.zoneName === undefined ? {} : { zoneName: header.zoneName }),
  }
}

/** Why a registration would make the tables too large (P11); undefined when it would not. */
const beyondBounds = ({ bounds, route }: NamesrvState, input: RegistrationOf): string | undefined => {
  const names = [input.brokerName, input.brokerAddr, input.clusterName, input.haServerAddr, input.zoneName ?? ""]
  const { brokersMax, filterServersMax, mappedQueuesMax, nameLengthMax, topicsMax } = bounds
  const servers = input.filterServers ?? []
  if ([...names, ...servers].some((name) => name.length > nameLengthMax))
    return `a name is longer than ${nameLengthMax}`
  if (servers.length > filterServersMax) return `more than ${filterServersMax} filter servers`
  if (!route.brokers.has(input.brokerName) && route.brokers.size >= brokersMax) return `${brokersMax} brokers are known`
  let mappedQueues = 0
  for (const [topic, { bname, currIdMap, scope }] of input.mappings ?? []) {
    mappedQueues += 1 + currIdMap.size
    if (Math.max(topic.length, bname.length, scope.length) > nameLengthMax)
      return `a mapping is longer than ${nameLengthMax}`
  }
  if (mappedQueues > mappedQueuesMax) return `more than ${mappedQueuesMax} mapped queues`
  let added = 0
  for (const topic of input.topics.keys()) {
    if (topic.length > nameLengthMax) return `topic ${topic.slice(0, 64)}… is longer than ${nameLengthMax}`
    if (!route.topics.has(topic)) added++
  }
  return route.topics.size + added > topicsMax ? `${topicsMax} topics are known` : undefined
}

/** The queue order of all ordered topics, for the broker to mark them. */
const orderedTopics = (state: NamesrvState): Pick<Answer, "body"> => {
  const table = state.config.returnOrderTopicConfigToBroker ? state.kv.list(orderTopicNamespace) : undefined
  return table === undefined ? {} : { body: RouteData.KvTable.encode({ table }) }
}

const unregister = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.BrokerOf, (header) => {
    const { brokerAddr, brokerId, brokerName } = header
    state.world.log.info("broker unregistered", { brokerAddr, brokerId, brokerName })
    state.unregister(header)
    return success
  })

/** A sign of life, too. */
const queryDataVersion = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.BrokerOf, ({ brokerAddr, clusterName }, { body }) => {
    const known = Route.dataVersion(state.route, clusterName, brokerAddr, state.nowMs())
    const asked = body.length === 0 ? undefined : ConfigJson.DataVersion.decode(body)
    if (asked instanceof Malformed) return failed(asked.message)
    const changed = known === undefined || asked === undefined || !DataVersion.isEqual(known, asked)
    return {
      code: success.code,
      ext: NameServerHeaders.QueryDataVersionAnswer.encode({ changed }),
      ...(known === undefined ? {} : { body: ConfigJson.DataVersion.encode(known) }),
    }
  })

const heartbeat = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.BrokerHeartbeat, ({ brokerAddr, clusterName }) => {
    Route.heartbeat(state.route, clusterName, brokerAddr, state.nowMs())
    return success
  })

const memberGroup = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.GetBrokerMemberGroup, ({ brokerName, clusterName }) => {
    const brokerAddrs = Route.memberGroup(state.route, brokerName)
    const brokerMemberGroup = { brokerAddrs, brokerName, cluster: clusterName }
    return { body: RouteData.BrokerMemberGroup.encode({ brokerMemberGroup }, legacy), code: success.code }
  })

/** One topic by hand; ignored, with success, when one of its brokers is unknown. */
const registerTopic = (state: NamesrvState): Handler =>
  typed(NameServerHeaders.DeleteTopicInNamesrv, ({ topic }, { body }) => {
    const { bounds, route } = state
    const data = RouteData.RouteData.decode(body)
    if (data instanceof Malformed) return failed(data.message)
    if (topic.length > bounds.nameLengthMax) return failed(`the topic is longer than ${bounds.nameLengthMax}`)
    if (!route.topics.has(topic) && route.topics.size >= bounds.topicsMax) {
      return failed(`${bounds.topicsMax} topics are known`)
    }
    Route.registerTopic(route, topic, data.queueDatas)
    return success
  })
