/** The tests that every spec has: its vocabulary is documented, its models pass, and each seeded bug is found. */
import { checkSpec, type Model } from "tla-ts-bridge"
import { describe, expect, it } from "vitest"
import {
  actionsOf,
  bugsOf,
  checkTimeoutMs,
  documentedActions,
  hasTlc,
  invariantsOf,
  sampled,
  sampledOne,
  verdict,
} from "./checks.ts"

/** A bug that is in the module, switched on by its constant `Bug`, and what must find it. */
export interface SeededBug {
  readonly bug: string
  readonly invariant: string
  readonly config: string
  /** Further constants, where the configuration is too small for the bug. */
  readonly constants?: Readonly<Record<string, string>>
}

/** A design that does not do, and what it breaks. */
export interface WeakerDesign {
  readonly what: string
  readonly config: string
  readonly constants: Readonly<Record<string, string>>
  readonly invariant: string
}

export interface CheckedModel {
  /** What it shows, with the promises. */
  readonly what: string
  readonly config: string
  /** Least and most transitions: a model that became trivial, or huge, is noticed. */
  readonly transitions: readonly [least: number, most: number]
}

export interface Spec {
  /** Name of the module; its folder has the same one, small. */
  readonly name: string
  /** The first one is part of every sample. */
  readonly models: ReadonlyArray<CheckedModel>
  readonly bugs: ReadonlyArray<SeededBug>
  readonly weaker?: ReadonlyArray<WeakerDesign>
}

export const describeSpec = ({ bugs, models, name, weaker = [] }: Spec): void => {
  const folder = name.toLowerCase()
  const file = `${folder}/${name}.tla`
  const model: Model = { folder: new URL(`${folder}/`, import.meta.url), module: `MC${name}` }

  describe(`${name}.tla`, () => {
    it("names its actions as the table of trace events does", () => {
      expect(actionsOf(file)).toEqual(documentedActions(file))
    })

    it("has a seeded bug or a weaker design for every invariant, and a model for every seeded bug", () => {
      const found = new Set([...bugs, ...weaker].map(({ invariant }) => invariant))
      const all = invariantsOf(...models.map(({ config }) => `${folder}/${config}`))
      expect(new Set(all.filter((one) => !found.has(one)))).toEqual(new Set(["TypeOK"]))
      expect(new Set(bugs.map(({ bug }) => bug))).toEqual(new Set(bugsOf(file)))
    })

    if (!hasTlc(`spec/${folder}`)) return

    it.for(sampledOne(models))("$what", { timeout: checkTimeoutMs }, async ({ config, transitions: [least, most] }) => {
      const result = await checkSpec({ ...model, config })
      expect(verdict(result)).toBe("Passed")
      if (result._tag !== "Passed") return
      expect(result.transitions).toBeGreaterThan(least)
      expect(result.transitions).toBeLessThan(most)
    })

    it.for(sampled(bugs))(
      "finds $bug by $invariant",
      { timeout: checkTimeoutMs },
      async ({ bug, config, constants, invariant }) => {
        const result = await checkSpec({
          ...model,
          config,
          constants: { Bug: `"${bug}"`, ...constants },
          only: invariant,
        })
        expect(verdict(result)).toBe(`Violated ${invariant}`)
      },
    )

    it.for(sampledOne(weaker))(
      "refutes: $what",
      { timeout: checkTimeoutMs },
      async ({ config, constants, invariant }) => {
        const result = await checkSpec({ ...model, config, constants, only: invariant })
        expect(verdict(result)).toBe(`Violated ${invariant}`)
      },
    )
  })
}
