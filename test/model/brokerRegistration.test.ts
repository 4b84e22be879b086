/** How a broker keeps name servers informed: in pieces, and of what they lack. On simulated machines. */
import { describe, expect, it } from "vitest"
import * as DataVersion from "../../src/domain/DataVersion.ts"
import * as ConfigJson from "../../src/format/ConfigJson.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as NameServer from "../../src/format/NameServer.ts"
import * as RegisterBroker from "../../src/format/RegisterBroker.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { KvTable, RouteData, TopicList } from "../../src/format/RouteData.ts"
import type { Handler, Handlers } from "../../src/infra/remoting/Hub.ts"
import { RemotingServer } from "../../src/infra/remoting/RemotingServer.ts"
import type { BrokerConfig } from "../../src/node/broker/BrokerConfig.ts"
import { createTopic, nameServerAddress, OneBroker } from "./cluster.ts"

/** A name server that notes what it is told. */
class Listener {
  /** Code, number of topics, and bytes of each request. */
  readonly heard: Array<readonly [code: number, topics: number, bytes: number]> = []
  readonly topics = new Map<string, number>()
  version: DataVersion.DataVersion | undefined
  /** Refuses the registrations whose turn it is. */
  refuses: (n: number) => boolean = () => false
  ordered: ReadonlyMap<string, string> | undefined
  hasLeft = false
  #registrations = 0

