/** `pnpm bench`: Apache RocketMQ and Gantry side by side on this machine. See bench/README.md. */

import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import * as Os from "node:os"
import { join } from "node:path"
import { type Contestant, find } from "./Contestant.ts"
import { killAll, measure, type Round } from "./measure.ts"
import { help, type Options, parse } from "./options.ts"
import * as Report from "./Report.ts"

/** The magic number by which Linux names a file system that lives in memory. */
const tmpfs = 0x01021994

interface Disk {
  readonly inMemory: boolean
  /** A 4 KiB append and its fdatasync. */
  readonly syncUs: number
}

/** What a flush costs here, whoever asks for it: the median of 200. */
const disk = (folder: string): Disk => {
  const path = join(folder, "sync-probe")
  const file = openSync(path, "w")
  const page = Buffer.alloc(4_096, 1)
  const times = Array.from({ length: 200 }, () => {
    const startedMs = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    return (performance.now() - startedMs) * 1_000
  })
  closeSync(file)
  rmSync(path)
  return { inMemory: statfsSync(folder).type === tmpfs, syncUs: Report.median(times) ?? 0 }
}

const machine = (options: Options, { inMemory, syncUs }: Disk): ReadonlyArray<string> => {
  const cpus = Os.cpus()
  return [
    `${cpus.length} x ${cpus[0]?.model.trim() ?? "unknown processor"}, ${Math.round(Os.totalmem() / 2 ** 30)} GiB, ` +
      `load average ${(Os.loadavg()[0] ?? 0).toFixed(2)} before the start`,
    `4 KiB append + fdatasync: ${Math.round(syncUs)} us${inMemory ? ". THE STORE IS IN MEMORY (tmpfs): choose another --dir" : ""}`,
    `${options.size}-byte bodies, ${options.queues} queues, ${options.connections} connections x ` +
      `${options.outstanding} outstanding, ${options.warmup} s + ${options.seconds} s each, ${options.repeat} round(s)`,
  ]
}

const run = async (options: Options, folder: string): Promise<number> => {
  const contestants: Array<{ contestant: Contestant; rounds: Array<Round> }> = []
  const facts = [...machine(options, disk(folder))]
  for (const name of options.only) {
    const found = find(name, options)
    if ("absent" in found) facts.push(`${name} is not measured. ${found.absent}`)
    else {
      contestants.push({ contestant: found, rounds: [] })
      facts.push(`${found.title}: ${found.settings}`)
    }
  }
  console.log(`${facts.join("\n")}\n`)
  if (contestants.length === 0) return 1
  let failures = 0
  for (let round = 1; round <= options.repeat; round++) {
    for (const { contestant, rounds } of contestants) {
      const say = (text: string) => console.error(`[${round}/${options.repeat} ${contestant.name}] ${text}`)
      try {
        rounds.push(await measure(contestant, options, folder, say))
      } catch (error) {
        failures += 1
        say(`failed: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }
  const { connections, outstanding, tail, messages } = options
  console.log(
    Report.table(contestants, { load: `${connections} connections x ${outstanding} outstanding`, tail, messages }),
  )
  if (options.json !== undefined) {
    const results = contestants.map(({ contestant: { name, title, settings }, rounds }) => ({
      name,
      title,
      settings,
      rounds,
    }))
    writeFileSync(options.json, `${JSON.stringify({ facts, options, results }, undefined, 2)}\n`)
  }
  return failures === 0 ? 0 : 1
}

const main = async (): Promise<number> => {
  let options: Options | "help"
  try {
    options = parse(process.argv.slice(2), join(import.meta.dirname, "../.cache"))
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    return 2
  }
  if (options === "help") {
    console.log(help)
    return 0
  }
  mkdirSync(options.dir, { recursive: true })
  const folder = mkdtempSync(join(options.dir, "bench-"))
  process.on("exit", () => {
    // In this order: a broker that lives would write on.
    killAll()
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  })
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => process.exit(code))
  }
  return run(options, folder)
}

process.exitCode = await main()
