/**
 * The SDK for Effect: the same core, with effects, streams, scopes and typed errors.
 *
 *   const program = Effect.gen(function* () {
 *     const gantry = yield* Gantry
 *     const producer = yield* gantry.producer()
 *     yield* producer.send({ topic: "orders", body: "hello" })
 *   })
 *   program.pipe(Effect.scoped, Effect.provide(Gantry.layer({ namesrvAddr: "127.0.0.1:9876" })))
 *
 * Everything is closed with the scope it was made in. Interrupting a call forgets it, as an AbortSignal does.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { MessageQueue } from "../domain/MessageQueue.ts"
import { Admin } from "./Admin.ts"
import type { ConsumerOptions } from "./ConsumerOptions.ts"
import { ClientCore } from "./core/ClientCore.ts"
import type { Handler, Verdict } from "./core/Handling.ts"
import type { LitePullCore } from "./core/LitePullCore.ts"
import type { ProducerCore } from "./core/ProducerCore.ts"
import type { PushConsumerCore } from "./core/PushConsumerCore.ts"
import type { Checker } from "./core/TransactionEnds.ts"
import {
  type AnswerError,
  type ArgumentError,
  type BrokerError,
  type ConnectionError,
  type Done,
  GantryError,
  type RouteError,
  type StateError,
} from "./GantryError.ts"
import { RetryLater } from "./handlers.ts"
import type { Message } from "./Message.ts"
import type { GantryOptions } from "./Options.ts"
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
import type { ProducerOptions } from "./ProducerOptions.ts"
import { type PullConsumerOptions, pullConsumerSettingsOf } from "./PullConsumerOptions.ts"

export type { MessageQueue } from "../domain/MessageQueue.ts"
export type { ConsumerOptions } from "./ConsumerOptions.ts"
export {
  AnswerError,
  ArgumentError,
  BrokerError,
  ConnectionError,
  GantryError,
  RouteError,
  StateError,
} from "./GantryError.ts"
export { RetryLater } from "./handlers.ts"
export { Message } from "./Message.ts"
export type { GantryOptions } from "./Options.ts"
export type { OutgoingMessage, Reply, SendResult, TransactionDecision, TransactionResult } from "./OutgoingMessage.ts"
export { PartialBatchError } from "./PartialBatchError.ts"
export type { ProducerOptions } from "./ProducerOptions.ts"
export type { PullConsumerOptions } from "./PullConsumerOptions.ts"

/** Whatever the SDK fails with: `Effect.catchTag("BrokerError", ...)` takes one kind out of it. */
export type Failure =
  | AnswerError
  | ArgumentError
  | BrokerError
  | ConnectionError
  | PartialBatchError
  | RouteError
  | StateError

/** How one message is sent; interruption takes the place of a signal. */
export type SendEffectOptions = Omit<SendOptions, "signal">

export interface Producer {
  readonly group: string
  /** Sends one message and waits until it is stored. */
  readonly send: (message: OutgoingMessage, options?: SendEffectOptions) => Effect.Effect<SendResult, Failure>
  /** Sends messages of one topic together; fails with a PartialBatchError when only the first of them are stored. */
  readonly sendBatch: (
    messages: ReadonlyArray<OutgoingMessage>,
    options?: SendEffectOptions,
  ) => Effect.Effect<ReadonlyArray<SendResult>, Failure>
  /** Sends one message and does not ask what became of it. */
  readonly sendOneway: (message: OutgoingMessage, options?: SendEffectOptions) => Effect.Effect<void, Failure>
  /** Sends a message and waits for the reply of whoever consumes it; fails with NO_REPLY when none came in time. */
  readonly request: (message: OutgoingMessage, options?: SendEffectOptions) => Effect.Effect<Message, Failure>
  /** Answers a message that wants a reply. */
  readonly reply: (
    request: Message,
    reply: Reply,
    options?: Pick<SendEffectOptions, "timeoutMs">,
  ) => Effect.Effect<SendResult, Failure>
  /**
   * Sends a message that consumers see only if `execute` decides "commit", which runs once it is stored, unseen. A failure
   * of `execute` is the effect's own; the broker then asks `checkTransaction`.
   */
  readonly sendInTransaction: <E, R>(
    message: OutgoingMessage,
    execute: (sent: SendResult) => Effect.Effect<TransactionDecision, E, R>,
    options?: Omit<TransactionOptions, "signal">,
  ) => Effect.Effect<TransactionResult, E | Failure, R>
  /** Makes the brokers of these topics ask this producer about transactions of its group. */
  readonly answerChecks: (...topics: ReadonlyArray<string>) => Effect.Effect<void, Failure>
  readonly queues: (topic: string) => Effect.Effect<ReadonlyArray<MessageQueue>, Failure>
}

