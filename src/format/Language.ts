/**
 * The language a peer says it is written in: a name in a JSON header, a byte in a binary one.
 * Source: spec/wire.md, language codes.
 */
export const languages = [
  "JAVA",
  "CPP",
  "DOTNET",
  "PYTHON",
  "DELPHI",
  "ERLANG",
  "RUBY",
  "OTHER",
  "HTTP",
  "GO",
  "PHP",
  "OMS",
  "RUST",
  "NODE_JS",
] as const

export type Language = (typeof languages)[number]

/** What we announce: 4.9 peers read NODE_JS as null and then fail on it, and OTHER changes no behaviour anywhere. */
export const gantryLanguage: Language = "OTHER"

const codes = new Map<string, number>(languages.map((name, code) => [name, code]))

/** The language of a code byte; undefined for one that the protocol does not know. */
export const fromCode = (code: number): Language | undefined => languages[code]

/** The code byte of a language; an unknown one is announced as OTHER. */
export const toCode = (language: Language | undefined): number => codes.get(language ?? "OTHER") ?? 7

/** The language of a name in any case; undefined for one that the protocol does not know. */
export const fromName = (name: string): Language | undefined =>
  codes.has(name) ? (name as Language) : languages.find((known) => known === name.toUpperCase())
