/**
 * P11: nothing that a client sends makes a broker remember more than its bounds, or stops it. Each case does one thing
 * again and again, with another name each time, and looks at the table that it would fill.
 */
import { expect, it } from "vitest"
import * as Heartbeat from "../../src/domain/Heartbeat.ts"
import * as Admin from "../../src/format/Admin.ts"
import { Heartbeat as HeartbeatBody } from "../../src/format/Heartbeat.ts"
import { LockBatch } from "../../src/format/LockBatch.ts"
import * as Pull from "../../src/format/PullMessage.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { standard } from "../../src/format/shape.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import { commit, createTopic, heartbeat, OneBroker, query, send } from "./cluster.ts"

const times = 50

const beat = (clientID: string, producers: ReadonlyArray<string>, extra = ""): Request => ({
  body: HeartbeatBody.encode(
    {
      clientID,
      consumerDataSet:
        extra === ""
          ? []
          : [
              {
                consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
                consumeType: "CONSUME_PASSIVELY",
                groupName: "g",
                messageModel: "CLUSTERING",
                subscriptionDataSet: [
                  {
                    classFilterMode: false,
                    codeSet: new Set(),
                    expressionType: "TAG",
                    subString: extra,
                    subVersion: 1,
                    tagsSet: new Set(),
                    topic: "t",
                  },
                ],
                unitMode: false,
              },
            ],
      heartbeatFingerprint: 0,
      producerDataSet: producers.map((groupName) => ({ groupName })),
      withoutSub: false,
    },
    standard,
  ),
  code: RequestCode.HEART_BEAT,
})

it("a client that changes its id with each heartbeat is remembered once", () => {
  const cluster = new OneBroker(1)
  for (let i = 0; i < times; i++) expect(cluster.ask(beat(`client-${i}`, ["p"])).code).toBe(0)
  const { producers } = cluster.broker.state
  expect([producers.ofClientId.size, producers.idOf.size, producers.size]).toEqual([1, 1, 1])
})

it("a client is in so many groups, over all its heartbeats", () => {
  const cluster = new OneBroker(2)
  const { groupsOfConnectionMax } = Heartbeat.defaults
  const names = Array.from({ length: groupsOfConnectionMax }, (_, i) => `p${i}`)
  expect(cluster.ask(beat("c", names)).code).toBe(0)
  const refused = cluster.ask(beat("c", ["one-more"]))
  expect([refused.code, refused.remark]).toEqual([
    1,
    expect.stringContaining(`at most ${groupsOfConnectionMax} groups`),
  ])
  expect(cluster.broker.state.producers.size).toBe(groupsOfConnectionMax)
  expect(cluster.ask(beat("c", names.slice(0, 3))).code).toBe(0)
})

it("names and subscriptions that are too long are refused, and nothing of them stays", () => {
  const cluster = new OneBroker(3)
  const { charactersMax, clientIdLengthMax, groupLengthMax } = Heartbeat.defaults
  expect(cluster.ask(beat("c".repeat(clientIdLengthMax + 1), ["p"])).code).toBe(1)
  expect(cluster.ask(beat("c", ["p".repeat(groupLengthMax + 1)])).code).toBe(1)
  expect(cluster.ask(beat("c", ["p"], "x".repeat(charactersMax + 1))).code).toBe(1)
  const { consumers, producers } = cluster.broker.state
  expect([consumers.size, consumers.characters, producers.size]).toEqual([0, 0, 0])
})

it("topics and groups are as many as the settings allow, whichever way they are made", () => {
  const known = new OneBroker(4).broker.state.metadata
  const topicNumsMax = known.topics.size + 5
  const groupNumsMax = known.groups.size + 5
  const cluster = new OneBroker(4, { groupNumsMax, topicNumsMax })
  const { metadata } = cluster.broker.state
  const answers = new Set<number>()
  for (let i = 0; i < times; i++) {
    answers.add(cluster.ask(send(`by-send-${i}`, 0)).code)
    answers.add(cluster.ask(createTopic(`by-admin-${i}`)).code)
    answers.add(cluster.ask(heartbeat(`by-heartbeat-${i}`)).code)
    const body = Buffer.from(JSON.stringify({ groupName: `group-by-admin-${i}` }))
    answers.add(cluster.ask({ body, code: RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP }).code)
  }
  expect([metadata.topics.size, metadata.groups.size]).toEqual([topicNumsMax, groupNumsMax])
  expect([...answers].toSorted()).toEqual([0, 1])
  // What is there goes on as before, and may be changed.
  expect(cluster.ask(send("by-send-0", 0)).code).toBe(0)
  expect(cluster.ask(createTopic("by-admin-0")).code).toBe(0)
  const refused = cluster.ask(createTopic("one-more")).remark
  expect(refused).toContain(`keeps at most ${topicNumsMax}, deleted ones`)
  expect(refused).toContain("or raise topicNumsMax")
})

