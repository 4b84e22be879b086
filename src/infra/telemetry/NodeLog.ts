import type { Log, LogLevel } from "./Log.ts"

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

const colours: Readonly<Record<LogLevel, string>> = { debug: "90", error: "31", info: "36", warn: "33" }

export interface NodeLogOptions {
  /** Lines below this level are dropped; default "info". */
  readonly level?: LogLevel
  /** Fields that stand in every line, such as the node's name. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** Where lines go, each with its line feed; default: standard error, so that a command's output stays its own. */
  readonly write?: (line: string) => void
  /** Whether a person reads it; default: whether standard error is a terminal. */
  readonly pretty?: boolean
}

/** Log lines: for a person on a terminal, one JSON object a line elsewhere. */
export const makeNodeLog = (options: NodeLogOptions = {}): Log => {
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  const format = (options.pretty ?? process.stderr.isTTY) ? prettyLine : jsonLine
  const rankMin = ranks[options.level ?? "info"]
  const at =
    (level: LogLevel): Log["info"] =>
    (message, fields) => {
      if (ranks[level] >= rankMin) write(format(new Date(), level, message, { ...options.fields, ...fields }))
    }
  return { debug: at("debug"), error: at("error"), info: at("info"), warn: at("warn") }
}

type Fields = Readonly<Record<string, unknown>>

const jsonLine = (time: Date, level: LogLevel, message: string, fields: Fields): string => {
  const line: Record<string, unknown> = { time: time.toISOString(), level, message }
  // A field must not be able to pose as the line's own time, level or message.
  for (const [name, value] of Object.entries(fields)) line[name in line ? `field.${name}` : name] = value
  return `${JSON.stringify(line, replacer)}\n`
}

const prettyLine = (time: Date, level: LogLevel, message: string, fields: Fields): string => {
  const clock = time.toTimeString().slice(0, 8)
  let line = `\x1b[90m${clock}\x1b[0m \x1b[${colours[level]}m${level.padEnd(5)}\x1b[0m ${printable(message)}`
  for (const [name, value] of Object.entries(fields)) {
    const shown = plain(value)
    const text = typeof shown === "string" ? shown : JSON.stringify(shown, replacer)
    line += ` \x1b[90m${name}=\x1b[0m${printable(text ?? "undefined")}`
  }
  return `${line}\n`
}

/** Errors as text, big integers as digits: JSON knows neither. */
const plain = (value: unknown): unknown => {
  if (value instanceof Error) return value.stack ?? String(value)
  return typeof value === "bigint" ? value.toString() : value
}

const replacer = (_name: string, value: unknown): unknown => plain(value)

/**
 * Names and texts come from clients: what would move a terminal's cursor is written as its code, and a further line
 * is indented, so that it cannot pose as a line of the log.
 */
const printable = (text: string): string => {
  let safe = ""
  for (const char of text) {
    const code = char.charCodeAt(0)
    if (char === "\n") safe += "\n  "
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) safe += `\\u${code.toString(16).padStart(4, "0")}`
    else safe += char
  }
  return safe
}
