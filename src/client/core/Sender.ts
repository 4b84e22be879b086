/**
 * Sends parcels: chooses a queue, asks its master, and after a failure tries another broker while attempts and time are
 * left. One outcome for each send, within its timeout.
 *
 * Laws (test/model/client/producer.test.ts)
 *   once      `done` runs once, and not after the send was cancelled
 *   bounded   a send makes as many attempts as `domain/SendAttempts` allows
 *   away      a further attempt goes to another broker, where there is one
 * Source: behaviour of RocketMQ 5.5.0 (DefaultMQProducerImpl, MQFaultStrategy).
 */
import * as LatencyFault from "../../domain/LatencyFault.ts"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import { PropertyName, print } from "../../domain/Properties.ts"
import * as QueueSelection from "../../domain/QueueSelection.ts"
import * as SendAttempts from "../../domain/SendAttempts.ts"
import { replyType } from "../../domain/RequestReply.ts"
import { TopicName, isRetry } from "../../domain/Topic.ts"
import type { Command } from "../../format/Command.ts"
import * as Format from "../../format/SendMessage.ts"
import { GetMaxOffset } from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { Request } from "../../infra/remoting/RemotingConnection.ts"
import {
  ArgumentError,
  BrokerError,
  ConnectionError,
  type Done,
  GantryError,
  RouteError,
  StateError,
} from "../GantryError.ts"
import type { SendResult, SendStatus } from "../OutgoingMessage.ts"
import type { ProducerSettings } from "../ProducerOptions.ts"
import { BackPressure } from "./BackPressure.ts"
import type { Instance } from "./Instance.ts"
import { type Parcel, isHalf, wireBody } from "./Parcel.ts"
import * as Peers from "./Peers.ts"
import type { PublishInfo } from "./Routes.ts"

/** Where to: by turns, to one broker first, to one queue, or to the one that a function picks. */
export type Target =
  | { readonly _tag: "Turn" }
  | { readonly _tag: "Queue"; readonly queue: MessageQueue }
  /** This broker first, others by turns. */
  | { readonly _tag: "Prefer"; readonly brokerName: string }
  | { readonly _tag: "Select"; readonly select: (queues: ReadonlyArray<MessageQueue>) => MessageQueue | undefined }

export const byTurn: Target = { _tag: "Turn" }

export const byHash = (argument: QueueSelection.SelectorArgument): Target => ({
  _tag: "Select",
  select: (queues) => queues[QueueSelection.selectByHash(argument, queues.length) ?? -1],
})

/** Codes that tell of a stored message; all but the first of one that is not as safe as was asked for. */
const statuses: ReadonlyMap<number, SendStatus> = new Map<number, SendStatus>([
  [ResponseCode.SUCCESS, "SEND_OK"],
  [ResponseCode.FLUSH_DISK_TIMEOUT, "FLUSH_DISK_TIMEOUT"],
  [ResponseCode.FLUSH_SLAVE_TIMEOUT, "FLUSH_SLAVE_TIMEOUT"],
  [ResponseCode.SLAVE_NOT_AVAILABLE, "SLAVE_NOT_AVAILABLE"],
])
const stored: ReadonlySet<number> = new Set(statuses.keys())

const defaultTopicQueueNums = 4
const detectEveryMs = 3_000
const detectTimeoutMs = 200

export class Sender {
  readonly #instance: Instance
  readonly #settings: ProducerSettings
  readonly #pressure: BackPressure
  readonly #faults: LatencyFault.LatencyFaults | undefined
  readonly #underWay = new Set<(error: GantryError) => void>()
  #whenIdle: (() => void) | undefined
  #cancelDetector: () => void = () => {}

  constructor(instance: Instance, settings: ProducerSettings) {
    this.#instance = instance
    this.#settings = settings
    this.#pressure = new BackPressure(instance.world.clock, settings.backPressure)
    this.#faults = settings.sendLatencyFault ? LatencyFault.make() : undefined
    if (settings.startDetector) this.#detectLater()
  }

  /** Sends that have no outcome yet. */
  get underWay(): number {
    return this.#underWay.size
  }

