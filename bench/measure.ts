/** One round of one contestant: starts it, drives it, looks at it, stops it and removes what it stored. */

import { spawn } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import * as Processes from "../test/interop/processes.ts"
import * as Call from "./Call.ts"
import type { Contestant } from "./Contestant.ts"
import * as Frame from "./Frame.ts"
import type { LoadResult, PullJob, SendJob } from "./load.ts"
import type { Options } from "./options.ts"
import * as Usage from "./Usage.ts"

/** Figures by the names of Metric.ts. */
export type Figures = Record<string, number>

export interface Round {
  readonly figures: Figures
  /** What a reader must know: refused sends, unanswered requests. */
  readonly notes: ReadonlyArray<string>
}

const topic = "BenchTopic"
const settleMs = 1_000
/** The port on which a broker listens when nobody says otherwise; `dev` takes it. */
const standardPort = 10_911

export const measure = async (
  contestant: Contestant,
  options: Options,
  folder: string,
  say: (text: string) => void,
): Promise<Round> => {
  const figures: Figures = {}
  const notes: Array<string> = []
  for (const flush of ["sync", "async"] as const) {
    const place = join(folder, `${contestant.name}-${flush}`)
    try {
      await flushRound(contestant, options, flush, place, { figures, notes, say })
    } finally {
      rmSync(place, { recursive: true, force: true, maxRetries: 5 })
    }
    await sleep(settleMs)
  }
  if (contestant.dev !== undefined) await devRound(contestant.dev, join(folder, "dev"), { figures, notes, say })
  return { figures, notes }
}

const running = new Set<Processes.Child>()

/** Kills, without waiting, what is still running: for a process that is about to end. */
export const killAll = (): void => {
  for (const child of running) child.process.kill("SIGKILL")
}

interface Book {
  readonly figures: Figures
  readonly notes: Array<string>
  readonly say: (text: string) => void
}

/** Starts a process and writes down how long it takes to its first success, and what it has used by then. */
const start = async (
  command: Processes.Command,
  what: string,
  port: number,
  request: () => Buffer,
  good: (answer: Call.Answer) => boolean,
  { figures, say }: Book,
): Promise<Processes.Child> => {
  say(`starting ${command.name}`)
  const startedMs = performance.now()
  const child = Processes.start(command)
  running.add(child)
  await Call.until(child, port, request, good)
  const tookMs = performance.now() - startedMs
  const used = Usage.of(child.process.pid)
  await sleep(settleMs)
  // The second start of a round keeps the better figures: the first one also reads the program from disk.
  if (tookMs < (figures[`start.${what}.ms`] ?? Number.POSITIVE_INFINITY)) {
    figures[`start.${what}.ms`] = tookMs
    if (used !== undefined) figures[`start.${what}.cpuMs`] = used.cpuMs
    const settled = Usage.of(child.process.pid)
    if (settled !== undefined) figures[`start.${what}.residentMb`] = settled.residentMb
  }
  return child
}

const acknowledged = ({ code }: Call.Answer) => code === Frame.ResponseCode.success
/** A name server is up when it knows that it knows nothing. */
const knowsRoutes = ({ code }: Call.Answer) => code === Frame.ResponseCode.topicNotExist || code === 0
const firstSend = () => Call.sendOnce("BenchFirst")
const firstRoute = () => Call.routeOf("BenchFirst")

