/**
 * Runs the vectors of one golden file against our functions and accounts for every case: equal, different on purpose
 * with a reason, or left to another module. What is none of these fails the test, and so does a file or function
 * without cases.
 */
import { readFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import { gunzipSync } from "node:zlib"
import { describe, expect, it } from "vitest"

/** Vectors are read as they are; each check knows the members of its own. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Case = any

/** Stands for "the call refused": equal to any recorded error. */
export const failed = Symbol("failed")

export interface Check {
  /** What we answer, in the form of `expected`; `failed` where ours refuses. */
  readonly run: (vector: Case) => unknown
  /** The reason why ours answers otherwise for this case, or undefined when it must be equal. */
  readonly differs?: (vector: Case) => string | undefined
}

export interface Account {
  readonly checks: Readonly<Record<string, Check>>
  /** Functions of the file that belong elsewhere, and where. */
  readonly left?: Readonly<Record<string, string>>
}

export const load = (file: string): ReadonlyArray<Case> =>
  JSON.parse(
    gunzipSync(readFileSync(new URL(`../../golden/algorithms/${file}.json.gz`, import.meta.url))).toString("utf8"),
  ).cases

/** Declares the tests of one file. `fnOf` names the function of a case where the file has no `fn`. */
export const account = (file: string, { checks, left = {} }: Account, fnOf = (vector: Case): string => vector.fn) => {
  const cases = load(file)
  const byFn = Map.groupBy(cases, fnOf)
  describe(`golden ${file}`, () => {
    it("leaves no function of the file unnamed", () => {
      expect(cases.length).toBeGreaterThan(0)
      expect([...byFn.keys()].toSorted()).toEqual([...Object.keys(checks), ...Object.keys(left)].toSorted())
    })
    for (const [fn, check] of Object.entries(checks)) {
      it(`${fn} answers what 5.5.0 answers`, () => runAll(file, fn, byFn.get(fn) ?? [], check))
    }
    it("accounts for every case", () => {
      const counted = Object.keys(checks).reduce((sum, fn) => sum + byFn.get(fn)!.length, 0)
      const others = Object.entries(left).map(([fn, owner]) => `${fn} ${byFn.get(fn)!.length} (${owner})`)
      console.log(`golden ${file}: ${cases.length} cases, ${counted} ours; left: ${others.join(", ") || "none"}`)
      const leftCount = Object.keys(left).reduce((sum, fn) => sum + byFn.get(fn)!.length, 0)
      expect(counted + leftCount).toBe(cases.length)
    })
  })
}

const runAll = (file: string, fn: string, vectors: ReadonlyArray<Case>, check: Check): void => {
  const wrong: Array<unknown> = []
  const reasons = new Map<string, number>()
  let equal = 0
  for (const vector of vectors) {
    const actual = check.run(vector)
    const isEqual = actual === failed ? isError(vector.expected) : isDeepStrictEqual(actual, vector.expected)
    const reason = check.differs?.(vector)
    if (isEqual && reason === undefined) equal++
    else if (!isEqual && reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    else wrong.push({ vector, actual, note: isEqual ? `is equal, but said to differ: ${reason}` : "differs" })
  }
  const listed = [...reasons].map(([reason, count]) => `\n  ${count} differ on purpose: ${reason}`).join("")
  console.log(`golden ${file} ${fn}: ${vectors.length} cases, ${equal} equal${listed}`)
  expect(wrong.slice(0, 5)).toEqual([])
  expect(equal).toBeGreaterThan(0)
}

const isError = (expected: unknown): boolean =>
  typeof expected === "object" && expected !== null && ("error" in expected || "code" in expected)
