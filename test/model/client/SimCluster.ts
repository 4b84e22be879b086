/** A name server, brokers and clients on simulated machines, for the SDK's tests: virtual time, one seed, real code. */
import * as Effect from "effect/Effect"
import { makeFixedEnvironment } from "../../../src/infra/environment/Environment.ts"
import { makeSimWorld, type LogLine, type SimNode, type SimWorld } from "../../../src/infra/world/SimWorld.ts"
import { Gantry } from "../../../src/client/Gantry.ts"
import type { GantryOptions } from "../../../src/client/Options.ts"
import * as Broker from "../../../src/node/broker/Broker.ts"
import { type BrokerConfig, defaults } from "../../../src/node/broker/BrokerConfig.ts"
import * as NameServer from "../../../src/node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../../../src/node/nameserver/NamesrvConfig.ts"

export const namesrvAddr = "10.0.0.1:9876"
const brokerPort = 10_911

export class SimCluster {
  readonly world: SimWorld
  readonly logs: Array<LogLine> = []
  #clients = 0

  constructor(seed: number, brokers: ReadonlyArray<string> = ["broker-a"], config: Partial<BrokerConfig> = {}) {
    this.world = makeSimWorld(seed, { onLog: (line) => this.logs.push(line) })
    const names = this.world.node("names", "10.0.0.1")
    this.#run(names, NameServer.make({ ...NamesrvConfig.defaults("/home"), bindAddress: "10.0.0.1" }, names.world))
    for (const [index, brokerName] of brokers.entries()) this.#startBroker(brokerName, `10.0.1.${index + 1}`, config)
  }

  /** A client on a machine of its own. */
  client(options: GantryOptions = {}): Gantry {
    const host = `10.0.2.${++this.#clients}`
    const node = this.world.node(`client-${this.#clients}`, host)
    const environment = makeFixedEnvironment({
      localAddress: host,
      processId: this.#clients,
      soon: node.world.clock.soon,
    })
    return new Gantry({ environment, namesrvAddr, world: node.world, ...options })
  }

  node(name: string): SimNode {
    return this.world.nodes.find((node) => node.name === name)!
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

  async wait(ms: number): Promise<void> {
    await this.pass(() => false, ms)
  }

  #startBroker(brokerName: string, host: string, config: Partial<BrokerConfig>): void {
    const node = this.world.node(brokerName, host)
    let isUp = false
    const settings: BrokerConfig = {
      ...defaults,
      bindAddress: "0.0.0.0",
      brokerIP1: host,
      brokerName,
      listenPort: brokerPort,
      mappedFileSizeCommitLog: 8 * 1024 * 1024,
      mappedFileSizeConsumeQueue: 20_000,
      maxHashSlotNum: 1_000,
      maxIndexNum: 4_000,
      namesrvAddr,
      storePathRootDir: "/store",
      writeRingBytes: 16 * 1024 * 1024,
      ...config,
    }
    this.#run(
      node,
      Effect.tap(Broker.make(settings, node.world, 1), () => Effect.sync(() => (isUp = true))),
    )
    if (!this.world.sim.runUntil(() => isUp, 60_000)) throw new Error(`${brokerName} does not start`)
  }

  #run<A, E>(node: SimNode, main: Effect.Effect<A, E, import("effect/Scope").Scope>): void {
    Effect.runForkWith(node.world.context)(Effect.scoped(Effect.andThen(main, Effect.never)))
    this.world.sim.runFor(20)
  }
}

/** Runs what promises have queued. */
const drained = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
