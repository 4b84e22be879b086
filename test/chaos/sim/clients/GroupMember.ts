/**
 * One consumer of a group, as RocketMQ's push consumers behave on the wire: heartbeats to all brokers, the shares of a
 * rebalance, the group's offset of each queue, a long poll per queue, commits of the smallest unfinished offset. What
 * is done with a message is said by `PushConsumer` and `OrderlyConsumer`. Periods are a tenth of RocketMQ's.
 */
import * as Result from "effect/Result"
import { isEqual, type MessageQueue, print } from "../../../../src/domain/MessageQueue.ts"
import { resetPendingRemark } from "../../../../src/domain/ConsumerOffset.ts"
import * as Rebalance from "../../../../src/domain/Rebalance.ts"
import * as StartOffset from "../../../../src/domain/StartOffset.ts"
import * as Subscription from "../../../../src/domain/Subscription.ts"
import { buildPullFlag } from "../../../../src/domain/SysFlag.ts"
import * as Topic from "../../../../src/domain/Topic.ts"
import type { Command } from "../../../../src/format/Command.ts"
import * as Heartbeat from "../../../../src/format/Heartbeat.ts"
import { Malformed } from "../../../../src/format/Malformed.ts"
import * as Format from "../../../../src/format/PullMessage.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../../src/format/ResponseCode.ts"
import { standard } from "../../../../src/format/shape.ts"
import * as StoredMessage from "../../../../src/format/StoredMessage.ts"
import type { Address } from "../../../../src/infra/network/Network.ts"
import { RemotingClient } from "../../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import type { World } from "../../../../src/infra/world/World.ts"
import type { Commit, Delivery, History } from "../History.ts"
import type { GroupPlan } from "../Settings.ts"
import { identityOf, isBodyOf } from "./payload.ts"
import { ProcessQueue } from "./ProcessQueue.ts"
import { Routes } from "./Routes.ts"

export interface MemberOptions {
  readonly life: string
  readonly nameServers: ReadonlyArray<Address>
  readonly group: GroupPlan
}

const heartbeatMs = 3000
const rebalanceMs = 2000
const commitMs = 500
const suspendMs = 1500
export const timeoutMs = 3000
/** Messages of one queue that are pulled and not settled, at most. */
const pendingMax = 100

export abstract class GroupMember {
  protected readonly world: World
  protected readonly history: History
  protected readonly options: MemberOptions
  protected readonly client: RemotingClient
  protected readonly routes: Routes
  protected readonly queues = new Map<string, ProcessQueue>()
  protected hasLeft = false
  readonly #subscriptions: ReadonlyArray<Subscription.Subscription>
  readonly #asking = new Set<string>()
  #rebalanceSoon = false

