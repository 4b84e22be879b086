/**
 * Limits of names, counts and permissions as a broker enforces them: what is just within is taken, what is just beyond is
 * refused with RocketMQ's code and a sentence that says the limit, and nothing of it is left behind.
 */
import { beforeAll, describe, expect, it } from "vitest"
import * as Properties from "../../src/domain/Properties.ts"
import * as Admin from "../../src/format/Admin.ts"
import * as Batch from "../../src/format/Batch.ts"
import * as Pull from "../../src/format/PullMessage.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import * as Send from "../../src/format/SendMessage.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import { createTopic, OneBroker } from "./cluster.ts"

const { INVALID_PARAMETER, MESSAGE_ILLEGAL, NO_PERMISSION, SUBSCRIPTION_GROUP_NOT_EXIST, SUCCESS, SYSTEM_ERROR } =
  ResponseCode

const sendTo = (topic: string, more: Partial<Send.SendMessage> = {}, body: Buffer = Buffer.from("x")): Request => ({
  body,
  code: more.batch === true ? RequestCode.SEND_BATCH_MESSAGE : RequestCode.SEND_MESSAGE_V2,
  ext: Send.SendMessageV2.encode({
    bornTimestamp: 1,
    defaultTopic: "TBW102",
    defaultTopicQueueNums: 1,
    flag: 0,
    producerGroup: "p",
    properties: "",
    queueId: 0,
    sysFlag: 0,
    topic,
    ...more,
  }),
})

const topicOf = (topic: string, more: Partial<Admin.CreateTopic> = {}): Request => ({
  code: RequestCode.UPDATE_AND_CREATE_TOPIC,
  ext: Admin.CreateTopic.encode({
    defaultTopic: "",
    order: false,
    perm: 6,
    readQueueNums: 1,
    topic,
    topicFilterType: "SINGLE_TAG",
    writeQueueNums: 1,
    ...more,
  }),
})

const groupOf = (group: object): Request => ({
  body: Buffer.from(JSON.stringify(group)),
  code: RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
})

const batch = Batch.encode([{ body: Buffer.from("x"), flag: 0, properties: "" }])
const long = (prefix: string, length: number): string => prefix.padEnd(length, "x")

/** What is asked, the code of the answer, and what its sentence says. */
const cases: ReadonlyArray<readonly [string, Request, number, (RegExp | undefined)?]> = [
  ["a topic of 127 characters", sendTo(long("a", 127)), SUCCESS],
  ["a topic of 128 characters", sendTo(long("a", 128)), INVALID_PARAMETER, /127/],
  ["a retry topic of the longest group", sendTo(long("%RETRY%a", 127)), SUCCESS],
  ["a retry topic of a group that cannot be", sendTo(long("%RETRY%a", 255)), SUBSCRIPTION_GROUP_NOT_EXIST],
  ["a retry topic of 256 characters", sendTo(long("%RETRY%a", 256)), INVALID_PARAMETER, /255/],
  ["a batch to a topic of 127 characters", sendTo(long("b", 127), { batch: true }, batch), SUCCESS],
  ["a batch to a retry topic", sendTo("%RETRY%a", { batch: true }, batch), MESSAGE_ILLEGAL, /retry/],
  ["no topic at all", sendTo(""), INVALID_PARAMETER, /blank/],
  ["a topic that would leave its folder", sendTo("../../etc"), INVALID_PARAMETER, /illegal characters/],
  ["a topic that is a folder", sendTo("a/b"), INVALID_PARAMETER, /illegal characters/],
  ["a topic that is a dot", sendTo("."), INVALID_PARAMETER, /illegal characters/],
  ["a topic with a zero byte", sendTo("a\u0000b"), INVALID_PARAMETER, /illegal characters/],
  ["a topic that is not ASCII", sendTo("bestellungen-für-alle"), INVALID_PARAMETER, /illegal characters/],
  ["a topic that only the broker writes", sendTo("SCHEDULE_TOPIC_XXXX"), NO_PERMISSION, /forbidden/],
  ["a topic of the broker's own records", sendTo("rmq_sys_GANTRY_topic"), NO_PERMISSION, /forbidden/],
  ["the last queue of a topic", sendTo("there", { queueId: 3 }), SUCCESS],
  ["the queue after it", sendTo("there", { queueId: 4 }), INVALID_PARAMETER, /4 write and 4 read/],
  ["a queue of the broker's choice", sendTo("there", { queueId: -1 }), SUCCESS],
  [
    "a batch with a delay",
    sendTo("there", { batch: true, properties: "DELAY\u00011\u0002" }, batch),
    MESSAGE_ILLEGAL,
    /delay/,
  ],
  ["a batch in a transaction", sendTo("there", { batch: true, sysFlag: 4 }, batch), MESSAGE_ILLEGAL, /transaction/],
  [
    "a batch that is cut",
    sendTo("there", { batch: true }, batch.subarray(0, 9)),
    MESSAGE_ILLEGAL,
    /Nothing was stored/,
  ],
  ["a level beyond the last is the last", sendTo("there", { properties: "DELAY\u000199\u0002" }), SUCCESS],
  ["a level below the first is none", sendTo("there", { properties: "DELAY\u0001-3\u0002" }), SUCCESS],
  ["a topic made with 65,536 queues", topicOf("wide", { readQueueNums: 65_536, writeQueueNums: 65_536 }), SUCCESS],
  ["a topic made with 65,537 queues", topicOf("wider", { writeQueueNums: 65_537 }), INVALID_PARAMETER, /65536/],
  ["a topic made with fewer than none", topicOf("none", { readQueueNums: -1 }), INVALID_PARAMETER, /-1/],
  ["a permission that there is not", topicOf("odd", { perm: 9 }), INVALID_PARAMETER, /9.*invalid/],
  ["a topic made with a system's name", topicOf("TBW102"), INVALID_PARAMETER, /system topic/],
  ["a topic made outside of its folder", topicOf("..%2f"), INVALID_PARAMETER, /illegal characters/],
  ["a group of 120 characters", groupOf({ groupName: long("g", 120) }), SUCCESS],
  ["a group of 121 characters", groupOf({ groupName: long("g", 121) }), INVALID_PARAMETER, /120/],
  ["a group that is a path", groupOf({ groupName: "a/../b" }), INVALID_PARAMETER, /illegal/],
  ["a group without a name", groupOf({ groupName: " " }), INVALID_PARAMETER, /blank/],
  [
    "a group with too many retry queues",
    groupOf({ groupName: "g", retryQueueNums: 65_537 }),
    INVALID_PARAMETER,
    /65536/,
  ],
  [
    "a body that is no JSON",
    { body: Buffer.from("{"), code: RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP },
    SYSTEM_ERROR,
  ],
]

