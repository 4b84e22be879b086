import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as ConsumerGroup from "../../../src/domain/ConsumerGroup.ts"
import { type Subscription, parse, parseTyped } from "../../../src/domain/Subscription.ts"

const subscription = (topic: string, version: number): Subscription =>
  Result.getOrThrow(parse(topic, `V${version}`, version))

const asking = (expression: string, type = "TAG"): Subscription =>
  Result.getOrThrow(parseTyped("T", expression, type, 1))

const subscribed = fc
  .array(fc.tuple(fc.constantFrom("T1", "T2", "T3"), fc.nat(5)), { maxLength: 3 })
  .map((pairs) => [...new Map(pairs)].map(([topic, version]) => subscription(topic, version)))

const step = fc.oneof(
  fc.record({
    _tag: fc.constant("Heartbeat" as const),
    group: fc.constantFrom("g", "h"),
    connection: fc.nat(3),
    subscriptions: subscribed,
    withoutSub: fc.boolean(),
  }),
  fc.record({ _tag: fc.constant("Unregister" as const), group: fc.constantFrom("g", "h"), connection: fc.nat(3) }),
  fc.record({ _tag: fc.constant("Disconnected" as const), connection: fc.nat(3) }),
  fc.record({ _tag: fc.constant("Elapsed" as const), ms: fc.constantFrom(1, 60_000, 121_000) }),
)

const heartbeat = (
  groupName: string,
  connection: number,
  more: Partial<ConsumerGroup.Heartbeat<number>> = {},
): ConsumerGroup.Heartbeat<number> => ({
  groupName,
  connection,
  clientId: `client-${connection}`,
  language: 0,
  version: 513,
  consumeType: "CONSUME_PASSIVELY",
  messageModel: "CLUSTERING",
  consumeFromWhere: "CONSUME_FROM_LAST_OFFSET",
  subscriptions: [],
  nowMs: 0,
  ...more,
})

/** Members of each group, with what each subscribes. */
type Model = Map<string, Map<number, { lastMs: number; subs: Map<string, Subscription> }>>

const newest = (model: Model, group: string): Map<string, number> => {
  const versions = new Map<string, number>()
  for (const { subs } of model.get(group)?.values() ?? []) {
    for (const [topic, { subVersion }] of subs) versions.set(topic, Math.max(versions.get(topic) ?? 0, subVersion))
  }
  return versions
}

const shape = (model: Model, group: string): string =>
  JSON.stringify([[...(model.get(group)?.keys() ?? [])].toSorted(), [...newest(model, group).keys()].toSorted()])

const leave = (model: Model, group: string, connection: number): void => {
  model.get(group)?.delete(connection)
  if (model.get(group)?.size === 0) model.delete(group)
}

