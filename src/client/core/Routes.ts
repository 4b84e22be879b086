/**
 * Routes: which queues a topic has and where their brokers are, as one client knows it. Asked of the name servers when
 * first needed and again and again; what is known stays while they are silent or do not know the topic.
 *
 * A topic that nobody knows is sent to by the route of TBW102, which brokers that create topics by themselves register;
 * the send then makes the topic.
 * Source: behaviour of RocketMQ 5.5.0 (MQClientInstance).
 */
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import type { Turn } from "../../domain/QueueSelection.ts"
import { TopicName } from "../../domain/Topic.ts"
import * as TopicRoute from "../../domain/TopicRoute.ts"
import { Malformed } from "../../format/Malformed.ts"
import { GetRouteInfo } from "../../format/NameServer.ts"
import { RequestCode, requestCodeName } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { RouteData } from "../../format/RouteData.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { AnswerError, type Done, GantryError, RouteError, ofAnswer } from "../GantryError.ts"
import type { ClientSettings, ClientWorld } from "../Options.ts"
import type { NameServers } from "./NameServers.ts"

/** The queues that a topic is sent to, and the producer's turn among them. */
export interface PublishInfo {
  readonly queues: ReadonlyArray<MessageQueue>
  readonly turn: Turn
}

export interface BrokerAddress {
  readonly brokerName: string
  readonly brokerId: number
  readonly address: Address
}

interface Known {
  readonly route: RouteData
  /** Equal for equal routes. */
  readonly signature: string
  readonly publish: PublishInfo
  readonly readQueues: ReadonlyArray<MessageQueue>
}

const { masterId } = TopicRoute

export class Routes {
  readonly #world: ClientWorld
  readonly #settings: ClientSettings
  readonly #nameServers: NameServers
  readonly #known = new Map<string, Known>()
  readonly #followed = new Set<string>()
  readonly #asking = new Map<string, Array<Done<boolean>>>()
  /** By broker name and id. */
  #brokers = new Map<string, ReadonlyMap<number, Address>>()
  #cancelRefresh: () => void = () => {}
  /** Told of each topic whose route is new or another one. */
  onChange: (topic: string) => void = () => {}

  constructor(world: ClientWorld, settings: ClientSettings, nameServers: NameServers) {
    this.#world = world
    this.#settings = settings
    this.#nameServers = nameServers
  }

