/**
 * One client of a cluster: the connections, routes, heartbeats and rounds of rebalance that its producers and consumers
 * share, under one client id.
 *
 * It starts with its first member and beats to every broker that a route names, replicas included where it consumes. A
 * broker that is connected anew hears from it at once, because membership in a group ends with the connection.
 * Source: behaviour of RocketMQ 5.5.0 (MQClientInstance, RebalanceService).
 */
import * as Heartbeat from "../../format/Heartbeat.ts"
import * as PullFormat from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { standard } from "../../format/shape.ts"
import type { Environment } from "../../infra/environment/Environment.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import type { Diagnostics } from "../../infra/telemetry/Diagnostics.ts"
import { StateError } from "../GantryError.ts"
import type { ClientSettings, ClientWorld } from "../Options.ts"
import type { ConsumerMember } from "./Member.ts"
import type { NameServerSource } from "./NameServerSource.ts"
import { Names } from "./Names.ts"
import { NameServers } from "./NameServers.ts"
import { relayed } from "./relayed.ts"
import { Requests } from "./Requests.ts"
import { Routes } from "./Routes.ts"
import { TransactionEnds } from "./TransactionEnds.ts"
import { UniqKeys } from "./UniqKeys.ts"

export interface InstanceOptions {
  readonly world: ClientWorld
  readonly environment: Environment
  readonly diagnostics: Diagnostics
  readonly settings: ClientSettings
  readonly source: NameServerSource
  readonly clientIP: string
  readonly clientId: string
  readonly namespace: string | undefined
}

/** The first heartbeats of an instance; later ones come by their interval. */
const firstHeartbeatMs = 1_000
/** How long brokers may take to hear of a client that is going to ask something of others through them. */
const introductionMs = 500
/** How long the goodbyes of a client that closes may take. */
const farewellMs = 1_000

export class Instance {
  readonly world: ClientWorld
  readonly environment: Environment
  readonly diagnostics: Diagnostics
  readonly settings: ClientSettings
  readonly clientId: string
  readonly remoting: RemotingClient
  readonly nameServers: NameServers
  readonly routes: Routes
  readonly uniqKeys: UniqKeys
  readonly names: Names
  readonly requests: Requests
  readonly transactions: TransactionEnds
  readonly #producers = new Set<string>()
  readonly #consumers = new Map<string, ConsumerMember>()
  readonly #beating = new Set<string>()
  /** Brokers that took a heartbeat. */
  readonly #heard = new Set<string>()
  /** Brokers that took one which named a producer, since a connection was last lost: they find this client. */
  readonly #introducedTo = new Set<string>()
  readonly #timers = new Map<string, () => void>()
  #isStarted = false
  #isClosed = false
  #release: () => void = () => {}
  #isRebalancing = false
  #rebalanceAgain = false
  #lastRebalanceMs = -Infinity

