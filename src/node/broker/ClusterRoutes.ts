/**
 * The queues that topics have on all brokers of the cluster, as the name servers tell: a broker that shares out queues
 * must know those of the others too. What was asked a moment ago is not asked again, what is known stays while the name
 * servers are silent, and this broker's own queues are always as they are.
 */
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import { type TopicConfig, isReadable } from "../../domain/Topic.ts"
import { Malformed } from "../../format/Malformed.ts"
import { GetRouteInfo } from "../../format/NameServer.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { RouteData } from "../../format/RouteData.ts"
import type { Address } from "../../infra/network/Network.ts"
import type { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import type { Clock } from "../../infra/clock/Clock.ts"

/** How long an answer of a name server is good for. */
const freshMs = 5_000
const timeoutMs = 3_000
/** Routes that are kept; beyond, the oldest go (promise P11). */
const routesMax = 10_000

type Told = (queues: ReadonlyArray<MessageQueue> | undefined) => void

interface Known {
  readonly queues: ReadonlyArray<MessageQueue>
  readonly atMs: number
}

export class ClusterRoutes {
  readonly #clock: Clock
  readonly #brokerName: string
  readonly #own: (topic: string) => TopicConfig | undefined
  readonly #client: RemotingClient
  readonly #known = new Map<string, Known>()
  readonly #asking = new Map<string, Array<Told>>()
  nameServers: ReadonlyArray<Address>

  constructor(
    clock: Clock,
    brokerName: string,
    own: (topic: string) => TopicConfig | undefined,
    client: RemotingClient,
    nameServers: ReadonlyArray<Address>,
  ) {
    this.#clock = clock
    this.#brokerName = brokerName
    this.#own = own
    this.#client = client
    this.nameServers = nameServers
  }

  /** The queues that a topic can be read from, on this broker and on the others; undefined when nobody knows. */
  readQueues(topic: string, told: Told): void {
    const known = this.#known.get(topic)
    const isFresh = known !== undefined && this.#clock.monotonicMs() - known.atMs < freshMs
    if (isFresh || this.nameServers.length === 0) return told(this.#withOwn(topic, known?.queues ?? []))
    const waiting = this.#asking.get(topic)
    if (waiting !== undefined) {
      waiting.push(told)
      return
    }
    const all = [told]
    this.#asking.set(topic, all)
    this.#ask(topic, this.nameServers, (found) => {
      this.#asking.delete(topic)
      const queues = found ?? known?.queues
      if (found !== undefined) this.#keep(topic, found)
      for (const one of all) one(queues === undefined ? undefined : this.#withOwn(topic, queues))
    })
  }

  /** Asks one name server after the other; undefined when none answers. */
  #ask(topic: string, nameServers: ReadonlyArray<Address>, found: Told): void {
    const [address, ...rest] = nameServers
    if (address === undefined) return found(undefined)
    const ext = GetRouteInfo.encode({ acceptStandardJsonOnly: true, topic })
    this.#client.ask(address, { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, ext }, timeoutMs, (answer) => {
      if (!(answer instanceof RemotingError)) {
        // A topic that it does not know yet is this broker's alone.
        if (answer.code === ResponseCode.TOPIC_NOT_EXIST) return found([])
        const route = answer.code === ResponseCode.SUCCESS ? RouteData.decode(answer.body) : undefined
        if (route !== undefined && !(route instanceof Malformed)) return found(readQueuesOf(topic, route))
      }
      this.#ask(topic, rest, found)
    })
  }

  #keep(topic: string, queues: ReadonlyArray<MessageQueue>): void {
    this.#known.delete(topic)
    // Names that nobody serves are not kept: a client can think of any number.
    if (queues.length === 0) return
    this.#known.set(topic, { atMs: this.#clock.monotonicMs(), queues })
    if (this.#known.size <= routesMax) return
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest)
      return
    }
  }

  #withOwn(topic: string, queues: ReadonlyArray<MessageQueue>): ReadonlyArray<MessageQueue> {
    const others = queues.filter(({ brokerName }) => brokerName !== this.#brokerName)
    const config = this.#own(topic)
    if (config === undefined || !isReadable(config.perm)) return others
    return [...others, ...queuesOf(topic, this.#brokerName, config.readQueueNums)]
  }
}

const readQueuesOf = (topic: string, route: RouteData): ReadonlyArray<MessageQueue> =>
  route.queueDatas
    .filter(({ perm }) => isReadable(perm))
    .flatMap(({ brokerName, readQueueNums }) => queuesOf(topic, brokerName, readQueueNums))

const queuesOf = (topic: string, brokerName: string, count: number): ReadonlyArray<MessageQueue> =>
  Array.from({ length: Math.max(0, count) }, (_, queueId) => ({ brokerName, queueId, topic }))
