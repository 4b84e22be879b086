/** What `broker` and `namesrv` share: where their settings come from, and what is done with a list of problems. */
import { readFileSync } from "node:fs"
import * as os from "node:os"
import type { Call } from "./Call.ts"
import { CliFault } from "./CliFault.ts"
import * as PropertyFile from "../format/PropertyFile.ts"
import type { Read } from "./settings.ts"

/** The entries of the file and of `--set`, least important first. */
export const entriesOf = (
  call: Call,
): { file: ReadonlyArray<PropertyFile.Entry>; set: ReadonlyArray<PropertyFile.Entry> } => {
  const file = call.text("config")
  return {
    file: file === undefined ? [] : PropertyFile.parse(readText(file), file),
    set: call.all("set").map((text) => {
      const [, name, value] = /^([^=\s]+)\s*=([\s\S]*)$/.exec(text) ?? []
      if (name === undefined || value === undefined)
        throw call.refusal(`--set ${text} is not NAME=VALUE, such as listenPort=20911.`)
      return { from: "--set", name, value }
    }),
  }
}

const readText = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : String(code)
    throw new CliFault(`The settings ${file} cannot be read: ${why}. Check the path after -c.`)
  }
}

/** Tells warnings; throws when there are problems, all of them at once. */
export const settled = <C>({ problems, settings, warnings }: Read<C>): C => {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`)
  if (problems.length === 0) return settings
  throw new CliFault(
    problems.length === 1
      ? problems[0]!
      : `${problems.length} settings cannot be used:\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
  )
}

/** The first IPv4 address of the machine that is not the loopback's. */
export const machineAddress = (): string | undefined => {
  for (const addresses of Object.values(os.networkInterfaces()))
    for (const { address, family, internal } of addresses ?? []) if (family === "IPv4" && !internal) return address
  return undefined
}
