/**
 * A push consumer without promises: a member of its group that takes its share of the queues, pulls them, has their
 * messages handled, and tells how far it is.
 *
 * Laws (test/model/client/consumer.test.ts)
 *   behind    what is told of a queue's progress is never beyond what was handled or given away (P8)
 *   whole     a queue that is let go, or taken, loses no message (P3)
 *   one lock  an ordered member pulls and handles a queue only under its lock, and begins it anew under a new one (P5)
 * Source: behaviour of RocketMQ 5.5.0 (DefaultMQPushConsumerImpl, RebalancePushImpl).
 */
import { type MessageQueue, isEqual, print } from "../../domain/MessageQueue.ts"
import { difference } from "../../domain/Rebalance.ts"
import { subscribeAll } from "../../domain/Subscription.ts"
import type { Subscription } from "../../domain/Subscription.ts"
import { retryTopic } from "../../domain/Topic.ts"
import type { ConsumedDirectly, RunningInfo } from "../../format/ConsumerRuntime.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import type { Decoded } from "../../format/StoredMessage.ts"
import { type ConsumerSettings, type SubscriptionOption, subscriptionOf } from "../ConsumerOptions.ts"
import { ArgumentError, GantryError, StateError } from "../GantryError.ts"
import { checkFilters } from "./checkFilters.ts"
import { ConcurrentService } from "./ConcurrentService.ts"
import type { ConsumeService } from "./ConsumeService.ts"
import type { Handler } from "./Handling.ts"
import type { Instance } from "./Instance.ts"
import type { ConsumerData, ConsumerMember } from "./Member.ts"
import type { Offsets } from "./Offsets.ts"
import { OrderedService } from "./OrderedService.ts"
import { Once } from "./Once.ts"
import { type Bounds, ProcessQueue, lockBelievedMs } from "./ProcessQueue.ts"
import { Puller } from "./Puller.ts"
import { type Grant, QueueLocks } from "./QueueLocks.ts"
import { SendBack } from "./SendBack.ts"
import * as Sharing from "./Sharing.ts"
import { runningInfoOf } from "./runningInfo.ts"
import { startOffset } from "./startOffsets.ts"

/** Attempts of concurrent consumption when nothing else is said. */
const attemptsDefault = 16
/** A lock that another member holds is asked for again after so long. */
const lockAgainMs = 500
const firstLockMs = 1_000

export class PushConsumerCore implements ConsumerMember {
  readonly #instance: Instance
  readonly #settings: ConsumerSettings
  readonly #offsets: Offsets
  readonly #handler: Handler
  readonly #service: ConsumeService
  readonly #puller: Puller
  readonly #locks: QueueLocks
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #queues = new Map<string, ProcessQueue>()
  /** Queues whose start is being found out. */
  readonly #starting = new Map<string, MessageQueue>()
  readonly #closing = new Once()
  #state: "new" | "running" | "closing" | "closed" = "new"
  #hasJoined = false
  readonly #startedMs: number
  #cancelLocking: () => void = () => {}
  #cancelLockAgain: () => void = () => {}

