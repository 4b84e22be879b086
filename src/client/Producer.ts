/** Sends messages. Made by `gantry.producer()`; it connects with its first send. */
import type { MessageQueue } from "../domain/MessageQueue.ts"
import type { Diagnostics } from "../infra/telemetry/Diagnostics.ts"
import type { ProducerCore } from "./core/ProducerCore.ts"
import type { Message } from "./Message.ts"
import type {
  OutgoingMessage,
  Reply,
  SendOptions,
  SendResult,
  TransactionDecision,
  TransactionOptions,
  TransactionResult,
} from "./OutgoingMessage.ts"
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

  /**
   * Sends a message that consumers see only if the local transaction commits. It is stored first, unseen; then
   * `execute` runs, and its decision is told the broker. Resolves when the broker has confirmed it, so that a commit is
   * delivered by then, or when it could not be told: then, and after "unknown", the broker asks `checkTransaction`. Rejects
   * with what `execute` throws; the broker asks then, too.
   */
  async sendInTransaction(
    message: OutgoingMessage,
    execute: (sent: SendResult) => TransactionDecision | Promise<TransactionDecision>,
    options: TransactionOptions = {},
  ): Promise<TransactionResult> {
    const context = { group: this.group, message: { ...message, properties: { ...message.properties } } }
    return this.#diagnostics.trace("gantry:sendInTransaction", context, async () => {
      const outcome = await promiseOf<TransactionResult | { readonly thrown: unknown }>(
        (done) =>
          this.#core.sendInTransaction(
            context.message,
            (sent, decided) => {
              new Promise<TransactionDecision>((resolve) => resolve(execute(sent))).then(decided, (thrown: unknown) =>
                decided({ thrown }),
              )
            },
            options,
            done,
          ),
        options.signal,
      )
      if ("thrown" in outcome) throw outcome.thrown
      return outcome
    })
  }

  /**
   * Connects to the brokers of these topics, so that they ask this producer about transactions of its group before it has
   * sent anything: a member that starts anew answers for those that went away.
   */
  async answerChecks(...topics: ReadonlyArray<string>): Promise<void> {
    return promiseOf<void>((done) => this.#core.answerChecks(topics, done))
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
