/**
 * The words of one command of `gantry admin`: names and options are mqadmin's, so that what is written for mqadmin
 * works. Only words stand here; an area's code is loaded when one of its commands is chosen.
 */
import type { Call } from "../Call.ts"
import type { Command, Option } from "../Command.ts"
import type { Admin } from "./Admin.ts"
import type { Output } from "./Output.ts"

export interface AdminOption extends Option {
  readonly required?: true
  /** A short spelling of several letters, as in `-qn`. */
  readonly alias?: string
}

export interface AdminWords {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  readonly options: Readonly<Record<string, AdminOption>>
  /** Options of which one must be given. */
  readonly oneOf?: readonly [string, string]
  /** Command lines after `gantry admin`, each with what the command needs. */
  readonly examples: ReadonlyArray<string>
  /** What else the help says. */
  readonly details?: string
}

/** Does a command; a failure that a person can mend is thrown as a `CliFault`. */
export type Handler = (admin: Admin, call: Call) => Promise<Output>

/** Handlers by the name of the command. */
export type Handlers = Readonly<Record<string, Handler>>

/** Commands that belong together, and where their code lies. */
export interface Area {
  readonly title: string
  readonly commands: ReadonlyArray<AdminWords>
  readonly load: () => Promise<Handlers>
}

const common: Readonly<Record<string, AdminOption>> = {
  namesrv: {
    alias: "namesrvAddr",
    help: "where the name servers are (NAMESRV_ADDR, or else 127.0.0.1:9876)",
    short: "n",
    value: "ADDRESSES",
  },
  output: { help: "table (the default) or json; -o json means it, too", value: "FORM" },
  yes: { help: "do not ask on a terminal before something is lost" },
}

/** Every option of a command. */
export const optionsOf = (words: AdminWords): Readonly<Record<string, AdminOption>> => ({ ...words.options, ...common })

/** The command as the parser and the help take it. */
export const commandOf = (words: AdminWords): Command => {
  const options = Object.entries(optionsOf(words)).map(([name, option]) => {
    const isOneOf = words.oneOf?.includes(name) === true
    const must = option.required === true ? " (required)" : isOneOf ? ` (or --${other(words, name)})` : ""
    return [name, { ...option, help: `${option.help}${must}` }] as const
  })
  const examples = words.examples.map((example) => `  gantry admin ${example}`).join("\n")
  return {
    details: words.details === undefined ? examples : `${words.details}\n\n${examples}`,
    load: () => Promise.reject(new Error("a command of gantry admin is run by it")),
    name: `admin ${words.name}`,
    operands: "",
    operandsMax: Number.POSITIVE_INFINITY,
    operandsMin: 0,
    options: Object.fromEntries(options),
    summary: words.summary,
  }
}

const other = ({ oneOf }: AdminWords, name: string): string => oneOf!.find((each) => each !== name)!

/**
 * mqadmin's spellings in ours. It takes long names after one dash (`-topic orders`), shorts of several letters (`-qn`),
 * and `-o` for other things than the form of the output, none of which is ever called json or table.
 */
export const canonical = (words: AdminWords, line: ReadonlyArray<string>): ReadonlyArray<string> => {
  const options = optionsOf(words)
  const long = new Map<string, string>()
  const takesValue = new Set<string>()
  for (const [name, { alias, short, value }] of Object.entries(options)) {
    for (const spelling of alias === undefined ? [name] : [name, alias]) long.set(spelling, name)
    if (value !== undefined) takesValue.add(`--${name}`).add(`-${short}`)
  }
  const result: Array<string> = []
  for (let at = 0; at < line.length; at++) {
    const word = line[at]!
    const next = line[at + 1]
    const [, spelling = "", rest = ""] = /^--?([A-Za-z][\w-]+)(=[^]*)?$/.exec(word) ?? []
    const name = long.get(spelling)
    const ours =
      word === "-o" && (next === "json" || next === "table")
        ? "--output"
        : name === undefined
          ? word
          : `--${name}${rest}`
    result.push(ours)
    // A value may look like an option: -s -1.
    if (takesValue.has(ours) && next !== undefined) {
      result.push(next)
      at++
    }
  }
  return result
}
