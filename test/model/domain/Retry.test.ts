import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaultLevels, delayMsOf } from "../../../src/domain/DelayLevel.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import * as Retry from "../../../src/domain/Retry.ts"
import { type GroupConfig, type GroupRetryPolicy, defaults } from "../../../src/domain/SubscriptionGroup.ts"
import * as RetryPolicy from "../../../src/domain/RetryPolicy.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { text } from "./arbitrary.ts"

const sendBack = (more: Partial<Retry.SendBack> = {}): Retry.SendBack => ({
  group: "g",
  delayLevel: 0,
  maxReconsumeTimes: undefined,
  clientVersion: 513,
  pick: 0,
  ...more,
})
const message = (more: Partial<Retry.FailedMessage> = {}): Retry.FailedMessage => ({
  topic: "T",
  reconsumeTimes: 0,
  properties: "TAGS\u0001A\u0002",
  msgId: "ID0",
  ...more,
})
const settings: Retry.Settings = {
  brokerName: "broker-a",
  brokerPermission: Topic.Perm.READ_WRITE,
  autoCreateSubscriptionGroup: true,
  delayLevels: defaultLevels,
}
const view = (group: GroupConfig | undefined, topics: ReadonlyArray<Topic.TopicConfig> = []): Retry.View => ({
  topic: (name) => topics.find((topic) => topic.topicName === name),
  group: () => group,
})

const put = (decided: ReturnType<typeof Retry.decide>) => {
  const decision = Result.getOrThrow(decided)
  if (decision._tag === "Dropped") throw new Error("dropped")
  return decision
}
const refused = (decided: ReturnType<typeof Retry.decide>): string =>
  Result.isFailure(decided) ? `${decided.failure.code}: ${decided.failure.remark}` : "accepted"

