/**
 * One promise, held against the evidence of a run. To add one: a file here that exports a `Checker`, its name in
 * `index.ts`, and a mutant that only it finds in `../mutants.ts`.
 */
import type { Evidence } from "../Evidence.ts"

export interface Checker {
  readonly name: string
  /** As design names it: P1 to P12. */
  readonly promise: string
  /** One sentence per violation. */
  readonly check: (evidence: Evidence) => Iterable<string>
}

export interface Violation {
  readonly checker: string
  readonly promise: string
  readonly what: string
}
