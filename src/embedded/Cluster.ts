/**
 * A whole cluster in the caller's process: one name server and one broker, on one event loop, until the scope closes.
 * In memory, unless it is given a folder: then messages survive, in RocketMQ's files.
 *
 * In memory it is bounded (P11): at most `memory.logBytesMax` of messages are kept, in small segments, and the oldest
 * go first; sends that come faster than segments can go are refused, as on a full disk. Nothing survives the process,
 * so that promise P1 ends with it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { makeMemoryDisk } from "../infra/disk/MemoryDisk.ts"
import type { Address, NetworkReason } from "../infra/network/Network.ts"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import type { World } from "../infra/world/World.ts"
import * as Broker from "../node/broker/Broker.ts"
import * as BrokerConfig from "../node/broker/BrokerConfig.ts"
import * as NameServer from "../node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../node/nameserver/NamesrvConfig.ts"
import { HeldPorts } from "./HeldPorts.ts"

export interface ClusterOptions {
  /** Where both listen. */
  readonly host: string
  /** What clients are told: an address by which they reach `host`. */
  readonly advertisedHost: string
  /** Ports; 0 takes a free one. */
  readonly namesrvPort: number
  readonly brokerPort: number
  /** The folder that keeps messages and settings; undefined keeps them in memory. */
  readonly store: string | undefined
  /** Goes into the mark of an open store. */
  readonly processId: number
  /** Further settings of the broker. */
  readonly broker?: Partial<BrokerConfig.BrokerConfig>
}

export interface Cluster {
  /** What clients are configured with. */
  readonly namesrv: Address
  /** Where the broker listens, and what clients are told. */
  readonly broker: Address
  readonly advertised: Address
  readonly config: BrokerConfig.BrokerConfig
  /** Ends with an error when the store of the broker that runs now has failed. */
  readonly failure: Effect.Effect<never, Broker.BrokerFault>
  /**
   * Stops both servers and starts them again on the same ports: in memory with nothing, otherwise with what the folder
   * holds. Not to be run twice at once.
   */
  readonly restart: Effect.Effect<void, NameServer.NameServerFault | Broker.BrokerFault>
}

/** A port that could not be had. */
export interface PortProblem {
  readonly which: "namesrv" | "broker"
  readonly address: Address
  readonly reason: NetworkReason
}

/** Ports that somebody else listens on, or that cannot be listened on; nothing was started. */
export class PortsTaken extends Error {
  override readonly name = "PortsTaken"
  readonly _tag = "PortsTaken"
  readonly problems: ReadonlyArray<PortProblem>
  constructor(problems: ReadonlyArray<PortProblem>) {
    super(problems.map(({ address, reason }) => `${PeerAddress.print(address)}: ${reason}`).join(", "))
    this.problems = problems
  }
}

const MiB = 1024 * 1024

/** The bounds of a cluster in memory. */
export const memory = {
  /** How many bytes of messages are kept. */
  logBytesMax: 256 * MiB,
  /** All that the files may take, queues and index and the log between two rounds of retention among it. */
  bytesMax: 384 * MiB,
}

/** Small files, so that memory comes back soon; a short interval, so that the bound is kept under load. */
const memorySettings: Partial<BrokerConfig.BrokerConfig> = {
  cleanResourceInterval: 500,
  commitLogTotalBytesMax: memory.logBytesMax,
  mappedFileSizeCommitLog: 16 * MiB,
  mappedFileSizeConsumeQueue: 200_000,
  maxHashSlotNum: 5_000,
  maxIndexNum: 20_000,
  writeRingBytes: 16 * MiB,
}

/** Starts the cluster; ready when the broker is registered. */
export const make = (
  options: ClusterOptions,
  world: World,
): Effect.Effect<Cluster, PortsTaken | NameServer.NameServerFault | Broker.BrokerFault, Scope.Scope> =>
  Effect.gen(function* () {
    const { advertisedHost, host } = options
    const ports = yield* Effect.acquireRelease(
      Effect.sync(() => new HeldPorts(world.network, world.clock)),
      (held) => Effect.callback<void>((resume) => held.close(() => resume(Effect.void))),
    )
    const asked = [
      { address: { host, port: options.namesrvPort }, which: "namesrv" },
      { address: { host, port: options.brokerPort }, which: "broker" },
    ] as const
    const held = yield* Effect.forEach(asked, ({ address, which }) => hold(ports, which, address))
    const problems = held.filter((result) => "which" in result)
    if (problems.length > 0) return yield* Effect.fail(new PortsTaken(problems))
    const [namesrv, broker] = held as [Address, Address]
    const configs = configsOf(options, namesrv, broker)
    const outer = yield* Effect.scope
    const start = serve(options, configs, { ...world, network: ports.network })
    let servers = yield* Scope.provide(start, outer)
    return {
      advertised: { host: advertisedHost, port: broker.port },
      broker,
      config: configs.broker,
      get failure() {
        return servers.failure
      },
      namesrv,
      restart: Effect.gen(function* () {
        yield* Scope.close(servers.scope, Exit.void)
        servers = yield* Scope.provide(start, outer)
      }),
    }
  })

interface Configs {
  readonly namesrv: NamesrvConfig.NamesrvConfig
  readonly broker: BrokerConfig.BrokerConfig
}

const configsOf = (options: ClusterOptions, namesrv: Address, broker: Address): Configs => {
  const { advertisedHost, host, store } = options
  const root = store ?? "/gantry"
  return {
    broker: {
      ...BrokerConfig.defaults,
      ...(store === undefined ? memorySettings : {}),
      // RocketMQ leaves it off to save a busy broker work.
      enablePropertyFilter: true,
      bindAddress: host,
      brokerIP1: advertisedHost,
      // Beside a port that nobody chose, the one two below may be anybody's.
      ...(options.brokerPort === 0 ? { fastListenPort: 0 } : {}),
      // A store writes its broker's port into every message, so that the port must be known before the store is opened.
      listenPort: broker.port,
      namesrvAddr: PeerAddress.print({ host: reachable(host), port: namesrv.port }),
      storePathRootDir: `${root}/store`,
      ...options.broker,
    },
    namesrv: {
      ...NamesrvConfig.defaults(root),
      bindAddress: host,
      kvConfigPath: `${root}/namesrv/kvConfig.json`,
      listenPort: namesrv.port,
    },
  }
}

/** Starts both servers, in a scope of their own within the current one. */
const serve = Effect.fnUntraced(function* (options: ClusterOptions, configs: Configs, base: World) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const disk = options.store === undefined ? makeMemoryDisk(base.clock, memory.bytesMax) : base.disk
  const world = { ...base, disk }
  yield* Scope.provide(NameServer.make(configs.namesrv, world), scope)
  const broker = yield* Scope.provide(Broker.make(configs.broker, world, options.processId), scope)
  return { failure: broker.failure, scope }
})

/** An address that stands for all of the machine's cannot be connected to on every system. */
const reachable = (host: string): string => (host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host)

/** Takes a port, a free one when 0 is asked for, or says why it cannot be had. */
const hold = (ports: HeldPorts, which: PortProblem["which"], address: Address): Effect.Effect<Address | PortProblem> =>
  Effect.callback((resume) => {
    ports.hold(address, (error, held) =>
      resume(Effect.succeed(held ?? { address, reason: error?.reason ?? "Io", which })),
    )
  })
