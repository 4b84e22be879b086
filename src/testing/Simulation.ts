/**
 * A whole cluster and its clients on simulated machines, in one process, in virtual time: an hour takes a second, and
 * power fails when the test says so. What a machine's code sees cannot be told from a real machine.
 *
 *   repeatable  the same seed and the same scenario take the same steps: `traceHash` is equal
 *   whole       when the scenario has ended, every broker loses its power once more, starts again and is checked
 *               (`checks.ts`); a handler that threw inside a server fails the run, too
 *
 * Time goes on while the scenario waits for anything of the simulation, and stands still while its code runs. What
 * comes from outside, a real socket or timer, must be wrapped in `outside`, else virtual time runs away meanwhile.
 */
import * as Effect from "effect/Effect"
import { checked, type Settings } from "../embedded/settings.ts"
import { createTopic, type TopicOptions } from "../embedded/topics.ts"
import * as Host from "../format/Host.ts"
import { Malformed } from "../format/Malformed.ts"
import { nodeClock } from "../infra/clock/NodeClock.ts"
import { DiskError } from "../infra/disk/Disk.ts"
import { fairWeather, foulWeather, type Weather } from "../infra/network/Weather.ts"
import { type LogLine, makeSimWorld, type SimWorld } from "../infra/world/SimWorld.ts"
import * as Broker from "../node/broker/Broker.ts"
import * as BrokerConfig from "../node/broker/BrokerConfig.ts"
import * as NameServer from "../node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../node/nameserver/NamesrvConfig.ts"
import type { Gantry } from "../client/Gantry.ts"
import { type BrokerLog, check, readLog } from "./checks.ts"
import { ClientMachine, type Machine, ServerMachine } from "./Machine.ts"
import { SendLedger } from "./SendLedger.ts"

export interface SimulationOptions {
  /** How many brokers there are: `broker-a`, `broker-b`, …; default 1, at most 26. */
  readonly brokers?: number
  /** Settings of the brokers, by RocketMQ's names. */
  readonly settings?: Settings
  /** The network between all machines: "fair" (the default), "foul" (slow, uneven, breaking), or one of your own. */
  readonly weather?: "fair" | "foul" | Weather
  /** The run fails when it takes more virtual time; default 24 hours. */
  readonly virtualMsMax?: number
  /** Told of every log line of every machine. */
  readonly onLog?: (line: LogLine) => void
}

export interface SimulationResult {
  readonly seed: number
  /** Equal for equal runs. */
  readonly traceHash: string
  readonly virtualMs: number
  /** Messages that were answered SEND_OK. */
  readonly acknowledged: number
}

const namesrvPort = 9876
const brokerPort = 10_911
const dayMs = 24 * 3_600_000

export class Simulation {
  readonly seed: number
  readonly nameServer: ServerMachine
  readonly brokers: ReadonlyArray<ServerMachine>
  readonly #options: SimulationOptions
  readonly #world: SimWorld
  readonly #ledger = new SendLedger()
  readonly #machines: Array<ClientMachine> = []
  readonly #defects: Array<string> = []
  /** By name, the broker of a machine's present or last life. */
  readonly #served = new Map<string, Broker.Broker>()
  #outside = 0

  constructor(seed: number, options: SimulationOptions) {
    this.seed = seed
    this.#options = options
    this.#world = makeSimWorld(seed, { onLog: (line) => this.#logged(line), weather: weatherOf(options.weather) })
    const host = "10.0.0.1"
    const config = { ...NamesrvConfig.defaults("/home"), bindAddress: host, listenPort: namesrvPort }
    this.nameServer = new ServerMachine(this.#world.node("namesrv", host), {
      run: (world, serves) =>
        Effect.gen(function* () {
          yield* NameServer.make(config, world)
          serves()
          return yield* Effect.never
        }),
    })
    checked(options.settings ?? {})
    this.brokers = Array.from({ length: options.brokers ?? 1 }, (_, index) => this.#makeBroker(index))
  }

