import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as DeadLetter from "../../../src/domain/DeadLetter.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import * as Retry from "../../../src/domain/Retry.ts"
import { defaultLevels } from "../../../src/domain/DelayLevel.ts"
import { defaults } from "../../../src/domain/SubscriptionGroup.ts"

const name = fc.stringMatching(/^[a-z]{1,8}$/)
const own = fc.dictionary(name, name, { maxKeys: 4 })
const letterOf = (properties: Iterable<readonly [string, string]>): DeadLetter.DeadLetter => ({
  offsetMsgId: "OWN",
  properties: Properties.print(properties),
  storeTimestamp: 1000,
})
const settings = {
  autoCreateSubscriptionGroup: true,
  brokerName: "b",
  brokerPermission: 6,
  delayLevels: defaultLevels,
}

/** A letter of group "g" as a broker makes it of a message that was sent to "orders". */
const made = (properties: string): DeadLetter.DeadLetter => {
  const decided = Retry.decide(
    { clientVersion: 513, delayLevel: -1, group: "g", maxReconsumeTimes: undefined, pick: 0 },
    { msgId: "FIRST", properties, reconsumeTimes: 2, topic: "orders" },
    { group: () => defaults("g"), topic: () => undefined },
    settings,
  )
  const decision = Result.getOrThrow(decided)
  if (decision._tag !== "DeadLetter") throw new Error(decision._tag)
  return { offsetMsgId: "OWN", properties: decision.properties, storeTimestamp: 1000 }
}

describe("DeadLetter", () => {
  it("whole and fresh: the application's properties and the id stay, those of the former life do not", () => {
    fc.assert(
      fc.property(own, fc.constantFrom("group" as const, "origin" as const), (mine, to) => {
        const sent = { ...mine, CLUSTER: "c", KEYS: "k", MSG_REGION: "r", TAGS: "t", UNIQ_KEY: "ID" }
        const letter = made(Properties.print(Object.entries(sent)))
        const { properties, topic } = Result.getOrThrow(DeadLetter.resent(letter, "g", to))
        const read = Object.fromEntries(Properties.parse(properties))
        const traces = to === "group" ? { ORIGIN_MESSAGE_ID: "FIRST", RETRY_TOPIC: "orders" } : {}
        expect(read).toEqual({ ...mine, ...traces, KEYS: "k", TAGS: "t", UNIQ_KEY: "ID", WAIT: "true" })
        expect(topic).toBe(to === "group" ? "%RETRY%g" : "orders")
      }),
    )
  })

  it("found: by each of its ids, by a key, and by when it became one", () => {
    const letter = made(Properties.print(Object.entries({ KEYS: "k-1 k-2", UNIQ_KEY: "ID" })))
    const found = (query: DeadLetter.Query): boolean => DeadLetter.matches(letter, query)
    for (const id of ["ID", "FIRST", "OWN"]) expect(found({ ids: new Set(["other", id]) })).toBe(true)
    expect(found({ ids: new Set(["other"]) })).toBe(false)
    expect([found({}), found({ key: "k-2" }), found({ key: "k" })]).toEqual([true, true, false])
    expect([found({ beginMs: 1000 }), found({ beginMs: 1001 })]).toEqual([true, false])
    expect([found({ endMs: 1001 }), found({ endMs: 1000 })]).toEqual([true, false])
    expect(DeadLetter.matches(letterOf([]), { key: "k" })).toBe(false)
  })

  it("a letter that was sent by hand has no topic to go back to, but a group", () => {
    const letter = letterOf([["UNIQ_KEY", "ID"]])
    const refused = DeadLetter.resent(letter, "g", "origin")
    expect(Result.isFailure(refused) && refused.failure.remark).toContain("OWN does not say which topic it came from")
    expect(Result.getOrThrow(DeadLetter.resent(letter, "g", "group")).topic).toBe("%RETRY%g")
  })
})
