/**
 * Clients: heartbeats, leaving, who else is in a group, queue locks. Membership is decided in `ConsumerGroup`,
 * `ProducerGroup` and `QueueLock`; here a change is told to the members.
 */
import * as ConsumerFilter from "../../domain/ConsumerFilter.ts"
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import * as ConsumptionOrder from "../../domain/ConsumptionOrder.ts"
import * as HeartbeatRule from "../../domain/Heartbeat.ts"
import * as ProducerGroup from "../../domain/ProducerGroup.ts"
import type { Refusal } from "../../domain/Refusal.ts"
import * as Pull from "../../domain/Pull.ts"
import * as QueueLock from "../../domain/QueueLock.ts"
import * as Subscription from "../../domain/Subscription.ts"
import * as SubscriptionGroup from "../../domain/SubscriptionGroup.ts"
import * as Topic from "../../domain/Topic.ts"
import * as Result from "effect/Result"
import type { Command } from "../../format/Command.ts"
import * as Heartbeat from "../../format/Heartbeat.ts"
import { toCode } from "../../format/Language.ts"
import { LockBatch, LockBatchAnswer, LockBatchHeader } from "../../format/LockBatch.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as Format from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { standard } from "../../format/shape.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import { answerMalformed, answerRefusal, type BrokerState } from "./BrokerState.ts"

const noSubscriptions: ReadonlyMap<string, Subscription.Subscription> = new Map()

/** How often silent clients are looked for; they are dropped after 120 s. */
const sweepEveryMs = 10_000
/** Groups that hold locks at once. */
const lockedGroupsMax = 100_000

export class ClientHandlers {
  readonly #state: BrokerState
  #cancelSweep: (() => void) | undefined

  constructor(state: BrokerState) {
    this.#state = state
    this.#sweepLater()
  }

