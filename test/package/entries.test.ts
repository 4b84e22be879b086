/** What the package's entries promise: namespaces, loaded without what a start must not load. */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"
import * as domain from "../../src/domain/index.ts"
import * as format from "../../src/format/index.ts"

const root = path.join(import.meta.dirname, "../..")
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { readonly default: string; readonly types: string }>>
}

/** The source that a file of the build is compiled from. */
const sourceOf = (built: string): string => built.replace("./dist/", "src/").replace(/(?:\.d\.ts|\.js)$/, ".ts")

const entries = Object.entries(manifest.exports).flatMap(([name, entry]) =>
  typeof entry === "string" ? [] : [{ ...entry, name }],
)

it("every entry and command has a source", () => {
  expect(entries.map(({ name }) => name)).toEqual([".", "./effect", "./embedded", "./testing", "./domain", "./format"])
  for (const { default: code, types } of entries) {
    expect(sourceOf(code)).toBe(sourceOf(types))
    expect(fs.existsSync(path.join(root, sourceOf(code))), code).toBe(true)
  }
  expect(fs.existsSync(path.join(root, sourceOf(manifest.bin["gantry"]!)))).toBe(true)
})

it("domain and format are namespaces, one for a module", () => {
  for (const [name, value] of [...Object.entries(domain), ...Object.entries(format)]) {
    if (typeof value === "object") {
      expect(name).toMatch(/^[A-Z]/)
      expect(Object.keys(value), name).not.toEqual([])
    }
  }
  expect(domain.Nearest.nearest("ordres", ["orders"])).toBe("orders")
})

it("nothing but effect is needed at run time", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["effect"])
})

it.each(entries)("$name loads neither Schema nor the barrel", ({ default: code }) => {
  const script = `
    import { registerHooks } from "node:module"
    const urls = []
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
    await import("./${sourceOf(code)}")
    console.log(JSON.stringify(urls))`
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: root, encoding: "utf8" })
  expect(ended.stderr).toBe("")
  const loaded = JSON.parse(ended.stdout) as ReadonlyArray<string>
  expect(loaded.filter((url) => /effect\/dist\/(?:Schema|index)\.js$/.test(url))).toEqual([])
})
