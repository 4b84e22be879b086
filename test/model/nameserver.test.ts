/**
 * The name server against what Apache RocketMQ 5.5.0's name server answered to brokers and clients of 5.5.0 and 4.9.8
 * (test/golden/wire): the recorded request frames are sent as they are; code and body must be the recorded ones.
 */
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { beforeAll, describe, expect, it } from "vitest"
import * as Command from "../../src/format/Command.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import * as RouteData from "../../src/format/RouteData.ts"
import type { Connection } from "../../src/infra/network/Network.ts"
import { FrameSplitter } from "../../src/infra/remoting/FrameSplitter.ts"
import type { SimNode, SimWorld } from "../../src/infra/world/SimWorld.ts"
import { makeSimWorld } from "../../src/infra/world/SimWorld.ts"
import * as NamesrvConfig from "../../src/node/nameserver/NamesrvConfig.ts"
import * as NameServer from "../../src/node/nameserver/NameServer.ts"
import { exchanges } from "../golden/golden.ts"
import type { Exchange } from "../golden/golden.ts"

const decode = (frame: Buffer): Command.Command => {
  const command = Command.decode(frame, 4, frame.length)
  if (command instanceof Error) throw command
  return command
}

/** A peer that sends frames as they are and reads what comes back. */
class RawPeer {
  readonly #cluster: SimWorld
  readonly #splitter = new FrameSplitter()
  readonly answers: Command.Command[] = []
  isClosed = false
  #connection: Connection | undefined

