/** A producer without promises: what the Promise and the Effect producer are shells of. */
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import { ArgumentError, type Done, GantryError, StateError } from "../GantryError.ts"
import type { OutgoingMessage, QueueSelector, SendOptions, SendResult } from "../OutgoingMessage.ts"
import type { ProducerSettings } from "../ProducerOptions.ts"
import { Accumulator } from "./Accumulator.ts"
import { slices, split } from "./batches.ts"
import type { Instance } from "./Instance.ts"
import { Once } from "./Once.ts"
import * as Parcel from "./Parcel.ts"
import { Sender, type Target, byHash, byTurn } from "./Sender.ts"

/** What of `SendOptions` the core understands. */
export type CoreSendOptions = Pick<SendOptions, "timeoutMs" | "queue" | "selector">

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
  #state: "new" | "running" | "closed" = "new"

  constructor(instance: Instance, settings: ProducerSettings) {
    this.#instance = instance
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
   * own result; the messages of one batch are stored together or not at all.
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

  /** The queues that a topic can be sent to. */
  queues(topic: string, done: Done<ReadonlyArray<MessageQueue>>): void {
    this.start()
    this.#instance.routes.publishInfo(topic, (info) => done(info instanceof GantryError ? info : info.queues))
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
    this.#sender.whenIdle(() => {
      this.#sender.close()
      this.#instance.removeProducer(this.#settings.group, done)
    })
  }

  #parcelOf(message: OutgoingMessage): Parcel.Parcel {
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
