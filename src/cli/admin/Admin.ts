/**
 * What the commands of `gantry admin` ask of a cluster. Each request is answered, or the command ends with a sentence
 * that says who refused what. Where a command acts on several brokers, all are asked before anything is told.
 */
import { hint } from "../../domain/Nearest.ts"
import * as Topic from "../../domain/Topic.ts"
import * as SubscriptionGroup from "../../domain/SubscriptionGroup.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import type { Command } from "../../format/Command.ts"
import { Malformed } from "../../format/Malformed.ts"
import { RequestCode, requestCodeName } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { ClusterInfo, type RouteData, TopicList } from "../../format/RouteData.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { Address } from "../../infra/network/Network.ts"
import type { Request } from "../../infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import type { Call } from "../Call.ts"
import { CliFault } from "../CliFault.ts"
import { type Broker, ClusterClient, detailOf, refused } from "../ClusterClient.ts"

/** A broker of the cluster, as the name server knows it. */
export interface Member extends Broker {
  readonly cluster: string
  /** 0 is the master. */
  readonly brokerId: number
}

/** What a body is read by. */
interface Decoder<T> {
  readonly decode: (body: Buffer) => T | Malformed
}

/** Asks a person a question. */
type Ask = (question: string) => Promise<string>

/** The person at the terminal; undefined when input or output is no terminal. */
const person = (): Ask | undefined => {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined
  return async (question) => {
    const { createInterface } = await import("node:readline/promises")
    const terminal = createInterface({ input: process.stdin, output: process.stderr })
    const answer = await terminal.question(question)
    terminal.close()
    return answer
  }
}

export class Admin {
  readonly call: Call
  readonly cluster: ClusterClient
  readonly #ask: Ask | undefined
  #info: Promise<ClusterInfo> | undefined

  constructor(call: Call, cluster = ClusterClient.of(call), ask = person()) {
    this.call = call
    this.cluster = cluster
    this.#ask = ask
  }

  close(): void {
    this.cluster.close()
  }

  /** The clusters and brokers that the name server knows. */
  info(): Promise<ClusterInfo> {
    this.#info ??= this.#askInfo()
    return this.#info
  }

