/**
 * The load generator: the same for every server, in a process of its own (`node bench/load.ts '<job as JSON>'`, which
 * prints the phases as they pass and one line of JSON at the end). Closed loop: each of the `outstanding` slots of a connection has one request on its way and
 * sends the next when the answer comes. Latency is from the hand-over to the socket to the arrival of the chunk with
 * the answer.
 *
 * An answer that belongs to no waiting request, or a body that is not whole messages, fails the job: a rate of wrong
 * answers is worth nothing.
 */

import { setTimeout as sleep } from "node:timers/promises"
import * as Frame from "./Frame.ts"
import { Histogram, type LatencySummary } from "./Histogram.ts"
import { Link } from "./Link.ts"

interface Load {
  readonly host: string
  readonly port: number
  readonly brokerName: string
  readonly topic: string
  readonly connections: number
  /** Runs before anything is counted, so that compilers and caches are warm. */
  readonly warmupSeconds: number
  readonly seconds: number
}

export interface SendJob extends Load {
  readonly kind: "send"
  readonly queues: number
  readonly outstanding: number
  readonly bodySizeBytes: number
  /** Ends the job early once so many were acknowledged, warm-up included; absent: the time alone decides. */
  readonly messagesMax?: number
}

/** The part of a queue to pull: queue offsets `from .. to`, again from the start when the end is reached. */
export interface PullWindow {
  readonly queueId: number
  readonly from: number
  readonly to: number
}

export interface PullJob extends Load {
  readonly kind: "pull"
  readonly windows: ReadonlyArray<PullWindow>
  readonly batch: number
}

export interface LoadResult {
  readonly seconds: number
  /** Messages acknowledged or pulled in the measured time. */
  readonly messages: number
  readonly perSecond: number
  /** Messages of each whole second, to see how steady it was. */
  readonly eachSecond: ReadonlyArray<number>
  readonly latency: LatencySummary
  /** Messages acknowledged from start to end, warm-up included. */
  readonly messagesEver: number
  /** Answers that were no success, by response code, warm-up included. */
  readonly refused: Readonly<Record<string, number>>
  /** Requests that had no answer 5 s after the end. */
  readonly unanswered: number
  /** Processor time of the generator per second: near 1, it measures itself. */
  readonly generatorCpu: number
}

/** Told when the measured time begins and when it ends, so that the caller can look at the server's own use of the machine. */
export type Tell = (phase: "measuring" | "measured") => void

const drainMsMax = 5_000

/** What both kinds of job count, and when they begin and end. */
class Meter {
  readonly latency = new Histogram()
  readonly eachSecond: Array<number> = []
  readonly refused: Record<string, number> = {}
  messages = 0
  messagesEver = 0
  waiting = 0
  stopping = false
  #measuring = false
  #startedMs = 0
  #endedMs = 0
  #cpu = process.cpuUsage()
  #generatorCpu = 0
  readonly #stopped = Promise.withResolvers<void>()
  readonly #failed = Promise.withResolvers<never>()

  constructor() {
    // A failure while nobody waits is told by the next wait.
    this.#failed.promise.catch(() => undefined)
  }

  /** Ends the job with an error. */
  fail(why: string): void {
    this.stopping = true
    this.#failed.reject(new Error(why))
  }

  /** Ends the job before its time. */
  stop(): void {
    this.stopping = true
    this.#stopped.resolve()
  }

  refuse(code: number): void {
    this.refused[code] = (this.refused[code] ?? 0) + 1
  }

