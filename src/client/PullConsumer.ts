/**
 * Reads messages when the application asks for them. Made by `gantry.pullConsumer()`.
 *
 *   for await (const message of gantry.pullConsumer({ group: "reports", subscriptions: ["orders"] })) { … }
 *
 * In such a loop a message counts as done when the next one is asked for; the one at which the loop is left comes again,
 * unless it is committed.
 */
import type { MessageQueue } from "../domain/MessageQueue.ts"
import { type SubscriptionOption, subscriptionOf } from "./ConsumerOptions.ts"
import { type Fetched, fetch } from "./core/fetch.ts"
import type { Instance } from "./core/Instance.ts"
import type { LitePullCore } from "./core/LitePullCore.ts"
import { maxOffset, minOffset, searchOffset } from "./core/startOffsets.ts"
import { ConnectionError, GantryError } from "./GantryError.ts"
import type { Message } from "./Message.ts"
import { promiseOf } from "./promises.ts"
import type { PullConsumerSettings } from "./PullConsumerOptions.ts"

export interface PollOptions {
  /** How long to wait for a first message; default the consumer's `pollTimeoutMs`. */
  readonly timeoutMs?: number
  /** Messages at once; default `pullBatchSize`. */
  readonly max?: number
  readonly signal?: AbortSignal
}

export interface FetchOptions {
  /** Messages at once; default 32. */
  readonly max?: number
  /** What is wanted of the topic; default everything. */
  readonly expression?: string
  /** Or an SQL92 condition over their properties. */
  readonly sql?: string
  /** How long the broker may wait for a first message; default 0. */
  readonly holdMs?: number
  readonly signal?: AbortSignal
}

export interface IterationOptions {
  /** Ends the iteration when it is aborted, without an error. */
  readonly signal?: AbortSignal
}

export class PullConsumer implements AsyncDisposable, AsyncIterable<Message> {
  readonly #instance: Instance
  readonly #settings: PullConsumerSettings
  readonly #core: LitePullCore
  #starting: Promise<void> | undefined

  /** Use `gantry.pullConsumer()`. */
  constructor(instance: Instance, settings: PullConsumerSettings, core: LitePullCore) {
    this.#instance = instance
    this.#settings = settings
    this.#core = core
  }

  get group(): string {
    return this.#core.group
  }

  get assigned(): ReadonlyArray<MessageQueue> {
    return this.#core.assigned
  }

  /** Has the group share out a topic's queues among its members. */
  subscribe(subscription: SubscriptionOption): this {
    this.#core.subscribe(subscription)
    return this
  }

  /** Reads these queues, and no others, whatever the rest of the group does. */
  assign(queues: ReadonlyArray<MessageQueue>): this {
    this.#core.assign(queues)
    return this
  }

  /** Begins to read ahead. `poll` and the others do it by themselves. */
  async start(): Promise<this> {
    // After a failure the next call tries again.
    this.#starting ??= promiseOf<void>((done) => this.#core.start((error) => done(error))).catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    await this.#starting
    return this
  }