  constructor(instance: Instance, settings: ConsumerSettings, offsets: Offsets, handler: Handler) {
    this.#instance = instance
    this.#settings = settings
    this.#offsets = offsets
    this.#handler = handler
    this.#startedMs = instance.world.clock.nowMs()
    this.#locks = new QueueLocks(instance, settings.group)
    const attempts = settings.maxReconsumeTimes >= 0 ? settings.maxReconsumeTimes : attemptsDefault
    const sendBack = new SendBack(instance, settings.group, attempts)
    const Service = settings.isOrdered ? OrderedService : ConcurrentService
    this.#service = new Service(instance, settings, handler, sendBack, {
      left: (queue) => this.#letGo(queue),
      settled: (queue, progress) => this.#settled(queue, progress),
    })
    this.#puller = new Puller(instance, {
      arrived: (queue, messages) => {
        for (const { queueOffset } of messages) this.#trace("Arrive", queue.queue, { queueOffset })
        this.#service.arrived(queue, messages)
      },
      batchSize: settings.pullBatchSize,
      batchSizeBytes: settings.pullBatchSizeBytes,
      bounds: () => this.#bounds(),
      code: RequestCode.PULL_MESSAGE,
      commitOffset: (queue) => this.#toTell(queue),
      group: settings.group,
      holdMs: settings.holdMs,
      intervalMs: settings.pullIntervalMs,
      mayPull: (queue) => this.#mayPull(queue),
      moved: (queue, offset) => this.#moved(queue, offset),
      pauseAfterErrorMs: settings.pullDelayWhenExceptionMs,
      sendsSubscription: false,
      skipped: (queue, offset) => this.#settled(queue, offset),
      subscription: (queue) => this.#subscriptions.get(queue.topic),
    })
    if (!settings.isBroadcasting) {
      const topic = retryTopic(settings.group)
      this.#subscriptions.set(topic, subscriptionOf({ expression: subscribeAll, topic }, this.#startedMs))
    }
  }

  get group(): string {
    return this.#settings.group
  }

  /** The queues that are this member's now. */
  get assigned(): ReadonlyArray<MessageQueue> {
    return [...this.#queues.values()].map(({ queue }) => queue)
  }

  /** Adds a topic, or replaces what is wanted of it. Throws an ArgumentError. */
  subscribe(option: SubscriptionOption): void {
    if (this.#state === "closing" || this.#state === "closed") throw closed()
    // A later version counts for more with the broker, also within one millisecond.
    const wanted = this.#instance.names.withTopic(option)
    const before = this.#subscriptions.get(typeof wanted === "string" ? wanted : wanted.topic)
    const version = Math.max(this.#instance.world.clock.nowMs(), (before?.subVersion ?? 0) + 1)
    const subscription = subscriptionOf(wanted, version)
    this.#subscriptions.set(subscription.topic, subscription)
    if (this.#state !== "running") return
    this.#instance.routes.follow(subscription.topic)
    this.#instance.routes.refresh(subscription.topic, () => this.#instance.beat(() => this.#instance.rebalanceNow()))
  }

  unsubscribe(name: string): void {
    const topic = this.#instance.names.ofBroker(name)
    if (!this.#subscriptions.delete(topic) || this.#state !== "running") return
    this.#instance.routes.unfollow(topic)
    for (const queue of this.#queues.values()) if (queue.queue.topic === topic) this.#remove(queue)
    this.#instance.beat()
  }

  /**
   * Joins the group. `done` runs once its first share is known and each queue's start too, with an error when that could
   * not be; the consumer then is as it was before. Throws a StateError, or an ArgumentError without a subscription.
   */
  start(done: (error: GantryError | undefined) => void): void {
    if (this.#state === "running")
      throw new StateError("ALREADY_RUNNING", `The consumer of "${this.group}" runs already`)
    if (this.#state !== "new") throw closed()
    const wanted = [...this.#subscriptions.values()].filter(({ topic }) => topic !== retryTopic(this.group))
    if (wanted.length === 0) {
      throw new ArgumentError(
        `The consumer of "${this.group}" has no subscription: give it subscriptions, or call subscribe`,
      )
    }
    this.#instance.addConsumer(this)
    this.#traceMember("Join")
    this.#state = "running"
    const fail = (error: GantryError): void => {
      if (this.#state !== "running") return done(error)
      this.#state = "new"
      this.#instance.removeConsumer(this, () => done(error))
    }
    this.#findRoutes((error) => {
      if (error !== undefined) return fail(error)
      checkFilters(this.#instance, this.group, wanted, (refused) => {
        if (refused !== undefined) return fail(refused)
        this.#instance.beat(() => {
          this.#hasJoined = true
          if (this.#settings.isOrdered) this.#lockEvery(firstLockMs)
          this.rebalance((isBalanced) => {
            if (!isBalanced) this.#instance.rebalanceNow()
            done(undefined)
          })
        })
      })
    })
  }

  pause(): void {
    this.#puller.pause()
  }

  resume(): void {
    this.#puller.resume(this.#queues.values())
    this.#instance.rebalanceNow()
  }

  readonly data = (): ConsumerData => ({
    consumeFromWhere: this.#settings.consumeFromWhere,
    consumeType: "CONSUME_PASSIVELY",
    groupName: this.group,
    messageModel: this.#settings.isBroadcasting ? "BROADCASTING" : "CLUSTERING",
    subscriptionDataSet: [...this.#subscriptions.values()],
    unitMode: false,
  })

  readonly rebalance = (done: (isBalanced: boolean) => void): void => {
    // Before the brokers have heard of it, this member is none of the group's.
    if (this.#state !== "running" || !this.#hasJoined) return done(true)
    if (this.#puller.isPaused) return done(false)
    const topics = [...this.#subscriptions.keys()]
    let left = topics.length
    let isBalanced = true
    for (const topic of topics) {
      this.#rebalanceTopic(topic, (isKept) => {
        if (!isKept) isBalanced = false
        if (--left === 0) done(isBalanced)
      })
    }
  }

  readonly persist = (): void => this.#offsets.persist(this.#tellable())

  /** Tells the progress of every queue and waits until it is kept. */
  commit(done: (error: GantryError | undefined) => void): void {
    this.#offsets.commit(this.#tellable(), done)
  }

  readonly reset = (offsets: ReadonlyArray<readonly [MessageQueue, number]>): void => {
    for (const [queue, offset] of offsets) {
      const held = this.#queues.get(print(queue))
      if (held !== undefined) this.#moved(held, offset)
    }
  }

  readonly offsets = (): ReadonlyArray<readonly [MessageQueue, number]> =>
    this.assigned.flatMap((queue) => {
      const offset = this.#offsets.known(queue)
      return offset === undefined ? [] : [[queue, offset] as const]
    })

  readonly runningInfo = (): RunningInfo =>
    runningInfoOf({
      nowMonotonicMs: this.#instance.world.clock.monotonicMs(),
      offsets: this.#offsets,
      queues: this.#queues.values(),
      settings: this.#settings,
      startedMs: this.#startedMs,
      subscriptions: this.#subscriptions.values(),
    })

  readonly consumeDirectly = (
    stored: Decoded,
    brokerName: string | undefined,
    done: (result: ConsumedDirectly) => void,
  ): void => {
    const { clock } = this.#instance.world
    const message = this.#instance.names.message(stored, brokerName ?? "")
    const beganMs = clock.monotonicMs()
    const handling = { isOrdered: this.#settings.isOrdered, onGone: () => () => {}, queue: message.queue }
    this.#handler([message], handling, (verdict) => {
      const failure = verdict._tag === "Failed" ? String(verdict.error) : undefined
      const isLater = verdict._tag === "Done" && verdict.failed !== undefined && verdict.failed.size > 0
      done({
        autoCommit: true,
        consumeResult: failure !== undefined ? "CR_THROW_EXCEPTION" : isLater ? "CR_LATER" : "CR_SUCCESS",
        order: this.#settings.isOrdered,
        spentTimeMills: Math.trunc(clock.monotonicMs() - beganMs),
        ...(failure === undefined ? {} : { remark: failure }),
      })
    })
  }

  /**
   * Leaves: begins nothing new, waits for handlers at work (at most `awaitTerminationMs`), tells the progress, gives its
   * locks back, and says goodbye to the brokers. Then `done` runs.
   */
  close(done: () => void): void {
    this.#closing.run((ended) => this.#close(ended), done)
  }

  /** Whether it is closed, or about to be. */
  get isClosed(): boolean {
    return this.#closing.hasBegun
  }

  #close(done: () => void): void {
    if (this.#state !== "running") {
      this.#state = "closed"
      return done()
    }
    this.#state = "closing"
    this.#cancelLocking()
    this.#cancelLockAgain()
    this.#puller.pause()
    this.#service.stop()
    let isOver = false
    const leave = (): void => {
      if (isOver) return
      isOver = true
      cancelTimer()
      this.#offsets.commit(this.#tellable(), (error) => {
        if (error !== undefined) {
          this.#instance.world.log.warn("the last progress was not told", { error: error.message, group: this.group })
        }
        this.#leave(done)
      })
    }
    const cancelTimer = this.#instance.world.clock.after(this.#settings.awaitTerminationMs, () => {
      this.#instance.world.log.warn("a consumer closes while handlers are at work", { group: this.group })
      leave()
    })
    // What is still being found out must not begin behind the back of who closes.
    this.#starting.clear()
    this.#service.whenIdle(leave)
  }

  #leave(done: () => void): void {
    this.#traceMember("Leave")
    const queues = this.assigned
    const idle = [...this.#queues.values()].filter(({ isConsuming }) => !isConsuming).map(({ queue }) => queue)
    for (const queue of this.#queues.values()) queue.drop()
    this.#queues.clear()
    const unlocked = (): void => {
      for (const queue of queues) this.#offsets.forget(queue)
      for (const topic of this.#subscriptions.keys()) this.#instance.routes.unfollow(topic)
      this.#state = "closed"
      this.#instance.removeConsumer(this, done)
    }
    // A handler that outlives its consumer keeps its queue until the lease is over: two must not be at work on it.
    if (!this.#needsLocks) return unlocked()
    for (const queue of idle) this.#trace("LetGo", queue, {})
    this.#locks.unlock(idle, unlocked)
  }

  get #needsLocks(): boolean {
    return this.#settings.isOrdered && !this.#settings.isBroadcasting
  }

  #findRoutes(done: (error: GantryError | undefined) => void): void {
    const topics = [...this.#subscriptions.keys()]
    let left = topics.length
    let failure: GantryError | undefined
    for (const topic of topics) {
      this.#instance.routes.follow(topic)
      this.#instance.routes.refresh(topic, (outcome) => {
        if (outcome instanceof GantryError) failure ??= outcome
        else if (!outcome && topic !== retryTopic(this.group)) {
          this.#instance.world.log.warn("nobody serves a topic that is subscribed; it is looked for again and again", {
            group: this.group,
            topic,
          })
        }
        if (--left === 0) done(failure)
      })
    }
  }

  #bounds(): Bounds {
    const { bytesMaxOfQueue, bytesMaxOfTopic, isOrdered, messagesMaxOfQueue, messagesMaxOfTopic, spanMax } =
      this.#settings
    const share = Math.max(1, this.#queues.size)
    return {
      bytesMax: bytesMaxOfTopic === undefined ? bytesMaxOfQueue : Math.max(1, Math.floor(bytesMaxOfTopic / share)),
      messagesMax:
        messagesMaxOfTopic === undefined ? messagesMaxOfQueue : Math.max(1, Math.floor(messagesMaxOfTopic / share)),
      spanMax: isOrdered ? Number.POSITIVE_INFINITY : spanMax,
    }
  }

  #mayPull(queue: ProcessQueue): boolean {
    if (this.#state !== "running" || queue.isLeaving) return false
    return !this.#needsLocks || queue.isLocked(this.#instance.world.clock.monotonicMs())
  }

  /** Queues whose progress may be told: under a lock that is not believed in any more it is another's to tell. */
  *#tellable(): Iterable<MessageQueue> {
    const nowMs = this.#instance.world.clock.monotonicMs()
    for (const queue of this.#queues.values()) if (!this.#needsLocks || queue.isLocked(nowMs)) yield queue.queue
  }

  #toTell(queue: ProcessQueue): number | undefined {
    if (this.#settings.isBroadcasting) return undefined
    const known = this.#offsets.known(queue.queue)
    return known !== undefined && known > 0 ? known : undefined
  }

  #settled(queue: ProcessQueue, progress: number | undefined): void {
    if (queue.isDropped) return
    if (progress !== undefined) this.#offsets.advance(queue.queue, progress)
    this.#puller.pull(queue)
  }

  #rebalanceTopic(topic: string, done: (isBalanced: boolean) => void): void {
    const { group } = this.#settings
    Sharing.find(this.#instance, this.#settings, topic, (share) => {
      if (this.#state !== "running" || !this.#subscriptions.has(topic)) return done(true)
      // Brokers make the retry topic when they first hear of the group, and the name server learns of it a little later.
      if (share._tag === "NoQueues") return done(topic !== retryTopic(group) || this.#isOld)
      if (share._tag === "Unknown") return done(false)
      this.#apply(topic, share.queues, done)
    })
  }

  get #isOld(): boolean {
    return this.#instance.world.clock.nowMs() - this.#startedMs > 30_000
  }

  #apply(topic: string, share: ReadonlyArray<MessageQueue>, done: (isBalanced: boolean) => void): void {
    const owned = this.assigned.filter((queue) => queue.topic === topic)
    const { added, removed } = difference(owned, share)
    for (const [name, queue] of this.#starting) {
      if (queue.topic === topic && !share.some((one) => isEqual(one, queue))) this.#starting.delete(name)
    }
    for (const queue of removed) this.#remove(this.#queues.get(print(queue))!)
    for (const queue of this.#queues.values()) {
      if (queue.queue.topic !== topic || !queue.isLeaving || removed.some((one) => isEqual(one, queue.queue))) continue
      queue.isLeaving = false
      this.#service.wake(queue)
      this.#puller.pull(queue)
    }
    const fresh = added.filter((queue) => !this.#starting.has(print(queue)))
    const isSame = fresh.length === 0 && removed.length === 0
    if (this.#needsLocks) {
      for (const queue of fresh) this.#trace("See", queue, { isOwn: true })
      for (const queue of removed) this.#trace("See", queue, { isOwn: false })
    }
    if (!isSame) {
      this.#instance.diagnostics.tell("gantry:rebalance", () => ({ added: fresh, group: this.group, removed, topic }))
      this.#instance.world.log.debug("the share has changed", { added: fresh, group: this.group, removed, topic })
    }
    this.#beginAll(fresh, (isBegun) => done(isBegun && (isSame || removed.length === 0)))
  }

  /** Takes queues, under their locks where they are needed. */
  #beginAll(queues: ReadonlyArray<MessageQueue>, done: (isBegun: boolean) => void): void {
    if (queues.length === 0) return done(true)
    for (const queue of queues) this.#starting.set(print(queue), queue)
    if (!this.#needsLocks) return this.#beginEach(queues, () => undefined, done)
    const grants = new Map<string, Grant>()
    this.#locks.lock(
      queues,
      (_asked, locked) => {
        for (const [queue, grant] of locked) {
          grants.set(print(queue), grant)
          this.#traceLearn(queue, grant)
        }
      },
      () => {
        const granted = queues.filter((queue) => grants.has(print(queue)))
        for (const queue of queues) if (!grants.has(print(queue))) this.#starting.delete(print(queue))
        if (granted.length < queues.length) this.#rebalanceForLocks()
        this.#beginEach(
          granted,
          (queue) => grants.get(print(queue)),
          (isBegun) => done(isBegun && granted.length === queues.length),
        )
      },
    )
  }

  #beginEach(
    queues: ReadonlyArray<MessageQueue>,
    grantOf: (queue: MessageQueue) => Grant | undefined,
    done: (isBegun: boolean) => void,
  ): void {
    let left = queues.length
    let isBegun = true
    if (left === 0) return done(true)
    for (const queue of queues) {
      startOffset(this.#instance, this.#offsets, queue, this.#settings, (offset) => {
        const isWanted = this.#starting.delete(print(queue)) && this.#state === "running"
        if (isWanted && offset !== undefined) this.#begin(queue, offset, grantOf(queue))
        else if (this.#needsLocks) this.#unlock(queue)
        if (offset === undefined) isBegun = false
        if (--left === 0) done(isBegun)
      })
    }
  }

  #begin(queue: MessageQueue, offset: number, grant: Grant | undefined): void {
    const held = new ProcessQueue(queue, offset)
    held.lockedAtMs = grant?.askedMs
    held.grant = grant?.number
    this.#queues.set(print(queue), held)
    // Where a group starts that had no progress is progress: after the next start it goes on from there.
    this.#offsets.set(queue, offset)
    this.#offsets.fence(queue, held.grant)
    this.#trace(this.#needsLocks ? "Enter" : "Take", queue, { queueOffset: offset })
    this.#puller.pull(held)
  }

  /** Lets a queue go, now or when its handler has ended. */
  #remove(queue: ProcessQueue): void {
    queue.isLeaving = true
    if (this.#service.mayGo(queue)) this.#letGo(queue)
  }

  #letGo(queue: ProcessQueue): void {
    if (this.#queues.get(print(queue.queue)) !== queue) return
    const isLocked = queue.isLocked(this.#instance.world.clock.monotonicMs())
    if (!this.#needsLocks || isLocked) this.#offsets.persist([queue.queue])
    this.#queues.delete(print(queue.queue))
    queue.drop()
    this.#offsets.forget(queue.queue)
    if (this.#needsLocks) this.#unlock(queue.queue)
    else this.#trace("Drop", queue.queue, {})
  }

  #unlock(queue: MessageQueue): void {
    this.#trace("LetGo", queue, {})
    this.#locks.unlock([queue])
  }

  /** Goes on from another offset; whatever is at work on what was pulled before does not count any more. */
  #moved(queue: ProcessQueue, offset: number): void {
    if (this.#queues.get(print(queue.queue)) !== queue) return
    this.#instance.world.log.warn("a queue goes on from another offset", {
      group: this.group,
      offset,
      queue: queue.queue,
    })
    queue.drop()
    this.#offsets.set(queue.queue, offset)
    this.#offsets.commit([queue.queue], (error) => {
      if (error === undefined) return
      this.#instance.world.log.warn("an offset was not told", { error: error.message, queue: queue.queue })
    })
    const { grant, lockedAtMs } = queue
    this.#begin(queue.queue, offset, lockedAtMs === undefined ? undefined : { askedMs: lockedAtMs, number: grant })
  }

  #lockEvery(delayMs: number): void {
    this.#cancelLocking = this.#instance.world.clock.after(delayMs, () => {
      this.#lockAll()
      this.#lockEvery(this.#settings.lockIntervalMs)
    })
  }

  /** Asks for all locks again, before the leases are over. */
  #lockAll(): void {
    if (!this.#needsLocks || this.#state !== "running") return
    this.#locks.lock(this.assigned, (asked, locked) => {
      for (const queue of asked) {
        const held = this.#queues.get(print(queue))
        if (held === undefined || held.isDropped) continue
        const grant = locked.get(queue)
        if (grant === undefined) this.#lost(held)
        else this.#granted(held, grant)
      }
    })
  }

  #granted(queue: ProcessQueue, grant: Grant): void {
    const wasLocked = queue.isLocked(this.#instance.world.clock.monotonicMs())
    // Somebody else may have had it in between, and gone on: then it begins anew, where the group is.
    if (!wasLocked || grant.number !== queue.grant) return this.#lost(queue)
    queue.lockedAtMs = Math.max(grant.askedMs, queue.lockedAtMs ?? grant.askedMs)
    this.#traceLearn(queue.queue, grant)
  }

  #traceLearn(queue: MessageQueue, { askedMs }: Grant): void {
    const leaseMs = lockBelievedMs - (this.#instance.world.clock.monotonicMs() - askedMs)
    this.#trace("Learn", queue, { leaseMs })
  }

  #traceMember(action: string): void {
    this.#instance.world.trace?.(action, { clientId: this.#instance.clientId, group: this.group })
  }

  /** An event of spec/ordered or spec/rebalance. */
  #trace(action: string, { brokerName, queueId, topic }: MessageQueue, more: Readonly<Record<string, unknown>>): void {
    const { clientId, world } = this.#instance
    world.trace?.(action, { brokerName, clientId, group: this.group, queueId, topic, ...more })
  }

  /** The lock is another's, or was for a while: the queue is given up, and taken again with a new lock. */
  #lost(queue: ProcessQueue): void {
    this.#instance.world.log.warn("the lock of a queue was lost", { group: this.group, queue: queue.queue })
    this.#trace("LetGo", queue.queue, {})
    this.#queues.delete(print(queue.queue))
    queue.drop()
    this.#offsets.forget(queue.queue)
    this.#rebalanceForLocks()
  }

  #rebalanceForLocks(): void {
    this.#cancelLockAgain()
    this.#cancelLockAgain = this.#instance.world.clock.after(lockAgainMs, () => this.#instance.rebalanceNow())
  }
}

const closed = (): StateError => new StateError("CLOSED", "The consumer is closed; make another one")