  /** The answer of this call forgets the send. */
  send(parcel: Parcel, target: Target, timeoutMs: number, done: Done<SendResult>): () => void {
    const { clock } = this.#instance.world
    const deadlineMs = clock.monotonicMs() + timeoutMs
    const sizeBytes = parcel.body.length
    let hasEntered = false
    let cancelStep: (() => void) | undefined
    const settle = (): boolean => {
      if (!this.#underWay.delete(fail)) return false
      cancelStep?.()
      if (hasEntered) this.#pressure.release(sizeBytes)
      return true
    }
    const fail = (error: GantryError): void => {
      if (settle()) this.#ended(done, error)
    }
    this.#underWay.add(fail)
    const attempts = new Attempts(this, parcel, target, deadlineMs, (outcome) => {
      if (settle()) this.#ended(done, outcome)
    })
    cancelStep = this.#pressure.enter(
      sizeBytes,
      timeoutMs,
      () => {
        hasEntered = true
        cancelStep = () => attempts.cancel()
        attempts.begin()
      },
      () =>
        fail(
          new ConnectionError(
            "TOO_MANY_REQUESTS",
            `${this.#pressure.messages} sends (${this.#pressure.bytes} bytes) are under way, and none ended within ` +
              `${timeoutMs} ms to make room. Send less at once, or give the producer more backPressure room`,
          ),
        ),
    )
    // Room at once: then there is no line to leave, and the attempts have begun.
    if (hasEntered) cancelStep = () => attempts.cancel()
    return () => {
      if (settle()) this.#idle()
    }
  }

