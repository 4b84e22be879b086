import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Route from "../../../src/domain/Route.ts"
import * as Topic from "../../../src/domain/Topic.ts"

/** Brokers a and b with ids 0 to 2, each at its own address unless it takes over another's. */
const broker = fc.record({
  brokerName: fc.constantFrom("a", "b"),
  brokerId: fc.nat(2),
  port: fc.nat(3),
  connection: fc.nat(4),
})
const topics = fc.uniqueArray(fc.constantFrom("T1", "T2", "T3"), { minLength: 2, maxLength: 3 })

const step = fc.oneof(
  fc.record({ _tag: fc.constant("Register" as const), broker, topics, counter: fc.nat(2), acting: fc.boolean() }),
  fc.record({ _tag: fc.constant("Unregister" as const), broker }),
  fc.record({ _tag: fc.constant("Disconnected" as const), connection: fc.nat(4) }),
  fc.record({ _tag: fc.constant("Elapsed" as const), ms: fc.constantFrom(10, 60_000, 121_000) }),
  fc.record({ _tag: fc.constant("Heartbeat" as const), broker }),
)
type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

const addrOf = (of: { readonly brokerName: string; readonly port: number }): string => `${of.brokerName}:${of.port}`

const registration = (
  given: {
    readonly brokerName: string
    readonly brokerId: number
    readonly port?: number
    readonly connection?: number
  },
  names: ReadonlyArray<string>,
  more: Partial<Route.Registration<number>> = {},
): Route.Registration<number> => ({
  clusterName: "C",
  brokerName: given.brokerName,
  brokerId: given.brokerId,
  brokerAddr: addrOf({ brokerName: given.brokerName, port: given.port ?? given.brokerId }),
  haServerAddr: `ha-${given.brokerId}`,
  enableActingMaster: false,
  dataVersion: { stateVersion: 0, timestamp: 0, counter: 0 },
  topics: new Map(names.map((name) => [name, Topic.make(name, 4)])),
  connection: given.connection ?? 0,
  nowMs: 0,
  ...more,
})

/** What must be in the tables, as plain lists. */
interface Model {
  readonly live: Map<string, { name: string; connection: number; lastMs: number }>
  readonly addrs: Map<string, Map<number, string>>
  readonly topics: Map<string, Set<string>>
}

const lose = (model: Model, addr: string, name: string): void => {
  model.live.delete(addr)
  const addrs = model.addrs.get(name)
  if (addrs === undefined) return
  for (const [id, other] of addrs) if (other === addr) addrs.delete(id)
  if (addrs.size > 0) return
  model.addrs.delete(name)
  model.topics.delete(name)
}

const follow = (route: Route.Route<number>, model: Model, given: Step, nowMs: number): void => {
  switch (given._tag) {
    case "Register": {
      const { brokerId, brokerName, connection } = given.broker
      const addr = addrOf(given.broker)
      const done = Route.register(
        route,
        registration(given.broker, given.topics, {
          dataVersion: { stateVersion: 0, timestamp: 0, counter: given.counter },
          enableActingMaster: given.acting,
          nowMs,
        }),
      )
      expect(Result.isSuccess(done)).toBe(true)
      const addrs = model.addrs.get(brokerName) ?? new Map<number, string>()
      for (const [id, other] of addrs) if (other === addr) addrs.delete(id)
      addrs.set(brokerId, addr)
      model.addrs.set(brokerName, addrs)
      model.live.set(addr, { name: brokerName, connection, lastMs: nowMs })
      if (brokerId === Math.min(...addrs.keys())) {
        const known = model.topics.get(brokerName) ?? new Set<string>()
        for (const topic of given.topics) known.add(topic)
        model.topics.set(brokerName, known)
      }
      return
    }
    case "Unregister":
      Route.unregister(route, {
        clusterName: "C",
        brokerName: given.broker.brokerName,
        brokerAddr: addrOf(given.broker),
      })
      return lose(model, addrOf(given.broker), given.broker.brokerName)
    case "Disconnected":
      Route.disconnected(route, given.connection)
      for (const [addr, live] of model.live) if (live.connection === given.connection) lose(model, addr, live.name)
      return
    case "Heartbeat": {
      const known = model.live.get(addrOf(given.broker))
      expect(Route.heartbeat(route, "C", addrOf(given.broker), nowMs)).toBe(known !== undefined)
      if (known !== undefined) known.lastMs = nowMs
      return
    }
    case "Elapsed": {
      const due = Route.nextDueMs(route)
      const lost = Route.expire(route, nowMs)
      expect(lost.length > 0).toBe(due !== undefined && due <= nowMs)
      for (const [addr, live] of model.live) if (live.lastMs + 120_000 < nowMs) lose(model, addr, live.name)
    }
  }
}