const remove = (topic: string): Request => ({
  code: RequestCode.DELETE_TOPIC_IN_BROKER,
  ext: Admin.TopicOf.encode({ topic }),
})

it("topics that are made, used and deleted again and again are remembered within the same bound", () => {
  const topicNumsMax = new OneBroker(8).broker.state.metadata.topics.size + 5
  const cluster = new OneBroker(8, { topicNumsMax })
  let made = 0
  for (let i = 0; i < times; i++) {
    if (cluster.ask(createTopic(`t${i}`)).code !== 0) continue
    made++
    // Every other one has a message that stays in the log.
    if (i % 2 === 0) cluster.ask(send(`t${i}`, 0))
    cluster.ask(remove(`t${i}`))
  }
  expect(made).toBeGreaterThanOrEqual(5)
  expect(made).toBeLessThan(times)
  cluster.stop()
  cluster.start()
  expect(cluster.ask(createTopic("one-more")).code).toBe(1)
})

it("many that are made at once are no more than those made one by one", () => {
  const topicNumsMax = new OneBroker(5).broker.state.metadata.topics.size + 3
  const cluster = new OneBroker(5, { topicNumsMax })
  const answers = Array.from({ length: times }, (_, i) => cluster.tell(createTopic(`t${i}`)))
  cluster.world.sim.runFor(5000)
  expect(cluster.broker.state.metadata.topics.size).toBe(topicNumsMax)
  expect(answers.every((answer) => answer() !== undefined)).toBe(true)
})

it("offsets, locks and questions of what is not there leave nothing behind", () => {
  const cluster = new OneBroker(6)
  cluster.ask(createTopic("t"))
  cluster.ask(heartbeat("g"))
  const { locks, metadata, store } = cluster.broker.state
  const before = [...store.queues.opened()].length
  for (let i = 0; i < times; i++) {
    cluster.ask(commit("g", "t", i + 1, 1))
    cluster.ask(commit("g", `unknown-${i}`, 0, 1))
    cluster.ask(commit(`unknown-${i}`, "t", 0, 1))
    cluster.ask(query(`unknown-${i}`, "t", i + 1))
    cluster.ask({ code: RequestCode.GET_MAX_OFFSET, ext: Pull.GetMaxOffset.encode({ queueId: i + 1, topic: "t" }) })
    const mqSet = [{ brokerName: "broker-a", queueId: i + 1, topic: "t" }]
    const body = LockBatch.encode({ clientId: `c${i}`, consumerGroup: `g${i}`, mqSet, onlyThisBroker: false }, standard)
    cluster.ask({ body, code: RequestCode.LOCK_BATCH_MQ })
  }
  expect(metadata.offsets.committed.size).toBe(0)
  expect(locks.groups.size).toBe(0)
  expect([...store.queues.opened()].length).toBe(before)
})

it("what is forbidden to groups that nobody knows is bounded", () => {
  const cluster = new OneBroker(7)
  const { metadata } = cluster.broker.state
  metadata.capacity = { ...metadata.capacity, forbiddenNumsMax: 3 }
  const forbid = (group: string): number => {
    const ext = Admin.GroupForbidden.encode({ group, readable: false, topic: "t" })
    return cluster.ask({ code: RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN, ext }).code
  }
  const codes = Array.from({ length: 6 }, (_, i) => forbid(`g${i}`))
  expect(codes).toEqual([0, 0, 0, 1, 1, 1])
  expect(metadata.forbidden.size).toBe(3)
})
