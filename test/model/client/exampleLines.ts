/** What the examples print, against any cluster. */
import { spawn } from "node:child_process"
import * as path from "node:path"

const root = path.join(import.meta.dirname, "../../..")
const runner = path.join(import.meta.dirname, "runExamples.ts")
const ownName = path.join(root, "test/package/ownName.ts")

/** The lines of each, in any order. */
export const expected: Readonly<Record<string, ReadonlyArray<string>>> = {
  "admin.ts": ["broker-a 1", "true true", "1", "lag 0", "lag after the reset 1", "false"],
  "batch.ts": ["1000 999", "1000"],
  "broadcast.ts": ["member 0: dark mode", "member 1: dark mode"],
  "consume.ts": ["paid 2 order-2"],
  "deadletters.ts": ["given up: invoice 7 invoices", "printers DeadLetter", "sent again: SEND_OK", "printed invoice 7"],
  "delay.ts": ["your basket is waiting after a second: true"],
  "diagnostics.ts": ["sent: SEND_OK", "consumes under 00-4bf92f3577b34da6-00f067aa0ba902b7-01"],
  "effect.ts": ["SEND_OK", "handled hello", "read hello", "MESSAGE_ILLEGAL"],
  "errors.ts": [
    "no body: MESSAGE_ILLEGAL, mend the call",
    "no such queue: BROKER_NOT_FOUND, try again",
    "no such topic: TOPIC_NOT_FOUND, try again",
    "no name server: NAME_SERVER_UNREACHABLE, try again",
    "the user went away",
  ],
  "filter.ts": [
    "stove north 80",
    'The subscription of topic "parcels" cannot be read: SQL92 expression, line 1 column 14: "&" begins no word: conditions are joined with AND',
  ],
  "nameservers.ts": ["code SEND_OK", "property SEND_OK", "environment SEND_OK", "endpoint SEND_OK"],
  "offsets.ts": ["first: monday, tuesday, wednesday", "archive is at 3 and 0 behind", "again: tuesday, wednesday"],
  "ordered.ts": ["A created, A paid, A shipped", "B created, B paid, B shipped"],
  "priority.ts": ["the urgent one was before the last of the others: true"],
  "produce.ts": ["SEND_OK 32 orders true", "100 stored", "sent"],
  "pull.ts": ["sum of the first five: 10", "then: 5,6,7", "from 8: 8,9", "page: 0,1 next 2 of 10"],
  "rebalance.ts": ["two members: 2 + 2", "one is left: 4", "shared by the broker: 4"],
  "request.ts": ["apples: 1.20 a pound", "pears: NO_REPLY"],
  "retry.ts": ["fine handled at attempt 1", "flaky handled at attempt 2", "broken is a dead letter"],
  "transaction.ts": [
    "30: commit, confirmed true",
    "500: rollback, confirmed true",
    "50: commit, confirmed true",
    "alice pays 30",
    "alice pays 50",
  ],
  "tuning.ts": ["true true on the way"],
}

/** Listens to what others tell in their process, and so comes last. */
const last = "diagnostics.ts"

/**
 * Runs all of them in one process, because each would load the same modules, and answers what each printed, sorted.
 * Rejects when one fails.
 */
export const run = async (namesrvAddr: string): Promise<Readonly<Record<string, ReadonlyArray<string>>>> => {
  const files = [...Object.keys(expected).filter((file) => file !== last), last]
  const { NODE_V8_COVERAGE: _, ...rest } = process.env
  const env = { ...rest, NAMESRV_ADDR: namesrvAddr }
  const child = spawn(process.execPath, ["--import", ownName, runner, ...files], { cwd: root, env, timeout: 120_000 })
  let out = ""
  let all = ""
  child.stdout.on("data", (chunk: Buffer) => (out += chunk))
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (all += chunk))
  const code = await new Promise((resolve) => child.once("close", resolve))
  if (code !== 0) throw new Error(`the examples ended with ${code}: ${all}`)
  const parts = out.split(/^## /m).slice(1)
  return Object.fromEntries(
    parts.map((part) => {
      const [file, ...lines] = part.trimEnd().split("\n")
      return [file!, lines.toSorted()]
    }),
  )
}

/** The lines of each, sorted. */
export const sortedLines = (): Readonly<Record<string, ReadonlyArray<string>>> =>
  Object.fromEntries(Object.entries(expected).map(([file, lines]) => [file, lines.toSorted()]))
