/** Sends messages. Made by `gantry.producer()`; it connects with its first send. */
import type { MessageQueue } from "../domain/MessageQueue.ts"
import type { Diagnostics } from "../infra/telemetry/Diagnostics.ts"
import type { ProducerCore } from "./core/ProducerCore.ts"
import type { Message } from "./Message.ts"
import type { OutgoingMessage, Reply, SendOptions, SendResult } from "./OutgoingMessage.ts"
import { PartialBatchError } from "./PartialBatchError.ts"
import { promiseOf } from "./promises.ts"

export class Producer implements AsyncDisposable {
  readonly #core: ProducerCore
  readonly #diagnostics: Diagnostics

  /** Use `gantry.producer()`. */
  constructor(core: ProducerCore, diagnostics: Diagnostics) {
    this.#core = core
    this.#diagnostics = diagnostics
  }

  get group(): string {
    return this.#core.group
  }

  /**
   * Sends one message and waits until the broker has stored it. After a failure that may pass, another broker is tried,
   * `retryTimesWhenSendFailed` times; rejects with the last GantryError.
   */
  async send(message: OutgoingMessage, options: SendOptions = {}): Promise<SendResult> {
    const context = { group: this.group, message: { ...message, properties: { ...message.properties } } }
    return this.#diagnostics.trace("gantry:send", context, () =>
      promiseOf((done) => this.#core.send(context.message, options, done), options.signal),
    )
  }

  /**
   * Sends messages of one topic together: one request, stored at once, in their order. What does not fit into one request
   * is cut into several, sent one after another; rejects with a PartialBatchError when a later one fails.
   */
  async sendBatch(
    messages: ReadonlyArray<OutgoingMessage>,
    options: SendOptions = {},
  ): Promise<ReadonlyArray<SendResult>> {
    const context = {
      group: this.group,
      messages: messages.map((message) => ({ ...message, properties: { ...message.properties } })),
    }
    return this.#diagnostics.trace("gantry:sendBatch", context, () =>
      promiseOf<ReadonlyArray<SendResult>>(
        (done) =>
          this.#core.sendBatch(context.messages, options, (outcome) => {
            if (!("error" in outcome)) return done(outcome)
            done(outcome.sent.length === 0 ? outcome.error : new PartialBatchError(outcome.error, outcome.sent))
          }),
        options.signal,
      ),
    )
  }

  /** Sends one message and does not ask what became of it. Resolves when it is on its way; rejects when no way is known. */
  async sendOneway(message: OutgoingMessage, options: SendOptions = {}): Promise<void> {
    const context = { group: this.group, message: { ...message, properties: { ...message.properties } } }
    return this.#diagnostics.trace("gantry:sendOneway", context, () =>
      promiseOf<void>((done) => this.#core.tell(context.message, options, done), options.signal),
    )
  }

  /**
   * Sends a message and waits for the reply of whoever consumes it, at most `timeoutMs` (default the producer's). Rejects
   * with NO_REPLY when it was stored and nobody replied in time; the consumer may still have handled it.
   */
  async request(message: OutgoingMessage, options: SendOptions = {}): Promise<Message> {
    const context = { group: this.group, message: { ...message, properties: { ...message.properties } } }
    return this.#diagnostics.trace("gantry:request", context, () =>
      promiseOf((done) => this.#core.request(context.message, options, done), options.signal),
    )
  }

  /**
   * Answers a message that wants a reply. Rejects when its sender cannot be reached any more: a reply waits for nobody.
   */
  async reply(
    request: Message,
    reply: Reply | string | Uint8Array,
    options: Pick<SendOptions, "timeoutMs" | "signal"> = {},
  ): Promise<SendResult> {
    const whole = typeof reply === "string" || reply instanceof Uint8Array ? { body: reply } : reply
    return promiseOf((done) => this.#core.reply(request, whole, options, done), options.signal)
  }

  /** The queues that a topic can be sent to: what a selector chooses from. */
  async queues(topic: string): Promise<ReadonlyArray<MessageQueue>> {
    return promiseOf((done) => this.#core.queues(topic, done))
  }

  /** Waits for sends under way, then leaves. Closing again is the same closing. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#core.close(resolve))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
