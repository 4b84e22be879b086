/**
 * Words of an SQL92 filter expression: one at a time, because what follows a complete expression is never read.
 * Keywords count in any case; names are read as they are. Blanks and comments stand between words.
 *
 * Laws (test/model/domain/Sql92.test.ts)
 *   longest   a word ends where no longer one begins at its place, so that `5AND` is two
 *   placed    each word says where it begins and ends, in UTF-16 units of the expression
 * Source: behaviour of RocketMQ 5.5.0 (SelectorParser).
 */

export type Keyword =
  | "AND"
  | "BETWEEN"
  | "CONTAINS"
  | "ENDSWITH"
  | "FALSE"
  | "IN"
  | "IS"
  | "NOT"
  | "NULL"
  | "OR"
  | "STARTSWITH"
  | "TRUE"

export type Sign = "(" | ")" | "," | "=" | "<>" | "<" | "<=" | ">" | ">=" | "+" | "-"

export interface Token {
  readonly kind: "name" | "text" | "integer" | "float" | "end" | Keyword | Sign
  /** Units of the expression: the first of the word, and the one behind it. */
  readonly start: number
  readonly end: number
  /** What a text literal stands for; of all others, the word as it was written. */
  readonly text: string
}

/** No word begins at `at`. */
export interface Unreadable {
  readonly kind: "unreadable"
  readonly at: number
  readonly reason: string
}

/** The word that begins at `from`, or behind the blanks and comments there. */
export const read = (expression: string, from: number): Token | Unreadable => {
  let at = from
  for (;;) {
    blanks.lastIndex = at
    blanks.test(expression)
    const next = blanks.lastIndex
    if (next === 0 || next === at) break
    at = next
  }
  if (at >= expression.length) return { end: at, kind: "end", start: at, text: "" }
  for (const [pattern, kindOf] of patterns) {
    pattern.lastIndex = at
    const found = pattern.exec(expression)
    if (found === null) continue
    const word = found[0]
    const kind = kindOf(word)
    const text = kind === "text" ? word.slice(1, -1).replaceAll("''", "'") : word
    return { end: at + word.length, kind, start: at, text }
  }
  return { at, kind: "unreadable", reason: reasonOf(expression, at) }
}

const keywords: ReadonlySet<string> = new Set([
  "AND",
  "BETWEEN",
  "CONTAINS",
  "ENDSWITH",
  "FALSE",
  "IN",
  "IS",
  "NOT",
  "NULL",
  "OR",
  "STARTSWITH",
  "TRUE",
])

/** Blanks, a comment to the end of its line, a comment in slashes and stars. A last line without end is no comment. */
const blanks = /[ \t\n\r\f]+|--[^\n\r]*(?:\r\n|\n|\r)|\/\*[^*]*\*+(?:[^*/][^*]*\*+)*\//uy

type KindOf = (word: string) => Token["kind"]

const patterns: ReadonlyArray<readonly [RegExp, KindOf]> = [
  [
    /[A-Za-z_$][A-Za-z0-9_$]*/uy,
    (word) => {
      const upper = word.toUpperCase()
      return keywords.has(upper) ? (upper as Keyword) : "name"
    },
  ],
  [/[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+/uy, () => "float"],
  [/0|[1-9][0-9]*[lL]?/uy, () => "integer"],
  [/'(?:[^']|'')*'/uy, () => "text"],
  [/<>|<=|>=|[(),=<>+-]/uy, (word) => word as Sign],
]

const reasonOf = (expression: string, at: number): string => {
  if (expression.startsWith("'", at)) return "a text is not closed: end it with '"
  if (expression.startsWith("/*", at)) return "a comment is not closed: end it with */"
  const shown = String.fromCodePoint(expression.codePointAt(at)!)
  const advice = remedies.get(shown)
  return `${JSON.stringify(shown)} begins no word${advice === undefined ? "" : `: ${advice}`}`
}

const remedies: ReadonlyMap<string, string> = new Map([
  ["!", "not equal is <>, and a condition is turned round with NOT"],
  ['"', "a text stands between '"],
  ["&", "conditions are joined with AND"],
  ["|", "conditions are joined with OR"],
  [";", "an expression has no end mark"],
  ["‘", "a text stands between '"],
  ["’", "a text stands between '"],
])
