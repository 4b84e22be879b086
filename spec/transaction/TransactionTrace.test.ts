/** A simulated broker does what Transaction.tla allows, and nothing else: P6 of the code itself. */
import { printValue, type RecordedEvent, recordOf, validateTrace } from "tla-ts-bridge"
import { describe, expect, it } from "vitest"
import { mutants } from "../../test/chaos/sim/mutants.ts"
import { runTransactions, transactionChecksMax } from "../../test/chaos/sim/recorded.ts"
import { checkTimeoutMs, documentedActions, hasTlc, isWhole, sampledOne } from "../checks.ts"
import { readTransactionRun, type TransactionRun, traceSpec } from "./trace.ts"

/** One line; a refusal names its event. */
const verdictOf = async (run: TransactionRun, events = run.events): Promise<string> => {
  const verdict = await validateTrace(traceSpec(run, transactionChecksMax), events)
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

const shown = ({ action, fields }: RecordedEvent): string => `${action} ${printValue(recordOf(fields))}`

const event = (action: string, fields: Readonly<Record<string, unknown>>) => ({ action, fields, node: "b" })

describe("a run of a broker with transactions", () => {
  const runs = [1, 2, 3, 4, 5, 6].map((seed) => {
    const { brokerName, trace } = runTransactions(seed)
    return { run: readTransactionRun(trace, brokerName), seed }
  })

  it("has every event of the vocabulary but the progress of the group", () => {
    const told = new Set(runs.flatMap(({ run }) => run.events.map(({ action }) => action)))
    const all = documentedActions("transaction/Transaction.tla").filter((action) => action !== "AdvanceHalf")
    expect(told).toEqual(new Set(all))
  })

  it("is refused when it lacks a field, or tells of what is not there", () => {
    expect(() => readTransactionRun([event("SendHalf", {})], "b")).toThrow(/SendHalf has no number commitLogOffset/)
    expect(() => readTransactionRun([event("Ask", { commitLogOffset: 7 })], "b")).toThrow(/no record was appended at 7/)
    expect(() => readTransactionRun([event("GiveUp", { commitLogOffset: 7, id: 3 })], "b")).toThrow(/which nobody sent/)
  })

  if (!hasTlc("spec/transaction")) return

  it.for(sampledOne(runs.slice(0, 3)))(
    "P6: seed $seed is a behaviour of Transaction.tla",
    { timeout: checkTimeoutMs },
    async ({ run }) => {
      expect(await verdictOf(run)).toBe("Accepted")
    },
  )

  const { run } = runs[0]!
  const { events } = run
  const indexOf = (action: string): number => events.findIndex((event) => event.action === action)
  const real = indexOf("WriteReal")
  const check = indexOf("Check")
  const answer = indexOf("Answer")

  it.for<readonly [string, number, ReadonlyArray<RecordedEvent>]>([
    ["a message is delivered twice", real + 1, events.toSpliced(real + 1, 0, events[real]!)],
    [
      "a check is not counted",
      check,
      events.with(check, { action: "Check", fields: { ...events[check]!.fields, checks: 0 } }),
    ],
    [
      "an end is answered before it is on disk",
      events.findIndex((event) => event.action === "SendHalf") + 1,
      events.toSpliced(events.findIndex((event) => event.action === "SendHalf") + 1, 0, events[answer]!),
    ],
  ])("is refused where %s", { timeout: checkTimeoutMs }, async ([_what, index, wrong]) => {
    expect(await verdictOf(run, wrong)).toBe(`Refused: event ${index} ${shown(wrong[index]!)}`)
  })

  if (isWhole)
    it("is refused when the broker forgets whose commit it is", { timeout: checkTimeoutMs }, async () => {
      const mutant = mutants.find(({ name }) => name === "forgets whose commit it is")!
      const verdicts: Array<string> = []
      // A bug need not show in every run.
      for (let seed = 1; seed <= 6 && !verdicts.some((verdict) => !verdict.startsWith("Accepted")); seed++) {
        const { brokerName, trace } = runTransactions(seed, mutant)
        verdicts.push(await verdictOf(readTransactionRun(trace, brokerName)))
      }
      expect(verdicts.at(-1)).toMatch(/^Refused: event \d+ /)
    })
})
