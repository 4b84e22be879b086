/** What administrators do to a broker: deleting, relaying, counting, changing settings. On simulated machines. */
import { describe, expect, it } from "vitest"
import * as Admin from "../../src/format/Admin.ts"
import type { Command, Ext } from "../../src/format/Command.ts"
import * as Commands from "../../src/format/Command.ts"
import * as ConfigJson from "../../src/format/ConfigJson.ts"
import * as Pull from "../../src/format/PullMessage.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import type { Handler } from "../../src/infra/remoting/Hub.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import { defaults } from "../../src/node/broker/BrokerConfig.ts"
import * as RuntimeSettings from "../../src/node/broker/RuntimeSettings.ts"
import { settings, start } from "./brokerGolden/Replay.ts"
import { commit, createTopic, heartbeat, OneBroker, query, send } from "./cluster.ts"

const request = (code: number, ext: Ext = {}, body = "") => ({ body: Buffer.from(body), code, ext })

const deleteTopic = (topic: string) => request(RequestCode.DELETE_TOPIC_IN_BROKER, { topic })
const deleteGroup = (groupName: string, cleanOffset: boolean) =>
  request(RequestCode.DELETE_SUBSCRIPTIONGROUP, { cleanOffset, groupName })
const offsetOf = (answer: Command): number => Number(answer.ext["offset"])
const sentTo = (answer: Command): number => Number(answer.ext["queueOffset"])
const json = (answer: Command) => JSON.parse(answer.body.toString())

const pull = (group: string, topic: string, queueOffset: number) =>
  request(
    RequestCode.PULL_MESSAGE,
    Pull.PullMessage.encode({
      commitOffset: 0,
      consumerGroup: group,
      maxMsgNums: 32,
      queueId: 0,
      queueOffset,
      subVersion: 0,
      subscription: "*",
      suspendTimeoutMillis: 0,
      sysFlag: 4,
      topic,
    }),
  )

/** A topic "t" with three messages in queue 0, of which group "g" has consumed one. */
const begin = (seed: number): OneBroker => {
  const cluster = new OneBroker(seed)
  cluster.ask(createTopic("t"))
  for (let i = 0; i < 3; i++) cluster.ask(send("t", 0))
  cluster.ask(heartbeat("g"))
  cluster.ask(commit("g", "t", 0, 1))
  return cluster
}

const queueFiles = ({ node }: OneBroker): ReadonlyArray<string> => node.disk.list("/store/consumequeue/t")

/** The topic is not there, and nothing of it is. */
const expectDeleted = (cluster: OneBroker): void => {
  expect(cluster.ask(request(RequestCode.GET_TOPIC_CONFIG, { topic: "t" })).code).toBe(ResponseCode.TOPIC_NOT_EXIST)
  expect(offsetOf(cluster.ask(request(RequestCode.GET_MAX_OFFSET, { queueId: 0, topic: "t" })))).toBe(0)
  expect(cluster.broker.state.metadata.offsets.committed.get("g")?.has("t") ?? false).toBe(false)
  expect(cluster.ask(pull("g", "t", 0)).code).toBe(ResponseCode.TOPIC_NOT_EXIST)
}

/** Made again, the topic begins where it ended. */
const expectGoesOn = (cluster: OneBroker): void => {
  expect(cluster.ask(createTopic("t")).code).toBe(0)
  expect(offsetOf(cluster.ask(request(RequestCode.GET_MIN_OFFSET, { queueId: 0, topic: "t" })))).toBe(3)
  expect(cluster.ask(query("g", "t", 0)).code).toBe(ResponseCode.QUERY_NOT_FOUND)
  expect(sentTo(cluster.ask(send("t", 0)))).toBe(3)
  const pulled = cluster.ask(pull("g", "t", 3))
  expect(StoredMessage.decodeAll(pulled.body).messages.map(({ queueOffset }) => queueOffset)).toEqual([3])
}

