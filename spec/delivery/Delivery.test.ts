/** Delivery.tla: the design keeps P1, P3, P4 and P8 from send to settlement, and each seeded bug is found. */
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

const model: Model = { folder: new URL(".", import.meta.url), module: "MCDelivery" }
const small = "MCDelivery.cfg"
const live = "MCDeliveryLive.cfg"

/** One dead message blocks another one: it takes two, and no crash. */
const twoMessages = { BrokerCrashesMax: "0", ConsumerCrashesMax: "0", Msgs: "{m1, m2}" }

const bugs: ReadonlyArray<SeededBug> = [
  { bug: "AckEarly", config: small, invariant: "NoAckedLost" },
  { bug: "PullUnflushed", config: small, invariant: "VisibleIsDurable" },
  { bug: "SettledEarly", config: small, invariant: "OffsetCovered" },
  { bug: "OffsetPastHand", config: small, invariant: "OffsetCovered" },
  { bug: "NotRedelivered", config: small, invariant: "OffsetCovered" },
  { bug: "OneTryTooMany", config: small, invariant: "RetryBounded" },
  { bug: "DeadTooEarly", config: small, invariant: "RetryBounded" },
  { bug: "TriesForgotten", config: small, invariant: "TriesCounted" },
  { bug: "OffsetMovesBack", config: live, invariant: "OffsetForward" },
  { bug: "BlockedByDead", config: live, constants: twoMessages, invariant: "Settled" },
]

describe("Delivery.tla", () => {
  it("names its actions as the table of trace events does", () => {
    expect(actionsOf("delivery/Delivery.tla")).toEqual(documentedActions("delivery/Delivery.tla"))
  })

  it("has a seeded bug for every invariant, and a model for every seeded bug", () => {
    const found = new Set(bugs.map(({ invariant }) => invariant))
    const all = invariantsOf("delivery/MCDelivery.cfg", "delivery/MCDeliveryLive.cfg")
    expect(new Set(all.filter((name) => !found.has(name)))).toEqual(new Set(["TypeOK"]))
    expect(new Set(bugs.map(({ bug }) => bug))).toEqual(new Set(bugsOf("delivery/Delivery.tla")))
  })

  if (!hasTlc("spec/delivery")) return

  it("P1, P3, P4, P8: keeps its invariants over a crash on both sides", { timeout: checkTimeoutMs }, async () => {
    const result = await checkSpec({ ...model, config: small })
    expect(verdict(result)).toBe("Passed")
    if (result._tag !== "Passed") return
    expect(result.transitions).toBeGreaterThan(40_000)
    expect(result.transitions).toBeLessThan(100_000)
  })

  // Ten seconds.
  if (isWhole)
    it("P3, P4: settles every answered message, and no offset goes back", { timeout: checkTimeoutMs }, async () => {
      const result = await checkSpec({ ...model, config: live })
      expect(verdict(result)).toBe("Passed")
      if (result._tag !== "Passed") return
      expect(result.transitions).toBeGreaterThan(70_000)
      expect(result.transitions).toBeLessThan(160_000)
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
