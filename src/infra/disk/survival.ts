/** Ways to choose what survives a power cut (see Volume.ts). */
import type { SeededRandom } from "../random/SeededRandom.ts"
import type { Choose } from "./Volume.ts"

/** The kindest cut: everything that was written, synced or not. */
export const keepAll: Choose = (_subject, options) => options - 1

/** The harshest cut that is not torn: nothing but what was synced. */
export const keepNone: Choose = () => 0

/**
 * A cut drawn from the seed. Each file gets a temper of its own (mostly kept, mostly lost, mixed), and neighbouring
 * sectors mostly share their fate, as a disk writes them in runs: independent coins would almost never leave a long
 * write whole or cut it in one place.
 */
export const keepSome = (random: SeededRandom): Choose => {
  const tempers = new Map<string, number>()
  let temper = 0
  let last = 0
  let lastSubject: string | undefined
  return (subject, options) => {
    const other = subject !== lastSubject
    if (other) {
      temper = tempers.get(subject) ?? (random.chance(0.5) ? random.below(2) : random.fraction())
      tempers.set(subject, temper)
      lastSubject = subject
    }
    if (other || random.chance(0.25)) {
      // 0 keeps the oldest state, 1 the newest; in between any version may be left.
      const kept = random.chance(temper)
      last = random.chance(0.8) ? Number(kept) : random.fraction()
    }
    return Math.min(options - 1, Math.floor(last * options))
  }
}
