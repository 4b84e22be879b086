/** The check of the walls finds what it is there to find, and lets pass what is allowed. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { expect, it } from "vitest"
import { checkSource } from "../../tools/check-walls.ts"

const packages = new Set(["effect", "@effect/platform-node", "lz4js"])

const whats = (file: string, source: string): ReadonlyArray<string> =>
  checkSource(file, source, packages).map(({ line, what }) => `${line} ${what}`)

/** Each line alone must be a breach in this file. */
const breaches = (file: string, lines: ReadonlyArray<string>): void => {
  for (const line of lines) expect([line, whats(file, `\n${line}\n`).length > 0]).toEqual([line, true])
}

const allowed = (file: string, lines: ReadonlyArray<string>): void => {
  for (const line of lines) expect([line, whats(file, line)]).toEqual([line, []])
}

it("direction: a layer imports itself and what lies below it", () => {
  breaches("src/domain/Topic.ts", [
    'import { a } from "../format/a.ts"',
    'import type { A } from "../infra/disk/Disk.ts"',
    'export * from "../client/a.ts"',
    'const a = await import("../node/a.ts")',
    'import "../../test/model/a.ts"',
    'import "../../bench/a.ts"',
    'import "../../tools/a.ts"',
    'import "../other/a.ts"',
    'import "./Topic"',
  ])
  breaches("src/format/Command.ts", ['import "../infra/a.ts"'])
  breaches("src/infra/store/CommitLog.ts", ['import "../../node/a.ts"', 'import "../../client/a.ts"'])
  breaches("src/node/broker/Broker.ts", ['import "../../client/a.ts"', 'import "../../embedded/a.ts"'])
  breaches("src/client/Producer.ts", ['import "../node/a.ts"'])
  breaches("src/testing/Cluster.ts", ['import "../cli/a.ts"'])
  breaches("src/stray.ts", ['import "./domain/a.ts"'])
  allowed("src/domain/Topic.ts", ['import { a } from "./a.ts"', 'import { a } from "./sub/a.ts"'])
  allowed("src/node/broker/Broker.ts", ['import "../../infra/a.ts"', 'import "../../domain/a.ts"', 'import "../a.ts"'])
  allowed("src/cli/main.ts", ['import "../node/a.ts"', 'import "../embedded/a.ts"'])
  allowed("src/domain/Topic.test.ts", ['import "../../test/model/a.ts"', 'import fc from "fast-check"'])
  allowed("test/chaos/run.ts", ['import "../../src/testing/a.ts"', 'import "../model/a.ts"'])
  breaches("test/chaos/run.ts", ['import "../../bench/a.ts"'])
  breaches("tools/a.ts", ['import "../test/chaos/a.ts"'])
  breaches("spec/delivery/a.ts", ['import "../../test/model/a.ts"'])
  allowed("bench/run.ts", ['import "../test/interop/a.ts"'])
})

it("the spec bridge stands alone", () => {
  breaches("spec/tla-ts-bridge/src/a.ts", ['import "../../../src/domain/a.ts"', 'import "../../delivery/a.ts"'])
  allowed("spec/tla-ts-bridge/src/a.ts", ['import "./b.ts"', 'import * as fs from "node:fs"'])
  allowed("spec/delivery/a.test.ts", ['import "../../src/domain/a.ts"', 'import "tla-ts-bridge"'])
})

it("packages: runtime dependencies only, effect by module, platform-node at the edge", () => {
  breaches("src/infra/store/a.ts", [
    'import { Effect } from "effect"',
    'import fc from "fast-check"',
    'import _ from "lodash/fp"',
    'import "@effect/platform-node/NodeRuntime"',
    'import "tla-ts-bridge"',
  ])
  breaches("src/infra/store/a.test.ts", ['import { Effect } from "effect"', 'import "lodash"'])
  breaches("src/domain/a.ts", ['import * as Effect from "effect/Effect"', 'import lz4 from "lz4js"'])
  allowed("src/domain/a.ts", ['import * as Result from "effect/Result"', 'import { Schema } from "effect/Schema"'])
  allowed("src/infra/store/a.ts", ['import * as Effect from "effect/Effect"', 'import lz4 from "lz4js"'])
  allowed("src/cli/main.ts", ['import "@effect/platform-node/NodeRuntime"'])
})

