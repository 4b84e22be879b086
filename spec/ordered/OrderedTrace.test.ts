/** Gantry's ordered consumers do what Ordered.tla allows, and nothing else: P5 and P8 of the code itself. */
import { printValue, type RecordedEvent, recordOf, validateTrace } from "tla-ts-bridge"
import { describe, expect, it } from "vitest"
import { checkTimeoutMs, documentedActions, hasTlc, sampledOne } from "../checks.ts"
import { runOrdered, type Trouble } from "../../test/model/client/orderedRun.ts"
import { type OrderedRun, readOrderedRun, traceSpec } from "./trace.ts"

const shown = ({ action, fields }: RecordedEvent): string => `${action} ${printValue(recordOf(fields))}`

/** One line; a refusal names its event. */
const verdictOf = async (run: OrderedRun, events = run.events): Promise<string> => {
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

const plans: ReadonlyArray<readonly [number, ReadonlyArray<Trouble>]> = [
  [1, ["fails", "leaves", "dies"]],
  [2, ["sleeps", "restart"]],
]

describe("a run of ordered consumers", async () => {
  const runs: Array<OrderedRun> = []
  for (const [seed, troubles] of plans) {
    const { trace, view } = await runOrdered(seed, troubles)
    runs.push(readOrderedRun(trace, view))
  }

  it("has every event of the vocabulary", () => {
    expect(new Set(runs.flatMap(({ events }) => events.map(({ action }) => action)))).toEqual(
      new Set(documentedActions("ordered/Ordered.tla")),
    )
  })

  it("is refused when it lacks a field", () => {
    const view = { group: "g", last: 1, queueId: 0, topic: "t" }
    const of = { clientId: "c", group: "g", queueId: 0, topic: "t" }
    expect(() => readOrderedRun([{ action: "Lock", atMs: 0, fields: of }], view)).toThrow(/Lock has no number grant/)
  })

  if (!hasTlc("spec/ordered")) return

  // The first one takes twenty seconds.
  const planned = runs.map((run, index) => [plans[index]!, run] as const)
  it.for(sampledOne(planned.toReversed()))(
    "P5, P8: %s is a behaviour of Ordered.tla",
    { timeout: checkTimeoutMs },
    async ([, run]) => {
      expect(await verdictOf(run)).toBe("Accepted")
    },
  )

  const [run] = runs as [OrderedRun]
  const { events } = run
  /** A message that is started, not the first of the run, and the member that starts it. */
  const start = events.findIndex(({ action, fields }) => action === "Start" && Number(fields["m"]) > 2)
  const { c, m } = events[start]!.fields as { readonly c: string; readonly m: number }
  const other = run.clients.find((name) => name !== c)!

  it.for<readonly [string, number, RecordedEvent]>([
    ["a progress passes the message in hand", start + 1, { action: "Commit", fields: { c, m } }],
    ["the next message is started before it was settled", start + 1, { action: "Start", fields: { c, m: m + 1 } }],
    ["the lock is granted twice", start, { action: "Lock", fields: { c: other, grant: 2 } }],
  ])("is refused where %s", { timeout: checkTimeoutMs }, async ([_what, at, wrong]) => {
    // What comes after does not matter, and takes its time.
    const bad = [...events.slice(0, at), wrong]
    expect(await verdictOf(run, bad)).toBe(`Refused: event ${at} ${shown(wrong)}`)
  })
})