describe("Retry", () => {
  it("counted and bounded: a message is retried at most its maximum of times, then it is a dead letter", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20 }),
        fc.option(fc.nat(20), { nil: undefined }),
        fc.nat(5),
        (own, asked, level) => {
          const group = { ...defaults("g"), retryMaxTimes: own }
          const max = asked ?? own
          let current = message()
          for (let retries = 0; ; retries++) {
            const request = sendBack({ maxReconsumeTimes: asked, delayLevel: level })
            const decision = put(Retry.decide(request, current, view(group), settings))
            expect(decision.reconsumeTimes).toBe(retries + 1)
            expect(decision._tag).toBe(retries < max ? "Retry" : "DeadLetter")
            if (decision._tag === "DeadLetter") {
              expect([decision.topic, Properties.find(decision.properties, "DELAY")]).toEqual(["%DLQ%g", "0"])
              return
            }
            expect(decision.topic).toBe("%RETRY%g")
            expect(Properties.find(decision.properties, "DELAY")).toBe(String(level === 0 ? 3 + retries : level))
            current = { ...decision, msgId: `ID${retries + 1}` }
          }
        },
      ),
    )
  })

  it("traced: the first topic and the first stored message are named through all attempts", () => {
    fc.assert(
      fc.property(text, fc.nat(5), (before, times) => {
        const first = message({ properties: Properties.print(Properties.parse(before)) })
        const origin = Properties.find(first.properties, "RETRY_TOPIC") ?? "T"
        let current = first
        for (let i = 0; i <= times; i++) {
          const decision = put(Retry.decide(sendBack(), current, view(defaults("g")), settings))
          expect(Properties.find(decision.properties, "RETRY_TOPIC")).toBe(origin)
          expect(Properties.find(decision.properties, "ORIGIN_MESSAGE_ID")).toBe("ID0")
          expect(Properties.find(decision.properties, "WAIT")).toBe("false")
          current = { ...decision, msgId: `ID${i + 1}` }
        }
      }),
    )
  })

  it("retries as the protocol's examples say", () => {
    const level = (reconsumeTimes: number): unknown => {
      const decision = put(Retry.decide(sendBack(), message({ reconsumeTimes }), view(defaults("g")), settings))
      return [decision._tag, Properties.find(decision.properties, "DELAY"), decision.reconsumeTimes]
    }
    expect(level(0)).toEqual(["Retry", "3", 1])
    expect(level(15)).toEqual(["Retry", "18", 16])
    expect(level(16)).toEqual(["DeadLetter", "0", 17])
    const now = put(Retry.decide(sendBack({ delayLevel: -1 }), message(), view(defaults("g")), settings))
    expect(now._tag).toBe("DeadLetter")
  })

  it("spaced: a message waits at least as long as its group's own policy says", () => {
    const own = fc.oneof(
      fc.array(fc.nat(9_000_000), { minLength: 1, maxLength: 6 }).map((next): GroupRetryPolicy => ({
        customizedRetryPolicy: { next },
        type: "CUSTOMIZED",
      })),
      fc
        .record({ initial: fc.nat(60_000), max: fc.nat(9_000_000), multiplier: fc.nat(4) })
        .map((exponentialRetryPolicy): GroupRetryPolicy => ({ exponentialRetryPolicy, type: "EXPONENTIAL" })),
    )
    fc.assert(
      fc.property(own, fc.nat(15), fc.nat(18), (groupRetryPolicy, reconsumeTimes, delayLevel) => {
        const group = { ...defaults("g"), groupRetryPolicy }
        const decision = put(Retry.decide(sendBack({ delayLevel }), message({ reconsumeTimes }), view(group), settings))
        const level = Number(Properties.find(decision.properties, "DELAY"))
        const asked = RetryPolicy.nextDelayMs(groupRetryPolicy, reconsumeTimes)
        if (delayLevel > 0) expect(level).toBe(delayLevel)
        else expect(delayMsOf(defaultLevels, level)).toBeGreaterThanOrEqual(Math.min(asked, 7_200_000))
      }),
    )
  })

  it("honours an own maximum of newer clients only", () => {
    const request = { maxReconsumeTimes: 0 }
    const tag = (clientVersion: number): string =>
      put(Retry.decide(sendBack({ ...request, clientVersion }), message(), view(defaults("g")), settings))._tag
    expect([tag(120), tag(121)]).toEqual(["Retry", "DeadLetter"])
  })

  it("creates the topics and the group that are missing", () => {
    const group = { ...defaults("g"), retryQueueNums: 2 }
    const first = put(Retry.decide(sendBack({ pick: 3 }), message(), view(group), settings))
    expect(first).toMatchObject({ create: [Topic.make("%RETRY%g", 2)], queueId: 1, createGroup: undefined })
    const dead = put(Retry.decide(sendBack({ delayLevel: -1, pick: 3 }), message(), view(undefined), settings))
    expect(dead).toMatchObject({
      create: [Topic.make("%RETRY%g", 1), Topic.make("%DLQ%g", 1)],
      queueId: 0,
      createGroup: defaults("g"),
    })
    const there = [Topic.make("%RETRY%g", 1), Topic.make("%DLQ%g", 1)]
    expect(put(Retry.decide(sendBack({ delayLevel: -1 }), message(), view(group, there), settings)).create).toEqual([])
  })

  it("drops what a group without retry queues sends back", () => {
    const group = { ...defaults("g"), retryQueueNums: 0 }
    const decided = Retry.decide(sendBack(), message(), view(group), settings)
    expect(Result.getOrThrow(decided)).toEqual({ _tag: "Dropped", createGroup: undefined })
  })

  it("refuses in RocketMQ's order and words", () => {
    const noGroups = { ...settings, autoCreateSubscriptionGroup: false }
    expect(refused(Retry.decide(sendBack(), message(), view(undefined), noGroups))).toMatch(
      /^SUBSCRIPTION_GROUP_NOT_EXIST: subscription group not exist, g/,
    )
    const readOnly = { ...settings, brokerPermission: Topic.Perm.READ }
    expect(refused(Retry.decide(sendBack(), message(), view(defaults("g")), readOnly))).toMatch(
      /^NO_PERMISSION: the broker\[broker-a\] sending message is forbidden/,
    )
    const closed = [Topic.make("%RETRY%g", 1, Topic.Perm.READ)]
    expect(refused(Retry.decide(sendBack(), message(), view(defaults("g"), closed), settings))).toMatch(
      /^NO_PERMISSION: the topic\[%RETRY%g\] sending message is forbidden/,
    )
    expect(refused(Retry.decide(sendBack(), undefined, view(defaults("g")), settings))).toMatch(
      /^SYSTEM_ERROR: look message by offset failed/,
    )
  })
})