describe("a deleted topic", () => {
  it("is gone with its messages and offsets; made again it goes on at its offsets (P2)", () => {
    const cluster = begin(1)
    cluster.world.sim.runFor(3000)
    expect(queueFiles(cluster)).toEqual(["0"])
    expect(cluster.ask(deleteTopic("t")).code).toBe(0)
    expectDeleted(cluster)
    expect(queueFiles(cluster)).toEqual([])
    expectGoesOn(cluster)
  })

  it("stays deleted over an orderly restart, a kill and a power cut, and goes on when it is made again", () => {
    for (const end of ["stop", "kill", "powerCut"] as const) {
      const cluster = begin(2)
      expect(cluster.ask(deleteTopic("t")).code).toBe(0)
      cluster[end]()
      cluster.start()
      expectDeleted(cluster)
      cluster[end]()
      cluster.start()
      expectGoesOn(cluster)
      cluster[end]()
      cluster.start()
      expect(sentTo(cluster.ask(send("t", 0)))).toBe(4)
      expect(offsetOf(cluster.ask(request(RequestCode.GET_MIN_OFFSET, { queueId: 0, topic: "t" })))).toBe(3)
    }
  })

  it("a power cut at any moment of the deletion: all of it or nothing, and no offset is used twice (P1, P2, P9)", () => {
    const outcomes = new Set<string>()
    for (let ms = 0; ms < 40; ms++) {
      const cluster = begin(3)
      const answer = cluster.tell(deleteTopic("t"))
      cluster.world.sim.runFor(ms / 4)
      const isAnswered = answer() !== undefined
      cluster.powerCut()
      cluster.start()
      const isThere = cluster.broker.state.metadata.topics.has("t")
      outcomes.add(`${isAnswered} ${isThere}`)
      expect(isAnswered && isThere).toBe(false)
      if (isThere) {
        expect(offsetOf(cluster.ask(query("g", "t", 0)))).toBe(1)
        expect(offsetOf(cluster.ask(request(RequestCode.GET_MIN_OFFSET, { queueId: 0, topic: "t" })))).toBe(0)
        expect(sentTo(cluster.ask(send("t", 0)))).toBe(3)
      } else {
        expectDeleted(cluster)
        expectGoesOn(cluster)
      }
    }
    expect(outcomes).toEqual(new Set(["false true", "false false", "true false"]))
  })

  it("keeps what was acknowledged while its deletion was on its way, for the topic that is made again (P1)", () => {
    const cluster = begin(4)
    cluster.diskWeather.syncDelayMs = 500
    const deleted = cluster.tell(deleteTopic("t"))
    cluster.world.sim.runFor(50)
    const sent = cluster.tell(send("t", 0))
    const committed = cluster.tell(commit("g", "t", 0, 2))
    cluster.world.sim.runUntil(() => [deleted, sent, committed].every((one) => one() !== undefined), 60_000)
    cluster.diskWeather.clear()
    expect([(deleted() as Command).code, (sent() as Command).code]).toEqual([0, 0])
    for (const isRestarted of [false, true]) {
      if (isRestarted) {
        cluster.powerCut()
        cluster.start()
      }
      // Its commit went with the topic, and does not come back by itself.
      expect(cluster.broker.state.metadata.offsets.committed.get("g")?.has("t") ?? false).toBe(false)
    }
    cluster.ask(createTopic("t"))
    const pulled = cluster.ask(pull("g", "t", 3))
    expect(StoredMessage.decodeAll(pulled.body).messages.map(({ queueOffset }) => queueOffset)).toEqual([3])
  })

  it("one truth: without its snapshots the same is folded from the log (P9)", () => {
    const cluster = begin(55)
    cluster.ask(createTopic("u"))
    cluster.ask(deleteTopic("t"))
    cluster.ask(createTopic("t"))
    cluster.ask(send("t", 0))
    cluster.ask(deleteTopic("u"))
    cluster.ask(request(353, { group: "g", readable: false, topic: "t" }))
    cluster.ask(commit("g", "t", 0, 4))
    cluster.ask(request(200, {}, JSON.stringify({ groupName: "h" })))
    cluster.ask(deleteGroup("h", true))
    const truth = () => {
      const { forbidden, groups, offsets, topics } = cluster.broker.state.metadata
      const begins = [0, 1].map((queueId) => cluster.broker.state.metadata.beginOf("t", queueId))
      const { maxOffset, minOffset, nextOffset } = cluster.broker.state.store.queues.get("t", 0)
      return structuredClone({
        begins,
        committed: offsets.committed,
        forbidden,
        groups: [...groups].toSorted(),
        queue: { maxOffset, minOffset, nextOffset },
        topics: [...topics].toSorted(),
      })
    }
    const before = truth()
    expect(before).toMatchObject({ begins: [3, undefined], queue: { maxOffset: 4, minOffset: 3 } })
    cluster.stop()
    for (const name of cluster.node.disk.list("/store/config")) cluster.node.disk.remove(`/store/config/${name}`)
    cluster.start()
    expect(truth()).toEqual(before)
  })

  it("is forgotten when its records have gone from the log and nobody made it again (P11)", () => {
    const cluster = begin(5)
    cluster.ask(deleteTopic("t"))
    const deletedAt = (): boolean =>
      cluster.node.disk.exists("/store/config/topics.json") && /"deleted"/.test(topicsJson(cluster))
    expect(deletedAt()).toBe(true)
    for (let i = 0; i < 120; i++)
      expect(cluster.ask(send("u", 0, `filler\u0001${"x".repeat(4000)}\u0002`)).code).toBe(0)
    cluster.world.sim.runFor(3000)
    const { store } = cluster.broker.state
    while (store.deleteFirstSegment());
    expect(store.log.minOffset).toBeGreaterThan(0)
    cluster.ask(createTopic("v"))
    expect(deletedAt()).toBe(false)
  })

  it("is refused for the broker's own topics; an unknown one is deleted already", () => {
    const cluster = new OneBroker(6)
    for (const name of ["", "TBW102", "rmq_sys_GANTRY_topic", "DefaultCluster", "broker-a", "../x"])
      expect([name, cluster.ask(deleteTopic(name)).code]).toEqual([name, ResponseCode.INVALID_PARAMETER])
    expect(cluster.ask(deleteTopic("nobody")).code).toBe(0)
  })
})

