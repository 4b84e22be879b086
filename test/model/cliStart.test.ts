/** What a start loads. Every module costs time before the first message: this holds the line without measuring time. */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { expect, it } from "vitest"

const root = path.join(import.meta.dirname, "../..")

/** The modules that come with one, as paths within the tree or within packages. */
const loadedBy = (module: string): ReadonlyArray<string> => {
  const script = `
    import { registerHooks } from "node:module"
    const urls = []
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
    await import(${JSON.stringify(path.join(root, module))})
    console.log(JSON.stringify(urls))`
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })
  if (ended.status !== 0) throw new Error(ended.stderr)
  return (JSON.parse(ended.stdout) as ReadonlyArray<string>).map((url) =>
    url.replace(/^.*\/node_modules\//, "").replace(`file://${root}/`, ""),
  )
}

it.each(["src/cli/dev.ts", "src/cli/broker.ts", "src/cli/namesrv.ts", "src/cli/produce.ts", "src/cli/consume.ts"])(
  "%s needs neither Schema nor the barrel nor the platform package (ADR 0002)",
  (module) => {
    const loaded = loadedBy(module)
    expect(loaded).toContain(module)
    expect(loaded.filter((name) => /^effect\/dist\/(?:Schema|index)\.js$|^@effect\/|\/SchemaAST/.test(name))).toEqual(
      [],
    )
  },
)

it("a command line is understood before any command's code is loaded", () => {
  const own = loadedBy("src/cli/run.ts").filter((name) => !name.startsWith("node:"))
  expect(own.toSorted()).toEqual([
    "src/cli/Call.ts",
    "src/cli/CliFault.ts",
    "src/cli/commands.ts",
    "src/cli/help.ts",
    "src/cli/run.ts",
    "src/domain/Nearest.ts",
  ])
})
