/**
 * The crash-state campaign: the power is cut at every write, sync and change of names of a scripted load, with several
 * choices of what survives each cut, and again at every such place of the recovery that follows. Each state must be one
 * that keeps the store's promises (P1, P2, P9): see `store/check.ts`.
 *
 * Everything is drawn from the seed: the same options find the same states. A failure names the seed of its script, the
 * boundaries and the survivors, which is enough to make it again with `replay`.
 */
import type { DiskCall } from "../../src/infra/disk/DiskFaults.ts"
import type { SimDisk } from "../../src/infra/disk/SimDisk.ts"
import { keepAll, keepNone, keepSome } from "../../src/infra/disk/survival.ts"
import type { Choose } from "../../src/infra/disk/Volume.ts"
import { SeededRandom } from "../../src/infra/random/SeededRandom.ts"
import type { RigOptions } from "../model/store/StoreRig.ts"
import { Broken, check } from "./store/check.ts"
import { Script, optionsOf } from "./store/Script.ts"

export interface CampaignOptions {
  /** Seed of the first script; the next ones count on. Default 1. */
  readonly seed?: number
  /** Stops when so many states were checked. Default 20,000. */
  readonly statesMax?: number
  /** Stops when `isOver` says so; asked before each script and now and then within. */
  readonly isOver?: () => boolean
  /** Steps of a script; about ten boundaries each. Default 60. */
  readonly steps?: number
  /** Of the boundaries of a script, every so-manieth is cut at. Default 1: all. */
  readonly every?: number
  /** Which calls are boundaries to cut at. Default: all. */
  readonly cutsAt?: (call: DiskCall) => boolean
  /** Of the states, every so-manieth is cut again at each boundary of its recovery. Default 100. */
  readonly nestedEvery?: number
  /** Random survivors of each cut, besides none and all. Default 2. */
  readonly randomSurvivors?: number
  /** Stops at the first failure. Default false. */
  readonly isFirstEnough?: boolean
  /** Told now and then, with the counts so far. */
  readonly onProgress?: (report: Report) => void
  /** A seeded bug: what it puts between the store and its disk. */
  readonly rig?: Partial<RigOptions>
}

export interface Failure {
  /** What to hand to `replay`. */
  readonly place: Place
  readonly sentence: string
}

/** One crash state. */
export interface Place {
  readonly seed: number
  /** Boundary of the script, from 1, and the call that it stood before. */
  readonly boundary: number
  readonly call: string
  readonly survivor: number
  /** The same of the recovery, when it was cut again. */
  readonly nested?: { readonly boundary: number; readonly survivor: number }
}

export interface Report {
  readonly scripts: number
  readonly boundaries: number
  readonly states: number
  readonly nestedStates: number
  readonly failures: ReadonlyArray<Failure>
}

/** Checks crash states until one of the bounds is reached. */
export const campaign = (options: CampaignOptions = {}): Report => new Campaign(options).run()

/** Makes one crash state again and checks it; throws what is wrong with it. */
export const replay = (place: Place, options: CampaignOptions = {}): void => {
  const report = new Campaign(
    { ...options, isFirstEnough: true, seed: place.seed, statesMax: Number.MAX_SAFE_INTEGER },
    place,
  ).run()
  const [failure] = report.failures
  if (failure !== undefined) throw new Broken(failure.sentence)
}

/** Thrown through the script when the campaign is over. */
class Over extends Error {}

class Campaign {
  readonly #options: Required<Omit<CampaignOptions, "cutsAt" | "onProgress" | "rig" | "isOver">> & CampaignOptions
  readonly #only: Place | undefined
  readonly #failures: Array<Failure> = []
  #scripts = 0
  #boundaries = 0
  #states = 0
  #nestedStates = 0