const topicsJson = ({ node }: OneBroker): string => {
  const file = node.disk.open("/store/config/topics.json", "read")
  const bytes = Buffer.alloc(file.sizeBytes())
  file.readSync(bytes, 0)
  file.close()
  return bytes.toString()
}

describe("a deleted group", () => {
  it("is gone, with its offsets if it is asked so, after a power cut too", () => {
    for (const cleanOffset of [true, false]) {
      const cluster = begin(7)
      expect(cluster.ask(deleteGroup("g", cleanOffset)).code).toBe(0)
      for (const isRestarted of [false, true]) {
        if (isRestarted) {
          cluster.powerCut()
          cluster.start()
        }
        const config = cluster.ask(request(RequestCode.GET_SUBSCRIPTIONGROUP_CONFIG, { group: "g" }))
        expect(config.code).toBe(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST)
        const committed = cluster.broker.state.metadata.offsets.committed.get("g")?.get("t")?.get(0)
        expect(committed).toBe(cleanOffset ? undefined : 1)
      }
    }
  })

  it("4.9's name for it, removeOffset, means the same; an unknown group is deleted already", () => {
    const cluster = begin(8)
    expect(cluster.ask(request(207, { groupName: "g", removeOffset: true })).code).toBe(0)
    expect(offsetOf(cluster.ask(query("g", "t", 0)))).toBe(0)
    expect(cluster.ask(deleteGroup("nobody", true)).code).toBe(0)
  })

  it("what a group may not read stays forbidden over a power cut", () => {
    const cluster = begin(9)
    const forbid = (ext: Ext) => json(cluster.ask(request(353, { group: "g", topic: "t", ...ext })))
    expect(forbid({})).toEqual({ group: "g", readable: true, topic: "t" })
    expect(forbid({ readable: false }).readable).toBe(false)
    cluster.powerCut()
    cluster.start()
    expect(forbid({}).readable).toBe(false)
    consumer(cluster, "one", new Map(), "10.0.3.1")
    // As a push consumer pulls: by the subscription of its heartbeat.
    const pullAsSubscribed = () =>
      cluster.ask({ ...pull("g", "t", 0), ext: { ...pull("g", "t", 0).ext, sysFlag: 0 } }).code
    expect(pullAsSubscribed()).toBe(ResponseCode.NO_PERMISSION)
    expect(forbid({ readable: true }).readable).toBe(true)
    expect(pullAsSubscribed()).toBe(0)
  })
})

