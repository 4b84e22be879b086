/**
 * One kind of thing that goes wrong. To add one: a file here that exports a `Fault`, and its name in `index.ts`. A run
 * draws which kinds it meets, when, and whom they strike.
 */
import type { SeededRandom } from "../../../../src/infra/random/SeededRandom.ts"
import type { Cluster } from "../Cluster.ts"

export interface Struck {
  /** Whom, and what was done to them: for the story. */
  readonly what: string
  /** When `end` runs, ms from now; it also runs when the load is over. */
  readonly forMs: number
  /** Makes good again; may be called when what was struck has ended meanwhile. */
  readonly end: () => void
}

export interface Fault {
  readonly name: string
  /** Strikes now; undefined when there is nothing to strike. */
  readonly strike: (cluster: Cluster, random: SeededRandom) => Struck | undefined
}

export const pick = <T>(all: ReadonlyArray<T>, random: SeededRandom): T | undefined => all[random.below(all.length)]

/** A strike that is over at once. */
export const done = (what: string): Struck => ({ end: () => {}, forMs: 0, what })