  /** The next messages, of one queue, in its order; none when there was none for `timeoutMs`. */
  async poll({ max, signal, timeoutMs }: PollOptions = {}): Promise<ReadonlyArray<Message>> {
    signal?.throwIfAborted()
    await this.start()
    const countMax = max ?? this.#settings.pullBatchSize
    const waitMs = timeoutMs ?? this.#settings.pollTimeoutMs
    return promiseOf((done) => this.#core.poll(countMax, waitMs, done), signal)
  }

  /** Messages one by one, without end: until the consumer is closed, or the signal aborted. */
  async *messages(options: IterationOptions = {}): AsyncGenerator<Message, void, undefined> {
    // One at a time from the core: what it has handed out is what the next call settles.
    for await (const batch of this.#batches(1, options)) yield batch[0]!
  }

  /** The same in batches of up to `max` messages of one queue. */
  batches(
    options: IterationOptions & { readonly max?: number } = {},
  ): AsyncGenerator<ReadonlyArray<Message>, void, undefined> {
    return this.#batches(options.max ?? this.#settings.pullBatchSize, options)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    return this.messages()
  }

  /** Says that everything handed out is done, or how far queues are, and waits until the brokers keep it. */
  async commit(offsets?: ReadonlyArray<readonly [MessageQueue, number]>): Promise<void> {
    await this.start()
    await promiseOf<void>((done) => this.#core.commit(offsets, (error) => done(error)))
  }

  /** What the group has committed; undefined when nothing. */
  async committed(queue: MessageQueue): Promise<number | undefined> {
    await this.start()
    return promiseOf<number | undefined>((done) =>
      this.#core.committed(queue, (offset) => {
        if (offset !== "failed") return done(offset)
        done(
          new ConnectionError(
            "CONNECT_FAILED",
            `The broker ${queue.brokerName} cannot be asked for the group's progress`,
          ),
        )
      }),
    )
  }

  /** Goes on from an offset of a queue that is assigned now. Rejects when the queue does not reach there. */
  async seek(queue: MessageQueue, to: number | "begin" | "end"): Promise<void> {
    await this.start()
    await promiseOf<void>((done) => this.#core.seek(queue, to, (error) => done(error)))
  }

  /** Hands out nothing of these queues until `resume`. */
  pause(queues: ReadonlyArray<MessageQueue>): void {
    this.#core.pause(queues)
  }

  resume(queues: ReadonlyArray<MessageQueue>): void {
    this.#core.resume(queues)
  }

  /** The queues of a topic: what `assign` may be given. */
  async queues(topic: string): Promise<ReadonlyArray<MessageQueue>> {
    this.#instance.start()
    return promiseOf((done) => this.#instance.routes.subscribeInfo(this.#instance.names.ofBroker(topic), done))
  }

  /** One pull of a queue at an offset that the caller keeps; the group's progress does not change. */
  async fetch(queue: MessageQueue, offset: number, options: FetchOptions = {}): Promise<Fetched> {
    await this.queues(queue.topic)
    const { expression, holdMs = 0, max = 32, signal, sql } = options
    const subscription = subscriptionOf(
      {
        topic: queue.topic,
        ...(expression === undefined ? {} : { expression }),
        ...(sql === undefined ? {} : { sql }),
      },
      this.#instance.world.clock.nowMs(),
    )
    const asked = { countMax: max, group: this.group, holdMs, offset, queue, subscription }
    return promiseOf((done) => fetch(this.#instance, asked, done), signal)
  }

  async minOffset(queue: MessageQueue): Promise<number> {
    return this.#ask(queue, (done) => minOffset(this.#instance, queue, done))
  }

  /** The offset after the last message. */
  async maxOffset(queue: MessageQueue): Promise<number> {
    return this.#ask(queue, (done) => maxOffset(this.#instance, queue, done))
  }

  /** The offset of the first message that was stored at this moment or later. */
  async offsetAt(queue: MessageQueue, timestampMs: number): Promise<number> {
    return this.#ask(queue, (done) => searchOffset(this.#instance, queue, timestampMs, done))
  }

  /** Leaves the group; what was handed out and not settled comes again. Closing again is the same closing. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#core.close(resolve))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #ask(queue: MessageQueue, begin: (done: (outcome: number | GantryError) => void) => void): Promise<number> {
    await this.queues(queue.topic)
    return promiseOf(begin)
  }

  async *#batches(max: number, { signal }: IterationOptions): AsyncGenerator<ReadonlyArray<Message>, void, undefined> {
    const isOver = (): boolean => signal?.aborted === true || this.#core.isClosed
    while (!isOver()) {
      let batch: ReadonlyArray<Message>
      try {
        batch = await this.poll({ max, ...(signal === undefined ? {} : { signal }) })
      } catch (error) {
        if (isOver()) return
        throw error
      }
      if (batch.length > 0) yield batch
    }
  }
}
