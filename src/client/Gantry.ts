/**
 * A client of one cluster: makes producers, consumers and administrators that share its connections.
 *
 *   await using gantry = new Gantry({ namesrvAddr: "127.0.0.1:9876" })
 *   const producer = gantry.producer()
 *   await producer.send({ topic: "orders", body: "hello" })
 *
 * Nothing is connected before it is used; `close` ends everything that was made here.
 */
import { Admin } from "./Admin.ts"
import { Consumer } from "./Consumer.ts"
import type { ConsumerOptions } from "./ConsumerOptions.ts"
import { ClientCore } from "./core/ClientCore.ts"
import type { GantryOptions } from "./Options.ts"
import { checkerOf } from "./handlers.ts"
import { Producer } from "./Producer.ts"
import type { ProducerOptions } from "./ProducerOptions.ts"
import { PullConsumer } from "./PullConsumer.ts"
import { type PullConsumerOptions, pullConsumerSettingsOf } from "./PullConsumerOptions.ts"

export class Gantry implements AsyncDisposable {
  readonly #core: ClientCore

  /** Throws an ArgumentError for addresses that are none. */
  constructor(options: GantryOptions = {}) {
    this.#core = new ClientCore(options)
  }

  /** How brokers know this client. */
  get clientId(): string {
    return this.#core.instance.clientId
  }

  /** Makes a producer. One of each group at a time. */
  producer(options: ProducerOptions = {}): Producer {
    const { checkTransaction, ...rest } = options
    const checker = checkTransaction === undefined ? undefined : checkerOf(checkTransaction, this.#core.world.log)
    return new Producer(this.#core.producer(rest, checker), this.#core.instance.diagnostics)
  }

  /** Makes a consumer that hands messages to a handler. One of each group at a time. */
  consumer(options: ConsumerOptions): Consumer {
    return new Consumer(
      (handler) => this.#core.consumer(options, handler),
      this.#core.instance.diagnostics,
      this.#core.world.log,
    )
  }

  /** Makes a consumer that hands messages out when it is asked for them. One of each group at a time. */
  pullConsumer(options: PullConsumerOptions): PullConsumer {
    const core = this.#core.pullConsumer(options)
    return new PullConsumer(this.#core.instance, pullConsumerSettingsOf(options), core)
  }

  /** Administers the cluster. */
  admin(): Admin {
    return new Admin(this.#core.open())
  }

  /** Closes whatever was made here, each as its own `close` does, then the connections. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#core.close(resolve))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