export interface ProducerEffectOptions<R> extends Omit<ProducerOptions, "checkTransaction"> {
  /** Says what became of a transaction of the group; a failure counts as "unknown". */
  readonly checkTransaction?: (message: Message) => Effect.Effect<TransactionDecision, unknown, R>
}

export interface ConsumeOptions<E, R> extends ConsumerOptions {
  /** Handles one message. A failure or a defect brings it again, later; `RetryLater` says when. */
  readonly eachMessage?: (message: Message) => Effect.Effect<unknown, E, R>
  /** Handles up to `consumeMessageBatchMaxSize` messages of one queue. */
  readonly eachBatch?: (messages: ReadonlyArray<Message>) => Effect.Effect<unknown, E, R>
}

/** A consumer that is running. */
export interface Consumer {
  readonly group: string
  readonly assigned: Effect.Effect<ReadonlyArray<MessageQueue>>
  /** Tells the brokers how far the group is, and waits until they keep it. */
  readonly commit: Effect.Effect<void, Failure>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

export interface PullConsumer {
  readonly group: string
  readonly assigned: Effect.Effect<ReadonlyArray<MessageQueue>>
  readonly assign: (queues: ReadonlyArray<MessageQueue>) => Effect.Effect<void, Failure>
  /** The next messages, of one queue; none when there was none in time. Settles those handed out before. */
  readonly poll: (options?: {
    readonly max?: number
    readonly timeoutMs?: number
  }) => Effect.Effect<ReadonlyArray<Message>, Failure>
  /** Messages without end; those of a batch are settled when the next batch is asked for. */
  readonly messages: Stream.Stream<Message, Failure>
  readonly commit: (offsets?: ReadonlyArray<readonly [MessageQueue, number]>) => Effect.Effect<void, Failure>
  readonly seek: (queue: MessageQueue, to: number | "begin" | "end") => Effect.Effect<void, Failure>
}

/** Every call of the Promise API's `Admin`, as an effect. */
export type AdminEffects = {
  readonly [K in keyof Admin as Admin[K] extends (...input: never) => Promise<unknown> ? K : never]: Admin[K] extends (
    ...input: infer I
  ) => Promise<infer A>
    ? (...input: I) => Effect.Effect<A, Failure>
    : never
}

export interface Client {
  /** How brokers know this client. */
  readonly clientId: string
  readonly producer: <R = never>(
    options?: ProducerEffectOptions<R>,
  ) => Effect.Effect<Producer, Failure, R | Scope.Scope>
  /**
   * Joins a group and handles its messages until the scope closes, which waits for handlers at work. Ready when the
   * consumer has its first queues. Handlers run with the caller's services, and are interrupted when their queue is lost.
   */
  readonly consume: <E, R>(options: ConsumeOptions<E, R>) => Effect.Effect<Consumer, Failure, R | Scope.Scope>
  readonly pullConsumer: (options: PullConsumerOptions) => Effect.Effect<PullConsumer, Failure, Scope.Scope>
  readonly admin: AdminEffects
}

/** The client as a service. */
export class Gantry extends Context.Service<Gantry, Client>()("gantry-mq/Gantry") {
  static readonly layer = (options: GantryOptions = {}): Layer.Layer<Gantry, Failure> =>
    Layer.effect(Gantry, make(options))
}

/** Makes a client that is closed with its scope. */
export const make = (options: GantryOptions = {}): Effect.Effect<Client, Failure, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      attempt(() => new ClientCore(options)),
      closing,
    ),
    clientOf,
  )

const clientOf = (core: ClientCore): Client => ({
  admin: adminOf(core),
  clientId: core.instance.clientId,
  consume: (options) => consume(core, options),
  producer: <R>({ checkTransaction, ...options }: ProducerEffectOptions<R> = {}) =>
    Effect.gen(function* () {
      const context = yield* Effect.context<R>()
      const checker = checkTransaction === undefined ? undefined : checkerOf(context, checkTransaction)
      const made = yield* Effect.acquireRelease(
        attempt(() => core.producer(options, checker)),
        closing,
      )
      return producerOf(made)
    }),
  pullConsumer: (options) =>
    Effect.map(
      Effect.acquireRelease(
        attempt(() => core.pullConsumer(options)),
        closing,
      ),
      (made) => pullConsumerOf(made, options),
    ),
})