  constructor(options: InstanceOptions) {
    this.world = options.world
    this.environment = options.environment
    this.diagnostics = options.diagnostics
    this.settings = options.settings
    this.clientId = options.clientId
    this.remoting = new RemotingClient(options.world, {
      handlers: relayed(this),
      listener: {
        onClose: () => this.#introducedTo.clear(),
        onOpen: (connection) => this.#opened(connection),
      },
    })
    this.nameServers = new NameServers(options.source, options.world, options.environment, this.remoting)
    this.routes = new Routes(options.world, options.settings, this.nameServers)
    this.routes.onChange = () => this.#routeChanged()
    this.names = new Names(options.namespace)
    this.uniqKeys = new UniqKeys(options.world, options.environment, options.clientIP)
    this.requests = new Requests(this)
    this.transactions = new TransactionEnds(this)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  consumer(group: string): ConsumerMember | undefined {
    return this.#consumers.get(group)
  }

  get consumers(): Iterable<ConsumerMember> {
    return this.#consumers.values()
  }

  /** Begins the timers; again is nothing. */
  start(): void {
    if (this.#isClosed) throw new StateError("CLOSED", "This client is closed; make another one")
    if (this.#isStarted) return
    this.#isStarted = true
    // Its timers do not hold the process, and a connection may be missing just when a member waits for it to come back.
    this.#release = this.environment.keepAlive()
    this.nameServers.start()
    this.routes.start()
    const { heartbeatBrokerIntervalMs, persistConsumerOffsetIntervalMs, rebalanceIntervalMs } = this.settings
    this.#every("heartbeat", heartbeatBrokerIntervalMs, () => this.beat(), firstHeartbeatMs)
    this.#every("persist", persistConsumerOffsetIntervalMs, () => {
      for (const consumer of this.#consumers.values()) consumer.persist()
    })
    this.#rebalanceIn(rebalanceIntervalMs)
  }

  addProducer(group: string): void {
    if (this.#producers.has(group)) throw inUse("producer", group)
    this.start()
    this.#producers.add(group)
  }

  /** Leaves the group; `done` runs when the brokers know, or have had their time to. */
  removeProducer(group: string, done: () => void): void {
    if (!this.#producers.delete(group)) return done()
    this.#unregister({ clientID: this.clientId, producerGroup: group }, done)
  }

  addConsumer(consumer: ConsumerMember): void {
    if (this.#consumers.has(consumer.group)) throw inUse("consumer", consumer.group)
    this.start()
    this.#consumers.set(consumer.group, consumer)
  }

  removeConsumer(consumer: ConsumerMember, done: () => void): void {
    if (this.#consumers.get(consumer.group) !== consumer) return done()
    this.#consumers.delete(consumer.group)
    this.#unregister({ clientID: this.clientId, consumerGroup: consumer.group }, done)
  }

  /** Tells all brokers of all members; `done` runs once with how many of them took it. */
  beat(done: (heardCount: number) => void = () => {}): void {
    const brokers = this.routes.brokers.filter(({ brokerId }) => brokerId === 0 || this.#consumers.size > 0)
    let left = brokers.length
    let heard = 0
    if (left === 0 || (this.#producers.size === 0 && this.#consumers.size === 0)) return done(0)
    for (const { address } of brokers) {
      this.#beatTo(address, (isHeard) => {
        if (isHeard) heard++
        if (--left === 0) done(heard)
      })
    }
  }

  /**
   * Makes sure that the masters of all routes find this client as a producer. `done` runs once, when they know it, or
   * after a while: a broker that does not answer must not hold up what is meant for others.
   */
  introduce(done: () => void): void {
    const unaware = this.routes.brokers.filter(
      ({ address, brokerId }) => brokerId === 0 && !this.#introducedTo.has(PeerAddress.print(address)),
    )
    if (unaware.length === 0) return done()
    let left = unaware.length
    const end = (): void => {
      cancel()
      left = 0
      done()
    }
    const cancel = this.world.clock.after(introductionMs, end)
    for (const { address } of unaware) {
      this.#beatTo(address, () => {
        if (left > 0 && --left === 0) end()
      })
    }
  }

  /** Shares queues out now, or as soon as the least pause since the last time is over. */
  rebalanceNow(): void {
    const sinceMs = this.world.clock.monotonicMs() - this.#lastRebalanceMs
    this.#rebalanceIn(Math.max(0, this.settings.rebalanceMinIntervalMs - sinceMs))
  }

  /** Closes connections and timers; members have left before. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const cancel of this.#timers.values()) cancel()
    this.requests.close()
    this.nameServers.stop()
    this.routes.stop()
    this.remoting.close()
    this.#release()
  }

  #every(name: string, periodMs: number, run: () => void, firstMs = periodMs): void {
    const cancel = this.world.clock.after(firstMs, () => {
      this.#every(name, periodMs, run)
      run()
    })
    this.#timers.set(name, cancel)
  }

  #beatTo(address: Address, done: (isHeard: boolean) => void): void {
    const peer = PeerAddress.print(address)
    const body = Heartbeat.Heartbeat.encode(
      {
        clientID: this.clientId,
        consumerDataSet: [...this.#consumers.values()].map((consumer) => consumer.data()),
        heartbeatFingerprint: 0,
        producerDataSet: [...this.#producers].map((groupName) => ({ groupName })),
        withoutSub: false,
      },
      standard,
    )
    const namesProducer = this.#producers.size > 0
    this.#beating.add(peer)
    this.remoting.ask(address, { body, code: RequestCode.HEART_BEAT }, this.settings.requestTimeoutMs, (outcome) => {
      this.#beating.delete(peer)
      const isHeard = !(outcome instanceof RemotingError) && outcome.code === 0
      if (isHeard) {
        this.#heard.add(peer)
        if (namesProducer) this.#introducedTo.add(peer)
      } else {
        const why = outcome instanceof RemotingError ? outcome.message : `${outcome.code} ${outcome.remark ?? ""}`
        this.world.log.warn("a broker did not take the heartbeat", { broker: peer, why })
      }
      done(isHeard)
    })
  }

  #opened(connection: RemotingConnection): void {
    const peer = PeerAddress.print(connection.remote)
    this.diagnostics.tell("gantry:connect", () => ({ clientId: this.clientId, peer }))
    const broker = this.routes.brokers.find(({ address }) => PeerAddress.print(address) === peer)
    if (broker === undefined || this.#beating.has(peer) || this.#isClosed) return
    if (this.#producers.size === 0 && this.#consumers.size === 0) return
    this.world.clock.soon(() => {
      if (this.#isClosed || this.#beating.has(peer)) return
      this.#beatTo(broker.address, (isHeard) => {
        if (isHeard && this.#consumers.size > 0) this.rebalanceNow()
      })
    })
  }

  /** A broker that is new to this client must hear of it before it can say who shares the queues. */
  #routeChanged(): void {
    if (!this.#isStarted || this.#isClosed || this.#consumers.size === 0) return
    if (this.routes.brokers.every(({ address }) => this.#heard.has(PeerAddress.print(address))))
      return this.rebalanceNow()
    this.beat(() => this.rebalanceNow())
  }

  #rebalanceIn(delayMs: number): void {
    if (this.#isClosed) return
    this.#timers.get("rebalance")?.()
    this.#timers.set(
      "rebalance",
      this.world.clock.after(delayMs, () => this.#rebalance()),
    )
  }

  #rebalance(): void {
    if (this.#isRebalancing) {
      this.#rebalanceAgain = true
      return
    }
    this.#isRebalancing = true
    this.#rebalanceAgain = false
    this.#lastRebalanceMs = this.world.clock.monotonicMs()
    const { rebalanceIntervalMs, rebalanceMinIntervalMs } = this.settings
    let left = this.#consumers.size
    let isBalanced = true
    const ended = (): void => {
      this.#isRebalancing = false
      this.#rebalanceIn(isBalanced && !this.#rebalanceAgain ? rebalanceIntervalMs : rebalanceMinIntervalMs)
    }
    if (left === 0) return ended()
    for (const consumer of this.#consumers.values()) {
      consumer.rebalance((isShareKept) => {
        if (!isShareKept) isBalanced = false
        if (--left === 0) ended()
      })
    }
  }

  #unregister(parameters: PullFormat.UnregisterClient, done: () => void): void {
    const brokers = this.routes.brokers
    let left = brokers.length
    if (left === 0 || this.#isClosed) return done()
    const ext = PullFormat.UnregisterClient.encode(parameters)
    for (const { address } of brokers) {
      this.remoting.ask(address, { code: RequestCode.UNREGISTER_CLIENT, ext }, farewellMs, () => {
        if (--left === 0) done()
      })
    }
  }
}

const inUse = (what: string, group: string): StateError =>
  new StateError(
    "GROUP_IN_USE",
    `This Gantry object has a ${what} of group "${group}" already, and brokers tell the members of a group apart by their ` +
      "client: make another Gantry object for the second one",
  )
