/**
 * What commands ask of a cluster: routes from its name servers, requests to its brokers. Every failure is a sentence
 * that says who did not answer what, and what to do about it.
 */
import { hint, nearest } from "../domain/Nearest.ts"
import * as Topic from "../domain/Topic.ts"
import type { Command } from "../format/Command.ts"
import { Malformed } from "../format/Malformed.ts"
import { GetRouteInfo } from "../format/NameServer.ts"
import { RequestCode, requestCodeName } from "../format/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../format/ResponseCode.ts"
import { ClusterInfo, RouteData, TopicList } from "../format/RouteData.ts"
import { nodeClock } from "../infra/clock/NodeClock.ts"
import type { Address } from "../infra/network/Network.ts"
import { nodeNetwork } from "../infra/network/NodeNetwork.ts"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import { RemotingClient } from "../infra/remoting/RemotingClient.ts"
import type { Request } from "../infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../infra/remoting/RemotingError.ts"
import { silent } from "../infra/telemetry/Log.ts"
import type { Call } from "./Call.ts"
import { CliFault } from "./CliFault.ts"

/** A broker, by the name that people know it by, and where it is. */
export interface Broker {
  readonly brokerName: string
  readonly address: Address
  /** Somebody named the address: no name server said so. */
  readonly isGiven?: true
}

/** A queue of a topic, and the master that serves it. */
export interface Queue extends Broker {
  readonly topic: string
  readonly queueId: number
}

/** The queues of a topic that can be written to, or read from. */
export type Way = "write" | "read"

const timeoutMs = 10_000
const nameServerDefault = "127.0.0.1:9876"

export class ClusterClient {
  readonly nameServers: ReadonlyArray<Address>
  // Not a whole world: neither a disk nor Effect has to be loaded for a question.
  readonly #client = new RemotingClient({ clock: nodeClock, log: silent, network: nodeNetwork })

  constructor(nameServers: ReadonlyArray<Address>) {
    this.nameServers = nameServers
  }

  /** Where the call's options, or else the environment, say that the name servers are. */
  static of(call: Call): ClusterClient {
    const text = call.text("namesrv") ?? process.env["NAMESRV_ADDR"] ?? nameServerDefault
    const addresses = PeerAddress.parseList(text)
    if ("illegal" in addresses)
      throw call.refusal(`The name server "${addresses.illegal}" is not host:port, such as ${nameServerDefault}.`)
    if (addresses.length === 0) throw call.refusal("No name server is given: the text is empty.")
    return new ClusterClient(addresses)
  }

  close(): void {
    this.#client.close()
  }

  /** The answer of a peer, whatever its code. */
  ask(address: Address, request: Request, patienceMs = timeoutMs): Promise<Command | RemotingError> {
    return new Promise((resolve) => this.#client.ask(address, request, patienceMs, resolve))
  }

  /** The answer of a broker with SUCCESS; anything else is a fault. */
  async askBroker(broker: Broker, request: Request, patienceMs = timeoutMs): Promise<Command> {
    return this.accepted(broker, request, await this.ask(broker.address, request, patienceMs))
  }

  /** The answer, when it is SUCCESS; throws what to say of any other. */
  accepted(broker: Broker, request: Request, answer: Command | RemotingError): Command {
    if (answer instanceof RemotingError) throw this.brokerSilent(broker, answer)
    if (answer.code === ResponseCode.SUCCESS) return answer
    throw refused(`The broker ${broker.brokerName}`, request, answer)
  }

  /** The route of a topic; undefined when no broker serves it. */
  async routeOf(topic: string): Promise<RouteData | undefined> {
    const request = {
      code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
      ext: GetRouteInfo.encode({ acceptStandardJsonOnly: true, topic }),
    }
    const answer = await this.askNameServer(request)
    if (answer.code === ResponseCode.TOPIC_NOT_EXIST) return undefined
    if (answer.code !== ResponseCode.SUCCESS) throw refused("The name server", request, answer)
    const route = RouteData.decode(answer.body)
    if (route instanceof Malformed)
      throw new CliFault(`The name server's route of ${topic} cannot be read: ${route.message}.`)
    return route
  }

  /** The topics that applications made, as the name server knows them. */
  async topics(): Promise<ReadonlyArray<string>> {
    const answer = await this.askNameServer({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })
    const list = answer.code === ResponseCode.SUCCESS ? TopicList.decode(answer.body) : undefined
    if (list === undefined || list instanceof Malformed) return []
    const ofBrokers = await this.#topicsOfBrokers()
    return list.topicList
      .filter((topic) => !Topic.isSystem(topic, ofBrokers) && !Topic.isRetry(topic) && !Topic.isDlq(topic))
      .toSorted()
  }

  /** The topics that brokers make for themselves, named after brokers and clusters. */
  async #topicsOfBrokers(): Promise<ReadonlySet<string>> {
    const answer = await this.askNameServer({ code: RequestCode.GET_BROKER_CLUSTER_INFO })
    const info = answer.code === ResponseCode.SUCCESS ? ClusterInfo.decode(answer.body) : undefined
    if (info === undefined || info instanceof Malformed) return new Set()
    const clusters = [...info.clusterAddrTable.keys()]
    return new Set([...clusters, ...clusters.map(Topic.replyTopic), ...info.brokerAddrTable.keys()])
  }

