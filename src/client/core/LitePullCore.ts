/**
 * A pull consumer without promises: queues that were assigned to it by the application, or by a rebalance of its group,
 * are pulled ahead into memory, and the application takes messages when it wants some.
 *
 * Laws (test/model/client/pullConsumer.test.ts)
 *   behind  what is told of the progress was handed out, and a call for more was made since, or a commit (P8)
 *   sought  after a seek the next message of the queue is the one sought to
 * Source: behaviour of RocketMQ 5.5.0 (DefaultLitePullConsumerImpl).
 */
import { type MessageQueue, isEqual, print } from "../../domain/MessageQueue.ts"
import { difference } from "../../domain/Rebalance.ts"
import type { Subscription } from "../../domain/Subscription.ts"
import type { ConsumedDirectly, RunningInfo } from "../../format/ConsumerRuntime.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import type { Decoded } from "../../format/StoredMessage.ts"
import { type SubscriptionOption, consumerSettingsOf, subscriptionOf } from "../ConsumerOptions.ts"
import { ArgumentError, GantryError, StateError } from "../GantryError.ts"
import type { Message } from "../Message.ts"
import type { PullConsumerSettings } from "../PullConsumerOptions.ts"
import type { Instance } from "./Instance.ts"
import type { ConsumerData, ConsumerMember } from "./Member.ts"
import type { Offsets } from "./Offsets.ts"
import { Once } from "./Once.ts"
import { ProcessQueue } from "./ProcessQueue.ts"
import { Puller } from "./Puller.ts"
import { runningInfoOf } from "./runningInfo.ts"
import * as Sharing from "./Sharing.ts"
import { maxOffset, minOffset, startOffset } from "./startOffsets.ts"

interface Waiting {
  readonly countMax: number
  readonly done: (messages: ReadonlyArray<Message>) => void
  readonly cancelTimer: () => void
}

type Mode = "none" | "subscribe" | "assign"

export class LitePullCore implements ConsumerMember {
  readonly #instance: Instance
  readonly #settings: PullConsumerSettings
  readonly #offsets: Offsets
  readonly #puller: Puller
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #queues = new Map<string, ProcessQueue>()
  readonly #starting = new Map<string, MessageQueue>()
  readonly #paused = new Set<string>()
  /** Queues with messages that wait, in turn. */
  readonly #ready = new Set<ProcessQueue>()
  /** How far the messages reach that were handed out, by queue. */
  readonly #handed = new Map<string, number>()
  readonly #waiting: Array<Waiting> = []
  #hasJoined = false
  readonly #startedMs: number
  #mode: Mode = "none"
  #assignment: ReadonlyArray<MessageQueue> = []
  readonly #closing = new Once()
  #state: "new" | "running" | "closed" = "new"

