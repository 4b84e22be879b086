/** The help, printed from the command table. */
import { helpOption } from "./Call.ts"
import type { Command, Option } from "./Command.ts"

/** The list of commands. */
export const overview = (commands: ReadonlyArray<Command>): string =>
  `Gantry, a message broker that speaks Apache RocketMQ's protocols and keeps its files.

Usage: gantry COMMAND [OPTIONS]

${table(commands.map(({ name, summary }) => [name, summary]))}

gantry COMMAND --help tells more about one of them; gantry --version tells the version.
`

/** The help of one command. */
export const help = (command: Command): string => {
  const options = Object.entries({ ...command.options, help: helpOption })
  const operands = command.operands === "" ? "" : ` ${command.operands}`
  const parts = [
    `${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`,
    `Usage: gantry ${command.name}${operands}${options.length > 1 ? " [OPTIONS]" : ""}`,
    table(options.map(([name, option]) => [spelling(name, option), option.help])),
    command.details.trim(),
  ]
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`
}

const spelling = (name: string, option: Option): string =>
  `${option.short === undefined ? "    " : `-${option.short}, `}--${name}${option.value === undefined ? "" : ` ${option.value}`}`

/** Two aligned columns. */
export const table = (rows: ReadonlyArray<readonly [string, string]>): string => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows
    .map(([left, right]) => `  ${left.padEnd(width)}  ${right.replaceAll("\n", `\n${" ".repeat(width + 4)}`)}`)
    .join("\n")
}
