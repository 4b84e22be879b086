/** How a client is set up. Names, meanings and defaults are those of RocketMQ's Java client, units at their ends. */
import type { Clock } from "../infra/clock/Clock.ts"
import type { Disk } from "../infra/disk/Disk.ts"
import type { Environment } from "../infra/environment/Environment.ts"
import type { Network } from "../infra/network/Network.ts"
import type { Random } from "../infra/random/Random.ts"
import type { Diagnostics } from "../infra/telemetry/Diagnostics.ts"
import type { Log } from "../infra/telemetry/Log.ts"
import type { Trace } from "../infra/telemetry/Trace.ts"

/** The part of a `World` that a client touches. */
export interface ClientWorld {
  readonly clock: Clock
  readonly network: Network
  readonly random: Random
  readonly log: Log
  /** Keeps the offsets of broadcasting consumers. */
  readonly disk: Disk
  /** Told what ordered consumers do, in the words of spec/ordered. */
  readonly trace?: Trace
}

export interface GantryOptions {
  /**
   * Name servers as `host:port`, several joined by `;` or in a list. When it is not given they come from the property
   * `rocketmq.namesrv.addr`, else from the variable `NAMESRV_ADDR`, else from `namesrvEndpoint`.
   */
  readonly namesrvAddr?: string | ReadonlyArray<string>
  /**
   * The address of an HTTP page whose first line names the name servers, asked again every two minutes. When it is not
   * given it is made of the properties `rocketmq.namesrv.domain` and `rocketmq.namesrv.domain.subgroup`.
   */
  readonly namesrvEndpoint?: string
  /**
   * RocketMQ's properties by their names (`rocketmq.namesrv.addr`, `rocketmq.client.name`, …). What is not given here is
   * looked for among the variables of the process, by the same name.
   */
  readonly properties?: Readonly<Record<string, string>>
  /** How this client is known: `<clientIP>@<instanceName>`, and `@<unitName>` if there is one. */
  readonly clientIP?: string
  readonly instanceName?: string
  readonly unitName?: string
  /**
   * Keeps this client's topics and groups apart from those of others: brokers know `orders` as `<namespace>%orders`, the
   * application does not notice. Queues carry the broker's names; `admin()` takes and gives those, too. Default none.
   */
  readonly namespace?: string
  /** Told of what happens; `console` and most loggers fit. Default: warnings and errors on standard error. */
  readonly log?: Log | false
  /** Patience with routes, heartbeats and administration; default 3,000. */
  readonly requestTimeoutMs?: number
  /** How often routes are asked for again; default 30,000. */
  readonly pollNameServerIntervalMs?: number
  /** How often brokers hear from this client; default 30,000. */
  readonly heartbeatBrokerIntervalMs?: number
  /** How often consumers tell their progress to the brokers; default 5,000. */
  readonly persistConsumerOffsetIntervalMs?: number
  /** How often consumers share out the queues anew, unless told to; default 20,000. */
  readonly rebalanceIntervalMs?: number
  /** Shares are not looked at more often; default 1,000. */
  readonly rebalanceMinIntervalMs?: number
  /** Where the offsets of broadcasting consumers are kept; default `~/.rocketmq_offsets`. */
  readonly localOffsetStoreDir?: string
  /** Another world than this machine: a simulated one, or a network in memory. */
  readonly world?: ClientWorld
  readonly environment?: Environment
  readonly diagnostics?: Diagnostics
}

/** The options that every part of a client reads, complete. */
export interface ClientSettings {
  readonly requestTimeoutMs: number
  readonly pollNameServerIntervalMs: number
  readonly heartbeatBrokerIntervalMs: number
  readonly persistConsumerOffsetIntervalMs: number
  readonly rebalanceIntervalMs: number
  readonly rebalanceMinIntervalMs: number
}

export const settingsOf = (options: GantryOptions): ClientSettings => ({
  heartbeatBrokerIntervalMs: options.heartbeatBrokerIntervalMs ?? 30_000,
  persistConsumerOffsetIntervalMs: options.persistConsumerOffsetIntervalMs ?? 5_000,
  pollNameServerIntervalMs: options.pollNameServerIntervalMs ?? 30_000,
  rebalanceIntervalMs: options.rebalanceIntervalMs ?? 20_000,
  rebalanceMinIntervalMs: options.rebalanceMinIntervalMs ?? 1_000,
  requestTimeoutMs: options.requestTimeoutMs ?? 3_000,
})

/** RocketMQ's property of this name: given in code, else a variable of the process that is called the same. */
export const propertyOf = (
  options: Pick<GantryOptions, "properties">,
  environment: Environment,
  name: string,
): string | undefined => {
  const given = options.properties?.[name] ?? environment.variable(name)
  return given === undefined || given.trim() === "" ? undefined : given.trim()
}