describe("lists of topics and groups", () => {
  it("are made all or none", () => {
    const cluster = new OneBroker(10)
    const make = (...names: ReadonlyArray<string>) =>
      cluster.ask(request(18, {}, JSON.stringify({ topicConfigList: names.map((topicName) => ({ topicName })) })))
    expect(make("a", "../b").code).toBe(ResponseCode.INVALID_PARAMETER)
    expect(cluster.broker.state.metadata.topics.has("a")).toBe(false)
    expect([make("a").code, make("a", "b").code, make().code]).toEqual([0, 0, ResponseCode.INVALID_PARAMETER])
    expect(cluster.broker.state.metadata.topics.has("b")).toBe(true)
    const groups = (...names: ReadonlyArray<string>) =>
      cluster.ask(request(225, {}, JSON.stringify({ groupConfigList: names.map((groupName) => ({ groupName })) })))
    expect([groups("c", "").code, groups("c", "d").code, groups().code]).toEqual([29, 0, 29])
    expect(cluster.broker.state.metadata.groups.has("d")).toBe(true)
  })

  it("are read in pages by name, and from the start when something changed between", () => {
    const cluster = new OneBroker(11)
    for (let i = 0; i < 5; i++) cluster.ask(createTopic(`p${i}`))
    const page = (topicSeq: number, dataVersion: string, maxTopicNum = 10) =>
      json(cluster.ask(request(21, { dataVersion, maxTopicNum, topicSeq })))
    const all = Object.keys(json(cluster.ask(request(21))).topicConfigTable).toSorted()
    const seen: Array<string> = []
    let version = ""
    for (let seq = 0; seq < all.length; seq += 10) {
      const { dataVersion, topicConfigTable } = page(seq, version)
      version = JSON.stringify(dataVersion)
      seen.push(...Object.keys(topicConfigTable))
    }
    expect(seen).toEqual(all)
    cluster.ask(createTopic("p9"))
    expect(Object.keys(page(10, version).topicConfigTable)).toEqual(all.slice(0, 10))
    const groups = json(cluster.ask(request(201, { groupSeq: 0, maxGroupNum: 2 })))
    expect(Object.keys(groups.subscriptionGroupTable)).toHaveLength(2)
  })
})

/** A consumer of group "g" with an id, on a machine of its own, that answers what the broker asks. */
const consumer = (cluster: OneBroker, clientID: string, handlers: ReadonlyMap<number, Handler>, host: string): void => {
  const client = new RemotingClient(cluster.world.node(clientID, host).world, { handlers })
  const beat = {
    clientID,
    consumerDataSet: [{ consumeType: "CONSUME_PASSIVELY", groupName: "g", subscriptionDataSet: [{ topic: "t" }] }],
  }
  let isHeard = false
  client.ask({ host: "10.0.1.1", port: 10_911 }, request(34, {}, JSON.stringify(beat)), 3000, () => (isHeard = true))
  cluster.world.sim.runUntil(() => isHeard, 5000)
}

const info = (clientId: string) => request(307, { clientId, consumerGroup: "g", jstackEnable: true })

const status =
  (offset: number): Handler =>
  (_command, call) =>
    call.answer({
      body: Buffer.from(`{"messageQueueTable":{{"brokerName":"broker-a","queueId":0,"topic":"t"}:${offset}}}`),
      code: 0,
    })

const resetTo = (offset: number): string =>
  `{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"t"}:${offset}}}`

