/** The real store in a simulated world does what Store.tla allows, and nothing else: P1, P2, P9 of the code itself. */
import { validateTrace } from "tla-ts-bridge"
import { describe, expect, it } from "vitest"
import { checkTimeoutMs, hasTlc, sampledOne } from "../checks.ts"
import { runStore } from "./run.ts"
import { readStoreRun, shown, type StoreEvent, traceSpec } from "./trace.ts"

const verdictOf = async (trace: ReadonlyArray<StoreEvent>): Promise<string> => {
  const run = readStoreRun(trace)
  return shown(await validateTrace(traceSpec(run), run.events))
}

const append = (commitLogOffset: number): StoreEvent => ({
  action: "Append",
  fields: { commitLogOffset, queueId: 0, queueOffset: 0, sizeBytes: 100, topic: "T" },
})

describe("a run of the store", () => {
  it("counts records where the store counts bytes, and tells a crash what it left", () => {
    const run = readStoreRun([
      append(0),
      append(100),
      // A blank fills the segment: the end of the write is the end of no record.
      { action: "Write", fields: { commitLogOffsetEnd: 256 } },
      append(256),
      { action: "Ack", fields: { commitLogOffset: 100 } },
      { action: "Crash", fields: { power: true } },
      { action: "Recover", fields: { commitLogOffsetEnd: 200, markCommitLogOffset: 100, refused: false } },
      append(200),
      { action: "Ack", fields: { commitLogOffset: 200 } },
    ])
    expect(run.records).toBe(4)
    expect(run.events.map(({ action, fields }) => [action, fields])).toEqual([
      ["Append", {}],
      ["Append", {}],
      ["Write", { n: 2 }],
      ["Append", {}],
      ["Ack", { i: 2 }],
      ["Crash", { mark: 1, n: 2, power: true }],
      ["Recover", { mark: 1, n: 2, refused: false }],
      ["Append", {}],
      ["Ack", { i: 3 }],
    ])
  })

  it("refuses an event without its field, or of a record that is not there", () => {
    expect(() => readStoreRun([{ action: "Write", fields: {} }])).toThrow(/Write has no number commitLogOffsetEnd/)
    expect(() => readStoreRun([{ action: "Ack", fields: { commitLogOffset: 7 } }])).toThrow(/no record at 7/)
  })

  const runs = [1, 2, 3].map((seed) => ({ seed, trace: runStore(seed, 5) }))

  it("has every event of the vocabulary but rot", () => {
    expect(new Set(runs.flatMap(({ trace }) => trace.map(({ action }) => action)))).toEqual(
      new Set(
        [
          ["Append", "Write", "Fsync", "FsyncFails", "Mark", "Ack", "Dispatch", "FlushQueue", "Checkpoint"],
          ["Crash", "Recover", "Reopen"],
        ].flat(),
      ),
    )
  })

  it("is the same for the same seed", () => {
    expect(runStore(1, 5)).toEqual(runs[0]?.trace)
    expect(runStore(2, 5)).not.toEqual(runs[0]?.trace)
  })

  if (!hasTlc("spec/store")) return

  it.for(sampledOne(runs))(
    "P1, P2, P9: seed $seed is a behaviour of Store.tla",
    { timeout: checkTimeoutMs },
    async ({ trace }) => {
      expect(await verdictOf(trace)).toBe("Accepted")
    },
  )

  const trace = runs[0]?.trace ?? []

  it("is refused at the answer that comes before its sync", { timeout: checkTimeoutMs }, async () => {
    const written = trace.findIndex(({ action }) => action === "Write")
    const early = trace.toSpliced(written + 1, 0, { action: "Ack", fields: trace[written - 1]?.fields ?? {} })
    expect(await verdictOf(early)).toContain(`Refused: event ${written + 1} Ack`)
  })

  it("is refused at the recovery that cuts an answered record", { timeout: checkTimeoutMs }, async () => {
    const recovered = trace.findIndex(
      ({ action, fields }) => action === "Recover" && fields["commitLogOffsetEnd"] !== 0,
    )
    const end = trace.slice(0, recovered).findLast(({ action }) => action === "Fsync")?.fields["commitLogOffsetEnd"]
    const last = trace
      .slice(0, recovered)
      .findLast(({ action, fields }) => action === "Append" && Number(fields["commitLogOffset"]) < Number(end))
    const cut = { ...trace[recovered]?.fields, commitLogOffsetEnd: last?.fields["commitLogOffset"] }
    // What comes after it would be of another run.
    expect(await verdictOf([...trace.slice(0, recovered), { action: "Recover", fields: cut }])).toContain(
      `Refused: event ${recovered} Recover`,
    )
  })
})
