/** Gantry's consumers do what Rebalance.tla allows, and nothing else: P3 and P8 of the code itself. */
import { printValue, type RecordedEvent, recordOf, validateTrace } from "tla-ts-bridge"
import { describe, expect, it } from "vitest"
import { runShared } from "../../test/model/client/sharedRun.ts"
import { checkTimeoutMs, documentedActions, hasTlc, isWhole } from "../checks.ts"
import { readRebalanceRun, type RebalanceRun, traceSpec } from "./trace.ts"

const shown = ({ action, fields }: RecordedEvent): string => `${action} ${printValue(recordOf(fields))}`

/** One line; a refusal names its event. */
const verdictOf = async (run: RebalanceRun, events = run.events): Promise<string> => {
  const verdict = await validateTrace(traceSpec(run), events)
  switch (verdict._tag) {
    case "Accepted":
      return "Accepted"
    case "Refused":
      return `Refused: event ${verdict.at} ${shown(verdict.event)}`
    case "Violated":
      return `Violated ${verdict.invariant}`
    case "Failed":
    case "NoTlc":
      return `${verdict._tag}: ${verdict.reason}`
  }
}

describe("a run of a group", async () => {
  const recorded = await runShared(1, true)
  const run = readRebalanceRun(recorded.trace, recorded.view)

  it("has every event of the vocabulary", () => {
    expect(new Set(run.events.map(({ action }) => action))).toEqual(
      new Set(documentedActions("rebalance/Rebalance.tla")),
    )
  })

  it("is refused when it lacks a field", () => {
    const fields = { clientId: "c", group: "workers", topic: "parts" }
    expect(() => readRebalanceRun([{ action: "Take", fields }], recorded.view)).toThrow(/Take has no number queueId/)
  })

  if (!hasTlc("spec/rebalance")) return

  // Ten seconds.
  if (isWhole)
    it("P3, P8: is a behaviour of Rebalance.tla", { timeout: checkTimeoutMs }, async () => {
      expect(await verdictOf(run)).toBe("Accepted")
    })

  const { events } = run
  const pull = events.findIndex(({ action, fields }) => action === "Pull" && Number(fields["m"]) > 1)
  const { c, m, q } = events[pull]!.fields as { readonly c: number; readonly m: number; readonly q: number }

  it.for<readonly [string, number, RecordedEvent]>([
    ["an offset passes a message in hand", pull + 1, { action: "CommitOffset", fields: { c, m, q } }],
    ["a queue is dropped that is the member's own", pull + 1, { action: "Drop", fields: { c, q } }],
  ])("is refused where %s", { timeout: checkTimeoutMs }, async ([_what, at, wrong]) => {
    expect(await verdictOf(run, [...events.slice(0, at), wrong])).toBe(`Refused: event ${at} ${shown(wrong)}`)
  })
})
