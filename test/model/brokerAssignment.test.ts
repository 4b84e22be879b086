/** A broker that shares out queues, and what it remembers of how: on simulated machines. */
import { describe, expect, it } from "vitest"
import type { Command } from "../../src/format/Command.ts"
import { QueryAssignment, QueryAssignmentAnswer } from "../../src/format/Assignment.ts"
import { RequestModes } from "../../src/format/ConfigJson.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import { RouteData } from "../../src/format/RouteData.ts"
import type { Handler } from "../../src/infra/remoting/Hub.ts"
import { RemotingServer } from "../../src/infra/remoting/RemotingServer.ts"
import { readWhole } from "../../src/infra/store/StateFiles.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import { brokerAddress, createTopic, heartbeat, nameServerAddress, OneBroker } from "./cluster.ts"

const assignment = (topic: string, clientId = "c", strategyName = "AVG"): Request => ({
  body: QueryAssignment.encode({ clientId, consumerGroup: "g", messageModel: "CLUSTERING", strategyName, topic }),
  code: RequestCode.QUERY_ASSIGNMENT,
})

const setMode = (topic: string, mode: string, consumerGroup = "g"): Request => ({
  body: Buffer.from(JSON.stringify({ consumerGroup, mode, popShareQueueNum: 0, topic })),
  code: RequestCode.SET_MESSAGE_REQUEST_MODE,
})

/** The queues that an answer gives, as `mode broker id`; undefined: the asker keeps what it has. */
const told = (answer: Command): ReadonlyArray<string> | undefined => {
  const read = QueryAssignmentAnswer.decode(answer.body)
  if (read instanceof Error) throw read
  return read.messageQueueAssignments?.map(
    ({ messageQueue, mode }) => `${mode} ${messageQueue.brokerName} ${messageQueue.queueId}`,
  )
}

const modes = (cluster: OneBroker): ReadonlyArray<string> => {
  const answer = cluster.ask({ code: RequestCode.GET_ALL_MESSAGE_REQUEST_MODE })
  const read = RequestModes.decode(answer.body)
  if (read instanceof Error) throw read
  return [...read.messageRequestModeMap].flatMap(([topic, groups]) =>
    groups
      .entries()
      .map(([group, { mode }]) => `${topic} ${group} ${mode}`)
      .toArray(),
  )
}

const begin = (seed: number, config = {}): OneBroker => {
  const cluster = new OneBroker(seed, config)
  cluster.ask(createTopic("t"))
  cluster.ask(heartbeat("g"))
  return cluster
}

describe("QUERY_ASSIGNMENT", () => {
  it("gives a member its share, and says nothing to a stranger or of what is not there", () => {
    const cluster = begin(1)
    expect(told(cluster.ask(assignment("t")))).toEqual(["PULL broker-a 0"])
    expect(told(cluster.ask(assignment("%RETRY%g")))).toEqual(["PULL broker-a 0"])
    for (const nobody of [
      assignment("t", "stranger"),
      assignment("none"),
      assignment("../x"),
      assignment("t", "c", "X"),
    ])
      expect(told(cluster.ask(nobody))).toBeUndefined()
    const unreadable = cluster.ask({ body: Buffer.from("{"), code: RequestCode.QUERY_ASSIGNMENT })
    expect(unreadable.code).toBe(ResponseCode.SYSTEM_ERROR)
  })

  it("knows the queues of other brokers from the name server, and keeps them while it is silent", () => {
    const cluster = new OneBroker(2, { namesrvAddr: `${nameServerAddress.host}:${nameServerAddress.port}` })
    const names = cluster.world.node("names", nameServerAddress.host)
    const asked: Array<string> = []
    const route: Handler = ({ ext }, call) => {
      asked.push(String(ext["topic"]))
      if (ext["topic"] !== "t") return call.answer({ code: ResponseCode.TOPIC_NOT_EXIST })
      const queueDatas = ["broker-a", "broker-b"].map((brokerName) => ({
        brokerName,
        perm: 6,
        readQueueNums: 2,
        topicSysFlag: 0,
        writeQueueNums: 2,
      }))
      // Another broker has two queues; so had this one when it was last asked for.
      call.answer({ body: RouteData.encode({ brokerDatas: [], filterServerTable: new Map(), queueDatas }), code: 0 })
    }
    const handlers = new Map([
      [RequestCode.GET_ROUTEINFO_BY_TOPIC, route],
      [RequestCode.REGISTER_BROKER, ((_command, call) => call.answer({ code: 0 })) satisfies Handler],
    ])
    new RemotingServer(names.world).listen(nameServerAddress, handlers, () => {})
    cluster.ask(createTopic("t"))
    cluster.ask(createTopic("own"))
    cluster.ask(heartbeat("g"))
    const all = ["PULL broker-a 0", "PULL broker-b 0", "PULL broker-b 1"]
    for (let i = 0; i < 3; i++) expect(told(cluster.ask(assignment("t")))?.toSorted()).toEqual(all)
    expect(told(cluster.ask(assignment("own")))).toEqual(["PULL broker-a 0"])
    // A moment later it is not asked again.
    expect(asked).toEqual(["t", "own"])
    names.crash()
    cluster.world.network.breakConnections(brokerAddress.host, nameServerAddress.host)
    cluster.world.sim.runFor(10_000)
    expect(told(cluster.ask(assignment("t")))?.toSorted()).toEqual(all)
    // Who else serves a topic that was never asked for, nobody can tell now.
    expect(told(cluster.ask(assignment("own")))).toBeUndefined()
  })
})

