/** The table of all rounds: a column per contestant, and how many times better or worse the second is than the first. */

import type { Contestant } from "./Contestant.ts"
import { type Metric, type Section, sections, type Shape } from "./Metric.ts"
import type { Round } from "./measure.ts"

export interface Measured {
  readonly contestant: Contestant
  readonly rounds: ReadonlyArray<Round>
}

/** Blanks between columns. */
const gap = 3

export const median = (values: ReadonlyArray<number>): number | undefined => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1]
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2
}

/** Microseconds from a millisecond on are read as milliseconds. */
const scaleOf = (value: number, unit: Metric["unit"]) =>
  unit === "us" && value >= 1_000 ? ({ unit: "ms", by: 0.001 } as const) : { unit, by: 1 }

/** With as many digits as it deserves. */
const number = (value: number, unit: Metric["unit"]): string => {
  const digits = unit === "cores" || (unit === "ms" && value < 10) ? 2 : unit === "ms" && value < 100 ? 1 : 0
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** The median with its unit, and behind it the least and the greatest in the same unit when there are several. */
export const show = (values: ReadonlyArray<number>, metric: Pick<Metric, "unit">): string => {
  const middle = median(values)
  if (middle === undefined) return "-"
  const { unit, by } = scaleOf(middle, metric.unit)
  const text = number(middle * by, unit) + (unit === "/s" ? unit : ` ${unit}`)
  if (values.length === 1) return text
  return `${text} (${number(Math.min(...values) * by, unit)}..${number(Math.max(...values) * by, unit)})`
}

/** "2.10x better" when the second is better than the first by the metric, "1.30x worse" when it is worse. */
export const compare = (first: number, second: number, better: Metric["better"]): string => {
  if (better === "none" || first <= 0 || second <= 0) return ""
  const gain = better === "more" ? second / first : first / second
  return gain >= 1 ? `${gain.toFixed(2)}x better` : `${(1 / gain).toFixed(2)}x worse`
}

const valuesOf = ({ rounds }: Measured, id: string): ReadonlyArray<number> =>
  rounds.flatMap(({ figures }) => figures[id] ?? [])

interface Row {
  readonly label: string
  readonly cells: ReadonlyArray<string>
  readonly ratio: string
}

const rowOf = (all: ReadonlyArray<Measured>, id: string, metric: Metric): Row => {
  const [first, second] = all.map((measured) => median(valuesOf(measured, id)))
  return {
    label: `  ${metric.label}`,
    cells: all.map((measured) => show(valuesOf(measured, id), metric)),
    ratio: first === undefined || second === undefined ? "" : compare(first, second, metric.better),
  }
}

const heading = (label: string): Row => ({ label, cells: [], ratio: "" })

const block = (all: ReadonlyArray<Measured>, { title, metrics }: Section): ReadonlyArray<Row> => {
  const known = Object.entries(metrics).filter(([id]) => all.some((measured) => valuesOf(measured, id).length > 0))
  if (known.length === 0) return []
  return [heading(""), heading(title), ...known.map(([id, metric]) => rowOf(all, id, metric))]
}

export const table = (all: ReadonlyArray<Measured>, shape: Shape): string => {
  const titles: Row = { label: "", cells: all.map(({ contestant }) => contestant.title), ratio: "" }
  const rows = [titles, ...sections(shape).flatMap((section) => block(all, section))]
  const cellWidth = Math.max(...rows.flatMap(({ cells }) => cells.map((text) => text.length))) + gap
  const labelWidth = Math.max(...rows.filter(({ cells }) => cells.length > 0).map(({ label }) => label.length))
  const lines = rows.map(({ label, cells, ratio }) =>
    `${label.padEnd(labelWidth)}${cells.map((text) => text.padStart(cellWidth)).join("")}${" ".repeat(gap)}${ratio}`.trimEnd(),
  )
  const notes = all.flatMap(({ rounds }) => rounds.flatMap((round) => round.notes)).map((note) => `Note: ${note}.`)
  return [...lines, "", ...notes].join("\n")
}