describe("what an administrator wants of clients", () => {
  it("is asked of the client, and its answer handed back as it is", () => {
    const cluster = begin(20)
    let asked: Command | undefined
    const running: Handler = (command, call) => {
      asked = command
      call.answer({ body: Buffer.from('{"properties":{}}'), code: 0, remark: "as it is" })
    }
    consumer(cluster, "one", new Map([[307, running]]), "10.0.3.1")
    const answer = cluster.ask(info("one"))
    expect([answer.code, answer.remark, answer.body.toString()]).toEqual([0, "as it is", '{"properties":{}}'])
    expect(asked?.ext).toMatchObject({ clientId: "one", consumerGroup: "g", jstackEnable: "true" })
    expect(cluster.ask(info("two"))).toMatchObject({ code: 1, remark: "The Consumer <g> <two> not online" })
  })

  it("a client that does not answer within 10 s is told so, with code 207", () => {
    const cluster = begin(21)
    consumer(cluster, "mute", new Map([[307, () => {}]]), "10.0.3.1")
    const answer = cluster.ask(info("mute"))
    expect(answer.code).toBe(ResponseCode.CONSUME_MSG_TIMEOUT)
    expect(answer.remark).toMatch(/^consumer <g> <mute> Timeout: /)
  })

  it("consumes one message: the broker reads it and hands it to the client", () => {
    const cluster = begin(22)
    const bodies: Array<string> = []
    const consume: Handler = ({ body, ext }, call) => {
      bodies.push(
        ...StoredMessage.decodeAll(body).messages.map((one) => `${one.body.toString()} ${String(ext["brokerName"])}`),
      )
      call.answer({ body: Buffer.from('{"consumeResult":"CR_SUCCESS"}'), code: 0 })
    }
    consumer(cluster, "one", new Map([[309, consume]]), "10.0.3.1")
    const msgId = String(cluster.ask(send("t", 0)).ext["msgId"])
    const direct = (id: string) =>
      cluster.ask(request(309, { clientId: "one", consumerGroup: "g", msgId: id, topic: "t" }))
    expect(json(direct(msgId))).toEqual({ consumeResult: "CR_SUCCESS" })
    expect(bodies).toEqual(["hello broker-a"])
    expect(direct("AC110001").remark).toMatch(/is no offset message id/)
    expect(direct(`${msgId.slice(0, -4)}FFFF`).remark).toMatch(/cannot be read at offset/)
  })

  it("how far clients are: all are asked, and who does not answer is left out", () => {
    const cluster = begin(23)
    consumer(cluster, "one", new Map([[221, status(1)]]), "10.0.3.1")
    consumer(cluster, "two", new Map([[221, status(2)]]), "10.0.3.2")
    consumer(cluster, "mute", new Map([[221, () => {}]]), "10.0.3.3")
    const ask = (clientAddr: string) =>
      cluster.ask(request(223, Admin.GetConsumerStatus.encode({ clientAddr, group: "g", topic: "t" }))).body.toString()
    const queue = '{"brokerName":"broker-a","queueId":0,"topic":"t"}'
    for (const part of [`"one":{${queue}:1}`, `"two":{${queue}:2}`]) expect(ask("")).toContain(part)
    expect(ask("")).not.toContain("mute")
    expect(ask("two")).toBe(`{"consumerTable":{"two":{${queue}:2}},"messageQueueTable":{}}`)
    expect(ask("nobody")).toBe('{"consumerTable":{},"messageQueueTable":{}}')
    expect(cluster.ask(request(223, { group: "x", topic: "t" })).remark).toBe(
      "No Any Consumer online in the consumer group: [x]",
    )
  })

  it("offsets are reset by the clients when useServerSideResetOffset is false, and only forward if forced", () => {
    const cluster = new OneBroker(24, { useServerSideResetOffset: false })
    cluster.ask(createTopic("t"))
    for (let i = 0; i < 3; i++) cluster.ask(send("t", 0))
    cluster.ask(request(200, {}, JSON.stringify({ groupName: "g" })))
    const reset = (isForce: boolean, timestamp: number, topic = "t") =>
      cluster.ask(request(222, Admin.ResetOffset.encode({ group: "g", isForce, timestamp, topic })))
    expect(reset(true, -1).remark).toBe("THe consumer group <g> not exist")
    cluster.ask(commit("g", "t", 0, 1))
    expect(reset(true, -1).code).toBe(ResponseCode.CONSUMER_NOT_ONLINE)
    const told: Array<string> = []
    const note: Handler = ({ body }, call) => {
      told.push(body.toString())
      call.drop()
    }
    consumer(cluster, "one", new Map([[220, note]]), "10.0.3.1")
    consumer(cluster, "two", new Map([[220, note]]), "10.0.3.2")
    expect(reset(false, -1).body.toString()).toBe(resetTo(1))
    expect(reset(true, -1).body.toString()).toBe(resetTo(3))
    cluster.world.sim.runFor(1000)
    expect(told).toEqual([resetTo(1), resetTo(1), resetTo(3), resetTo(3)])
    expect(reset(true, 0, "nobody").remark).toMatch(/no topic in this broker/)
    // The broker's own offset moves when a client commits, and not before.
    expect(offsetOf(cluster.ask(query("g", "t", 0)))).toBe(1)
  })
})