const flushRound = async (
  contestant: Contestant,
  options: Options,
  flush: "sync" | "async",
  place: string,
  book: Book,
): Promise<void> => {
  const { figures, notes, say } = book
  const nameServerPort = await Processes.freePort()
  const port = await Processes.freePort()
  const nameServerFolder = join(place, "namesrv")
  const brokerFolder = join(place, "broker")
  mkdirSync(nameServerFolder, { recursive: true })
  mkdirSync(brokerFolder, { recursive: true })
  try {
    if (contestant.nameServer !== undefined) {
      const command = contestant.nameServer({ folder: nameServerFolder, port: nameServerPort })
      await start(command, "nameServer", nameServerPort, firstRoute, knowsRoutes, book)
    }
    const command = contestant.broker({
      folder: brokerFolder,
      port,
      nameServerPort,
      storeFolder: join(brokerFolder, "store"),
      properties: { flushDiskType: flush === "sync" ? "SYNC_FLUSH" : "ASYNC_FLUSH", autoCreateTopicEnable: true },
    })
    const broker = await start(command, "broker", port, firstSend, acknowledged, book)
    await Call.createTopic(port, topic, options.queues)

    let messages = 0
    const sends = async (label: string, job: Partial<SendJob>): Promise<Driven> => {
      const driven = await drive(broker, { ...sendJob(port, options), ...job })
      messages += driven.result.messagesEver
      remark(`${contestant.title}, ${label}`, driven, notes)
      return driven
    }
    say(`${flush} flush: sending`)
    const full = await sends(`${flush} flush`, {})
    figures[`${flush}.send.rate`] = full.result.perSecond
    figures[`${flush}.send.slowest`] = Math.min(...full.result.eachSecond)
    latency(figures, `${flush}.send`, full.result)
    cores(figures, `${flush}.send`, full)
    figures[`${flush}.send.behind`] = await readable(port, options.queues, messages)

    say(`${flush} flush: sending one by one`)
    const alone = await sends(`${flush} flush, one by one`, {
      connections: 1,
      outstanding: 1,
      warmupSeconds: Math.min(1, options.warmup),
    })
    latency(figures, `${flush}.alone`, alone.result)

    if (flush === "async") {
      const missing = options.messages - messages
      if (missing > 0) {
        say(`filling up to ${options.messages} messages`)
        await sends("filling", { warmupSeconds: 3_600, messagesMax: missing })
      }
      await readable(port, options.queues, messages)
      const offsets = await Call.maxOffsets(port, topic, options.queues)
      for (const [window, size] of [
        ["tail", options.tail],
        ["backlog", options.messages],
      ] as const) {
        say(`pulling the newest ${size} messages`)
        const pulled = await drive(broker, pullJob(port, options, offsets, size))
        remark(`${contestant.title}, pull of ${window}`, pulled, notes)
        figures[`pull.${window}.rate`] = pulled.result.perSecond
        latency(figures, `pull.${window}`, pulled.result)
        cores(figures, `pull.${window}`, pulled)
      }
      const used = Usage.of(broker.process.pid)
      if (used !== undefined) {
        figures["memory.residentMb"] = used.residentMb
        figures["memory.anonymousMb"] = used.anonymousMb
      }
    }
  } finally {
    await stopAll()
  }
}

