/**
 * A whole cluster in one process: name servers, brokers and their clients, each on a simulated machine of its own.
 * Addresses: name servers 10.0.0.n, brokers 10.0.1.n, clients 10.0.2.n.
 */
import * as Effect from "effect/Effect"
import { DiskError } from "../../../src/infra/disk/Disk.ts"
import type { Address } from "../../../src/infra/network/Network.ts"
import { makeSimWorld, type LogLine, type SimNode, type SimWorld } from "../../../src/infra/world/SimWorld.ts"
import type { World } from "../../../src/infra/world/World.ts"
import type { Broker } from "../../../src/node/broker/Broker.ts"
import * as BrokerModule from "../../../src/node/broker/Broker.ts"
import { type BrokerConfig, defaults } from "../../../src/node/broker/BrokerConfig.ts"
import * as NameServer from "../../../src/node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../../../src/node/nameserver/NamesrvConfig.ts"
import { History } from "./History.ts"
import type { Mutant } from "./Mutant.ts"
import { Server } from "./Server.ts"
import { delayLevelsMs, type Settings, textOf } from "./Settings.ts"

export const brokerPort = 10_911
const nameServerPort = 9876

export type BrokerServer = Server<Broker>
export type NameServerServer = Server<NameServer.NameServerShape>

/** A client's machine and what lives on it. `begin` starts one life of the client; its end is the node's. */
export interface ClientNode {
  readonly name: string
  readonly node: SimNode
  readonly begin: (world: World, life: string) => ClientLife
  life: ClientLife
  lives: number
}

/** What a run needs to know of a client. */
export interface ClientLife {
  /** Leaves in order: says goodbye, lets go of what it holds. */
  readonly leave: () => void
  /** Of a consumer. */
  readonly group?: string
  /** Of a consumer, the queues that are its own now, as `topic/broker/queueId`. */
  readonly owned?: ReadonlyArray<string>
}

export class Cluster {
  readonly settings: Settings
  readonly world: SimWorld
  readonly history: History
  readonly nameServers: ReadonlyArray<NameServerServer>
  readonly brokers: ReadonlyArray<BrokerServer>
  readonly clients: Array<ClientNode> = []
  /** By the broker's name, the table of delay levels that it is started with; the usual one for others. */
  readonly delaysMs = new Map<string, ReadonlyArray<number>>()

  constructor(settings: Settings, mutant?: Mutant) {
    this.settings = settings
    this.world = makeSimWorld(settings.seed, {
      onLog: (line) => this.#logged(line),
      onTrace: ({ action, fields, node }) => {
        if (action === "Append") this.history.appended(node, Number(fields["commitLogOffset"]))
        if (action === "Fsync")
          this.history.logSyncs.push({
            atMs: this.world.sim.nowMs,
            brokerName: node,
            commitLogOffsetEnd: Number(fields["commitLogOffsetEnd"]),
          })
        if (action === "PersistOffset")
          this.history.persisted.push({
            atMs: this.world.sim.nowMs,
            brokerName: node,
            group: String(fields["group"]),
            queueId: Number(fields["queueId"]),
            queueOffset: Number(fields["queueOffset"]),
            topic: String(fields["topic"]),
          })
        if (action === "Reopen")
          this.history.delayTables.push({
            brokerName: node,
            commitLogOffset: Number(fields["commitLogOffsetEnd"]),
            delaysMs: this.delaysMs.get(node) ?? delayLevelsMs,
          })
        this.history.traced?.push({ action, fields, node })
      },
      preemptChance: settings.preemptChance,
    })
    const { sim } = this.world
    this.history = new History(
      () => sim.nowMs,
      (what) => sim.record(what),
    )
    this.nameServers = numbered(settings.nameServers, (n) => {
      const host = `10.0.0.${n}`
      const config = { ...NamesrvConfig.defaults("/home"), bindAddress: host, listenPort: nameServerPort }
      return new Server(this.world, this.history, `namesrv-${n}`, host, {
        failure: () => Effect.never,
        make: (world) => NameServer.make(config, world),
      })
    })
    this.brokers = numbered(settings.brokers, (n) => {
      const host = `10.0.1.${n}`
      const config = brokerConfig(settings, brokerNameOf(n), host, this.nameServerAddresses)
      let lives = 0
      return new Server<Broker>(this.world, this.history, config.brokerName, host, {
        failure: (broker) => broker.failure,
        make: (world) => {
          const own = this.withDelays(config)
          return BrokerModule.make(own, mutant?.world?.(world) ?? world, ++lives).pipe(
            Effect.tap((broker) => Effect.sync(() => mutant?.broker?.(broker))),
          )
        },
      })
    })
  }

