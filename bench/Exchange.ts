/**
 * What a rule of messaging costs, as a client sees it: requests of which each needs the answer to the one before, again
 * and again in each of many slots. One round of a slot counts `perRound` of what the exchange is measured in.
 */
import { setTimeout as sleep } from "node:timers/promises"
import * as Frame from "./Frame.ts"
import { Histogram } from "./Histogram.ts"
import { Link } from "./Link.ts"

/** The answer to the step before: of the slot's last round, when it is the first. */
export interface Last {
  readonly code: number
  /** An extension field of it; "" when it is not there. */
  readonly text: (key: string) => string
}

/** Where a slot is. Steps keep here what a later step needs. */
export interface Slot {
  readonly connection: number
  readonly number: number
  round: number
  readonly memory: Record<string, string>
}

export interface Exchange {
  readonly connections: number
  readonly outstanding: number
  /** Makes the request of a step; it may look at the answer to the one before. */
  readonly steps: ReadonlyArray<(slot: Slot, last: Last, opaque: number) => Buffer>
  /** What a round counts for. `records` are the messages in the body of its last answer. */
  readonly perRound: (slot: Slot, last: Last, records: number) => number
  /** Codes that a step may be answered with, besides success. */
  readonly accepted?: ReadonlyArray<number>
}

export interface ExchangeResult {
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly records: number
  /** Answers of a server that says that it is busy: the slot begins its round again. */
  readonly busy: number
}

const busyCode = 2
const requestSizeBytesMax = 8 * 1024
const empty: Last = { code: 0, text: () => "" }

/** Runs an exchange without a pause, first to warm up. Rejects when an answer is no success, nor `accepted`, nor busy. */
export const drive = async (
  host: string,
  port: number,
  exchange: Exchange,
  warmupSeconds: number,
  seconds: number,
): Promise<ExchangeResult> => {
  const { accepted = [], connections, outstanding, perRound, steps } = exchange
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => undefined)
  let isMeasuring = false
  let counted = 0
  let delivered = 0
  let busy = 0
  let latency = new Histogram()
  const links: Array<Link> = []

  const connect = async (connection: number): Promise<void> => {
    const slots = Array.from({ length: outstanding }, (_, number): Slot => ({
      connection,
      memory: {},
      number,
      round: 0,
    }))
    const at = { began: new Float64Array(outstanding), step: new Int32Array(outstanding) }
    const head: Frame.Head = { code: 0, opaque: 0 }
    const post = (slot: Slot, last: Last): void => {
      const step = at.step[slot.number] ?? 0
      if (step === 0) at.began[slot.number] = performance.now()
      link.post(steps[step]!(slot, last, Frame.opaqueBase + slot.number))
    }
    const link = await Link.open(host, port, requestSizeBytesMax * outstanding, {
      onFrame: (buffer, start, end) => {
        // Servers ask clients things, too; those requests have other numbers.
        if (!Frame.readHead(buffer, start, head)) return
        const slot = slots[head.opaque - Frame.opaqueBase]
        if (slot === undefined) return
        const headEnd = start + 4 + (buffer.readUInt32BE(start) & 0xffffff)
        const header = buffer.toString("utf8", start + 4, headEnd)
        const last: Last = { code: head.code, text: (key) => textIn(header, key) }
        if (head.code === busyCode) {
          busy++
          at.step[slot.number] = 0
          return post(slot, empty)
        }
        if (head.code !== Frame.ResponseCode.success && !accepted.includes(head.code))
          return failed.reject(new Error(`step ${at.step[slot.number]} was answered ${header}`))
        const step = (at.step[slot.number] ?? 0) + 1
        at.step[slot.number] = step % steps.length
        if (step === steps.length) {
          const records = Math.max(0, Frame.countRecords(buffer, headEnd, end))
          const count = perRound(slot, last, records)
          if (isMeasuring) {
            counted += count
            delivered += records
            latency.record((performance.now() - (at.began[slot.number] ?? 0)) * 1000)
          }
          slot.round++
        }
        post(slot, last)
      },
      onLost: (why) => failed.reject(new Error(`connection lost: ${why}`)),
      onTurn: () => link.flush(),
    })
    links.push(link)
    for (const slot of slots) post(slot, empty)
    link.flush()
  }

  try {
    for (let connection = 0; connection < connections; connection++) await connect(connection)
    await Promise.race([sleep(warmupSeconds * 1000), failed.promise])
    latency = new Histogram()
    isMeasuring = true
    const startedMs = performance.now()
    await Promise.race([sleep(seconds * 1000), failed.promise])
    isMeasuring = false
    const took = (performance.now() - startedMs) / 1000
    const { p50Us, p99Us } = latency.summary()
    return { busy, p50Us, p99Us, perSecond: counted / took, records: delivered }
  } finally {
    for (const link of links) link.close()
  }
}

const textIn = (header: string, key: string): string => {
  const needle = `"${key}":"`
  const found = header.indexOf(needle)
  if (found < 0) return ""
  const start = found + needle.length
  return header.slice(start, header.indexOf('"', start))
}