  constructor(cluster: SimWorld, node: SimNode) {
    this.#cluster = cluster
    node.world.network.connect(
      { host: "10.0.0.1", port: 9876 },
      1000,
      (connection) => {
        this.#connection = connection
        return {
          onClose: () => {
            this.isClosed = true
          },
          onData: (chunk) => {
            this.#splitter.push(chunk)
            while (this.#splitter.next()) {
              const { end, frame, start } = this.#splitter
              this.answers.push(decode(Buffer.from(frame.subarray(start - 4, end))))
            }
          },
          onDrain: () => {},
        }
      },
      (error) => {
        throw error
      },
    )
    cluster.sim.runUntil(() => this.#connection !== undefined, 1000)
  }

  /** Sends a frame, cut in two; the answer, or undefined when none came within 50 ms. */
  send(frame: Buffer): Command.Command | undefined {
    const before = this.answers.length
    const middle = Math.floor(frame.length / 2)
    this.#connection!.write(frame.subarray(0, middle))
    this.#connection!.write(frame.subarray(middle))
    this.#cluster.sim.runUntil(() => this.answers.length > before || this.isClosed, 50)
    return this.answers[before]
  }
}

const begin = () => {
  const cluster = makeSimWorld(2024)
  const config = { ...NamesrvConfig.defaults("/home"), bindAddress: "10.0.0.1", orderMessageEnable: true }
  const scope = cluster.sim.sync(Scope.make())
  const started = NameServer.make(config, cluster.node("namesrv", "10.0.0.1").world)
  expect(Exit.isSuccess(cluster.sim.run(Scope.provide(started, scope)))).toBe(true)
  return { cluster, peer: new RawPeer(cluster, cluster.node("peer", "10.0.0.2")) }
}

const asked = exchanges().filter((exchange) => exchange.to.startsWith("namesrv"))

const request = (code: number, ext: Command.Ext, more: Partial<Command.Command> = {}): Buffer =>
  Command.encode({ ...Command.request(code, 1, ext), ...more })

/** Recorded answers that ours differs from on purpose: docs/compatibility.md. */
const ownCodes = new Map([[RequestCode.UPDATE_NAMESRV_CONFIG as number, 16]])

/** Lists whose content depends on when they were asked; what is the same is that they are lists of names. */
const isListing = (code: number): boolean => code === 206 || code === 224

describe("golden exchanges of Apache RocketMQ 5.5.0", () => {
  let peer: RawPeer
  const outcomes: Array<{
    exchange: Exchange
    ours: Command.Command | undefined
    theirs: Command.Command | undefined
  }> = []

  const order = (key: string, value: string | undefined): void => {
    const namespace = "ORDER_TOPIC_CONFIG"
    peer.send(value === undefined ? request(102, { key, namespace }) : request(100, { key, namespace, value }))
  }

  /** Brings the name server into the state in which the recorded answer was given, where no recorded request did. */
  const prepare = (exchange: Exchange): void => {
    if (exchange.response === null) return
    const { ext } = decode(Buffer.from(exchange.request, "hex"))
    const theirs = decode(Buffer.from(exchange.response, "hex"))
    if (exchange.code === 103 && theirs.body.length > 0) order("J5Topic", "broker-a:2")
    if (exchange.code !== 105) return
    const topic = ext["topic"] as string
    if (theirs.code !== 0) peer.send(request(216, { topic }))
    const recorded = RouteData.RouteData.decode(theirs.body)
    if (recorded instanceof Error) return
    order(topic, recorded.orderTopicConf)
    const [broker] = recorded.brokerDatas
    const brokerExt = {
      brokerAddr: "127.0.0.2:39911",
      brokerId: 0,
      brokerName: "broker-a",
      clusterName: "DefaultCluster",
    }
    const enableActingMaster = broker?.enableActingMaster
    peer.send(
      request(103, { ...brokerExt, enableActingMaster: enableActingMaster ?? false, haServerAddr: "127.0.0.2:39912" }),
    )
    peer.send(request(217, { topic }, { body: theirs.body }))
  }

  beforeAll(() => {
    peer = begin().peer
    const byBrokers = asked.filter((exchange) => exchange.code === 103)
    // Routes are asked from a name server that knows the broker, which is recorded in another file.
    for (const exchange of [
      ...byBrokers,
      ...asked.filter(({ code }) => code !== 103 && code !== 104),
      ...asked.filter(({ code }) => code === 104),
    ]) {
      prepare(exchange)
      const ours = peer.send(Buffer.from(exchange.request, "hex"))
      const theirs = exchange.response === null ? undefined : decode(Buffer.from(exchange.response, "hex"))
      outcomes.push({ exchange, ours, theirs })
    }
  })

  it("covers the calls of brokers, clients and administrators", () => {
    expect(new Set(outcomes.map(({ exchange }) => exchange.code))).toEqual(
      new Set([100, 101, 102, 103, 104, 105, 106, 205, 206, 216, 219, 224, 304, 318, 319, 322, 327, 901, 904, 9999]),
    )
    expect(outcomes.length).toBeGreaterThan(250)
  })

  it("are answered with the same code, under the same number, in the form of the request", () => {
    for (const { exchange, ours, theirs } of outcomes) {
      const name = `${exchange.scenario} ${exchange.codeName} of ${exchange.from}`
      expect([name, ours?.code]).toEqual([
        name,
        theirs === undefined ? undefined : (ownCodes.get(exchange.code) ?? theirs.code),
      ])
      expect([name, ours?.opaque]).toEqual([name, theirs?.opaque])
      if (ours !== undefined) expect([name, ours.serialize]).toEqual([name, exchange.serialize === "JSON" ? 0 : 1])
    }
  })

  it("are answered with the same bodies, byte for byte", () => {
    for (const { exchange, ours, theirs } of outcomes) {
      const isOwn = isListing(exchange.code) || exchange.code === 319 || exchange.code === 318
      if (ours === undefined || theirs === undefined || isOwn) continue
      expect([exchange.scenario, normal(ours)]).toEqual([exchange.scenario, normal(theirs)])
    }
  })

  it("are answered with the same parameters", () => {
    for (const { exchange, ours, theirs } of outcomes) {
      if (ours === undefined || theirs === undefined) continue
      // How many topics a broker had is not recorded everywhere.
      const seen = ({ ext }: Command.Command): unknown =>
        exchange.code === 205 || exchange.code === 327 ? Object.keys(ext) : { ...ext }
      expect([exchange.scenario, seen(ours)]).toEqual([exchange.scenario, seen(theirs)])
    }
  })

  it("name the topics in lists", () => {
    const lists = outcomes.filter(({ exchange }) => isListing(exchange.code))
    expect(lists.length).toBe(8)
    for (const { ours } of lists) {
      const { topicList } = JSON.parse(ours!.body.toString()) as { topicList: string[] }
      expect(topicList).toEqual(
        expect.arrayContaining(["TBW102", "DefaultCluster", "broker-a", "J5Topic", "%RETRY%J5Group"]),
      )
    }
  })
})

/** A body as text. 5.5.0 lists the names of 304 in the order of a hash set. */
const normal = ({ body }: Command.Command): string => {
  const text = body.toString()
  if (!text.startsWith('{"brokerAddr":"')) return text
  const list = JSON.parse(text) as { brokerAddr: string; topicList: string[] }
  return JSON.stringify({ ...list, topicList: list.topicList.toSorted() })
}

describe("clients of other versions", () => {
  it("below 4.9.4 get the keys of brokerAddrs as bare numbers, without white space, unless they ask for standard JSON", () => {
    const { peer } = begin()
    const ext = {
      brokerAddr: "10.0.0.1:10911",
      brokerId: 0,
      brokerName: "broker-a",
      clusterName: "DefaultCluster",
      haServerAddr: "",
    }
    const topics = { T: { perm: 6, readQueueNums: 4, topicName: "T", writeQueueNums: 4 }, U: { topicName: "U" } }
    peer.send(
      request(103, ext, {
        body: Buffer.from(JSON.stringify({ topicConfigSerializeWrapper: { topicConfigTable: topics } })),
      }),
    )
    const slave = { ...ext, brokerAddr: "10.0.0.2:10911", brokerId: 1 }
    peer.send(request(103, slave))
    const rest =
      '},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}'
    const legacy = `{"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:10911"${rest}`
    const standard = `{"brokerDatas":[{"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"${rest}`
    const route = (version: number, more: Command.Ext = {}): string =>
      peer.send(request(105, { topic: "T", ...more }, { version }))!.body.toString()
    expect([0, 317, 399, 400].map((version) => route(version))).toEqual([legacy, legacy, legacy, legacy])
    expect([401, 409, 513, 700].map((version) => route(version))).toEqual([standard, standard, standard, standard])
    expect(route(317, { acceptStandardJsonOnly: "true" })).toBe(standard)
  })

  it("that send garbage are disconnected, and the others do not notice (P11)", () => {
    const { cluster, peer } = begin()
    const hostile = new RawPeer(cluster, cluster.node("hostile", "10.0.0.66"))
    expect(hostile.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toBeUndefined()
    expect(hostile.isClosed).toBe(true)
    expect(peer.send(request(105, { topic: "T" }))?.code).toBe(17)
  })
})
