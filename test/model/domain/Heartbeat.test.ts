import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Capacity from "../../../src/domain/Capacity.ts"
import * as ConsumerGroup from "../../../src/domain/ConsumerGroup.ts"
import * as Heartbeat from "../../../src/domain/Heartbeat.ts"
import { parse, type Subscription } from "../../../src/domain/Subscription.ts"

const bounds: Heartbeat.Bounds = {
  charactersMax: 20,
  charactersTotalMax: 40,
  clientIdLengthMax: 5,
  groupLengthMax: 3,
  groupsOfConnectionMax: 3,
  membershipsMax: 6,
}

const subscription = (topic: string, expression: string): Subscription => Result.getOrThrow(parse(topic, expression))
const beat = fc.record({
  connection: fc.nat(4),
  groups: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 }),
  topics: fc.uniqueArray(fc.constantFrom("T", "UU", "VVVV"), { maxLength: 3 }),
})

/** Registers what is accepted, as a broker does. */
const register = (
  table: ConsumerGroup.ConsumerGroups<number>,
  { connection, groups, topics }: { connection: number; groups: ReadonlyArray<string>; topics: ReadonlyArray<string> },
): boolean => {
  const subscriptions = topics.map((topic) => subscription(topic, "*"))
  const mine = table.ofConnection.get(connection) ?? new Set()
  const replaced = groups.reduce((sum, group) => sum + ConsumerGroup.weightOf(table, group, connection), 0)
  const decided = Heartbeat.decide(
    {
      characters: groups.length * ConsumerGroup.weigh(subscriptions),
      clientId: "c",
      groups,
      newMemberships: groups.filter((group) => !mine.has(group)).length,
    },
    { characters: table.characters - replaced, memberships: table.size, ofConnection: mine.size },
    bounds,
  )
  if (Result.isFailure(decided)) return false
  for (const groupName of groups)
    ConsumerGroup.register(table, {
      clientId: "c",
      connection,
      consumeFromWhere: "CONSUME_FROM_FIRST_OFFSET",
      consumeType: "CONSUME_PASSIVELY",
      groupName,
      language: 0,
      messageModel: "CLUSTERING",
      nowMs: 0,
      subscriptions,
      version: 0,
    })
  return true
}

describe("Heartbeat", () => {
  it("bounded, renewed: what is accepted passes no bound, and is accepted again", () => {
    fc.assert(
      fc.property(fc.array(beat, { maxLength: 30 }), (beats) => {
        const table = ConsumerGroup.make<number>()
        let characters = 0
        for (const one of beats) {
          if (register(table, one)) expect(register(table, one)).toBe(true)
          expect(table.size).toBeLessThanOrEqual(bounds.membershipsMax)
          expect(table.characters).toBeLessThanOrEqual(bounds.charactersTotalMax)
          for (const groups of table.ofConnection.values())
            expect(groups.size).toBeLessThanOrEqual(bounds.groupsOfConnectionMax)
          characters = Math.max(characters, table.characters)
        }
        const held = [...table.groups.values()].flatMap(({ members }) => members.values().toArray())
        expect(table.size).toBe(held.length)
        expect(table.characters).toBe(
          held.reduce((sum, { subscriptions }) => sum + ConsumerGroup.weigh(subscriptions.values()), 0),
        )
        for (const connection of table.ofConnection.keys()) ConsumerGroup.disconnected(table, connection)
        expect([table.size, table.characters]).toEqual([0, 0])
      }),
    )
  })

  it("refuses what is too long or too much, and says what", () => {
    const fine: Heartbeat.Beat = { characters: 1, clientId: "c", groups: ["g"], newMemberships: 1 }
    const empty: Heartbeat.Held = { characters: 0, memberships: 0, ofConnection: 0 }
    const remark = (change: Partial<Heartbeat.Beat>, held: Partial<Heartbeat.Held> = {}): string => {
      const decided = Heartbeat.decide({ ...fine, ...change }, { ...empty, ...held }, bounds)
      return Result.isFailure(decided) ? decided.failure.remark : "accepted"
    }
    expect(remark({})).toBe("accepted")
    expect(remark({ clientId: "123456" })).toContain("client id has 6 characters")
    expect(remark({ groups: ["g", "gggg"] })).toContain("group gggg… has 4 characters")
    expect(remark({ newMemberships: 2 }, { ofConnection: 2 })).toContain("at most 3 groups on one connection")
    expect(remark({}, { memberships: 6 })).toContain("has 6 memberships")
    expect(remark({ newMemberships: 0 }, { memberships: 6 })).toBe("accepted")
    expect(remark({ characters: 21 })).toContain("have 21 characters, at most 20")
    expect(remark({ characters: 2 }, { characters: 39 })).toContain("all clients have 39 characters")
  })
})

describe("Capacity", () => {
  it("bounded, kept: a table that is full takes changes, and nothing new", () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(5), fc.nat(20), (held, added, max) => {
        const full = Capacity.whyFull("topics", held, added, max)
        expect(full === undefined).toBe(added === 0 || held + added <= max)
        if (full !== undefined) expect(full).toContain("topicNumsMax")
      }),
    )
  })
})
