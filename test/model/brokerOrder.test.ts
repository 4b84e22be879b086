/** Order at a broker: what it stores in it (P2), and what it fences of ordered consumption by grant, name and direction (P5). */
import { describe, expect, it } from "vitest"
import type { Command, Ext } from "../../src/format/Command.ts"
import { LockBatch, LockBatchAnswer, LockBatchHeader } from "../../src/format/LockBatch.ts"
import * as Format from "../../src/format/PullMessage.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import { standard } from "../../src/format/shape.ts"
import { buildPullFlag } from "../../src/domain/SysFlag.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../src/infra/remoting/RemotingError.ts"
import { brokerAddress, createTopic, heartbeatOf, OneBroker, query, send } from "./cluster.ts"

const leaseMs = 60_000

/** A member of the group "g" on a machine of its own. */
class Member {
  readonly #cluster: OneBroker
  readonly #client: RemotingClient
  readonly clientId: string
  #grant: number | undefined

  constructor(cluster: OneBroker, clientId: string, type = "CONSUME_PASSIVELY") {
    this.#cluster = cluster
    this.clientId = clientId
    const count = cluster.world.nodes.length
    this.#client = new RemotingClient(cluster.world.node(clientId, `10.0.7.${count}`).world)
    this.ask(heartbeatOf("g", clientId, type))
  }

  ask(request: Request): Command {
    let answer: Command | RemotingError | undefined
    this.#client.ask(brokerAddress, request, 60_000, (outcome) => (answer = outcome))
    this.#cluster.world.sim.runUntil(() => answer !== undefined, 60_000)
    if (answer === undefined || answer instanceof RemotingError) throw answer ?? new Error("no answer")
    return answer
  }

  /** Says something that nobody answers, and waits until it was heard. */
  tell(request: Request): void {
    this.#client.tell(brokerAddress, request)
    this.#cluster.world.sim.runFor(500)
  }

  lock(code: number = RequestCode.LOCK_BATCH_MQ, isNamed = true): LockBatchAnswer {
    const mqSet = [{ brokerName: "broker-a", queueId: 0, topic: "t" }]
    const body = LockBatch.encode(
      { clientId: this.clientId, consumerGroup: "g", mqSet, onlyThisBroker: false },
      standard,
    )
    const answer = this.ask({ body, code, ...(isNamed ? { ext: LockBatchHeader.encode({ gantryGrants: true }) } : {}) })
    expect(answer.code).toBe(0)
    if (code !== RequestCode.LOCK_BATCH_MQ) return { lockOKMQSet: [] }
    const read = LockBatchAnswer.decode(answer.body)
    if (read instanceof Error) throw read
    this.#grant = read.gantryGrants?.[0] ?? this.#grant
    return read
  }

  get grant(): number {
    return this.#grant!
  }

  commit(commitOffset: number, gantryGrant?: number): Request {
    const named = gantryGrant === undefined ? {} : { gantryGrant }
    const ext: Ext = Format.UpdateConsumerOffset.encode({
      commitOffset,
      consumerGroup: "g",
      queueId: 0,
      topic: "t",
      ...named,
    })
    return { code: RequestCode.UPDATE_CONSUMER_OFFSET, ext }
  }

  pull(commitOffset: number, gantryGrant?: number): Request {
    const named = gantryGrant === undefined ? {} : { gantryGrant }
    const ext = Format.PullMessage.encode({
      commitOffset,
      consumerGroup: "g",
      maxMsgNums: 1,
      queueId: 0,
      queueOffset: 0,
      subVersion: 0,
      subscription: "*",
      suspendTimeoutMillis: 0,
      sysFlag: buildPullFlag({ classFilter: false, commitOffset: true, subscription: true, suspend: false }),
      topic: "t",
      ...named,
    })
    return { code: RequestCode.PULL_MESSAGE, ext }
  }
}

const begin = (seed: number): OneBroker => {
  const cluster = new OneBroker(seed)
  cluster.ask(createTopic("t"))
  for (let i = 0; i < 10; i++) cluster.ask(send("t", 0))
  return cluster
}

const offset = (cluster: OneBroker): number => Number(cluster.ask(query("g", "t", 0)).ext["offset"])

describe("messages that are pipelined on one connection", () => {
  it("are stored in the order sent, also while their topic is being made and the disk is slow (P2)", () => {
    for (const syncDelayMs of [0, 40]) {
      const cluster = new OneBroker(8)
      cluster.diskWeather.syncDelayMs = syncDelayMs
      const answers: Array<() => Command | RemotingError | undefined> = []
      for (let i = 0; i < 60; i++) {
        answers.push(cluster.tell(send("made-by-the-first", 0, `KEYS\u0001k${i}\u0002`)))
        // Some come while the topic is on its way, some when it is there and those before still wait.
        cluster.world.sim.runFor(i % 5)
      }
      cluster.world.sim.runUntil(() => answers.every((answer) => answer() !== undefined), 60_000)
      const offsets = answers.map((answer) => Number((answer() as Command).ext["queueOffset"]))
      expect(offsets).toEqual(answers.map((_, i) => i))
    }
  })
})