  /** Why a topic cannot be used, with the nearest known one. */
  async unknownTopic(topic: string, advice: string): Promise<CliFault> {
    const known = await this.topics()
    const names = this.nameServers.map(PeerAddress.print).join(";")
    const near = hint(topic, known)
    const others =
      near !== ""
        ? near
        : known.length === 0
          ? ""
          : ` It knows ${known.slice(0, 5).join(", ")}${known.length > 5 ? ", …" : ""}.`
    return new CliFault(`No broker serves topic ${topic}, says the name server ${names}.${others} ${advice}`)
  }

  /** The known topic that `topic` may be a typing mistake of. */
  async nearTopic(topic: string): Promise<string | undefined> {
    return nearest(
      topic,
      (await this.topics()).filter((known) => known !== topic),
    )
  }

  /** What to say of a broker that does not answer. */
  brokerSilent(broker: Broker, error: RemotingError): CliFault {
    const at = PeerAddress.print(broker.address)
    if (broker.isGiven === true && error.reason === "ConnectFailed")
      return new CliFault(
        `Nothing can be reached at ${at} (${detailOf(error)}). Is a broker running there? gantry admin clusterList tells the brokers that the name server knows.`,
      )
    const where = `The name server says that ${broker.brokerName} is at ${at}`
    return error.reason === "ConnectFailed"
      ? new CliFault(
          `${where}, and nothing can be reached there (${detailOf(error)}). Is it running? If it is behind Docker or NAT, set its brokerIP1 (gantry dev: --advertise) to an address that can be reached from here.`,
        )
      : new CliFault(`${where}, and it gave no answer (${detailOf(error)}). Whether it acted is not known. Try again.`)
  }

  /** The first answer of a name server, whatever its code. */
  async askNameServer(request: Request): Promise<Command> {
    const silentOnes: Array<string> = []
    for (const address of this.nameServers) {
      const answer = await this.ask(address, request)
      if (!(answer instanceof RemotingError)) return answer
      silentOnes.push(`${PeerAddress.print(address)} (${detailOf(answer)})`)
    }
    throw new CliFault(
      `No name server answers at ${silentOnes.join(", ")}. Start one with gantry dev or gantry namesrv, or say where it is with -n HOST:PORT.`,
    )
  }
}

/** The queues of a route, broker by broker; only masters count. */
export const queuesOf = (topic: string, route: RouteData, way: Way): ReadonlyArray<Queue> =>
  route.queueDatas.flatMap(({ brokerName, perm, readQueueNums, writeQueueNums }) => {
    const addresses = route.brokerDatas.find((data) => data.brokerName === brokerName)?.brokerAddrs
    const address = PeerAddress.parse(addresses?.get(0) ?? "")
    const isOpen = way === "write" ? Topic.isWritable(perm) : Topic.isReadable(perm)
    if (address === undefined || !isOpen) return []
    const count = way === "write" ? writeQueueNums : readQueueNums
    return Array.from({ length: count }, (_, queueId) => ({ address, brokerName, queueId, topic }))
  })

/** Why a peer gave no answer, in a few words. */
export const detailOf = (error: RemotingError): string => {
  const detail = /\(([^)]+)\)$/.exec(error.message)?.[1]
  if (error.reason === "ConnectFailed") return detail === undefined ? "no connection" : (connectWords[detail] ?? detail)
  if (error.reason === "TimedOut") return "no answer in time"
  return error.reason === "Closed" ? "the connection was closed" : error.reason
}

const connectWords: Readonly<Record<string, string>> = {
  NotFound: "there is no such host",
  Refused: "the connection is refused",
  TimedOut: "no connection in time",
  Unreachable: "the host cannot be reached",
}

/** What to say of a request that was understood and refused. */
export const refused = (who: string, request: Request, answer: Command): CliFault =>
  new CliFault(
    `${who} refuses ${requestCodeName(request.code)}: ${responseCodeName(answer.code)}${answer.remark === undefined ? "" : `, ${answer.remark}`}`,
  )