  constructor(instance: Instance, settings: PullConsumerSettings, offsets: Offsets) {
    this.#instance = instance
    this.#settings = settings
    this.#offsets = offsets
    this.#startedMs = instance.world.clock.nowMs()
    this.#puller = new Puller(instance, {
      arrived: (queue) => this.#arrived(queue),
      batchSize: settings.pullBatchSize,
      batchSizeBytes: settings.pullBatchSizeBytes,
      bounds: () => settings.bounds,
      code: RequestCode.LITE_PULL_MESSAGE,
      commitOffset: () => undefined,
      group: settings.group,
      holdMs: settings.holdMs,
      intervalMs: 0,
      mayPull: (queue) => this.#mayPull(queue),
      moved: (queue, offset) => this.#restart(queue, offset),
      pauseAfterErrorMs: settings.pullDelayWhenExceptionMs,
      sendsSubscription: true,
      skipped: () => {},
      subscription: (queue) => this.#subscriptionOf(queue),
    })
  }

  get group(): string {
    return this.#settings.group
  }

  get assigned(): ReadonlyArray<MessageQueue> {
    return [...this.#queues.values()].map(({ queue }) => queue)
  }

  /** Lets the group share out a topic's queues. Throws a StateError when queues were assigned. */
  subscribe(option: SubscriptionOption): void {
    this.#enter("subscribe")
    const subscription = subscriptionOf(this.#instance.names.withTopic(option), this.#instance.world.clock.nowMs())
    this.#subscriptions.set(subscription.topic, subscription)
    if (this.#state !== "running") return
    this.#instance.routes.follow(subscription.topic)
    this.#instance.routes.refresh(subscription.topic, () => this.#instance.beat(() => this.#instance.rebalanceNow()))
  }

  /** Takes these queues and no others, whoever else reads them. Throws a StateError when topics were subscribed. */
  assign(queues: ReadonlyArray<MessageQueue>): void {
    this.#enter("assign")
    this.#assignment = queues
    if (this.#state === "running") this.#applyAssignment(() => {})
  }

  /** Begins; `done` runs when the first queues are known, or could not be. */
  start(done: (error: GantryError | undefined) => void): void {
    if (this.#state === "closed") throw closed()
    if (this.#state === "running") return done(undefined)
    this.#instance.addConsumer(this)
    this.#state = "running"
    const topics = new Set([...this.#subscriptions.keys(), ...this.#assignment.map(({ topic }) => topic)])
    let left = topics.size
    let failure: GantryError | undefined
    const found = (): void => {
      if (failure !== undefined) {
        this.#state = "new"
        const error = failure
        return this.#instance.removeConsumer(this, () => done(error))
      }
      this.#instance.beat(() => {
        this.#hasJoined = true
        const begun = (isBalanced: boolean): void => {
          if (!isBalanced) this.#instance.rebalanceNow()
          done(undefined)
        }
        if (this.#mode === "assign") this.#applyAssignment(begun)
        else this.rebalance(begun)
      })
    }
    if (left === 0) return found()
    for (const topic of topics) {
      this.#instance.routes.follow(topic)
      this.#instance.routes.refresh(topic, (outcome) => {
        if (outcome instanceof GantryError) failure ??= outcome
        if (--left === 0) found()
      })
    }
  }

  /**
   * Hands out up to `countMax` messages that are here, or waits for the first one at most `timeoutMs`; then there is none.
   * With auto-commit, what was handed out before counts as done now. The answer of this call stops waiting.
   */
  poll(countMax: number, timeoutMs: number, done: (messages: ReadonlyArray<Message>) => void): () => void {
    if (this.#state === "closed") throw closed()
    if (this.#settings.autoCommit) this.#settleHanded()
    const messages = this.#take(countMax)
    if (messages.length > 0 || timeoutMs <= 0) {
      done(messages)
      return () => {}
    }
    const stop = (): boolean => {
      const at = this.#waiting.indexOf(waiting)
      if (at < 0) return false
      this.#waiting.splice(at, 1)
      waiting.cancelTimer()
      return true
    }
    const waiting: Waiting = {
      cancelTimer: this.#instance.world.clock.after(timeoutMs, () => {
        if (stop()) done([])
      }),
      countMax,
      done,
    }
    this.#waiting.push(waiting)
    return () => void stop()
  }

  /** Says that what was handed out is done, or how far queues are, and waits until that is kept. */
  commit(
    offsets: ReadonlyArray<readonly [MessageQueue, number]> | undefined,
    done: (error: GantryError | undefined) => void,
  ): void {
    if (offsets === undefined) this.#settleHanded()
    for (const [queue, offset] of offsets ?? []) this.#offsets.set(queue, offset)
    this.#offsets.commit(offsets === undefined ? this.assigned : offsets.map(([queue]) => queue), done)
  }

  /** Goes on from another offset of a queue; refused when the queue does not reach there. */
  seek(queue: MessageQueue, to: number | "begin" | "end", done: (error: GantryError | undefined) => void): void {
    if (!this.#queues.has(print(queue)) && !this.#starting.has(print(queue))) throw notAssigned(queue)
    minOffset(this.#instance, queue, (min) => {
      if (min instanceof GantryError) return done(min)
      maxOffset(this.#instance, queue, (max) => {
        if (max instanceof GantryError) return done(max)
        const offset = to === "begin" ? min : to === "end" ? max : to
        if (offset < min || offset > max) {
          return done(new ArgumentError(`Offset ${offset} is not within ${min} to ${max} of ${print(queue)}`))
        }
        const held = this.#queues.get(print(queue))
        // It may have gone to another member while the broker was asked.
        if (held === undefined) return done(notAssigned(queue))
        this.#restart(held, offset)
        this.#handed.set(print(queue), offset)
        done(undefined)
      })
    })
  }

  pause(queues: ReadonlyArray<MessageQueue>): void {
    for (const queue of queues) this.#paused.add(print(queue))
  }

  resume(queues: ReadonlyArray<MessageQueue>): void {
    for (const queue of queues) {
      this.#paused.delete(print(queue))
      const held = this.#queues.get(print(queue))
      if (held === undefined) continue
      if (held.head !== undefined) this.#arrived(held)
      this.#puller.pull(held)
    }
  }

  /** What the group has committed; undefined when nothing. */
  committed(queue: MessageQueue, done: (offset: number | undefined | "failed") => void): void {
    this.#offsets.fetch(queue, done)
  }

  readonly data = (): ConsumerData => ({
    consumeFromWhere: this.#settings.consumeFromWhere,
    consumeType: "CONSUME_ACTIVELY",
    groupName: this.group,
    messageModel: this.#settings.isBroadcasting ? "BROADCASTING" : "CLUSTERING",
    subscriptionDataSet: [...this.#subscriptions.values()],
    unitMode: false,
  })

  readonly rebalance = (done: (isBalanced: boolean) => void): void => {
    // Before the brokers have heard of it, this member is none of the group's.
    if (this.#state !== "running" || !this.#hasJoined || this.#mode !== "subscribe") return done(true)
    const topics = [...this.#subscriptions.keys()]
    let left = topics.length
    let isBalanced = true
    const ended = (isKept: boolean): void => {
      if (!isKept) isBalanced = false
      if (--left === 0) done(isBalanced)
    }
    for (const topic of topics) {
      Sharing.find(this.#instance, this.#settings, topic, (share) => {
        if (this.#state !== "running" || share._tag === "NoQueues") return ended(true)
        if (share._tag === "Unknown") return ended(false)
        const owned = this.assigned.filter((queue) => queue.topic === topic)
        this.#apply(owned, share.queues, ended)
      })
    }
  }

  readonly persist = (): void => this.#offsets.persist(this.assigned)

  readonly reset = (offsets: ReadonlyArray<readonly [MessageQueue, number]>): void => {
    for (const [queue, offset] of offsets) {
      const held = this.#queues.get(print(queue))
      if (held === undefined) continue
      this.#restart(held, offset)
      this.#handed.set(print(queue), offset)
      this.#offsets.set(queue, offset)
    }
    this.persist()
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
      settings: { ...consumerSettingsOf({ group: this.group }), isBroadcasting: this.#settings.isBroadcasting },
      startedMs: this.#startedMs,
      subscriptions: this.#subscriptions.values(),
    })

  readonly consumeDirectly = (
    _stored: Decoded,
    _brokerName: string | undefined,
    done: (result: ConsumedDirectly) => void,
  ): void =>
    done({
      autoCommit: this.#settings.autoCommit,
      consumeResult: "CR_THROW_EXCEPTION",
      order: false,
      remark: "a pull consumer has no handler that a message could be given to",
      spentTimeMills: 0,
    })

  /** Leaves: what was handed out and not committed comes again, here or elsewhere. */
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
    this.#state = "closed"
    this.#starting.clear()
    for (const waiting of this.#waiting.splice(0)) {
      waiting.cancelTimer()
      waiting.done([])
    }
    const queues = this.assigned
    for (const queue of this.#queues.values()) queue.drop()
    this.#offsets.commit(queues, () => {
      this.#queues.clear()
      this.#instance.removeConsumer(this, done)
    })
  }

  #enter(mode: Mode): void {
    if (this.#state === "closed") throw closed()
    if (this.#mode !== "none" && this.#mode !== mode) {
      throw new StateError(
        "ALREADY_RUNNING",
        `A pull consumer either subscribes or is assigned queues; this one does the other`,
      )
    }
    this.#mode = mode
  }

  #subscriptionOf({ topic }: MessageQueue): Subscription | undefined {
    const subscription = this.#subscriptions.get(topic)
    return subscription ?? (this.#mode === "assign" ? subscriptionOf(topic, 0) : undefined)
  }

  #mayPull(queue: ProcessQueue): boolean {
    if (this.#state !== "running" || this.#paused.has(print(queue.queue))) return false
    let count = 0
    for (const held of this.#queues.values()) count += held.count
    return count < this.#settings.messagesMaxOfAll
  }

  #applyAssignment(done: (isBegun: boolean) => void): void {
    this.#apply(this.assigned, this.#assignment, done)
  }

  #apply(
    owned: ReadonlyArray<MessageQueue>,
    share: ReadonlyArray<MessageQueue>,
    done: (isBalanced: boolean) => void,
  ): void {
    const { added, removed } = difference(owned, share)
    for (const queue of removed) this.#letGo(this.#queues.get(print(queue))!)
    for (const [name, queue] of this.#starting) {
      if (owned.some((one) => one.topic === queue.topic) && !share.some((one) => isEqual(one, queue))) {
        this.#starting.delete(name)
      }
    }
    const fresh = added.filter((queue) => !this.#starting.has(print(queue)))
    let left = fresh.length
    let isBegun = true
    if (fresh.length + removed.length > 0) {
      this.#instance.diagnostics.tell("gantry:rebalance", () => ({ added: fresh, group: this.group, removed }))
    }
    if (left === 0) return done(true)
    for (const queue of fresh) {
      this.#starting.set(print(queue), queue)
      startOffset(this.#instance, this.#offsets, queue, this.#settings, (offset) => {
        const isWanted = this.#starting.delete(print(queue)) && this.#state === "running"
        if (isWanted && offset !== undefined) this.#begin(queue, offset)
        if (offset === undefined) isBegun = false
        if (--left === 0) done(isBegun)
      })
    }
  }

  #begin(queue: MessageQueue, offset: number): void {
    const held = new ProcessQueue(queue, offset)
    this.#queues.set(print(queue), held)
    if (this.#offsets.known(queue) === undefined) this.#offsets.set(queue, offset)
    this.#puller.pull(held)
  }

  #letGo(queue: ProcessQueue): void {
    this.#offsets.persist([queue.queue])
    this.#offsets.forget(queue.queue)
    this.#handed.delete(print(queue.queue))
    this.#queues.delete(print(queue.queue))
    this.#ready.delete(queue)
    queue.drop()
  }

  /** Forgets what is here of a queue and pulls from another offset. */
  #restart(queue: ProcessQueue, offset: number): void {
    this.#ready.delete(queue)
    queue.drop()
    const held = new ProcessQueue(queue.queue, offset)
    this.#queues.set(print(queue.queue), held)
    this.#puller.pull(held)
  }

  #arrived(queue: ProcessQueue): void {
    this.#ready.add(queue)
    while (this.#waiting.length > 0) {
      const messages = this.#take(this.#waiting[0]!.countMax)
      if (messages.length === 0) return
      const waiting = this.#waiting.shift()!
      waiting.cancelTimer()
      waiting.done(messages)
    }
  }

  /** Messages of the queue whose turn it is; they leave the memory, and the queue is pulled again. */
  #take(countMax: number): ReadonlyArray<Message> {
    for (const queue of this.#ready) {
      if (this.#paused.has(print(queue.queue))) continue
      this.#ready.delete(queue)
      const messages = queue.take(countMax)
      if (queue.isDropped || messages.length === 0) continue
      queue.commit()
      this.#handed.set(print(queue.queue), messages.at(-1)!.queueOffset + 1)
      // At the back of the line, so that one full queue does not keep the others waiting.
      if (queue.head !== undefined) this.#ready.add(queue)
      for (const held of this.#queues.values()) this.#puller.pull(held)
      return messages
    }
    return []
  }

  #settleHanded(): void {
    for (const [name, offset] of this.#handed) {
      const held = this.#queues.get(name)
      if (held !== undefined) this.#offsets.set(held.queue, offset)
    }
    this.#handed.clear()
  }
}

const closed = (): StateError => new StateError("CLOSED", "The pull consumer is closed; make another one")

const notAssigned = (queue: MessageQueue): StateError =>
  new StateError("NOT_ASSIGNED", `${print(queue)} is not assigned to this consumer now`)
