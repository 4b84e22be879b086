/** What README.md and LLMS.md show is run as it stands, as far as it needs nothing but Node. */
import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type EmbeddedCluster, startCluster } from "../../src/embedded/index.ts"
import { commandsOf, snippetsOf } from "./snippets.ts"

const root = path.join(import.meta.dirname, "../..")
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>
}
/** Within the tree, so that `vitest` and `effect` are found; what the snippets import as gantry-mq comes from the sources. */
const folder = path.join(root, ".cache/documents")
const ownName = path.join(import.meta.dirname, "ownName.ts")

const documents = ["README.md", "LLMS.md"]

let cluster: EmbeddedCluster

beforeAll(async () => {
  cluster = await startCluster()
  fs.rmSync(folder, { force: true, recursive: true })
  fs.mkdirSync(folder, { recursive: true })
})

afterAll(async () => {
  await cluster.close()
  fs.rmSync(folder, { force: true, recursive: true })
})

/** Writes a snippet down, pointed at this test's cluster. */
const written = (document: string, file: string): string => {
  const snippet = snippetsOf(document).find((some) => some.file === file)
  if (snippet === undefined) throw new Error(`${document} has no snippet ${file}`)
  const target = path.join(folder, file)
  fs.writeFileSync(target, snippet.code.replaceAll("127.0.0.1:9876", cluster.namesrvAddr))
  return target
}

const run = (words: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    // Each of these processes loads the same modules: what one has compiled serves the next.
    const { NODE_V8_COVERAGE: _, ...rest } = process.env
    const env = { ...rest, NAMESRV_ADDR: cluster.namesrvAddr, NODE_COMPILE_CACHE: path.join(folder, "compiled") }
    const child = spawn(process.execPath, words, { cwd: folder, env, timeout: 60_000 })
    let out = ""
    let all = ""
    child.stdout.on("data", (chunk: Buffer) => (out += chunk))
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (all += chunk))
    child.once("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`${words.join(" ")}: ${all}`))))
  })

const runSnippet = (document: string, file: string): Promise<string> =>
  run(["--import", ownName, written(document, file)])

/** The words of a command line: single quotes keep blanks together. */
const wordsOf = (command: string): ReadonlyArray<string> =>
  [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!)

const gantryCommands = (document: string): ReadonlyArray<string> =>
  commandsOf(document).flatMap((command) => /^(?:npx -y pnpm@12|npx) gantry (.*)$/.exec(command)?.[1] ?? [])

describe("README.md", () => {
  it("shows commands that work, one after another", async () => {
    const commands = gantryCommands("README.md").filter((command) => !/^(?:dev|namesrv|broker|doctor)\b/.test(command))
    expect(commands.map((command) => command.split(" ")[0])).toEqual(["produce", "consume", "admin"])
    const said: Array<string> = []
    for (const command of commands) said.push(await run([path.join(root, "src/cli/main.ts"), ...wordsOf(command)]))
    expect(said[0]).toContain("SEND_OK")
    expect(said[1]).toContain('{"id": 7}')
    expect(said[2]).toContain("orders")
  })

  it("shows a producer and a consumer that find each other", async () => {
    expect(await runSnippet("README.md", "orders.mjs")).toMatch(/^(?=[\s\S]*SEND_OK\n)(?=[\s\S]*got hello\n)/)
  })

  it("shows an outage in virtual time", async () => {
    expect(await runSnippet("README.md", "outage.mjs")).toBe("2 messages acknowledged, none lost\n")
  })
})

describe("LLMS.md", () => {
  it.each([
    ["send.ts", /INVALID_ARGUMENT false\n$/],
    ["consume.ts", /^7\n1\n$/],
    ["effects.ts", /^SEND_OK\n$/],
    ["simulate.ts", /^2 \d+\n$/],
    ["rules.ts", /^\[ 2, 3 \]\nSuccess\n\S*{ topic: "?'?orders/],
  ])("%s runs as it stands", async (file, said) => {
    expect(await runSnippet("LLMS.md", file)).toMatch(said)
  })
})

describe.each(documents)("%s", (document) => {
  it("names commands, options and scripts that are there", async () => {
    const { parse } = await import("../../src/cli/Call.ts")
    const { commands } = await import("../../src/cli/commands.ts")
    for (const line of gantryCommands(document)) {
      const [name, ...rest] = wordsOf(line)
      const command = commands.find((known) => known.name === name)
      expect(command, line).toBeDefined()
      if (name !== "admin") expect(() => parse(command!, rest), line).not.toThrow()
    }
    const scripts = commandsOf(document).flatMap((line) => /^npx -y pnpm@12 (\S+)/.exec(line)?.[1] ?? [])
    for (const script of scripts) expect(Object.keys(manifest.scripts)).toContain(script)
  })
})

describe("the snippets of all documents", () => {
  const snippets = documents.flatMap((document) =>
    snippetsOf(document).map(({ file, language }) => ({ document, file, language })),
  )

  it("are right in their types", async () => {
    const files = snippets.flatMap(({ document, file, language }) =>
      file !== undefined && (language === "ts" || language === "js") ? [written(document, file)] : [],
    )
    const compilerOptions = { allowJs: true, checkJs: true }
    const config = path.join(folder, "tsconfig.json")
    fs.writeFileSync(config, JSON.stringify({ compilerOptions, extends: `${root}/tsconfig.json`, files, include: [] }))
    const tsc = spawnSync(path.join(root, "node_modules/.bin/tsc"), ["-p", config], { cwd: root, encoding: "utf8" })
    expect(tsc.stdout.split("\n").filter((line) => line.startsWith(".cache/"))).toEqual([])
    expect(files).toHaveLength(9)
  })

  it("that are tests pass", async () => {
    const files = snippets.flatMap(({ document, file }) =>
      file?.endsWith(".test.ts") === true ? [written(document, file)] : [],
    )
    const config = path.join(folder, "vitest.config.mjs")
    const test = { execArgv: ["--import", ownName], experimental: { viteModuleRunner: false }, pool: "forks" }
    fs.writeFileSync(config, `export default ${JSON.stringify({ test })}`)
    const vitest = path.join(root, "node_modules/vitest/vitest.mjs")
    expect(await run([vitest, "run", "--root", folder, "--config", config, ...files])).toMatch(/Tests.*2 passed/)
  })
})
