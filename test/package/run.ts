/**
 * Packs the package as it would be published, looks it over (publint, attw), installs it into an empty folder, and uses
 * every entry and the command on each Node that it is for. Measures how long the installed command takes to answer.
 *
 *   node test/package/run.ts            all of it
 *   node test/package/run.ts 22         one Node only
 *
 * Everything comes from npm's registry as npm is set up; some 300 MB of Nodes are unpacked in a temporary folder.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { snippetsOf } from "./snippets.ts"

const root = path.join(import.meta.dirname, "../..")
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gantry-package-"))
const consumer = path.join(folder, "consumer")

/** A start of the installed command takes no longer: the fastest of `starts` runs or more, each a process of its own. */
const startMsMax = 150
const starts = 7

/** Needed here alone: as dependencies of development they would be a third of what a first `gantry dev` downloads. */
const lookers = ["publint@0.3.25", "@arethetypeswrong/cli@0.18.5"]

/** The embedded cluster: milliseconds from the call to ready, and of loading the code before; the fastest of `starts`. */
const clusterMsMax = 100
const importMsMax = 300

const nodes = process.argv.length > 2 ? process.argv.slice(2) : ["22", "24", "26"]
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
  readonly devDependencies: Readonly<Record<string, string>>
}

const main = async (): Promise<void> => {
  const tarball = step("pack", () => {
    const name = npm(root, "pack", "--silent", "--pack-destination", folder).trim().split("\n").at(-1)!
    return path.join(folder, name)
  })
  step("publint and attw", () => {
    const home = emptyProject("lookers")
    npm(home, "install", "--silent", "--no-audit", "--no-fund", ...lookers)
    run(home, path.join(home, "node_modules/.bin/publint"), "--strict", tarball)
    run(home, path.join(home, "node_modules/.bin/attw"), "--profile", "esm-only", tarball)
  })
  step("install into an empty folder", () => {
    emptyProject("consumer")
    const types = `@types/node@${manifest.devDependencies["@types/node"]}`
    npm(consumer, "install", "--silent", "--no-audit", "--no-fund", tarball, types)
    fs.cpSync(path.join(import.meta.dirname, "consumer"), consumer, { recursive: true })
    for (const { code, file } of readmeSnippets) fs.writeFileSync(path.join(consumer, file!), code)
  })
  step("types of every entry, libraries included", () => {
    fs.writeFileSync(path.join(consumer, "tsconfig.json"), JSON.stringify(consumerConfig))
    run(consumer, tool("tsc"), "-p", ".")
  })
  for (const version of nodes) {
    const node = step(`Node ${version} from npm`, () => installNode(version))
    step(`every entry on Node ${version}`, () => run(consumer, node, "uses.mjs"))
    measureCluster(version, node)
    await command(version, node)
  }
}

/** Those that Node runs; they speak of the usual port. */
const readmeSnippets = snippetsOf("README.md").filter(({ file }) => file?.endsWith(".mjs") === true)

const measureCluster = (version: string, node: string): void => {
  const runs = Array.from({ length: starts }, () => JSON.parse(run(consumer, node, "measure.mjs")) as Array<number>)
  const fastest = runs[0]!.map((_, at) => Math.min(...runs.map((times) => times[at]!)))
  const [load, first, later, reset, close] = fastest
  const line = `embedded on Node ${version}: loaded in ${load} ms, ready in ${first} ms, a second one in ${later}, reset in ${reset}, both closed in ${close}`
  console.log(`     ${line}`)
  if (first! > clusterMsMax || load! > importMsMax)
    throw new Error(`${line}; at most ${importMsMax} and ${clusterMsMax}`)
}

const consumerConfig = {
  compilerOptions: {
    allowJs: true,
    checkJs: true,
    // The types of effect name one of the DOM.
    lib: ["ES2024", "ESNext.Disposable", "DOM"],
    module: "NodeNext",
    noEmit: true,
    skipLibCheck: false,
    strict: true,
    target: "ES2024",
    types: ["node"],
  },
  files: ["uses.mjs", "measure.mjs", ...readmeSnippets.map(({ file }) => file)],
}

