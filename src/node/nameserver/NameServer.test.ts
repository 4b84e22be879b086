import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { deflateSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import type { TopicConfig } from "../../domain/Topic.ts"
import type { Command } from "../../format/Command.ts"
import { crc31 } from "../../format/Crc32.ts"
import type { Ext } from "../../format/Ext.ts"
import * as RegisterBroker from "../../format/RegisterBroker.ts"
import { makeMemoryDisk } from "../../infra/disk/MemoryDisk.ts"
import type { Handlers } from "../../infra/remoting/Hub.ts"
import { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import type { Request } from "../../infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import { RemotingServer } from "../../infra/remoting/RemotingServer.ts"
import { silent } from "../../infra/telemetry/Log.ts"
import { makeNodeWorld } from "../../infra/world/NodeWorld.ts"
import type { SimNode, SimWorld } from "../../infra/world/SimWorld.ts"
import { makeSimWorld } from "../../infra/world/SimWorld.ts"
import type { World } from "../../infra/world/World.ts"
import * as NamesrvConfig from "./NamesrvConfig.ts"
import type { Bounds } from "./NamesrvState.ts"
import { boundsDefault } from "./NamesrvState.ts"
import * as NameServer from "./NameServer.ts"

const address = { host: "10.0.0.1", port: 9876 }
const base: NamesrvConfig.NamesrvConfig = { ...NamesrvConfig.defaults("/home"), bindAddress: address.host }

/** A name server at 10.0.0.1 in its own scope; throws the fault that it did not start with. */
const start = (cluster: SimWorld, world: World, config = base, bounds: Partial<Bounds> = {}): Scope.Closeable => {
  const scope = cluster.sim.sync(Scope.make())
  const exit = cluster.sim.run(Scope.provide(NameServer.make(config, world, { ...boundsDefault, ...bounds }), scope))
  if (Exit.isFailure(exit)) throw exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
  return scope
}

/** Someone who talks to the name server from a host of its own. */
class Caller {
  readonly client: RemotingClient
  readonly #cluster: SimWorld
  constructor(cluster: SimWorld, node: SimNode, handlers: Handlers = new Map()) {
    this.#cluster = cluster
    this.client = new RemotingClient(node.world, { handlers })
  }

  ask(request: Request): Command {
    let outcome: Command | RemotingError | undefined
    this.client.ask(address, request, 3000, (done) => (outcome = done))
    this.#cluster.sim.runUntil(() => outcome !== undefined, 5000)
    if (outcome === undefined || outcome instanceof RemotingError) throw outcome ?? new Error("no outcome")
    return outcome
  }

  route(topic: string, ext: Ext = {}): Command {
    return this.ask({ code: 105, ext: { topic, ...ext } })
  }

  /** Brokers and queues of a topic as plain data; undefined without a route. */
  routeOf(topic: string): unknown {
    const answer = this.route(topic)
    return answer.code === 0 ? JSON.parse(answer.body.toString()) : undefined
  }
}

const topic = (topicName: string, more: Partial<TopicConfig> = {}): TopicConfig => ({
  attributes: {},
  order: false,
  perm: 6,
  readQueueNums: 4,
  topicFilterType: "SINGLE_TAG",
  topicName,
  topicSysFlag: 0,
  writeQueueNums: 4,
  ...more,
})

interface Registering {
  readonly brokerName?: string
  readonly brokerId?: number
  readonly port?: number
  readonly topics?: ReadonlyArray<TopicConfig>
  readonly counter?: number
  readonly ext?: Ext
}

const registerBody = ({ topics = [], counter = 1 }: Registering): Buffer =>
  RegisterBroker.encode({
    filterServerList: [],
    topicConfigSerializeWrapper: {
      dataVersion: { counter, stateVersion: 0, timestamp: 1000 },
      topicConfigTable: new Map(topics.map((one) => [one.topicName, one])),
    },
  })

const brokerExt = ({ brokerId = 0, brokerName = "broker-a", port = 10_911 }: Registering): Ext => ({
  brokerAddr: `10.0.0.2:${port}`,
  brokerId,
  brokerName,
  clusterName: "DefaultCluster",
})

const register = (registering: Registering): Request => {
  const body = registerBody(registering)
  const own = { bodyCrc32: crc31(body), enableActingMaster: false, haServerAddr: "10.0.0.2:10912" }
  return { body, code: 103, ext: { ...brokerExt(registering), ...own, ...registering.ext } }
}

/** A registration with a body of its own. */
const raw = (body: RegisterBroker.RegisterBody): Request => ({
  body: RegisterBroker.encode(body),
  code: 103,
  ext: { ...brokerExt({}), haServerAddr: "" },
})

const two = [topic("TopicA"), topic("TopicB", { perm: 4, readQueueNums: 8 })]

const begin = (config: Partial<NamesrvConfig.NamesrvConfig> = {}, seed = 1, bounds: Partial<Bounds> = {}) => {
  const cluster = makeSimWorld(seed)
  const node = cluster.node("namesrv", address.host)
  const scope = start(cluster, node.world, { ...base, ...config }, bounds)
  const broker = new Caller(cluster, cluster.node("broker", "10.0.0.2"))
  const client = new Caller(cluster, cluster.node("client", "10.0.0.3"))
  return { broker, client, cluster, node, scope }
}

const json = (answer: Command): unknown => JSON.parse(answer.body.toString())

describe("registration", () => {
  it("makes routes", () => {
    const { broker, client } = begin()
    expect(client.route("TopicA").code).toBe(17)
    expect(broker.ask(register({ topics: two })).code).toBe(0)
    expect(client.routeOf("TopicB")).toEqual({
      brokerDatas: [
        {
          brokerAddrs: { "0": "10.0.0.2:10911" },
          brokerName: "broker-a",
          cluster: "DefaultCluster",
          enableActingMaster: false,
        },
      ],
      filterServerTable: {},
      queueDatas: [{ brokerName: "broker-a", perm: 4, readQueueNums: 8, topicSysFlag: 0, writeQueueNums: 4 }],
    })
  })

  it("is read compressed, also when the header denies it", () => {
    const { broker, client } = begin()
    const compressed = RegisterBroker.encodeCompressed({
      filterServerList: [],
      topicConfigSerializeWrapper: {
        dataVersion: { counter: 1, stateVersion: 0, timestamp: 1 },
        topicConfigTable: new Map(two.map((one) => [one.topicName, one])),
      },
    })
    for (const flag of ["true", "false"]) {
      const ext = { ...brokerExt({ brokerName: `b-${flag}` }), compressed: flag, haServerAddr: "h:1" }
      expect(broker.ask({ body: compressed, code: 103, ext }).code).toBe(0)
    }
    expect(JSON.stringify(client.routeOf("TopicA"))).toContain("b-false")
  })

  it("is refused with 1 and a reason when it cannot be read, and changes nothing", () => {
    const { broker, client } = begin()
    const good = register({ topics: two })
    const ext = { ...good.ext, bodyCrc32: 0 }
    const refused: ReadonlyArray<readonly [Request, string]> = [
      [{ ...good, ext: { ...good.ext, bodyCrc32: 5 } }, "CRC"],
      [{ ...good, body: Buffer.from("{"), ext }, "RegisterBrokerBody"],
      [{ ...good, body: deflateSync("nonsense"), ext: { ...ext, compressed: true } }, "RegisterBrokerBody"],
      [{ ...good, ext: { ...ext, brokerId: "x" } }, "brokerId"],
      [{ code: 103 }, "missing"],
      [register({ topics: [topic("Single")] }), "single topic"],
    ]
    for (const [request, reason] of refused) {
      expect(broker.ask(request)).toMatchObject({ code: 1, remark: expect.stringContaining(reason) })
    }
    expect(json(client.ask({ code: 206 }))).toEqual({ topicList: [] })
  })

  it("of a slave is answered with its master", () => {
    const { broker } = begin()
    broker.ask(register({ topics: two }))
    expect(broker.ask(register({ brokerId: 1, port: 10_921 })).ext).toMatchObject({
      haServerAddr: "10.0.0.2:10912",
      masterAddr: "10.0.0.2:10911",
    })
  })

  it("is answered with the queue order of ordered topics, unless that is off", () => {
    const put: Request = { code: 100, ext: { key: "TopicA", namespace: "ORDER_TOPIC_CONFIG", value: "broker-a:4" } }
    const on = begin()
    expect(on.broker.ask(register({ topics: two })).body.length).toBe(0)
    on.client.ask(put)
    expect(json(on.broker.ask(register({ topics: two })))).toEqual({ table: { TopicA: "broker-a:4" } })
    const off = begin({ returnOrderTopicConfigToBroker: false })
    off.client.ask(put)
    expect(off.broker.ask(register({ topics: two })).body.length).toBe(0)
  })

  it("of many topics brings back a topic that was deleted here, though nothing changed on the broker", () => {
    const { broker, client } = begin()
    const many = register({ topics: Array.from({ length: 1000 }, (_, n) => topic(`Topic${n}`)) })
    for (let i = 0; i < 3; i++) expect(broker.ask(many).code).toBe(0)
    expect(client.route("Topic999").code).toBe(0)
    client.ask({ code: 216, ext: { topic: "Topic999" } })
    expect(client.route("Topic999").code).toBe(17)
    expect(broker.ask(many).code).toBe(0)
    expect(client.route("Topic999").code).toBe(0)
  })

  it("beyond the bounds is refused, and changes nothing (P11)", () => {
    const { broker, client } = begin({}, 1, { brokersMax: 1, filterServersMax: 1, mappedQueuesMax: 3, topicsMax: 3 })
    broker.ask(register({ topics: two }))
    const before = client.ask({ code: 206 }).body
    const long = "x".repeat(boundsDefault.nameLengthMax + 1)
    const queues = new Map([0, 1, 2].map((queueId) => [queueId, queueId]))
    const map = (name: string): RegisterBroker.RegisterBody => ({
      filterServerList: [],
      topicConfigSerializeWrapper: {
        dataVersion: { counter: 2, stateVersion: 0, timestamp: 1 },
        topicConfigTable: new Map(),
        topicQueueMappingInfoMap: new Map([
          [name, { bname: "b", currIdMap: queues, dirty: false, epoch: 0, scope: "", topic: name, totalQueues: 3 }],
        ]),
      },
    })
    const refused: ReadonlyArray<readonly [Request, string]> = [
      [register({ topics: [topic(long), topic("b")] }), "longer than"],
      [register({ brokerName: long, topics: two }), "longer than"],
      [register({ brokerName: "broker-b", port: 10_931, topics: two }), "1 brokers"],
      [register({ topics: [...two, topic("TopicC"), topic("TopicD")] }), "3 topics"],
      [raw({ ...map("T"), filterServerList: ["a:1", "b:2"] }), "filter servers"],
      [raw(map("T")), "mapped queues"],
      [raw(map(long)), "longer than"],
    ]
    for (const [request, reason] of refused) {
      expect(broker.ask(request)).toMatchObject({ code: 1, remark: expect.stringContaining(reason) })
    }
    expect(client.ask({ code: 206 }).body).toEqual(before)
    const full = begin({}, 1, { topicsMax: 2 })
    full.broker.ask(register({ topics: two }))
    expect(full.client.ask({ body: queueOn("broker-a"), code: 217, ext: { topic: "Hand" } }).remark).toContain(
      "2 topics",
    )
  })
})

describe("liveness", () => {
  it("a broker that promised 10 s and says nothing is forgotten, its connection closed", () => {
    const { broker, client, cluster } = begin()
    broker.ask(register({ ext: { heartbeatTimeoutMillis: 10_000 }, topics: two }))
    cluster.sim.runFor(9000)
    expect(client.route("TopicA").code).toBe(0)
    cluster.sim.runFor(7000)
    expect(client.route("TopicA").code).toBe(17)
    expect(broker.client.connections.size).toBe(0)
  })

  it.each([322, 904])("request %i keeps it alive", (code) => {
    const { broker, client, cluster } = begin()
    broker.ask(register({ ext: { heartbeatTimeoutMillis: 10_000 }, topics: two }))
    for (let i = 0; i < 5; i++) {
      cluster.sim.runFor(8000)
      broker.client.tell(address, { code, ext: brokerExt({}) })
    }
    cluster.sim.runFor(1000)
    expect(client.route("TopicA").code).toBe(0)
  })

  it("a broker whose connection ends is forgotten at once; a newer connection keeps it", () => {
    const { broker, client, cluster } = begin()
    const newer = new Caller(cluster, cluster.node("broker again", "10.0.0.4"))
    broker.ask(register({ topics: two }))
    newer.ask(register({ topics: two }))
    broker.client.close()
    cluster.sim.runFor(100)
    expect(client.route("TopicA").code).toBe(0)
    newer.client.close()
    cluster.sim.runFor(100)
    expect(client.route("TopicA").code).toBe(17)
  })

  it("a jump of the wall clock expires nobody", () => {
    const { broker, client, cluster, node } = begin()
    broker.ask(register({ ext: { heartbeatTimeoutMillis: 10_000 }, topics: two }))
    node.process.clock.jump(3_600_000)
    cluster.sim.runFor(6000)
    expect(client.route("TopicA").code).toBe(0)
  })

  it("322 tells whether the topics changed", () => {
    const { broker } = begin()
    const ask = (counter: number): Command =>
      broker.ask({
        body: Buffer.from(JSON.stringify({ counter, stateVersion: 0, timestamp: 1000 })),
        code: 322,
        ext: brokerExt({}),
      })
    expect(ask(1).ext["changed"]).toBe("true")
    broker.ask(register({ counter: 7, topics: two }))
    const [same, other] = [ask(7), ask(8)]
    expect([same.ext["changed"], other.ext["changed"]]).toEqual(["false", "true"])
    expect(json(other)).toEqual({ counter: 7, stateVersion: 0, timestamp: 1000 })
  })

  it("104 forgets a broker, and success it is when nobody knew it", () => {
    const { broker, client } = begin()
    broker.ask(register({ topics: two }))
    for (let i = 0; i < 2; i++) expect(broker.ask({ code: 104, ext: brokerExt({}) }).code).toBe(0)
    expect(client.route("TopicA").code).toBe(17)
  })

  it("members are told of a new smallest id, if that is on", () => {
    const cluster = makeSimWorld(5)
    start(cluster, cluster.node("namesrv", address.host).world, { ...base, notifyMinBrokerIdChanged: true })
    const node = cluster.node("broker", "10.0.0.2")
    const told: unknown[] = []
    const listening: Handlers = new Map([[905, (command, call) => void (told.push({ ...command.ext }), call.drop())]])
    new RemotingServer(node.world).listen({ host: "10.0.0.2", port: 10_921 }, listening, () => {})
    const master = new Caller(cluster, node)
    const slave = new Caller(cluster, cluster.node("slave", "10.0.0.5"))
    master.ask(register({ topics: two }))
    slave.ask(register({ brokerId: 1, port: 10_921 }))
    master.ask({ code: 104, ext: brokerExt({}) })
    cluster.sim.runFor(100)
    expect(told).toEqual([{ minBrokerAddr: "10.0.0.2:10921", minBrokerId: "1", offlineBrokerAddr: "10.0.0.2:10911" }])
    master.ask(register({ topics: two }))
    cluster.sim.runFor(100)
    expect(told[1]).toEqual({ haBrokerAddr: "10.0.0.2:10912", minBrokerAddr: "10.0.0.2:10911", minBrokerId: "0" })
  })
})

describe("routes", () => {
  it("are standard JSON for our version, and on demand", () => {
    const { broker, client } = begin()
    broker.ask(register({ topics: two }))
    expect(client.route("TopicA").body.toString()).toContain('{"0":"10.0.0.2:10911"}')
    expect(client.route("TopicA", { acceptStandardJsonOnly: true }).body.toString()).toContain('{"0":')
  })

  it("of a zone leave out the brokers of other zones", () => {
    const { broker, client } = begin()
    broker.ask(register({ ext: { __ZONE_NAME: "z1" }, topics: two }))
    broker.ask(register({ brokerName: "broker-b", ext: { __ZONE_NAME: "z2" }, port: 10_931, topics: two }))
    const zoned = client.route("TopicA", { __ZONE_MODE: "true", __ZONE_NAME: "Z2" }).body.toString()
    expect([zoned.includes("broker-a"), zoned.includes("broker-b")]).toEqual([false, true])
  })

  it("carry the queue order when that is on", () => {
    const put: Request = { code: 100, ext: { key: "TopicA", namespace: "ORDER_TOPIC_CONFIG", value: "broker-a:4" } }
    for (const orderMessageEnable of [true, false]) {
      const { broker, client } = begin({ orderMessageEnable })
      broker.ask(register({ topics: two }))
      client.ask(put)
      expect(client.route("TopicA").body.toString().includes("broker-a:4")).toBe(orderMessageEnable)
    }
  })

  it("are refused while the name server waits for brokers", () => {
    const { broker, client, cluster } = begin({ needWaitForService: true, waitSecondsForService: 45 })
    broker.ask(register({ topics: two }))
    expect(client.route("TopicA")).toMatchObject({ code: 1, remark: expect.stringContaining("not ready") })
    cluster.sim.runFor(45_000)
    expect(client.route("TopicA").code).toBe(0)
  })

  it("show a slave in place of a lost master when that is on and the broker allows it", () => {
    const { broker, client, cluster } = begin({ supportActingMaster: true })
    const slave = new Caller(cluster, cluster.node("slave", "10.0.0.5"))
    broker.ask(register({ ext: { enableActingMaster: true }, topics: two }))
    slave.ask(register({ brokerId: 1, ext: { enableActingMaster: true }, port: 10_921, topics: two }))
    broker.client.close()
    cluster.sim.runFor(100)
    expect(client.routeOf("TopicA")).toMatchObject({
      brokerDatas: [{ brokerAddrs: { "0": "10.0.0.2:10921" } }],
      queueDatas: [{ perm: 4 }],
    })
  })
})

/** One queue of a topic on a broker. */
const queueOn = (brokerName: string): Buffer =>
  Buffer.from(JSON.stringify({ queueDatas: [{ brokerName, perm: 6, readQueueNums: 1, writeQueueNums: 1 }] }))

/** A name server that knows five topics. */
const ready = (config = {}) => {
  const begun = begin(config)
  begun.broker.ask(
    register({
      topics: [
        ...two,
        topic("Unit", { topicSysFlag: 1 }),
        topic("Both", { topicSysFlag: 3 }),
        topic("Sub", { topicSysFlag: 2 }),
      ],
    }),
  )
  return begun
}

/** The topics of an answer, sorted. */
const list = (answer: Command): unknown => (json(answer) as { topicList: string[] }).topicList.toSorted()

describe("administration", () => {
  it("lists topics, clusters and brokers", () => {
    const { client } = ready()
    expect(list(client.ask({ code: 206 }))).toEqual(["Both", "Sub", "TopicA", "TopicB", "Unit"])
    expect(list(client.ask({ code: 224, ext: { cluster: "DefaultCluster" } }))).toEqual([
      "Both",
      "Sub",
      "TopicA",
      "TopicB",
      "Unit",
    ])
    expect(list(client.ask({ code: 224, ext: { cluster: "other" } }))).toEqual([])
    expect(json(client.ask({ code: 304 }))).toEqual({
      brokerAddr: "10.0.0.2:10911",
      topicList: ["DefaultCluster", "broker-a"],
    })
    expect([311, 312, 313].map((code) => list(client.ask({ code })))).toEqual([
      ["Both", "Unit"],
      ["Both", "Sub"],
      ["Sub"],
    ])
    expect(client.ask({ code: 106 }).body.toString()).toBe(
      '{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}},"clusterAddrTable":{"DefaultCluster":["broker-a"]}}',
    )
    expect(
      client.ask({ code: 901, ext: { brokerName: "broker-a", clusterName: "DefaultCluster" } }).body.toString(),
    ).toBe(
      '{"brokerMemberGroup":{"brokerAddrs":{0:"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster"}}',
    )
  })

  it("refuses lists that are switched off", () => {
    const { client } = ready({ enableAllTopicList: false, enableTopicList: false })
    const codes: ReadonlyArray<number> = [206, 224, 311, 312, 313]
    expect(codes.map((code) => client.ask({ code, ext: { cluster: "c" } }).remark)).toEqual(codes.map(() => "disable"))
  })

  it("wipes and gives back the write permission of a broker", () => {
    const { client } = ready()
    const ext = { brokerName: "broker-a" }
    expect(client.ask({ code: 205, ext }).ext["wipeTopicCount"]).toBe("5")
    expect(client.routeOf("TopicA")).toMatchObject({ queueDatas: [{ perm: 4 }] })
    expect(client.ask({ code: 327, ext }).ext["addTopicCount"]).toBe("5")
    expect(client.routeOf("TopicA")).toMatchObject({ queueDatas: [{ perm: 6 }] })
    expect(client.ask({ code: 205, ext: { brokerName: "nobody" } }).ext["wipeTopicCount"]).toBe("0")
  })

  it("deletes a topic, and registers one by hand on brokers that are known", () => {
    const { client } = ready()
    client.ask({ code: 216, ext: { clusterName: "DefaultCluster", topic: "TopicA" } })
    expect(client.route("TopicA").code).toBe(17)
    expect(client.ask({ body: queueOn("nobody"), code: 217, ext: { topic: "Hand" } }).code).toBe(0)
    expect(client.route("Hand").code).toBe(17)
    expect(client.ask({ body: queueOn("broker-a"), code: 217, ext: { topic: "Hand" } }).code).toBe(0)
    expect(client.route("Hand").code).toBe(0)
    expect(client.ask({ body: Buffer.from("["), code: 217, ext: { topic: "Hand" } }).code).toBe(1)
    expect(client.ask({ body: queueOn("broker-a"), code: 217, ext: { topic: "x".repeat(256) } }).code).toBe(1)
  })

  it("shows its configuration and lets nobody change it over the network (P12)", () => {
    const { client } = ready()
    expect(client.ask({ code: 319 }).body.toString()).toContain("listenPort=9876\n")
    expect(client.ask({ body: Buffer.from("orderMessageEnable=true"), code: 318 }).code).toBe(16)
    expect(client.ask({ code: 319 }).body.toString()).toContain("orderMessageEnable=false\n")
  })

  it("answers 3 to codes that it does not know, controller codes among them", () => {
    const { client } = ready()
    for (const code of [9999, 1001, 10, 0, -5]) {
      expect(client.ask({ code })).toMatchObject({ code: 3, remark: ` request type ${code} not supported` })
    }
  })
})

describe("key-value configuration", () => {
  const key = { key: "k", namespace: "ns" }

  it("is kept over a crash once it was answered", () => {
    const { client, cluster, node } = begin()
    expect(client.ask({ code: 100, ext: { ...key, value: "v ✓" } }).code).toBe(0)
    expect(client.ask({ code: 101, ext: key }).ext["value"]).toBe("v ✓")
    node.powerCut()
    start(cluster, node.restart())
    const again = new Caller(cluster, cluster.node("client again", "10.0.0.6"))
    expect(again.ask({ code: 101, ext: key }).ext["value"]).toBe("v ✓")
    expect(json(again.ask({ code: 219, ext: key }))).toEqual({ table: { k: "v ✓" } })
    expect(again.ask({ code: 102, ext: key }).code).toBe(0)
    expect(again.ask({ code: 101, ext: key })).toMatchObject({
      code: 22,
      remark: "No config item, Namespace: ns Key: k",
    })
    expect(again.ask({ code: 219, ext: key }).code).toBe(22)
  })

  it("is bounded (P11)", () => {
    const { client } = begin()
    const value = "x".repeat(boundsDefault.kvSizeBytesMax)
    expect(client.ask({ code: 100, ext: { ...key, value } })).toMatchObject({
      code: 1,
      remark: expect.stringContaining("exceed"),
    })
  })

  it("that cannot be written is refused with the reason", () => {
    const { client, node } = begin()
    node.disk.makeDirectory(`${base.kvConfigPath}.tmp`)
    expect(client.ask({ code: 100, ext: { ...key, value: "v" } })).toMatchObject({
      code: 1,
      remark: expect.stringContaining("not written"),
    })
    expect(client.ask({ code: 101, ext: key }).code).toBe(22)
  })
})

/** A registration, a question and an expiry, as the hash of everything that happened. */
const traceOf = (seed: number): string => {
  const { broker, client, cluster } = begin({}, seed)
  broker.ask(register({ ext: { heartbeatTimeoutMillis: 10_000 }, topics: two }))
  client.route("TopicA")
  cluster.sim.runFor(20_000)
  return cluster.sim.traceHash()
}

describe("lifecycle", () => {
  it("frees its port when its scope closes, and can start again", () => {
    const { client, cluster, node, scope } = begin()
    expect(client.route("x").code).toBe(17)
    cluster.sim.run(Scope.close(scope, Exit.void))
    expect(() => client.route("x")).toThrow("ConnectFailed")
    start(cluster, node.world)
    expect(client.route("x").code).toBe(17)
  })

  it("says what to do when the port is taken or the key-value file is damaged", () => {
    const { cluster, node } = begin()
    expect(() => start(cluster, node.world)).toThrow(/cannot listen.*listenPort=9876/)
    const other = cluster.node("damaged", "10.0.0.8")
    other.disk.makeDirectory("/home/namesrv")
    other.disk.open(base.kvConfigPath, "create").writeSync(Buffer.from("{{{"), 0)
    expect(() => start(cluster, other.world, { ...base, bindAddress: "10.0.0.8" })).toThrow(/kvConfig.json is damaged/)
  })

  it("says so when the key-value file cannot be read, and is there as a layer", () => {
    const cluster = makeSimWorld(3)
    const node = cluster.node("namesrv", address.host)
    node.disk.makeDirectory(base.kvConfigPath)
    expect(() => start(cluster, node.world)).toThrow(/kvConfigPath cannot be read/)
    const other = cluster.node("other", "10.0.0.7")
    const config = { ...base, bindAddress: "10.0.0.7", listenPort: 0 }
    const where = Effect.map(NameServer.NameServer, (server) => server.address)
    const exit = cluster.sim.run(Effect.provide(where, NameServer.NameServer.layer(config, other.world)))
    expect(Exit.isSuccess(exit) && exit.value.host).toBe("10.0.0.7")
  })

  it("takes the same steps for the same seed", () => {
    expect(traceOf(11)).toBe(traceOf(11))
  })

  it("serves over TCP", async () => {
    const world = makeNodeWorld({ log: silent })
    const program = Effect.gen(function* () {
      const disk = makeMemoryDisk(world.clock)
      const server = yield* NameServer.make({ ...base, bindAddress: "127.0.0.1", listenPort: 0 }, { ...world, disk })
      const client = new RemotingClient(world)
      const ask = (request: Request): Effect.Effect<Command, RemotingError> =>
        Effect.callback((resume) => {
          client.ask(server.address, request, 20_000, (outcome) =>
            resume(outcome instanceof RemotingError ? Effect.fail(outcome) : Effect.succeed(outcome)),
          )
        })
      const registered = yield* ask(register({ topics: two }))
      const route = yield* ask({ code: 105, ext: { topic: "TopicA" } })
      const put = yield* ask({ code: 100, ext: { key: "k", namespace: "ns", value: "v" } })
      client.close()
      return [registered.code, route.code, put.code]
    })
    expect(await Effect.runPromise(Effect.scoped(program))).toEqual([0, 0, 0])
  })
})
