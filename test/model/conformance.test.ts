/**
 * Conformance: every vector that Apache RocketMQ 5.5.0's own functions gave (test/golden/algorithms) is answered the
 * same, or otherwise on purpose with the reason. `pnpm test:conformance` prints the counts and the reasons.
 */
import { afterAll, describe, expect, it } from "vitest"
import { byFunction, type Case, type Check, failed, files, judge } from "./conformance/Account.ts"
import { accounts } from "./conformance/accounts.ts"
import { countsOf, print, type Row } from "./conformance/report.ts"

const rows: Array<Row> = []

it("every golden file has an account", () => {
  expect(Object.keys(accounts).toSorted()).toEqual(files().toSorted())
})

describe.for(Object.entries(accounts))("%s", ([file, account]) => {
  const { absent = {}, checks } = account
  const functions = byFunction(file, account)

  it("names every function, once", () => {
    const named = [...Object.keys(checks), ...Object.keys(absent)]
    expect(named.toSorted()).toEqual([...functions.keys()].toSorted())
  })

  it.for(Object.entries(checks))("%s answers what 5.5.0 answers", ([fn, check]) => {
    const result = judge(check, functions.get(fn) ?? [])
    rows.push({ file, fn, ...result })
    expect(result.wrong).toEqual([])
    expect(result.equal).toBeGreaterThan(0)
  })

  for (const [fn, feature] of Object.entries(absent)) {
    const cases = functions.get(fn)?.length ?? 0
    rows.push({ absent: new Map([[feature, cases]]), cases, equal: 0, file, fn, onPurpose: new Map(), wrong: [] })
  }
})

it("accounts for every case", () => {
  for (const row of rows) {
    const { absent, cases, equal, onPurpose } = countsOf([row])
    expect(equal + onPurpose + absent, row.fn).toBe(cases)
  }
})

const isTwo = ({ expected }: Case): void => {
  if (expected !== 2) throw new Error("it does not hold")
}

describe("a conformance run", () => {
  const vectors = [{ expected: 1 }, { expected: 2 }, { expected: { error: "X" } }]

  const wrongOf = (check: Check): number => judge(check, vectors).wrong.length

  it("finds an answer that differs, one that was said to differ and does not, and a refusal too few or too many", () => {
    expect(wrongOf({ run: ({ expected }) => (typeof expected === "number" ? expected : failed) })).toBe(0)
    expect(wrongOf({ run: () => 1 })).toBe(2)
    expect(wrongOf({ differs: () => "on purpose", run: () => 1 })).toBe(1)
    expect(wrongOf({ run: () => failed })).toBe(2)
    expect(wrongOf({ holds: isTwo })).toBe(2)
  })

  it("counts each case once", () => {
    const check: Check = {
      holds: ({ expected }) => (expected === 1 ? undefined : expected === 2 ? "on purpose" : { absent: "a feature" }),
    }
    const row = { file: "f", fn: "g", ...judge(check, vectors) }
    expect(countsOf([row])).toEqual({ absent: 1, cases: 3, equal: 1, onPurpose: 1 })
    expect(print([row])).toContain("f g: 1 not here: a feature")
  })
})

afterAll(() => {
  if (process.env["CONFORMANCE"] === "print") console.log(print(rows))
})