/** `dev` is measured by its start alone: what it does after that is what a broker does. */
const devRound = async (dev: (folder: string) => Processes.Command, folder: string, book: Book): Promise<void> => {
  if (await Call.taken(standardPort)) {
    book.notes.push(`dev was not measured: somebody listens on port ${standardPort} already`)
    return
  }
  mkdirSync(folder, { recursive: true })
  try {
    await start(dev(folder), "dev", standardPort, firstSend, acknowledged, book)
  } finally {
    await stopAll()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Kills the servers: what they stored is thrown away, and an orderly end takes some of them a quarter of a minute. */
const stopAll = async (): Promise<void> => {
  for (const child of running) {
    await Processes.kill(child)
    running.delete(child)
  }
}

const sendJob = (port: number, options: Options): SendJob => ({
  kind: "send",
  host: Call.host,
  port,
  brokerName: Call.brokerName,
  topic,
  connections: options.connections,
  outstanding: options.outstanding,
  queues: options.queues,
  bodySizeBytes: options.size,
  warmupSeconds: options.warmup,
  seconds: options.seconds,
})

const pullJob = (port: number, options: Options, offsets: ReadonlyArray<number>, size: number): PullJob => {
  const each = Math.floor(size / options.queues)
  return {
    kind: "pull",
    host: Call.host,
    port,
    brokerName: Call.brokerName,
    topic,
    connections: options.connections,
    windows: offsets.map((to, queueId) => ({ queueId, from: Math.max(0, to - each), to })),
    batch: 32,
    warmupSeconds: options.warmup / 2,
    seconds: options.seconds,
  }
}

interface Driven {
  readonly result: LoadResult
  /** Processor time per second of the measured time; undefined where it cannot be seen. */
  readonly brokerCpu: number | undefined
  /** The same of all processes that are neither the broker nor the generator. */
  readonly othersCpu: number | undefined
}

/** A job that ended early may have next to no measured time, too short for processor time in steps of 10 ms. */
const seenSecondsMin = 0.5

/** Runs one job in a generator process of its own. */
const drive = async (broker: Processes.Child, job: SendJob | PullJob): Promise<Driven> => {
  const generator = spawn(process.execPath, [join(import.meta.dirname, "load.ts"), JSON.stringify(job)], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  const looks: Array<{ broker: number | undefined; machine: number | undefined }> = []
  let line = ""
  try {
    for await (line of createInterface({ input: generator.stdout })) {
      if (line === "measuring" || line === "measured") {
        looks.push({ broker: Usage.of(broker.process.pid)?.cpuMs, machine: Usage.machineMs() })
      }
    }
  } finally {
    generator.kill("SIGKILL")
  }
  if (!line.startsWith("{")) throw new Error(`the load failed, see above\n${Processes.tail(broker)}`)
  const result = JSON.parse(line) as LoadResult
  const [before, after] = looks
  const perSecond = (beforeMs: number | undefined, afterMs: number | undefined) =>
    beforeMs === undefined || afterMs === undefined ? undefined : (afterMs - beforeMs) / 1_000 / result.seconds
  const brokerCpu = perSecond(before?.broker, after?.broker)
  const machineCpu = perSecond(before?.machine, after?.machine)
  return {
    result,
    brokerCpu,
    othersCpu:
      brokerCpu === undefined || machineCpu === undefined || result.seconds < seenSecondsMin
        ? undefined
        : Math.max(0, machineCpu - brokerCpu - result.generatorCpu),
  }
}

const readableMsMax = 120_000

/** Waits until the queues show every acknowledged message; milliseconds that it took. They must: else it throws. */
const readable = async (port: number, queues: number, messages: number): Promise<number> => {
  const startedMs = performance.now()
  for (;;) {
    const offsets = await Call.maxOffsets(port, topic, queues)
    const stored = offsets.reduce((sum, offset) => sum + offset, 0)
    const tookMs = performance.now() - startedMs
    if (stored >= messages) return tookMs
    if (tookMs > readableMsMax) throw new Error(`${messages} messages were acknowledged, the queues hold ${stored}`)
    await sleep(10)
  }
}

const latency = (figures: Figures, prefix: string, { latency: { p50Us, p99Us, maxUs } }: LoadResult): void => {
  figures[`${prefix}.p50`] = p50Us
  figures[`${prefix}.p99`] = p99Us
  figures[`${prefix}.max`] = maxUs
}

const cores = (figures: Figures, prefix: string, { result, brokerCpu, othersCpu }: Driven): void => {
  if (brokerCpu !== undefined) figures[`${prefix}.cpu`] = brokerCpu
  if (othersCpu !== undefined) figures[`${prefix}.others`] = othersCpu
  figures[`${prefix}.generator`] = result.generatorCpu
}

/** What writeback and the kernel's own work cost; from here on somebody else's work is in the figures. */
const othersCpuMax = 0.25

const remark = (label: string, { result: { refused, unanswered }, othersCpu }: Driven, notes: Array<string>): void => {
  for (const [code, count] of Object.entries(refused)) notes.push(`${label}: ${count} answers of code ${code}`)
  if (unanswered > 0) notes.push(`${label}: ${unanswered} requests had no answer 5 s after the end`)
  if (othersCpu !== undefined && othersCpu > othersCpuMax) {
    notes.push(
      `${label}: other processes used ${othersCpu.toFixed(2)} cores meanwhile, measure again when they are gone`,
    )
  }
}
