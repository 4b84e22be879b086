/**
 * Unmodified clients against a cluster: `pnpm test:interop [options]`.
 *
 *   --against gantry|apache   the servers under test; `apache` proves the scenarios themselves (default gantry)
 *   --only REGEXP             only scenarios whose name matches, the store's among them ("store"); "mqadmin", "go", "ons"
 *   --client REGEXP           only clients whose name matches, such as "5.5.0, JSON"
 *   --require                 missing Java or Maven is a failure instead of a skip
 *   --keep                    keep the folder with stores and logs even when all went well
 *
 * The Java client 5.5.0 and 4.9.8, each with JSON and with binary headers, runs every scenario on a cluster of its own,
 * after a JVM that only sends, by the old request. `gantry dev` gets a few of them. Then a store folder goes to and fro between the servers and Apache's.
 * Apache's mqadmin asks and changes what administrators ask and change, in one sequence. Clients for Go and for Node
 * (programs.ts) run scenarios of their own.
 * At most two of our JVMs run at a time, besides servers that are JVMs themselves.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Apache from "./apache.ts"
import * as Cluster from "./cluster.ts"
import * as Driver from "./driver.ts"
import * as Gantry from "./gantry.ts"
import * as Java from "./java.ts"
import * as Mqadmin from "./mqadmin/mqadmin.ts"
import * as Processes from "./processes.ts"
import * as Programs from "./programs.ts"
import * as Scenarios from "./scenarios.ts"
import * as Store from "./store.ts"
import type { Properties, Servers } from "./servers.ts"

/** Scenarios of one JVM that run at the same time: most of their time is waiting. */
const width = 6

const usual: Properties = {
  enablePropertyFilter: true,
  flushConsumerOffsetInterval: 500,
  mappedFileSizeCommitLog: 16_777_216,
  transactionTimeOut: 1000,
  // Apache asks about a committed transaction again, and delivers it again, as long as its op message is not written.
  transactionOpBatchInterval: 200,
  transactionCheckInterval: 1000,
  transactionCheckMax: 12,
}
const strict: Properties = { ...usual, autoCreateTopicEnable: false, autoCreateSubscriptionGroup: false }

