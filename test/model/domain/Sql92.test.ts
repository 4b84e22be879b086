import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Sql92 from "../../../src/domain/Sql92.ts"
import { depthMax, lengthMax, namesMax } from "../../../src/domain/Sql92Tree.ts"

const compiled = (expression: string): Sql92.Filter => {
  const filter = Sql92.compile(expression)
  if (!Sql92.isFilter(filter)) throw new Error(Sql92.printFault(filter))
  return filter
}

const fault = (expression: string): string => {
  const filter = Sql92.compile(expression)
  return Sql92.isFilter(filter) ? "none" : Sql92.printFault(filter)
}

const test = (expression: string, properties: Readonly<Record<string, string>> = {}): Sql92.Truth => {
  const filter = compiled(expression)
  return filter.test(Sql92.viewOf(filter, new Map(Object.entries(properties))))
}

/** Conditions that are true, false, unknown, or fail, whatever the message. */
const truths = ["1 = 1", "1 = 2", "x = 1", "text > 1"] as const
const condition = fc.letrec<{ readonly any: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    fc.constantFrom(...truths),
    fc.tuple(tie("any"), fc.constantFrom(" AND ", " OR "), tie("any")).map(([x, op, y]) => `(${x}${op}${y})`),
    tie("any").map((x) => `NOT (${x})`),
  ),
})).any

