/** `gantry store`: looks at the folder of a broker that is stopped, and mends it. */
import * as path from "node:path"
import { DiskError } from "../infra/disk/Disk.ts"
import { StoreError } from "../infra/store/StoreError.ts"
import { messages } from "../infra/store/tools/Dump.ts"
import * as Repair from "../infra/store/tools/Repair.ts"
import { StoreView } from "../infra/store/tools/StoreView.ts"
import { type Verdict, verify } from "../infra/store/tools/Verify.ts"
import { type Log, silent } from "../infra/telemetry/Log.ts"
import { makeNodeWorld } from "../infra/world/NodeWorld.ts"
import type { Call } from "./Call.ts"
import { CliFault, usageExitCode } from "./CliFault.ts"
import { printers } from "./messageText.ts"
import { Progress } from "./Progress.ts"
import { enter, type StoreAccess } from "./StoreAccess.ts"
import { hint } from "../domain/Nearest.ts"

/** The exit code of a store in which something is wrong. */
const problemsExitCode = 1

interface Verb {
  /** Options that it takes beside those that tell the sizes. */
  readonly options: ReadonlyArray<string>
  readonly readsIndex: boolean
  readonly run: (call: Call, access: StoreAccess) => Promise<number>
}

export const run = async (call: Call): Promise<number> => {
  const [name = "", folder = ""] = call.operands
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (verb === undefined)
    throw call.refusal(
      `gantry store does not ${name}: it knows verify, dump and repair.${hint(name, Object.keys(verbs))}`,
    )
  for (const option of ["output", "topic", "queue", "from", "max", "yes"])
    if (call.flag(option) && !verb.options.includes(option))
      throw call.refusal(`--${option} means nothing to gantry store ${name}.`)
  try {
    const access = await enter(call, folder, verb.readsIndex)
    try {
      return await verb.run(call, access)
    } finally {
      access.view.close()
      access.release()
    }
  } catch (error) {
    if (error instanceof StoreError) throw new CliFault(error.message, usageExitCode)
    if (error instanceof DiskError) throw new CliFault(`${error.message}. Nothing else was done.`, usageExitCode)
    throw error
  }
}

const runVerify = async (call: Call, access: StoreAccess): Promise<number> => {
  const output = call.choice("output", ["text", "json"]) ?? "text"
  const verdict = await verdictOf(access.view)
  process.stdout.write(output === "json" ? jsonOf(access.view, verdict) : textOf(access.view, verdict))
  if (verdict.problemCount === 0) return 0
  if (output === "text") process.stdout.write(`\nTo see what a repair would do: ${commandLine(call, "repair")}\n`)
  return problemsExitCode
}

const verdictOf = async (view: StoreView): Promise<Verdict> =>
  (await progressOf("verified", view).run(verify(view), (offset) => offset - view.minOffset))!

const progressOf = (what: string, { minOffset, segmentBytes, segments }: StoreView): Progress =>
  new Progress(what, (segments.at(-1)?.baseOffset ?? 0) + segmentBytes - minOffset)