const { values: options } = parseArgs({
  options: {
    against: { type: "string", default: "gantry" },
    only: { type: "string", default: "" },
    client: { type: "string", default: "" },
    require: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
})

const clients: ReadonlyArray<Driver.ClientSpec> = (["5.5.0", "4.9.8"] as const).flatMap((version) =>
  (["JSON", "ROCKETMQ"] as const).map((serialization) => ({ version, serialization, oldSends: false })),
)

const wanted = (name: string) => new RegExp(options.only).test(name)
const outcomes: Array<Driver.Outcome> = []

const report = (outcome: Driver.Outcome) => {
  outcomes.push(outcome)
  const { ok, scenario, client, ms, detail } = outcome
  const remark = detail === "" ? "" : ok ? `  ${detail}` : `\n${detail.replaceAll(/^/gm, "       ")}`
  console.log(`${ok ? "ok  " : "FAIL"} ${scenario} (${client}) ${ms} ms${remark}`)
}

/** Runs scenarios of one JVM, so many at a time. */
const runMany = async (
  driver: Driver.Driver,
  names: ReadonlyArray<string>,
  atOnce: number,
  act: Driver.Act,
  prefix = "",
) => {
  const queue = names.filter((name) => name === Scenarios.first || wanted(prefix + name))
  const lane = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const outcome = await driver.run(name, act)
      report({ ...outcome, scenario: prefix + outcome.scenario })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

/** Every scenario of one client, on a cluster of its own: what one client leaves behind cannot help or hurt another. */
const runClient = async (java: Java.Java, servers: Servers, spec: Driver.ClientSpec, folder: string) => {
  mkdirSync(folder, { recursive: true })
  const cluster = await Cluster.start(servers, folder, usual)
  const act: Driver.Act = (what) => {
    if (what === "restart strictly") return cluster.replaceBroker("stop", servers, strict)
    if (what === "kill and start") return cluster.replaceBroker("kill", servers, usual)
    if (what.startsWith("admin ")) return Gantry.admin(what.slice("admin ".length), cluster.nameServerPort)
    return Promise.reject(new Error(`nobody knows how to ${what}`))
  }
  const inJvm = async (client: Driver.ClientSpec, body: (driver: Driver.Driver) => Promise<void>) => {
    const driver = Driver.start(java, client, servers, cluster.nameServerPort, folder)
    try {
      await runMany(driver, [Scenarios.first], 1, act)
      await body(driver)
    } finally {
      await driver.close()
    }
  }
  await inJvm({ ...spec, oldSends: true }, (driver) => runMany(driver, Scenarios.sends, width, act))
  await inJvm(spec, async (driver) => {
    await runMany(driver, Scenarios.shared, width, act)
    await runMany(driver, Scenarios.alone, 1, act)
  })
  await cluster.stop()
}

const nothing: Driver.Act = (what) => Promise.reject(new Error(`this cluster cannot ${what}`))

/** A few scenarios against `gantry dev`, under names that begin with "dev". */
const runDev = async (java: Java.Java, folder: string) => {
  mkdirSync(folder, { recursive: true })
  const { child, nameServerPort } = await Gantry.startDev(folder)
  const spec = { version: "5.5.0", serialization: "JSON", oldSends: false } as const
  const driver = Driver.start(java, spec, Gantry.servers, nameServerPort, folder)
  try {
    await runMany(driver, [Scenarios.first], 1, nothing, "dev: ")
    await runMany(driver, Scenarios.development, width, nothing, "dev: ")
    await Processes.stop(child)
  } finally {
    await driver.close()
  }
}

const padded = (text: string, column: string) => text.padStart(column.length)

const printTable = () => {
  const columns = [...new Set(outcomes.map(({ client }) => client))]
  const scenarios = [...new Set(outcomes.map(({ scenario }) => scenario))]
  const nameWidth = Math.max(...scenarios.map((name) => name.length))
  console.log(`\n${"ms".padEnd(nameWidth)} | ${columns.join(" | ")}`)
  for (const scenario of scenarios) {
    const cells = columns.map((column) => {
      const outcome = outcomes.find((each) => each.scenario === scenario && each.client === column)
      return padded(outcome === undefined ? "" : outcome.ok ? String(outcome.ms) : "FAIL", column)
    })
    console.log(`${scenario.padEnd(nameWidth)} | ${cells.join(" | ")}`)
  }
}

const main = async (): Promise<number> => {
  if (options.against !== "gantry" && options.against !== "apache") {
    console.error(`--against ${options.against}: neither gantry nor apache`)
    return 2
  }
  const java = Java.find()
  if ("missing" in java) {
    for (const sentence of java.missing) console.log(`missing: ${sentence}`)
    console.log(options.require ? "FAIL: interop needs both." : "skipped: interop did not run.")
    return options.require ? 1 : 0
  }
  const startMs = Date.now()
  const apache = Apache.servers(Apache.resolve(java))
  const servers = options.against === "gantry" ? Gantry.servers : apache
  const folder = mkdtempSync(join(tmpdir(), "gantry-interop-"))
  console.log(`${servers.make} under test; stores and logs in ${folder}`)

  const queue = clients.filter(
    (spec) =>
      new RegExp(options.client).test(Driver.clientName(spec)) &&
      [...Scenarios.shared, ...Scenarios.alone].some(wanted),
  )
  const lane = async () => {
    for (let spec = queue.shift(); spec !== undefined; spec = queue.shift()) {
      const [client, name] = [spec, Driver.clientName(spec)]
      await guarded(name, () => runClient(java, servers, client, join(folder, name.replaceAll(/[^\w.]+/g, "-"))))
    }
  }
  await Promise.all(Array.from({ length: servers.lanes }, lane))
  if (servers === Gantry.servers && Scenarios.development.some((name) => wanted(`dev: ${name}`))) {
    await guarded("dev", () => runDev(java, join(folder, "dev")))
  }
  if (wanted("store")) await guarded("store", () => Store.run(java, servers, apache, join(folder, "store"), report))
  if (wanted("store, extended"))
    await guarded("store, extended", () =>
      Store.run(java, servers, apache, join(folder, "store-extended"), report, "store, extended", Store.extended),
    )

  if (wanted("mqadmin")) await guarded("mqadmin", () => Mqadmin.run(java, servers, join(folder, "mqadmin"), report))

  for (const name of Object.keys(Programs.programs)) {
    if (!wanted(name)) continue
    await guarded(name, () => Programs.start(name, servers, join(folder, name), report))
  }

  printTable()
  const failed = outcomes.filter(({ ok }) => !ok).length
  console.log(
    `\n${outcomes.length - failed} passed, ${failed} failed, in ${Math.round((Date.now() - startMs) / 1000)} s`,
  )
  if (failed > 0 || options.keep) console.log(`stores and logs: ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  return failed > 0 || outcomes.length === 0 ? 1 : 0
}

/** A cluster that does not start or stop as it should is one failed line, and no reason to leave out the others. */
const guarded = async (client: string, body: () => Promise<void>) => {
  const startMs = Date.now()
  try {
    await body()
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    report({ scenario: "the cluster itself", client, ok: false, ms: Date.now() - startMs, detail })
  }
}

process.exit(await main())
