/** What administration asks with: one name server, each name server, a broker, every master of a cluster. */
import type { Command } from "../../format/Command.ts"
import type { Malformed } from "../../format/Malformed.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { ClusterInfo } from "../../format/RouteData.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { Request } from "../../infra/remoting/RemotingConnection.ts"
import { GantryError, RouteError, ofAnswer } from "../GantryError.ts"
import { promiseOf } from "../promises.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

/** A broker of the cluster, as the name server knows it. */
export interface BrokerOfCluster {
  readonly clusterName: string
  readonly brokerName: string
  /** `host:port` by broker id; 0 is the master. */
  readonly addresses: ReadonlyMap<number, string>
}

export interface Where {
  /** Only the brokers of this cluster; default all. */
  readonly cluster?: string
  /** Only these brokers, by name. */
  readonly brokers?: ReadonlyArray<string>
}

export class AdminCalls {
  readonly #instance: Instance

  constructor(instance: Instance) {
    this.#instance = instance
  }

  get instance(): Instance {
    return this.#instance
  }

  async names(request: Request): Promise<Command> {
    this.#instance.start()
    const answer = await promiseOf<Command>((done) =>
      this.#instance.nameServers.ask(request, this.#instance.settings.requestTimeoutMs, done),
    )
    if (answer.code === ResponseCode.SUCCESS) return answer
    throw ofAnswer(answer, request.code, this.#instance.nameServers.text)
  }

  /** Asks every name server: each keeps its own table. */
  async eachNames(request: Request): Promise<void> {
    this.#instance.start()
    const addresses = await promiseOf<ReadonlyArray<Address>>((done) => this.#instance.nameServers.all(done))
    await Promise.all(addresses.map((address) => this.ask(address, request)))
  }

  ask(address: Address, request: Request, accepted?: ReadonlySet<number>): Promise<Command> {
    const { remoting, settings } = this.#instance
    return promiseOf((done) => Peers.ask(remoting, address, request, settings.requestTimeoutMs, done, accepted))
  }

  read<T>(shape: { readonly decode: (body: Buffer) => T | Malformed }, answer: Command, code: number, peer: string): T {
    const read = Peers.bodyOf(shape, answer, code, peer)
    if (read instanceof GantryError) throw read
    return read
  }

  async brokers(): Promise<ReadonlyArray<BrokerOfCluster>> {
    const code = RequestCode.GET_BROKER_CLUSTER_INFO
    const info = this.read(ClusterInfo, await this.names({ code }), code, this.#instance.nameServers.text)
    return [...info.brokerAddrTable.values()]
      .map(({ brokerAddrs, brokerName, cluster }) => ({ addresses: brokerAddrs, brokerName, clusterName: cluster }))
      .toSorted((left, right) => (left.brokerName < right.brokerName ? -1 : 1))
  }

  /** The masters that are meant, at least one. */
  async masters(where: Where = {}): Promise<ReadonlyArray<{ readonly brokerName: string; readonly address: Address }>> {
    const brokers = await this.brokers()
    const meant = brokers.flatMap(({ addresses, brokerName, clusterName }) => {
      const address = PeerAddress.parse(addresses.get(0) ?? "")
      const isMeant =
        (where.cluster === undefined || where.cluster === clusterName) &&
        (where.brokers === undefined || where.brokers.includes(brokerName))
      return isMeant && address !== undefined ? [{ address, brokerName }] : []
    })
    if (meant.length > 0) return meant
    const known = brokers.map(({ brokerName, clusterName }) => `${clusterName}/${brokerName}`).join(", ")
    throw new RouteError(
      "BROKER_NOT_FOUND",
      `The name server ${this.#instance.nameServers.text} knows no such broker with a master. It knows: ${known || "none"}`,
    )
  }

  /** Asks every master that is meant, and answers what each said. */
  async eachMaster(
    request: Request,
    where?: Where,
    accepted?: ReadonlySet<number>,
  ): Promise<ReadonlyArray<{ readonly brokerName: string; readonly peer: string; readonly answer: Command }>> {
    const masters = await this.masters(where)
    return Promise.all(
      masters.map(async ({ address, brokerName }) => ({
        answer: await this.ask(address, request, accepted),
        brokerName,
        peer: PeerAddress.print(address),
      })),
    )
  }
}
