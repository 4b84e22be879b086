import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as BloomFilter from "../../../src/domain/BloomFilter.ts"
import * as ConsumerFilter from "../../../src/domain/ConsumerFilter.ts"
import * as Pull from "../../../src/domain/Pull.ts"
import { type GroupConfig, defaults } from "../../../src/domain/SubscriptionGroup.ts"
import { parseTyped } from "../../../src/domain/Subscription.ts"
import { PullFlag } from "../../../src/domain/SysFlag.ts"
import * as Topic from "../../../src/domain/Topic.ts"

const request = (more: Partial<Pull.PullRequest> = {}): Pull.PullRequest => ({
  group: "g",
  topic: "T",
  queueId: 0,
  sysFlag: PullFlag.SUSPEND,
  isLite: false,
  subscription: undefined,
  expressionType: undefined,
  subVersion: 5,
  ...more,
})

const settings = (more: Partial<Pull.Settings> = {}): Pull.Settings => ({
  brokerName: "broker-a",
  brokerPermission: Topic.Perm.READ_WRITE,
  litePullMessageEnable: true,
  enablePropertyFilter: false,
  autoCreateSubscriptionGroup: true,
  ...more,
})

interface World {
  readonly topic?: Topic.TopicConfig | undefined
  readonly group?: GroupConfig | undefined
  readonly messageModel?: "BROADCASTING" | "CLUSTERING"
  readonly isConnected?: boolean
  readonly subVersion?: number | undefined
  readonly forbidden?: number
  readonly sql?: string
  readonly filter?: Pull.View["filter"]
}

const view = (world: World): Pull.View => ({
  topic: (name) => (name === world.topic?.topicName ? world.topic : undefined),
  group: (name) => (name === "g" ? world.group : undefined),
  consumers: () =>
    world.isConnected === false
      ? undefined
      : {
          messageModel: world.messageModel ?? "CLUSTERING",
          subscriptions: new Map(
            world.subVersion === undefined
              ? []
              : [
                  [
                    "T",
                    Result.getOrThrow(
                      parseTyped("T", world.sql ?? "A", world.sql === undefined ? "TAG" : "SQL92", world.subVersion),
                    ),
                  ],
                ],
          ),
        },
  compile: ConsumerFilter.compile,
  filter: (topic, group) => world.filter?.(topic, group),
  forbidden: () => world.forbidden ?? 0,
  topicNames: () => ["T"],
})

const usual: World = { topic: Topic.make("T", 4), group: defaults("g"), subVersion: 5 }
const answer = (world: World, asked: Partial<Pull.PullRequest> = {}, set: Partial<Pull.Settings> = {}): string => {
  const decided = Pull.decide(request(asked), view(world), settings(set))
  if (Result.isSuccess(decided)) return `admitted ${decided.success.subscription.subString}`
  const { code, forbiddenType, remark } = decided.failure
  return `${code}${forbiddenType === undefined ? "" : ` ${forbiddenType}`}: ${remark}`
}

const held = (status: Pull.PullStatus, sysFlag: number, isFirst: boolean): boolean =>
  Pull.isHeld(Pull.codeOf(status, 5), sysFlag, isFirst)

const at = (asked: number, min: number, max: number): unknown => {
  const status = Pull.locate(asked, min, max)!
  return [Pull.codeOf(status, asked), Pull.nextBeginOffset(status, asked, min, max)]
}