const runDump = async (call: Call, { view }: StoreAccess): Promise<number> => {
  const print = printers[call.choice("output", ["text", "json"]) ?? "text"]
  const topic = call.text("topic")
  const queueId = call.integer("queue", 0, 2_147_483_647)
  if (queueId !== undefined && topic === undefined) throw call.refusal("--queue needs a topic: --topic TOPIC.")
  const from = call.integer("from", 0, Number.MAX_SAFE_INTEGER)
  const countMax = call.integer("max", 1, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY
  let count = 0
  const survey = await progressOf("read", view).run(
    messages(view, { from, queueId, topic }),
    (some) => (some.at(-1)?.physicalOffset ?? 0) - view.minOffset,
    async (some) => {
      const shown = some.slice(0, countMax - count)
      count += shown.length
      await write(shown.map((message) => `${print(message)}\n`).join(""))
      return count < countMax
    },
  )
  const holes = survey?.holes.length ?? 0
  if (holes === 0) return 0
  process.stderr.write(
    `${holes === 1 ? "A place" : `${holes} places`} in the log of ${view.root} cannot be read and ${holes === 1 ? "is" : "are"} left out. For more: ${commandLine(call, "verify")}\n`,
  )
  return problemsExitCode
}

/** Waits for a reader that is slower than we are. */
const write = (text: string): Promise<void> =>
  new Promise((resolve) => {
    if (process.stdout.write(text)) resolve()
    else process.stdout.once("drain", resolve)
  })

const runRepair = async (call: Call, access: StoreAccess): Promise<number> => {
  const { options, view } = access
  const plan = (await progressOf("verified", view).run(Repair.plan(view), (offset) => offset - view.minOffset))!
  const lines = Repair.printPlan(plan)
  const kept = path.join(view.root, "lost+found")
  if (lines.length === 0) {
    process.stdout.write(`${view.root} is whole: there is nothing to repair.\n`)
    return 0
  }
  process.stdout.write(`${lines.map((line) => `  ${line}`).join("\n")}\n\n`)
  if (!call.flag("yes")) {
    process.stdout.write(
      `What is taken away would be kept in ${kept}.\nNothing was changed. To do it: ${commandLine(call, "repair")} --yes\n`,
    )
    return problemsExitCode
  }
  view.close()
  await applied(access, plan)
  process.stdout.write(`Repaired. What was taken away is in ${kept}.\n`)
  const again = new StoreView(view.disk, view.root, {
    commitLogSegmentBytes: options.commitLogSegmentBytes,
    index: options.index,
  })
  const verdict = await verdictOf(again)
  again.close()
  process.stdout.write(textOf(again, verdict))
  return verdict.problemCount === 0 ? 0 : problemsExitCode
}

const applied = async ({ options, view }: StoreAccess, plan: Repair.Plan): Promise<void> => {
  const world = makeNodeWorld({ log: errors })
  const ended = Promise.withResolvers<void>()
  await new Progress("repaired", plan.verdict.endOffset).run(
    Repair.apply(world, options, plan, (error) => (error === undefined ? ended.resolve() : ended.reject(error))),
    (offset) => offset - view.minOffset,
  )
  await ended.promise
}

/** What recovery warns of stood in the plan. */
const errors: Log = { ...silent, error: (message) => void process.stderr.write(`${message}\n`) }

const textOf = ({ root, segments }: StoreView, verdict: Verdict): string => {
  const { endOffset, indexEntries, minOffset, problemCount, problems, queueEntries, records, tailBytes } = verdict
  const count = problemCount === 0 ? "whole" : problemCount === 1 ? "1 problem" : `${problemCount} problems`
  const rows = [
    `log     ${plural(records, "record")} in ${plural(segments.length, "segment")}, bytes ${minOffset} to ${endOffset}`,
    `queues  ${plural(queueEntries, "entry", "entries")}`,
    `index   ${plural(indexEntries, "entry", "entries")}`,
    ...(tailBytes > 0
      ? [`tail    ${plural(tailBytes, "byte")} that a crash left unfinished; the next start cuts them`]
      : []),
  ]
  const more = problemCount > problems.length ? [`… and ${problemCount - problems.length} more`] : []
  const wrong = problems.length === 0 ? "" : `\n${[...problems, ...more].map((line) => `  ${line}\n`).join("")}`
  return `${root}: ${count}\n${rows.map((row) => `  ${row}\n`).join("")}${wrong}`
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`

const jsonOf = ({ root }: StoreView, verdict: Verdict): string => {
  const { endOffset, holes, indexEntries, minOffset, problemCount, problems, queueEntries, records, tailBytes } =
    verdict
  const told = {
    isWhole: problemCount === 0,
    root,
    records,
    queueEntries,
    indexEntries,
    minOffset,
    endOffset,
    tailBytes,
  }
  return `${JSON.stringify({ ...told, problemCount, holes: holes.map(({ from, to }) => ({ from, to })), problems })}\n`
}

/** A command line with the same folder and sizes, to be pasted. */
const commandLine = (call: Call, verb: string): string =>
  ["gantry", "store", verb, call.operands[1] ?? "", ...sizesOf(call)].map(quoted).join(" ")

const sizesOf = (call: Call): ReadonlyArray<string> => {
  const config = call.text("config")
  return [...(config === undefined ? [] : ["-c", config]), ...call.all("set").flatMap((text) => ["--set", text])]
}

const quoted = (word: string): string => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

const verbs: Readonly<Record<string, Verb>> = {
  dump: { options: ["output", "topic", "queue", "from", "max"], readsIndex: false, run: runDump },
  repair: { options: ["yes"], readsIndex: true, run: runRepair },
  verify: { options: ["output"], readsIndex: true, run: runVerify },
}
