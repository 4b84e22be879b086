import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as BloomFilter from "../../../src/domain/BloomFilter.ts"
import * as ConsumerFilter from "../../../src/domain/ConsumerFilter.ts"
import * as Sql92 from "../../../src/domain/Sql92.ts"
import { type Subscription, parseTyped } from "../../../src/domain/Subscription.ts"
import { murmur3 } from "../../../src/format/Murmur3.ts"

const make = (charactersMax?: number): ConsumerFilter.ConsumerFilters =>
  ConsumerFilter.make(Result.getOrThrow(BloomFilter.make(20, 32)), murmur3, charactersMax)

const asked = (topic: string, expression: string, version = 1, type = "SQL92"): Subscription =>
  Result.getOrThrow(parseTyped(topic, expression, type, version))

const dayMs = 86_400_000

const at = (ms: number): ConsumerFilter.Now => ({ logOffset: ms, ms })

const byTopic = (...subscriptions: ReadonlyArray<Subscription>): ReadonlyMap<string, Subscription> =>
  new Map(subscriptions.map((subscription) => [subscription.topic, subscription]))

const expressionOf = (table: ConsumerFilter.ConsumerFilters, topic = "T", group = "g"): string | undefined =>
  ConsumerFilter.find(table, topic, group)?.expression

const step = fc.record({
  group: fc.constantFrom("g", "h"),
  ms: fc.constantFrom(1, 1000, dayMs),
  subscriptions: fc
    .array(
      fc.record({
        expression: fc.constantFrom("a = 1", "a = 2", "a ="),
        topic: fc.constantFrom("T", "U"),
        type: fc.constantFrom("SQL92", "SQL92", "TAG"),
        version: fc.nat(4),
      }),
      { maxLength: 2 },
    )
    .map((all) => byTopic(...all.map((one) => asked(one.topic, one.expression, one.version, one.type)))),
})

