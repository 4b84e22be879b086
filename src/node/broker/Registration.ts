/**
 * Keeps the name servers informed: all topics at start and every `registerNameServerPeriod`, changed ones at once, and
 * a farewell at the end. A name server that does not answer is tried again with the next round; the others go on.
 */
import * as Effect from "effect/Effect"
import * as Topic from "../../domain/Topic.ts"
import type { TopicConfig } from "../../domain/Topic.ts"
import { crc31 } from "../../format/Crc32.ts"
import * as Format from "../../format/NameServer.ts"
import * as RegisterBroker from "../../format/RegisterBroker.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import { ask } from "../../infra/remoting/RemotingEffect.ts"
import type { World } from "../../infra/world/World.ts"
import type { BrokerConfig } from "./BrokerConfig.ts"
import type { Metadata } from "./Metadata.ts"

export class Registration {
  readonly #config: BrokerConfig
  readonly #world: World
  readonly #metadata: Metadata
  readonly #client: RemotingClient
  readonly #brokerAddr: string
  readonly #nameServers: ReadonlyArray<Address>
  /** Name servers that did not take the last registration: said once, and once more when they are back. */
  readonly #failing = new Set<string>()

  constructor(
    config: BrokerConfig,
    world: World,
    metadata: Metadata,
    client: RemotingClient,
    brokerAddr: string,
    nameServers: ReadonlyArray<Address>,
  ) {
    this.#config = config
    this.#world = world
    this.#metadata = metadata
    this.#client = client
    this.#brokerAddr = brokerAddr
    this.#nameServers = nameServers
  }

  /** Registers with every name server; ends when each has answered or failed. Never fails itself. */
  readonly registerAll = (): Effect.Effect<void> => this.#register(this.#metadata.topics)

  /** Tells of changed topics at once. At least two: a name server takes a single one from an unknown broker for a fault. */
  readonly registerChanged = (changed: ReadonlyArray<TopicConfig>): Effect.Effect<void> =>
    this.#register(new Map(changed.map((config) => [config.topicName, config])))

  readonly unregisterAll = (): Effect.Effect<void> =>
    Effect.forEach(
      this.#nameServers,
      (address) =>
        ask(this.#client, address, { code: RequestCode.UNREGISTER_BROKER, ext: this.#identity() }, 3000).pipe(
          Effect.ignore,
        ),
      { concurrency: "unbounded", discard: true },
    )

  #identity() {
    const { brokerClusterName, brokerId, brokerName } = this.#config
    return Format.BrokerOf.encode({
      brokerAddr: this.#brokerAddr,
      brokerId,
      brokerName,
      clusterName: brokerClusterName,
    })
  }

  #register(topics: ReadonlyMap<string, TopicConfig>): Effect.Effect<void> {
    // Made anew each time it runs: the rounds of a broker's life repeat one effect, and topics come and go meanwhile.
    return Effect.suspend(() => {
      const request = this.#request(topics)
      return Effect.forEach(this.#nameServers, (address) => this.#registerOne(address, request), {
        concurrency: "unbounded",
        discard: true,
      })
    })
  }

  #request(topics: ReadonlyMap<string, TopicConfig>): { code: number; ext: object; body: Buffer } {
    const { brokerPermission } = this.#config
    const isLimited = !Topic.isReadable(brokerPermission) || !Topic.isWritable(brokerPermission)
    const table = isLimited
      ? new Map([...topics].map(([name, config]) => [name, { ...config, perm: config.perm & brokerPermission }]))
      : topics
    const body = RegisterBroker.encode({
      filterServerList: [],
      topicConfigSerializeWrapper: {
        dataVersion: this.#metadata.topicsVersion,
        mappingDataVersion: this.#metadata.topicsVersion,
        topicConfigTable: table,
        topicQueueMappingDetailMap: new Map(),
        topicQueueMappingInfoMap: new Map(),
      },
    })
    const ext = {
      ...this.#identity(),
      bodyCrc32: crc31(body),
      compressed: false,
      enableActingMaster: false,
      haServerAddr: this.#brokerAddr,
    }
    return { body, code: RequestCode.REGISTER_BROKER, ext }
  }

  #registerOne(address: Address, request: { code: number; ext: object; body: Buffer }): Effect.Effect<void> {
    const name = PeerAddress.print(address)
    const failed = (reason: string): Effect.Effect<void> =>
      Effect.sync(() => {
        if (this.#failing.has(name)) return
        this.#failing.add(name)
        this.#world.log.warn(
          `the name server ${name} did not take the registration: ${reason}. Clients that ask it do not find this broker; trying again every ${this.#config.registerNameServerPeriod / 1000} s`,
        )
      })
    return ask(
      this.#client,
      address,
      { ...request, ext: { ...request.ext } },
      this.#config.registerBrokerTimeoutMills,
    ).pipe(
      Effect.flatMap((answer) =>
        answer.code === ResponseCode.SUCCESS
          ? Effect.sync(() => {
              if (this.#failing.delete(name)) this.#world.log.info(`registered with the name server ${name} again`)
            })
          : failed(answer.remark ?? `code ${answer.code}`),
      ),
      Effect.catch((error) => failed(error.message)),
    )
  }
}