describe("SET_MESSAGE_REQUEST_MODE", () => {
  it("is obeyed, and refused for what is not there and for retry topics", () => {
    const cluster = begin(3)
    expect(cluster.ask(setMode("t", "POP")).code).toBe(0)
    expect(told(cluster.ask(assignment("t")))).toEqual(["POP broker-a -1"])
    expect(told(cluster.ask(assignment("%RETRY%g")))).toEqual(["PULL broker-a 0"])
    expect(cluster.ask(setMode("t", "PULL")).code).toBe(0)
    expect(told(cluster.ask(assignment("t")))).toEqual(["PULL broker-a 0"])
    expect(cluster.ask(setMode("none", "POP")).code).toBe(ResponseCode.TOPIC_NOT_EXIST)
    expect(cluster.ask(setMode("t", "POP", "none")).code).toBe(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST)
    expect(cluster.ask(setMode("%RETRY%g", "POP")).code).toBe(ResponseCode.NO_PERMISSION)
    expect(modes(cluster)).toEqual(["t g PULL"])
  })

  it("stays over an orderly restart, a kill and a power cut, and goes with its topic and its group (P9)", () => {
    for (const end of ["stop", "kill", "powerCut"] as const) {
      const cluster = begin(4)
      cluster.ask(createTopic("u"))
      cluster.ask(heartbeat("h"))
      for (const [topic, group] of [
        ["t", "g"],
        ["u", "g"],
        ["t", "h"],
        ["u", "h"],
      ] as const)
        expect(cluster.ask(setMode(topic, "POP", group)).code).toBe(0)
      cluster[end]()
      cluster.start()
      expect(modes(cluster)).toEqual(["t g POP", "t h POP", "u g POP", "u h POP"])
      cluster.ask({ code: RequestCode.DELETE_TOPIC_IN_BROKER, ext: { topic: "t" } })
      cluster.ask({ code: RequestCode.DELETE_SUBSCRIPTIONGROUP, ext: { cleanOffset: true, groupName: "h" } })
      cluster[end]()
      cluster.start()
      expect(modes(cluster)).toEqual(["u g POP"])
    }
  })

  it("one truth: without the file, or without any file, the same is folded from the log (P9)", () => {
    for (const names of [["messageRequestMode.json"], undefined]) {
      const cluster = begin(5)
      expect(cluster.ask(setMode("t", "POP")).code).toBe(0)
      cluster.stop()
      const { disk } = cluster.node
      for (const name of names ?? disk.list("/store/config")) disk.remove(`/store/config/${name}`)
      cluster.start()
      expect(modes(cluster)).toEqual(["t g POP"])
    }
  })

  it("is taken over from a file that Apache RocketMQ wrote, and its word is kept in the log", () => {
    const cluster = begin(6)
    expect(cluster.ask(setMode("t", "PULL")).code).toBe(0)
    cluster.stop()
    const { disk } = cluster.node
    const path = "/store/config/messageRequestMode.json"
    const ours = readWhole(disk, path)!.toString()
    expect(JSON.parse(ours)).toMatchObject({ messageRequestModeMap: { t: { g: { mode: "PULL", topic: "t" } } } })
    const { gantry: _mark, ...theirs } = JSON.parse(ours.replace("PULL", "POP")) as { readonly gantry: unknown }
    const file = disk.open(path, "create")
    file.truncate(0)
    file.writeSync(Buffer.from(JSON.stringify(theirs)), 0)
    file.syncSync()
    file.close()
    cluster.start()
    expect(modes(cluster)).toEqual(["t g POP"])
    cluster.powerCut()
    for (const name of cluster.node.disk.list("/store/config")) cluster.node.disk.remove(`/store/config/${name}`)
    cluster.start()
    expect(modes(cluster)).toEqual(["t g POP"])
  })

  it("defaults are the broker's own", () => {
    const cluster = begin(7, { defaultMessageRequestMode: "POP", serverLoadBalancerEnable: true })
    expect(told(cluster.ask(assignment("t")))).toEqual(["POP broker-a -1"])
    expect(told(cluster.ask(assignment("%RETRY%g")))).toEqual(["PULL broker-a 0"])
  })
})