describe("a member that names its grant", () => {
  it("moves the offset under its last grant only, also when it is itself that has the next one", () => {
    const cluster = begin(1)
    const one = new Member(cluster, "one")
    const two = new Member(cluster, "two")
    one.lock()
    const first = one.grant
    expect(one.ask(one.commit(2, first)).code).toBe(0)
    cluster.world.sim.runFor(leaseMs + 1000)
    two.lock()
    expect(one.ask(one.commit(3, first)).code).toBe(ResponseCode.ILLEGAL_OPERATION)
    one.ask(one.pull(3, first))
    expect(offset(cluster)).toBe(2)
    two.lock(RequestCode.UNLOCK_BATCH_MQ)
    one.lock()
    expect(one.grant).toBeGreaterThan(two.grant)
    // It holds the lock, and what it began before that does not count.
    expect(one.ask(one.commit(4, first)).remark).toContain("came after")
    one.ask(one.pull(4, first))
    expect(offset(cluster)).toBe(2)
    one.ask(one.pull(5, one.grant))
    expect(offset(cluster)).toBe(5)
    expect(one.ask(one.commit(4, one.grant)).code).toBe(ResponseCode.ILLEGAL_OPERATION)
    expect(one.ask(one.commit(6, one.grant)).code).toBe(0)
  })

  it("is told its grant because it asks; others get RocketMQ's answer", () => {
    const cluster = begin(2)
    const one = new Member(cluster, "one")
    expect(Object.keys(one.lock(RequestCode.LOCK_BATCH_MQ, false))).toEqual(["lockOKMQSet"])
    expect(one.lock().gantryGrants).toHaveLength(1)
    // A renewal is no new grant, and grants of another life of the broker are others.
    const { grant } = one
    one.lock()
    expect(one.grant).toBe(grant)
    cluster.stop()
    cluster.start()
    cluster.world.sim.runFor(leaseMs + 1000)
    const two = new Member(cluster, "two")
    two.lock()
    expect(two.grant).toBeGreaterThan(grant)
  })
})

/** A commit as RocketMQ's clients send it; true: it moved the offset. */
const moves = (cluster: OneBroker, member: Member, to: number): boolean => {
  const before = offset(cluster)
  member.tell(member.commit(to))
  return offset(cluster) === to && before !== to
}

describe("a member that cannot name its grant", () => {
  it("moves the offset while it is the last holder, and forward", () => {
    const cluster = begin(3)
    const one = new Member(cluster, "one")
    const two = new Member(cluster, "two")
    one.lock(RequestCode.LOCK_BATCH_MQ, false)
    expect(moves(cluster, one, 2)).toBe(true)
    expect(moves(cluster, two, 3)).toBe(false)
    expect(moves(cluster, one, 1)).toBe(false)
    expect(moves(cluster, one, 3)).toBe(true)
  })

  it("does not move it back when the lock is forgotten, by a restart or in time, nor before its heartbeat (P5, P8)", () => {
    for (const end of ["stop", "kill", "powerCut", "wait"] as const) {
      const cluster = begin(4)
      const one = new Member(cluster, "one")
      one.lock(RequestCode.LOCK_BATCH_MQ, false)
      expect(one.ask(one.commit(5)).code).toBe(0)
      if (end === "wait") cluster.world.sim.runFor(3 * leaseMs)
      else {
        cluster[end]()
        cluster.start()
      }
      const sleeper = new Member(cluster, "sleeper")
      expect(moves(cluster, sleeper, 3)).toBe(false)
      sleeper.ask(sleeper.pull(3))
      expect(offset(cluster)).toBe(5)
      expect(moves(cluster, sleeper, 6)).toBe(true)
      // Who has not sent a heartbeat yet is no administrator by that: an administrator waits for the answer.
      const nobody = new Member(cluster, "nobody")
      nobody.ask({ code: RequestCode.UNREGISTER_CLIENT, ext: { clientID: "nobody", consumerGroup: "g" } })
      expect(moves(cluster, nobody, 4)).toBe(false)
      expect(nobody.ask(nobody.commit(4)).code).toBe(0)
      expect(offset(cluster)).toBe(4)
    }
  })

  it("may seek back when it pulls by itself, or when its group never took a lock", () => {
    const cluster = begin(5)
    const puller = new Member(cluster, "puller", "CONSUME_ACTIVELY")
    expect(moves(cluster, puller, 5)).toBe(true)
    expect(moves(cluster, puller, 2)).toBe(true)
    puller.lock(RequestCode.LOCK_BATCH_MQ, false)
    cluster.world.sim.runFor(3 * leaseMs)
    puller.ask(heartbeatOf("g", "puller", "CONSUME_ACTIVELY"))
    expect(moves(cluster, puller, 1)).toBe(true)
  })
})

const order = (cluster: OneBroker): ReadonlyArray<string> =>
  [...cluster.broker.state.metadata.order].flatMap(([group, topics]) =>
    topics
      .values()
      .map((topic) => `${group} ${topic}`)
      .toArray(),
  )

describe("that a group consumes in order", () => {
  it("one truth: is folded from the log, with its snapshot or without, and goes with its group and topic (P9)", () => {
    const cluster = begin(6)
    new Member(cluster, "one").lock()
    expect(order(cluster)).toEqual(["g t"])
    for (const isCleared of [false, true]) {
      cluster.stop()
      if (isCleared)
        for (const name of cluster.node.disk.list("/store/config")) cluster.node.disk.remove(`/store/config/${name}`)
      cluster.start()
      expect(order(cluster)).toEqual(["g t"])
    }
    cluster.ask({ code: RequestCode.DELETE_TOPIC_IN_BROKER, ext: { topic: "t" } })
    expect(order(cluster)).toEqual([])
    cluster.powerCut()
    cluster.start()
    expect(order(cluster)).toEqual([])
  })

  it("is not noted of a group that nobody has heard of (P11)", () => {
    const cluster = begin(7)
    const mqSet = [{ brokerName: "broker-a", queueId: 0, topic: "t" }]
    const body = LockBatch.encode({ clientId: "x", consumerGroup: "unheard", mqSet, onlyThisBroker: false }, standard)
    expect(cluster.ask({ body, code: RequestCode.LOCK_BATCH_MQ }).code).toBe(0)
    expect(order(cluster)).toEqual([])
  })
})