  start(): void {
    this.#cancelRefresh = this.#world.clock.after(this.#settings.pollNameServerIntervalMs, () => {
      for (const topic of this.#followed) this.refresh(topic, () => {})
      this.start()
    })
  }

  stop(): void {
    this.#cancelRefresh()
  }

  /** Keeps the route of a topic fresh from now on. */
  follow(topic: string): void {
    this.#followed.add(topic)
  }

  unfollow(topic: string): void {
    this.#followed.delete(topic)
  }

  /** The queues that a topic can be read from, as far as its route is known. */
  readQueues(topic: string): ReadonlyArray<MessageQueue> {
    return this.#known.get(topic)?.readQueues ?? []
  }

  routeOf(topic: string): RouteData | undefined {
    return this.#known.get(topic)?.route
  }

  /** The queues that a topic can be sent to, asked for when they are not known. */
  publishInfo(topic: string, done: Done<PublishInfo>): void {
    this.follow(topic)
    const known = this.#known.get(topic)
    if (known !== undefined && known.publish.queues.length > 0) return done(known.publish)
    this.refresh(topic, (outcome) => {
      if (outcome instanceof GantryError) return done(outcome)
      const found = this.#known.get(topic)
      if (found !== undefined && found.publish.queues.length > 0) return done(found.publish)
      if (found !== undefined) return done(this.#notWritable(topic))
      this.#borrow(topic, done)
    })
  }

  /** The queues that a topic can be read from, asked for when they are not known; a topic must exist. */
  subscribeInfo(topic: string, done: Done<ReadonlyArray<MessageQueue>>): void {
    const queues = this.readQueues(topic)
    if (queues.length > 0) return done(queues)
    this.refresh(topic, (outcome) => {
      if (outcome instanceof GantryError) return done(outcome)
      const found = this.#known.get(topic)
      done(found === undefined ? this.#notFound(topic) : found.readQueues)
    })
  }

  /** The master of a broker. */
  master(brokerName: string): Address | undefined {
    return this.#brokers.get(brokerName)?.get(masterId)
  }

  /** Where to read from: the broker of this id, the next one for a replica that went, else any of its name. */
  reader(brokerName: string, brokerId: number): BrokerAddress | undefined {
    const ids = this.#brokers.get(brokerName)
    if (ids === undefined) return undefined
    const wanted = ids.has(brokerId)
      ? brokerId
      : brokerId !== masterId && ids.has(brokerId + 1)
        ? brokerId + 1
        : undefined
    const [first] = ids.keys()
    const found = wanted ?? first
    return found === undefined ? undefined : { address: ids.get(found)!, brokerId: found, brokerName }
  }

  /** Some broker of a topic: the master of one by chance, or a replica where there is no master. */
  someBroker(topic: string): Address | undefined {
    const all = this.#known.get(topic)?.route.brokerDatas ?? []
    if (all.length === 0) return undefined
    const { brokerName } = all[this.#world.random.below(all.length)]!
    return this.reader(brokerName, masterId)?.address
  }

  /** Every broker of every route. */
  get brokers(): ReadonlyArray<BrokerAddress> {
    return [...this.#brokers].flatMap(([brokerName, ids]) =>
      [...ids].map(([brokerId, address]) => ({ address, brokerId, brokerName })),
    )
  }

  /** Asks for a topic's route now. True when there is one; questions about one topic are asked once. */
  refresh(topic: string, done: Done<boolean>): void {
    const waiting = this.#asking.get(topic)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const all = [done]
    this.#asking.set(topic, all)
    this.#fetch(topic, (outcome) => {
      this.#asking.delete(topic)
      if (outcome instanceof GantryError) this.#world.log.debug("no route", { error: outcome.message, topic })
      else if (outcome !== undefined) this.#install(topic, outcome)
      for (const one of all) one(outcome instanceof GantryError ? outcome : outcome !== undefined)
    })
  }

  /** The route as the name server gives it; undefined for a topic that it does not know. */
  #fetch(topic: string, done: Done<RouteData | undefined>): void {
    const code = RequestCode.GET_ROUTEINFO_BY_TOPIC
    const ext = GetRouteInfo.encode({ acceptStandardJsonOnly: true, topic })
    this.#nameServers.ask({ code, ext }, this.#settings.requestTimeoutMs, (answer) => {
      if (answer instanceof GantryError) return done(answer)
      if (answer.code === ResponseCode.TOPIC_NOT_EXIST) return done(undefined)
      if (answer.code !== ResponseCode.SUCCESS) return done(ofAnswer(answer, code, this.#nameServers.text))
      const route = RouteData.decode(answer.body)
      done(route instanceof Malformed ? new AnswerError(requestCodeName(code), this.#nameServers.text, route) : route)
    })
  }

  /** Takes the route of TBW102 for a topic that does not exist yet. */
  #borrow(topic: string, done: Done<PublishInfo>): void {
    this.#fetch(TopicName.AUTO_CREATE_TOPIC_KEY, (template) => {
      if (template instanceof GantryError) return done(template)
      if (template === undefined || template.queueDatas.length === 0) return done(this.#notFound(topic))
      // The topic may have been made, and asked for by somebody else, meanwhile.
      const known = this.#known.get(topic)
      if (known === undefined) this.#install(topic, TopicRoute.borrowed(template, defaultTopicQueueNums))
      const { publish } = this.#known.get(topic)!
      done(publish.queues.length > 0 ? publish : this.#notFound(topic))
    })
  }

  #install(topic: string, route: RouteData): void {
    const signature = signatureOf(route)
    const known = this.#known.get(topic)
    if (known?.signature === signature) return
    const turn = known?.publish.turn ?? { index: this.#world.random.u32() | 0 }
    this.#known.set(topic, {
      publish: { queues: TopicRoute.writeQueues(topic, route), turn },
      readQueues: TopicRoute.readQueues(topic, route),
      route,
      signature,
    })
    this.#collectBrokers()
    this.onChange(topic)
  }

  /** A broker is known as long as a route names it; of two routes the newer one says where it is. */
  #collectBrokers(): void {
    const brokers = new Map<string, ReadonlyMap<number, Address>>()
    for (const { route } of this.#known.values()) {
      for (const { brokerAddrs, brokerName } of route.brokerDatas) {
        const ids = new Map<number, Address>()
        for (const [brokerId, text] of [...brokerAddrs].toSorted(([left], [right]) => left - right)) {
          const address = PeerAddress.parse(text)
          if (address !== undefined) ids.set(brokerId, address)
        }
        brokers.set(brokerName, ids)
      }
    }
    this.#brokers = brokers
  }

  #notFound(topic: string): RouteError {
    return new RouteError(
      "TOPIC_NOT_FOUND",
      `No broker serves topic "${topic}", says the name server ${this.#nameServers.text}, and no broker there creates ` +
        `topics by itself (autoCreateTopicEnable). Create it with admin().createTopic({ topic: "${topic}" })`,
    )
  }

  #notWritable(topic: string): RouteError {
    return new RouteError(
      "BROKER_NOT_FOUND",
      `Topic "${topic}" is known to the name server ${this.#nameServers.text}, but no broker with a master takes ` +
        "messages for it now: its brokers are down, or the topic has no write permission",
    )
  }
}

const defaultTopicQueueNums = 4

const signatureOf = (route: RouteData): string =>
  JSON.stringify([
    route.queueDatas
      .map(({ brokerName, perm, readQueueNums, topicSysFlag, writeQueueNums }) =>
        [brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag].join(),
      )
      .toSorted(),
    route.brokerDatas
      .map(({ brokerAddrs, brokerName }) =>
        [brokerName, ...[...brokerAddrs].map((one) => one.join()).toSorted()].join(),
      )
      .toSorted(),
    route.orderTopicConf ?? "",
  ])