  /** Sends without an answer: what fails on the way to the socket is told, what happens behind it is not. */
  tell(parcel: Parcel, target: Target, done: Done<void>): void {
    this.#instance.routes.publishInfo(parcel.topic, (info) => {
      if (info instanceof GantryError) return done(info)
      const queue = this.choose(info, target, undefined)
      if (queue instanceof GantryError) return done(queue)
      const address = this.#instance.routes.master(queue.brokerName)
      if (address === undefined) return done(noMaster(queue))
      this.#instance.remoting.tell(address, this.requestOf(parcel, queue))
      done(undefined)
    })
  }

  /** Runs `done` once nothing is under way. */
  whenIdle(done: () => void): void {
    this.#whenIdle = done
    this.#idle()
  }

  /** Fails what is under way. */
  close(): void {
    this.#cancelDetector()
    for (const fail of this.#underWay) fail(new StateError("CLOSED", "The producer was closed while it was sending"))
  }

  get instance(): Instance {
    return this.#instance
  }

  get settings(): ProducerSettings {
    return this.#settings
  }

  choose(info: PublishInfo, target: Target, lastBrokerName: string | undefined): MessageQueue | GantryError {
    if (target._tag === "Queue") return target.queue
    if (target._tag === "Select") {
      const chosen = target.select(info.queues)
      return chosen ?? new ArgumentError(`Not sent: the selector chose none of ${info.queues.length} queues`)
    }
    if (target._tag === "Prefer" && lastBrokerName === undefined) {
      const preferred = info.queues.find(({ brokerName }) => brokerName === target.brokerName)
      if (preferred !== undefined) return preferred
    }
    const nowMs = this.#instance.world.clock.monotonicMs()
    const chosen = QueueSelection.select(info.queues, info.turn, { faults: this.#faults, lastBrokerName, nowMs })
    return chosen ?? new RouteError("BROKER_NOT_FOUND", "Not sent: the topic has no queue that can be written to")
  }

  /** Remembers how a broker fared. */
  fared(brokerName: string, latencyMs: number, outcome: "ok" | "unreachable" | "refused"): void {
    if (this.#faults === undefined) return
    const isReachable = outcome === "ok" || (outcome === "unreachable" && !this.#settings.startDetector)
    const isIsolated = outcome !== "ok"
    const nowMs = this.#instance.world.clock.monotonicMs()
    LatencyFault.update(this.#faults, brokerName, { isIsolated, isReachable, latencyMs }, nowMs)
  }

  requestOf(parcel: Parcel, queue: MessageQueue): Request {
    const { body, sysFlag } = wireBody(parcel, this.#settings.compression)
    const properties = new Map(parcel.properties)
    const retry = isRetry(parcel.topic) ? takeRetryFields(properties) : {}
    const isBatch = parcel.batchCount > 0
    const ext = Format.SendMessageV2.encode({
      batch: isBatch,
      bname: queue.brokerName,
      bornTimestamp: this.#instance.world.clock.nowMs(),
      defaultTopic: TopicName.AUTO_CREATE_TOPIC_KEY,
      defaultTopicQueueNums,
      flag: parcel.flag,
      producerGroup: this.#settings.group,
      properties: print(properties),
      queueId: queue.queueId,
      reconsumeTimes: 0,
      sysFlag,
      topic: parcel.topic,
      unitMode: false,
      ...retry,
    })
    return { body, code: codeOf(parcel), ext }
  }

  #ended(done: Done<SendResult>, outcome: SendResult | GantryError): void {
    done(outcome)
    this.#idle()
  }

  #idle(): void {
    if (this.#underWay.size > 0) return
    const done = this.#whenIdle
    this.#whenIdle = undefined
    done?.()
  }

  #detectLater(): void {
    this.#cancelDetector = this.#instance.world.clock.after(detectEveryMs, () => {
      this.#detectLater()
      if (this.#faults === undefined) return
      for (const brokerName of LatencyFault.toProbe(this.#faults, this.#instance.world.clock.monotonicMs())) {
        this.#probe(brokerName, this.#faults)
      }
    })
  }

  /** Asks a broker something small, to learn whether it answers again. */
  #probe(brokerName: string, faults: LatencyFault.LatencyFaults): void {
    const address = this.#instance.routes.master(brokerName)
    if (address === undefined) return LatencyFault.probed(faults, brokerName, undefined)
    const ext = GetMaxOffset.encode({ queueId: 0, topic: TopicName.AUTO_CREATE_TOPIC_KEY })
    const request = { code: RequestCode.GET_MAX_OFFSET, ext }
    Peers.ask(this.#instance.remoting, address, request, detectTimeoutMs, (outcome) =>
      // A broker that refuses this question is there all the same.
      LatencyFault.probed(faults, brokerName, !(outcome instanceof ConnectionError)),
    )
  }
}

/** The attempts of one send. */
class Attempts {
  readonly #sender: Sender
  readonly #parcel: Parcel
  readonly #target: Target
  readonly #deadlineMs: number
  readonly #done: Done<SendResult>
  readonly #tried: Array<string> = []
  #lastBrokerName: string | undefined
  /** An outcome that is stored, but not as safely as asked for. */
  #kept: SendResult | undefined
  #hasEnded = false
  #cancelAsk: () => void = () => {}
  #cancelGuard: () => void = () => {}

  constructor(sender: Sender, parcel: Parcel, target: Target, deadlineMs: number, done: Done<SendResult>) {
    this.#sender = sender
    this.#parcel = parcel
    this.#target = target
    this.#deadlineMs = deadlineMs
    this.#done = done
  }

  begin(): void {
    let isKnown = false
    this.#sender.instance.routes.publishInfo(this.#parcel.topic, (info) => {
      isKnown = true
      this.#cancelGuard()
      if (this.#hasEnded) return
      if (info instanceof GantryError) return this.#end(info)
      this.#attempt(info)
    })
    if (isKnown) return
    this.#cancelGuard = this.#sender.instance.world.clock.after(this.#leftMs, () =>
      this.#end(
        new ConnectionError(
          "TIMED_OUT",
          `Not sent: the name server did not say in time where topic "${this.#parcel.topic}" is`,
        ),
      ),
    )
  }

  cancel(): void {
    this.#hasEnded = true
    this.#cancelAsk()
    this.#cancelGuard()
  }

  get #leftMs(): number {
    return this.#deadlineMs - this.#sender.instance.world.clock.monotonicMs()
  }

  get #attemptsMax(): number {
    const isFree = this.#target._tag === "Turn" || this.#target._tag === "Prefer"
    return SendAttempts.attemptsMax(!isFree, this.#sender.settings)
  }

  #attempt(info: PublishInfo): void {
    const queue = this.#sender.choose(info, this.#target, this.#lastBrokerName)
    if (queue instanceof GantryError) return this.#end(queue)
    this.#lastBrokerName = queue.brokerName
    this.#tried.push(queue.brokerName)
    const { routes } = this.#sender.instance
    const address = routes.master(queue.brokerName)
    if (address !== undefined) return this.#ask(info, queue, address)
    routes.refresh(this.#parcel.topic, () => {
      if (this.#hasEnded) return
      const found = routes.master(queue.brokerName)
      if (found === undefined) this.#again(info, noMaster(queue))
      else this.#ask(info, queue, found)
    })
  }

  #ask(info: PublishInfo, queue: MessageQueue, address: Address): void {
    const { instance, settings } = this.#sender
    const { clock } = instance.world
    const leftMs = this.#leftMs
    if (leftMs <= 0) return this.#end(outOfTime(this.#tried))
    const timeoutMs = SendAttempts.timeoutMs(this.#tried.length, this.#attemptsMax, leftMs, settings)
    const request = this.#sender.requestOf(this.#parcel, queue)
    const sentMs = clock.monotonicMs()
    this.#cancelAsk = Peers.ask(
      instance.remoting,
      address,
      request,
      timeoutMs,
      (answer) => {
        if (this.#hasEnded) return
        const latencyMs = clock.monotonicMs() - sentMs
        if (answer instanceof GantryError) {
          this.#sender.fared(queue.brokerName, latencyMs, answer instanceof BrokerError ? "refused" : "unreachable")
          return this.#again(info, answer)
        }
        this.#sender.fared(queue.brokerName, latencyMs, "ok")
        this.#answered(info, queue, answer, PeerAddress.print(address))
      },
      stored,
    )
  }

  #answered(info: PublishInfo, queue: MessageQueue, answer: Command, peer: string): void {
    const result = resultOf(this.#parcel, queue, answer, peer)
    if (result instanceof GantryError) return this.#end(result)
    if (this.#judge({ _tag: result.status === "SEND_OK" ? "Stored" : "StoredUnsafely" }) === "End")
      return this.#end(result)
    this.#kept = result
    this.#attempt(info)
  }

  #judge(outcome: SendAttempts.Outcome): SendAttempts.Decision {
    const progress = {
      isHalf: isHalf(this.#parcel),
      leftMs: this.#leftMs,
      max: this.#attemptsMax,
      tried: this.#tried.length,
    }
    return SendAttempts.decide(outcome, progress, this.#sender.settings)
  }

  /** After a failure: another attempt, or the end. */
  #again(info: PublishInfo, error: GantryError): void {
    const isInDoubt = error instanceof ConnectionError && error.code !== "CONNECT_FAILED"
    if (this.#judge({ _tag: "Failed", isInDoubt, isRetriable: error.retriable }) === "End")
      return this.#end(this.#kept ?? told(error, this.#tried))
    this.#attempt(this.#fresh(info))
  }

  /** The route may have changed while an attempt was under way. */
  #fresh(info: PublishInfo): PublishInfo {
    let fresh = info
    this.#sender.instance.routes.publishInfo(this.#parcel.topic, (now) => {
      if (!(now instanceof GantryError)) fresh = now
    })
    return fresh
  }

  #end(outcome: SendResult | GantryError): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#cancelGuard()
    this.#done(outcome)
  }
}

