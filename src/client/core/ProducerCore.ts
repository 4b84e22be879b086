/** A producer without promises: what the Promise and the Effect producer are shells of. */
import * as Result from "effect/Result"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import * as RequestReply from "../../domain/RequestReply.ts"
import { ArgumentError, type Done, GantryError, StateError } from "../GantryError.ts"
import type { Message } from "../Message.ts"
import type {
  OutgoingMessage,
  QueueSelector,
  Reply,
  SendOptions,
  SendResult,
  TransactionDecision,
  TransactionOptions,
  TransactionResult,
} from "../OutgoingMessage.ts"
import type { ProducerSettings } from "../ProducerOptions.ts"
import { Accumulator } from "./Accumulator.ts"
import { slices, split } from "./batches.ts"
import type { Instance } from "./Instance.ts"
import { Once } from "./Once.ts"
import * as Parcel from "./Parcel.ts"
import type { Checker } from "./TransactionEnds.ts"
import { Sender, type Target, byHash, byTurn } from "./Sender.ts"

/** What of `SendOptions` the core understands. */
export type CoreSendOptions = Pick<SendOptions, "timeoutMs" | "queue" | "selector">

/** Runs the local transaction of a half message that is stored; `done` runs once, with its decision or what it threw. */
export type Execute = (
  sent: SendResult,
  done: (outcome: TransactionDecision | { readonly thrown: unknown }) => void,
) => void

/** Some messages of a batch that was cut are stored, later ones are not: the error of the part that failed. */
export interface BatchFailure {
  readonly error: GantryError
  /** Results of the messages before the part that failed, in their order. */
  readonly sent: ReadonlyArray<SendResult>
}

export class ProducerCore {
  readonly #instance: Instance
  readonly #settings: ProducerSettings
  readonly #sender: Sender
  readonly #accumulator: Accumulator | undefined
  readonly #closing = new Once()
  readonly #checker: Checker | undefined
  #state: "new" | "running" | "closed" = "new"
  /** Requests that wait for their replies, and transactions that have not ended. */
  #requestsOpen = 0
  /** What is left to do of closing, once no request waits for its reply. */
  #whenAnswered: (() => void) | undefined

  constructor(instance: Instance, settings: ProducerSettings, checker?: Checker) {
    this.#instance = instance
    this.#checker = checker
    this.#settings = settings
    this.#sender = new Sender(instance, settings)
    this.#accumulator = settings.autoBatch === undefined ? undefined : new Accumulator(this.#sender, settings.autoBatch)
  }

  get group(): string {
    return this.#settings.group
  }

