/**
 * Consumer offsets and positions by time. A commit that is answered is on disk (promise P8); what fences a commit is
 * decided in `ConsumerOffset`.
 */
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as HeldPull from "../../domain/HeldPull.ts"
import * as SubscriptionGroup from "../../domain/SubscriptionGroup.ts"
import * as Result from "effect/Result"
import { CloneGroupOffset, ResetOffset } from "../../format/Admin.ts"
import type { Command } from "../../format/Command.ts"
import { ResetOffsets } from "../../format/ConsumeStats.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as Format from "../../format/PullMessage.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { legacy } from "../../format/shape.ts"
import type { Answer, Call } from "../../infra/remoting/Call.ts"
import { answerMalformed, answerRefusal, type BrokerState } from "./BrokerState.ts"
import { commitOf, traceCommit } from "./commits.ts"
import { resetByClients } from "./relayCalls.ts"
import { inTurns } from "./turns.ts"

/** Queues that a reset looks at in one turn: each is searched for a time, which may read from the disk. */
const queuesPerTurn = 16

export class OffsetHandlers {
  readonly #state: BrokerState

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** QUERY_CONSUMER_OFFSET (14). */
  readonly query = (command: Command, call: Call): void => {
    const header = Format.QueryConsumerOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { consumerGroup: group, queueId, topic } = header
    const { metadata, store } = this.#state
    const stored = ConsumerOffset.query(metadata.offsets, group, topic, queueId)
    const queue = this.#state.queueOf(topic, queueId)
    const first = queue?.entrySync(queue.minOffset)
    const answer = ConsumerOffset.answerQuery({
      isFirstInMemory: first === undefined || store.log.isHot(first.commitLogOffset),
      queueOffsetMin: queue?.minOffset ?? 0,
      setZeroIfNotFound: header.setZeroIfNotFound,
      stored,
    })
    if (Result.isFailure(answer)) return answerRefusal(call, answer.failure)
    call.answer({ code: ResponseCode.SUCCESS, ext: { offset: answer.success } })
  }

