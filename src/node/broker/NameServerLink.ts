/**
 * What one name server knows of this broker, and how it is kept so. A broker of few topics sends all of them in every
 * round, as RocketMQ does: that mends whatever was lost on the way. One of many sends them in pieces, once; afterwards
 * it asks whether its data version is still known, and sends changes only.
 *
 *   whole   a name server that knows the version of the last piece has got all pieces: they go one after another, each
 *           after the answer to the one before, and those before the last under versions of their own
 *   pieces  nothing longer than `splitRegistrationSize` topics is made in one turn
 */
import * as Effect from "effect/Effect"
import * as DataVersion from "../../domain/DataVersion.ts"
import * as Topic from "../../domain/Topic.ts"
import type { TopicConfig } from "../../domain/Topic.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import { crc31 } from "../../format/Crc32.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as Format from "../../format/NameServer.ts"
import * as RegisterBroker from "../../format/RegisterBroker.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { KvTable } from "../../format/RouteData.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import type { Request } from "../../infra/remoting/RemotingConnection.ts"
import { ask } from "../../infra/remoting/RemotingEffect.ts"
import type { BrokerState } from "./BrokerState.ts"

/** Why a name server did not take what it was told. */
class NotTaken extends Error {
  readonly _tag = "NotTaken"
}

export class NameServerLink {
  readonly address: Address
  readonly #state: BrokerState
  readonly #client: RemotingClient
  readonly #onOrdered: (topics: Iterable<string>) => void
  /** The version under which the name server has got everything but `#changed`; undefined when nobody knows. */
  #acknowledged: DataVersion.DataVersion | undefined
  readonly #changed = new Set<string>()
  #isBusy = false
  #isDue: "round" | "change" | undefined
  /** Said once, and once more when it is well again. */
  #isFailing = false

  /** `onOrdered` is told the topics that have an order configuration there. */
  constructor(
    state: BrokerState,
    client: RemotingClient,
    address: Address,
    onOrdered: (topics: Iterable<string>) => void,
  ) {
    this.#state = state
    this.#client = client
    this.address = address
    this.#onOrdered = onOrdered
  }

  /** A sign of life, and everything that the name server lacks. Never fails; a next round tries again. */
  round(): Effect.Effect<void> {
    return this.#run("round")
  }

  /** Tells of changed topics at once. */
  changed(names: Iterable<string>): Effect.Effect<void> {
    for (const name of names) this.#changed.add(name)
    return this.#run("change")
  }