describe("offsets", () => {
  it("are cloned to another group, one topic or all, and stay so over a power cut", () => {
    const cluster = begin(30)
    const clone = (destGroup: string, topic?: string) =>
      cluster.ask(
        request(
          314,
          Admin.CloneGroupOffset.encode({ destGroup, srcGroup: "g", ...(topic === undefined ? {} : { topic }) }),
        ),
      )
    expect([clone("h", "t").code, clone("i").code, clone("").code]).toEqual([0, 0, 29])
    cluster.powerCut()
    cluster.start()
    for (const group of ["h", "i"]) expect(offsetOf(cluster.ask(query(group, "t", 0)))).toBe(1)
  })

  it("are corrected against all other groups, as far as they are behind", () => {
    const cluster = begin(31)
    cluster.ask(request(200, {}, JSON.stringify({ groupName: "h" })))
    cluster.ask(commit("h", "t", 0, 2))
    const correct = (compareGroup: string, filterGroups: string): string =>
      cluster.ask(request(308, { compareGroup, filterGroups, topic: "t" })).body.toString()
    expect(correct("h", "")).toBe('{"correctionOffsets":{0:1}}')
    expect(correct("h", "g")).toBe('{"correctionOffsets":{0:2}}')
    expect(correct("g", "g")).toBe('{"correctionOffsets":{0:9223372036854775807}}')
    // Who is filtered keeps its offsets.
    expect(offsetOf(cluster.ask(query("g", "t", 0)))).toBe(1)
  })
})

describe("statistics", () => {
  it("count what is put and got, and tell it per second", () => {
    const cluster = begin(40)
    cluster.ask(pull("g", "t", 0))
    cluster.world.sim.runFor(10_000)
    const stats = (statsName: string, statsKey: string) => cluster.ask(request(315, { statsKey, statsName }))
    expect(json(stats("TOPIC_PUT_NUMS", "t")).statsMinute).toEqual({ avgpt: 1, sum: 3, tps: 0.3 })
    expect(json(stats("GROUP_GET_NUMS", "t@g")).statsMinute.sum).toBe(3)
    expect(json(stats("BROKER_PUT_NUMS", "DefaultCluster")).statsMinute.sum).toBe(3)
    expect(stats("TOPIC_PUT_NUMS", "nobody").remark).toBe("The stats <TOPIC_PUT_NUMS> <nobody> not exist")
    expect(stats("__proto__", "t").code).toBe(1)
    expect(cluster.ask(request(202, { topic: "t" })).body.toString()).toMatch(/"topicPutTps":0.3}$/)
    expect(cluster.ask(request(208, { consumerGroup: "g" })).body.toString()).toMatch(/^{"consumeTps":0.3,/)
    const { table } = json(cluster.ask(request(28)))
    expect(table).toMatchObject({ brokerActive: "true", msgGetTotalTodayNow: "3", msgPutTotalTodayNow: "3" })
    // mqadmin takes three rates apart, and misses none.
    for (const name of ["putTps", "getTransferredTps", "getTotalTps"]) expect(table[name].split(" ")).toHaveLength(3)
    cluster.ask(deleteTopic("t"))
    expect(stats("TOPIC_PUT_NUMS", "t").code).toBe(1)
  })

  it("do not count what recovery reads again", () => {
    const cluster = begin(41)
    cluster.powerCut()
    cluster.start()
    cluster.ask(send("t", 0))
    expect(json(cluster.ask(request(28))).table.msgPutTotalTodayNow).toBe("1")
  })
})

const read = (text: string) => RuntimeSettings.read(Buffer.from(text), settings)

