/**
 * Pulls: PULL_MESSAGE and LITE_PULL_MESSAGE. Judged by `Pull.decide`, read from the store, answered at once or held
 * until a message arrives or its time is over (long polling). A held pull is run again and then always answered.
 */
import * as ConsumerFilter from "../../domain/ConsumerFilter.ts"
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as HeldPull from "../../domain/HeldPull.ts"
import * as Pull from "../../domain/Pull.ts"
import { matchesCode, subscribeAll } from "../../domain/Subscription.ts"
import { retryTopic } from "../../domain/Topic.ts"
import * as Result from "effect/Result"
import * as Commands from "../../format/Command.ts"
import type { Command } from "../../format/Command.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as Format from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import { answerMalformed, answerRefusal, type BrokerState } from "./BrokerState.ts"
import { commitOf, traceCommit } from "./commits.ts"
import { acceptsOf, acceptsRetried } from "./filterViews.ts"
import { countGot } from "./StatisticsService.ts"

/** No more messages in one answer, whatever a client asks. */
const countMax = 1024
/** Pulls of one connection that are held; one more is answered at once. A consumer holds one for each of its queues. */
const heldOfConnectionMax = 10_000
/** A held pull with a longer expression goes on counting in its connection's limits. */
const parkedExpressionMax = 4096

export class PullHandler {
  readonly #state: BrokerState
  /** Pulls woken by the sync under way: they run when all of its messages can be read. */
  #woken: Array<() => void> = []
  #cancelTimer: (() => void) | undefined
  #timerDueMs = Number.POSITIVE_INFINITY
  /** The broker stops: nothing is held any more. */
  #isReleasing = false
  /** Held pulls, and how each is given up when its connection ends. */
  readonly #ofConnection = new Map<RemotingConnection, Map<HeldPull.Held<() => void>, () => void>>()

  constructor(state: BrokerState) {
    this.#state = state
    state.store.onArrival = (queue, queueOffset, tagsCode) => this.#arrived(queue, queueOffset, tagsCode)
  }

  readonly handle = (command: Command, call: Call): void => {
    const header = Format.PullMessage.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    this.#run(header, command.code === RequestCode.LITE_PULL_MESSAGE, call, undefined)
  }