  /** UPDATE_CONSUMER_OFFSET (15). */
  readonly update = (command: Command, call: Call): void => {
    const header = Format.UpdateConsumerOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { commitOffset: queueOffset, consumerGroup: group, queueId, topic } = header
    const { metadata, world } = this.#state
    const unknown = this.#unknown(topic, group)
    if (unknown !== undefined) return call.answer(unknown)
    // Offsets of queues that are not there would stay for ever, in memory and in every snapshot (promise P11).
    if (!this.#state.hasQueue(topic, queueId) || queueOffset < 0)
      return call.answer({
        code: ResponseCode.INVALID_PARAMETER,
        remark: `topic ${topic} has no queue ${queueId} here, or commitOffset ${queueOffset} is negative`,
      })
    const told = { claimedGrant: header.gantryGrant, group, queueId, queueOffset, topic }
    const input = commitOf(this.#state, told, call.connection, !call.isOneway)
    const before = ConsumerOffset.query(metadata.offsets, group, topic, queueId)
    const outcome = ConsumerOffset.commit(metadata.offsets, input)
    traceCommit(this.#state, input, outcome)
    const allowed = ConsumerOffset.refusalOf(outcome, input, before)
    if (Result.isFailure(allowed)) return answerRefusal(call, allowed.failure)
    if (outcome === "ResetPending")
      return call.answer({ code: ResponseCode.SUCCESS, remark: ConsumerOffset.resetPendingRemark })
    world.trace?.("CommitOffset", { clientId: input.clientId, group, queueId, queueOffset, topic })
    if (call.isOneway) {
      metadata.offsetCommitted()
      return call.drop()
    }
    // The same offset may have been committed a moment ago and not be on disk yet: the answer waits all the same.
    metadata.offsetCommitted((failure) =>
      failure === undefined
        ? call.answer({ code: ResponseCode.SUCCESS })
        : call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `the offset is not known to be on disk: ${failure}` }),
    )
  }

  /** INVOKE_BROKER_TO_RESET_OFFSET (222), kept by the broker: each queue's pulls are sent there. */
  readonly reset = (command: Command, call: Call): void => {
    const header = ResetOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    if (!this.#state.config.useServerSideResetOffset)
      return resetByClients(this.#state, header, command.language === "CPP", call)
    const { group, topic } = header
    const { metadata, world } = this.#state
    const unknown = this.#unknown(topic, group)
    if (unknown !== undefined) return call.answer(unknown)
    const asked = header.queueId ?? -1
    const queueIds = asked >= 0 ? [asked] : Array(metadata.topics.get(topic)?.writeQueueNums ?? 0).keys()
    const offsetTable: Array<ResetOffsets["offsetTable"][number]> = []
    const aim = (queueId: number): boolean => {
      const queueOffset = this.#target(header, queueId)
      if (typeof queueOffset === "number") offsetTable.push([this.#state.messageQueue(topic, queueId), queueOffset])
      else call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: queueOffset })
      return typeof queueOffset === "number"
    }
    // All or none: an administrator must not wonder which queues were reset.
    inTurns(world, call, queueIds, queuesPerTurn, aim, () => {
      for (const [{ queueId }, queueOffset] of offsetTable)
        ConsumerOffset.reset(metadata.offsets, { group, queueId, queueOffset, topic }, world.clock.nowMs())
      metadata.offsetCommitted((failure) => {
        if (failure !== undefined)
          return call.answer({
            code: ResponseCode.SYSTEM_ERROR,
            remark: `the reset is not known to be on disk: ${failure}`,
          })
        call.answer({ body: ResetOffsets.encode({ offsetTable }, legacy), code: ResponseCode.SUCCESS })
        // Who waits for news at the old place is told now, and not when his long poll ends.
        for (const [{ queueId }] of offsetTable)
          for (const { request } of HeldPull.reset(this.#state.held, group, topic, queueId)) request()
      })
    })
  }

  /**
   * CLONE_GROUP_OFFSET (314): another group goes on where this one is. Without a topic all of its topics; RocketMQ copies
   * nothing then.
   */
  readonly clone = (command: Command, call: Call): void => {
    const header = CloneGroupOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { destGroup, offline, srcGroup, topic = "" } = header
    const { consumers, metadata, world } = this.#state
    const invalid = SubscriptionGroup.validateName(destGroup)
    if (invalid !== undefined) return call.answer({ code: ResponseCode.INVALID_PARAMETER, remark: invalid })
    const online = ConsumerGroup.find(consumers, srcGroup)?.subscriptions
    for (const one of topic === "" ? ConsumerOffset.topicsOfGroup(metadata.offsets, srcGroup) : [topic]) {
      // What a connected group has unsubscribed from is history.
      const isLeft = offline !== true && online !== undefined && online.size > 0 && !online.has(one)
      if (metadata.topics.has(one) && !isLeft)
        ConsumerOffset.clone(metadata.offsets, srcGroup, destGroup, one, world.clock.nowMs())
    }
    metadata.offsetCommitted((failure) =>
      failure === undefined
        ? call.answer({ code: ResponseCode.SUCCESS })
        : call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `the copy is not known to be on disk: ${failure}` }),
    )
  }

  /** SEARCH_OFFSET_BY_TIMESTAMP (29). */
  readonly search = (command: Command, call: Call): void => {
    const header = Format.SearchOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#state.queueOf(header.topic, header.queueId)
    const boundary = header.boundaryType?.toUpperCase() === "UPPER" ? "UPPER" : "LOWER"
    const offset = queue === undefined ? 0 : this.#state.store.offsetByTime(queue, header.timestamp, boundary)
    call.answer({ code: ResponseCode.SUCCESS, ext: { offset } })
  }

  /** GET_MAX_OFFSET (30). */
  readonly max = (command: Command, call: Call): void => {
    const header = Format.GetMaxOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#state.queueOf(header.topic, header.queueId)
    const offset = header.committed === false ? queue?.nextOffset : queue?.maxOffset
    call.answer({ code: ResponseCode.SUCCESS, ext: { offset: offset ?? 0 } })
  }

  /** GET_MIN_OFFSET (31). */
  readonly min = (command: Command, call: Call): void => {
    const header = Format.GetMinOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#state.queueOf(header.topic, header.queueId)
    call.answer({ code: ResponseCode.SUCCESS, ext: { offset: queue?.minOffset ?? 0 } })
  }

  /** GET_EARLIEST_MSG_STORETIME (32). */
  readonly earliest = (command: Command, call: Call): void => {
    const header = Format.GetMinOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#state.queueOf(header.topic, header.queueId)
    const timestamp = queue === undefined ? undefined : this.#state.store.storeTimestampAt(queue, queue.minOffset)
    call.answer({ code: ResponseCode.SUCCESS, ext: { timestamp: timestamp ?? -1 } })
  }

  /** Where a reset sends a group in one queue; a text says why it cannot. */
  #target({ offset = -1, queueId: asked = -1, timestamp, topic }: ResetOffset, queueId: number): number | string {
    const queue = this.#state.queueOf(topic, queueId)
    if (queue === undefined) return `topic ${topic} has no queue ${queueId} on this broker`
    const { maxOffset, minOffset } = queue
    if (asked < 0 || offset < 0)
      return timestamp < 0 ? maxOffset : this.#state.store.offsetByTime(queue, timestamp, "LOWER")
    if (offset >= minOffset && offset <= maxOffset) return offset
    return `Target offset ${offset} not in consume queue range [${minOffset}-${maxOffset}]`
  }

  /** The answer to who names a topic or group that is not there. */
  #unknown(topic: string, group: string): Answer | undefined {
    const { metadata } = this.#state
    if (!metadata.topics.has(topic))
      return { code: ResponseCode.TOPIC_NOT_EXIST, remark: `Topic ${topic} not exist! Create it first.` }
    if (metadata.groups.has(group)) return undefined
    return {
      code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
      remark: `Group ${group} not exist! A consumer's heartbeat creates it, or an administrator.`,
    }
  }
}