  constructor(options: CampaignOptions, only?: Place) {
    this.#options = {
      every: 1,
      isFirstEnough: false,
      nestedEvery: 100,
      randomSurvivors: 2,
      seed: 1,
      statesMax: 20_000,
      steps: 60,
      ...options,
    }
    this.#only = only
  }

  run(): Report {
    try {
      for (let seed = this.#options.seed; !this.#isOver(); seed++) {
        this.#script(seed)
        if (this.#only !== undefined) break
      }
    } catch (error) {
      if (!(error instanceof Over)) throw error
    }
    return this.#report()
  }

  #report(): Report {
    return {
      boundaries: this.#boundaries,
      failures: this.#failures,
      nestedStates: this.#nestedStates,
      scripts: this.#scripts,
      states: this.#states,
    }
  }

  #isOver(): boolean {
    const { isFirstEnough, isOver, statesMax } = this.#options
    return this.#states >= statesMax || isOver?.() === true || (isFirstEnough && this.#failures.length > 0)
  }

  #script(seed: number): void {
    this.#scripts++
    let boundary = 0
    const script: Script = new Script(seed, this.#options.rig ?? {}, (_n, call) => {
      boundary++
      if (boundary % this.#options.every !== seed % this.#options.every) return
      if (this.#options.cutsAt?.(call) === false) return
      this.#cut(script, { boundary, call: shown(call), seed })
    })
    script.run(this.#options.steps)
  }

  /** The power goes now, and what is left is checked; the script itself goes on. */
  #cut(script: Script, at: Pick<Place, "boundary" | "call" | "seed">): void {
    this.#boundaries++
    if (this.#boundaries % 50 === 0) this.#options.onProgress?.(this.#report())
    for (let survivor = 0; survivor < 2 + this.#options.randomSurvivors; survivor++) {
      if (this.#isOver()) throw new Over()
      const place: Place = { ...at, survivor }
      if (this.#only !== undefined && !isSame(this.#only, place)) continue
      this.#state(script.disk.survivor(choose(survivor, seedOf(place))), script, place)
    }
  }

  #state(state: SimDisk, script: Script, place: Place): void {
    const isNested =
      this.#only === undefined ? this.#states % this.#options.nestedEvery === 0 : this.#only.nested !== undefined
    this.#states++
    const nested: Array<{ readonly place: Place; readonly state: SimDisk }> = []
    let boundary = 0
    const { promised } = script
    const left = this.#attempt(place, () =>
      check(state, promised, {
        ...this.#options.rig,
        options: optionsOf(place.seed),
        onRecoveryBoundary: (disk) => {
          boundary++
          if (!isNested) return
          for (let survivor = 0; survivor < 3; survivor++) {
            const inner = { ...place, nested: { boundary, survivor } }
            nested.push({ place: inner, state: disk.survivor(choose(survivor, seedOf(inner))) })
          }
        },
        seed: seedOf(place),
      }),
    )
    for (const { place: inner, state: again } of nested) {
      if (this.#only !== undefined && JSON.stringify(this.#only.nested) !== JSON.stringify(inner.nested)) continue
      this.#states++
      this.#nestedStates++
      const leftAgain = this.#attempt(inner, () =>
        check(again, promised, { ...this.#options.rig, options: optionsOf(place.seed), seed: seedOf(inner) }),
      )
      if (left !== undefined && leftAgain !== undefined && left !== leftAgain)
        this.#fail(inner, `recovery is not idempotent: it left ${left} records, and ${leftAgain} after it was cut`)
    }
  }

  #attempt(place: Place, run: () => number): number | undefined {
    try {
      return run()
    } catch (error) {
      if (error instanceof Broken) this.#fail(place, error.message)
      else this.#fail(place, `it throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
      return undefined
    }
  }

  #fail(place: Place, sentence: string): void {
    this.#failures.push({ place, sentence })
  }
}

const shown = ({ operation, path }: DiskCall): string => `${operation} ${path}`

const choose = (survivor: number, seed: number): Choose =>
  survivor === 0 ? keepNone : survivor === 1 ? keepAll : keepSome(new SeededRandom(seed))

const seedOf = ({ boundary, nested, seed, survivor }: Place): number =>
  seed * 1_000_003 +
  boundary * 101 +
  survivor +
  (nested === undefined ? 0 : 7919 * (nested.boundary * 10 + nested.survivor + 1))

const isSame = (a: Place, b: Place): boolean =>
  a.seed === b.seed && a.boundary === b.boundary && a.survivor === b.survivor

/** One line for a person. */
export const print = ({ boundaries, failures, nestedStates, scripts, states }: Report): string =>
  `${states} crash states (${nestedStates} cut again in recovery) at ${boundaries} boundaries of ${scripts} scripts: ` +
  (failures.length === 0 ? "all kept their promises" : `${failures.length} broken`)
