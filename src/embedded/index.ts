/**
 * A whole cluster inside the process that asks for it, for tests: one name server and one broker in memory, on free
 * ports of the loopback, so that any client of RocketMQ can be pointed at it.
 *
 *   await using cluster = await startCluster()
 *   producer.setNamesrvAddr(cluster.namesrvAddr)
 *
 * Any number of clusters live side by side in a process. What is true of each:
 *
 *   ready    when `startCluster` answers, both servers listen and the broker is registered
 *   fresh    after `reset` it holds no topic, group, message or offset, and its addresses are the same
 *   gone     after `close` nothing of it is left: no port, connection, timer or file, so that the process may end
 *
 * Messages live as long as the cluster; everything else is the servers' own code, settings and answers included.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Gantry } from "../client/Gantry.ts"
import type { GantryOptions } from "../client/Options.ts"
import { makeMemoryDisk } from "../infra/disk/MemoryDisk.ts"
import { nodeEnvironment } from "../infra/environment/NodeEnvironment.ts"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import type { Log, LogLevel } from "../infra/telemetry/Log.ts"
import { makeNodeLog } from "../infra/telemetry/NodeLog.ts"
import { makeNodeWorld } from "../infra/world/NodeWorld.ts"
import * as Cluster from "./Cluster.ts"
import { checked, type Settings } from "./settings.ts"
import { createTopic, type TopicOptions } from "./topics.ts"

export { PortsTaken } from "./Cluster.ts"
export { TopicRefused, type TopicOptions } from "./topics.ts"
export type { Log, LogLevel, Settings }

export interface ClusterOptions {
  /** Settings of the broker, by RocketMQ's names. What no broker knows is refused with a TypeError. */
  readonly settings?: Settings
  /** Port of the name server; default: a free one. */
  readonly namesrvPort?: number
  /** Port of the broker; default: a free one. */
  readonly brokerPort?: number
  /** What the servers log: from a level on to standard error, or by a log of your own. Default "error". */
  readonly log?: LogLevel | Log
}

export interface EmbeddedCluster extends AsyncDisposable {
  /** What clients are configured with: `127.0.0.1:PORT`. */
  readonly namesrvAddr: string
  /** Where the broker listens; clients learn it from the name server. */
  readonly brokerAddr: string
  /** Makes an SDK object for this cluster; it is closed with the cluster, if not before. */
  readonly client: (options?: Omit<GantryOptions, "namesrvAddr" | "namesrvEndpoint" | "world">) => Gantry
  /**
   * Makes a topic, or changes one; when it answers, the name server knows it, too. Rejects with `TopicRefused`. Seldom
   * needed: topics appear with their first message, unless the settings forbid it.
   */
  readonly createTopic: (topic: string, options?: TopicOptions) => Promise<void>
  /**
   * Makes the cluster as it was at its start, within some milliseconds. Clients see their connections end; producers go
   * on by themselves. Close consumers before: one that still runs keeps its places in queues that begin at 0 again, and
   * passes over what comes there first.
   */
  readonly reset: () => Promise<void>
  /** Stops the cluster; a second call waits for the same end. */
  readonly close: () => Promise<void>
}

/** Starts a cluster. Rejects with `PortsTaken` when a port that was asked for is not free. */
export const startCluster = async (options: ClusterOptions = {}): Promise<EmbeddedCluster> => {
  const world = makeNodeWorld({ log: logOf(options.log ?? "error") })
  const scope = Scope.makeUnsafe()
  const start = Cluster.make(
    {
      advertisedHost: host,
      broker: checked(options.settings ?? {}),
      brokerPort: options.brokerPort ?? 0,
      host,
      namesrvPort: options.namesrvPort ?? 0,
      processId: 0,
      store: undefined,
    },
    world,
  )
  const close = (): Promise<void> => Effect.runPromise(Scope.close(scope, Exit.void))
  try {
    return new Running(world, await Effect.runPromise(Scope.provide(start, scope)), close)
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * The cluster as a fixture of vitest, or of any runner with the same form: started for whoever asks for it, and closed
 * after the last one. Give it the scope that fits; `reset` makes a shared cluster fresh.
 *
 *   const test = base.extend<{ cluster: EmbeddedCluster }>({ cluster: clusterFixture() })
 *   const test = base.extend<{ cluster: EmbeddedCluster }>({ cluster: [clusterFixture(), { scope: "file" }] })
 */
export const clusterFixture =
  (options: ClusterOptions = {}) =>
  // The runner reads which other fixtures this one needs out of the function's text: none.
  // oxlint-disable-next-line no-empty-pattern
  async ({}: object, use: (cluster: EmbeddedCluster) => Promise<void>): Promise<void> => {
    await using cluster = await startCluster(options)
    await use(cluster)
  }

const host = "127.0.0.1"

class Running implements EmbeddedCluster {
  readonly namesrvAddr: string
  readonly brokerAddr: string
  readonly #world: ReturnType<typeof makeNodeWorld>
  readonly #cluster: Cluster.Cluster
  readonly #stop: () => Promise<void>
  readonly #clients = new Set<Gantry>()
  #made = 0
  #closed: Promise<void> | undefined
  /** Ends when the resets that were asked for so far have. */
  #resets: Promise<void> = Promise.resolve()

  constructor(world: ReturnType<typeof makeNodeWorld>, cluster: Cluster.Cluster, stop: () => Promise<void>) {
    this.#world = world
    this.#cluster = cluster
    this.#stop = stop
    this.namesrvAddr = PeerAddress.print(cluster.namesrv)
    this.brokerAddr = PeerAddress.print(cluster.broker)
  }

  client(options: Parameters<EmbeddedCluster["client"]>[0] = {}): Gantry {
    this.#mustBeOpen()
    const made = new Gantry({
      clientIP: host,
      environment: nodeEnvironment,
      instanceName: `embedded-${++this.#made}`,
      ...options,
      namesrvAddr: this.namesrvAddr,
      // Offsets of broadcasting consumers go with the cluster instead of staying in the home folder.
      world: { ...this.#world, disk: makeMemoryDisk(this.#world.clock) },
    })
    this.#clients.add(made)
    return made
  }

  async createTopic(topic: string, options?: TopicOptions): Promise<void> {
    this.#mustBeOpen()
    await this.#resets
    await Effect.runPromise(createTopic(this.#world, this.#cluster, topic, options))
  }

  reset(): Promise<void> {
    this.#mustBeOpen()
    const next = this.#resets.then(() => Effect.runPromise(this.#cluster.restart))
    this.#resets = next.catch(() => {})
    return next
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await this.#resets
    // While their brokers still answer, so that they can take their leave.
    await Promise.allSettled([...this.#clients].map((client) => client.close()))
    await this.#stop()
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new Error("The cluster is closed: start another one.")
  }
}

const logOf = (log: LogLevel | Log): Log => (typeof log === "string" ? makeNodeLog({ level: log }) : log)