describe("ConsumerFilter", () => {
  it("newest and alive: the greatest version since it was forgotten counts, and lives while it is subscribed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const table = make()
        const model = new Map<string, { version: number; expression: string; deadMs: number; bornMs: number }>()
        let nowMs = 1_000_000
        for (const { group, ms, subscriptions } of steps) {
          nowMs += ms
          ConsumerFilter.expire(table, nowMs, dayMs)
          for (const [key, { deadMs }] of model) if (deadMs !== 0 && nowMs - deadMs >= dayMs) model.delete(key)
          ConsumerFilter.subscribed(table, group, subscriptions, at(nowMs))
          for (const topic of ["T", "U"]) {
            const key = `${topic}@${group}`
            const known = model.get(key)
            const now = subscriptions.get(topic)
            if (now === undefined || now.expressionType === "TAG") {
              if (known !== undefined && known.deadMs === 0) known.deadMs = nowMs
            } else if (known === undefined || (now.subVersion > known.version && now.subString !== known.expression))
              model.set(key, { bornMs: nowMs, deadMs: 0, expression: now.subString, version: now.subVersion })
            else if (now.subVersion >= known.version) Object.assign(known, { deadMs: 0, version: now.subVersion })
            const kept = ConsumerFilter.find(table, topic, group)
            const is = kept && {
              bornMs: kept.bornMs,
              deadMs: kept.deadMs,
              expression: kept.expression,
              version: kept.version,
            }
            expect(is).toEqual(model.get(key))
          }
        }
        expect([...ConsumerFilter.all(table)]).toHaveLength(model.size)
        expect(table.dead.size).toBe([...model.values()].filter(({ deadMs }) => deadMs !== 0).length)
      }),
    )
  })

  it("bounded: those of groups that are gone make room, and what does not fit is refused and not kept", () => {
    const table = make(60)
    const long = "a = 'xxxxxxxxxxxxxxxxxxxx'"
    ConsumerFilter.subscribed(table, "g", byTopic(asked("T", long)), at(1))
    ConsumerFilter.subscribed(table, "h", byTopic(asked("T", long)), at(2))
    const refused = ConsumerFilter.subscribed(table, "i", byTopic(asked("T", long)), at(3))
    expect(refused.map(({ compiled, group }) => [group, compiled])).toEqual([
      ["i", "the broker has no room for more filters"],
    ])
    expect(ConsumerFilter.find(table, "T", "i")).toBeUndefined()
    ConsumerFilter.gone(table, "g", at(4))
    expect(ConsumerFilter.subscribed(table, "i", byTopic(asked("T", long)), at(5))).toEqual([])
    expect([expressionOf(table), expressionOf(table, "T", "h"), expressionOf(table, "T", "i")]).toEqual([
      undefined,
      long,
      long,
    ])
    expect(table.characters).toBeLessThanOrEqual(60)
  })

  it("honest: a filter that cannot be read is kept with the reason", () => {
    const table = make()
    const unusable = ConsumerFilter.subscribed(
      table,
      "g",
      byTopic(asked("T", "a =="), asked("U", "x", 1, "XPATH")),
      at(1),
    )
    expect(unusable.map(({ compiled, topic }) => [topic, compiled])).toEqual([
      ["T", expect.stringContaining("line 1 column 4")],
      ["U", "there is no filter of type XPATH: use TAG or SQL92"],
    ])
    expect(
      ConsumerFilter.subscribed(table, "g", byTopic(asked("T", "a =="), asked("U", "x", 1, "XPATH")), at(2)),
    ).toEqual([])
    expect(ConsumerFilter.find(table, "T", "g")?.compiled).toContain("column 4")
    expect([...ConsumerFilter.ofTopic(table, "T")!.keys()]).toEqual(["g"])
  })

  it("a snapshot puts back what was there, dead until a heartbeat brings it again", () => {
    const table = make()
    ConsumerFilter.subscribed(table, "g", byTopic(asked("T", "a = 1"), asked("U", "a = 2")), at(100))
    ConsumerFilter.gone(table, "g", at(150))
    ConsumerFilter.subscribed(table, "g", byTopic(asked("T", "a = 1")), at(160))
    const back = make()
    ConsumerFilter.restore(back, ConsumerFilter.all(table), 200)
    expect([...ConsumerFilter.all(back)].map(({ bornMs, deadMs, topic }) => [topic, bornMs, deadMs])).toEqual([
      ["U", 100, 150],
      ["T", 100, 200],
    ])
    ConsumerFilter.subscribed(back, "g", byTopic(asked("T", "a = 1")), at(300))
    expect(ConsumerFilter.find(back, "T", "g")).toMatchObject({ bornMs: 100, deadMs: 0 })
    ConsumerFilter.restore(back, [{ ...ConsumerFilter.find(back, "T", "g")!, expression: "" }], 400)
    expect(ConsumerFilter.find(back, "T", "g")).toMatchObject({ deadMs: 0, expression: "a = 1" })
  })

  it("a mark speaks of records behind where the filter was first known, and only when its size is the same", () => {
    const table = make()
    ConsumerFilter.subscribed(table, "g", byTopic(asked("T", "a = 1")), at(100))
    const filter = ConsumerFilter.find(table, "T", "g")!
    const clear = new Uint8Array(14)
    const marked = new Uint8Array(14)
    BloomFilter.add(marked, filter.positions)
    expect(ConsumerFilter.mayMatch(table, filter, 100, clear)).toBe(false)
    expect(ConsumerFilter.mayMatch(table, filter, 100, marked)).toBe(true)
    expect(ConsumerFilter.mayMatch(table, filter, 99, clear)).toBe(true)
    expect(ConsumerFilter.mayMatch(table, filter, 100, new Uint8Array(8))).toBe(true)
    expect(ConsumerFilter.markOf(table, "T", ({ expression }) => expression === "a = 1")).toEqual(marked)
    expect(ConsumerFilter.markOf(table, "T", () => false)).toEqual(clear)
    expect(ConsumerFilter.markOf(table, "U", () => true)).toBeUndefined()
  })

  it("what a group failed to consume is judged by its filter of the topic that it came from", () => {
    const table = make()
    ConsumerFilter.subscribed(table, "g", byTopic(asked("T", "a = 1"), asked("U", "a ==")), at(1))
    const takes = (topic: string | undefined): boolean => ConsumerFilter.takesRetried(table, "g", topic, () => false)
    expect(["T", "U", "V", undefined].map(takes)).toEqual([false, true, true, true])
    expect(ConsumerFilter.takesRetried(table, "g", "T", ({ expression }) => expression === "a = 1")).toBe(true)
  })

  it("what pulls bring is compiled once, and only the last of them are remembered", () => {
    const table = make()
    const first = ConsumerFilter.compileAgain(table, "a = 1", "SQL92")
    expect(ConsumerFilter.compileAgain(table, "a = 1", "SQL92")).toBe(first)
    for (let i = 0; i < 300; i++) ConsumerFilter.compileAgain(table, `a = ${i + 2}`, "SQL92")
    expect(table.recent.size).toBe(100)
    expect(ConsumerFilter.compileAgain(table, "a = 1", "SQL92")).not.toBe(first)
    expect(ConsumerFilter.compileAgain(table, "x".repeat(Sql92.lengthMax + 1), "SQL92")).toContain("longer")
    expect(table.recent.size).toBe(100)
  })
})
