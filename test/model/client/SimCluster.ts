/** A name server, brokers and clients on simulated machines, for the SDK's tests: virtual time, one seed, real code. */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { Gantry } from "../../../src/client/Gantry.ts"
import type { GantryOptions } from "../../../src/client/Options.ts"
import { ResetOffset } from "../../../src/format/Admin.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import { makeFixedEnvironment } from "../../../src/infra/environment/Environment.ts"
import { RemotingClient } from "../../../src/infra/remoting/RemotingClient.ts"
import type { TraceEvent } from "../../../src/infra/telemetry/Trace.ts"
import { type LogLine, type SimNode, type SimWorld, makeSimWorld } from "../../../src/infra/world/SimWorld.ts"
import * as Broker from "../../../src/node/broker/Broker.ts"
import { type BrokerConfig, defaults } from "../../../src/node/broker/BrokerConfig.ts"
import * as NameServer from "../../../src/node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../../../src/node/nameserver/NamesrvConfig.ts"

export const namesrvAddr = "10.0.0.1:9876"
const brokerPort = 10_911

export class SimCluster {
  readonly world: SimWorld
  readonly logs: Array<LogLine> = []
  readonly #config: Partial<BrokerConfig>
  #clients = 0

  constructor(
    seed: number,
    brokers: ReadonlyArray<string> = ["broker-a"],
    config: Partial<BrokerConfig> = {},
    namesConfig: Partial<NamesrvConfig.NamesrvConfig> = {},
    onTrace?: (event: TraceEvent) => void,
  ) {
    const traced = onTrace === undefined ? {} : { onTrace }
    this.world = makeSimWorld(seed, { onLog: (line) => this.logs.push(line), ...traced })
    this.#config = config
    const names = this.world.node("names", "10.0.0.1")
    const settings = { ...NamesrvConfig.defaults("/home"), bindAddress: "10.0.0.1", ...namesConfig }
    this.#run(names, NameServer.make(settings, names.world))
    for (const [index, brokerName] of brokers.entries()) {
      this.world.node(brokerName, `10.0.1.${index + 1}`)
      this.#runBroker(brokerName)
    }
  }

  /** A client on a machine of its own. */
  client(options: GantryOptions = {}): Gantry {
    const node = this.world.node(`client-${++this.#clients}`, `10.0.2.${this.#clients}`)
    return this.clientOn(node.name, options)
  }

  /** Another client on a machine that is there already. */
  clientOn(name: string, options: GantryOptions = {}): Gantry {
    const { host, world } = this.node(name)
    const environment = makeFixedEnvironment({ localAddress: host, soon: world.clock.soon })
    return new Gantry({ environment, namesrvAddr, world, ...options })
  }

  node(name: string): SimNode {
    return this.world.nodes.find((node) => node.name === name)!
  }

  /** Starts a broker again on what its crash left. */
  restart(brokerName: string): void {
    this.node(brokerName).restart()
    this.#runBroker(brokerName)
  }

  /** What `mqadmin resetOffsetByTime` asks of a broker. */
  resetToBeginning(topic: string, group: string): void {
    const { world } = this.world.node("administrator", "10.0.3.1")
    const ext = ResetOffset.encode({ group, isForce: true, timestamp: 0, topic })
    const request = { code: RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, ext }
    new RemotingClient(world).ask({ host: "10.0.1.1", port: brokerPort }, request, 5_000, () => {})
  }

  /** Lets virtual time pass until the promise is settled: at most `limitMs` of it. */
  async settle<A>(promise: Promise<A>, limitMs = 120_000): Promise<A> {
    let isSettled = false
    const settled = promise.finally(() => (isSettled = true))
    settled.catch(() => {})
    await this.pass(() => isSettled, limitMs)
    if (!isSettled) throw new Error(`not settled within ${limitMs} ms of virtual time`)
    return settled
  }

  /** Lets virtual time pass until something holds; false if it does not within `limitMs`. */
  async pass(until: () => boolean, limitMs = 120_000): Promise<boolean> {
    const endMs = this.world.sim.nowMs + limitMs
    while (!until() && this.world.sim.nowMs < endMs) {
      await drained()
      if (!until()) this.world.sim.runFor(1)
    }
    await drained()
    return until()
  }

  /** Coarser steps than `pass`: nobody looks meanwhile. */
  async wait(ms: number): Promise<void> {
    const endMs = this.world.sim.nowMs + ms
    while (this.world.sim.nowMs < endMs) {
      await drained()
      this.world.sim.runFor(Math.min(10, endMs - this.world.sim.nowMs))
    }
    await drained()
  }

  #runBroker(brokerName: string): void {
    const node = this.node(brokerName)
    let isUp = false
    const settings: BrokerConfig = {
      ...defaults,
      bindAddress: "0.0.0.0",
      brokerIP1: node.host,
      brokerName,
      listenPort: brokerPort,
      mappedFileSizeCommitLog: 8 * 1024 * 1024,
      mappedFileSizeConsumeQueue: 20_000,
      maxHashSlotNum: 1_000,
      maxIndexNum: 4_000,
      namesrvAddr,
      storePathRootDir: "/store",
      writeRingBytes: 16 * 1024 * 1024,
      ...this.#config,
    }
    const broker = Broker.make(settings, node.world, 1)
    this.#run(
      node,
      Effect.tap(broker, () => Effect.sync(() => (isUp = true))),
    )
    if (!this.world.sim.runUntil(() => isUp, 60_000)) throw new Error(`${brokerName} does not start`)
  }

  #run<A, E>(node: SimNode, main: Effect.Effect<A, E, Scope>): void {
    Effect.runForkWith(node.world.context)(Effect.scoped(Effect.andThen(main, Effect.never)))
    this.world.sim.runFor(20)
  }
}

/** Runs what promises have queued. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