const checkerOf =
  <R>(
    context: Context.Context<R>,
    check: (message: Message) => Effect.Effect<TransactionDecision, unknown, R>,
  ): Checker =>
  (message, done) => {
    const fiber = Effect.runForkWith(context)(Effect.suspend(() => check(message)))
    fiber.addObserver((exit) => done(exit._tag === "Success" ? exit.value : "unknown"))
  }

const producerOf = (core: ProducerCore): Producer => ({
  answerChecks: (...topics) => call<void>((done) => core.answerChecks(topics, done)),
  sendInTransaction: (message, execute, options = {}) => sendInTransaction(core, message, execute, options),
  group: core.group,
  queues: (topic) => call((done) => core.queues(topic, done)),
  reply: (request, reply, options = {}) => call((done) => core.reply(request, reply, options, done)),
  request: (message, options = {}) => call((done) => core.request(message, options, done)),
  send: (message, options = {}) => call((done) => core.send(message, options, done)),
  sendBatch: (messages, options = {}) =>
    call((done) =>
      core.sendBatch(messages, options, (outcome) => {
        if (!("error" in outcome)) return done(outcome)
        done(outcome.sent.length === 0 ? outcome.error : new PartialBatchError(outcome.error, outcome.sent))
      }),
    ),
  sendOneway: (message, options = {}) => call<void>((done) => core.tell(message, options, done)),
})

const sendInTransaction = <E, R>(
  core: ProducerCore,
  message: OutgoingMessage,
  execute: (sent: SendResult) => Effect.Effect<TransactionDecision, E, R>,
  options: Omit<TransactionOptions, "signal">,
): Effect.Effect<TransactionResult, E | Failure, R> =>
  Effect.flatMap(Effect.context<R>(), (context) => {
    const run = Effect.runForkWith(context)
    return Effect.flatMap(
      call<TransactionResult | { readonly thrown: Cause.Cause<E> }>((done) => {
        let interrupt: (() => void) | undefined
        const forget = core.sendInTransaction(
          message,
          (sent, decided) => {
            const fiber = run(Effect.suspend(() => execute(sent)))
            interrupt = () => fiber.interruptUnsafe()
            fiber.addObserver((exit) => decided(exit._tag === "Success" ? exit.value : { thrown: exit.cause }))
          },
          options,
          (outcome) => done(outcome as TransactionResult | GantryError | { readonly thrown: Cause.Cause<E> }),
        )
        return () => {
          forget()
          interrupt?.()
        }
      }),
      (outcome) => ("thrown" in outcome ? Effect.failCause(outcome.thrown) : Effect.succeed(outcome)),
    )
  })

const consume = <E, R>(
  client: ClientCore,
  options: ConsumeOptions<E, R>,
): Effect.Effect<Consumer, Failure, R | Scope.Scope> =>
  Effect.gen(function* () {
    const handler = handlerOf(yield* Effect.context<R>(), options)
    const core = yield* Effect.acquireRelease(
      attempt(() => client.consumer(options, handler)),
      closing,
    )
    yield* call<void>((done) => core.start((error) => done(error)))
    return consumerOf(core)
  })

const consumerOf = (core: PushConsumerCore): Consumer => ({
  assigned: Effect.sync(() => core.assigned),
  commit: call<void>((done) => core.commit((error) => done(error))),
  group: core.group,
  pause: Effect.sync(() => core.pause()),
  resume: Effect.sync(() => core.resume()),
})

const pullConsumerOf = (core: LitePullCore, options: PullConsumerOptions): PullConsumer => {
  const settings = pullConsumerSettingsOf(options)
  const start = call<void>((done) => core.start((error) => done(error)))
  const poll: PullConsumer["poll"] = ({ max, timeoutMs } = {}) =>
    Effect.andThen(
      start,
      call<ReadonlyArray<Message>>((done) =>
        core.poll(max ?? settings.pullBatchSize, timeoutMs ?? settings.pollTimeoutMs, done),
      ),
    )
  return {
    assign: (queues) => attempt(() => core.assign(queues)),
    assigned: Effect.sync(() => core.assigned),
    commit: (offsets) =>
      Effect.andThen(
        start,
        call<void>((done) => core.commit(offsets, (error) => done(error))),
      ),
    group: core.group,
    messages: Stream.flatMap(Stream.fromEffectRepeat(poll()), Stream.fromIterable),
    poll,
    seek: (queue, to) =>
      Effect.andThen(
        start,
        call<void>((done) => core.seek(queue, to, (error) => done(error))),
      ),
  }
}