describe("Sql92", () => {
  it("de Morgan: NOT of a conjunction is the disjunction of the NOTs, in all values", () => {
    fc.assert(
      fc.property(condition, condition, (x, y) => {
        const properties = { text: "t" }
        expect(test(`NOT (${x} AND ${y})`, properties)).toBe(test(`NOT (${x}) OR NOT (${y})`, properties))
        expect(test(`NOT (${x} OR ${y})`, properties)).toBe(test(`NOT (${x}) AND NOT (${y})`, properties))
        expect(test(`NOT NOT (${x})`, properties)).toBe(test(x, properties))
      }),
    )
  })

  it("twice: the same properties give the same answer, and other messages between do not matter", () => {
    fc.assert(
      fc.property(condition, (x) => {
        const filter = compiled(`${x} AND text = 't'`)
        const first = Sql92.viewOf(filter, new Map([["text", "t"]]))
        const answer = filter.test(first)
        filter.test(Sql92.viewOf(filter, new Map()))
        expect(filter.test(first)).toBe(answer)
      }),
    )
  })

  it("compares what has no vector as the others: the negative of a condition never has a value", () => {
    const properties = { f: "2.5", n: "5", t: "x" }
    const { failed, no, unknown, yes } = Sql92.Truth
    const expected: ReadonlyArray<readonly [string, Sql92.Truth]> = [
      ["-(n = 5) IS NULL", yes],
      ["-(t > 5) IS NULL", failed],
      ["-(t > 5) > 1", failed],
      ["1 > -(t > 5)", failed],
      ["x > -(t > 5)", unknown],
      ["n > -(n = 5)", unknown],
      ["-(-(n = 5)) IS NULL", yes],
      ["-(n = 5) BETWEEN 1 AND 2", unknown],
      ["-t NOT BETWEEN 1 AND 2", unknown],
      ["-(t > 5) BETWEEN 1 AND 2", failed],
      ["n BETWEEN -t AND 9", unknown],
      ["n BETWEEN 9 AND -t", no],
      ["3 NOT BETWEEN 1 AND n", no],
      ["-(n = 5) CONTAINS 'x'", no],
      ["-(t > 5) CONTAINS 'x'", failed],
      ["(t > 5) CONTAINS ''", no],
      ["(t > 5) = TRUE", failed],
      ["TRUE = (t > 5)", failed],
      ["5 = (n = 5)", no],
      ["5.5 > 5", yes],
      ["5 < 5.5", yes],
      ["9223372036854775807 > 9223372036854775806", yes],
      ["9223372036854775807 <= 9.3e18", yes],
      ["-0 = 0", yes],
      ["-0.5 < 0", yes],
      ["t = (x = 1)", no],
      ["x = (x = 1)", yes],
      ["-9007199254740993 = f", failed],
    ]
    for (const [expression, truth] of expected)
      expect([expression, test(expression, properties)]).toEqual([expression, truth])
  })

  it("placed: a fault says where it lies and what was expected there", () => {
    expect(
      [
        "",
        "a == 5",
        "a = 5 AND\n  b ! 'x'",
        "a IN (5)",
        "a IN ('5' '6')",
        "a BETWEEN 9 AND 1",
        "a NOT 5",
        "a IS 5",
        "a IS NOT 5",
        "a > 'x'",
        "a > TRUE",
        "a AND 5",
        "a = NULL",
        "NULL = a",
        "TRUE = 5",
        "5 IN ('5')",
        "(a = 1",
        "a = 'x",
        "a = 5 /* c",
        "a > 0.0",
        "a > 9223372036854775808",
        'a = "x"',
        "a = 😀",
        "b CONTAINS 5",
      ].map(fault),
    ).toMatchInlineSnapshot(`
      [
        "SQL92 expression, line 1 column 1: expected a property, a text, a number, TRUE, FALSE, NULL or (, found the end",
        "SQL92 expression, line 1 column 4: expected a property, a text, a number, TRUE, FALSE, NULL or (, found =",
        "SQL92 expression, line 2 column 5: "!" begins no word: not equal is <>, and a condition is turned round with NOT",
        "SQL92 expression, line 1 column 7: expected a text in the list of IN, such as 'a', found 5",
        "SQL92 expression, line 1 column 11: expected , or ) in the list of IN, found '6'",
        "SQL92 expression, line 1 column 11: the bounds of BETWEEN are turned round: 9 is more than 1",
        "SQL92 expression, line 1 column 7: expected BETWEEN, IN, CONTAINS, STARTSWITH or ENDSWITH after NOT, found 5",
        "SQL92 expression, line 1 column 6: expected NULL or NOT NULL after IS, found 5",
        "SQL92 expression, line 1 column 10: expected NULL after IS NOT, found 5",
        "SQL92 expression, line 1 column 5: a text has no order: compare with a number",
        "SQL92 expression, line 1 column 5: a condition has no order: compare properties and numbers",
        "SQL92 expression, line 1 column 7: a condition is needed here, and this is a value: compare it with something",
        "SQL92 expression, line 1 column 5: NULL cannot be compared: ask with IS NULL or IS NOT NULL",
        "SQL92 expression, line 1 column 1: NULL cannot be compared: ask with IS NULL or IS NOT NULL",
        "SQL92 expression, line 1 column 6: TRUE and FALSE cannot be compared with a text or number",
        "SQL92 expression, line 1 column 1: only a property can be IN a list",
        "SQL92 expression, line 1 column 7: expected ) or what continues the expression, found the end",
        "SQL92 expression, line 1 column 5: a text is not closed: end it with '",
        "SQL92 expression, line 1 column 7: a comment is not closed: end it with */",
        "SQL92 expression, line 1 column 5: 0.0 is no double: it must be between 5e-324 and 1.7976931348623157e+308",
        "SQL92 expression, line 1 column 5: 9223372036854775808 is no integer: the largest is 9223372036854775807",
        "SQL92 expression, line 1 column 5: "\\"" begins no word: a text stands between '",
        "SQL92 expression, line 1 column 5: "😀" begins no word",
        "SQL92 expression, line 1 column 12: expected a text after CONTAINS, such as 'a', found 5",
      ]
    `)
  })

  it("says where an expression goes on that RocketMQ would not read", () => {
    expect(compiled("a = 5").rest).toBeUndefined()
    expect(compiled("a = 5 -- all\n").rest).toBeUndefined()
    expect(compiled("a = 5 b = 6").rest).toBe(6)
    expect(compiled("b LIKE 'x'").rest).toBe(2)
  })

  it("bounded: what is too long, too deep or asks for too much is refused, whatever it is made of", () => {
    const deep = 100_000
    for (const [expression, reason] of [
      ["a = 1 OR ".repeat(deep) + "a = 1", "longer"],
      ["(".repeat(depthMax + 1), "deeper"],
      ["-".repeat(depthMax + 1), "deeper"],
      ["NOT ".repeat(depthMax + 1), "deeper"],
      [`a${" = 1".repeat(depthMax + 1)}`, "deeper"],
      [`a${" IS NULL".repeat(depthMax + 1)}`, "deeper"],
      [`a${" CONTAINS ''".repeat(depthMax + 1)}`, "deeper"],
      [`-(${"-(".repeat(60)}a = 1${")".repeat(60)} BETWEEN 1 AND 2) > 1 > 2`, "no order"],
      [Array.from({ length: namesMax + 1 }, (_, i) => `p${i} IS NULL`).join(" OR "), "properties"],
      [`${"'x'".repeat(5000)}`, "condition is needed"],
    ] as const)
      expect([reason, fault(expression).includes(reason)]).toEqual([reason, true])
    // As long as allowed, flat: neither reading nor testing it recurses.
    expect(test(`${"a=1 OR ".repeat(2000)}a=1`, { a: "2" })).toBe(Sql92.Truth.no)
    expect(test(`${"a=1 AND ".repeat(1900)}a=1`, { a: "1" })).toBe(Sql92.Truth.yes)
    expect(lengthMax).toBeGreaterThan(16_000)
  })

  it("once: nested comparisons cost their length, not 2 to their depth", () => {
    let reads = 0
    let expression = "a = 1"
    for (let i = 0; i < 60; i++) expression = `-(${expression}) BETWEEN 1 AND 2`
    const filter = compiled(expression)
    filter.test({ text: () => String(reads++) })
    expect(reads).toBe(1)
  })
})