  async #askInfo(): Promise<ClusterInfo> {
    const request = { code: RequestCode.GET_BROKER_CLUSTER_INFO }
    const answer = await this.cluster.askNameServer(request)
    if (answer.code !== ResponseCode.SUCCESS) throw refused("The name server", request, answer)
    return this.read(ClusterInfo, answer.body, "The name server")
  }

  /** Every topic that the name server knows, brokers' own among them. */
  async topics(): Promise<ReadonlyArray<string>> {
    const request = { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER }
    const answer = await this.cluster.askNameServer(request)
    if (answer.code !== ResponseCode.SUCCESS) throw refused("The name server", request, answer)
    return this.read(TopicList, answer.body, "The name server").topicList.toSorted()
  }

  /** The topics that applications made. */
  async applicationTopics(): Promise<ReadonlyArray<string>> {
    const { brokerAddrTable, clusterAddrTable } = await this.info()
    const clusters = [...clusterAddrTable.keys()]
    const own = new Set([...clusters, ...clusters.map(Topic.replyTopic), ...brokerAddrTable.keys()])
    return (await this.topics()).filter(
      (topic) => !Topic.isSystem(topic, own) && !Topic.isRetry(topic) && !Topic.isDlq(topic),
    )
  }

  /** Every broker, or every one of a cluster, masters first. */
  async members(clusterName?: string): Promise<ReadonlyArray<Member>> {
    const { brokerAddrTable, clusterAddrTable } = await this.info()
    const clusters = clusterName === undefined ? [...clusterAddrTable.keys()].toSorted() : [clusterName]
    const members = clusters.flatMap((cluster) =>
      [...(clusterAddrTable.get(cluster) ?? [])].toSorted().flatMap((brokerName) =>
        [...(brokerAddrTable.get(brokerName)?.brokerAddrs ?? [])]
          .toSorted(([left], [right]) => left - right)
          .flatMap(([brokerId, text]) => {
            const address = PeerAddress.parse(text)
            return address === undefined ? [] : [{ address, brokerId, brokerName, cluster }]
          }),
      ),
    )
    if (members.length > 0) return members
    const known = [...clusterAddrTable.keys()].toSorted()
    const names = this.nameServerNames
    if (clusterName === undefined || known.length === 0)
      throw new CliFault(
        `The name server ${names} knows no broker. Start one with gantry broker -n ${names}, or wait until it has registered.`,
      )
    throw new CliFault(
      `The name server ${names} knows no cluster ${clusterName}.${hint(clusterName, known)} It knows ${known.join(", ")}.`,
    )
  }

  async masters(clusterName?: string): Promise<ReadonlyArray<Member>> {
    const masters = (await this.members(clusterName)).filter(({ brokerId }) => brokerId === 0)
    if (masters.length > 0) return masters
    throw new CliFault(`${clusterName ?? "The cluster"} has no master now: only replicas are registered.`)
  }

  /** The masters that --clusterName (or --cluster) names, or the one broker of --brokerAddr, which counts more. */
  async targets(clusterOption = "clusterName"): Promise<ReadonlyArray<Broker>> {
    const given = this.given("brokerAddr")
    return given === undefined ? this.masters(this.call.text(clusterOption)) : [given]
  }

  /** The broker whose address an option gives. */
  given(option: string): Broker | undefined {
    const text = this.call.text(option)
    if (text === undefined) return undefined
    // RocketMQ's port is understood where none is given.
    const address = PeerAddress.parse(text.includes(":") ? text : `${text}:10911`)
    if (address === undefined) throw this.call.refusal(`--${option} ${text} is not host:port, such as 127.0.0.1:10911.`)
    return { address, brokerName: PeerAddress.print(address), isGiven: true }
  }

  /** The broker of a name: its master. */
  async named(brokerName: string): Promise<Member> {
    const members = await this.members()
    const found = members.find((member) => member.brokerName === brokerName)
    if (found !== undefined) return found
    const known = [...new Set(members.map((member) => member.brokerName))]
    throw new CliFault(
      `The name server ${this.nameServerNames} knows no broker ${brokerName}.${hint(brokerName, known)} It knows ${known.join(", ")}.`,
    )
  }

  get nameServerNames(): string {
    return this.cluster.nameServers.map(PeerAddress.print).join(";")
  }

  /** The topic that an option names, once its name is one; of the system or not. */
  topic(option = "topic"): string {
    const topic = this.call.text(option)!
    const illegal = Topic.isRetry(topic) || Topic.isDlq(topic) ? undefined : Topic.validateName(topic)
    if (illegal !== undefined) throw this.call.refusal(`${illegal}.`)
    return topic
  }

  group(option: string): string {
    const group = this.call.text(option)!
    const illegal = SubscriptionGroup.validateName(group)
    if (illegal !== undefined) throw this.call.refusal(illegal)
    return group
  }

  /** The route of a topic; a fault that knows similar topics when there is none. */
  async route(topic: string): Promise<RouteData> {
    const route = await this.cluster.routeOf(topic)
    if (route !== undefined) return route
    throw await this.cluster.unknownTopic(topic, `Create it: gantry admin updateTopic -t ${topic} -c DefaultCluster.`)
  }

  /** The masters that serve a topic. */
  async mastersOf(topic: string): Promise<ReadonlyArray<Broker>> {
    return mastersIn(await this.route(topic))
  }

  /** A broker's answer to a request, read by `decoder`; anything but SUCCESS is a fault. */
  async ask<T>(broker: Broker, request: Request, decoder: Decoder<T>): Promise<T> {
    return this.read(decoder, (await this.accepted(broker, request)).body, `The broker ${broker.brokerName}`)
  }

  async accepted(broker: Broker, request: Request, patienceMs?: number): Promise<Command> {
    const answer = await this.cluster.ask(broker.address, request, patienceMs)
    if (!(answer instanceof RemotingError) && answer.code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED)
      throw new CliFault(
        `The broker ${broker.brokerName} does not serve this: ${requestCodeName(request.code)} (${request.code}). docs/compatibility.md lists what Gantry serves.`,
      )
    return this.cluster.accepted(broker, request, answer)
  }

  /**
   * Tells each broker to change something. All of them are asked, whatever one says: who refuses must not stop the
   * others half way, and when some did it and some did not, the fault says which.
   */
  async change<B extends Broker>(brokers: ReadonlyArray<B>, requestOf: (broker: B) => Request): Promise<void> {
    const outcomes = await Promise.allSettled(brokers.map((broker) => this.accepted(broker, requestOf(broker))))
    const failed = outcomes.findIndex(({ status }) => status === "rejected")
    const first = outcomes[failed]
    if (first?.status !== "rejected") return
    const done = brokers.filter((_, at) => outcomes[at]!.status === "fulfilled").map(({ brokerName }) => brokerName)
    if (done.length === 0 || !(first.reason instanceof CliFault)) throw first.reason
    throw new CliFault(
      `${first.reason.message} It is done on ${[...new Set(done)].join(", ")}: run this again when all answer.`,
    )
  }

  /** A broker's answer, read by `decoder`; undefined for a code that means that there is nothing. */
  async askIf<T>(
    broker: Broker,
    request: Request,
    decoder: Decoder<T>,
    nothing: ReadonlyArray<number>,
  ): Promise<T | undefined> {
    const answer = await this.cluster.ask(broker.address, request)
    if (!(answer instanceof RemotingError) && nothing.includes(answer.code)) return undefined
    return this.read(decoder, this.cluster.accepted(broker, request, answer).body, `The broker ${broker.brokerName}`)
  }

  read<T>(decoder: Decoder<T>, body: Buffer, who: string): T {
    const read = decoder.decode(body)
    if (read instanceof Malformed) throw new CliFault(`${who} answers what cannot be read: ${read.message}.`)
    return read
  }

  /** Every name server's answer with SUCCESS: what is kept by name servers is kept by each of them. */
  async askNameServers(request: Request): Promise<ReadonlyArray<readonly [Address, Command]>> {
    const { nameServers } = this.cluster
    const answers = await Promise.all(nameServers.map((address) => this.cluster.ask(address, request)))
    const done = nameServers.filter((_, at) => {
      const answer = answers[at]!
      return !(answer instanceof RemotingError) && answer.code === ResponseCode.SUCCESS
    })
    const others = done.length === 0 ? "" : ` ${done.map(PeerAddress.print).join(", ")} did answer.`
    return answers.map((answer, at) => {
      const address = nameServers[at]!
      const name = `The name server ${PeerAddress.print(address)}`
      if (answer instanceof RemotingError)
        throw new CliFault(
          `${name} gives no answer (${detailOf(answer)}). Start it with gantry dev or gantry namesrv, or say where it is with -n HOST:PORT.${others}`,
        )
      if (answer.code !== ResponseCode.SUCCESS) throw refused(name, request, answer)
      return [address, answer] as const
    })
  }

  /** The groups that brokers have, by name. */
  async groups(brokers?: ReadonlyArray<Broker>): Promise<ReadonlyMap<string, typeof ConfigJson.GroupConfig.Type>> {
    const request = { code: RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG }
    const tables = await Promise.all(
      (brokers ?? (await this.masters())).map((broker) => this.ask(broker, request, ConfigJson.SubscriptionGroups)),
    )
    return new Map(tables.flatMap(({ subscriptionGroupTable }) => Array.from(subscriptionGroupTable)))
  }

  /** What to say of a group that no broker knows. */
  async unknownGroup(group: string): Promise<CliFault> {
    const known = [...(await this.groups()).keys()].filter((name) => !SubscriptionGroup.isPredefined(name))
    const near = hint(group, known)
    const others =
      near !== ""
        ? near
        : known.length === 0
          ? ""
          : ` They know ${known.slice(0, 5).join(", ")}${known.length > 5 ? ", …" : ""}.`
    return new CliFault(
      `No broker knows group ${group}.${others} A group appears with its first consumer, or by gantry admin updateSubGroup -g ${group} -c DefaultCluster.`,
    )
  }

  /**
   * Asks before something is lost, but only a person: with --yes, or when input or output is no terminal, nobody is
   * asked, because mqadmin never asks and its scripts must go on.
   */
  async confirm(what: string): Promise<void> {
    if (this.call.flag("yes") || this.#ask === undefined) return
    const answer = await this.#ask(`${what} Type yes to go on: `)
    if (answer.trim() !== "yes") throw new CliFault("Nothing was changed.")
  }
}

/** The masters of a route. */
export const mastersIn = (route: RouteData): ReadonlyArray<Broker> =>
  route.brokerDatas.flatMap(({ brokerAddrs, brokerName }) => {
    const address = PeerAddress.parse(brokerAddrs.get(0) ?? "")
    return address === undefined ? [] : [{ address, brokerName }]
  })
