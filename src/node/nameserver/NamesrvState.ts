/**
 * What the calls of a name server work on, and its bounds. Name servers keep nothing durable but the key-value file:
 * brokers tell them everything again every 30 s.
 */
import * as Route from "../../domain/Route.ts"
import * as NameServerHeaders from "../../format/NameServer.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import type { World } from "../../infra/world/World.ts"
import type { KvStore } from "./KvStore.ts"
import type { NamesrvConfig } from "./NamesrvConfig.ts"
import { RegistrationMemo } from "./RegistrationMemo.ts"

/**
 * What strangers may make a name server keep (P11). A million topics take about 400 MB.
 * Names are bounded by the longest legal topic, `%RETRY%` and a group and a topic.
 */
export interface Bounds {
  readonly brokersMax: number
  /** Per registration. */
  readonly filterServersMax: number
  readonly kvSizeBytesMax: number
  /** Per registration: queues of static topics. */
  readonly mappedQueuesMax: number
  readonly nameLengthMax: number
  readonly topicsMax: number
}

export const boundsDefault: Bounds = {
  brokersMax: 2000,
  filterServersMax: 64,
  kvSizeBytesMax: 4 * 1024 * 1024,
  mappedQueuesMax: 100_000,
  nameLengthMax: 255,
  topicsMax: 1_000_000,
}

export class NamesrvState {
  readonly config: NamesrvConfig
  readonly bounds: Bounds
  readonly world: World
  readonly kv: KvStore
  readonly route: Route.Route<RemotingConnection> = Route.make()
  readonly memo = new RegistrationMemo()
  readonly startedMs: number
  readonly #client: RemotingClient

  constructor(config: NamesrvConfig, world: World, kv: KvStore, client: RemotingClient, bounds: Bounds) {
    this.config = config
    this.bounds = bounds
    this.world = world
    this.kv = kv
    this.#client = client
    this.startedMs = world.clock.monotonicMs()
  }

  /** A duration-safe now for leases: brokers must not expire because the wall clock jumped. */
  nowMs(): number {
    return this.world.clock.monotonicMs()
  }

  /** Forgets the brokers of a connection that is gone. */
  disconnected(connection: RemotingConnection): void {
    for (const live of this.route.live.values()) if (live.connection === connection) this.#lose(live, "disconnected")
  }

  /** Forgets the brokers that were silent for longer than they promised, and closes their connections. */
  sweep(): void {
    const nowMs = this.nowMs()
    for (const live of this.route.live.values()) {
      if (live.lastUpdateMs + live.heartbeatTimeoutMs >= nowMs) continue
      this.#lose(live, "silent")
      live.connection.destroy("the broker on it fell silent")
    }
  }

  /** Forgets a broker at its own wish. */
  unregister(leaving: Route.Leaving): void {
    this.memo.removed()
    this.notify(Route.unregister(this.route, leaving))
  }

  /** Tells the members of a broker name who is the smallest now, if they are to be told. */
  notify(change: Route.MinBrokerIdChanged | undefined): void {
    if (change === undefined || !this.config.notifyMinBrokerIdChanged) return
    const { haBrokerAddr, minBrokerAddr, minBrokerId, offlineBrokerAddr } = change
    const ext = NameServerHeaders.NotifyMinBrokerIdChange.encode({
      minBrokerAddr,
      minBrokerId,
      ...(offlineBrokerAddr === undefined ? {} : { offlineBrokerAddr }),
      // Only a master replicates to others: 5.5.0 names no replication address when a slave is the smallest.
      ...(haBrokerAddr === undefined || minBrokerId !== Route.masterId ? {} : { haBrokerAddr }),
    })
    for (const brokerAddr of change.brokerAddrs) {
      const address = PeerAddress.parse(brokerAddr)
      if (address !== undefined) this.#client.tell(address, { code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, ext })
    }
  }

  #lose(live: Route.LiveBroker<RemotingConnection>, why: string): void {
    const { brokerAddr, brokerId, brokerName } = live
    this.world.log.warn("broker lost", { brokerAddr, brokerId, brokerName, why })
    this.unregister(live)
  }
}