  constructor(world: World, history: History, options: MemberOptions) {
    this.world = world
    this.history = history
    this.options = options
    this.client = new RemotingClient(world, {
      handlers: new Map([
        [
          RequestCode.NOTIFY_CONSUMER_IDS_CHANGED,
          (_command, call) => {
            this.#rebalanceLater()
            call.drop()
          },
        ],
      ]),
    })
    this.routes = new Routes(world, this.client, options.nameServers)
    this.#subscriptions = subscriptionsOf(options.group, world.clock.nowMs())
    for (const { topic } of this.#subscriptions) this.routes.follow(topic)
    this.routes.onChange = () => this.#rebalanceLater()
    this.#every(heartbeatMs, () => this.#beat())
    this.#every(rebalanceMs, () => this.#rebalance())
    this.#every(commitMs, () => this.#commitAll())
  }

  /** Whether messages may be pulled for this queue now. */
  protected abstract mayPull(queue: ProcessQueue): boolean
  /** Messages were added to the queue's pending ones. */
  protected abstract arrived(queue: ProcessQueue): void
  /** The queue is another's from now on. */
  protected abstract removed(queue: ProcessQueue): void
  /** Whether a queue that is to become another's can be let go now; else it is asked again with the next rebalance. */
  protected abstract mayGo(queue: ProcessQueue): boolean
  /** The queue stays ours. */
  protected abstract stays(queue: ProcessQueue): void

  get group(): string {
    return this.options.group.name
  }

  get owned(): ReadonlyArray<string> {
    return [...this.queues.values()].map(({ queue }) => nameOf(queue))
  }

  readonly leave = (): void => {
    if (this.hasLeft) return
    for (const queue of this.queues.values()) this.drop(queue)
    this.hasLeft = true
    const ext = Format.UnregisterClient.encode({ clientID: this.options.life, consumerGroup: this.options.group.name })
    for (const address of this.routes.brokers.values())
      this.client.ask(address, { code: RequestCode.UNREGISTER_CLIENT, ext }, timeoutMs, () => {})
  }

  protected address(queue: MessageQueue): Address | undefined {
    return this.routes.brokers.get(queue.brokerName)
  }

  /** A trace event of this consumer (spec/delivery). */
  protected tell(action: string, { brokerName, queueId, topic }: MessageQueue, fields: Record<string, number>): void {
    this.world.trace?.(action, { brokerName, group: this.options.group.name, queueId, topic, ...fields })
  }

  protected drop(queue: ProcessQueue): void {
    if (queue.isDropped) return
    this.commit(queue, "oneway")
    queue.isDropped = true
    this.queues.delete(print(queue.queue))
    this.removed(queue)
    this.history.note(this.options.life, `drops ${nameOf(queue.queue)}`)
  }

  /** Asks how far the group is, and pulls from there on. */
  protected begin(queue: ProcessQueue): void {
    const { brokerName, queueId, topic } = queue.queue
    const address = this.address(queue.queue)
    const group = this.options.group.name
    if (address === undefined) return this.#forget(queue)
    const sentMs = this.history.nowMs
    const ext = Format.QueryConsumerOffset.encode({ consumerGroup: group, queueId, topic })
    this.client.ask(address, { code: RequestCode.QUERY_CONSUMER_OFFSET, ext }, timeoutMs, (outcome) => {
      if (queue.isDropped) return
      const stored = offsetOf(outcome)
      if (stored !== "failed")
        this.history.reads.push({
          atMs: this.history.nowMs,
          brokerName,
          consumer: this.options.life,
          group,
          queueId,
          queueOffset: stored,
          sentMs,
          topic,
        })
      const start = StartOffset.decide("CONSUME_FROM_FIRST_OFFSET", stored, topic)
      if (start._tag !== "At") return this.#forget(queue)
      queue.pending.clear()
      queue.nextOffset = start.queueOffset
      queue.committed = stored === "failed" ? undefined : stored
      this.tell("Begin", queue.queue, { queueOffset: start.queueOffset })
      this.history.note(this.options.life, `begins ${nameOf(queue.queue)} at ${start.queueOffset}`)
      this.pull(queue)
    })
  }

  protected pull(queue: ProcessQueue): void {
    if (queue.isDropped || this.hasLeft || queue.isPulling || queue.nextOffset === undefined) return
    if (!this.mayPull(queue)) return
    const address = this.address(queue.queue)
    if (address === undefined || queue.pending.size >= pendingMax) return this.#pullLater(queue, 50)
    const { queueId, topic } = queue.queue
    const asked = queue.nextOffset
    const subscription = this.#subscriptions.find((one) => one.topic === topic)
    const progress = queue.progress ?? 0
    const commits = progress > 0 && this.world.random.below(2) === 0
    const ext = Format.PullMessage.encode({
      commitOffset: commits ? progress : 0,
      consumerGroup: this.options.group.name,
      maxMsgNums: 1 + this.world.random.below(32),
      queueId,
      queueOffset: asked,
      ...(subscription === undefined || Subscription.isTagType(subscription.expressionType)
        ? {}
        : { expressionType: subscription.expressionType }),
      subVersion: subscription?.subVersion ?? 0,
      suspendTimeoutMillis: suspendMs,
      sysFlag: buildPullFlag({ classFilter: false, commitOffset: commits, subscription: false, suspend: true }),
      topic,
    })
    if (commits) this.#noteCommit(queue, progress, "pull")
    queue.isPulling = true
    this.client.ask(address, { code: RequestCode.PULL_MESSAGE, ext }, suspendMs + timeoutMs, (outcome) => {
      queue.isPulling = false
      // What began anew meanwhile does not want the answer of before.
      if (queue.isDropped || queue.nextOffset !== asked) return
      this.#pulled(queue, asked, outcome)
    })
  }

  protected commit(queue: ProcessQueue, how: "explicit" | "oneway"): void {
    const { progress } = queue
    const address = this.address(queue.queue)
    if (progress === undefined || address === undefined || queue.isDropped || this.hasLeft) return
    // Also when it has not moved, though less often: a commit that nobody answers may have been lost.
    if (progress === queue.committed && this.world.random.below(6) > 0) return
    const { queueId, topic } = queue.queue
    const group = this.options.group.name
    const ext = Format.UpdateConsumerOffset.encode({
      commitOffset: progress,
      consumerGroup: group,
      queueId,
      topic,
    })
    const request = { code: RequestCode.UPDATE_CONSUMER_OFFSET, ext }
    const commit = this.#noteCommit(queue, progress, how)
    queue.committed = progress
    if (how === "oneway") return this.client.tell(address, request)
    this.client.ask(address, request, timeoutMs, (outcome) => {
      const isDropped = !(outcome instanceof RemotingError) && outcome.remark === resetPendingRemark
      const code = outcome instanceof RemotingError ? outcome.reason : isDropped ? "a reset pends" : outcome.code
      commit.answer = { atMs: this.history.nowMs, code }
      this.history.note(this.options.life, `commit ${nameOf(queue.queue)} ${progress}: ${code}`)
      if (code !== ResponseCode.SUCCESS) queue.committed = undefined
    })
  }

  #forget(queue: ProcessQueue): void {
    queue.isDropped = true
    this.queues.delete(print(queue.queue))
  }

