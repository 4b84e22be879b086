/** Subscriptions by conditions: what the SDK refuses before a broker is asked. */
import { describe, expect, it } from "vitest"
import { subscriptionOf } from "../../../src/client/ConsumerOptions.ts"

const refusal = (sql: string): string => {
  try {
    subscriptionOf({ sql, topic: "orders" }, 1)
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`
  }
  return "none"
}

describe("a subscription by a condition", () => {
  it("is the protocol's: its text and type, without tags", () => {
    expect(subscriptionOf({ sql: "a = 1 -- all\n", topic: "orders" }, 7)).toMatchObject({
      codeSet: new Set(),
      expressionType: "SQL92",
      subString: "a = 1 -- all\n",
      subVersion: 7,
      tagsSet: new Set(),
    })
  })

  it("is refused where brokers refuse it, and where they would pass over a part of it", () => {
    expect(refusal("")).toMatch(/^INVALID_ARGUMENT: .*Expression can't be null/)
    expect(refusal("a ==1")).toMatch(/^INVALID_ARGUMENT: .*"orders" cannot be read: .*line 1 column 4/)
    expect(refusal("a = 1 b LIKE 'x'")).toMatch(
      /^INVALID_ARGUMENT: .*behind a whole condition: "b LIKE 'x'" would never/,
    )
    expect(refusal("a = 1")).toBe("none")
  })

  it("is the only one of the three ways", () => {
    expect(() => subscriptionOf({ sql: "a = 1", tags: ["A"], topic: "orders" }, 1)).toThrow("more than one of")
  })
})
