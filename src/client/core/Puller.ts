/**
 * Pulls one consumer's queues: one long poll for each at a time, and none while the queue is full, paused or without its
 * lock. What arrives is filtered by its very tag, put into the process queue and handed on.
 * Source: behaviour of RocketMQ 5.5.0 (DefaultMQPushConsumerImpl.pullMessage, PullAPIWrapper).
 */
import { type MessageQueue, print } from "../../domain/MessageQueue.ts"
import { PropertyName, find } from "../../domain/Properties.ts"
import type { Subscription } from "../../domain/Subscription.ts"
import { isTagType } from "../../domain/Subscription.ts"
import { buildPullFlag } from "../../domain/SysFlag.ts"
import type { Command } from "../../format/Command.ts"
import * as Format from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { AnswerError, BrokerError, GantryError } from "../GantryError.ts"
import { Message } from "../Message.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"
import type { Bounds, ProcessQueue } from "./ProcessQueue.ts"

export interface PullerOptions {
  readonly group: string
  readonly code: number
  readonly batchSize: number
  readonly batchSizeBytes: number
  readonly intervalMs: number
  /** How long the broker may hold a pull. */
  readonly holdMs: number
  readonly pauseAfterErrorMs: number
  readonly bounds: () => Bounds
  readonly subscription: (queue: MessageQueue) => Subscription | undefined
  /** Whether the subscription goes with each pull, for a broker that does not know it from heartbeats. */
  readonly sendsSubscription: boolean
  /** The progress to tell along the way. */
  readonly commitOffset: (queue: ProcessQueue) => number | undefined
  readonly mayPull: (queue: ProcessQueue) => boolean
  readonly arrived: (queue: ProcessQueue, messages: ReadonlyArray<Message>) => void
  /** Nothing of what lies before `nextOffset` is for this group, and nothing waits: it may go on from there. */
  readonly skipped: (queue: ProcessQueue, nextOffset: number) => void
  /** The offset asked for does not exist; the broker says where to go on. */
  readonly moved: (queue: ProcessQueue, nextOffset: number) => void
}

const timeoutBeyondHoldMs = 15_000
const flowControlMs = 20

const answers: ReadonlySet<number> = new Set([
  ResponseCode.SUCCESS,
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.PULL_OFFSET_MOVED,
])

export class Puller {
  readonly #instance: Instance
  readonly #options: PullerOptions
  /** Which broker id of a name to read from, as the last answer advised. */
  readonly #advised = new Map<string, number>()
  #isPaused = false