  #noteCommit({ queue }: ProcessQueue, queueOffset: number, how: Commit["how"]): Commit {
    const { brokerName, queueId, topic } = queue
    const commit: Commit = {
      brokerName,
      consumer: this.options.life,
      group: this.options.group.name,
      how,
      queueId,
      queueOffset,
      sentMs: this.history.nowMs,
      topic,
    }
    this.history.commits.push(commit)
    return commit
  }

  #every(periodMs: number, run: () => void): void {
    const { clock, random } = this.world
    clock.after(random.below(periodMs), () => {
      if (this.hasLeft) return
      run()
      this.#every(periodMs + periodMs / 2, run)
    })
  }

  #beat(): void {
    const { group, life } = this.options
    const body = Heartbeat.Heartbeat.encode(
      {
        clientID: life,
        consumerDataSet: [
          {
            consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
            consumeType: "CONSUME_PASSIVELY",
            groupName: group.name,
            messageModel: "CLUSTERING",
            subscriptionDataSet: this.#subscriptions,
            unitMode: false,
          },
        ],
        heartbeatFingerprint: 0,
        producerDataSet: [],
        withoutSub: false,
      },
      standard,
    )
    for (const address of this.routes.brokers.values())
      this.client.ask(address, { body, code: RequestCode.HEART_BEAT }, timeoutMs, () => {})
  }

  #rebalanceLater(): void {
    if (this.#rebalanceSoon) return
    this.#rebalanceSoon = true
    this.world.clock.after(20, () => {
      this.#rebalanceSoon = false
      if (!this.hasLeft) this.#rebalance()
    })
  }

  #rebalance(): void {
    for (const { topic } of this.#subscriptions) this.#rebalanceTopic(topic)
  }

  #rebalanceTopic(topic: string): void {
    const all = this.routes.readQueues(topic)
    const { random } = this.world
    const address = all.length === 0 ? undefined : this.address(all[random.below(all.length)]!)
    if (address === undefined || this.#asking.has(topic)) return
    this.#asking.add(topic)
    const ext = Format.ConsumerGroupOf.encode({ consumerGroup: this.options.group.name })
    this.client.ask(address, { code: RequestCode.GET_CONSUMER_LIST_BY_GROUP, ext }, timeoutMs, (outcome) => {
      this.#asking.delete(topic)
      if (this.hasLeft || outcome instanceof RemotingError || outcome.code !== ResponseCode.SUCCESS) return
      const list = Heartbeat.ConsumerList.decode(outcome.body)
      if (list instanceof Malformed) throw list
      const share = Rebalance.assign(Rebalance.average, {
        clientIds: list.consumerIdList,
        currentClientId: this.options.life,
        queues: all,
      })
      if (Result.isSuccess(share)) this.#take(topic, share.success)
    })
  }

  #take(topic: string, share: ReadonlyArray<MessageQueue>): void {
    for (const queue of this.queues.values()) {
      if (queue.queue.topic !== topic) continue
      if (share.some((one) => isEqual(one, queue.queue))) this.stays(queue)
      else if (this.mayGo(queue)) this.drop(queue)
    }
    for (const queue of share) {
      if (this.queues.has(print(queue))) continue
      const added = new ProcessQueue(queue)
      this.queues.set(print(queue), added)
      this.added(added)
    }
  }

  /** A queue is ours from now on. */
  protected added(queue: ProcessQueue): void {
    this.begin(queue)
  }

  #commitAll(): void {
    for (const queue of this.queues.values())
      this.commit(queue, this.world.random.below(3) === 0 ? "explicit" : "oneway")
  }

  #pullLater(queue: ProcessQueue, delayMs: number): void {
    this.world.clock.after(delayMs, () => this.pull(queue))
  }

  #pulled(queue: ProcessQueue, asked: number, outcome: Command | RemotingError): void {
    if (outcome instanceof RemotingError) return this.#pullLater(queue, 300)
    const header = Format.PullMessageAnswer.decode(outcome.ext)
    switch (outcome.code) {
      case ResponseCode.SUCCESS:
        if (header instanceof Malformed) throw header
        this.#received(queue, asked, header.nextBeginOffset, outcome.body)
        return this.pull(queue)
      case ResponseCode.PULL_NOT_FOUND:
      case ResponseCode.PULL_RETRY_IMMEDIATELY:
        if (header instanceof Malformed) throw header
        queue.nextOffset = header.nextBeginOffset
        return outcome.code === ResponseCode.PULL_NOT_FOUND ? this.#pullLater(queue, 10) : this.pull(queue)
      case ResponseCode.PULL_OFFSET_MOVED:
        if (header instanceof Malformed) throw header
        this.history.moved.push({
          asked,
          atMs: this.history.nowMs,
          brokerName: queue.queue.brokerName,
          consumer: this.options.life,
          group: this.options.group.name,
          nextBeginOffset: header.nextBeginOffset,
          queueId: queue.queue.queueId,
          remark: outcome.remark ?? "",
          topic: queue.queue.topic,
        })
        this.history.note(this.options.life, `${nameOf(queue.queue)} moved from ${asked} to ${header.nextBeginOffset}`)
        queue.pending.clear()
        queue.nextOffset = header.nextBeginOffset
        return this.pull(queue)
      default:
        // A broker that was restarted knows the group again after the next heartbeat.
        return this.#pullLater(queue, 300)
    }
  }

  #received(queue: ProcessQueue, asked: number, nextBeginOffset: number, body: Buffer): void {
    const { group, life } = this.options
    const { brokerName, queueId, topic } = queue.queue
    const offsets: Array<number> = []
    for (let at = 0; at < body.length;) {
      const message = StoredMessage.decode(body, at)
      if (message instanceof Malformed) throw message
      at += message.sizeBytes
      const identity = identityOf(message.properties)
      if (identity === undefined || !isBodyOf(identity, message.body)) {
        this.history.defects.push(`${life} got wrong bytes at ${nameOf(queue.queue)} ${message.queueOffset}`)
        continue
      }
      if (message.queueOffset < asked || message.queueOffset >= nextBeginOffset || message.queueId !== queueId)
        this.history.defects.push(
          `${life} asked ${nameOf(queue.queue)} for ${asked} and got ${message.queueOffset} of queue ${message.queueId}, next ${nextBeginOffset}`,
        )
      const delivery: Delivery = {
        atMs: this.history.nowMs,
        brokerName,
        commitLogOffset: message.physicalOffset,
        consumer: life,
        group: group.name,
        key: identity.key,
        queueId,
        queueOffset: message.queueOffset,
        reconsumeTimes: message.reconsumeTimes,
        topic,
      }
      this.history.deliveries.push(delivery)
      offsets.push(message.queueOffset)
      queue.pending.set(message.queueOffset, { delivery, message })
    }
    this.tell("Receive", queue.queue, { count: offsets.length, queueOffset: asked })
    this.history.note(life, `gets ${nameOf(queue.queue)} ${offsets.join(" ")}`)
    queue.nextOffset = nextBeginOffset
    this.arrived(queue)
  }
}

export const nameOf = ({ brokerName, queueId, topic }: MessageQueue): string => `${topic}/${brokerName}/${queueId}`

const subscriptionsOf = (group: GroupPlan, version: number): ReadonlyArray<Subscription.Subscription> => {
  const all = group.subscriptions.map(({ expression, topic, type }) =>
    Subscription.parseTyped(topic, expression, type, version),
  )
  if (!group.isOrderly) all.push(Subscription.parse(Topic.retryTopic(group.name), "*", version))
  return all.map(Result.getOrThrow)
}

/** The stored offset; undefined when the broker has none. */
const offsetOf = (outcome: Command | RemotingError): number | undefined | "failed" => {
  if (outcome instanceof RemotingError) return "failed"
  if (outcome.code === ResponseCode.QUERY_NOT_FOUND) return undefined
  if (outcome.code !== ResponseCode.SUCCESS) return "failed"
  const header = Format.OffsetAnswer.decode(outcome.ext)
  if (header instanceof Malformed) throw header
  return header.offset
}
