import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Properties from "../../../src/domain/Properties.ts"
import type { Refusal } from "../../../src/domain/Refusal.ts"
import * as Send from "../../../src/domain/Send.ts"
import { type GroupConfig, defaults } from "../../../src/domain/SubscriptionGroup.ts"
import { MessageFlag } from "../../../src/domain/SysFlag.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { groupConfig, perm, text, topicConfig } from "./arbitrary.ts"

const topicNames = ["T", "TBW102", "%RETRY%g", "%DLQ%g", "SCHEDULE_TOPIC_XXXX", "rmq_sys_GANTRY_offset"]

const request = (more: Partial<Send.SendRequest> = {}): Send.SendRequest => ({
  topic: "T",
  queueId: 0,
  sysFlag: 0,
  properties: "",
  bodySizeBytes: 10,
  isBatch: false,
  isReply: false,
  defaultTopic: "TBW102",
  defaultTopicQueueNums: 4,
  reconsumeTimes: 0,
  maxReconsumeTimes: undefined,
  clientVersion: 513,
  pick: 0,
  ...more,
})

const settings = (more: Partial<Send.Settings> = {}): Send.Settings => ({
  brokerName: "broker-a",
  brokerPermission: Topic.Perm.READ_WRITE,
  autoCreateTopicEnable: true,
  autoCreateSubscriptionGroup: true,
  rejectTransactionMessage: false,
  maxMessageSize: 100,
  ...more,
})

const view = (
  topics: ReadonlyArray<Topic.TopicConfig>,
  groups: ReadonlyArray<GroupConfig> = [],
  isAnyLockHeld = false,
): Send.View => ({
  topic: (name) => topics.find((topic) => topic.topicName === name),
  group: (name) => groups.find((group) => group.groupName === name),
  isAnyLockHeld: () => isAnyLockHeld,
  topicNames: () => topics.map((topic) => topic.topicName),
})

const known = [Topic.make("T", 4), Topic.make("TBW102", 8, Topic.Perm.ALL)]
const accepted = (given: Result.Result<Send.Accepted, Refusal>): Send.Accepted => Result.getOrThrow(given)
const refused = (given: Result.Result<unknown, Refusal>): string =>
  Result.isFailure(given) ? `${given.failure.code}: ${given.failure.remark}` : "accepted"

const anyRequest = fc.record({
  topic: fc.constantFrom(...topicNames, "New", "%RETRY%h", "bad name", ""),
  queueId: fc.integer({ min: -2, max: 9 }),
  sysFlag: fc.nat(0xff),
  properties: fc.constantFrom(
    "",
    "TRAN_MSG\u0001true\u0002",
    "DELAY\u00013\u0002TRAN_MSG\u0001True\u0002",
    "DELAY\u0001x\u0002",
  ),
  bodySizeBytes: fc.nat(120),
  isBatch: fc.boolean(),
  isReply: fc.boolean(),
  defaultTopic: fc.constantFrom("TBW102", "T", "none"),
  defaultTopicQueueNums: fc.integer({ min: -1, max: 9 }),
  reconsumeTimes: fc.nat(20),
  maxReconsumeTimes: fc.option(fc.nat(20), { nil: undefined }),
  clientVersion: fc.constantFrom(0, 120, 121, 513),
  pick: fc.nat(),
})
const anyView = fc
  .tuple(
    fc.tuple(...topicNames.map((name) => fc.option(topicConfig(name), { nil: undefined }))),
    fc.option(groupConfig("g"), { nil: undefined }),
    fc.boolean(),
  )
  .map(([topics, group, locked]) =>
    view(
      topics.filter((topic) => topic !== undefined),
      group === undefined ? [] : [group],
      locked,
    ),
  )
const anySettings = fc.record({
  brokerName: fc.constant("b"),
  brokerPermission: perm,
  autoCreateTopicEnable: fc.boolean(),
  autoCreateSubscriptionGroup: fc.boolean(),
  rejectTransactionMessage: fc.boolean(),
  maxMessageSize: fc.constant(100),
})

const batch = (more: Partial<Send.SendRequest>): string => {
  const given = request({ isBatch: true, ...more })
  return refused(Send.decide(given, view([...known, Topic.make(given.topic, 1)]), settings()))
}

