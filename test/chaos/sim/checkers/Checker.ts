/**
 * One promise, held against the evidence of a run. To add one: a file here that exports a `Checker`, its name in
 * `index.ts`, and a mutant that only it finds in `../mutants.ts`.
 */
import type { Evidence } from "../Evidence.ts"

export interface Checker {
  readonly name: string
  /**
   * It holds what a broker has against its own log, so that it has a say also of brokers that were allowed to lose
   * something (ASYNC_FLUSH): see `loss.ts`. The others are not shown those.
   */
  readonly isOfLog?: true
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