  get nameServerAddresses(): ReadonlyArray<Address> {
    return numbered(this.settings.nameServers, (n) => ({ host: `10.0.0.${n}`, port: nameServerPort }))
  }

  /** All servers, whatever they serve. */
  get servers(): ReadonlyArray<BrokerServer | NameServerServer> {
    return [...this.brokers, ...this.nameServers]
  }

  /** With the table of delay levels that the broker is started with now. */
  withDelays(config: BrokerConfig): BrokerConfig {
    const delaysMs = this.delaysMs.get(config.brokerName)
    return delaysMs === undefined ? config : { ...config, messageDelayLevel: textOf(delaysMs) }
  }

  client(name: string, begin: ClientNode["begin"]): ClientNode {
    const random = this.world.sim.random.fork()
    const node = this.world.node(name, `10.0.2.${this.clients.length + 1}`, {
      driftPpm: random.between(-50, 50),
      skewMs: Math.floor(random.between(-5000, 5000)),
    })
    const client: ClientNode = { begin, life: begin(node.world, `${name}.1`), lives: 1, name, node }
    this.clients.push(client)
    return client
  }

  /** Starts a client whose process has ended. */
  restartClient(client: ClientNode): void {
    if (client.node.alive) return
    const { group } = client.life
    if (group !== undefined)
      this.history.traced?.push({
        action: "ConsumerCrash",
        fields: { clientId: `${client.name}.${client.lives}`, group },
        node: client.name,
      })
    client.lives++
    client.life = client.begin(client.node.restart(), `${client.name}.${client.lives}`)
  }

  #logged({ level, message, node, fields }: LogLine): void {
    this.history.note(node, `${level} ${message}`)
    if (level !== "error" || message !== "handler failed") return
    const { error } = fields
    const server = this.servers.find(({ name }) => name === node)
    // A disk that fails may fail a request, as long as it is told so; that it was not served wrongly, others judge.
    if (error instanceof DiskError && server?.hasBeenStruck === true) return
    this.history.defects.push(`${node}: a handler threw ${error instanceof Error ? error.stack : String(error)}`)
  }
}

export const brokerNameOf = (n: number): string => `broker-${n}`

export const brokerConfig = (
  settings: Settings,
  brokerName: string,
  host: string,
  nameServers: ReadonlyArray<Address>,
): BrokerConfig => ({
  ...defaults,
  bindAddress: "0.0.0.0",
  brokerIP1: host,
  brokerName,
  enablePropertyFilter: true,
  flushDiskType: settings.flush,
  listenPort: brokerPort,
  mappedFileSizeCommitLog: settings.segmentBytes,
  mappedFileSizeConsumeQueue: 20 * 200,
  maxHashSlotNum: 64,
  maxIndexNum: 256,
  maxMessageSize: 8 * 1024,
  messageDelayLevel: textOf(delayLevelsMs),
  namesrvAddr: nameServers.map(({ host: name, port }) => `${name}:${port}`).join(";"),
  storePathRootDir: "/store",
  transactionCheckInterval: 2000,
  transactionCheckMax: 5,
  transactionTimeOut: 1000,
  writeRingBytes: 1024 * 1024,
})

const numbered = <T>(count: number, make: (n: number) => T): ReadonlyArray<T> =>
  Array.from({ length: count }, (_, index) => make(index + 1))
