/** Finds the command, has its words checked, loads its code and runs it. */
import { hint } from "../domain/Nearest.ts"
import { parse } from "./Call.ts"
import { CliFault, usageExitCode } from "./CliFault.ts"
import { commands } from "./commands.ts"
import { help, overview } from "./help.ts"

const runCommand = async (words: ReadonlyArray<string>): Promise<number> => {
  const [first, ...rest] = words
  if (first === undefined || first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    process.stdout.write(overview(commands))
    return first === undefined ? usageExitCode : 0
  }
  if (first === "--version" || first === "-V") {
    const { version } = await import("./version.ts")
    process.stdout.write(`gantry ${version()}\n`)
    return 0
  }
  const isHelp = first === "help"
  const name = isHelp ? rest[0]! : first
  const command = commands.find((known) => known.name === name)
  if (command === undefined) {
    const names = commands.map((known) => known.name)
    throw new CliFault(`gantry has no command ${name}.${hint(name, names)} See gantry --help.`, usageExitCode)
  }
  // A family knows the help of its commands.
  const isOwnHelp = isHelp && command.isFamily !== true
  const call = isOwnHelp ? "help" : parse(command, isHelp ? ["help", ...rest.slice(1)] : rest)
  if (call === "help") {
    process.stdout.write(help(command))
    return 0
  }
  const { run } = await command.load()
  return run(call)
}

const fail = (error: unknown): number => {
  if (error instanceof CliFault) {
    process.stderr.write(`gantry: ${error.message}\n`)
    return error.exitCode
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`gantry: this should not have happened; please report it with these lines.\n${text}\n`)
  return 1
}

/** Runs a command line; answers the exit code. */
export const run = (words: ReadonlyArray<string>): Promise<number> => {
  // A reader that has seen enough (`gantry consume … | head`) is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : fail(error))
  })
  return runCommand(words).catch(fail)
}