const check = (route: Route.Route<number>, model: Model): void => {
  expect(new Set([...route.live.values()].map((live) => live.brokerAddr))).toEqual(new Set(model.live.keys()))
  for (const topic of ["T1", "T2", "T3"]) {
    const expected = [...model.topics].filter(([, names]) => names.has(topic)).map(([name]) => name)
    const found = Route.routeOf(route, topic)
    expect(found?.queueDatas.map((queue) => queue.brokerName) ?? []).toEqual(expected.toSorted())
    expect(found?.brokerDatas.map((data) => data.brokerName) ?? []).toEqual(expected.toSorted())
    for (const data of found?.brokerDatas ?? []) expect(data.brokerAddrs).toEqual(model.addrs.get(data.brokerName))
  }
  for (const [name, data] of Route.clusterInfo(route).brokerAddrTable) {
    expect(data.brokerAddrs).toEqual(model.addrs.get(name))
  }
  if (model.addrs.size === 0) {
    expect([route.topics.size, route.brokers.size, route.clusters.size, route.mappings.size]).toEqual([0, 0, 0, 0])
  }
}

const registerOk = (route: Route.Route<number>, input: Route.Registration<number>): Route.Registered =>
  Result.getOrThrow(Route.register(route, input))

describe("Route", () => {
  it("routed, forgotten and late: the tables are what plain lists say", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const route = Route.make<number>()
        const model: Model = { live: new Map(), addrs: new Map(), topics: new Map() }
        let nowMs = 0
        for (const given of steps) {
          if (given._tag === "Elapsed") nowMs += given.ms
          follow(route, model, given, nowMs)
          check(route, model)
        }
      }),
      { numRuns: 300 },
    )
  })

  it("refused: a single topic of an unknown broker changes nothing", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    const before = structuredClone(route)
    const refused = Route.register(route, registration({ brokerName: "b", brokerId: 0 }, ["T1"]))
    expect(Result.isFailure(refused) && refused.failure.remark).toMatch(/^register broker failed/)
    expect(route).toEqual(before)
  })

  it("repeated: registering the same twice is registering once", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    const before = structuredClone(route)
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    expect(route).toEqual(before)
  })

  it("takes a single topic of a broker that it knows", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    registerOk(
      route,
      registration({ brokerName: "a", brokerId: 0 }, ["T3"], {
        dataVersion: { stateVersion: 0, timestamp: 0, counter: 1 },
      }),
    )
    expect([...Route.topicNames(route)].toSorted()).toEqual(["T1", "T2", "T3"])
  })

  it("takes changed topics only with a changed version", () => {
    const route = Route.make<number>()
    const version = { stateVersion: 0, timestamp: 0, counter: 1 }
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    const more = { topics: new Map([["T1", Topic.make("T1", 9)]]) }
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, [], more))
    expect(Route.routeOf(route, "T1")?.queueDatas[0]?.writeQueueNums).toBe(4)
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, [], { ...more, dataVersion: version }))
    expect(Route.routeOf(route, "T1")?.queueDatas[0]?.writeQueueNums).toBe(9)
    expect(Route.dataVersion(route, "C", "a:0", 5)).toEqual(version)
  })

  it("ignores a broker whose id another address holds with a newer state", () => {
    const route = Route.make<number>()
    const newer = { stateVersion: 2, timestamp: 0, counter: 0 }
    registerOk(route, registration({ brokerName: "a", brokerId: 0, port: 1 }, ["T1", "T2"], { dataVersion: newer }))
    expect(registerOk(route, registration({ brokerName: "a", brokerId: 0, port: 2 }, ["T1", "T2"])).ignored).toBe(true)
    expect(Route.memberGroup(route, "a")).toEqual(new Map([[0, "a:1"]]))
  })

  it("tells a slave where its master is", () => {
    const route = Route.make<number>()
    expect(registerOk(route, registration({ brokerName: "a", brokerId: 1 }, []))).toEqual({ ignored: false })
    const change = registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"])).minBrokerIdChanged
    expect(change).toMatchObject({ minBrokerId: 0, minBrokerAddr: "a:0", brokerAddrs: ["a:1"], haBrokerAddr: "ha-0" })
    expect(registerOk(route, registration({ brokerName: "a", brokerId: 1 }, []))).toEqual({
      ignored: false,
      masterAddr: "a:0",
      haServerAddr: "ha-0",
    })
  })

  it("lets a slave stand in for its master where the broker allows it", () => {
    const route = Route.make<number>()
    const acting = { enableActingMaster: true }
    registerOk(route, registration({ brokerName: "a", brokerId: 1 }, ["T1", "T2"], acting))
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"], acting))
    expect(Topic.isWritable(Route.routeOf(route, "T1")!.queueDatas[0]!.perm)).toBe(true)
    const change = Route.unregister(route, { clusterName: "C", brokerName: "a", brokerAddr: "a:0" })
    expect(change).toEqual({
      brokerName: "a",
      minBrokerId: 1,
      minBrokerAddr: "a:1",
      offlineBrokerAddr: "a:0",
      haBrokerAddr: "ha-1",
      brokerAddrs: ["a:1"],
    })
    const left = Route.routeOf(route, "T1", true)!
    expect(left.brokerDatas[0]?.brokerAddrs).toEqual(new Map([[0, "a:1"]]))
    expect(Topic.isWritable(left.queueDatas[0]!.perm)).toBe(false)
    expect(Route.routeOf(route, "T1")!.brokerDatas[0]?.brokerAddrs).toEqual(new Map([[1, "a:1"]]))
  })

  it("moves an address whose broker comes back under another id", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 1, port: 7 }, []))
    registerOk(route, registration({ brokerName: "a", brokerId: 0, port: 7 }, ["T1", "T2"]))
    expect(Route.memberGroup(route, "a")).toEqual(new Map([[0, "a:7"]]))
    expect(Route.memberGroup(route, "unknown")).toEqual(new Map())
  })

  it("takes and gives back the write permission of a broker's topics", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    expect(Route.wipeWritePerm(route, "a")).toBe(2)
    expect(Route.routeOf(route, "T1")?.queueDatas[0]?.perm).toBe(Topic.Perm.READ)
    expect(Route.addWritePerm(route, "a")).toBe(2)
    expect(Route.routeOf(route, "T1")?.queueDatas[0]?.perm).toBe(Topic.Perm.READ_WRITE)
    expect([Route.wipeWritePerm(route, "x"), Route.addWritePerm(route, "x")]).toEqual([0, 0])
  })

  it("deletes and registers topics by hand", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    registerOk(route, registration({ brokerName: "b", brokerId: 0 }, ["T1", "T2"], { clusterName: "D" }))
    Route.deleteTopic(route, "T1", "D")
    expect(Route.routeOf(route, "T1")?.queueDatas.map((queue) => queue.brokerName)).toEqual(["a"])
    Route.deleteTopic(route, "T1")
    expect(Route.routeOf(route, "T1")).toBeUndefined()
    const queue = { brokerName: "a", readQueueNums: 1, writeQueueNums: 1, perm: 6, topicSysFlag: 1 }
    expect(Route.registerTopic(route, "T9", [queue, { ...queue, brokerName: "unknown" }])).toBe(false)
    expect(Route.routeOf(route, "T9")).toBeUndefined()
    expect(Route.registerTopic(route, "T9", [queue])).toBe(true)
    expect(Route.routeOf(route, "T9")?.queueDatas).toEqual([queue])
    expect(Route.unitTopicNames(route, "unit")).toEqual(["T9"])
    expect(Route.unitTopicNames(route, "unitSub")).toEqual([])
    expect(Route.unitTopicNames(route, "unitSubNotUnit")).toEqual([])
    expect([...Route.topicNamesOfCluster(route, "D")].toSorted()).toEqual(["T2"])
    expect(Route.systemTopicList(route)).toEqual({ topicList: ["C", "a", "D", "b"], brokerAddr: "a:0" })
  })

  it("forgets topics that a registration leaves out, where that is asked for", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"]))
    const fewer = registration({ brokerName: "a", brokerId: 0 }, ["T2", "T3"])
    Route.register(route, fewer, { deleteTopicWithBrokerRegistration: true })
    expect([...Route.topicNames(route)].toSorted()).toEqual(["T2", "T3"])
  })

  it("keeps filter servers and queue mappings with their broker", () => {
    const route = Route.make<number>()
    const mapping = {
      topic: "T1",
      bname: "a",
      totalQueues: 2,
      epoch: 1,
      scope: "__global__",
      dirty: false,
      currIdMap: new Map([[0, 0]]),
    }
    const mapped = { mappings: new Map([["T1", mapping]]), filterServers: ["f:1"] }
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"], mapped))
    expect(Route.routeOf(route, "T1")).toMatchObject({
      filterServerTable: new Map([["a:0", ["f:1"]]]),
      topicQueueMappingByBroker: new Map([["a", mapping]]),
    })
    Route.unregister(route, { clusterName: "C", brokerName: "a", brokerAddr: "a:0" })
    expect([route.mappings.size, route.filterServers.size]).toEqual([0, 0])
  })

  it("keeps the brokers of a zone, and those without a master", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["T1", "T2"], { zoneName: "Z1" }))
    registerOk(route, registration({ brokerName: "b", brokerId: 0 }, ["T1", "T2"], { zoneName: "z2" }))
    registerOk(route, registration({ brokerName: "c", brokerId: 1 }, ["T1", "T2"]))
    const all = Route.routeOf(route, "T1")!
    expect(Route.ofZone(all, "z1").brokerDatas.map((data) => data.brokerName)).toEqual(["a", "c"])
    expect(Route.ofZone(all, "Z2").queueDatas.map((data) => data.brokerName)).toEqual(["b", "c"])
  })

  it("says which topic has no route, and what it may have meant", () => {
    const route = Route.make<number>()
    registerOk(route, registration({ brokerName: "a", brokerId: 0 }, ["OrderTopic", "T2"]))
    const refused = Route.findRoute(route, "OrderTopc")
    expect(Result.isFailure(refused) && refused.failure.code).toBe("TOPIC_NOT_EXIST")
    expect(Result.isFailure(refused) && refused.failure.remark).toMatch(
      /^No topic route info in name server for the topic: OrderTopc.*Did you mean OrderTopic\?$/,
    )
    expect(Result.isSuccess(Route.findRoute(route, "OrderTopic"))).toBe(true)
  })
})