describe("Pull", () => {
  it("admits a subscribed group, by its heartbeat or by the request", () => {
    expect(answer(usual)).toBe("admitted A")
    const own = { sysFlag: PullFlag.SUBSCRIPTION, subscription: "B||C" }
    expect(answer({ ...usual, isConnected: false }, own)).toBe("admitted B||C")
    expect(
      answer(usual, { ...own, subscription: "a > 1", expressionType: "SQL92" }, { enablePropertyFilter: true }),
    ).toBe("admitted a > 1")
    const created = Pull.decide(request(), view({ ...usual, group: undefined }), settings())
    expect(Result.getOrThrow(created).createGroup).toEqual(defaults("g"))
  })

  it("refuses in RocketMQ's order and words", () => {
    const off = { consumeEnable: false }
    expect(answer(usual, {}, { brokerPermission: Topic.Perm.WRITE })).toMatch(
      /^NO_PERMISSION 1: the broker\[broker-a\] pulling message is forbidden/,
    )
    expect(answer(usual, { isLite: true }, { litePullMessageEnable: false })).toMatch(/^NO_PERMISSION 1: .*lite pull/)
    expect(answer({ ...usual, group: undefined }, {}, { autoCreateSubscriptionGroup: false })).toMatch(
      /^SUBSCRIPTION_GROUP_NOT_EXIST: subscription group not exist, g/,
    )
    expect(answer({ ...usual, group: { ...defaults("g"), ...off } })).toMatch(
      /^NO_PERMISSION 2: subscription group no permission, g/,
    )
    expect(answer({ ...usual, topic: undefined })).toMatch(
      /^TOPIC_NOT_EXIST: topic\[T\] not exist, apply first please!/,
    )
    expect(answer({ ...usual, topic: Topic.make("T", 4, Topic.Perm.WRITE) })).toMatch(
      /^NO_PERMISSION 3: the topic\[T\] pulling message is forbidden/,
    )
    expect(answer(usual, { queueId: 4 })).toMatch(/^INVALID_PARAMETER: queueId\[4\] is illegal, topic:\[T\]/)
    expect(answer(usual, { queueId: -1 })).toMatch(/^INVALID_PARAMETER/)
    expect(answer(usual, { sysFlag: PullFlag.SUBSCRIPTION, subscription: "||" })).toMatch(
      /^SUBSCRIPTION_PARSE_FAILED: parse the consumer's subscription failed/,
    )
    expect(answer({ ...usual, isConnected: false })).toMatch(
      /^SUBSCRIPTION_NOT_EXIST: the consumer's group info not exist/,
    )
    const quiet = { ...usual, group: { ...defaults("g"), consumeBroadcastEnable: false } }
    expect(answer({ ...quiet, messageModel: "BROADCASTING" })).toMatch(
      /^NO_PERMISSION 4: the consumer group\[g\] can not consume by broadcast way/,
    )
    expect(answer(quiet)).toBe("admitted A")
    expect(answer({ ...usual, forbidden: 4 })).toMatch(
      /^NO_PERMISSION 5: the consumer group\[g\] is forbidden for topic\[T\]/,
    )
    expect(answer({ ...usual, subVersion: undefined })).toMatch(
      /^SUBSCRIPTION_NOT_EXIST: the consumer's subscription not exist/,
    )
    expect(answer({ ...usual, subVersion: 4 })).toMatch(
      /^SUBSCRIPTION_NOT_LATEST: the consumer's subscription not latest/,
    )
    const sql = { sysFlag: PullFlag.SUBSCRIPTION, subscription: "a > 1", expressionType: "SQL92" }
    expect(answer(usual, sql)).toMatch(/^SYSTEM_ERROR: The broker does not support consumer to filter message by SQL92/)
  })

  it("filtered: a pull by a filter is answered by that filter, or refused", () => {
    const on = { enablePropertyFilter: true }
    const table = ConsumerFilter.make(Result.getOrThrow(BloomFilter.make(20, 32)), () => ({ high: 1, low: 1 }))
    const registered = (sql: string, subVersion: number): World => {
      const world = { ...usual, filter: (t: string, g: string) => ConsumerFilter.find(table, t, g), sql, subVersion }
      ConsumerFilter.subscribed(table, "g", view(world).consumers("g")!.subscriptions, { logOffset: 0, ms: 1 })
      return world
    }
    const filterOf = (world: World, asked: Partial<Pull.PullRequest> = {}): unknown =>
      Result.getOrThrow(Pull.decide(request(asked), view(world), settings(on))).filter?.expression
    expect(filterOf(usual)).toBeUndefined()
    expect(filterOf(registered("a > 1", 5))).toBe("a > 1")
    expect(answer({ ...registered("a > 1", 5), filter: () => undefined }, {}, on)).toMatch(
      /^FILTER_DATA_NOT_EXIST: The broker's consumer filter data is not exist!.*send a heartbeat/,
    )
    const ahead = registered("a > 2", 6)
    expect(filterOf(ahead, { subVersion: 6 })).toBe("a > 2")
    const behind = { ...ConsumerFilter.find(table, "T", "g")!, version: 5 }
    expect(answer({ ...ahead, filter: () => behind }, { subVersion: 6 }, on)).toMatch(
      /^FILTER_DATA_NOT_LATEST: the consumer's consumer filter data not latest/,
    )
    expect(answer(registered("a >", 7), {}, on)).toMatch(
      /^FILTER_DATA_NOT_EXIST: .*line 1 column 4: expected a property/,
    )
    expect(answer(registered("a > 1", 8))).toMatch(/^SYSTEM_ERROR: The broker does not support/)
    const own = { expressionType: "SQL92", sysFlag: PullFlag.SUBSCRIPTION }
    expect(filterOf(usual, { ...own, subscription: "b = 'x'" })).toBe("b = 'x'")
    expect(answer(usual, { ...own, subscription: "b = " }, on)).toMatch(/^SUBSCRIPTION_PARSE_FAILED: .*column 5/)
    expect(answer(usual, { ...own, expressionType: "XPATH", subscription: "//a" }, on)).toMatch(
      /^SUBSCRIPTION_PARSE_FAILED: .*no filter of type XPATH/,
    )
  })

  it("waits: a pull that its filter still gives nothing goes on waiting at the end of its queue, within its time", () => {
    expect(Pull.waitsOn("NO_MATCHED_MESSAGE", 7, 7, 100, 99)).toBe(true)
    expect(Pull.waitsOn("NO_MATCHED_MESSAGE", 7, 7, 100, 100)).toBe(false)
    expect(Pull.waitsOn("NO_MATCHED_MESSAGE", 6, 7, 100, 99)).toBe(false)
    expect(Pull.waitsOn("FOUND", 7, 7, 100, 99)).toBe(false)
  })

  it("in range: an offset of the queue is read, any other is answered with one in range", () => {
    fc.assert(
      fc.property(fc.integer({ min: -3, max: 12 }), fc.nat(5), fc.nat(6), (asked, min, size) => {
        const max = min + size
        const status = Pull.locate(asked, min, max)
        expect(status === undefined).toBe(max > 0 && asked >= min && asked < max)
        if (status === undefined) return
        const next = Pull.nextBeginOffset(status, asked, min, max)
        expect(next).toBeGreaterThanOrEqual(max === 0 ? 0 : min)
        expect(next).toBeLessThanOrEqual(max)
        const code = Pull.codeOf(status, asked)
        expect(code === "PULL_OFFSET_MOVED").toBe(asked !== next)
        expect(code === "PULL_OFFSET_MOVED" || code === "PULL_NOT_FOUND").toBe(true)
      }),
    )
  })

  it("waits: only a pull at the end of its queue is held, once, and only if it asks for it", () => {
    expect(held("OFFSET_OVERFLOW_ONE", PullFlag.SUSPEND, true)).toBe(true)
    expect(held("OFFSET_OVERFLOW_ONE", PullFlag.SUSPEND, false)).toBe(false)
    expect(held("OFFSET_OVERFLOW_ONE", 0, true)).toBe(false)
    for (const status of ["FOUND", "OFFSET_TOO_SMALL", "NO_MATCHED_MESSAGE", "OFFSET_OVERFLOW_BADLY"] as const) {
      expect(held(status, PullFlag.SUSPEND, true)).toBe(false)
    }
    expect(Pull.holdMs(15_000, true, 1_000)).toBe(15_000)
    expect(Pull.holdMs(-1, true, 1_000)).toBe(0)
    expect(Pull.holdMs(15_000, false, 1_000)).toBe(1_000)
  })

  it("answers every status with the code of the protocol", () => {
    const table: ReadonlyArray<[Pull.PullStatus, number, Pull.PullCode]> = [
      ["FOUND", 5, "SUCCESS"],
      ["NO_MATCHED_MESSAGE", 5, "PULL_RETRY_IMMEDIATELY"],
      ["MESSAGE_WAS_REMOVING", 5, "PULL_RETRY_IMMEDIATELY"],
      ["NO_MATCHED_LOGIC_QUEUE", 0, "PULL_NOT_FOUND"],
      ["NO_MATCHED_LOGIC_QUEUE", 5, "PULL_OFFSET_MOVED"],
      ["NO_MESSAGE_IN_QUEUE", 0, "PULL_NOT_FOUND"],
      ["NO_MESSAGE_IN_QUEUE", 5, "PULL_OFFSET_MOVED"],
      ["OFFSET_FOUND_NULL", 5, "PULL_NOT_FOUND"],
      ["OFFSET_OVERFLOW_ONE", 5, "PULL_NOT_FOUND"],
      ["OFFSET_OVERFLOW_BADLY", 5, "PULL_OFFSET_MOVED"],
      ["OFFSET_TOO_SMALL", 5, "PULL_OFFSET_MOVED"],
      ["OFFSET_RESET", 5, "PULL_OFFSET_MOVED"],
    ]
    for (const [status, asked, code] of table) expect([status, Pull.codeOf(status, asked)]).toEqual([status, code])
    expect(Pull.nextBeginOffset("NO_MATCHED_LOGIC_QUEUE", 5, 0, 0)).toBe(0)
  })

  it("honest: the worked examples of the protocol", () => {
    expect(at(50, 100, 200)).toEqual(["PULL_OFFSET_MOVED", 100])
    expect(at(200, 100, 200)).toEqual(["PULL_NOT_FOUND", 200])
    expect(at(201, 100, 200)).toEqual(["PULL_OFFSET_MOVED", 200])
    expect(at(0, 0, 0)).toEqual(["PULL_NOT_FOUND", 0])
    expect(at(5, 0, 0)).toEqual(["PULL_OFFSET_MOVED", 0])
  })

  it("commits on the first pass only, and suggests a slave only where it may serve", () => {
    expect(Pull.commits(PullFlag.COMMIT_OFFSET, true)).toBe(true)
    expect(Pull.commits(PullFlag.COMMIT_OFFSET, false)).toBe(false)
    expect(Pull.commits(0, true)).toBe(false)
    const group = { ...defaults("g"), brokerId: 7, whichBrokerWhenConsumeSlowly: 1 }
    expect(Pull.suggestWhichBrokerId(false, true, group)).toBe(0)
    expect(Pull.suggestWhichBrokerId(true, true, group)).toBe(1)
    expect(Pull.suggestWhichBrokerId(true, false, group)).toBe(7)
  })

  it("takes at least one message, and no more than its bounds allow", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (sizes, maxMessages, isInMemory) => {
          const max = isInMemory ? Pull.batchMax.memory : Pull.batchMax.disk
          const taken = { sizeBytes: 0, messages: 0 }
          for (const sizeBytes of sizes) {
            if (Pull.isBatchFull(taken, sizeBytes, maxMessages, isInMemory)) break
            taken.sizeBytes += sizeBytes
            taken.messages++
          }
          expect(taken.messages).toBeGreaterThanOrEqual(1)
          expect(taken.messages).toBeLessThanOrEqual(Math.min(maxMessages, max.messages))
          if (taken.messages > 1) expect(taken.sizeBytes).toBeLessThanOrEqual(max.sizeBytes)
        },
      ),
    )
    expect([Pull.examinedMax(32), Pull.examinedMax(1_024)]).toEqual([800, 1_024])
  })
})