  constructor(instance: Instance, options: PullerOptions) {
    this.#instance = instance
    this.#options = options
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(queues: Iterable<ProcessQueue>): void {
    this.#isPaused = false
    for (const queue of queues) this.pull(queue)
  }

  /** Pulls, if that is possible now; whoever makes it possible later calls again. */
  pull(queue: ProcessQueue): void {
    if (queue.isDropped || queue.isPulling || queue.isPullPlanned || queue.nextOffset === undefined) return
    const options = this.#options
    if (this.#isPaused || queue.isFull(options.bounds()) || !options.mayPull(queue)) return
    const subscription = options.subscription(queue.queue)
    const { brokerName, queueId, topic } = queue.queue
    const broker = this.#instance.routes.reader(brokerName, this.#advised.get(print(queue.queue)) ?? 0)
    if (subscription === undefined || broker === undefined) return this.#later(queue, options.pauseAfterErrorMs)
    const commitOffset = broker.brokerId === 0 ? options.commitOffset(queue) : undefined
    const asked = queue.nextOffset
    const ext = Format.PullMessage.encode({
      bname: brokerName,
      commitOffset: commitOffset ?? 0,
      consumerGroup: options.group,
      expressionType: subscription.expressionType,
      maxMsgBytes: options.batchSizeBytes,
      maxMsgNums: options.batchSize,
      queueId,
      queueOffset: asked,
      subVersion: subscription.subVersion,
      suspendTimeoutMillis: options.holdMs,
      sysFlag: buildPullFlag({
        classFilter: false,
        commitOffset: commitOffset !== undefined,
        litePull: options.code === RequestCode.LITE_PULL_MESSAGE,
        subscription: options.sendsSubscription,
        suspend: true,
      }),
      topic,
      ...(commitOffset === undefined || queue.grant === undefined ? {} : { gantryGrant: queue.grant }),
      ...(options.sendsSubscription ? { subscription: subscription.subString } : {}),
    })
    queue.isPulling = true
    queue.lastPullMs = this.#instance.world.clock.nowMs()
    const request = { code: options.code, ext }
    const cancel = Peers.ask(
      this.#instance.remoting,
      broker.address,
      request,
      options.holdMs + timeoutBeyondHoldMs,
      (answer) => {
        forget()
        queue.isPulling = false
        // What was sought to meanwhile does not want the answer of before.
        if (queue.isDropped) return
        if (queue.nextOffset !== asked) return this.pull(queue)
        if (answer instanceof GantryError) this.#failed(queue, answer)
        else this.#answered(queue, subscription, answer, PeerAddress.print(broker.address))
      },
      answers,
    )
    const forget = queue.onDropped(cancel)
  }

  #answered(queue: ProcessQueue, subscription: Subscription, answer: Command, peer: string): void {
    const read = Peers.parametersOf(Format.PullMessageAnswer, answer, this.#options.code, peer)
    if (read instanceof GantryError) return this.#failed(queue, read)
    this.#advised.set(print(queue.queue), read.suggestWhichBrokerId)
    switch (answer.code) {
      case ResponseCode.PULL_OFFSET_MOVED:
        return this.#options.moved(queue, read.nextBeginOffset)
      case ResponseCode.SUCCESS: {
        const { messages: decoded, rest } = StoredMessage.decodeAll(answer.body)
        if (rest !== undefined && decoded.length === 0) {
          return this.#failed(queue, new AnswerError("PULL_MESSAGE", peer, rest))
        }
        // What cannot be read is asked for again, and is then the first.
        queue.nextOffset = rest === undefined ? read.nextBeginOffset : decoded.at(-1)!.queueOffset + 1
        const messages = this.#wanted(queue, subscription, decoded)
        if (messages.length === 0) return this.#nothing(queue, queue.nextOffset)
        const added = queue.put(messages)
        this.#plan(queue, this.#options.intervalMs)
        return this.#options.arrived(queue, added)
      }
      default:
        queue.nextOffset = read.nextBeginOffset
        return this.#nothing(queue, read.nextBeginOffset)
    }
  }

  #nothing(queue: ProcessQueue, nextOffset: number): void {
    if (queue.count === 0) this.#options.skipped(queue, nextOffset)
    this.#plan(queue, 0)
  }

  /** Brokers compare hash codes of tags, which different tags may share. */
  #wanted(
    queue: ProcessQueue,
    { expressionType, tagsSet }: Subscription,
    messages: ReadonlyArray<StoredMessage.Decoded>,
  ): ReadonlyArray<Message> {
    const isWanted = (stored: StoredMessage.Decoded): boolean => {
      if (tagsSet.size === 0 || !isTagType(expressionType)) return true
      const tag = find(stored.properties, PropertyName.TAGS)
      return tag !== undefined && tagsSet.has(tag)
    }
    return messages.filter(isWanted).map((stored) => this.#instance.names.message(stored, queue.queue.brokerName))
  }

  #failed(queue: ProcessQueue, error: GantryError): void {
    const isBusy = error instanceof BrokerError && error.responseCode === ResponseCode.FLOW_CONTROL
    if (error instanceof BrokerError && forgotten.has(error.responseCode)) this.#instance.beat()
    if (!isBusy) this.#instance.world.log.warn("a pull failed", { error: error.message, queue: queue.queue })
    this.#advised.delete(print(queue.queue))
    this.#later(queue, isBusy ? flowControlMs : this.#options.pauseAfterErrorMs)
  }

  /** The next pull, in a turn of its own: answers that come at once must not pile up on the stack. */
  #plan(queue: ProcessQueue, delayMs: number): void {
    if (delayMs > 0) return this.#later(queue, delayMs)
    queue.isPullPlanned = true
    this.#instance.world.clock.soon(() => {
      queue.isPullPlanned = false
      this.pull(queue)
    })
  }

  #later(queue: ProcessQueue, delayMs: number): void {
    queue.isPullPlanned = true
    const cancel = this.#instance.world.clock.after(delayMs, () => {
      forget()
      queue.isPullPlanned = false
      this.pull(queue)
    })
    const forget = queue.onDropped(cancel)
  }
}

/** A broker that was started anew does not know its consumers before it hears from them. */
const forgotten: ReadonlySet<number> = new Set([
  ResponseCode.SUBSCRIPTION_NOT_EXIST,
  ResponseCode.SUBSCRIPTION_NOT_LATEST,
])