  /** Makes the producer known; throws a StateError when its group is in use, or when it is closed. */
  start(): void {
    if (this.#state === "closed") throw new StateError("CLOSED", "The producer is closed; make another one")
    if (this.#state === "running") return
    this.#instance.addProducer(this.#settings.group)
    if (this.#checker !== undefined) this.#instance.transactions.addChecker(this.#settings.group, this.#checker)
    this.#state = "running"
  }

  /** The answer of this call forgets the send. Throws what is wrong with the call itself. */
  send(message: OutgoingMessage, options: CoreSendOptions, done: Done<SendResult>): () => void {
    this.start()
    const parcel = this.#parcelOf(message)
    const target = targetOf(parcel, options)
    const timeoutMs = options.timeoutMs ?? this.#settings.sendMsgTimeoutMs
    return (this.#accumulator ?? this.#sender).send(parcel, target, timeoutMs, done)
  }

  /** Sends without an answer. */
  tell(message: OutgoingMessage, options: CoreSendOptions, done: Done<void>): void {
    this.start()
    const parcel = this.#parcelOf(message)
    this.#sender.tell(parcel, targetOf(parcel, options), done)
  }

  /**
   * Sends messages of one topic as a batch, or as several, one after another, when they do not fit into one. Each has its
   * own result. Answered, all messages of a batch are stored; refused, none is.
   */
  sendBatch(
    messages: ReadonlyArray<OutgoingMessage>,
    options: CoreSendOptions,
    done: (outcome: ReadonlyArray<SendResult> | BatchFailure) => void,
  ): () => void {
    this.start()
    const parcels = messages.map((message) => this.#parcelOf(message))
    const why = Parcel.whyNoBatch(parcels)
    if (why !== undefined) throw new ArgumentError(`No batch was sent: ${why}`)
    const runs = split(parcels, this.#settings.maxMessageSize)
    if (runs instanceof GantryError) throw runs
    const sent: Array<SendResult> = []
    const timeoutMs = options.timeoutMs ?? this.#settings.sendMsgTimeoutMs
    let cancel: (() => void) | undefined
    const next = (index: number): void => {
      const run = runs[index]
      if (run === undefined) return done(sent)
      const batch = Parcel.batchOf(run, this.#instance.uniqKeys.next())
      cancel = this.#sender.send(batch, targetOf(batch, options), timeoutMs, (outcome) => {
        if (outcome instanceof GantryError) return done({ error: outcome, sent })
        sent.push(...slices(run, outcome))
        next(index + 1)
      })
    }
    next(0)
    return () => cancel?.()
  }

  /**
   * Sends a message and waits for the reply to it. It is never part of a batch: only a message of its own is told which
   * cluster it is in. The answer of this call forgets the request.
   */
  request(message: OutgoingMessage, options: CoreSendOptions, done: Done<Message>): () => void {
    this.start()
    const timeoutMs = options.timeoutMs ?? this.#settings.sendMsgTimeoutMs
    const { requests } = this.#instance
    const correlationId = requests.newId()
    const asking = Object.fromEntries(RequestReply.requestProperties(correlationId, this.#instance.clientId, timeoutMs))
    const parcel = this.#parcelOf({ ...message, properties: { ...message.properties, ...asking } })
    const target = targetOf(parcel, options)
    this.#requestsOpen++
    let hasEnded = false
    const end = (): boolean => {
      if (hasEnded) return false
      hasEnded = true
      this.#requestsOpen--
      return true
    }
    const forget = requests.ask(
      { correlationId, timeoutMs, topic: parcel.topic },
      (leftMs, sent) => this.#sender.send(parcel, target, leftMs, sent),
      (outcome) => {
        if (!end()) return
        done(outcome)
        this.#mayEnd()
      },
    )
    return () => {
      if (!end()) return
      forget()
      this.#mayEnd()
    }
  }

  /**
   * Sends a half message, runs the local transaction once it is stored, and ends it by what that decided. `done` runs with
   * what it threw, as it is, when it threw; the broker then asks. The answer of this call forgets all of it.
   */
  sendInTransaction(
    message: OutgoingMessage,
    execute: Execute,
    options: Pick<TransactionOptions, "checkImmunitySeconds"> & CoreSendOptions,
    done: (outcome: TransactionResult | GantryError | { readonly thrown: unknown }) => void,
  ): () => void {
    this.start()
    if (this.#checker === undefined)
      throw new ArgumentError(
        "Not sent: the producer has no checkTransaction, so nobody could answer the broker when it asks what became of the transaction",
      )
    if ((message.delayLevel ?? 0) !== 0)
      throw new ArgumentError(
        "Not sent: a message in a transaction has no delayLevel; when it is seen depends on its end",
      )
    const { checkImmunitySeconds } = options
    const properties = {
      ...message.properties,
      PGROUP: this.group,
      TRAN_MSG: "true",
      ...(checkImmunitySeconds === undefined ? {} : { CHECK_IMMUNITY_TIME_IN_SECONDS: String(checkImmunitySeconds) }),
    }
    const parcel = this.#parcelOf({ ...message, properties })
    const timeoutMs = options.timeoutMs ?? this.#settings.sendMsgTimeoutMs
    this.#requestsOpen++
    let hasEnded = false
    const end = (outcome: TransactionResult | GantryError | { readonly thrown: unknown }): void => {
      if (hasEnded) return
      hasEnded = true
      this.#requestsOpen--
      done(outcome)
      this.#mayEnd()
    }
    let cancel: (() => void) | undefined
    const finish = (sent: SendResult, decision: TransactionDecision): void => {
      // What is neither is not known, whatever a program without types returns.
      if (decision !== "commit" && decision !== "rollback")
        return end({ ...sent, decision: "unknown", isConfirmed: false })
      cancel = this.#instance.transactions.end(sent, this.group, decision, timeoutMs, (failure) =>
        end({ ...sent, decision, isConfirmed: failure === undefined }),
      )
    }
    cancel = this.#sender.send(parcel, targetOf(parcel, options), timeoutMs, (sent) => {
      if (sent instanceof GantryError) return end(sent)
      // A broker must find this client before it asks: one that was known for another group only is told of this one.
      this.#introduceChecker()
      if (sent.status !== "SEND_OK") return finish(sent, "rollback")
      execute(sent, (outcome) => {
        if (hasEnded) return
        if (typeof outcome === "object" && "thrown" in outcome) end(outcome)
        else finish(sent, outcome)
      })
    })
    return () => {
      if (hasEnded) return
      hasEnded = true
      this.#requestsOpen--
      cancel?.()
      this.#mayEnd()
    }
  }

  /** Makes the brokers of topics know this producer, so that they ask it about transactions of its group. */
  answerChecks(topics: ReadonlyArray<string>, done: Done<void>): void {
    this.start()
    let left = topics.length
    let failure: GantryError | undefined
    const one = (error: GantryError | undefined): void => {
      failure ??= error
      if (--left > 0) return
      if (failure !== undefined) return done(failure)
      this.#isIntroduced = true
      this.#instance.beat(() => done(undefined))
    }
    if (left === 0) return done(undefined)
    for (const topic of topics)
      this.#instance.routes.publishInfo(topic, (info) => one(info instanceof GantryError ? info : undefined))
  }

  #isIntroduced = false
  #introduceChecker(): void {
    if (this.#isIntroduced) return
    this.#isIntroduced = true
    this.#instance.beat()
  }

  /** Answers a request, through the broker that it came by where that is possible. Throws when it asks for no reply. */
  reply(request: Message, reply: Reply, options: CoreSendOptions, done: Done<SendResult>): () => void {
    this.start()
    const envelope = RequestReply.envelope((name) => request.property(name))
    if (Result.isFailure(envelope)) throw new ArgumentError(`No reply was sent: ${envelope.failure.remark}`)
    const { properties, topic } = envelope.success
    const own = Object.fromEntries(properties)
    const parcel = this.#parcelFor({ ...reply, properties: { ...reply.properties, ...own }, topic })
    const target: Target = { _tag: "Prefer", brokerName: request.queue.brokerName }
    return this.#sender.send(parcel, target, options.timeoutMs ?? this.#settings.sendMsgTimeoutMs, done)
  }

  /** The queues that a topic can be sent to. */
  queues(topic: string, done: Done<ReadonlyArray<MessageQueue>>): void {
    this.start()
    const name = this.#instance.names.ofBroker(topic)
    this.#instance.routes.publishInfo(name, (info) => done(info instanceof GantryError ? info : info.queues))
  }

  /** Waits for what is under way, leaves its group, then runs `done`. */
  close(done: () => void): void {
    this.#closing.run((ended) => this.#close(ended), done)
  }

  get isClosed(): boolean {
    return this.#state === "closed"
  }

  #close(done: () => void): void {
    const wasRunning = this.#state === "running"
    this.#state = "closed"
    if (!wasRunning) return done()
    this.#accumulator?.flush()
    this.#whenAnswered = () =>
      this.#sender.whenIdle(() => {
        this.#sender.close()
        this.#instance.transactions.removeChecker(this.#settings.group)
        this.#instance.removeProducer(this.#settings.group, done)
      })
    this.#mayEnd()
  }

  #mayEnd(): void {
    if (this.#requestsOpen > 0) return
    const run = this.#whenAnswered
    this.#whenAnswered = undefined
    run?.()
  }

  #parcelOf(message: OutgoingMessage): Parcel.Parcel {
    return this.#parcelFor(this.#instance.names.withTopic(message))
  }

  /** Of a message whose topic is as brokers know it. */
  #parcelFor(message: OutgoingMessage): Parcel.Parcel {
    return Parcel.of(message, this.#instance.uniqKeys.next(), this.#settings.maxMessageSize)
  }
}

const targetOf = (parcel: Parcel.Parcel, { queue, selector }: CoreSendOptions): Target => {
  if (queue !== undefined) {
    if (queue.topic === parcel.topic) return { _tag: "Queue", queue }
    throw new ArgumentError(
      `Not sent: the queue is one of topic "${queue.topic}", the message is for "${parcel.topic}"`,
    )
  }
  if (selector !== undefined) return selectorTarget(selector)
  return parcel.shardingKey === undefined ? byTurn : byHash(parcel.shardingKey)
}

const selectorTarget = (selector: QueueSelector): Target =>
  typeof selector === "function" ? { _tag: "Select", select: selector } : byHash(selector)
