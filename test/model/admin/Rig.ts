/**
 * Command lines of `gantry admin` against a cluster in this process, told as a transcript. What differs from run to run
 * (ports, ids, times) is written so that it does not, at the same width.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Cluster from "../../../src/embedded/Cluster.ts"
import { silent } from "../../../src/infra/telemetry/Log.ts"
import { makeNodeWorld } from "../../../src/infra/world/NodeWorld.ts"
import { type Ran, captured } from "./captured.ts"

/** How a line of a transcript is told, where its whole answer says more than a reader wants. */
export interface Telling {
  /** Only lines that match, in their order. */
  readonly only?: RegExp
  /** Columns are not aligned: their width comes from something that is left out. */
  readonly isSqueezed?: true
  /** Numbers that are measured are left out, and columns not aligned. */
  readonly isMeasured?: true
}

export class Rig {
  readonly cluster: Cluster.Cluster
  /** For files that commands read. */
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "gantry-admin-"))
  readonly #scope: Scope.Closeable
  readonly #ids = new Map<string, string>()
  /** The commands that were run. */
  readonly used = new Set<string>()
  transcript = ""

  private constructor(cluster: Cluster.Cluster, scope: Scope.Closeable) {
    this.cluster = cluster
    this.#scope = scope
  }

  static async start(): Promise<Rig> {
    const scope = Effect.runSync(Scope.make())
    const options = {
      advertisedHost: "127.0.0.1",
      broker: { traceTopicEnable: true },
      brokerPort: 0,
      host: "127.0.0.1",
      namesrvPort: 0,
      processId: process.pid,
      store: undefined,
    }
    const world = makeNodeWorld({ log: silent })
    const cluster = await Effect.runPromise(Scope.provide(Cluster.make(options, world), scope))
    process.env["NAMESRV_ADDR"] = `127.0.0.1:${cluster.namesrv.port}`
    return new Rig(cluster, scope)
  }

  async stop(): Promise<void> {
    delete process.env["NAMESRV_ADDR"]
    fs.rmSync(this.folder, { force: true, recursive: true })
    await Effect.runPromise(Scope.close(this.#scope, Exit.void))
  }

  get namesrv(): string {
    return `127.0.0.1:${this.cluster.namesrv.port}`
  }

  get broker(): string {
    return `127.0.0.1:${this.cluster.broker.port}`
  }

  /** Runs `gantry admin LINE` and adds it to the transcript. `$broker` stands for the broker's address. */
  async admin(line: string, telling: Telling = {}): Promise<Ran> {
    const words = line.split(" ").map((word) => (word === "$broker" ? this.broker : word.replaceAll("␣", " ")))
    this.used.add(words[0]!)
    const ran = await captured(["admin", ...words])
    let told = this.#steady(`${ran.out}${ran.err}`)
    const { isMeasured, isSqueezed, only } = telling
    if (only !== undefined)
      told = told
        .split("\n")
        .filter((each) => only.test(each))
        .map((each) => `${each}\n`)
        .join("")
    if (isMeasured === true) told = told.replaceAll(/\b\d+(\.\d+)?\b(?= +id|,"msgId"|\n| +\d|$)/gm, "#")
    if (isMeasured === true || isSqueezed === true) told = told.replaceAll(/ {2,}/g, "  ")
    this.transcript += `$ gantry admin ${this.#steady(line)}\n${told}${ran.code === 0 ? "" : `[exit code ${ran.code}]\n`}\n`
    return ran
  }

  #steady(text: string): string {
    return text
      .replaceAll(this.namesrv, "127.0.0.1:NAMES")
      .replaceAll(this.broker, "127.0.0.1:BROKR")
      .replaceAll(/\b(127\.0\.0\.1):\d{5}\b/g, "$1:CLINT")
      .replaceAll(/\b[0-9A-F]{32}\b/g, (id) => {
        const known = this.#ids.get(id) ?? `id-${this.#ids.size + 1}`.padEnd(32, ".")
        this.#ids.set(id, known)
        return known
      })
      .replaceAll(/\b\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d\.\d{3}/g, "YYYY-MM-DD$1hh:mm:ss.sss")
      .replaceAll(/\b1[5-9]\d{11}\b/g, "1111111111111")
      .replaceAll(/__CRC32#=\d+/g, "__CRC32#=N")
      .replaceAll(/"__CRC32#":"\d+"/g, '"__CRC32#":"N"')
      .replaceAll(/(log offset +|"commitLogOffset":|"averageMs":)[\d.]+/g, "$1N")
      .replaceAll(this.folder, "FOLDER")
  }
}
