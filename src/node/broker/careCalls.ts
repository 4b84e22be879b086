/** How a broker is, and what an administrator does to it while it runs. */
import * as Statistics from "../../domain/Statistics.ts"
import { isSystem, validateName } from "../../domain/Topic.ts"
import * as Admin from "../../format/Admin.ts"
import { BrokerStatsData } from "../../format/BrokerStats.ts"
import { ConsumerOffsets, DataVersion, DelayOffsets } from "../../format/ConfigJson.ts"
import { ProducerTable } from "../../format/Connections.ts"
import { fromCode } from "../../format/Language.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { KvTable } from "../../format/RouteData.ts"
import { legacy } from "../../format/shape.ts"
import type { Handler } from "../../infra/remoting/Hub.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { failed, success, typed } from "../../infra/remoting/TypedHandler.ts"
import { answerRefusal, type BrokerState } from "./BrokerState.ts"
import { retain } from "./RetentionService.ts"
import { runtimeInfo } from "./runtimeInfo.ts"
import * as RuntimeSettings from "./RuntimeSettings.ts"
import type { StatisticsService } from "./StatisticsService.ts"
import { inTurns } from "./turns.ts"

export const careCalls = (
  state: BrokerState,
  statistics: StatisticsService,
): ReadonlyArray<readonly [number, Handler]> => [
  [
    RequestCode.GET_BROKER_RUNTIME_INFO,
    (_command, call) => call.answer({ ...success, body: KvTable.encode({ table: runtimeInfo(state, statistics) }) }),
  ],
  [RequestCode.GET_BROKER_CONFIG, config(state)],
  [RequestCode.UPDATE_BROKER_CONFIG, updateConfig(state)],
  [RequestCode.VIEW_BROKER_STATS_DATA, statsData(state)],
  [RequestCode.GET_ALL_PRODUCER_INFO, producers(state)],
  [RequestCode.GET_ALL_CONSUMER_OFFSET, consumerOffsets(state)],
  [RequestCode.GET_ALL_DELAY_OFFSET, delayOffsets(state)],
  [RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE, cleanQueues(state)],
  [RequestCode.CLEAN_UNUSED_TOPIC, cleanTopics(state)],
  [RequestCode.DELETE_EXPIRED_COMMITLOG, deleteSegments(state)],
]

const config =
  (state: BrokerState): Handler =>
  (_command, call) => {
    const lines = Object.entries(state.config).map(([name, value]) => `${name}=${value}\n`)
    call.answer({
      body: Buffer.from(lines.toSorted().join("")),
      code: ResponseCode.SUCCESS,
      ext: { version: DataVersion.encode(state.configVersion, legacy).toString() },
    })
  }

const updateConfig =
  (state: BrokerState): Handler =>
  ({ body }, call) => {
    const refused = RuntimeSettings.refuseFrom(call.connection.remote.host, state.config)
    if (refused !== undefined) return answerRefusal(call, refused)
    const changes = RuntimeSettings.read(body, state.config)
    if ("_tag" in changes) return answerRefusal(call, changes)
    state.changeConfig(changes)
    state.world.log.info("settings changed until the next start", {
      by: PeerAddress.print(call.connection.remote),
      ...changes,
    })
    call.answer(success)
  }

const statsData = (state: BrokerState): Handler =>
  typed(Admin.ViewBrokerStats, ({ statsKey, statsName }) => {
    const found = Statistics.isName(statsName) ? Statistics.find(state.statistics, statsName, statsKey) : undefined
    if (found === undefined) return failed(`The stats <${statsName}> <${statsKey}> not exist`)
    return { ...success, body: BrokerStatsData.encode(found, legacy) }
  })

const producers =
  (state: BrokerState): Handler =>
  (_command, call) => {
    const { clock } = state.world
    const sinceMs = clock.nowMs() - clock.monotonicMs()
    const data = new Map<
      string,
      ReadonlyArray<ProducerTable["data"] extends ReadonlyMap<string, ReadonlyArray<infer P>> ? P : never>
    >()
    for (const [group, clients] of state.producers.groups)
      data.set(
        group,
        [...clients.values()].map(({ clientId, connection, language, lastUpdateMs, version }) => ({
          clientId,
          language: fromCode(language) ?? "OTHER",
          lastUpdateTimestamp: Math.round(sinceMs + lastUpdateMs),
          remoteIP: `/${PeerAddress.print(connection.remote)}`,
          version,
        })),
      )
    call.answer({ ...success, body: ProducerTable.encode({ data }, legacy) })
  }

/** As replicas of RocketMQ ask for it, without members that they do not know. */
const consumerOffsets =
  ({ metadata }: BrokerState): Handler =>
  (_command, call) => {
    const offsetTable = metadata.offsetTable()
    call.answer({
      ...success,
      body: ConsumerOffsets.encode({ dataVersion: metadata.offsets.version, offsetTable }, legacy),
    })
  }

const delayOffsets =
  ({ metadata }: BrokerState): Handler =>
  (_command, call) => {
    const body = { dataVersion: metadata.delayVersion, offsetTable: metadata.delayOffsets }
    call.answer({ ...success, body: DelayOffsets.encode(body, legacy) })
  }

/** Queues whose messages have all gone with their segments lose their old files. */
const cleanQueues =
  ({ store, world }: BrokerState): Handler =>
  (_command, call) => {
    const clean = (queue: { readonly correctMin: (commitLogMin: number) => void }): boolean => {
      queue.correctMin(store.log.minOffset)
      return true
    }
    inTurns(world, call, store.queues.opened(), 500, clean, () => call.answer(success))
  }

/** Queues of topics that do not exist go, as with a deletion. Names that no topic may have are left alone. */
const cleanTopics =
  ({ metadata, store }: BrokerState): Handler =>
  (_command, call) => {
    const unused = store.queues.topics().filter((topic) => {
      const isUsed = metadata.topics.has(topic) || isSystem(topic) || validateName(topic) !== undefined
      return !isUsed && store.queues.idsOf(topic).length > 0
    })
    metadata.deleteTopics(unused, (failure) =>
      call.answer(failure === undefined ? success : failed(`not known to be on disk: ${failure}`)),
    )
  }

const deleteSegments =
  (state: BrokerState): Handler =>
  (_command, call) => {
    retain(state, true)
    call.answer(success)
  }
