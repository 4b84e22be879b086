/** What a process, and what the whole machine uses of the processors, read from /proc; undefined where there is none. */

import { readFileSync } from "node:fs"

export interface Usage {
  /** User and system time since its start. */
  readonly cpuMs: number
  readonly residentMb: number
  /** Resident memory that is no mapped file. */
  readonly anonymousMb: number
}

/** Linux counts processor time for user space in hundredths of a second. */
const tickMs = 10

export const of = (pid: number | undefined): Usage | undefined => {
  if (pid === undefined) return undefined
  try {
    // The name in parentheses may hold anything; utime and stime are fields 14 and 15, the state behind it is field 3.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    const status = readFileSync(`/proc/${pid}/status`, "utf8")
    const megabytes = (key: string) =>
      Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1_024
    return {
      cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
      residentMb: megabytes("VmRSS"),
      anonymousMb: megabytes("RssAnon"),
    }
  } catch {
    return undefined
  }
}

/** Processor time that everything on the machine, the host's own theft included, has used since it started. */
export const machineMs = (): number | undefined => {
  try {
    const [user, nice, system, , , irq, softirq, steal] =
      readFileSync("/proc/stat", "utf8").split("\n", 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? []
    const ticks = [user, nice, system, irq, softirq, steal].reduce<number>((sum, part) => sum + (part ?? Number.NaN), 0)
    return Number.isNaN(ticks) ? undefined : ticks * tickMs
  } catch {
    return undefined
  }
}
