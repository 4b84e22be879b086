/**
 * Reads settings by name over their defaults. The kind of a default is the kind of its setting; a rule narrows it.
 * Every bad value is a problem that names where it was given, and what was expected; a name that is not known is only
 * a warning, because RocketMQ ignores those and its files carry many.
 *
 * Laws (test/model/cliSettings.test.ts)
 *   kind     a setting that was read has the kind of its default
 *   last     of several values for one name the last counts
 *   located  each problem and warning about an entry begins with where it was given
 */
import { hint } from "../domain/Nearest.ts"
import type { Entry } from "../format/PropertyFile.ts"

export type Setting = string | number | boolean

/** What a value must be, beyond its kind. The words complete "… is not", as in "a port from 0 to 65535". */
export interface Rule {
  readonly words: string
  readonly holds: (value: Setting) => boolean
}

/** A name that is known and not read: "unused" has no effect here; a sentence says why the value is refused. */
export type Foreign = (entry: Entry) => { readonly problem: string } | "unused" | undefined

export interface Read<C> {
  readonly settings: C
  /** Why the server must not start, each a sentence. */
  readonly problems: ReadonlyArray<string>
  /** What the operator should know, each a sentence. */
  readonly warnings: ReadonlyArray<string>
  /** The names that were given a value. */
  readonly given: ReadonlySet<string>
}

export interface Vocabulary<C> {
  /** What the settings belong to, as in "a setting of the broker". */
  readonly owner: string
  readonly defaults: C
  readonly rules: Readonly<Partial<Record<keyof C & string, Rule>>>
  readonly foreign: Foreign
  /** Further names to suggest. */
  readonly foreignNames: Iterable<string>
}

export const read = <C extends object>(entries: Iterable<Entry>, vocabulary: Vocabulary<C>): Read<C> => {
  const { defaults, foreign, foreignNames, owner, rules } = vocabulary
  const settings: Record<string, Setting> = { ...(defaults as Readonly<Record<string, Setting>>) }
  const problems: Array<string> = []
  const warnings: Array<string> = []
  const given = new Set<string>()
  const unused: Array<string> = []
  for (const entry of entries) {
    const { from, name } = entry
    if (!Object.hasOwn(defaults, name)) {
      const verdict = foreign(entry)
      if (verdict === "unused") unused.push(name)
      else if (verdict !== undefined) problems.push(`${from}: ${verdict.problem}`)
      else {
        const near = hint(name, [...Object.keys(defaults), ...foreignNames])
        warnings.push(`${from}: ${name} is not a setting of ${owner} and is not used.${near}`)
      }
      continue
    }
    const kind = typeof settings[name]
    const value = valueOf(entry.value.trim(), kind)
    const rule: Rule | undefined = rules[name as keyof C & string]
    if (value === undefined || rule?.holds(value) === false) {
      problems.push(`${from}: ${name}=${entry.value} is not ${rule?.words ?? kindWords[kind]!}.`)
      continue
    }
    settings[name] = value
    given.add(name)
  }
  if (unused.length > 0)
    warnings.push(
      `RocketMQ knows ${unused.length === 1 ? "this setting" : "these settings"}, and Gantry does not use ${
        unused.length === 1 ? "it" : "them"
      }: ${[...new Set(unused)].toSorted().join(", ")}.`,
    )
  return { given, problems, settings: settings as C, warnings }
}

/** The settings as a property file that `read` reads back. */
export const print = (settings: object): string =>
  Object.entries(settings)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}\n`)
    .join("")

const valueOf = (text: string, kind: string): Setting | undefined => {
  if (kind === "boolean") return text === "true" ? true : text === "false" ? false : undefined
  if (kind === "number") {
    const value = Number(text)
    return /^[+-]?\d+$/.test(text) && Number.isSafeInteger(value) ? value : undefined
  }
  return text
}

const kindWords: Readonly<Record<string, string>> = {
  boolean: "true or false",
  number: "a whole number",
  string: "a text",
}

/** A whole number within the bounds; `unit` names what is counted. */
export const between = (min: number, max: number, unit = ""): Rule => ({
  holds: (value) => typeof value === "number" && value >= min && value <= max,
  words: `a whole number${unit === "" ? "" : ` of ${unit}`} from ${min} to ${max}`,
})

export const port = between(0, 65_535)

export const oneOf = (...words: ReadonlyArray<string>): Rule => ({
  holds: (value) => words.includes(String(value)),
  words: words.length === 1 ? words[0]! : `one of ${words.join(", ")}`,
})

export const matching = (pattern: RegExp, words: string): Rule => ({
  holds: (value) => pattern.test(String(value)),
  words,
})
