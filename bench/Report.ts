/** The table of all rounds: a column per contestant, and how many times better or worse the second is than the first. */

import type { Contestant } from "./Contestant.ts"
import { type Metric, type Section, sections, type Shape } from "./Metric.ts"
import type { Round } from "./measure.ts"

export interface Measured {
  readonly contestant: Contestant
  readonly rounds: ReadonlyArray<Round>
}

const labelWidth = 38
const columnWidth = 30

export const median = (values: ReadonlyArray<number>): number | undefined => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1]
  return upper === undefined || lower === undefined ? undefined : (upper + lower) / 2
}

/** A figure with as many digits as it deserves; microseconds from a millisecond on as milliseconds. */
export const show = (value: number, unit: Metric["unit"]): string => {
  if (unit === "us" && value >= 1_000) return show(value / 1_000, "ms")
  const digits = unit === "cores" || (unit === "ms" && value < 10) ? 2 : unit === "ms" && value < 100 ? 1 : 0
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return unit === "/s" ? `${text}/s` : `${text} ${unit}`
}

/** "2.10x better" when the second is better than the first by the metric, "1.30x worse" when it is worse. */
export const compare = (first: number, second: number, better: Metric["better"]): string => {
  if (better === "none" || first <= 0 || second <= 0) return ""
  const gain = better === "more" ? second / first : first / second
  return gain >= 1 ? `${gain.toFixed(2)}x better` : `${(1 / gain).toFixed(2)}x worse`
}

const valuesOf = ({ rounds }: Measured, id: string): ReadonlyArray<number> =>
  rounds.flatMap(({ figures }) => figures[id] ?? [])

const cell = (measured: Measured, id: string, { unit }: Metric): string => {
  const values = valuesOf(measured, id)
  const middle = median(values)
  if (middle === undefined) return "-"
  if (values.length === 1) return show(middle, unit)
  return `${show(middle, unit)} (${show(Math.min(...values), unit)}..${show(Math.max(...values), unit)})`
}

const row = (all: ReadonlyArray<Measured>, id: string, metric: Metric): string => {
  const cells = all.map((measured) => cell(measured, id, metric))
  const [first, second] = all.map((measured) => median(valuesOf(measured, id)))
  const ratio = first === undefined || second === undefined ? "" : compare(first, second, metric.better)
  return [`  ${metric.label}`.padEnd(labelWidth), ...cells.map((text) => text.padStart(columnWidth)), `  ${ratio}`]
    .join("")
    .trimEnd()
}

const block = (all: ReadonlyArray<Measured>, { title, metrics }: Section): ReadonlyArray<string> => {
  const known = Object.entries(metrics).filter(([id]) => all.some((measured) => valuesOf(measured, id).length > 0))
  return known.length === 0 ? [] : [title, ...known.map(([id, metric]) => row(all, id, metric)), ""]
}

export const table = (all: ReadonlyArray<Measured>, shape: Shape): string => {
  const titles = all.map(({ contestant }) => contestant.title.padStart(columnWidth))
  const notes = all.flatMap(({ rounds }) => rounds.flatMap((round) => round.notes))
  return [
    `${"".padEnd(labelWidth)}${titles.join("")}`,
    "",
    ...sections(shape).flatMap((section) => block(all, section)),
    ...notes.map((note) => `Note: ${note}.`),
  ].join("\n")
}
