/**
 * Proves that a checker can find something: runs clusters with a seeded bug until the checker that the bug is there for
 * complains, and the same clusters without it, where that checker must be silent.
 */
import type { Violation } from "./checkers/Checker.ts"
import type { Mutant } from "./Mutant.ts"
import { run } from "./Run.ts"
import type { Fixed } from "./Settings.ts"

export interface Proof {
  readonly mutant: Mutant
  /** Seeds that were tried. */
  readonly seeds: number
  /** Those at which the mutant's checker found it. */
  readonly foundAt: ReadonlyArray<number>
  /** What it said first. */
  readonly sentence: string | undefined
  /** What the checker said of the same clusters without the mutant: anything here is a mistake of its own. */
  readonly falseAlarms: ReadonlyArray<string>
}

export interface ProveOptions {
  /** Default 30. */
  readonly seedsMax?: number
  /** Goes on after the first find, to tell how many seeds find it. */
  readonly isWhole?: boolean
}

/** Short runs with enough load for every checker, and no faults but those that the mutant needs. */
const settings: Fixed = { faultEveryMs: 2500, flush: "SYNC_FLUSH", loadMs: 15_000, messagesMax: 150 }
/** A mutant may keep its cluster from ever coming to rest; after a minute a lock of a dead consumer is free. */
const restMs = 70_000

export const prove = (mutant: Mutant, { isWhole = false, seedsMax = 30 }: ProveOptions = {}): Proof => {
  const fixed: Fixed = { ...settings, ...mutant.settings, faults: mutant.needs ?? [] }
  const own = (violations: ReadonlyArray<Violation>): ReadonlyArray<string> =>
    violations.filter(({ checker }) => checker === mutant.foundBy).map(({ what }) => what)
  const foundAt: Array<number> = []
  const falseAlarms: Array<string> = []
  let sentence: string | undefined
  let seed = 0
  while (seed < seedsMax && (isWhole || foundAt.length === 0)) {
    seed++
    const [first] = own(run(seed, { fixed, mutant, restMs, tailLines: 0 }).violations)
    if (first === undefined) continue
    foundAt.push(seed)
    sentence ??= first
    falseAlarms.push(...own(withoutMutant(seed, fixed)))
  }
  return { falseAlarms, foundAt, mutant, seeds: seed, sentence }
}

/** Many mutants are tried on the same clusters. */
const controls = new Map<string, ReadonlyArray<Violation>>()

const withoutMutant = (seed: number, fixed: Fixed): ReadonlyArray<Violation> => {
  const key = JSON.stringify([seed, fixed])
  const known = controls.get(key) ?? run(seed, { fixed, restMs, tailLines: 0 }).violations
  controls.set(key, known)
  return known
}

/** One line for a person. */
export const print = ({ falseAlarms, foundAt, mutant, seeds, sentence }: Proof): string => {
  const head = `${mutant.foundBy} and "${mutant.name}"`
  if (foundAt.length === 0) return `${head}: the mutant survives ${seeds} clusters`
  if (falseAlarms.length > 0) return `${head}: complains without the mutant too: ${falseAlarms[0]}`
  return `${head}: found at ${foundAt.length} of ${seeds} clusters, first at seed ${foundAt[0]}: ${sentence}`
}
