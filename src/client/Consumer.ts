/** Consumes messages by handlers. Made by `gantry.consumer()`; it joins its group when it is run. */
import type { MessageQueue } from "../domain/MessageQueue.ts"
import type { Diagnostics } from "../infra/telemetry/Diagnostics.ts"
import type { Log } from "../infra/telemetry/Log.ts"
import type { SubscriptionOption } from "./ConsumerOptions.ts"
import type { Handler } from "./core/Handling.ts"
import type { PushConsumerCore } from "./core/PushConsumerCore.ts"
import { ArgumentError } from "./GantryError.ts"
import { type RunHandlers, handlerOf } from "./handlers.ts"
import { promiseOf } from "./promises.ts"

export interface RunOptions extends RunHandlers {
  /** Closes the consumer when it is aborted. */
  readonly signal?: AbortSignal
}

export class Consumer implements AsyncDisposable {
  readonly #core: PushConsumerCore
  readonly #diagnostics: Diagnostics
  readonly #log: Log
  #handler: Handler | undefined

  /** Use `gantry.consumer()`. */
  constructor(make: (handler: Handler) => PushConsumerCore, diagnostics: Diagnostics, log: Log) {
    this.#core = make((messages, handling, done) => this.#handler!(messages, handling, done))
    this.#diagnostics = diagnostics
    this.#log = log
  }

  get group(): string {
    return this.#core.group
  }

  /** The queues that are this member's now. */
  get assigned(): ReadonlyArray<MessageQueue> {
    return this.#core.assigned
  }

  /** Adds a topic, or changes what is wanted of it; before and after `run`. */
  subscribe(subscription: SubscriptionOption): this {
    this.#core.subscribe(subscription)
    return this
  }

  unsubscribe(topic: string): this {
    this.#core.unsubscribe(topic)
    return this
  }

  /**
   * Joins the group and goes on handling messages until it is closed. Resolves when it has its first queues, so that what
   * is sent from then on reaches the group.
   */
  async run(options: RunOptions): Promise<this> {
    if ((options.eachMessage === undefined) === (options.eachBatch === undefined)) {
      throw new ArgumentError("run needs either eachMessage or eachBatch")
    }
    const { signal } = options
    signal?.throwIfAborted()
    await promiseOf<void>((done) => {
      this.#core.start((error) => done(error))
      // A second run has thrown by now, and the first one's handler stays.
      this.#handler = handlerOf(options, this.group, this.#diagnostics, this.#log)
    })
    signal?.addEventListener("abort", () => void this.close(), { once: true })
    if (signal?.aborted === true) await this.close()
    return this
  }

  /** Pulls nothing more until `resume`; what is here already is still handled. */
  pause(): void {
    this.#core.pause()
  }

  resume(): void {
    this.#core.resume()
  }

  /** Tells the brokers how far the group is, now, and waits until they keep it. */
  async commit(): Promise<void> {
    await promiseOf<void>((done) => this.#core.commit((error) => done(error)))
  }

  /** Waits for handlers at work, tells the progress, leaves the group. Closing again is the same closing. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#core.close(resolve))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
