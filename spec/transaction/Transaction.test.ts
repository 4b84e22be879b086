/** Transaction.tla: the design keeps P6 over crashes and late ends, and each seeded bug is found. */
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
  type SeededBug,
  verdict,
} from "../checks.ts"

const model: Model = { folder: new URL(".", import.meta.url), module: "MCTransaction" }
const small = "MCTransaction.cfg"
const early = "MCTransactionAsync.cfg"
const live = "MCTransactionLive.cfg"

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "CommitsForgotten", config: small, invariant: "AtMostOneReal" },
  { bug: "CopyForgotten", config: small, invariant: "AtMostOneReal" },
  { bug: "KeyNotLookedAt", config: early, invariant: "OnlyCommitted" },
  { bug: "CommitToldEarly", config: small, invariant: "ToldIsSo" },
  { bug: "RollbackToldEarly", config: small, invariant: "ToldIsSo" },
  { bug: "EndsAgain", config: small, invariant: "OneOutcome" },
  { bug: "ProgressPastHalf", config: small, invariant: "NoneForgotten" },
  { bug: "ProgressPastHalf", config: small, invariant: "TableIsFold" },
  { bug: "ProgressPastRollback", config: small, invariant: "NoneForgotten" },
  { bug: "OpOfNewest", config: small, invariant: "OpMatches" },
  { bug: "NotCounted", config: small, invariant: "BoundedCheck" },
  { bug: "NeverGivesUp", config: live, invariant: "Ends" },
]

describe("Transaction.tla", () => {
  it("names its actions as the table of trace events does", () => {
    expect(actionsOf("transaction/Transaction.tla")).toEqual(documentedActions("transaction/Transaction.tla"))
  })

  it("has a seeded bug for every invariant, and a model for every seeded bug", () => {
    const found = new Set(bugs.map(({ invariant }) => invariant))
    const all = invariantsOf(...[small, early, live].map((config) => `transaction/${config}`))
    expect(new Set(all.filter((name) => !found.has(name)))).toEqual(new Set(["TypeOK"]))
    expect(new Set(bugs.map(({ bug }) => bug))).toEqual(new Set(bugsOf("transaction/Transaction.tla")))
  })

  if (!hasTlc("spec/transaction")) return

  const models = [
    ["told of its half at once, which a crash may take,", early, 10_000, 45_000],
    ["told of its half when that is durable", small, 30_000, 90_000],
    ["that never ends anything", live, 40_000, 110_000],
  ] as const
  it.for(sampledOne(models))(
    "P6: a producer %s finds one outcome of each transaction",
    { timeout: checkTimeoutMs },
    async ([_what, config, least, most]) => {
      const result = await checkSpec({ ...model, config })
      expect(verdict(result)).toBe("Passed")
      if (result._tag !== "Passed") return
      expect(result.transitions).toBeGreaterThan(least)
      expect(result.transitions).toBeLessThan(most)
    },
  )

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
})
