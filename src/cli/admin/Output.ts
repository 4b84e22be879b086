/** What a command of `gantry admin` has found: a table or a list of facts for people, and the same as JSON for programs. */
import { printTime } from "../time.ts"

export interface Output {
  readonly text: string
  readonly json: unknown
  /** Something of what was asked for did not happen: the exit code says so. */
  readonly isPartial?: boolean
}

/** A cell as JSON has it; people get it through the column. */
export type Cell =
  | string
  | number
  | boolean
  | null
  | undefined
  | ReadonlyArray<string>
  | Readonly<Record<string, string>>

export interface Column<R> {
  readonly title: string
  readonly cell: (row: R) => Cell
  /** How people read it, when that is not how JSON has it. */
  readonly print?: (value: Cell) => string
}

type Columns<R> = Readonly<Record<string, Column<R>>>

/** Lines of aligned columns; numbers stand to the right. */
export const aligned = (
  titles: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  right: ReadonlySet<number>,
): string => {
  const widths = titles.map((title, at) => Math.max(widthOf(title), ...rows.map((row) => widthOf(row[at]!))))
  const line = (cells: ReadonlyArray<string>): string =>
    cells
      .map((cell, at) => {
        const gap = " ".repeat(widths[at]! - widthOf(cell))
        return right.has(at) ? gap + cell : cell + gap
      })
      .join("  ")
      .trimEnd()
  return [titles, ...rows].map((cells) => `${line(cells)}\n`).join("")
}

/** East Asian letters take two columns. */
const widthOf = (text: string): number => {
  let width = 0
  for (const char of text)
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u.test(char) ? 2 : 1
  return width
}

const isList = (value: object): value is ReadonlyArray<string> => Array.isArray(value)

const plain = (value: Cell): string => {
  if (value === undefined || value === null || value === "") return "-"
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (typeof value !== "object") return visible(String(value))
  const items = isList(value) ? value : Object.entries(value).map(([name, text]) => `${name} ${text}`)
  return items.length === 0 ? "-" : visible(items.join(", "))
}

/** Names and messages of others reach the terminal: what would move its cursor is written as its code. */
export const visible = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)

const numeric = /^-?\d+(?:\.\d+)?%?$/

const titled = <R>(columns: Columns<R>, rows: ReadonlyArray<R>): string => {
  const list = Object.values(columns)
  const cells = rows.map((row) => list.map(({ cell, print = plain }) => print(cell(row))))
  const right = new Set<number>()
  for (const at of list.keys()) {
    const column = cells.map((line) => line[at]!)
    if (column.some((text) => numeric.test(text)) && column.every((text) => text === "-" || numeric.test(text)))
      right.add(at)
  }
  return aligned(
    list.map(({ title }) => title),
    cells,
    right,
  )
}

const objectOf = <R>(columns: Columns<R>, row: R): Readonly<Record<string, Cell>> =>
  Object.fromEntries(
    Object.entries(columns).flatMap(([key, { cell }]) => {
      const value = cell(row)
      return value === undefined ? [] : [[key, value]]
    }),
  )

interface More {
  readonly below?: { readonly name: string; readonly facts: Facts }
  /** What people read when there is no row. */
  readonly whenEmpty?: string
}

/**
 * A table; its JSON is a list of objects by the keys of the columns. With facts below it, the JSON is an object of both.
 */
export const table = <R>(
  columns: Columns<R>,
  rows: ReadonlyArray<R>,
  { below, whenEmpty = "(none)" }: More = {},
): Output => {
  const objects = rows.map((row) => objectOf(columns, row))
  const text = rows.length === 0 ? "" : titled(columns, rows)
  if (below === undefined) return { json: objects, text: text === "" ? `${whenEmpty}\n` : text }
  const facts = factLines(below.facts)
  return { json: { [below.name]: objects, ...jsonOf(below.facts) }, text: text === "" ? facts : `${text}\n${facts}` }
}

/** Facts by the name that JSON has for them: what people read, and the value. */
export type Facts = Readonly<Record<string, readonly [title: string, value: Cell, print?: (value: Cell) => string]>>

const factLines = (facts: Facts): string => {
  const rows = Object.values(facts).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...rows.map(([title]) => widthOf(title)))
  return rows
    .map(([title, value, print = plain]) => `${title}${" ".repeat(width - widthOf(title))}  ${print(value)}\n`)
    .join("")
}

const jsonOf = (facts: Facts): Readonly<Record<string, Cell>> =>
  Object.fromEntries(Object.entries(facts).flatMap(([key, [, value]]) => (value === undefined ? [] : [[key, value]])))

/** One thing, told in facts. */
export const facts = (told: Facts): Output => ({ json: jsonOf(told), text: factLines(told) })

/** Parts one below the other, each under its name, as an object in JSON. */
export const parts = (named: Readonly<Record<string, Output>>): Output => ({
  isPartial: Object.values(named).some(({ isPartial }) => isPartial === true),
  json: Object.fromEntries(Object.entries(named).map(([name, { json }]) => [name, json])),
  text: Object.values(named)
    .map(({ text }) => text)
    .join("\n"),
})

/** Local time to the millisecond; a time that is not there is a dash. */
export const time = (value: Cell): string => (typeof value === "number" && value > 0 ? printTime(value) : "-")

/** Permission bits as words. */
export const perm = (value: Cell): string => {
  if (typeof value !== "number") return "-"
  const words = [value & 4 ? "read" : "", value & 2 ? "write" : ""].filter((word) => word !== "")
  return `${value} (${words.length === 0 ? "none" : words.join(", ")})`
}

/** Rates to two places. */
export const rounded = (rate: number): number => Math.round(rate * 100) / 100
