/**
 * The name server process: tells clients where topics live, from what brokers tell it. Any number of them run side by
 * side and know nothing of each other. It lives in a Scope, takes everything it touches from its `World`, and so runs
 * in simulation as in reality.
 *
 *   start     reads the key-value file, listens; fails with NameServerFault when it cannot
 *   run       sweeps silent brokers every `scanNotActiveBrokerInterval`; a closed connection unregisters its brokers
 *   shutdown  turns requests away (GO_AWAY), answers what is in hand, closes, frees the port
 * Source: behaviour of RocketMQ 5.5.0; spec behaviour §7. Decisions: src/domain/Route.ts.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Malformed } from "../../format/Malformed.ts"
import type { Address } from "../../infra/network/Network.ts"
import { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import { RemotingServer } from "../../infra/remoting/RemotingServer.ts"
import type { World } from "../../infra/world/World.ts"
import * as Health from "../health/Health.ts"
import { brokerCalls } from "./brokerCalls.ts"
import { kvCalls } from "./kvCalls.ts"
import { KvStore } from "./KvStore.ts"
import type { NamesrvConfig } from "./NamesrvConfig.ts"
import type { Bounds } from "./NamesrvState.ts"
import { NamesrvState, boundsDefault } from "./NamesrvState.ts"
import { routeCalls } from "./routeCalls.ts"

/** Why a name server could not start, in a sentence that says what to do. */
export class NameServerFault extends Error {
  override readonly name = "NameServerFault"
  readonly _tag = "NameServerFault"
}

export interface NameServerShape {
  /** Where it listens; the port is real when 0 was asked for. */
  readonly address: Address
}

export class NameServer extends Context.Service<NameServer, NameServerShape>()("node/nameserver/NameServer") {
  static readonly layer = (config: NamesrvConfig, world: World): Layer.Layer<NameServer, NameServerFault> =>
    Layer.effect(NameServer, make(config, world))
}

/** How long answers that are still owed are waited for at shutdown, ms. */
const graceMs = 5000

/** Starts a name server that ends with the scope. Time and scheduling are the world's, whatever the caller's are. */
export const make = (
  config: NamesrvConfig,
  world: World,
  bounds: Bounds = boundsDefault,
): Effect.Effect<NameServerShape, NameServerFault, Scope.Scope> =>
  Effect.provideContext(start(config, world, bounds), world.context)

const start = Effect.fnUntraced(function* (config: NamesrvConfig, world: World, bounds: Bounds) {
  const health = new Health.Health()
  yield* Effect.mapError(Health.serve(health, config, world), (sentence) => new NameServerFault(sentence))
  const kv = yield* openKv(config, world)
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => new RemotingClient(world)),
    (opened) => Effect.sync(() => opened.close()),
  )
  const state = new NamesrvState(config, world, kv, client, bounds)
  const server = new RemotingServer(world, {
    listener: { onClose: (connection) => state.disconnected(connection) },
  })
  const handlers = new Map([...brokerCalls(state), ...routeCalls(state), ...kvCalls(state)])
  yield* Effect.addFinalizer(() => drain(server, config))
  const address = yield* Effect.callback<Address, NameServerFault>((resume) => {
    server.listen({ host: config.bindAddress, port: config.listenPort }, handlers, (error, bound) =>
      resume(bound === undefined ? Effect.fail(cannotListen(config, error?.message)) : Effect.succeed(bound)),
    )
  })
  const sweep = Effect.andThen(
    Effect.sleep(config.scanNotActiveBrokerInterval),
    Effect.sync(() => state.sweep()),
  )
  yield* Effect.forkScoped(Effect.forever(sweep))
  health.metrics = () => metrics(state)
  yield* Health.ready(health)
  world.log.info("name server listens", { address })
  return { address }
})

const metrics = ({ route }: NamesrvState): string =>
  [
    "# HELP gantry_namesrv_brokers Brokers that are registered.",
    "# TYPE gantry_namesrv_brokers gauge",
    `gantry_namesrv_brokers ${route.live.size}`,
    "# HELP gantry_namesrv_topics Topics that have a route.",
    "# TYPE gantry_namesrv_topics gauge",
    `gantry_namesrv_topics ${route.topics.size}`,
    "",
  ].join("\n")

const openKv = (config: NamesrvConfig, world: World): Effect.Effect<KvStore, NameServerFault> =>
  Effect.suspend(() => {
    try {
      const opened = KvStore.open(world.disk, config.kvConfigPath)
      if (!(opened instanceof Malformed)) return Effect.succeed(opened)
      const advice = "Repair it, or move it away to start without it."
      return Effect.fail(new NameServerFault(`${config.kvConfigPath} is damaged: ${opened.reason}. ${advice}`))
    } catch (error) {
      return Effect.fail(new NameServerFault(`kvConfigPath cannot be read: ${(error as Error).message}`))
    }
  })

const cannotListen = (config: NamesrvConfig, reason = "unknown"): NameServerFault =>
  new NameServerFault(`cannot listen: ${reason}. Change bindAddress or listenPort=${config.listenPort}.`)

const drain = (server: RemotingServer, config: NamesrvConfig): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const lingerMs = config.enableShutdownGracefully ? config.shutdownWaitTimeSeconds * 1000 : 0
    server.drain({ graceMs, lingerMs }, () => resume(Effect.void))
  })