describe("limits", () => {
  let cluster: OneBroker
  let before: ReadonlyArray<string>
  const names = (): ReadonlyArray<string> => [
    ...cluster.broker.state.metadata.topics.keys(),
    ...cluster.broker.state.metadata.groups.keys(),
  ]

  beforeAll(() => {
    cluster = new OneBroker(1)
    cluster.ask(topicOf("there", { readQueueNums: 4, writeQueueNums: 4 }))
    before = names()
  })

  it.for(cases)("%s", ([, request, code, sentence]) => {
    const known = names()
    const answer = cluster.ask(request)
    expect([answer.code, answer.remark]).toEqual([
      code,
      sentence === undefined ? answer.remark : expect.stringMatching(sentence),
    ])
    if (code === SUCCESS) return
    expect(answer.remark?.length).toBeGreaterThan(20)
    expect(names()).toEqual(known)
  })

  it("leave nothing in the store but what was taken", () => {
    const taken = cases.flatMap(([, { ext }, code]) => (code === SUCCESS ? [String(ext?.["b"] ?? ext?.["topic"])] : []))
    const folders = cluster.broker.state.store.queues.topics()
    const strange = folders.filter(
      (name) => !before.includes(name) && !taken.includes(name) && !name.startsWith("rmq_sys_GANTRY_"),
    )
    expect(strange).toEqual([])
  })
})

it("properties that nobody knows are kept as they are", () => {
  const cluster = new OneBroker(2)
  cluster.ask(createTopic("t"))
  const own = [
    ["unknown", "1"],
    ["__PROTO__", "x"],
    ["constructor", "y"],
    ["größe", "λ"],
    ["a b", " c "],
  ] as const
  expect(cluster.ask(sendTo("t", { properties: Properties.print(own) })).code).toBe(SUCCESS)
  const ext = Pull.PullMessage.encode({
    commitOffset: 0,
    consumerGroup: "reader",
    maxMsgNums: 1,
    queueId: 0,
    queueOffset: 0,
    subVersion: 0,
    subscription: "*",
    suspendTimeoutMillis: 0,
    sysFlag: 4,
    topic: "t",
  })
  const answer = cluster.ask({ code: RequestCode.PULL_MESSAGE, ext })
  const [message] = StoredMessage.decodeAll(answer.body).messages
  const found = Properties.parse(message!.properties)
  for (const [name, value] of own) expect([name, found.get(name)]).toEqual([name, value])
})
