/**
 * What an administrator wants of clients: the broker asks them, on the connections that they opened, and hands the
 * answers back. A client that does not answer in time holds up nobody but the administrator.
 */
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as Admin from "../../format/Admin.ts"
import type { Command, Ext } from "../../format/Command.ts"
import {
  type ConsumerStatus,
  ConsumerStatus as Status,
  ResetOffsets,
  ResetOffsetsForC,
} from "../../format/ConsumeStats.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as MessageId from "../../format/MessageId.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { legacy } from "../../format/shape.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import { threshold } from "../../format/Version.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { Handler } from "../../infra/remoting/Hub.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import { failed, success, typed } from "../../infra/remoting/TypedHandler.ts"
import type { BrokerState } from "./BrokerState.ts"
import { inTurns } from "./turns.ts"

/** How long one client is waited for, ms; and each of several. */
const relayTimeoutMs = 10_000
const statusTimeoutMs = 5000
/** Queues searched for a time in one turn. */
const queuesPerTurn = 16

export const relayCalls = (state: BrokerState): ReadonlyArray<readonly [number, Handler]> => [
  [RequestCode.GET_CONSUMER_RUNNING_INFO, runningInfo(state)],
  [RequestCode.CONSUME_MESSAGE_DIRECTLY, consumeDirectly(state)],
  [RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS, consumerStatus(state)],
]

const runningInfo = (state: BrokerState): Handler =>
  typed(Admin.GetConsumerRunningInfo, ({ clientId, consumerGroup }, command, call) => {
    relay(state, call, consumerGroup, clientId, command, command.ext, Buffer.from(command.body))
    return undefined
  })

/** The message is read here, by the offset that its id holds; the client gets it as if it had pulled it. */
const consumeDirectly = (state: BrokerState): Handler =>
  typed(Admin.ConsumeMessageDirectly, (header, command, call) => {
    const { clientId = "", consumerGroup, msgId = "", topic } = header
    const id = MessageId.decode(msgId)
    if (id instanceof Malformed) {
      return failed(
        `msgId ${msgId.slice(0, 64)} is no offset message id: ${id.reason}. Take the id that a query by key shows as offset id.`,
      )
    }
    const topicConfig = topic === undefined ? undefined : state.metadata.topics.get(topic)
    const groupConfig = state.metadata.groups.get(consumerGroup)
    const ext: Ext = {
      ...command.ext,
      brokerName: state.config.brokerName,
      ...(topicConfig === undefined ? {} : { topicSysFlag: topicConfig.topicSysFlag }),
      ...(groupConfig === undefined ? {} : { groupSysFlag: groupConfig.groupSysFlag }),
    }
    const { code } = command
    state.store.lookAt(id.physicalOffset, (message, error) => {
      if (message !== undefined)
        return relay(state, call, consumerGroup, clientId, { code }, ext, StoredMessage.encode(message))
      const why = error === undefined ? "no message begins there, or retention deleted it" : error.message
      call.answer(failed(`the message ${msgId} cannot be read at offset ${id.physicalOffset}: ${why}`))
    })
    return undefined
  })

/** Asks one client of a group, and answers what it answered. */
const relay = (
  state: BrokerState,
  call: Call,
  group: string,
  clientId: string,
  { code }: Pick<Command, "code">,
  ext: Ext,
  body: Buffer,
): void => {
  const client = ConsumerGroup.clients(state.consumers, group).find((one) => one.clientId === clientId)
  if (client === undefined) return call.answer(failed(`The Consumer <${group}> <${clientId}> not online`))
  if (client.version < threshold.relayToConsumer)
    return call.answer(
      failed(
        `The Consumer <${clientId}> Version <${client.version}> too low to finish, please upgrade it to V3_1_8_SNAPSHOT`,
      ),
    )
  client.connection.ask({ body, code, ext }, relayTimeoutMs, (outcome) => {
    if (outcome instanceof RemotingError) {
      const isLate = outcome.reason === "TimedOut"
      return call.answer({
        code: isLate ? ResponseCode.CONSUME_MSG_TIMEOUT : ResponseCode.SYSTEM_ERROR,
        remark: isLate
          ? `consumer <${group}> <${clientId}> Timeout: it did not answer within ${relayTimeoutMs / 1000} s`
          : `invoke consumer <${group}> <${clientId}> Exception: ${outcome.message}`,
      })
    }
    call.answer({ body: Buffer.from(outcome.body), code: outcome.code, ext: outcome.ext, remark: outcome.remark })
  })
}

