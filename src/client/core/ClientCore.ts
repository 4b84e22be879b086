/**
 * A client without promises: makes the cores of producers and consumers, which share one instance and end with it. The
 * Promise and the Effect API are shells of this.
 */
import { nodeClock } from "../../infra/clock/NodeClock.ts"
import { nodeDisk } from "../../infra/disk/NodeDisk.ts"
import { type Environment, makeFixedEnvironment } from "../../infra/environment/Environment.ts"
import { nodeEnvironment } from "../../infra/environment/NodeEnvironment.ts"
import { nodeNetwork } from "../../infra/network/NodeNetwork.ts"
import { nodeRandom } from "../../infra/random/NodeRandom.ts"
import { type Log, silent } from "../../infra/telemetry/Log.ts"
import { nodeDiagnostics } from "../../infra/telemetry/NodeDiagnostics.ts"
import { makeNodeLog } from "../../infra/telemetry/NodeLog.ts"
import { type ConsumerOptions, consumerSettingsOf } from "../ConsumerOptions.ts"
import { StateError } from "../GantryError.ts"
import { type ClientWorld, type GantryOptions, propertyOf, settingsOf } from "../Options.ts"
import { type ProducerOptions, defaultProducerGroup, producerSettingsOf } from "../ProducerOptions.ts"
import { type PullConsumerOptions, pullConsumerSettingsOf } from "../PullConsumerOptions.ts"
import type { Handler } from "./Handling.ts"
import { Instance } from "./Instance.ts"
import { LitePullCore } from "./LitePullCore.ts"
import { LocalOffsets } from "./LocalOffsets.ts"
import * as NameServerSource from "./NameServerSource.ts"
import { BrokerOffsets, type Offsets } from "./Offsets.ts"
import { Once } from "./Once.ts"
import { ProducerCore } from "./ProducerCore.ts"
import { PushConsumerCore } from "./PushConsumerCore.ts"
import type { Checker } from "./TransactionEnds.ts"

/** Something made by a client, which ends with it. Closing again waits for the same end. */
interface Part {
  readonly isClosed: boolean
  close(done: () => void): void
}

export class ClientCore {
  readonly world: ClientWorld
  readonly instance: Instance
  readonly #options: GantryOptions
  readonly #environment: Environment
  readonly #clientIP: string
  #parts: Array<Part> = []
  readonly #closing = new Once()

  /** Throws an ArgumentError for addresses that are none. */
  constructor(options: GantryOptions) {
    this.#options = options
    this.world = worldOf(options)
    this.#environment = environmentOf(options, this.world)
    this.#clientIP = options.clientIP ?? this.#environment.localAddress()
    this.instance = new Instance({
      clientIP: this.#clientIP,
      clientId: clientIdOf(options, this.world, this.#environment, this.#clientIP),
      diagnostics: options.diagnostics ?? nodeDiagnostics,
      environment: this.#environment,
      namespace: options.namespace ?? propertyOf(options, this.#environment, "rocketmq.client.namespace"),
      settings: settingsOf(options),
      source: NameServerSource.find(options, this.#environment),
      world: this.world,
    })
  }

  /** `checker`: who answers the checks of transactions. */
  producer(options: Omit<ProducerOptions, "checkTransaction">, checker?: Checker): ProducerCore {
    this.open()
    const named = this.instance.names.withGroup(options, defaultProducerGroup)
    const settings = producerSettingsOf(named, this.#options, this.#environment)
    return this.#added(new ProducerCore(this.instance, settings, checker))
  }

  consumer(options: ConsumerOptions, handler: Handler): PushConsumerCore {
    this.open()
    const settings = consumerSettingsOf(this.instance.names.withGroup(options))
    const core = new PushConsumerCore(this.instance, settings, this.#offsetsOf(settings), handler)
    for (const subscription of options.subscriptions ?? []) core.subscribe(subscription)
    return this.#added(core)
  }

  pullConsumer(options: PullConsumerOptions): LitePullCore {
    this.open()
    const settings = pullConsumerSettingsOf(this.instance.names.withGroup(options))
    const core = new LitePullCore(this.instance, settings, this.#offsetsOf(settings))
    for (const subscription of options.subscriptions ?? []) core.subscribe(subscription)
    return this.#added(core)
  }

  /** Throws a StateError when the client is closed. */
  open(): Instance {
    if (this.#closing.hasBegun) throw new StateError("CLOSED", "This client is closed; make another one")
    return this.instance
  }

  /** Closes whatever was made here, each as its own `close` does, then the connections; then `done` runs. */
  close(done: () => void): void {
    this.#closing.run((ended) => {
      let left = this.#parts.length + 1
      const one = (): void => {
        if (--left > 0) return
        this.instance.close()
        ended()
      }
      for (const part of this.#parts) part.close(one)
      one()
    }, done)
  }

  /** Where the progress of a consumer is kept. A broadcast finds its file again by a name that stays over restarts. */
  #offsetsOf({ group, isBroadcasting }: { readonly group: string; readonly isBroadcasting: boolean }): Offsets {
    if (!isBroadcasting) return new BrokerOffsets(this.instance, group)
    const folder =
      this.#options.localOffsetStoreDir ??
      propertyOf(this.#options, this.#environment, "rocketmq.client.localOffsetStoreDir") ??
      `${this.#environment.homeFolder()}/.rocketmq_offsets`
    const name = namedInstanceOf(this.#options, this.#environment) ?? "DEFAULT"
    return new LocalOffsets(this.world.disk, this.world.log, `${folder}/${this.#clientIP}@${name}/${group}`)
  }

  #added<P extends Part>(part: P): P {
    this.#parts = this.#parts.filter(({ isClosed }) => !isClosed)
    this.#parts.push(part)
    return part
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
  const moment = `${Math.trunc(world.clock.monotonicMs() * 1_000)}${String(world.random.below(1_000_000)).padStart(6, "0")}`
  const instanceName = namedInstanceOf(options, environment) ?? `${environment.processId}#${moment}`
  const unit = options.unitName === undefined || options.unitName === "" ? "" : `@${options.unitName}`
  return `${clientIP}@${instanceName}${unit}`
}