describe("settings of a running broker", () => {
  it("are changed from its own machine, take effect at once, and are told", () => {
    const started = start(1_795_000_000_000, 1)
    const peer = started.connect()
    const ask = (code: number, ext: Ext, body = "") =>
      peer.ask(Commands.encode(Commands.request(code, code, ext, Buffer.from(body))), 2000)!
    const fresh = { a: "p", b: "Fresh", c: "TBW102", d: 1, e: 0, f: 0, g: 1, h: 0, i: "" }
    const before = ask(26, {}).ext["version"]
    expect(ask(25, {}, "autoCreateTopicEnable=false\nfileReservedTime=71\n").code).toBe(0)
    expect(ask(310, fresh, "x").code).toBe(ResponseCode.TOPIC_NOT_EXIST)
    const config = ask(26, {})
    expect(config.body.toString()).toContain("autoCreateTopicEnable=false\n")
    expect(config.ext["version"]).not.toBe(before)
    expect(ask(25, {}, "autoCreateTopicEnable=true").code).toBe(0)
    expect(ask(310, fresh, "x").code).toBe(0)
  })

  it("are refused from elsewhere, with who may (P12)", () => {
    const cluster = new OneBroker(50)
    const answer = cluster.ask(request(25, {}, "fileReservedTime=1"))
    expect([answer.code, answer.remark]).toEqual([
      ResponseCode.NO_PERMISSION,
      "The configuration of this broker is changed only from the broker's own machine (configUpdateFrom=loopback): nobody is authenticated.",
    ])
    expect(RuntimeSettings.refuseFrom("127.0.0.1", { ...defaults, configUpdateFrom: "none" })?.remark).toMatch(
      /by its file and a restart/,
    )
    for (const host of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
      expect(RuntimeSettings.refuseFrom(host, defaults)).toBeUndefined()
    for (const host of ["10.0.0.1", "128.0.0.1", "::2", "localhost", ""])
      expect(RuntimeSettings.refuseFrom(host, defaults)?.code).toBe("NO_PERMISSION")
  })

  it("are taken all or none, of the list only, and within their bounds", () => {
    expect(read("# by hand\nfileReservedTime = 5\nbrokerPermission=4\n")).toEqual({
      brokerPermission: 4,
      fileReservedTime: 5,
    })
    expect(read("")).toEqual({})
    expect(read("fileReservedTime=5\nrocketmqHome=/x")).toMatchObject({
      code: "NO_PERMISSION",
      remark: "Can not update config in black list.",
    })
    expect(read("flushDiskType=ASYNC_FLUSH")).toMatchObject({
      remark: expect.stringMatching(/^flushDiskType is read at the start/),
    })
    expect(read("fileReservdTime=5")).toMatchObject({
      remark: expect.stringMatching(/Did you mean fileReservedTime\?/),
    })
    expect(read("__proto__=5")).toMatchObject({ code: "NO_PERMISSION" })
    for (const bad of [
      "fileReservedTime=-1",
      "fileReservedTime=",
      "brokerPermission=7",
      "deleteWhen=25",
      "longPollingEnable=yes",
      "namesrvAddr=x",
    ])
      expect([bad, read(bad)]).toMatchObject([bad, { code: "INVALID_PARAMETER" }])
    expect(read("x".repeat(70_000))).toMatchObject({ code: "INVALID_PARAMETER" })
  })
})

describe("care", () => {
  it("cleans queues of topics that nobody has, and leaves those of others alone", () => {
    const cluster = begin(60)
    cluster.world.sim.runFor(3000)
    ;(cluster.broker.state.metadata.topics as Map<string, unknown>).delete("t")
    for (const code of [316, 306, 329]) expect(cluster.ask(request(code)).code).toBe(0)
    expect(queueFiles(cluster)).toEqual([])
    expect(cluster.node.disk.list("/store/consumequeue")).toContain("rmq_sys_GANTRY_topic")
  })

  it("tells replicas of offsets in the form that they read", () => {
    const cluster = begin(61)
    const offsets = ConfigJson.ConsumerOffsets.decode(cluster.ask(request(43)).body)
    expect(offsets).toMatchObject({ offsetTable: new Map([["t@g", new Map([[0, 1]])]]) })
    expect(cluster.ask(request(45)).body.toString()).toMatch(/"offsetTable":{}}$/)
  })
})

it("records of the broker's own are not bound by the size of clients' messages", () => {
  const cluster = new OneBroker(70, { maxMessageSize: 100 })
  const topicConfigList = Array.from({ length: 200 }, (_, i) => ({ topicName: `topic-${i}` }))
  expect(cluster.ask(request(18, {}, JSON.stringify({ topicConfigList }))).code).toBe(0)
  cluster.powerCut()
  cluster.start()
  expect(cluster.broker.state.metadata.topics.has("topic-199")).toBe(true)
})