describe("ConsumerGroup", () => {
  it("members, newest, told and empty: the table is what a list of members says", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = ConsumerGroup.make<number>()
        const model: Model = new Map()
        let nowMs = 0
        for (const given of steps) {
          if (given._tag === "Heartbeat") {
            const { connection, group, subscriptions, withoutSub } = given
            const before = shape(model, group)
            const members = model.get(group) ?? new Map()
            const known = members.get(connection)?.subs ?? new Map<string, Subscription>()
            const sent = new Map(
              subscriptions.map((sub): [string, Subscription] => {
                const old = known.get(sub.topic)
                return [sub.topic, old !== undefined && old.subVersion >= sub.subVersion ? old : sub]
              }),
            )
            model.set(group, members.set(connection, { lastMs: nowMs, subs: withoutSub ? known : sent }))
            const heard = ConsumerGroup.register(
              table,
              heartbeat(group, connection, { subscriptions, withoutSub, nowMs }),
            )
            expect(heard.changed).toBe(shape(model, group) !== before)
            expect(heard.subChanged).toBe(true)
          } else if (given._tag === "Unregister") {
            const known = model.get(given.group)?.has(given.connection) ?? false
            leave(model, given.group, given.connection)
            expect(ConsumerGroup.unregister(table, given.group, given.connection)).toBe(known)
          } else if (given._tag === "Disconnected") {
            const groups = [...model.keys()].filter((group) => model.get(group)!.has(given.connection))
            for (const group of groups) leave(model, group, given.connection)
            expect([...ConsumerGroup.disconnected(table, given.connection)].toSorted()).toEqual(groups.toSorted())
          } else {
            nowMs += given.ms
            const silent = new Set<number>()
            for (const members of model.values()) {
              for (const [connection, { lastMs }] of members) if (nowMs - lastMs > 120_000) silent.add(connection)
            }
            const due = ConsumerGroup.nextDueMs(table)
            expect(new Set(ConsumerGroup.expired(table, nowMs))).toEqual(silent)
            expect(due !== undefined && due <= nowMs).toBe(silent.size > 0)
          }
          expect(new Set(table.groups.keys())).toEqual(new Set(model.keys()))
          for (const group of model.keys()) {
            const found = ConsumerGroup.find(table, group)!
            expect(new Set(found.members.keys())).toEqual(new Set(model.get(group)!.keys()))
            const versions = [...found.subscriptions].map(([topic, sub]) => [topic, sub.subVersion] as const)
            expect(new Map(versions)).toEqual(newest(model, group))
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it("mixed: it names the topics that members do not ask the same of, and who asks what", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), subscribed), { maxLength: 6 }), (beats) => {
        const table = ConsumerGroup.make<number>()
        const sent = new Map<number, Map<string, string>>()
        for (const [connection, subscriptions] of beats) {
          ConsumerGroup.unregister(table, "g", connection)
          ConsumerGroup.register(table, heartbeat("g", connection, { subscriptions }))
          sent.set(connection, new Map(subscriptions.map(({ subString, topic }) => [topic, subString])))
        }
        const topics = new Set<string>()
        for (const asks of sent.values()) for (const topic of asks.keys()) topics.add(topic)
        const mixed = [...topics].filter((topic) => new Set([...sent.values()].map((asks) => asks.get(topic))).size > 1)
        const found = ConsumerGroup.mixes(ConsumerGroup.find(table, "g"))
        expect(found.map(({ topic }) => topic).toSorted()).toEqual(mixed.toSorted())
        for (const { asked, topic } of found)
          for (const { asks, clientIds } of asked)
            for (const id of clientIds) expect(sent.get(Number(id.slice(7)))!.get(topic)).toBe(asks)
      }),
    )
  })

  it("mixed: the order of tags makes no difference, and broadcasting members have progress of their own", () => {
    const table = ConsumerGroup.make<number>()
    const beat = (connection: number, sub: Subscription, more: Partial<ConsumerGroup.Heartbeat<number>> = {}) =>
      ConsumerGroup.register(table, heartbeat("g", connection, { subscriptions: [sub], ...more }))
    expect(beat(1, asking("A || B")).asksOtherwise).toBe(true)
    beat(2, asking("B||A"))
    expect(beat(2, asking("B||A")).asksOtherwise).toBe(false)
    const group = ConsumerGroup.find(table, "g")!
    expect(ConsumerGroup.mixes(group)).toEqual([])
    expect(beat(2, { ...asking("a = 1", "SQL92"), subVersion: 2 }).asksOtherwise).toBe(true)
    expect(ConsumerGroup.printMixes(ConsumerGroup.mixes(group))).toBe("T: A || B by client-1; SQL92 a = 1 by client-2")
    for (let i = 3; i < 9; i++) beat(i, asking("x".repeat(100)))
    expect(ConsumerGroup.printMixes(ConsumerGroup.mixes(group))).toBe(
      `T: A || B by client-1; SQL92 a = 1 by client-2; ${"x".repeat(79)}… by client-3, client-4, client-5, client-6 and 2 more`,
    )
    beat(2, asking("A"), { messageModel: "BROADCASTING" })
    expect(ConsumerGroup.mixes(group)).toEqual([])
  })

  it("keeps the topics of members that subscribe differently", () => {
    const table = ConsumerGroup.make<number>()
    ConsumerGroup.register(table, heartbeat("g", 1, { subscriptions: [subscription("T1", 1)] }))
    ConsumerGroup.register(table, heartbeat("g", 2, { subscriptions: [subscription("T2", 1)] }))
    const again = ConsumerGroup.register(table, heartbeat("g", 1, { subscriptions: [subscription("T1", 1)] }))
    expect(again.changed).toBe(false)
    expect(ConsumerGroup.subscriptionOf(table, "g", "T1")).toBeDefined()
    expect(ConsumerGroup.subscriptionOf(table, "g", "T2")).toBeDefined()
    expect(ConsumerGroup.groupsOfTopic(table, "T2")).toEqual(["g"])
  })

  it("answers a heartbeat v2 with whether the full form is wanted", () => {
    const table = ConsumerGroup.make<number>()
    const beat = (fingerprint: number): boolean =>
      ConsumerGroup.register(table, heartbeat("g", 1, { fingerprint })).subChanged
    expect([beat(7), beat(7), beat(8), beat(8), beat(0)]).toEqual([false, false, true, false, true])
  })

  it("names clients once, and notifies all members unless they broadcast", () => {
    const table = ConsumerGroup.make<number>()
    for (const connection of [1, 2]) ConsumerGroup.register(table, heartbeat("g", connection, { clientId: "same" }))
    ConsumerGroup.register(table, heartbeat("h", 3, { messageModel: "BROADCASTING" }))
    expect(ConsumerGroup.clientIds(table, "g")).toEqual(["same"])
    expect(ConsumerGroup.clients(table, "g").map((client) => client.connection)).toEqual([1, 2])
    expect(ConsumerGroup.clientOf(table, "g", 2)?.clientId).toBe("same")
    expect(ConsumerGroup.clientOf(table, "g", 9)).toBeUndefined()
    expect(ConsumerGroup.toNotify(table, "g")).toEqual([1, 2])
    expect(ConsumerGroup.toNotify(table, "h")).toEqual([])
    expect(ConsumerGroup.toNotify(table, "none")).toEqual([])
    expect([ConsumerGroup.clientIds(table, "none"), ConsumerGroup.clients(table, "none")]).toEqual([[], []])
  })

  it("keeps what a client subscribed when it renames itself on its connection", () => {
    const table = ConsumerGroup.make<number>()
    ConsumerGroup.register(table, heartbeat("g", 1, { subscriptions: [subscription("T1", 1)] }))
    const heard = ConsumerGroup.register(table, heartbeat("g", 1, { clientId: "other", withoutSub: true }))
    expect(heard.changed).toBe(true)
    expect(ConsumerGroup.clientIds(table, "g")).toEqual(["other"])
    expect(ConsumerGroup.subscriptionOf(table, "g", "T1")).toBeDefined()
  })
})