/** Runs the command as `npx gantry` does, a cluster of its own at hand. */
const command = async (version: string, node: string): Promise<void> => {
  const gantry = path.join(consumer, "node_modules/.bin/gantry")
  // The command's first line asks for `node`: the one under test stands first.
  const env = { ...process.env, NAMESRV_ADDR: "", PATH: `${path.dirname(node)}:${process.env["PATH"]}` }
  const dev = spawn(gantry, ["dev", "--namesrv-port", "0", "--port", "0"], { cwd: consumer, env })
  try {
    env.NAMESRV_ADDR = await said(dev, /name server +(\S+)[\s\S]*Ctrl-C/)
    useCommand(version, node, gantry, env)
  } finally {
    dev.kill("SIGTERM")
  }
  const [code] = dev.exitCode === null ? await once(dev, "close") : [dev.exitCode]
  if (code !== 0) throw new Error(`gantry dev ended with ${String(code)}`)
}

const useCommand = (version: string, node: string, gantry: string, env: NodeJS.ProcessEnv): void => {
  const ask = (...words: ReadonlyArray<string>): string =>
    execFileSync(gantry, words, { cwd: consumer, encoding: "utf8", env, stdio: "pipe", timeout: 30_000 })
  step(`the command on Node ${version}`, () => {
    must(/SEND_OK/, ask("produce", "orders", "hello"))
    must(/hello/, ask("consume", "orders"))
  })
  step(`README's snippets on Node ${version}`, () => {
    for (const { code, file } of readmeSnippets) {
      fs.writeFileSync(path.join(consumer, file!), code.replaceAll("127.0.0.1:9876", env["NAMESRV_ADDR"]!))
      run(consumer, node, file!)
    }
  })
  for (const words of [["--help"], ["admin", "topicList"]]) {
    const times: Array<number> = []
    // On a busy machine single starts tell of its other work: what is held to is the fastest of many.
    while (times.length < starts || (Math.min(...times) > startMsMax && times.length < 6 * starts)) {
      const startedAt = performance.now()
      ask(...words)
      times.push(performance.now() - startedAt)
    }
    const line = `gantry ${words.join(" ")} on Node ${version}: ${times.map((ms) => Math.round(ms)).join(", ")} ms`
    console.log(`     ${line}`)
    if (Math.min(...times) > startMsMax) throw new Error(`${line}; at most ${startMsMax} are wanted`)
  }
}

const installNode = (version: string): string => {
  const home = emptyProject(`node-${version}`)
  npm(home, "install", "--silent", "--no-audit", "--no-fund", `node@${version}`)
  const node = path.join(home, "node_modules/node/bin/node")
  must(new RegExp(`^v${version}\\.`), run(home, node, "--version"))
  return node
}

const emptyProject = (name: string): string => {
  const home = path.join(folder, name)
  fs.mkdirSync(home)
  fs.writeFileSync(path.join(home, "package.json"), JSON.stringify({ private: true, type: "module" }))
  return home
}

/** Waits until a process has said `pattern`; answers its first group. */
const said = (child: ChildProcess, pattern: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    const hear = (chunk: Buffer): void => {
      text += chunk
      const match = pattern.exec(text)
      if (match !== null) resolve(match[1]!)
    }
    child.stdout!.on("data", hear)
    child.stderr!.on("data", hear)
    child.once("close", () => reject(new Error(`ended without saying ${pattern}:\n${text}`)))
  })

const tool = (name: string): string => path.join(root, "node_modules/.bin", name)

const npm = (cwd: string, ...words: ReadonlyArray<string>): string => run(cwd, "npm", ...words)

const run = (cwd: string, file: string, ...words: ReadonlyArray<string>): string => {
  // What pnpm and npm hand to their scripts would stand over npm's own settings.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm|pnpm)_/i.test(name)))
  const ended = spawnSync(file, words, { cwd, encoding: "utf8", env, timeout: 300_000 })
  if (ended.status === 0) return ended.stdout
  throw new Error(`${[path.basename(file), ...words].join(" ")} failed:\n${ended.stdout}${ended.stderr}`)
}

const must = (pattern: RegExp, text: string): void => {
  if (!pattern.test(text)) throw new Error(`${pattern} is missing in:\n${text}`)
}

const step = <T>(what: string, run: () => T): T => {
  const startedAt = performance.now()
  const result = run()
  console.log(`ok   ${what} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`)
  return result
}

try {
  await main()
} catch (error) {
  console.error(`FAIL ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  fs.rmSync(folder, { force: true, recursive: true })
}