  constructor(cluster: OneBroker, name: string, host: string) {
    const server = new RemotingServer(cluster.world.node(name, host).world)
    const handlers: Handlers = new Map<number, Handler>([
      [RequestCode.REGISTER_BROKER, this.#register],
      [RequestCode.QUERY_DATA_VERSION, this.#compare],
      [RequestCode.UNREGISTER_BROKER, this.#leave],
    ])
    server.listen({ host, port: 9876 }, handlers, () => {})
    cluster.world.sim.runFor(10)
  }

  take(): ReadonlyArray<readonly [number, number, number]> {
    return this.heard.splice(0)
  }

  forget(): void {
    this.topics.clear()
    this.version = undefined
  }

  readonly #register: Handler = (command, call) => {
    const body = RegisterBroker.decode(command.body, false, command.version)
    if (body instanceof Malformed) throw body
    const { dataVersion, topicConfigTable } = body.topicConfigSerializeWrapper
    this.heard.push([103, topicConfigTable.size, command.body.length])
    if (this.refuses(++this.#registrations)) return call.answer({ code: 1, remark: "register broker failed" })
    for (const [topic, { perm }] of topicConfigTable) this.topics.set(topic, perm)
    this.version = dataVersion
    const { ordered } = this
    call.answer({ code: 0, ...(ordered === undefined ? {} : { body: KvTable.encode({ table: ordered }) }) })
  }

  readonly #compare: Handler = (command, call) => {
    this.heard.push([322, 0, command.body.length])
    const asked = ConfigJson.DataVersion.decode(command.body)
    if (asked instanceof Malformed) throw asked
    const changed = this.version === undefined || !DataVersion.isEqual(asked, this.version)
    call.answer({ code: 0, ext: NameServer.QueryDataVersionAnswer.encode({ changed }) })
  }

  readonly #leave: Handler = (_command, call) => {
    this.hasLeft = true
    call.answer({ code: 0 })
  }
}

const createTopics = (cluster: OneBroker, count: number, perm = 6): void => {
  const topicConfigList = Array.from({ length: count }, (_, i) => ({ perm, topicName: `topic-${i}` }))
  const body = Buffer.from(JSON.stringify({ topicConfigList }))
  expect(cluster.ask({ body, code: RequestCode.UPDATE_AND_CREATE_TOPIC_LIST }).code).toBe(0)
}

const begin = (seed: number, config: Partial<BrokerConfig> = {}) => {
  const cluster = new OneBroker(seed, { namesrvAddr: "10.0.0.1:9876", splitRegistrationSize: 100, ...config })
  const listener = new Listener(cluster, "namesrv", nameServerAddress.host)
  return { cluster, listener }
}

/** A broker of a thousand topics that has registered all of them. */
const beginMany = (seed: number) => {
  const { cluster, listener } = begin(seed)
  createTopics(cluster, 1000)
  cluster.world.sim.runFor(70_000)
  expect(listener.topics.size).toBe(cluster.broker.state.metadata.topics.size)
  listener.take()
  return { cluster, listener }
}

describe("a broker of many topics", () => {
  it("registers in pieces, none larger than splitRegistrationSize", () => {
    const { cluster, listener } = begin(1)
    createTopics(cluster, 1000)
    cluster.world.sim.runFor(70_000)
    const pieces = listener.take().filter(([code]) => code === 103)
    expect(pieces.length).toBeGreaterThanOrEqual(10)
    expect(Math.max(...pieces.map(([, topics]) => topics))).toBe(100)
    expect(listener.topics.size).toBe(cluster.broker.state.metadata.topics.size)
  })

  it("then tells its data version only: less than 200 bytes each 30 s", () => {
    const { cluster, listener } = beginMany(2)
    cluster.world.sim.runFor(300_000)
    const heard = listener.take()
    expect(heard.length).toBe(10)
    expect(heard.filter(([code, , bytes]) => code !== 322 || bytes > 200)).toEqual([])
  })

  it("sends a topic that changed, at once and alone", () => {
    const { cluster, listener } = beginMany(3)
    cluster.ask(createTopic("fresh"))
    cluster.world.sim.runFor(1000)
    expect(listener.take().map(([code, topics]) => [code, topics])).toEqual([
      [322, 0],
      [103, 1],
    ])
    expect(listener.topics.has("fresh")).toBe(true)
    cluster.world.sim.runFor(60_000)
    expect(listener.take().some(([code]) => code === 103)).toBe(false)
  })

  it("sends all again to a name server that has lost it", () => {
    const { cluster, listener } = beginMany(4)
    listener.forget()
    cluster.world.sim.runFor(40_000)
    expect(listener.topics.size).toBe(cluster.broker.state.metadata.topics.size)
    listener.take()
    listener.forget()
    // A change does not hide the loss.
    cluster.ask(createTopic("fresh"))
    cluster.world.sim.runFor(1000)
    expect(listener.topics.size).toBe(cluster.broker.state.metadata.topics.size)
  })

  it("whole: a piece that is refused leaves no hole that looks complete", () => {
    const { cluster, listener } = begin(5)
    let refused = 0
    listener.refuses = (n) => n % 7 === 4 && ++refused < 6
    createTopics(cluster, 1000)
    cluster.world.sim.runFor(300_000)
    expect(refused).toBeGreaterThanOrEqual(6)
    expect([...cluster.broker.state.metadata.topics.keys()].filter((name) => !listener.topics.has(name))).toEqual([])
    listener.take()
    cluster.world.sim.runFor(60_000)
    expect(listener.take().every(([code]) => code === 322)).toBe(true)
  })

  it("tells a changed permission of the broker for every topic", () => {
    const { cluster, listener } = beginMany(6)
    cluster.broker.state.changeConfig({ brokerPermission: 4 })
    cluster.world.sim.runFor(5000)
    expect(new Set([...listener.topics.values()].map((perm) => perm & 2))).toEqual(new Set([0]))
  })

  it("is found through a name server of ours, changes in every piece included", () => {
    const cluster = new OneBroker(7, { namesrvAddr: "10.0.0.1:9876", splitRegistrationSize: 50 })
    cluster.nameServer("namesrv")
    for (const perm of [6, 4]) {
      createTopics(cluster, 300, perm)
      cluster.world.sim.runFor(70_000)
      const list = TopicList.decode(
        cluster.ask({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER }, nameServerAddress).body,
      )
      expect(list instanceof Malformed ? list : new Set(list.topicList)).toEqual(
        new Set(cluster.broker.state.metadata.topics.keys()),
      )
      for (const i of [0, 49, 50, 150, 299]) {
        const ext = NameServer.GetRouteInfo.encode({ topic: `topic-${i}` })
        const route = RouteData.decode(cluster.ask({ code: 105, ext }, nameServerAddress).body)
        expect(route instanceof Malformed ? route : route.queueDatas[0]?.perm).toBe(perm)
      }
    }
  })
})

describe("a broker of few topics", () => {
  it("sends all of them each 30 s, as RocketMQ does: that mends whatever was lost", () => {
    const { cluster, listener } = begin(10)
    cluster.ask(createTopic("t"))
    cluster.world.sim.runFor(31_000)
    listener.take()
    listener.topics.clear()
    cluster.world.sim.runFor(60_000)
    const { size } = cluster.broker.state.metadata.topics
    expect(listener.take().map(([code, topics]) => [code, topics])).toEqual([
      [103, size],
      [103, size],
    ])
    expect(listener.topics.has("t")).toBe(true)
  })

  it("sends everything at once where a change is refused", () => {
    const { cluster, listener } = begin(11)
    cluster.world.sim.runFor(31_000)
    listener.take()
    listener.refuses = () => listener.heard.at(-1)![1] === 1
    cluster.ask(createTopic("t"))
    cluster.world.sim.runFor(1000)
    expect(listener.take().map(([, topics]) => topics)).toEqual([1, cluster.broker.state.metadata.topics.size])
  })

  it("marks the topics that a name server has an order configuration for", () => {
    const { cluster, listener } = begin(12)
    cluster.ask(createTopic("t"))
    listener.ordered = new Map([
      ["t", "broker-a:4"],
      ["nobody", "broker-a:4"],
    ])
    cluster.world.sim.runFor(31_000)
    expect(cluster.broker.state.metadata.topics.get("t")?.order).toBe(true)
    expect(cluster.broker.state.metadata.topics.has("nobody")).toBe(false)
  })

  it("takes its leave of every name server", () => {
    const { cluster, listener } = begin(13)
    cluster.world.sim.runFor(31_000)
    cluster.stop()
    expect(listener.hasLeft).toBe(true)
  })
})

it("name servers come and go while a broker runs: the new one is told, the old one left, the others go on", () => {
  const { cluster, listener: first } = begin(20)
  const second = new Listener(cluster, "namesrv-2", "10.0.0.2")
  cluster.ask(createTopic("t"))
  cluster.world.sim.runFor(31_000)
  expect([first.topics.has("t"), second.topics.has("t")]).toEqual([true, false])
  cluster.broker.state.changeConfig({ namesrvAddr: "10.0.0.1:9876;10.0.0.2:9876" })
  cluster.world.sim.runFor(1000)
  expect([first.hasLeft, second.topics.has("t")]).toEqual([false, true])
  cluster.broker.state.changeConfig({ namesrvAddr: "10.0.0.2:9876" })
  cluster.world.sim.runFor(1000)
  expect([first.hasLeft, second.hasLeft]).toEqual([true, false])
  first.take()
  second.take()
  cluster.world.sim.runFor(31_000)
  expect([first.take().length, second.take().length]).toEqual([0, 1])
})
