/**
 * A whole cluster in the caller's process: one name server and one broker, on one event loop, until the scope closes.
 * In memory, unless it is given a folder: then messages survive, in RocketMQ's files.
 *
 * In memory it is bounded (P11): at most `memory.logBytesMax` of messages are kept, in small segments, and the oldest
 * go first; sends that come faster than segments can go are refused, as on a full disk. Nothing survives the process,
 * so that promise P1 ends with it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { makeMemoryDisk } from "../infra/disk/MemoryDisk.ts"
import type { Address, NetworkError } from "../infra/network/Network.ts"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import type { World } from "../infra/world/World.ts"
import * as Broker from "../node/broker/Broker.ts"
import * as BrokerConfig from "../node/broker/BrokerConfig.ts"
import * as NameServer from "../node/nameserver/NameServer.ts"
import * as NamesrvConfig from "../node/nameserver/NamesrvConfig.ts"

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
  /** Ends with an error when the store has failed. */
  readonly failure: Effect.Effect<never, Broker.BrokerFault>
}

/** A port that somebody else listens on, or that cannot be listened on; nothing was started. */
export class PortTaken extends Error {
  override readonly name = "PortTaken"
  readonly _tag = "PortTaken"
  readonly which: "namesrv" | "broker"
  readonly address: Address
  constructor(which: "namesrv" | "broker", address: Address, error: NetworkError | undefined) {
    super(error?.message ?? "unknown")
    this.which = which
    this.address = address
    this.isInUse = error?.reason === "AddressInUse"
  }
  /** False when the address itself is the trouble. */
  readonly isInUse: boolean
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
  base: World,
): Effect.Effect<Cluster, PortTaken | NameServer.NameServerFault | Broker.BrokerFault, Scope.Scope> =>
  Effect.gen(function* () {
    const { advertisedHost, host, store } = options
    const world = store === undefined ? { ...base, disk: makeMemoryDisk(base.clock, memory.bytesMax) } : base
    for (const [which, port] of [
      ["namesrv", options.namesrvPort],
      ["broker", options.brokerPort],
    ] as const)
      if (port !== 0) yield* freePort(world, which, { host, port })
    const root = store ?? "/gantry"
    const { address: namesrv } = yield* NameServer.make(
      {
        ...NamesrvConfig.defaults(root),
        bindAddress: host,
        kvConfigPath: `${root}/namesrv/kvConfig.json`,
        listenPort: options.namesrvPort,
      },
      world,
    )
    const config: BrokerConfig.BrokerConfig = {
      ...BrokerConfig.defaults,
      ...(store === undefined ? memorySettings : {}),
      bindAddress: host,
      brokerIP1: advertisedHost,
      listenPort: yield* freePort(world, "broker", { host, port: options.brokerPort }),
      namesrvAddr: PeerAddress.print({ host: reachable(host), port: namesrv.port }),
      storePathRootDir: `${root}/store`,
      ...options.broker,
    }
    const broker = yield* Broker.make(config, world, options.processId)
    return {
      advertised: { host: advertisedHost, port: broker.address.port },
      broker: broker.address,
      config,
      failure: broker.failure,
      namesrv,
    }
  })

/** An address that stands for all of the machine's cannot be connected to on every system. */
const reachable = (host: string): string => (host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host)

/**
 * Makes sure of a port before anything starts, and finds one when any will do: a store writes its broker's port into
 * every message, so that it must be known first.
 */
const freePort = (world: World, which: "namesrv" | "broker", address: Address): Effect.Effect<number, PortTaken> =>
  Effect.callback((resume) => {
    world.network.listen(
      address,
      (connection) => {
        connection.destroy()
        return { onClose: () => {}, onData: () => {}, onDrain: () => {} }
      },
      (error, listener) => {
        if (listener === undefined) return resume(Effect.fail(new PortTaken(which, address, error)))
        listener.close(() => resume(Effect.succeed(listener.address.port)))
      },
    )
  })
