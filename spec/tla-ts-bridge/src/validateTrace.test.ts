import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { findTlc } from "./Tlc.ts"
import { readTrace, type RecordedEvent, traceModule, type TraceSpec, validateTrace } from "./validateTrace.ts"
import { seqOf, setOf } from "./Value.ts"

const cache = mkdtempSync(join(tmpdir(), "tla-ts-bridge-"))
afterAll(() => rmSync(cache, { force: true, recursive: true }))

const timeout = 300_000

const spec: TraceSpec = {
  constants: { Mode: '"again"' },
  folder: new URL("../golden/", import.meta.url),
  invariants: [],
  module: "CounterTrace",
  variables: ["count", "log"],
}

const up = (to: number): RecordedEvent => ({ action: "Up", fields: { to } })
const events = [up(1), up(2), up(3), up(2)]

const report = (position: number, count: number): string =>
  JSON.stringify(`<<${position}, [count |-> ${count}, log |-> <<>>]>>`)

describe("validateTrace", () => {
  it("writes the events as one constant", () => {
    const event = { action: "Up", fields: { name: 'q"x', seen: setOf([1, 2]) } }
    const text = traceModule(spec, [up(1), event])
    expect(text).toContain(
      'Events == <<[action |-> "Up", to |-> 1],\n  [action |-> "Up", name |-> "q\\"x", seen |-> {1, 2}]>>',
    )
    expect(text).toContain("Last == 2\n")
    expect(text).toContain("EXTENDS CounterTrace, TLC\n")
  })

  it("accepts a run of which the last event was passed, whatever else was tried", () => {
    const printed = [report(1, 0), report(2, 1), report(2, 7), report(5, 2)].join("\n")
    expect(readTrace("", printed, events)).toEqual({ _tag: "Accepted", events: 4 })
  })

  it("names the first event that no state can take, with all states before it", () => {
    const printed = [report(1, 0), report(2, 1), report(2, 7), ""].join("\n")
    expect(readTrace("", printed, events)).toEqual({
      _tag: "Refused",
      at: 1,
      event: up(2),
      states: [
        { count: 1, log: seqOf([]) },
        { count: 7, log: seqOf([]) },
      ],
    })
  })

  it("fails when TLC did not start on the events, or broke on the way", () => {
    expect(readTrace("", "", events)).toMatchObject({ _tag: "Failed" })
    const broken = readFileSync(new URL("../golden/evaluation.txt", import.meta.url), "utf8")
    expect(readTrace(broken, report(1, 0), events)).toMatchObject({ _tag: "Failed", reason: /apply Head/ })
  })

  const tlc = findTlc()
  if (tlc._tag === "NoTlc") {
    console.log(`TLC was not found, no trace is validated: ${tlc.reason}`)
    return
  }

  it("accepts a run with a step that nobody reports", { timeout }, async () => {
    expect(await validateTrace(spec, events, { cache, tlc })).toEqual({ _tag: "Accepted", events: 4 })
  })

  it("refuses a run that the spec does not have, at the event", { timeout }, async () => {
    expect(await validateTrace(spec, [up(1), up(3), up(2)], { cache, tlc })).toMatchObject({
      _tag: "Refused",
      at: 1,
      event: up(3),
      states: [{ count: 1 }],
    })
  })

  it("names the invariant that a run of the spec breaks", { timeout }, async () => {
    expect(await validateTrace({ ...spec, invariants: ["Small"] }, events, { cache, tlc })).toMatchObject({
      _tag: "Violated",
      invariant: "Small",
    })
  })
})
