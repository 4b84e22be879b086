/**
 * Java property files, as RocketMQ's configuration is written: `name=value` lines, with `#` and `!` comments,
 * backslash escapes and continued lines. Unlike Java's the text is UTF-8, of which the ISO 8859-1 that people
 * type is a part in practice; and each value remembers its line, so that a complaint can name it.
 *
 * Laws (test/model/cliSettings.test.ts)
 *   printed  what `escape` printed is read back as it was, whatever the text
 *   lines    an entry's line is the one on which its name stands
 * Source: java.util.Properties.load.
 */

export interface Entry {
  readonly name: string
  readonly value: string
  /** Where it was given, for complaints: `broker.conf:12`, `--set`, `NAMESRV_ADDR`. */
  readonly from: string
}

/** The entries in the order of the file; a name may come twice, and the last one counts. */
export const parse = (text: string, fileName: string): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  for (const { line, logical } of logicalLines(text)) {
    const { name, value } = split(logical)
    entries.push({ from: `${fileName}:${line}`, name, value })
  }
  return entries
}

/** A value as it must be written to be read back. */
export const escape = (value: string): string =>
  value.replace(/[\\\t\n\r\f]/g, (char) => escapes[char]!).replace(/^ /, "\\ ")

const escapes: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\f": "\\f",
  "\r": "\\r",
  "\\": "\\\\",
}

interface LogicalLine {
  readonly line: number
  readonly logical: string
}

/** Joins lines that end in an odd number of backslashes to the next; drops comments and empty lines. */
const logicalLines = (text: string): ReadonlyArray<LogicalLine> => {
  const found: Array<LogicalLine> = []
  let open: { line: number; logical: string } | undefined
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = raw.replace(/^[ \t\f]+/, "")
    if (open === undefined && (line === "" || line.startsWith("#") || line.startsWith("!"))) continue
    const continues = /(?:^|[^\\])(?:\\\\)*\\$/.test(line)
    open ??= { line: index + 1, logical: "" }
    open.logical += continues ? line.slice(0, -1) : line
    if (continues) continue
    found.push(open)
    open = undefined
  }
  return open === undefined ? found : [...found, open]
}

/** The name ends at the first `=`, `:` or blank that is not escaped. */
const split = (logical: string): { readonly name: string; readonly value: string } => {
  const [, name = "", value = ""] = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*([\s\S]*)$/.exec(logical)!
  return { name: unescape(name), value: unescape(value) }
}

const unescape = (text: string): string =>
  text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S])/g, (_whole, escape: string) => {
    if (escape.length > 1) return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return plain[escape] ?? escape
  })

const plain: Readonly<Record<string, string>> = { f: "\f", n: "\n", r: "\r", t: "\t" }
