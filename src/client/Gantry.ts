/**
 * A client of one cluster: makes producers, consumers and administrators that share its connections.
 *
 *   await using gantry = new Gantry({ namesrvAddr: "127.0.0.1:9876" })
 *   const producer = gantry.producer()
 *   await producer.send({ topic: "orders", body: "hello" })
 *
 * Nothing is connected before it is used; `close` ends everything that was made here.
 */
import { nodeClock } from "../infra/clock/NodeClock.ts"
import { nodeDisk } from "../infra/disk/NodeDisk.ts"
import { type Environment, makeFixedEnvironment } from "../infra/environment/Environment.ts"
import { nodeEnvironment } from "../infra/environment/NodeEnvironment.ts"
import { nodeNetwork } from "../infra/network/NodeNetwork.ts"
import { nodeRandom } from "../infra/random/NodeRandom.ts"
import { type Log, silent } from "../infra/telemetry/Log.ts"
import { nodeDiagnostics } from "../infra/telemetry/NodeDiagnostics.ts"
import { makeNodeLog } from "../infra/telemetry/NodeLog.ts"
import { Admin } from "./Admin.ts"
import { Consumer } from "./Consumer.ts"
import { type ConsumerOptions, consumerSettingsOf } from "./ConsumerOptions.ts"
import type { Handler } from "./core/Handling.ts"
import { Instance } from "./core/Instance.ts"
import { LitePullCore } from "./core/LitePullCore.ts"
import { LocalOffsets } from "./core/LocalOffsets.ts"
import * as NameServerSource from "./core/NameServerSource.ts"
import { BrokerOffsets, type Offsets } from "./core/Offsets.ts"
import { ProducerCore } from "./core/ProducerCore.ts"
import { PushConsumerCore } from "./core/PushConsumerCore.ts"
import { StateError } from "./GantryError.ts"
import { type ClientWorld, type GantryOptions, propertyOf, settingsOf } from "./Options.ts"
import { Producer } from "./Producer.ts"
import { PullConsumer } from "./PullConsumer.ts"
import { type PullConsumerOptions, pullConsumerSettingsOf } from "./PullConsumerOptions.ts"
import { type ProducerOptions, producerSettingsOf } from "./ProducerOptions.ts"

/** Something made by a Gantry object, which ends with it. */
interface Part {
  close(): Promise<void>
}

export class Gantry implements AsyncDisposable {
  readonly #options: GantryOptions
  readonly #world: ClientWorld
  readonly #environment: Environment
  readonly #clientIP: string
  readonly #instance: Instance
  readonly #parts = new Set<Part>()
  #closing: Promise<void> | undefined

  /** Throws an ArgumentError for addresses that are none. */
  constructor(options: GantryOptions = {}) {
    this.#options = options
    this.#world = worldOf(options)
    this.#environment = environmentOf(options, this.#world)
    const clientIP = options.clientIP ?? this.#environment.localAddress()
    this.#clientIP = clientIP
    this.#instance = new Instance({
      clientIP,
      clientId: clientIdOf(options, this.#world, this.#environment, clientIP),
      diagnostics: options.diagnostics ?? nodeDiagnostics,
      environment: this.#environment,
      settings: settingsOf(options),
      source: NameServerSource.find(options, this.#environment),
      world: this.#world,
    })
  }

  /** How brokers know this client. */
  get clientId(): string {
    return this.#instance.clientId
  }

  /** Makes a producer. One of each group at a time. */
  producer(options: ProducerOptions = {}): Producer {
    const settings = producerSettingsOf(options, this.#options, this.#environment)
    const core = new ProducerCore(this.#open(), settings)
    return this.#added(new Producer(core, this.#instance.diagnostics, (part) => this.#parts.delete(part)))
  }

  /** Makes a consumer that hands messages to a handler. One of each group at a time. */
  consumer(options: ConsumerOptions): Consumer {
    const instance = this.#open()
    const settings = consumerSettingsOf(options)
    const make = (handler: Handler): PushConsumerCore => {
      const core = new PushConsumerCore(instance, settings, this.#offsetsOf(settings), handler)
      for (const subscription of options.subscriptions ?? []) core.subscribe(subscription)
      return core
    }
    return this.#added(
      new Consumer(make, this.#instance.diagnostics, this.#world.log, (part) => this.#parts.delete(part)),
    )
  }

  /** Makes a consumer that hands messages out when it is asked for them. One of each group at a time. */
  pullConsumer(options: PullConsumerOptions): PullConsumer {
    const instance = this.#open()
    const settings = pullConsumerSettingsOf(options)
    const core = new LitePullCore(instance, settings, this.#offsetsOf(settings))
    for (const subscription of options.subscriptions ?? []) core.subscribe(subscription)
    return this.#added(new PullConsumer(instance, settings, core, (part) => this.#parts.delete(part)))
  }

  /** Administers the cluster. */
  admin(): Admin {
    return this.#added(new Admin(this.#open(), (part) => this.#parts.delete(part)))
  }

  /** Closes whatever was made here, each as its own `close` does, then the connections. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #open(): Instance {
    if (this.#closing !== undefined) throw new StateError("CLOSED", "This Gantry object is closed; make another one")
    return this.#instance
  }

  #added<P extends Part>(part: P): P {
    this.#parts.add(part)
    return part
  }

  /** Where the progress of a consumer is kept. A broadcast finds its file again by a name that stays over restarts. */
  #offsetsOf({ group, isBroadcasting }: { readonly group: string; readonly isBroadcasting: boolean }): Offsets {
    if (!isBroadcasting) return new BrokerOffsets(this.#instance, group)
    const folder =
      this.#options.localOffsetStoreDir ??
      propertyOf(this.#options, this.#environment, "rocketmq.client.localOffsetStoreDir") ??
      `${this.#environment.homeFolder()}/.rocketmq_offsets`
    const name = namedInstanceOf(this.#options, this.#environment) ?? "DEFAULT"
    return new LocalOffsets(this.#world.disk, this.#world.log, `${folder}/${this.#clientIP}@${name}/${group}`)
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#parts].map((part) => part.close()))
    this.#instance.close()
  }
}

const worldOf = (options: GantryOptions): ClientWorld => {
  const base = options.world ?? {
    clock: nodeClock,
    disk: nodeDisk,
    log: makeNodeLog({ level: "warn" }),
    network: nodeNetwork,
    random: nodeRandom,
  }
  const log: Log | undefined = options.log === false ? silent : options.log
  return log === undefined ? base : { ...base, log }
}

const environmentOf = (options: GantryOptions, world: ClientWorld): Environment => {
  if (options.environment !== undefined) return options.environment
  return options.world === undefined ? nodeEnvironment : makeFixedEnvironment({ soon: world.clock.soon })
}

/** The name that the application gave this client, if it gave one. */
const namedInstanceOf = (options: GantryOptions, environment: Environment): string | undefined => {
  const named = options.instanceName ?? propertyOf(options, environment, "rocketmq.client.name")
  return named === "DEFAULT" ? undefined : named
}

/** `<ip>@<instance>`: an instance without a name is told apart by its process and the moment, as Java clients do it. */
const clientIdOf = (options: GantryOptions, world: ClientWorld, environment: Environment, clientIP: string): string => {
  const named = namedInstanceOf(options, environment)
  const moment = `${Math.trunc(world.clock.monotonicMs() * 1_000)}${String(world.random.below(1_000_000)).padStart(6, "0")}`
  const instanceName = named ?? `${environment.processId}#${moment}`
  const unit = options.unitName === undefined || options.unitName === "" ? "" : `@${options.unitName}`
  return `${clientIP}@${instanceName}${unit}`
}
