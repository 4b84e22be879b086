import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { keyOf, type Model, ModelError, named, readSources } from "./Model.ts"

const scratch = mkdtempSync(join(tmpdir(), "tla-ts-bridge-"))
afterAll(() => rmSync(scratch, { force: true, recursive: true }))

const folder = fileURLToPath(new URL("../golden/", import.meta.url))
const counter: Model = { folder, module: "Counter" }

const write = (name: string, files: Readonly<Record<string, string>>): string => {
  const path = join(scratch, name)
  mkdirSync(path, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text)
  return path
}

/** Names of the invariants and of the properties that are left. */
const checked = (only: string): Array<Array<string>> => {
  const { config } = readSources({ ...counter, only })
  return [named(config, /INVARIANTS?/), named(config, /PROPERTY|PROPERTIES/)]
}

describe("Model", () => {
  it("reads the module with all that it extends or instantiates in its folder", () => {
    const path = write("extends", {
      "A.cfg": "INIT Init\nNEXT Next\n",
      "A.tla": "---- MODULE A ----\nEXTENDS Naturals, B,\n  C\n====",
      "B.tla": "---- MODULE B ----\nD == INSTANCE D\n====",
      "C.tla": "---- MODULE C ----\n====",
      "D.tla": "---- MODULE D ----\nLOCAL INSTANCE C\n====",
      "E.tla": "---- MODULE E ----\n====",
    })
    expect([...readSources({ folder: path, module: "A" }).files.keys()]).toEqual(["A.tla", "B.tla", "D.tla", "C.tla"])
  })

  it("sets constants of the configuration, and refuses one that is not there", () => {
    expect(readSources({ ...counter, constants: { Mode: '"$1"' } }).config).toContain('CONSTANT Mode = "$1"\n')
    expect(() => readSources({ ...counter, constants: { Mod: "1" } })).toThrow(ModelError)
  })

  it("checks one invariant or property alone, and refuses one that is not there", () => {
    expect(checked("Small")).toEqual([["Small"], []])
    expect(checked("Down")).toEqual([[], ["Down"]])
    expect(() => checked("Smal")).toThrow(ModelError)
  })

  it("refuses a missing module or configuration by name", () => {
    expect(() => readSources({ folder, module: "Nope" })).toThrow(/Nope\.tla/)
    expect(() => readSources({ ...counter, config: "Nope.cfg" })).toThrow(/Nope\.cfg/)
  })

  it("has a key that changes with each source, the configuration and the tool", () => {
    const sources = readSources(counter)
    const key = keyOf(sources, ["tool"])
    expect(keyOf(readSources(counter), ["tool"])).toBe(key)
    expect(keyOf(sources, ["another"])).not.toBe(key)
    expect(keyOf(readSources({ ...counter, only: "Down" }), ["tool"])).not.toBe(key)
    const longer = new Map([...sources.files].map(([name, text]) => [name, `${text} `]))
    expect(keyOf({ ...sources, files: longer }, ["tool"])).not.toBe(key)
  })
})
