/**
 * The SDK against Apache RocketMQ 5.5.0 or against Gantry, the same scenarios for both, and as a member of one group with
 * the Java client.
 *
 *   pnpm test:sdk [--against apache|gantry] [--only REGEXP] [--require]
 *
 * Apache needs Java and Maven: without them the run is skipped, with --require it fails.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Gantry, type GantryOptions } from "../../../src/client/index.ts"
import * as Apache from "../apache.ts"
import * as Cluster from "../cluster.ts"
import * as GantryServers from "../gantry.ts"
import * as Java from "../java.ts"
import * as Mixed from "./mixed.ts"
import { type Scenario, scenarios } from "./scenarios.ts"

const { values: options } = parseArgs({
  options: {
    against: { default: "apache", type: "string" },
    only: { default: "", type: "string" },
    require: { default: false, type: "boolean" },
  },
})

/** Scenarios at the same time: most of their time is waiting. */
const width = 4

const runOne = async (name: string, scenario: Scenario, namesrvAddr: string, tag: string): Promise<boolean> => {
  const beganMs = Date.now()
  const clients: Array<Gantry> = []
  const client = (more: GantryOptions = {}): Gantry => {
    const gantry = new Gantry({ namesrvAddr, rebalanceIntervalMs: 1_000, ...more })
    clients.push(gantry)
    return gantry
  }
  let detail = ""
  try {
    await scenario({ client, namesrvAddr, tag })
  } catch (error) {
    detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  await Promise.all(clients.map((gantry) => gantry.close()))
  console.log(
    `${detail === "" ? "ok  " : "FAIL"} ${name} ${Date.now() - beganMs} ms${detail === "" ? "" : `\n${detail}`}`,
  )
  return detail === ""
}

/** Apache's broker says that it is up a little before the name server has heard of it. */
const registered = async (namesrvAddr: string): Promise<void> => {
  await using gantry = new Gantry({ namesrvAddr })
  const endMs = Date.now() + 60_000
  while ((await gantry.admin().brokers()).length === 0) {
    if (Date.now() > endMs) throw new Error("the broker does not register")
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const main = async (): Promise<number> => {
  if (options.against !== "gantry" && options.against !== "apache") {
    console.error(`--against ${options.against}: neither gantry nor apache`)
    return 2
  }
  const java = Java.find()
  if ("missing" in java && options.against === "apache") {
    for (const sentence of java.missing) console.log(`missing: ${sentence}`)
    console.log(options.require ? "FAIL: the SDK's interop needs both." : "skipped: the SDK's interop did not run.")
    return options.require ? 1 : 0
  }
  const servers =
    options.against === "apache" ? Apache.servers(Apache.resolve(java as Java.Java)) : GantryServers.servers
  const all: Readonly<Record<string, Scenario>> =
    "missing" in java ? scenarios : { ...scenarios, ...Mixed.scenarios(java) }
  const folder = mkdtempSync(join(tmpdir(), "gantry-sdk-"))
  const cluster = await Cluster.start(servers, folder, {
    enablePropertyFilter: true,
    flushConsumerOffsetInterval: 500,
    mappedFileSizeCommitLog: 16_777_216,
  })
  const namesrvAddr = `127.0.0.1:${cluster.nameServerPort}`
  await registered(namesrvAddr)
  const queue = Object.entries(all).filter(([name]) => new RegExp(options.only).test(name))
  let passed = 0
  let failed = 0
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, scenario] = next
      if (await runOne(name, scenario, namesrvAddr, `${passed + failed}-${queue.length}`)) passed++
      else failed++
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
  await cluster.stop()
  console.log(`\n${passed} passed, ${failed} failed against ${servers.make}`)
  if (failed === 0) rmSync(folder, { force: true, recursive: true })
  else console.log(`stores and logs: ${folder}`)
  return failed > 0 || passed === 0 ? 1 : 0
}

process.exitCode = await main()