  farewell(): Effect.Effect<void> {
    const request = { code: RequestCode.UNREGISTER_BROKER, ext: this.#identity() }
    return Effect.ignore(ask(this.#client, this.address, request, 3000))
  }

  /** One after the other: what comes meanwhile is done in one more. */
  #run(why: "round" | "change"): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#isBusy) {
        if (this.#isDue !== "round") this.#isDue = why
        return Effect.void
      }
      this.#isBusy = true
      return this.#once(why).pipe(
        Effect.matchEffect({
          onFailure: (error) => Effect.sync(() => this.#failed(error.message)),
          onSuccess: () => Effect.sync(() => this.#isWell()),
        }),
        Effect.ensuring(Effect.sync(() => (this.#isBusy = false))),
        Effect.andThen(
          Effect.suspend(() => {
            const due = this.#isDue
            this.#isDue = undefined
            return due === undefined ? Effect.void : this.#run(due)
          }),
        ),
      )
    })
  }

  #once(why: "round" | "change"): Effect.Effect<void, Error> {
    const { config, metadata } = this.#state
    const isSmall = !config.enableSplitRegistration || metadata.topics.size <= config.splitRegistrationSize
    if (isSmall) {
      if (why === "round" || this.#acknowledged === undefined) return this.#sendAll()
      // A name server that has lost this broker refuses a change: it wants everything.
      return Effect.catch(this.#sendChanged(), () => this.#sendAll())
    }
    const acknowledged = this.#acknowledged
    if (acknowledged === undefined) return this.#sendAll()
    return Effect.flatMap(this.#isKnown(acknowledged), (isKnown) => (isKnown ? this.#sendChanged() : this.#sendAll()))
  }

  /** Asks for the version that the name server has; that alone is a sign of life, too. */
  #isKnown(version: DataVersion.DataVersion): Effect.Effect<boolean, Error> {
    const body = ConfigJson.DataVersion.encode(version)
    return Effect.map(this.#ask({ body, code: RequestCode.QUERY_DATA_VERSION, ext: this.#identity() }), ({ ext }) =>
      Format.QueryDataVersionAnswer.decode(ext),
    ).pipe(Effect.map((answer) => !(answer instanceof Malformed) && !answer.changed))
  }

  #sendAll(): Effect.Effect<void, Error> {
    return Effect.suspend(() => {
      this.#changed.clear()
      return this.#send([...this.#state.metadata.topics.keys()])
    })
  }

  #sendChanged(): Effect.Effect<void, Error> {
    return Effect.suspend(() => {
      const names = [...this.#changed]
      this.#changed.clear()
      return names.length === 0 ? Effect.void : this.#send(names)
    })
  }

  /** Sends topics in pieces. Until the last has arrived, nobody knows what the name server has. */
  #send(names: ReadonlyArray<string>): Effect.Effect<void, Error> {
    const { config, metadata } = this.#state
    const version = metadata.topicsVersion
    const perPiece = config.enableSplitRegistration ? config.splitRegistrationSize : Number.MAX_SAFE_INTEGER
    const count = Math.max(1, Math.ceil(names.length / perPiece))
    this.#acknowledged = undefined
    const piece = (i: number): Effect.Effect<void, Error> =>
      Effect.suspend(() => {
        const isLast = i === count - 1
        const pieceVersion = isLast ? version : { ...version, counter: -1 - i }
        const request = this.#request(names.slice(i * perPiece, (i + 1) * perPiece), pieceVersion)
        return Effect.flatMap(this.#ask(request), ({ body }) => {
          if (!isLast) return piece(i + 1)
          this.#acknowledged = version
          const ordered = body.length === 0 ? undefined : KvTable.decode(body)
          if (ordered !== undefined && !(ordered instanceof Malformed)) this.#onOrdered(ordered.table.keys())
          return Effect.void
        })
      })
    return piece(0)
  }

  #request(names: ReadonlyArray<string>, dataVersion: DataVersion.DataVersion): Request {
    const { brokerPermission } = this.#state.config
    const isLimited = !Topic.isReadable(brokerPermission) || !Topic.isWritable(brokerPermission)
    const topicConfigTable = new Map<string, TopicConfig>()
    for (const name of names) {
      const config = this.#state.metadata.topics.get(name)
      if (config === undefined) continue
      topicConfigTable.set(name, isLimited ? { ...config, perm: config.perm & brokerPermission } : config)
    }
    const body = RegisterBroker.encode({
      filterServerList: [],
      topicConfigSerializeWrapper: {
        dataVersion,
        mappingDataVersion: dataVersion,
        topicConfigTable,
        topicQueueMappingDetailMap: new Map(),
        topicQueueMappingInfoMap: new Map(),
      },
    })
    const own = { bodyCrc32: crc31(body), compressed: false, enableActingMaster: false }
    const ext = { ...this.#identity(), ...own, haServerAddr: this.#state.brokerAddr }
    return { body, code: RequestCode.REGISTER_BROKER, ext }
  }

  #identity() {
    const { brokerClusterName, brokerId, brokerName } = this.#state.config
    const { brokerAddr } = this.#state
    return Format.BrokerOf.encode({ brokerAddr, brokerId, brokerName, clusterName: brokerClusterName })
  }

  #ask(request: Request) {
    return ask(this.#client, this.address, request, this.#state.config.registerBrokerTimeoutMills).pipe(
      Effect.flatMap((answer) =>
        answer.code === ResponseCode.SUCCESS
          ? Effect.succeed(answer)
          : Effect.fail(new NotTaken(answer.remark ?? `code ${answer.code}`)),
      ),
    )
  }

  #failed(reason: string): void {
    this.#acknowledged = undefined
    if (this.#isFailing) return
    this.#isFailing = true
    const { config, world } = this.#state
    const name = PeerAddress.print(this.address)
    world.log.warn(
      `the name server ${name} did not take the registration: ${reason}. Clients that ask it do not find this broker; trying again every ${config.registerNameServerPeriod / 1000} s`,
    )
  }

  #isWell(): void {
    if (!this.#isFailing) return
    this.#isFailing = false
    this.#state.world.log.info(`registered with the name server ${PeerAddress.print(this.address)} again`)
  }
}
