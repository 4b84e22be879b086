/**
 * Runs the vectors of one golden file against our functions and accounts for every case: equal, different on purpose with
 * a reason, or of a feature that is not there, by its name. What is none of these is wrong.
 */
import { readFileSync, readdirSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import { gunzipSync } from "node:zlib"

/** Vectors are read as they are; each check knows the members of its own. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Case = any

/** Stands for "the call refused": equal to any recorded error. */
export const failed = Symbol("failed")

/** A function that answers what is recorded. */
export interface Answers {
  /** What we answer, in the form of `expected`; `failed` where ours refuses. */
  readonly run: (vector: Case) => unknown
  /** The reason why ours answers otherwise for this case, or undefined when it must be equal. */
  readonly differs?: (vector: Case) => string | undefined
}

/** A case of a feature that is not there. */
export interface Absent {
  readonly absent: string
}

/** What cannot be told by one answer: throws unless it holds. Its answer is the reason why the case differs on purpose. */
export interface Holds {
  readonly holds: (vector: Case) => string | Absent | undefined | void
}

export type Check = Answers | Holds

export interface Account {
  readonly checks: Readonly<Record<string, Check>>
  /** Functions of the file that belong to features which are not there, and to which. */
  readonly absent?: Readonly<Record<string, string>>
  /** Names the function of a case where the file has no `fn`. */
  readonly fnOf?: (vector: Case) => string
}

/** What became of the cases of one function. */
export interface Result {
  readonly cases: number
  readonly equal: number
  /** Cases that differ on purpose, by reason. */
  readonly onPurpose: ReadonlyMap<string, number>
  /** Cases of features that are not there, by feature. */
  readonly absent: ReadonlyMap<string, number>
  /** Cases that are none of these; a few of them, with what is wrong. */
  readonly wrong: ReadonlyArray<unknown>
}

const folder = new URL("../../golden/algorithms/", import.meta.url)
const suffix = ".json.gz"

/** The golden files, by their names without endings. */
export const files = (): ReadonlyArray<string> =>
  readdirSync(folder).flatMap((file) => (file.endsWith(suffix) ? [file.slice(0, -suffix.length)] : []))

export const load = (file: string): ReadonlyArray<Case> =>
  JSON.parse(gunzipSync(readFileSync(new URL(`${file}${suffix}`, folder))).toString("utf8")).cases

/** The cases of a file by the names of their functions. */
export const byFunction = (
  file: string,
  { fnOf = ({ fn }) => fn }: Account,
): ReadonlyMap<string, ReadonlyArray<Case>> => Map.groupBy(load(file), fnOf)

export const judge = (check: Check, vectors: ReadonlyArray<Case>): Result => {
  const wrong: Array<unknown> = []
  const onPurpose = new Map<string, number>()
  const absent = new Map<string, number>()
  let equal = 0
  for (const vector of vectors) {
    const verdict = "run" in check ? answered(check, vector) : held(check, vector)
    if (verdict === undefined) equal++
    else if (typeof verdict === "string") count(onPurpose, verdict)
    else if ("absent" in verdict) count(absent, verdict.absent)
    else if (wrong.length < 5) wrong.push(verdict)
  }
  return { absent, cases: vectors.length, equal, onPurpose, wrong }
}

const count = (counts: Map<string, number>, why: string): void => void counts.set(why, (counts.get(why) ?? 0) + 1)

/** Undefined for equal, the reason for different on purpose, the feature that is absent, else what is wrong. */
type Verdict = undefined | string | Absent | { readonly vector: Case; readonly note: unknown }

const answered = ({ differs, run }: Answers, vector: Case): Verdict => {
  const actual = run(vector)
  const isEqual = actual === failed ? isError(vector.expected) : isDeepStrictEqual(actual, vector.expected)
  const reason = differs?.(vector)
  if (isEqual) return reason === undefined ? undefined : { note: `is equal, but said to differ: ${reason}`, vector }
  return reason ?? { note: { actual: actual === failed ? "refused" : actual }, vector }
}

const held = ({ holds }: Holds, vector: Case): Verdict => {
  try {
    return holds(vector) ?? undefined
  } catch (error) {
    return { note: error, vector }
  }
}

const isError = (expected: unknown): boolean =>
  typeof expected === "object" && expected !== null && ("error" in expected || "code" in expected)