  /** The first broker. */
  get broker(): ServerMachine {
    return this.brokers[0]!
  }

  /** What clients are configured with, within the simulation. */
  get namesrvAddr(): string {
    return `${this.nameServer.host}:${namesrvPort}`
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#world.sim.nowMs
  }

  /** A further machine, for an application. */
  machine(name = `client-${this.#machines.length + 1}`): ClientMachine {
    const node = this.#world.node(name, `10.0.2.${this.#machines.length + 1}`)
    const machine = new ClientMachine(node, this.namesrvAddr, this.#ledger.watch)
    this.#machines.push(machine)
    return machine
  }

  /** An SDK object on a machine of its own. */
  client(options?: Parameters<ClientMachine["client"]>[0]): Gantry {
    return this.machine().client(options)
  }

  /** Makes a topic on every broker; when it answers, the name server knows it. */
  async createTopic(topic: string, options?: TopicOptions): Promise<void> {
    const { world } = this.#world.node(`admin-${topic}`, `10.0.3.${this.#world.nodes.length}`)
    const namesrv = { host: this.nameServer.host, port: namesrvPort }
    for (const { host } of this.brokers) {
      const made = createTopic(world, { broker: { host, port: brokerPort }, namesrv }, topic, options)
      await new Promise<void>((resolve, reject) => {
        Effect.runForkWith(world.context)(Effect.match(made, { onFailure: reject, onSuccess: resolve }))
      })
    }
  }

  /** Lets so much virtual time go by. */
  advance(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#world.sim.after(ms, resolve))
  }

  /** Lets time go by until `predicate` holds, which is asked every `everyMs`; rejects after `withinMs`. */
  async until(predicate: () => boolean, withinMs = 60_000, everyMs = 10): Promise<void> {
    const endMs = this.nowMs + withinMs
    while (!predicate()) {
      if (this.nowMs >= endMs) throw new Error(`what was waited for did not come within ${withinMs} virtual ms`)
      await this.advance(everyMs)
    }
  }

  /** Waits for something that is not part of the simulation, while its time stands still. */
  async outside<T>(promise: PromiseLike<T>): Promise<T> {
    this.#outside++
    try {
      return await promise
    } finally {
      this.#outside--
    }
  }

  /** Cuts every path between the machines of one side and those of the other, both ways. */
  partition(one: ReadonlyArray<Machine>, other: ReadonlyArray<Machine>): void {
    this.#world.network.partition(
      one.map(({ host }) => host),
      other.map(({ host }) => host),
    )
  }

  /** Cuts the paths from one machine to another; the way back stays open. */
  blockOneWay(source: Machine, target: Machine): void {
    this.#world.network.blockOneWay(source.host, target.host)
  }

  /** Opens every path again. */
  heal(): void {
    this.#world.network.heal()
  }

  /** Changes the network between all machines from now on. */
  set weather(weather: "fair" | "foul" | Weather) {
    this.#world.network.weather = weatherOf(weather)
  }

