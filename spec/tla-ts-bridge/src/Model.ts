/**
 * A model: a module, its configuration, and what a test changes in it. The `.cfg` is the whole truth for whoever runs
 * TLC by hand; a test may set constants of it (a seeded bug) and check one invariant alone (to see what it finds).
 */
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface Model {
  /** The folder that holds the module, the modules that it extends, and the configuration. */
  readonly folder: URL | string
  /** Name of the module, without `.tla`. */
  readonly module: string
  /** File name of the configuration; `<module>.cfg` if it is left out. */
  readonly config?: string
  /** TLA+ text by constant: replaces the value in the configuration, where each of them must be. */
  readonly constants?: Readonly<Record<string, string>>
  /** Checks this invariant or property of the configuration and no other. */
  readonly only?: string
  /** A run that takes longer is ended and has failed. */
  readonly timeoutMs?: number
}

/** What a run reads: the files by name, and the key of a result, which is the same as long as they are. */
export interface Sources {
  readonly files: ReadonlyMap<string, string>
  readonly config: string
  readonly properties: ReadonlyArray<string>
}

/** A model that cannot be run as it is written: a missing file, or a constant that the configuration does not have. */
export class ModelError extends Error {
  override readonly name = "ModelError"
  readonly _tag = "ModelError"
}

export const readSources = (model: Model): Sources => {
  const folder = typeof model.folder === "string" ? model.folder : fileURLToPath(model.folder)
  const files = readModules(folder, model.module)
  const configName = model.config ?? `${model.module}.cfg`
  const config = overridden(readText(folder, configName), model, configName)
  return { config, files, properties: named(config, checked.PROPERTY) }
}

/** The module and all that it extends or instantiates, as far as they lie in the folder; the others are TLC's own. */
export const readModules = (folder: string, module: string): Map<string, string> => {
  const files = new Map<string, string>()
  const read = (name: string): void => {
    const file = `${name}.tla`
    if (files.has(file)) return
    const text = readText(folder, file)
    files.set(file, text)
    for (const used of usedModules(text)) if (existsSync(join(folder, `${used}.tla`))) read(used)
  }
  read(module)
  return files
}

const readText = (folder: string, name: string): string => {
  try {
    return readFileSync(join(folder, name), "utf8")
  } catch {
    throw new ModelError(`${name} is not in ${folder}`)
  }
}

const usedModules = (text: string): Array<string> => [
  ...[...text.matchAll(/^EXTENDS\s+([\w\s,]+?)\s*$/gm)].flatMap(([, list = ""]) => list.split(/[\s,]+/)),
  ...[...text.matchAll(/\bINSTANCE\s+(\w+)/g)].map(([, name = ""]) => name),
]

/** Key words of a configuration: a section goes on until the next of them. */
const section =
  /\b(?:SPECIFICATION|INIT|NEXT|CONSTANTS?|INVARIANTS?|PROPERTY|PROPERTIES|CONSTRAINTS?|ACTION_CONSTRAINTS?|VIEW|SYMMETRY|CHECK_DEADLOCK)\b/

const checked = { INVARIANT: /INVARIANTS?/, PROPERTY: /PROPERTY|PROPERTIES/ } as const

/** Names listed behind a key word of the configuration. */
export const named = (config: string, keyWord: RegExp): Array<string> => {
  const names: Array<string> = []
  let on = false
  for (const word of config.replaceAll(/\\\*.*$/gm, "").split(/\s+/)) {
    if (new RegExp(`^(?:${keyWord.source})$`).test(word)) on = true
    else if (section.test(word)) on = false
    else if (on && word !== "") names.push(word)
  }
  return names
}

const overridden = (text: string, { constants = {}, only }: Model, configName: string): string => {
  let config = text
  for (const [name, value] of Object.entries(constants)) {
    const line = new RegExp(`^(\\s*(?:CONSTANTS?\\s+)?${name}\\s*(?:=|<-)\\s*).*$`, "m")
    if (!line.test(config)) throw new ModelError(`${configName} sets no constant ${name}`)
    config = config.replace(line, (_, start: string) => start + value)
  }
  if (only === undefined) return config
  for (const keyWord of ["INVARIANT", "PROPERTY"] as const)
    if (named(config, checked[keyWord]).includes(only)) return `${withoutChecks(config)}\n${keyWord} ${only}\n`
  throw new ModelError(`${configName} has no invariant or property ${only}`)
}

/** Without its sections of invariants and properties; a section starts a line, and its names follow indented. */
const withoutChecks = (config: string): string =>
  config.replaceAll(/^(?:INVARIANTS?|PROPERTY|PROPERTIES)\b.*\n(?:[ \t]+.*\n)*/gm, "")

/** The same for the same sources, and for nothing else; `context` names the tool and whatever else decides a result. */
export const keyOf = (sources: Sources, context: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  const add = (text: string): unknown => hash.update(`${Buffer.byteLength(text)}:`).update(text)
  for (const text of context) add(text)
  for (const [name, text] of [...sources.files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    add(name)
    add(text)
  }
  add(sources.config)
  return hash.digest("hex")
}
