/**
 * One use of a command: its words, checked against the command's table. What is not understood is refused with the
 * nearest known word, before any of the command's code is loaded.
 */
import { parseArgs } from "node:util"
import { hint } from "../domain/Nearest.ts"
import { CliFault, usageExitCode } from "./CliFault.ts"
import type { Command, Option } from "./Command.ts"

/** Every command takes it. */
export const helpOption: Option = { help: "show this help", short: "h" }

export class Call {
  readonly command: Command
  readonly operands: ReadonlyArray<string>
  readonly #values: Readonly<Record<string, ReadonlyArray<string | true>>>

  constructor(command: Command, operands: ReadonlyArray<string>, values: Call["values"]) {
    this.command = command
    this.operands = operands
    this.#values = values
  }

  get values(): Readonly<Record<string, ReadonlyArray<string | true>>> {
    return this.#values
  }

  flag(name: string): boolean {
    return this.#values[name] !== undefined
  }

  /** The value of an option; undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.#values[name]?.at(-1)
    return value === true ? undefined : value
  }

  all(name: string): ReadonlyArray<string> {
    return (this.#values[name] ?? []).filter((value) => value !== true)
  }

  /** A whole number within the bounds; undefined when the option was not given. */
  integer(name: string, min: number, max: number): number | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const value = Number(text)
    if (/^\d{1,16}$/.test(text) && value >= min && value <= max) return value
    throw this.refusal(`--${name} ${text} is not a whole number from ${min} to ${max}.`)
  }

  /** One of the words; undefined when the option was not given. */
  choice<W extends string>(name: string, words: ReadonlyArray<W>): W | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const word = words.find((known) => known === text)
    if (word !== undefined) return word
    throw this.refusal(`--${name} ${text} is none of ${words.join(", ")}.${hint(text, words)}`)
  }

  /** A refusal of the words given, which names the help. */
  refusal(sentence: string): CliFault {
    return new CliFault(`${sentence} See gantry ${this.command.name} --help.`, usageExitCode)
  }
}

/** Reads the words that follow a command's name, or answers "help" when that is asked for. Throws `CliFault`. */
export const parse = (command: Command, words: ReadonlyArray<string>): Call | "help" => {
  if (command.isFamily === true) return new Call(command, words, {})
  const known: Readonly<Record<string, Option>> = { ...command.options, help: helpOption }
  const { tokens } = parseArgs({
    allowPositionals: true,
    args: [...words],
    options: Object.fromEntries(
      Object.entries(known).map(([name, option]) => [
        name,
        {
          multiple: true,
          type: option.value === undefined ? ("boolean" as const) : ("string" as const),
          ...(option.short === undefined ? {} : { short: option.short }),
        },
      ]),
    ),
    strict: false,
    tokens: true,
  })
  const refuse = (sentence: string): CliFault =>
    new CliFault(`${sentence} See gantry ${command.name} --help.`, usageExitCode)
  const operands: Array<string> = []
  const values: Record<string, Array<string | true>> = {}
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value)
    if (token.kind !== "option") continue
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined
    if (option === undefined) {
      const names = Object.keys(known).map((name) => `--${name}`)
      throw refuse(`gantry ${command.name} has no option ${token.rawName}.${hint(token.rawName, names)}`)
    }
    const given = (values[token.name] ??= [])
    if (option.value === undefined && token.value !== undefined) throw refuse(`${token.rawName} takes no value.`)
    if (option.value !== undefined && token.value === undefined)
      throw refuse(`${token.rawName} needs a value: ${token.rawName} ${option.value}.`)
    if (given.length > 0 && option.many !== true) throw refuse(`${token.rawName} is given twice.`)
    given.push(token.value ?? true)
  }
  if (values["help"] !== undefined) return "help"
  if (operands.length < command.operandsMin)
    throw refuse(`gantry ${command.name} needs ${command.operands}: too few words.`)
  if (operands.length > command.operandsMax)
    throw refuse(
      command.operandsMax === 0
        ? `gantry ${command.name} takes options only, and not "${operands[0]}".`
        : `gantry ${command.name} takes ${command.operands}, and not "${operands[command.operandsMax]}" too.`,
    )
  return new Call(command, operands, values)
}