  /** HEART_BEAT (34). Answered when the groups that it brings to life are durable. */
  readonly heartbeat = (command: Command, call: Call): void => {
    const beat = Heartbeat.Heartbeat.decode(command.body)
    if (beat instanceof Malformed) return answerMalformed(call, beat)
    const { metadata } = this.#state
    const bounded = this.#bounded(beat, call.connection)
    if (Result.isFailure(bounded)) return answerRefusal(call, bounded.failure)
    const topics: Array<Topic.TopicConfig> = []
    const groups: Array<SubscriptionGroup.GroupConfig> = []
    const known: Array<(typeof beat.consumerDataSet)[number]> = []
    for (const consumer of beat.consumerDataSet) {
      const group =
        metadata.groups.get(consumer.groupName) ??
        SubscriptionGroup.autoCreate(consumer.groupName, this.#state.config.autoCreateSubscriptionGroup)
      if (group === undefined) continue
      known.push(consumer)
      if (!metadata.groups.has(group.groupName)) groups.push(group)
      const retry = Topic.retryTopic(group.groupName)
      if (!metadata.topics.has(retry) && Topic.validateName(retry) === undefined)
        topics.push(Topic.make(retry, Math.max(1, group.retryQueueNums)))
    }
    const register = (): void => this.#register(beat, known, command, call)
    if (topics.length === 0 && groups.length === 0) return register()
    metadata.change(topics, groups, (failure) => {
      if (failure === undefined) return register()
      call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `the consumer group could not be created: ${failure}` })
    })
  }

  /** Whether there is room for what a heartbeat brings. */
  #bounded(beat: Heartbeat.Heartbeat, connection: RemotingConnection): Result.Result<undefined, Refusal> {
    const { consumers, producers } = this.#state
    const producing = producers.ofConnection.get(connection)
    const consuming = consumers.ofConnection.get(connection)
    const producerGroups = new Set(beat.producerDataSet.map(({ groupName }) => groupName))
    const consumerGroups = new Set(beat.consumerDataSet.map(({ groupName }) => groupName))
    let characters = 0
    let replaced = 0
    if (!beat.withoutSub) {
      for (const { subscriptionDataSet } of beat.consumerDataSet) characters += ConsumerGroup.weigh(subscriptionDataSet)
      for (const group of consumerGroups) replaced += ConsumerGroup.weightOf(consumers, group, connection)
    }
    return HeartbeatRule.decide(
      {
        characters,
        clientId: beat.clientID,
        groups: [...producerGroups, ...consumerGroups],
        newMemberships: newIn(producerGroups, producing) + newIn(consumerGroups, consuming),
      },
      {
        characters: consumers.characters - replaced,
        memberships: consumers.size + producers.size,
        ofConnection: (producing?.size ?? 0) + (consuming?.size ?? 0),
      },
    )
  }

  #register(
    beat: Heartbeat.Heartbeat,
    consumers: Heartbeat.Heartbeat["consumerDataSet"],
    command: Command,
    call: Call,
  ): void {
    const { connection } = call
    if (connection.isClosed) return call.drop()
    const state = this.#state
    const nowMs = state.world.clock.monotonicMs()
    const client = {
      clientId: beat.clientID,
      connection,
      language: toCode(command.language),
      version: command.version,
    }
    for (const { groupName } of beat.producerDataSet)
      ProducerGroup.register(state.producers, groupName, { ...client, lastUpdateMs: nowMs })
    let subChanged = beat.heartbeatFingerprint === 0
    for (const consumer of consumers) {
      const heard = ConsumerGroup.register(state.consumers, {
        ...client,
        consumeFromWhere: consumer.consumeFromWhere,
        consumeType: consumer.consumeType,
        fingerprint: beat.heartbeatFingerprint,
        groupName: consumer.groupName,
        messageModel: consumer.messageModel === "BROADCASTING" ? "BROADCASTING" : "CLUSTERING",
        nowMs,
        subscriptions: consumer.subscriptionDataSet,
        withoutSub: beat.withoutSub,
      })
      this.#keepFilters(consumer.groupName)
      if (heard.asksOtherwise) this.#watchMix(consumer.groupName)
      if (heard.changed) this.#notify(consumer.groupName)
      if (heard.subChanged) subChanged = true
    }
    call.answer({
      code: ResponseCode.SUCCESS,
      ext: Format.HeartbeatAnswer.encode({ subChanged, supportsHeartbeatV2: true }),
    })
  }

  /** UNREGISTER_CLIENT (35). */
  readonly unregister = (command: Command, call: Call): void => {
    const header = Format.UnregisterClient.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const { consumers, producers } = this.#state
    if (header.producerGroup !== undefined) ProducerGroup.unregister(producers, header.producerGroup, call.connection)
    if (
      header.consumerGroup !== undefined &&
      ConsumerGroup.unregister(consumers, header.consumerGroup, call.connection)
    ) {
      this.#keepFilters(header.consumerGroup)
      this.#watchMix(header.consumerGroup)
      this.#notify(header.consumerGroup)
    }
    call.answer({ code: ResponseCode.SUCCESS })
  }

  /** GET_CONSUMER_LIST_BY_GROUP (38). */
  readonly consumerList = (command: Command, call: Call): void => {
    const header = Format.ConsumerGroupOf.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const consumerIdList = ConsumerGroup.clientIds(this.#state.consumers, header.consumerGroup)
    if (consumerIdList.length === 0)
      return call.answer({
        code: ResponseCode.SYSTEM_ERROR,
        remark: `no consumer for this group, ${header.consumerGroup}: none of its clients is connected to this broker`,
      })
    call.answer({
      body: Heartbeat.ConsumerList.encode({ consumerIdList }, standard),
      code: ResponseCode.SUCCESS,
    })
  }

  /** CHECK_CLIENT_CONFIG (46). */
  readonly checkConfig = (command: Command, call: Call): void => {
    const body = Heartbeat.CheckClientConfig.decode(command.body)
    if (body instanceof Malformed) return answerMalformed(call, body)
    const { expressionType, subString, subVersion, topic } = body.subscriptionData
    const parsed = Subscription.parseTyped(topic, subString, expressionType, subVersion)
    if (Result.isFailure(parsed)) return answerRefusal(call, parsed.failure)
    if (!Subscription.isTagType(expressionType)) {
      if (!this.#state.config.enablePropertyFilter) return answerRefusal(call, Pull.noPropertyFilter(expressionType))
      const compiled = ConsumerFilter.compile(subString, expressionType)
      if (typeof compiled === "string")
        return call.answer({ code: ResponseCode.SUBSCRIPTION_PARSE_FAILED, remark: compiled })
    }
    call.answer({ code: ResponseCode.SUCCESS })
  }

  /** LOCK_BATCH_MQ (41). */
  readonly lock = (command: Command, call: Call): void => {
    const body = LockBatch.decode(command.body)
    if (body instanceof Malformed) return answerMalformed(call, body)
    const { locks, metadata, world } = this.#state
    const { clientId, consumerGroup } = body
    // Locks of what is not there would be kept for their lease, as many as a client can name (promise P11).
    const isBounded =
      clientId.length <= HeartbeatRule.defaults.clientIdLengthMax &&
      SubscriptionGroup.validateName(consumerGroup) === undefined &&
      (locks.groups.size < lockedGroupsMax || locks.groups.has(consumerGroup))
    const queues = isBounded ? body.mqSet.filter(({ queueId, topic }) => this.#state.hasQueue(topic, queueId)) : []
    const nowMs = world.clock.monotonicMs()
    const lockOKMQSet = QueueLock.lockBatch(locks, consumerGroup, clientId, queues, nowMs)
    const grants = lockOKMQSet.map(({ queueId, topic }) => {
      const grant = QueueLock.grantOf(locks, consumerGroup, topic, queueId, nowMs)?.grant ?? 0
      world.trace?.("Lock", { clientId, grant, group: consumerGroup, queueId, topic })
      return grant
    })
    const header = LockBatchHeader.decode(command.ext)
    const asksForGrants = !(header instanceof Malformed) && header.gantryGrants === true
    const answer = asksForGrants ? { gantryGrants: grants, lockOKMQSet } : { lockOKMQSet }
    const tell = (): void => call.answer({ body: LockBatchAnswer.encode(answer, standard), code: ResponseCode.SUCCESS })
    // What a group is that nobody has heard of, is not worth a record.
    const topics = metadata.groups.has(consumerGroup) ? lockOKMQSet.map(({ topic }) => topic) : []
    const event = ConsumptionOrder.decide(metadata.order, consumerGroup, topics)
    if (event === undefined) return tell()
    metadata.noteOrder(event, (failure) => {
      if (failure === undefined) return tell()
      call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `no lock is granted: ${failure}` })
    })
  }

  /** UNLOCK_BATCH_MQ (42). */
  readonly unlock = (command: Command, call: Call): void => {
    const body = LockBatch.decode(command.body)
    if (body instanceof Malformed) return answerMalformed(call, body)
    const { locks, world } = this.#state
    const { clientId, consumerGroup: group, mqSet } = body
    const nowMs = world.clock.monotonicMs()
    if (world.trace !== undefined)
      for (const { queueId, topic } of mqSet)
        if (QueueLock.holderOf(locks, group, topic, queueId, nowMs) === clientId)
          world.trace("Unlock", { clientId, group, queueId, topic })
    QueueLock.unlockBatch(locks, group, clientId, mqSet, nowMs)
    call.answer({ code: ResponseCode.SUCCESS })
  }

  /** A connection is gone, and with it the client that it spoke for. */
  readonly disconnected = (connection: RemotingConnection): void => {
    const { consumers, producers } = this.#state
    ProducerGroup.disconnected(producers, connection)
    for (const group of ConsumerGroup.disconnected(consumers, connection)) {
      this.#keepFilters(group)
      this.#watchMix(group)
      this.#notify(group)
    }
  }

  stop(): void {
    this.#cancelSweep?.()
  }

  /** Keeps the filters of a group in step with what its members subscribe. */
  #keepFilters(groupName: string): void {
    const { consumers, filters, store, world } = this.#state
    const now = { logOffset: store.log.appendedOffset, ms: world.clock.nowMs() }
    const subscriptions = ConsumerGroup.find(consumers, groupName)?.subscriptions ?? noSubscriptions
    for (const { compiled, topic } of ConsumerFilter.subscribed(filters, groupName, subscriptions, now))
      world.log.warn("a group's filter cannot be used: its pulls are refused", {
        group: groupName,
        reason: String(compiled),
        topic,
      })
  }

  /** Tells in the log when members of a group begin to subscribe differently, or otherwise than before, and when it ends. */
  #watchMix(groupName: string): void {
    const { consumers, mixedGroups, world } = this.#state
    const known = mixedGroups.get(groupName)
    const mixes = ConsumerGroup.mixes(ConsumerGroup.find(consumers, groupName))
    if (mixes.length === 0) {
      if (mixedGroups.delete(groupName))
        world.log.info("the members of a group subscribe alike again", { group: groupName })
      return
    }
    mixedGroups.set(groupName, mixes)
    const text = ConsumerGroup.printMixes(mixes)
    if (known !== undefined && ConsumerGroup.printMixes(known) === text) return
    world.log.warn(
      "members of a group subscribe differently: it loses messages; give all of them the same subscriptions",
      {
        group: groupName,
        subscriptions: text,
      },
    )
  }

  #notify(groupName: string): void {
    const { world } = this.#state
    world.trace?.("Members", {
      clientIds: ConsumerGroup.clientIds(this.#state.consumers, groupName),
      group: groupName,
    })
    const { config, consumers, metadata } = this.#state
    if (!config.notifyConsumerIdsChangedEnable) return
    if (metadata.groups.get(groupName)?.notifyConsumerIdsChangedEnable === false) return
    for (const connection of ConsumerGroup.toNotify(consumers, groupName))
      connection.tell({ code: RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, ext: { consumerGroup: groupName } })
  }

  #sweepLater(): void {
    const { clock } = this.#state.world
    this.#cancelSweep = clock.after(sweepEveryMs, () => {
      const nowMs = clock.monotonicMs()
      const silent = new Set([
        ...ConsumerGroup.expired(this.#state.consumers, nowMs),
        ...ProducerGroup.expired(this.#state.producers, nowMs),
      ])
      for (const connection of silent) connection.destroy("no heartbeat for 120 s")
      QueueLock.expire(this.#state.locks, nowMs)
      ConsumerFilter.expire(this.#state.filters, clock.nowMs(), this.#state.config.filterDataCleanTimeSpan)
      this.#sweepLater()
    })
  }
}

/** How many of the groups a connection is not in yet. */
const newIn = (groups: ReadonlySet<string>, before: ReadonlySet<string> | undefined): number => {
  if (before === undefined) return groups.size
  let count = 0
  for (const group of groups) if (!before.has(group)) count++
  return count
}