const handlerOf = <E, R>(context: Context.Context<R>, { eachBatch, eachMessage }: ConsumeOptions<E, R>): Handler => {
  const run = Effect.runForkWith(context)
  const all = (messages: ReadonlyArray<Message>): Effect.Effect<unknown, E, R> => {
    if (eachBatch !== undefined) return eachBatch(messages)
    return eachMessage === undefined ? Effect.void : Effect.forEach(messages, eachMessage, { discard: true })
  }
  return (messages, handling, done) => {
    const fiber = run(Effect.suspend(() => all(messages)))
    const forget = handling.onGone(() => fiber.interruptUnsafe())
    fiber.addObserver((exit) => {
      forget()
      done(verdictOf(exit))
    })
  }
}

const verdictOf = (exit: Exit.Exit<unknown, unknown>): Verdict => {
  if (exit._tag === "Success") return { _tag: "Done" }
  const error = Cause.squash(exit.cause)
  if (!(error instanceof RetryLater)) return { _tag: "Failed", error }
  const { delayLevel, suspendMs } = error
  return { _tag: "Failed", delayLevel, error, ...(suspendMs === undefined ? {} : { suspendMs }) }
}

const adminOf = (core: ClientCore): AdminEffects => {
  const admin = new Admin(core.instance)
  const wrap =
    <I extends ReadonlyArray<unknown>, A>(ask: (...input: I) => Promise<A>) =>
    (...input: I): Effect.Effect<A, Failure> =>
      Effect.catch(
        Effect.tryPromise({ catch: (error) => error, try: () => ask.apply(admin, input as never) }),
        (error) => (error instanceof GantryError ? Effect.fail(error as Failure) : Effect.die(error)),
      )
  return {
    brokers: wrap(admin.brokers),
    cloneOffsets: wrap(admin.cloneOffsets),
    consumers: wrap(admin.consumers),
    createGroup: wrap(admin.createGroup),
    createTopic: wrap(admin.createTopic),
    deadLetters: wrap(admin.deadLetters),
    deleteGroup: wrap(admin.deleteGroup),
    deleteTopic: wrap(admin.deleteTopic),
    groupProgress: wrap(admin.groupProgress),
    groups: wrap(admin.groups),
    message: wrap(admin.message),
    messages: wrap(admin.messages),
    messagesByTime: wrap(admin.messagesByTime),
    producers: wrap(admin.producers),
    queues: wrap(admin.queues),
    resendDeadLetters: wrap(admin.resendDeadLetters),
    resetOffsets: wrap(admin.resetOffsets),
    setOffset: wrap(admin.setOffset),
    setRequestMode: wrap(admin.setRequestMode),
    topicOffsets: wrap(admin.topicOffsets),
    topics: wrap(admin.topics),
    track: wrap(admin.track),
  }
}

/** A call of the core: its outcome, what it throws about the call itself, and what forgets it when it is interrupted. */
const call = <A>(begin: (done: Done<A>) => (() => void) | void): Effect.Effect<A, Failure> =>
  Effect.callback<A, Failure>((resume) => {
    try {
      const forget = begin((outcome) =>
        resume(outcome instanceof GantryError ? Effect.fail(outcome as Failure) : Effect.succeed(outcome)),
      )
      return forget === undefined ? undefined : Effect.sync(forget)
    } catch (error) {
      resume(error instanceof GantryError ? Effect.fail(error as Failure) : Effect.die(error))
      return undefined
    }
  })

/** What the core does at once, or refuses. */
const attempt = <A>(run: () => A): Effect.Effect<A, Failure> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      return error instanceof GantryError ? Effect.fail(error as Failure) : Effect.die(error)
    }
  })

const closing = (part: { close(done: () => void): void }): Effect.Effect<void> =>
  Effect.callback<void>((resume) => part.close(() => resume(Effect.void)))
