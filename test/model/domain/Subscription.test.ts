import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { hashCode } from "../../../src/domain/JavaString.ts"
import * as Subscription from "../../../src/domain/Subscription.ts"
import { text } from "./arbitrary.ts"

const expression = fc.oneof(
  text,
  fc.array(fc.string({ unit: fc.constantFrom("A", "B", " "), maxLength: 3 })).map((tags) => tags.join("||")),
)

/** Every subscription that some expression gives. */
const subscription = expression
  .map((given) => Subscription.parse("T", given))
  .filter(Result.isSuccess)
  .map((parsed) => parsed.success)

describe("Subscription", () => {
  it("no miss: a message whose tag is subscribed always passes", () => {
    fc.assert(
      fc.property(subscription, (given) => {
        for (const tag of given.tagsSet) {
          expect(Subscription.matchesCode(given, Subscription.tagsCode(tag))).toBe(true)
        }
      }),
    )
  })

  it("everything: * passes every message, and so does an entry whose code is not known", () => {
    fc.assert(
      fc.property(subscription, fc.integer(), (given, code) => {
        expect(Subscription.matchesCode(given, undefined)).toBe(true)
        if (given.subString === "*") expect(Subscription.matchesCode(given, code)).toBe(true)
      }),
    )
  })

  it("codes: the codes are the hash codes of the tags", () => {
    fc.assert(
      fc.property(subscription, (given) => {
        expect(given.codeSet).toEqual(new Set([...given.tagsSet].map(hashCode)))
      }),
    )
  })

  it("passes what another filter judges", () => {
    const sql = Result.getOrThrow(Subscription.parseTyped("T", "a > 3", "SQL92", 7))
    expect(sql).toMatchObject({ subString: "a > 3", expressionType: "SQL92", subVersion: 7 })
    expect(Subscription.matchesCode(sql, 1)).toBe(true)
    const none = Result.getOrThrow(Subscription.parse("T", " "))
    expect(Subscription.matchesCode(none, 0)).toBe(false)
    expect(Subscription.matchesCode({ ...none, classFilterMode: true }, 0)).toBe(true)
  })

  it("says what is wrong with an expression of separators only", () => {
    const refused = Subscription.parse("T", "||||")
    expect(Result.isFailure(refused) && refused.failure).toMatchObject({ code: "SUBSCRIPTION_PARSE_FAILED" })
    expect(Result.isFailure(refused) && refused.failure.remark).toContain("names no tag")
  })

  it("calls two subscriptions the same by text and type", () => {
    const one = Result.getOrThrow(Subscription.parse("T", "A", 1))
    expect(Subscription.isSame(one, { ...one, subVersion: 2 })).toBe(true)
    expect(Subscription.isSame(one, { ...one, subString: "B" })).toBe(false)
    expect(Subscription.isSame(one, { ...one, expressionType: "SQL92" })).toBe(false)
  })
})