  count(messages: number, sentMs: number, nowMs: number): void {
    this.messagesEver += messages
    if (!this.#measuring) return
    this.messages += messages
    this.latency.record((nowMs - sentMs) * 1_000)
    const second = Math.floor((nowMs - this.#startedMs) / 1_000)
    this.eachSecond[second] = (this.eachSecond[second] ?? 0) + messages
  }

  /** Lets warm-up and measured time pass, then waits for the last answers. */
  async run(load: Load, tell: Tell): Promise<LoadResult> {
    await this.#pass(load.warmupSeconds)
    tell("measuring")
    this.#startedMs = performance.now()
    this.#cpu = process.cpuUsage()
    this.#measuring = true
    await this.#pass(load.seconds)
    this.#endedMs = performance.now()
    tell("measured")
    const used = process.cpuUsage(this.#cpu)
    this.#generatorCpu = (used.user + used.system) / 1_000 / (this.#endedMs - this.#startedMs)
    this.#measuring = false
    this.stopping = true
    await this.#drained()
    return this.#result()
  }

  async #pass(seconds: number): Promise<void> {
    const timer = new AbortController()
    const slept = sleep(seconds * 1_000, undefined, { signal: timer.signal }).catch(() => undefined)
    await Promise.race([slept, this.#stopped.promise, this.#failed.promise])
    timer.abort()
  }

  async #drained(): Promise<void> {
    const untilMs = performance.now() + drainMsMax
    while (this.waiting > 0 && performance.now() < untilMs) await Promise.race([sleep(2), this.#failed.promise])
  }

  #result(): LoadResult {
    const seconds = (this.#endedMs - this.#startedMs) / 1_000
    return {
      seconds,
      messages: this.messages,
      perSecond: this.messages / seconds,
      eachSecond: Array.from({ length: Math.round(seconds) }, (_, second) => this.eachSecond[second] ?? 0),
      latency: this.latency.summary(),
      messagesEver: this.messagesEver,
      refused: this.refused,
      unanswered: this.waiting,
      generatorCpu: this.#generatorCpu,
    }
  }
}

/** The slots of one connection: which opaque each waits for and since when. */
class Slots {
  readonly count: number
  readonly waitsFor: Int32Array
  readonly sentMs: Float64Array
  readonly turn: Float64Array
  readonly free: Array<number> = []
  constructor(count: number) {
    this.count = count
    this.waitsFor = new Int32Array(count)
    this.sentMs = new Float64Array(count)
    this.turn = new Float64Array(count)
  }

  /** The opaque of the slot's next request, from now on waited for. */
  take(slot: number, nowMs: number): number {
    const turn = this.turn[slot] ?? 0
    const opaque = Frame.opaqueOf(slot, turn, this.count)
    this.turn[slot] = turn + 1
    this.waitsFor[slot] = opaque
    this.sentMs[slot] = nowMs
    return opaque
  }

  /** The slot that waited for the answer; -1 when none did. */
  answered(opaque: number): number {
    const slot = opaque < Frame.opaqueBase ? -1 : Frame.slotOf(opaque, this.count)
    if (slot < 0 || this.waitsFor[slot] !== opaque) return -1
    this.waitsFor[slot] = 0
    return slot
  }
}

/** Sends messages of one size to all queues in turn, each acknowledged. */
export const send = async (job: SendJob, tell: Tell): Promise<LoadResult> => {
  const meter = new Meter()
  const body = Buffer.alloc(job.bodySizeBytes, "gantry-bench-")
  const templates = Array.from({ length: job.queues }, (_, queueId) =>
    Frame.sendTemplate(
      { producerGroup: "bench-producer", topic: job.topic, queueId, brokerName: job.brokerName },
      body,
    ),
  )
  const frameSizeBytes = Math.max(...templates.map((template) => template.bytes.length))
  const head: Frame.Head = { code: 0, opaque: 0 }
  let sent = 0
  let bornMs = 0
  const messagesMax = job.messagesMax ?? Number.POSITIVE_INFINITY

  const connect = async () => {
    const slots = new Slots(job.outstanding)
    const fill = () => {
      if (slots.free.length === 0) return
      const nowMs = performance.now()
      const wallMs = Date.now()
      if (wallMs !== bornMs) {
        bornMs = wallMs
        for (const template of templates) Frame.patchDecimal(template.bytes, template.bornTimestampAt, 13, wallMs)
      }
      for (const slot of slots.free) {
        if (meter.stopping) break
        const template = templates[sent % templates.length]
        if (template === undefined) return
        Frame.patchDecimal(template.bytes, template.opaqueAt, 10, slots.take(slot, nowMs))
        Frame.patchHex(template.bytes, template.counterAt, sent)
        link.post(template.bytes)
        sent += 1
        meter.waiting += 1
      }
      slots.free.length = 0
      link.flush()
    }
    let nowMs = -1
    const link = await Link.open(job.host, job.port, frameSizeBytes * job.outstanding, {
      onFrame: (buffer, at) => {
        if (nowMs < 0) nowMs = performance.now()
        const slot = Frame.readHead(buffer, at, head) ? slots.answered(head.opaque) : -1
        if (slot < 0) return meter.fail(`an answer that nobody waits for, opaque ${head.opaque}`)
        meter.waiting -= 1
        if (head.code === Frame.ResponseCode.success) meter.count(1, slots.sentMs[slot] ?? 0, nowMs)
        else meter.refuse(head.code)
        slots.free.push(slot)
      },
      onTurn: () => {
        nowMs = -1
        if (meter.messagesEver >= messagesMax && !meter.stopping) meter.stop()
        fill()
      },
      onLost: (why) => meter.fail(`connection lost: ${why}`),
    })
    for (let slot = 0; slot < slots.count; slot++) slots.free.push(slot)
    return { link, fill }
  }
  return withLinks(await openAll(job.connections, connect), meter, job, tell)
}

/** Pulls the windows from every connection, one request per queue and connection on its way, as a push consumer does. */
export const pull = async (job: PullJob, tell: Tell): Promise<LoadResult> => {
  const meter = new Meter()
  const head: Frame.Head = { code: 0, opaque: 0 }

  const connect = async (index: number) => {
    const slots = new Slots(job.windows.length)
    // Connections start apart from one another: readers of one queue in step would share each other's work.
    const next = job.windows.map(({ from, to }) => from + Math.floor(((to - from) * index) / job.connections))
    const fill = () => {
      const nowMs = performance.now()
      for (const slot of slots.free) {
        if (meter.stopping) break
        link.post(
          Frame.pullRequest({
            consumerGroup: "bench-consumer",
            topic: job.topic,
            queueId: job.windows[slot]?.queueId ?? 0,
            queueOffset: next[slot] ?? 0,
            maxMsgNums: job.batch,
            brokerName: job.brokerName,
            opaque: slots.take(slot, nowMs),
          }),
        )
        meter.waiting += 1
      }
      slots.free.length = 0
      link.flush()
    }
    const link = await Link.open(job.host, job.port, 1_024 * job.windows.length, {
      onFrame: (buffer, at, end) => {
        const slot = Frame.readHead(buffer, at, head) ? slots.answered(head.opaque) : -1
        if (slot < 0) return meter.fail(`an answer that nobody waits for, opaque ${head.opaque}`)
        meter.waiting -= 1
        const window = job.windows[slot]
        const nextBeginOffset = Frame.extNumber(buffer, at, "nextBeginOffset")
        if (window === undefined || nextBeginOffset < 0) {
          return meter.fail(`a pull answer of code ${head.code} without nextBeginOffset`)
        }
        if (head.code === Frame.ResponseCode.success) {
          const bodyAt = at + 4 + (buffer.readUInt32BE(at) & 0xffffff)
          const records = Frame.countRecords(buffer, bodyAt, end)
          if (records <= 0 || nextBeginOffset !== (next[slot] ?? 0) + records) {
            return meter.fail(`a pull from ${next[slot]} gave ${records} messages and leads to ${nextBeginOffset}`)
          }
          meter.count(records, slots.sentMs[slot] ?? 0, performance.now())
        } else {
          meter.refuse(head.code)
        }
        next[slot] = nextBeginOffset >= window.to || nextBeginOffset < window.from ? window.from : nextBeginOffset
        slots.free.push(slot)
      },
      onTurn: fill,
      onLost: (why) => meter.fail(`connection lost: ${why}`),
    })
    for (let slot = 0; slot < slots.count; slot++) slots.free.push(slot)
    return { link, fill }
  }
  return withLinks(await openAll(job.connections, connect), meter, job, tell)
}

interface Driven {
  readonly link: Link
  readonly fill: () => void
}

const openAll = (connections: number, connect: (index: number) => Promise<Driven>): Promise<ReadonlyArray<Driven>> =>
  Promise.all(Array.from({ length: connections }, (_, index) => connect(index)))

const withLinks = async (links: ReadonlyArray<Driven>, meter: Meter, load: Load, tell: Tell): Promise<LoadResult> => {
  try {
    for (const { fill } of links) fill()
    return await meter.run(load, tell)
  } finally {
    for (const { link } of links) link.close()
  }
}

const print = (text: string) => process.stdout.write(`${text}\n`)

if (import.meta.main) {
  const job = JSON.parse(process.argv[2] ?? "{}") as SendJob | PullJob
  // The parent holds the other end of stdin: when it dies, however it dies, this process does too.
  process.stdin.on("end", () => process.exit(1)).resume()
  try {
    const result = await (job.kind === "send" ? send(job, print) : pull(job, print))
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`, () => process.exit(1))
  }
}