it("machine: files, sockets, time and randomness belong to the real adapters", () => {
  const lines = [
    'import * as fs from "node:fs"',
    'import { connect } from "node:net"',
    'import { setTimeout } from "node:timers/promises"',
    'const fs = await import("node:fs/promises")',
    'const fs = require("node:fs")',
    "setTimeout(run, 5)",
    "const wait = setInterval",
    "setImmediate(run)",
    "queueMicrotask(run)",
    "process.nextTick(run)",
    "const t = process.hrtime.bigint()",
    "const t = Date.now()",
    "const t = new Date()",
    "const t = new Date().getTime()",
    "const t = new Date",
    "const t = Date()",
    "const t = performance.now()",
    "const r = Math.random()",
    "const { random } = Math; Math.random",
    'import { randomBytes } from "node:crypto"',
    "crypto.randomUUID()",
    "crypto.getRandomValues(bytes)",
    "const t = `at ${Date.now()}`",
    "const t = `a ${ { b: `${Math.random()}` } } c`",
    "const r = a / b / Math.random()",
  ]
  breaches("src/node/broker/a.ts", lines)
  breaches("src/infra/store/a.ts", lines)
  breaches("src/infra/disk/SimDisk.ts", lines)
  allowed("src/infra/disk/NodeDisk.ts", lines)
  allowed("src/cli/main.ts", lines)
  allowed("src/infra/disk/a.test.ts", lines)
  allowed("test/interop/run.ts", lines)
  allowed("src/node/broker/a.ts", [
    'import { createHash } from "node:crypto"',
    'import { crc32 } from "node:zlib"',
    "const date = new Date(nowMs).toISOString()",
    "const x = { setTimeout: 5 }",
    "interface X { performance?: number }",
    "options.setTimeout(5)",
    "socket.performance",
    "#setImmediate() {}",
    "const MyDate = 5; Date.UTC(2000, 1)",
  ])
})

it("purity: the domain knows no time, no bytes and no process; formats know bytes only", () => {
  const both = [
    "const home = process.env",
    'console.log("x")',
    "const g = globalThis",
    'import { createHash } from "node:crypto"',
    "setTimeout(run)",
    "Math.random()",
  ]
  breaches("src/domain/a.ts", [
    ...both,
    "const b = Buffer.alloc(5)",
    "f(b as Buffer)",
    'import { crc32 } from "node:zlib"',
  ])
  breaches("src/format/a.ts", [
    ...both,
    'import * as fs from "node:fs"',
    "new Date(at).getHours()",
    "at.toLocaleString()",
  ])
  allowed("src/format/a.ts", [
    "const b = Buffer.alloc(5)",
    'import { crc32 } from "node:zlib"',
    "const name = new Date(createdMs).toISOString()",
    "new Date(createdMs).getUTCHours()",
  ])
  allowed("src/domain/a.ts", [
    "const x = { process: 1, console: 2 }",
    "state.process",
    "decide.process(5)",
    "type A = { Date?: 1 }",
  ])
})

it("text: comments, strings and patterns are not code, and lines are counted right", () => {
  const masked = [
    "// Date.now() and setTimeout(5)",
    "/* Date.now()\n * Math.random() */",
    "const a = \"Date.now() it's\" + 'Math.random() \\' \"'",
    "const b = `Date.now() \\` ${a} Math.random() ${`inner Date.now()`} Date.now()`",
    'const c = /Date.now() "/.test(d) || e.match(/[/"] Math.random()/g)',
    'const f = "import x from \\"node:fs\\""',
    "const g = `\n  import fs from 'node:fs'\n`",
    "",
  ].join("\n")
  allowed("src/domain/a.ts", [masked])
  const after = masked.split("\n").length
  expect(whats("src/domain/a.ts", `${masked}Date.now()`)).toEqual([`${after} Date.now`, `${after} Date`])
})

it("the command names file, line, breach, reason and remedy, and fails", () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "gantry-walls-"))
  try {
    fs.mkdirSync(path.join(root, "src/domain"), { recursive: true })
    fs.mkdirSync(path.join(root, "node_modules/x"), { recursive: true })
    fs.writeFileSync(path.join(root, "package.json"), JSON.stringify({ dependencies: { effect: "4" } }))
    fs.writeFileSync(path.join(root, "node_modules/x/a.ts"), 'import "effect"')
    const file = path.join(root, "src/domain/a.ts")
    fs.writeFileSync(file, "export const a = 1\n")
    const run = (): string =>
      execFileSync(process.execPath, [new URL("../../tools/check-walls.ts", import.meta.url).pathname, root], {
        encoding: "utf8",
        stdio: "pipe",
      })
    expect(run()).toBe("")
    fs.writeFileSync(file, "\nexport const a = Math.random()\n")
    expect(run).toThrow(
      "src/domain/a.ts:2: Math.random: a run must be repeatable from its seed; use the random port (src/infra/random), or take the number in with the input",
    )
  } finally {
    fs.rmSync(root, { recursive: true })
  }
})
