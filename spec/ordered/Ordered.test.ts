/** Ordered.tla: the design keeps P5 and P8 while members sleep, crash and change, and each seeded bug is found. */
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

const model: Model = { folder: new URL(".", import.meta.url), module: "MCOrdered" }
const ours = "MCOrdered.cfg"
const wire = "MCOrderedWire.cfg"
const live = "MCOrderedLive.cfg"
const noRestart = { RestartsMax: "0" }
const thirdGrant = { GrantsMax: "3", RestartsMax: "0" }

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "LeaseFromAnswer", config: ours, constants: noRestart, invariant: "OneStarter" },
  { bug: "UnlocksInWork", config: ours, constants: noRestart, invariant: "NotOvertaken" },
  { bug: "GrantsAtOnce", config: ours, constants: { TroublesMax: "2" }, invariant: "OneStarter" },
  { bug: "StartsWithoutLock", config: ours, constants: noRestart, invariant: "NotOvertaken" },
  { bug: "BeginsAtEnd", config: ours, constants: noRestart, invariant: "InOrder" },
  { bug: "SkipsFailed", config: ours, constants: noRestart, invariant: "InOrder" },
  { bug: "ToldTooEarly", config: ours, constants: noRestart, invariant: "Covered" },
  { bug: "OrderForgotten", config: wire, constants: { TroublesMax: "2" }, invariant: "Forward" },
  { bug: "LeaseNeverEnds", config: live, invariant: "Freed" },
]

/** Designs that do not do, by what they break. */
const weaker: ReadonlyArray<readonly [what: string, config: string, constants: Record<string, string>, string]> = [
  ["who holds the lock may commit, wherever that points", wire, { ...thirdGrant, Fence: '"owner"' }, "Forward"],
  ["members do not name their grant", ours, { ...noRestart, Fence: '"holder"' }, "ByGrant"],
  ["a member believes in its lock for longer than the lease", ours, { ...noRestart, ClientLease: "3" }, "OneStarter"],
]

describe("Ordered.tla", () => {
  it("names its actions as the table of trace events does", () => {
    expect(actionsOf("ordered/Ordered.tla")).toEqual(documentedActions("ordered/Ordered.tla"))
  })

  it("has a seeded bug or a weaker design for every invariant, and a model for every seeded bug", () => {
    const found = new Set([...bugs.map(({ invariant }) => invariant), ...weaker.map(([, , , invariant]) => invariant)])
    const all = invariantsOf("ordered/MCOrdered.cfg", "ordered/MCOrderedWire.cfg", "ordered/MCOrderedLive.cfg")
    expect(new Set(all.filter((name) => !found.has(name)))).toEqual(new Set(["TypeOK"]))
    expect(new Set(bugs.map(({ bug }) => bug))).toEqual(new Set(bugsOf("ordered/Ordered.tla")))
  })

  if (!hasTlc("spec/ordered")) return

  const models = [
    ["members that name their grant", ours, 60_000, 150_000],
    ["members that only hold the lock", wire, 50_000, 120_000],
    ["members, also in the long run,", live, 15_000, 60_000],
  ] as const
  it.for(sampledOne(models))(
    "P5, P8: %s keep the invariants over pauses, a rebalance and a restart",
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

  it.for(sampledOne(weaker))(
    "refutes: %s",
    { timeout: checkTimeoutMs },
    async ([_what, config, constants, invariant]) => {
      const result = await checkSpec({ ...model, config, constants, only: invariant })
      expect(verdict(result)).toBe(`Violated ${invariant}`)
    },
  )
})