  /** Nobody waits for the pulls of a connection that is gone. */
  readonly disconnected = (connection: RemotingConnection): void => {
    const held = this.#ofConnection.get(connection)
    this.#ofConnection.delete(connection)
    for (const [pull, giveUp] of held ?? []) if (HeldPull.cancel(this.#state.held, pull)) giveUp()
  }

  /** Answers every held pull: the broker stops. */
  releaseAll(): void {
    this.#isReleasing = true
    this.#cancelTimer?.()
    for (const { request } of HeldPull.released(this.#state.held)) request()
  }

  /** `heldUntilMs` is when its time is over, of a pull that was held; it is undefined in the first pass. */
  #run(header: Format.PullMessage, isLite: boolean, call: Call, heldUntilMs: number | undefined): void {
    const state = this.#state
    const isFirstPass = heldUntilMs === undefined
    const { consumerGroup: group, queueId, queueOffset, sysFlag, topic } = header
    const decided = Pull.decide(
      {
        expressionType: header.expressionType,
        group,
        isLite,
        queueId,
        subVersion: header.subVersion,
        subscription: header.subscription,
        sysFlag,
        topic,
      },
      state.pullView,
      state.pullSettings,
    )
    if (Result.isFailure(decided)) return answerRefusal(call, decided.failure)
    const { config, consumerFilter, createGroup, filter, groupConfig, subscription } = decided.success
    if (createGroup !== undefined) {
      // The client may commit as soon as it is answered: its group is there by then.
      return state.metadata.change([], [createGroup], (failure) => {
        if (failure === undefined) return this.#run(header, isLite, call, heldUntilMs)
        const remark = `group[${group}] could not be created: ${failure}`
        call.answer({ code: ResponseCode.SYSTEM_ERROR, remark })
      })
    }
    if (Pull.commits(sysFlag, isFirstPass)) this.#commit(header, call)
    const isAnyReset = state.metadata.offsets.pendingResets.size > 0
    const reset = isAnyReset ? this.#followReset({ group, queueId, queueOffset, topic }, call) : undefined
    const queue = state.store.queues.get(topic, queueId)
    const flags = { groupSysFlag: groupConfig.groupSysFlag, topicSysFlag: config.topicSysFlag }
    if (reset !== undefined) {
      const { maxOffset, minOffset } = queue
      const place = { maxOffset, minOffset, nextBeginOffset: reset, suggestWhichBrokerId: 0 }
      return this.#answer(call, "OFFSET_RESET", queueOffset, { ...place, ...flags })
    }
    const matches =
      subscription.subString === subscribeAll ? undefined : (code: number) => matchesCode(subscription, code)
    const asked = Math.min(Math.max(1, header.maxMsgNums), countMax)
    const filtersRetries = state.config.filterSupportRetry && topic === retryTopic(group)
    const accepts =
      filter !== undefined ? acceptsOf(filter) : filtersRetries ? acceptsRetried(state.filters, group) : undefined
    const mayAccept =
      consumerFilter === undefined
        ? undefined
        : (commitLogOffset: number, mark: Uint8Array) =>
            ConsumerFilter.mayMatch(state.filters, consumerFilter, commitLogOffset, mark)
    state.store.get({ accepts, countMax: asked, matches, mayAccept, queue, queueOffset }, (error, result) => {
      if (error !== undefined || result === undefined)
        return call.answer({
          code: ResponseCode.SYSTEM_ERROR,
          remark: `the messages cannot be read: ${error?.message ?? "unknown"}. Try again; if it stays, stop the broker and run gantry store verify on its storePathRootDir.`,
        })
      const { maxOffset, minOffset, nextBeginOffset, status } = result
      ConsumerOffset.pulled(state.metadata.offsets, group, topic, queueId, nextBeginOffset)
      const suggestWhichBrokerId = Pull.suggestWhichBrokerId(state.config.slaveReadEnable, false, groupConfig)
      const ext = { maxOffset, minOffset, nextBeginOffset, suggestWhichBrokerId, ...flags }
      if (status !== "FOUND") {
        state.counts.getMiss++
        const code = Pull.codeOf(status, queueOffset)
        if (Pull.isHeld(code, sysFlag, isFirstPass)) {
          const { suspendTimeoutMillis } = header
          const { longPollingEnable, shortPollingTimeMills } = state.config
          const holdMs = Pull.holdMs(suspendTimeoutMillis, longPollingEnable, shortPollingTimeMills)
          const dueMs = state.world.clock.monotonicMs() + holdMs
          if (this.#hold(header, isLite, call, queue, subscription, dueMs)) return
        } else if (heldUntilMs !== undefined && !this.#isReleasing) {
          const nowMs = state.world.clock.monotonicMs()
          if (
            Pull.waitsOn(status, nextBeginOffset, maxOffset, heldUntilMs, nowMs) &&
            this.#hold({ ...header, queueOffset: nextBeginOffset }, isLite, call, queue, subscription, heldUntilMs)
          )
            return
        }
        return this.#answer(call, status, queueOffset, ext)
      }
      const head = Commands.encodeResponseHead(
        call.serialize,
        ResponseCode.SUCCESS,
        call.opaque,
        status,
        ext,
        result.sizeBytes,
      )
      // One buffer and one copy: the ring may be overwritten before the socket has taken the bytes.
      const frame = call.connection.room(head.length + result.sizeBytes)
      head.copy(frame)
      if (!result.copyTo(frame, head.length))
        return call.answer({
          code: ResponseCode.SYSTEM_ERROR,
          remark: `a message of queue ${queueId} of topic[${topic}] at or after offset ${queueOffset} is rotten on the broker's disk and is not served. Stop the broker and run gantry store verify on its storePathRootDir, or skip the message by resetting the offset.`,
        })
      countGot(state, group, topic, result.count, result.sizeBytes)
      state.world.trace?.("Pull", { count: result.count, group, queueId, queueOffset, topic })
      call.answerEncoded(frame)
    })
  }

  #followReset(pull: ConsumerOffset.OffsetEntry, call: Call): number | undefined {
    const { consumers, metadata } = this.#state
    // The reset may be over, which the log has to know.
    metadata.offsetCommitted()
    const clientId = ConsumerGroup.clientOf(consumers, pull.group, call.connection)?.clientId
    return ConsumerOffset.followReset(metadata.offsets, pull, clientId)
  }

  #answer(call: Call, status: Pull.PullStatus, queueOffset: number, ext: Format.PullMessageAnswer): void {
    call.answer({ code: ResponseCode[Pull.codeOf(status, queueOffset)], ext, remark: status })
  }

  /** The offset that a pull carries. Nobody waits for it: it is on disk with the next record of offsets. */
  #commit(header: Format.PullMessage, call: Call): void {
    if (header.commitOffset < 0) return
    const { metadata, world } = this.#state
    const { commitOffset: queueOffset, consumerGroup: group, queueId, topic } = header
    const told = { claimedGrant: header.gantryGrant, group, queueId, queueOffset, topic }
    const input = commitOf(this.#state, told, call.connection, false)
    const committed = ConsumerOffset.commit(metadata.offsets, input)
    traceCommit(this.#state, input, committed)
    if (committed !== "Stored") return
    world.trace?.("CommitOffset", { clientId: input.clientId, group, queueId, queueOffset: header.commitOffset, topic })
    metadata.offsetCommitted()
  }

  #hold(
    header: Format.PullMessage,
    isLite: boolean,
    call: Call,
    queue: ConsumeQueue,
    subscription: Parameters<typeof matchesCode>[0],
    dueMs: number,
  ): boolean {
    const { held } = this.#state
    const { connection } = call
    if (connection.isClosed) {
      call.drop()
      return true
    }
    const ofConnection = this.#ofConnection.get(connection) ?? new Map<HeldPull.Held<() => void>, () => void>()
    if (ofConnection.size >= heldOfConnectionMax) return false
    // What a pull is not decided by is not kept while it waits, however much of it was sent.
    const { bname: _name, liteTopic: _topic, proxyFrowardClientId: _client, ...kept } = header
    const pull: HeldPull.Held<() => void> = {
      dueMs,
      group: header.consumerGroup,
      pullFromOffset: header.queueOffset,
      queueId: header.queueId,
      request: () => {
        queue.heldCount--
        ofConnection.delete(pull)
        if (ofConnection.size === 0) this.#ofConnection.delete(connection)
        if (connection.isClosed) return call.drop()
        this.#run(kept, isLite, call, dueMs)
      },
      subscription: subscription.subString === subscribeAll ? undefined : subscription,
      topic: header.topic,
    }
    if (!HeldPull.hold(held, pull)) return false
    queue.heldCount++
    ofConnection.set(pull, () => {
      queue.heldCount--
      call.drop()
    })
    this.#ofConnection.set(connection, ofConnection)
    if ((header.subscription?.length ?? 0) <= parkedExpressionMax) call.park()
    this.#schedule(dueMs)
    return true
  }

  #arrived(queue: ConsumeQueue, queueOffset: number, tagsCode: number): void {
    const woken = HeldPull.arrived(this.#state.held, queue.topic, queue.queueId, queueOffset + 1, tagsCode)
    if (woken.length === 0) return
    if (this.#woken.length === 0) this.#state.world.clock.soon(() => this.#runWoken())
    for (const { request } of woken) this.#woken.push(request)
  }

  #runWoken(): void {
    const woken = this.#woken
    this.#woken = []
    for (const run of woken) run()
  }

  #schedule(dueMs: number): void {
    if (dueMs >= this.#timerDueMs) return
    this.#cancelTimer?.()
    this.#timerDueMs = dueMs
    const { clock } = this.#state.world
    this.#cancelTimer = clock.after(Math.max(0, dueMs - clock.monotonicMs()) + HeldPull.tickMs, () => {
      this.#timerDueMs = Number.POSITIVE_INFINITY
      for (const { request } of HeldPull.expired(this.#state.held, clock.monotonicMs())) request()
      const next = HeldPull.nextDueMs(this.#state.held)
      if (next !== undefined) this.#schedule(next)
    })
  }
}
