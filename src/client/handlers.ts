/** The application's handlers, as functions that return promises, for a core that knows only callbacks. */
import type { Diagnostics } from "../infra/telemetry/Diagnostics.ts"
import type { Log } from "../infra/telemetry/Log.ts"
import type { MessageQueue } from "../domain/MessageQueue.ts"
import type { Handler, Handling, Verdict } from "./core/Handling.ts"
import type { Checker } from "./core/TransactionEnds.ts"
import type { Message } from "./Message.ts"
import type { TransactionDecision } from "./OutgoingMessage.ts"

/** What a handler gets beside its messages. */
export interface HandlerContext {
  readonly queue: MessageQueue
  /** Aborted when the outcome does not count any more: the queue is another member's, or the time is over. */
  readonly signal: AbortSignal
  /** Says that one message was not handled: it comes again, after the delay of a level if one is given. */
  readonly retry: (message: Message, delayLevel?: number) => void
  /** Says that one message cannot be handled by anybody: it goes to the group's dead-letter topic at once. */
  readonly deadLetter: (message: Message) => void
}

export interface RunHandlers {
  /** Handles one message. What it throws brings the message again, later. */
  readonly eachMessage?: (message: Message, context: HandlerContext) => Promise<unknown> | unknown
  /** Handles up to `consumeMessageBatchMaxSize` messages of one queue. What it throws brings all of them again. */
  readonly eachBatch?: (messages: ReadonlyArray<Message>, context: HandlerContext) => Promise<unknown> | unknown
}

/** Thrown by a handler: not now. */
export class RetryLater extends Error {
  override readonly name = "RetryLater"
  readonly _tag = "RetryLater"
  /** The delay of the next attempt: a level; 0 leaves it to the broker, which waits longer each time. */
  readonly delayLevel: number
  /** Ordered consumption: how long the queue waits. */
  readonly suspendMs: number | undefined
  constructor(message = "retry later", options: { readonly delayLevel?: number; readonly suspendMs?: number } = {}) {
    super(message)
    this.delayLevel = options.delayLevel ?? 0
    this.suspendMs = options.suspendMs
  }
}

export const handlerOf = (run: RunHandlers, group: string, diagnostics: Diagnostics, log: Log): Handler => {
  const handle = async (messages: ReadonlyArray<Message>, handling: Handling): Promise<Verdict> => {
    const context = new Context(handling)
    const trace = (some: ReadonlyArray<Message>, operation: () => Promise<unknown>): Promise<unknown> =>
      diagnostics.trace("gantry:consume", { group, messages: some, queue: handling.queue }, operation)
    try {
      const { eachBatch, eachMessage } = run
      // Asynchronous, so that what a handler throws at once is a rejection like any other.
      if (eachBatch !== undefined) await trace(messages, async () => eachBatch(messages, context))
      else {
        for (const message of messages) {
          const error = await rejectionOf(trace([message], async () => eachMessage!(message, context)))
          if (error === undefined) continue
          if (messages.length === 1) throw error.reason
          log.warn("a message handler failed", { error: error.reason, group, messageId: message.messageId })
          context.retry(message, error.reason instanceof RetryLater ? error.reason.delayLevel : 0)
          if (handling.isOrdered) break
        }
      }
      return context.failed === undefined ? { _tag: "Done" } : { _tag: "Done", failed: context.failed }
    } catch (error) {
      if (!(error instanceof RetryLater)) return { _tag: "Failed", error }
      const { delayLevel, suspendMs } = error
      return { _tag: "Failed", delayLevel, error, ...(suspendMs === undefined ? {} : { suspendMs }) }
    } finally {
      context.end()
    }
  }
  return (messages, handling, done) => void handle(messages, handling).then(done)
}

const rejectionOf = (promise: Promise<unknown>): Promise<{ readonly reason: unknown } | undefined> =>
  promise.then(
    () => undefined,
    (reason: unknown) => ({ reason }),
  )

class Context implements HandlerContext {
  readonly #handling: Handling
  #controller: AbortController | undefined
  #forget: () => void = () => {}
  failed: Map<Message, number> | undefined

  constructor(handling: Handling) {
    this.#handling = handling
  }

  get queue(): MessageQueue {
    return this.#handling.queue
  }

  /** Made when it is asked for: most handlers do not. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController()
      this.#controller = controller
      this.#forget = this.#handling.onGone(() => controller.abort())
    }
    return this.#controller.signal
  }

  readonly retry = (message: Message, delayLevel = 0): void => {
    this.failed ??= new Map()
    this.failed.set(message, delayLevel)
  }

  readonly deadLetter = (message: Message): void => this.retry(message, -1)

  end(): void {
    this.#forget()
  }
}

/** A producer's `checkTransaction` for the core. What it throws is told in the log, and counts as "unknown". */
export const checkerOf =
  (check: (message: Message) => TransactionDecision | Promise<TransactionDecision>, log: Log): Checker =>
  (message, done) => {
    new Promise<TransactionDecision>((resolve) => resolve(check(message))).then(done, (error: unknown) => {
      log.error("checkTransaction failed: the broker asks again", { error, messageId: message.messageId })
      done("unknown")
    })
  }
