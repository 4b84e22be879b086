/** Store.tla: the design keeps P1, P2 and P9 over crashes, failed syncs and rot, and each seeded bug is found. */
import { checkSpec, type Model } from "tla-ts-bridge"
import { describe, expect, it } from "vitest"
import {
  actionsOf,
  bugsOf,
  checkTimeoutMs,
  documentedActions,
  hasTlc,
  invariantsOf,
  isWhole,
  sampled,
  type SeededBug,
  verdict,
} from "../checks.ts"

const model: Model = { folder: new URL(".", import.meta.url), module: "MCStore" }
const small = "MCStore.cfg"
const live = "MCStoreLive.cfg"

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "AckEarly", config: small, invariant: "AckedDurable" },
  { bug: "FsyncRetried", config: small, invariant: "AckedDurable" },
  { bug: "TailZeroedFirst", config: small, invariant: "AckedDurable" },
  { bug: "DispatchUnflushed", config: small, invariant: "DispatchedDurable" },
  { bug: "PageCacheTrusted", config: small, invariant: "DispatchedDurable" },
  { bug: "CutBelowMark", config: small, invariant: "RotRefused" },
  { bug: "MarkAhead", config: small, invariant: "MarkBehind" },
  { bug: "NoTruncateAfterRecovery", config: small, invariant: "Prefix" },
  { bug: "NoTruncateAfterRecovery", config: small, invariant: "Dense" },
  { bug: "AppendBeforeSync", config: small, invariant: "Prefix" },
  { bug: "AppendBeforeSync", config: small, invariant: "Idempotent" },
  { bug: "CheckpointAhead", config: small, invariant: "CheckpointBehind" },
  { bug: "QueueNotRebuilt", config: small, invariant: "QueueIsFold" },
  { bug: "LastOfBatchOnly", config: live, invariant: "Answered" },
  { bug: "NeverReopened", config: live, invariant: "Returns" },
]

describe("Store.tla", () => {
  it("names its actions as the table of trace events does", () => {
    expect(actionsOf("store/Store.tla")).toEqual(documentedActions("store/Store.tla"))
  })

  it("has a seeded bug for every invariant, and a model for every seeded bug", () => {
    const found = new Set(bugs.map(({ invariant }) => invariant))
    const all = invariantsOf("store/MCStore.cfg", "store/MCStoreLive.cfg")
    expect(new Set(all.filter((name) => !found.has(name)))).toEqual(new Set(["TypeOK"]))
    expect(new Set(bugs.map(({ bug }) => bug))).toEqual(new Set(bugsOf("store/Store.tla")))
  })

  if (!hasTlc("spec/store")) return

  // Half a minute.
  if (isWhole)
    it(
      "P1, P2, P9: keeps its invariants over two crashes and one rotten record",
      { timeout: checkTimeoutMs },
      async () => {
        const result = await checkSpec({ ...model, config: small })
        expect(verdict(result)).toBe("Passed")
        if (result._tag !== "Passed") return
        expect(result.transitions).toBeGreaterThan(20_000)
        expect(result.transitions).toBeLessThan(50_000)
      },
    )

  it("P1: answers every put that it does not fail, and comes up again", { timeout: checkTimeoutMs }, async () => {
    expect(verdict(await checkSpec({ ...model, config: live }))).toBe("Passed")
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
