/**
 * `gantry admin`: asks and changes what administrators ask and change, by mqadmin's command names and options. Tables
 * for people, `-o json` for programs. The exit code is 0 when all of what was asked for is there or was done.
 */
import { hint } from "../domain/Nearest.ts"
import { Admin } from "./admin/Admin.ts"
import { areas, notServed } from "./admin/areas.ts"
import { canonical, commandOf, optionsOf } from "./admin/AdminWords.ts"
import { type Call, parse } from "./Call.ts"
import { CliFault, usageExitCode } from "./CliFault.ts"
import { help, table } from "./help.ts"

export const run = async (call: Call): Promise<number> => {
  const [first, ...rest] = call.operands
  const isHelp = first === "help"
  const name = isHelp ? rest[0] : first
  if (name === undefined || name === "--help" || name === "-h") {
    process.stdout.write(overview())
    return name === undefined && !isHelp ? usageExitCode : 0
  }
  const area = areas.find(({ commands }) => commands.some((words) => words.name === name))
  const words = area?.commands.find((known) => known.name === name)
  if (area === undefined || words === undefined) throw unknown(name)
  const command = commandOf(words)
  const parsed = isHelp ? "help" : parse(command, canonical(words, rest))
  if (parsed === "help") {
    process.stdout.write(help(command))
    return 0
  }
  for (const [option, { required, short }] of Object.entries(optionsOf(words)))
    if (required === true && parsed.text(option) === undefined)
      throw parsed.refusal(`${name} needs ${short === undefined ? "" : `-${short}, `}--${option}.`)
  if (words.oneOf?.some((option) => parsed.text(option) !== undefined) === false)
    throw parsed.refusal(`${name} needs --${words.oneOf[0]} or --${words.oneOf[1]}.`)
  const form = parsed.choice("output", ["table", "json"]) ?? "table"
  // mqadmin takes no notice of such words, and its scripts have them: `topicList -c DefaultCluster`.
  if (parsed.operands.length > 0)
    process.stderr.write(`warning: ${parsed.operands.join(" ")} belongs to no option and is not used.\n`)
  const handlers = await area.load()
  const admin = new Admin(parsed)
  try {
    const output = await handlers[name]!(admin, parsed)
    // What a command has printed as it came is not told again.
    if (output.json !== undefined)
      process.stdout.write(form === "json" ? `${JSON.stringify(output.json)}\n` : output.text)
    return output.isPartial === true ? 1 : 0
  } finally {
    admin.close()
  }
}

/** The commands by area. */
const overview = (): string => {
  const width = Math.max(...areas.flatMap(({ commands }) => commands.map(({ name }) => name.length)))
  const parts = areas.map(
    ({ commands, title }) => `${title}\n${table(commands.map(({ name, summary }) => [name.padEnd(width), summary]))}`,
  )
  return `Usage: gantry admin COMMAND [OPTIONS]

Names and options are those of RocketMQ's mqadmin. -n says where the name servers are, -o json prints JSON.

${parts.join("\n\n")}

gantry admin COMMAND --help tells more about one of them.
`
}

const unknown = (name: string): CliFault => {
  const why = notServed[name]
  if (why !== undefined) return new CliFault(`gantry admin has no ${name}: ${why}`, usageExitCode)
  const names = areas.flatMap(({ commands }) => commands.map((words) => words.name))
  return new CliFault(
    `gantry admin has no command ${name}.${hint(name, names)} See gantry admin --help.`,
    usageExitCode,
  )
}
