/** Rebalance.tla: the design keeps P3 and P8 while members come and go, and each seeded bug is found. */
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

const model: Model = { folder: new URL(".", import.meta.url), module: "MCRebalance" }
const small = "MCRebalance.cfg"
const live = "MCRebalanceLive.cfg"
const noRestart = { RestartsMax: "0" }
/** Out of order takes two messages of one queue. */
const twoMessages = { Length: "2", QueueNums: "1", RestartsMax: "0" }

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "OwnOrder", config: small, constants: noRestart, invariant: "Agreement" },
  { bug: "ListWithoutMe", config: small, invariant: "NotForNothing" },
  { bug: "BeginsAtEnd", config: small, constants: noRestart, invariant: "NoLoss" },
  { bug: "DropTellsPulled", config: small, constants: noRestart, invariant: "NoLoss" },
  { bug: "TellsHighest", config: small, constants: twoMessages, invariant: "NoLoss" },
  { bug: "SeesOnce", config: live, invariant: "Settles" },
]

describe("Rebalance.tla", () => {
  it("names its actions as the table of trace events does", () => {
    expect(actionsOf("rebalance/Rebalance.tla")).toEqual(documentedActions("rebalance/Rebalance.tla"))
  })

  it("has a seeded bug for every invariant, and a model for every seeded bug", () => {
    const found = new Set(bugs.map(({ invariant }) => invariant))
    const all = invariantsOf("rebalance/MCRebalance.cfg", "rebalance/MCRebalanceLive.cfg")
    expect(new Set(all.filter((name) => !found.has(name)))).toEqual(new Set(["TypeOK"]))
    expect(new Set(bugs.map(({ bug }) => bug))).toEqual(new Set(bugsOf("rebalance/Rebalance.tla")))
  })

  if (!hasTlc("spec/rebalance")) return

  const models = [
    ["settles when nobody comes or goes any more", live, 8_000, 30_000],
    ["loses nothing, and shares fit together", small, 150_000, 400_000],
  ] as const
  it.for(sampledOne(models))("P3, P8: %s", { timeout: checkTimeoutMs }, async ([_what, config, least, most]) => {
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
})
