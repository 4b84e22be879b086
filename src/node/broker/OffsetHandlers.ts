/**
 * Consumer offsets and positions by time. A commit that is answered is on disk (promise P8); what fences a commit is
 * decided in `ConsumerOffset`.
 */
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as QueueLock from "../../domain/QueueLock.ts"
import * as Result from "effect/Result"
import type { Command } from "../../format/Command.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as Format from "../../format/PullMessage.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import { answerMalformed, answerRefusal, type BrokerState } from "./BrokerState.ts"

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
    const queue = this.#queue(topic, queueId)
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
    const { consumers, locks, metadata, world } = this.#state
    if (!metadata.topics.has(topic))
      return call.answer({ code: ResponseCode.TOPIC_NOT_EXIST, remark: `Topic ${topic} not exist! Create it first.` })
    if (!metadata.groups.has(group))
      return call.answer({
        code: ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
        remark: `Group ${group} not exist! A consumer's heartbeat creates it, or an administrator.`,
      })
    if (queueId < 0 || queueOffset < 0)
      return call.answer({
        code: ResponseCode.INVALID_PARAMETER,
        remark: `queueId ${queueId} and commitOffset ${queueOffset} must not be negative`,
      })
    const input: ConsumerOffset.Commit = {
      clientId: ConsumerGroup.clientOf(consumers, group, call.connection)?.clientId,
      group,
      holder: QueueLock.grantOf(locks, group, topic, queueId, world.clock.monotonicMs())?.clientId,
      nowMs: world.clock.nowMs(),
      queueId,
      queueOffset,
      topic,
    }
    const before = ConsumerOffset.query(metadata.offsets, group, topic, queueId)
    const outcome = ConsumerOffset.commit(metadata.offsets, input)
    const allowed = ConsumerOffset.refusalOf(outcome, input, before)
    if (Result.isFailure(allowed)) return answerRefusal(call, allowed.failure)
    if (outcome === "ResetPending")
      return call.answer({ code: ResponseCode.SUCCESS, remark: ConsumerOffset.resetPendingRemark })
    world.trace?.("CommitOffset", { group, queueId, queueOffset, topic })
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

  /** SEARCH_OFFSET_BY_TIMESTAMP (29). */
  readonly search = (command: Command, call: Call): void => {
    const header = Format.SearchOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#queue(header.topic, header.queueId)
    const boundary = header.boundaryType?.toUpperCase() === "UPPER" ? "UPPER" : "LOWER"
    const offset = queue === undefined ? 0 : this.#state.store.offsetByTime(queue, header.timestamp, boundary)
    call.answer({ code: ResponseCode.SUCCESS, ext: { offset } })
  }

  /** GET_MAX_OFFSET (30). */
  readonly max = (command: Command, call: Call): void => {
    const header = Format.GetMaxOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#queue(header.topic, header.queueId)
    const offset = header.committed === false ? queue?.nextOffset : queue?.maxOffset
    call.answer({ code: ResponseCode.SUCCESS, ext: { offset: offset ?? 0 } })
  }

  /** GET_MIN_OFFSET (31). */
  readonly min = (command: Command, call: Call): void => {
    const header = Format.GetMinOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#queue(header.topic, header.queueId)
    call.answer({ code: ResponseCode.SUCCESS, ext: { offset: queue?.minOffset ?? 0 } })
  }

  /** GET_EARLIEST_MSG_STORETIME (32). */
  readonly earliest = (command: Command, call: Call): void => {
    const header = Format.GetMinOffset.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const queue = this.#queue(header.topic, header.queueId)
    const timestamp = queue === undefined ? undefined : this.#state.store.storeTimestampAt(queue, queue.minOffset)
    call.answer({ code: ResponseCode.SUCCESS, ext: { timestamp: timestamp ?? -1 } })
  }

  /** The queue, when its topic has it: asking about others must not open files for them (promise P11). */
  #queue(topic: string, queueId: number): ConsumeQueue | undefined {
    const config = this.#state.metadata.topics.get(topic)
    if (config === undefined || queueId < 0) return undefined
    if (queueId >= Math.max(config.readQueueNums, config.writeQueueNums)) return undefined
    const queue = this.#state.store.queues.get(topic, queueId)
    queue.correctMin(this.#state.store.log.minOffset)
    return queue
  }
}