/** How far the clients of a group are, by what they themselves say. */
const consumerStatus = (state: BrokerState): Handler =>
  typed(Admin.GetConsumerStatus, ({ clientAddr = "", group, topic }, _command, call) => {
    const clients = ConsumerGroup.clients(state.consumers, group)
    if (clients.length === 0) return failed(`No Any Consumer online in the consumer group: [${group}]`)
    const old = clients.find(({ version }) => version < threshold.resetOffsetPush)
    if (old !== undefined) return failed(`the client does not support this feature. version=${old.version}`)
    const asked = clientAddr.trim() === "" ? clients : clients.filter(({ clientId }) => clientId === clientAddr)
    const consumerTable = new Map<string, ConsumerStatus["messageQueueTable"]>()
    let left = asked.length
    const oneLess = (): void => {
      if (--left > 0) return
      call.answer({ ...success, body: Status.encode({ consumerTable, messageQueueTable: [] }, legacy) })
    }
    if (left === 0) {
      left = 1
      oneLess()
    }
    for (const { clientId, connection } of asked) {
      const request = {
        code: RequestCode.GET_CONSUMER_STATUS_FROM_CLIENT,
        ext: Admin.GetConsumerStatus.encode({ group, topic }),
      }
      connection.ask(request, statusTimeoutMs, (outcome) => {
        const body =
          outcome instanceof RemotingError || outcome.code !== ResponseCode.SUCCESS
            ? undefined
            : Status.decode(outcome.body)
        if (body !== undefined && !(body instanceof Malformed)) consumerTable.set(clientId, body.messageQueueTable)
        oneLess()
      })
    }
    return undefined
  })

/**
 * INVOKE_BROKER_TO_RESET_OFFSET (222) with useServerSideResetOffset=false, as RocketMQ did before 5.2: the clients are
 * told where to go, and move themselves.
 */
export const resetByClients = (state: BrokerState, header: Admin.ResetOffset, isForC: boolean, call: Call): void => {
  const { group, isForce, timestamp, topic } = header
  const { consumers, metadata, store, world } = state
  const config = metadata.topics.get(topic)
  if (config === undefined)
    return call.answer(failed(`[reset-offset] reset offset failed, no topic in this broker. topic=${topic}`))
  const table: Array<ResetOffsets["offsetTable"][number]> = []
  const aim = (queueId: number): boolean => {
    const queue = state.queueOf(topic, queueId)
    const committed = ConsumerOffset.query(metadata.offsets, group, topic, queueId)
    if (committed === undefined) {
      call.answer(failed(`THe consumer group <${group}> not exist`))
      return false
    }
    const target =
      queue === undefined ? 0 : timestamp === -1 ? queue.maxOffset : store.offsetByTime(queue, timestamp, "LOWER")
    table.push([state.messageQueue(topic, queueId), isForce === true ? target : Math.min(target, committed)])
    return true
  }
  inTurns(world, call, Array(config.writeQueueNums).keys(), queuesPerTurn, aim, () => {
    const clients = ConsumerGroup.clients(consumers, group)
    if (clients.length === 0)
      return call.answer({
        code: ResponseCode.CONSUMER_NOT_ONLINE,
        remark: `Consumer not online, so can not reset offset, Group: ${group} Topic: ${topic} Timestamp: ${timestamp}`,
      })
    const old = clients.find(({ version }) => version < threshold.resetOffsetPush)
    if (old !== undefined)
      return call.answer(failed(`the client does not support this feature. version=${old.version}`))
    // A fenced commit may fall back to there, and nowhere else.
    for (const [{ queueId }, queueOffset] of table)
      ConsumerOffset.announceReset(metadata.offsets, { group, queueId, queueOffset, topic })
    for (const { connection } of clients) tellReset(connection, header, table, isForC)
    call.answer({ ...success, body: ResetOffsets.encode({ offsetTable: table }, legacy) })
  })
}

const tellReset = (
  connection: RemotingConnection,
  { group, isForce = false, timestamp, topic }: Admin.ResetOffset,
  offsetTable: ResetOffsets["offsetTable"],
  isForC: boolean,
): void => {
  const forC = offsetTable.map(([queue, offset]) => ({ ...queue, offset }))
  connection.tell({
    body: isForC
      ? ResetOffsetsForC.encode({ offsetTable: forC }, legacy)
      : ResetOffsets.encode({ offsetTable }, legacy),
    code: RequestCode.RESET_CONSUMER_CLIENT_OFFSET,
    ext: Admin.ResetOffset.encode({ group, isForce, timestamp, topic }),
  })
}