  /** Runs a scenario to its end, and judges. To be called once. */
  async run(scenario: (simulation: this) => Promise<void>): Promise<SimulationResult> {
    let outcome: { readonly error: unknown } | "done" | undefined
    this.#play(scenario).then(
      () => (outcome = "done"),
      (error: unknown) => (outcome = { error }),
    )
    const { sim } = this.#world
    for (;;) {
      // A turn of the real event loop: every promise that the last step settled has had its say.
      await new Promise<void>((resolve) => nodeClock.soon(resolve))
      if (outcome !== undefined) break
      if (this.#outside > 0) continue
      if (!sim.step()) throw this.#named(new Error("nothing is left to happen, and the scenario still waits"))
      if (this.nowMs > (this.#options.virtualMsMax ?? dayMs)) throw this.#named(new Error(endless(this.nowMs)))
    }
    if (outcome !== "done") throw this.#named(outcome.error)
    return {
      acknowledged: this.#ledger.acknowledged.length,
      seed: this.seed,
      traceHash: sim.traceHash(),
      virtualMs: this.nowMs,
    }
  }

  async #play(scenario: (simulation: this) => Promise<void>): Promise<void> {
    await this.nameServer.start()
    await Promise.all(this.brokers.map((broker) => broker.start()))
    await scenario(this)
    this.heal()
    for (const machine of this.#machines) machine.resume()
    for (const server of [this.nameServer, ...this.brokers]) server.resume()
    await Promise.all(this.#machines.map((machine) => machine.close()))
    const found = [...(await this.#judge()), ...this.#defects]
    if (found.length > 0) throw new Error(`the simulation broke its promises:\n  ${found.join("\n  ")}`)
  }

  /** The last power cut, and what the logs hold after it. */
  async #judge(): Promise<ReadonlyArray<string>> {
    const isSynced = (this.#options.settings?.flushDiskType ?? "SYNC_FLUSH") === "SYNC_FLUSH"
    const logs: Array<BrokerLog> = []
    if (!this.nameServer.isAlive) await this.nameServer.restart()
    for (const broker of this.brokers) {
      broker.powerCut(isSynced ? "synced" : "all")
      await broker.restart()
      const { store, world } = this.#served.get(broker.name)!.state
      const { readableOffset, minOffset } = store.log
      const host = Host.make(broker.host, brokerPort)
      if (host instanceof Malformed) throw host
      const records = readLog(world.disk, `${store.options.root}/commitlog`, readableOffset)
      logs.push({ brokerName: broker.name, minOffset, records, storeHost: host.toString("hex") })
      await broker.stop()
    }
    return check(logs, this.#ledger.acknowledged, isSynced)
  }

  #makeBroker(index: number): ServerMachine {
    const name = `broker-${String.fromCharCode("a".charCodeAt(0) + index)}`
    const host = `10.0.1.${index + 1}`
    const config: BrokerConfig.BrokerConfig = {
      ...BrokerConfig.defaults,
      ...smallFiles,
      enablePropertyFilter: true,
      ...this.#options.settings,
      bindAddress: "0.0.0.0",
      brokerIP1: host,
      brokerName: name,
      listenPort: brokerPort,
      namesrvAddr: this.namesrvAddr,
      storePathRootDir: "/store",
    }
    let lives = 0
    const served = this.#served
    return new ServerMachine(this.#world.node(name, host), {
      run: (world, serves) =>
        Effect.gen(function* () {
          const broker = yield* Broker.make(config, world, ++lives)
          served.set(name, broker)
          serves()
          return yield* broker.failure
        }),
    })
  }

  #logged(line: LogLine): void {
    this.#options.onLog?.(line)
    const { error } = line.fields
    // A disk that fails may fail a request, as long as it is told so.
    if (line.message === "handler failed" && !(error instanceof DiskError))
      this.#defects.push(`P11: a handler of ${line.node} threw ${error instanceof Error ? error.stack : String(error)}`)
  }

  /** The error with the seed that brings it back. */
  #named(error: unknown): unknown {
    if (error instanceof Error) error.message += `\n(seed ${this.seed}, at ${Math.round(this.nowMs)} virtual ms)`
    return error
  }
}

/** Small enough that a scenario meets the borders of files. */
const smallFiles: Partial<BrokerConfig.BrokerConfig> = {
  mappedFileSizeCommitLog: 8 * 1024 * 1024,
  mappedFileSizeConsumeQueue: 20 * 1000,
  maxHashSlotNum: 1000,
  maxIndexNum: 4000,
  writeRingBytes: 8 * 1024 * 1024,
}

const weatherOf = (weather: SimulationOptions["weather"] = "fair"): Weather =>
  weather === "fair" ? fairWeather : weather === "foul" ? foulWeather : weather

const endless = (nowMs: number): string =>
  `the scenario has not ended after ${Math.round(nowMs / 1000)} virtual seconds: it waits for what does not come, or for ` +
  "something outside the simulation (wrap that in outside(...)); virtualMsMax sets the bound"