describe("Send", () => {
  it("placed and closed: an accepted message has a topic and a queue, and none that only the broker writes", () => {
    fc.assert(
      fc.property(anyRequest, anyView, anySettings, (given, known, set) => {
        const decided = Send.decide(given, known, set)
        if (Result.isFailure(decided)) return
        const { config, create, queueId, topic } = decided.success
        expect(known.topic(topic) ?? create.find((made) => made.topicName === topic)).toBe(config)
        for (const made of create) expect(known.topic(made.topicName)).toBeUndefined()
        expect(queueId).toBeGreaterThanOrEqual(0)
        const { readQueueNums, writeQueueNums } = config
        const isAsked = topic === given.topic && queueId === given.queueId
        if (topic === given.topic) {
          expect(queueId).toBeLessThan(isAsked ? Math.max(readQueueNums, writeQueueNums) : writeQueueNums)
        }
        expect(Topic.validateName(topic)).toBeUndefined()
        expect(Topic.isNotSendable(topic)).toBe(false)
        expect(given.bodySizeBytes <= 100 || given.isBatch).toBe(true)
      }),
      { numRuns: 3_000 },
    )
  })

  it("settled: a retry beyond its attempts, or of an ordered group, is a dead letter, and no other", () => {
    fc.assert(
      fc.property(anyRequest, anyView, anySettings, (given, known, set) => {
        const decided = Send.decide(given, known, set)
        if (Result.isFailure(decided)) return
        const isRetry = given.topic.startsWith("%RETRY%") && !given.isBatch
        const group = given.topic.slice(7)
        const own = known.group(group)?.retryMaxTimes ?? 16
        const max = given.clientVersion >= 121 ? (given.maxReconsumeTimes ?? own) : own
        const isDead =
          isRetry && (given.reconsumeTimes > max || (given.reconsumeTimes > 0 && known.isAnyLockHeld(group)))
        expect(decided.success.isDeadLetter).toBe(isDead)
        expect(decided.success.topic).toBe(isDead ? `%DLQ%${group}` : given.topic)
        if (isDead) expect(Properties.find(decided.success.properties, "DELAY")).toBe("-1")
      }),
      { numRuns: 3_000 },
    )
  })

  it("refuses in RocketMQ's words, and says what to do", () => {
    const nothing = view([])
    const ordered = view([{ ...Topic.make("T", 4), order: true }])
    const readOnly = settings({ brokerPermission: Topic.Perm.READ })
    expect(refused(Send.decide(request(), ordered, readOnly))).toMatch(
      /^NO_PERMISSION: the broker\[broker-a\] sending message is forbidden/,
    )
    expect(refused(Send.decide(request(), view(known), readOnly))).toBe("accepted")
    expect(refused(Send.decide(request({ topic: "a b" }), nothing, settings()))).toMatch(
      /^INVALID_PARAMETER: The specified topic: a b, contains/,
    )
    expect(refused(Send.decide(request({ topic: "SELF_TEST_TOPIC" }), nothing, settings()))).toMatch(
      /^NO_PERMISSION: Sending message to topic\[SELF_TEST_TOPIC\] is forbidden/,
    )
    expect(refused(Send.decide(request({ topic: "Tt" }), view([Topic.make("T", 1)]), settings()))).toMatch(
      /^TOPIC_NOT_EXIST: topic\[Tt\] not exist, apply first please! .*Did you mean T\?$/,
    )
    expect(refused(Send.decide(request(), nothing, settings({ autoCreateTopicEnable: false })))).toContain(
      "autoCreateTopicEnable is off",
    )
    expect(refused(Send.decide(request({ queueId: 4 }), view(known), settings()))).toMatch(
      /^INVALID_PARAMETER: request queueId\[4\] is illegal/,
    )
    const noQueue = [{ ...Topic.make("T", 4), writeQueueNums: 0 }]
    expect(refused(Send.decide(request({ queueId: -1 }), view(noQueue), settings()))).toMatch(/^INVALID_PARAMETER/)
    expect(refused(Send.decide(request({ bodySizeBytes: 101 }), view(known), settings()))).toMatch(
      /^MESSAGE_ILLEGAL: the message is illegal/,
    )
    const noGroups = settings({ autoCreateSubscriptionGroup: false })
    expect(refused(Send.decide(request({ topic: "%RETRY%g" }), view(known), noGroups))).toMatch(
      /^SUBSCRIPTION_GROUP_NOT_EXIST: subscription group not exist, g/,
    )
    const half = request({ properties: "TRAN_MSG\u0001true\u0002" })
    expect(refused(Send.decide(half, view(known), settings({ rejectTransactionMessage: true })))).toMatch(
      /^NO_PERMISSION: the broker\[broker-a\] sending transaction message is forbidden/,
    )
  })

  it("refuses batches that go to a retry topic, to a long name, in a transaction or delayed", () => {
    expect(batch({})).toBe("accepted")
    expect(batch({ topic: "%RETRY%g" })).toMatch(/^MESSAGE_ILLEGAL: batch request does not support retry group/)
    expect(batch({ topic: `%DLQ%${"g".repeat(123)}` })).toMatch(/^MESSAGE_ILLEGAL: message topic length too long 128/)
    expect(batch({ sysFlag: MessageFlag.TRANSACTION_PREPARED })).toMatch(/^MESSAGE_ILLEGAL: .*transactions/)
    expect(batch({ properties: "DELAY\u00011\u0002" })).toMatch(/^MESSAGE_ILLEGAL: .*delay level/)
  })

  it("creates an unknown topic from its template, a retry topic without one", () => {
    const created = accepted(Send.decide(request({ topic: "New", queueId: 3 }), view(known), settings()))
    expect(created).toMatchObject({ topic: "New", queueId: 3, create: [Topic.make("New", 4)] })
    const retry = accepted(Send.decide(request({ topic: "%RETRY%g" }), view([]), settings()))
    expect(retry).toMatchObject({ create: [Topic.make("%RETRY%g", 1)], createGroup: defaults("g") })
    const dead = accepted(Send.decide(request({ topic: "%RETRY%g", reconsumeTimes: 17 }), view([]), settings()))
    expect(dead.create.map((topic) => topic.topicName)).toEqual(["%RETRY%g", "%DLQ%g"])
  })

  it("hides a half message, unless it is a retry of a committed one", () => {
    const half = { properties: "TRAN_MSG\u0001true\u0002DELAY\u00013\u0002" }
    expect(accepted(Send.decide(request(half), view(known), settings())).isHalf).toBe(true)
    const retried = request({ ...half, reconsumeTimes: 1 })
    expect(accepted(Send.decide(retried, view(known), settings())).isHalf).toBe(false)
  })

  it("refuses what is not served, and says what to do instead", () => {
    const batchTopic = { ...Topic.make("T", 4), attributes: { "queue.type": "BatchCQ" } }
    for (const isBatch of [true, false])
      expect(refused(Send.decide(request({ isBatch }), view([batchTopic]), settings()))).toMatch(
        /^MESSAGE_ILLEGAL: .*BatchCQ/,
      )
    for (const name of ["TIMER_DELIVER_MS", "TIMER_DELAY_MS", "TIMER_DELAY_SEC"]) {
      const timer = `${name}\u00015\u0002`
      expect(refused(Send.decide(request({ properties: timer }), view(known), settings()))).toMatch(
        /^SYSTEM_ERROR: timer/,
      )
      // A level counts for more, and what is hidden is judged when it is committed.
      for (const other of ["DELAY\u00011\u0002", "TRAN_MSG\u0001true\u0002"])
        expect(refused(Send.decide(request({ properties: timer + other }), view(known), settings()))).toBe("accepted")
    }
    expect(refused(Send.decide(request({ bodySizeBytes: 0 }), view(known), settings()))).toMatch(
      /^MESSAGE_ILLEGAL: .*no body/,
    )
    expect(batch({ bodySizeBytes: 101 })).toMatch(/^SYSTEM_ERROR: the batch is too large: 101 bytes/)
  })

  it("a reply is one message to a topic that is there", () => {
    expect(batch({ isReply: true })).toMatch(/^MESSAGE_ILLEGAL: a reply is one message/)
    const reply = request({ isReply: true, topic: "New" })
    expect(refused(Send.decide(reply, view(known), settings()))).toMatch(/^TOPIC_NOT_EXIST/)
    expect(refused(Send.decide({ ...reply, topic: "T" }, view(known), settings()))).toBe("accepted")
  })

  it("flags multi-tag topics", () => {
    const multi = { ...Topic.make("T", 4), topicFilterType: "MULTI_TAG" as const }
    expect(accepted(Send.decide(request(), view([multi]), settings())).sysFlag).toBe(MessageFlag.MULTI_TAGS)
  })

  it("stamps region, trace, cluster and a unique key, and takes POP_CK out", () => {
    const stamp = Send.printStamp({ clusterName: "C", regionId: "DefaultRegion", traceOn: true })
    fc.assert(
      fc.property(
        text,
        fc.constantFrom("", "POP_CK\u0001x\u0002", "CLUSTER\u0001old\u0002UNIQ_KEY\u0001own\u0002"),
        (head, tail) => {
          const given = Properties.append(head, "t", "1") + tail
          const stamped = Properties.parse(Send.stampProperties(given, stamp, () => "made"))
          const expected = Properties.parse(given)
          expected.delete("POP_CK")
          expected.set("MSG_REGION", "DefaultRegion").set("TRACE_ON", "true").set("CLUSTER", "C")
          if (!expected.has("UNIQ_KEY")) expected.set("UNIQ_KEY", "made")
          expect(stamped).toEqual(expected)
        },
      ),
    )
    expect(Send.stampProperties("a\u00011", stamp, () => "made")).toBe(`a\u00011\u0002${stamp}UNIQ_KEY\u0001made\u0002`)
  })

  it("refuses a body or properties that do not fit", () => {
    expect(refused(Send.checkSize(100, 32_767, 100))).toBe("accepted")
    expect(refused(Send.checkSize(101, 0, 100))).toMatch(/^MESSAGE_ILLEGAL/)
    expect(refused(Send.checkSize(0, 32_768, 100))).toMatch(/^MESSAGE_ILLEGAL/)
  })
})
