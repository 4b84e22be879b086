/** The counts of a conformance run, for people. */
import type { Result } from "./Account.ts"

export interface Row extends Result {
  readonly file: string
  readonly fn: string
}

interface Counts {
  readonly cases: number
  readonly equal: number
  readonly onPurpose: number
  readonly absent: number
}

export const countsOf = (rows: ReadonlyArray<Row>): Counts => ({
  absent: sum(rows, ({ absent }) => sum([...absent.values()], (count) => count)),
  cases: sum(rows, ({ cases }) => cases),
  equal: sum(rows, ({ equal }) => equal),
  onPurpose: sum(rows, ({ onPurpose }) => sum([...onPurpose.values()], (count) => count)),
})

/** A table by file, the functions with what differs or is not there, and the sums. */
export const print = (rows: ReadonlyArray<Row>): string => {
  const byFile = Map.groupBy(rows, ({ file }) => file)
  const table = [...byFile].map(([file, ofFile]) => line(file, countsOf(ofFile)))
  const reasons = rows.flatMap(({ absent, file, fn, onPurpose }) => [
    ...[...onPurpose].map(([reason, count]) => `  ${file} ${fn}: ${count} on purpose: ${reason}`),
    ...[...absent].map(([feature, count]) => `  ${file} ${fn}: ${count} not here: ${feature}`),
  ])
  return [line("vectors", undefined), ...table, line("all", countsOf(rows)), "", ...reasons].join("\n")
}

const line = (name: string, counts: Counts | undefined): string =>
  [
    name.padEnd(18),
    ...(counts === undefined
      ? ["cases", "equal", "on purpose", "not here"]
      : [counts.cases, counts.equal, counts.onPurpose, counts.absent]
    ).map((cell) => String(cell).padStart(11)),
  ].join("")

const sum = <A>(all: ReadonlyArray<A>, of: (one: A) => number): number => all.reduce((total, one) => total + of(one), 0)
