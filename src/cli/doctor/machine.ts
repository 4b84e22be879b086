/** The machine that a broker is to run on: Node, memory, open files, its own clock. */
import { readFileSync } from "node:fs"
import * as os from "node:os"
import type { BrokerConfig } from "../../node/broker/BrokerConfig.ts"
import { type Verdict, ok, problem, unknown, warning } from "./Verdict.ts"

const MiB = 1024 * 1024

/** What the checks look at, so that tests can give another machine. */
export interface MachineFacts {
  readonly nodeVersion: string
  /** The range of the package, as in `>=22.19`. */
  readonly nodeRange: string
  /** What this process may still take: free memory, or less where a container allows less. */
  readonly availableBytes: number
  readonly openFilesMax: number | undefined
  readonly nowMs: number
  /** When this package was last changed on the disk: no clock that is right says less. */
  readonly packageTimeMs: number
}

/** What a broker takes besides its ring, by measurement: 80 MB at the start, and room for clients. */
const baseBytes = 256 * MiB
/** Each connection and each open segment takes one; RocketMQ's own advice is 65,535. */
const openFilesFew = 8_192
const openFilesMin = 1_024

export const machine = (facts: MachineFacts, config: BrokerConfig): ReadonlyArray<Verdict> => [
  node(facts),
  memory(facts, config),
  openFiles(facts),
  clock(facts),
]

const numbers = (version: string): ReadonlyArray<number> => version.replace(/^\D+/, "").split(".").map(Number)

const node = ({ nodeRange, nodeVersion }: MachineFacts): Verdict => {
  const [wanted, have] = [numbers(nodeRange), numbers(nodeVersion)]
  const at = wanted.findIndex((number, i) => number !== (have[i] ?? 0))
  const isNew = at < 0 || (have[at] ?? 0) > wanted[at]!
  return isNew
    ? ok("node", `Node ${nodeVersion}`)
    : problem("node", `Node ${nodeVersion}, and ${nodeRange} is needed`, "Install a newer Node.")
}

const memory = ({ availableBytes }: MachineFacts, { writeRingBytes }: BrokerConfig): Verdict => {
  const needed = baseBytes + writeRingBytes
  const evidence = `${mebibytes(availableBytes)} are free; a broker takes about ${mebibytes(needed)}`
  if (availableBytes >= needed) return ok("memory", evidence)
  const advice = "Stop something else, give the container more, or make writeRingBytes smaller (4 MiB at least)."
  return availableBytes < needed / 2 ? problem("memory", evidence, advice) : warning("memory", evidence, advice)
}

export const mebibytes = (bytes: number): string =>
  bytes >= 10 * 1024 * MiB ? `${Math.round(bytes / (1024 * MiB))} GiB` : `${Math.round(bytes / MiB)} MiB`

const openFiles = ({ openFilesMax }: MachineFacts): Verdict => {
  if (openFilesMax === undefined) return unknown("open files", "this system does not tell its limit")
  const evidence = `at most ${openFilesMax === Number.POSITIVE_INFINITY ? "any number" : openFilesMax} open files; each client takes one`
  const advice = "Raise it: ulimit -n 65535, LimitNOFILE=65535 of systemd, --ulimit nofile=65535 of Docker."
  if (openFilesMax < openFilesMin) return problem("open files", evidence, advice)
  return openFilesMax < openFilesFew ? warning("open files", evidence, advice) : ok("open files", evidence)
}

const clock = ({ nowMs, packageTimeMs }: MachineFacts): Verdict => {
  const now = new Date(nowMs).toISOString()
  // An hour for file systems that keep local time.
  return nowMs < packageTimeMs - 3_600_000
    ? problem(
        "clock",
        `this machine says ${now}, before these files were written (${new Date(packageTimeMs).toISOString()})`,
        "Set the clock, and keep it right by NTP: retention, delays and queries by time go by it.",
      )
    : ok("clock", `this machine says ${now}`)
}

/** The facts of this machine. */
export const thisMachine = (nodeRange: string, packageTimeMs: number): MachineFacts => {
  const constrained = process.constrainedMemory()
  const available = process.availableMemory()
  return {
    availableBytes: constrained > 0 ? Math.min(available, constrained) : Math.min(available, os.totalmem()),
    nodeRange,
    nodeVersion: process.versions.node,
    nowMs: Date.now(),
    openFilesMax: openFilesLimit(),
    packageTimeMs,
  }
}

const openFilesLimit = (): number | undefined => {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? []
    return soft === undefined ? undefined : soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return undefined
  }
}