const codeOf = ({ batchCount, properties }: Parcel): number => {
  if (batchCount > 0) return RequestCode.SEND_BATCH_MESSAGE
  return properties.get(PropertyName.MSG_TYPE) === replyType
    ? RequestCode.SEND_REPLY_MESSAGE_V2
    : RequestCode.SEND_MESSAGE_V2
}

const told = (error: GantryError, tried: ReadonlyArray<string>): GantryError => {
  if (tried.length > 1) error.message += ` (sent ${tried.length} times, to ${[...new Set(tried)].join(", ")})`
  return error
}

const outOfTime = (tried: ReadonlyArray<string>): ConnectionError =>
  new ConnectionError("TIMED_OUT", `The time for the send was over before attempt ${tried.length} could begin`)

const noMaster = (queue: MessageQueue): RouteError =>
  new RouteError(
    "BROKER_NOT_FOUND",
    `The broker ${queue.brokerName}, which has queue ${queue.queueId} of topic "${queue.topic}", has no master now`,
  )

/** A message for a retry topic carries its attempts beside its properties. */
const takeRetryFields = (properties: Map<string, string>): { reconsumeTimes?: number; maxReconsumeTimes?: number } => {
  const take = (name: string): number | undefined => {
    const text = properties.get(name)
    properties.delete(name)
    return text === undefined ? undefined : Number(text)
  }
  const reconsumeTimes = take(PropertyName.RECONSUME_TIME)
  const maxReconsumeTimes = take(PropertyName.MAX_RECONSUME_TIMES)
  return {
    ...(reconsumeTimes === undefined ? {} : { reconsumeTimes }),
    ...(maxReconsumeTimes === undefined ? {} : { maxReconsumeTimes }),
  }
}

const resultOf = (parcel: Parcel, queue: MessageQueue, answer: Command, peer: string): SendResult | GantryError => {
  const read = Peers.parametersOf(Format.SendMessageAnswer, answer, RequestCode.SEND_MESSAGE_V2, peer)
  if (read instanceof GantryError) return read
  return {
    messageId: parcel.messageId,
    offsetMessageId: read.msgId,
    queue: { brokerName: queue.brokerName, queueId: read.queueId, topic: parcel.topic },
    queueOffset: read.queueOffset,
    regionId: read.MSG_REGION ?? "DefaultRegion",
    status: statuses.get(answer.code)!,
    ...(read.transactionId === undefined ? {} : { transactionId: read.transactionId }),
  }
}
