/**
 * Turns the trace of a simulated cluster (spec/README.md), as one group with one consumer and one broker see it, into
 * events of DeliveryTrace.tla. The spec has one log and counts its entries; the broker counts bytes, and offsets of
 * queues.
 *
 *   entry    a producer's message, or the copy of one that was sent back, at the place where it was first appended: with
 *            a delay, that is the queue of its level, and what is delivered later is the same entry
 *   queue    a queue of the group and a delay: within one of these, entries become visible in the order of the log
 *
 * Beside the spec's own events it reads what tells their parameters: `Dispatch` (how far the log is durable), `Recover`
 * (what a crash left), `Receive` (whether an answered pull arrived) and `Begin` (where a consumer started). Where a
 * delayed entry became visible is read from the log as it was in the end.
 */
import { functionOf, printValue, type RecordedEvent, setOf, type TraceSpec, type Value } from "tla-ts-bridge"

/** As the trace port tells it. */
export interface DeliveryEvent {
  readonly action: string
  readonly node: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A record of the broker's log in the end. */
export interface DeliveryRecord {
  readonly commitLogOffset: number
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  /** Of a delivered one, the record that was delayed; undefined otherwise. */
  readonly sourceCommitLogOffset: number | undefined
}

export interface DeliveryView {
  readonly brokerName: string
  readonly group: string
  readonly triesMax: number
  readonly records: ReadonlyArray<DeliveryRecord>
}

export interface DeliveryRun {
  readonly events: ReadonlyArray<RecordedEvent>
  /** What the constants of Delivery.tla must allow for. */
  readonly messages: number
  readonly queues: number
  readonly triesMax: number
  readonly brokerCrashes: number
  readonly consumerCrashes: number
}

/** Throws when an event lacks a field or names an offset that no record has: then the port is at fault. */
export const readDeliveryRun = (trace: ReadonlyArray<DeliveryEvent>, view: DeliveryView): DeliveryRun =>
  new Reader(trace, view).read()

interface Entry {
  readonly commitLogOffset: number
  readonly queue: number
}

class Reader {
  readonly #trace: ReadonlyArray<DeliveryEvent>
  readonly #view: DeliveryView
  readonly #recordAt: ReadonlyMap<number, DeliveryRecord>
  /** By place in a queue of the group. */
  readonly #visible: ReadonlyMap<string, DeliveryRecord>
  /** By the place where an entry was appended first, where it became visible. */
  readonly #shownAs = new Map<number, DeliveryRecord>()
  readonly #events: Array<RecordedEvent> = []
  readonly #queueNames: Array<string> = []
  /** Entries of the log as it is, in order; the spec counts them from 1. */
  #entries: Array<Entry> = []
  readonly #persisted = new Map<number, number>()
  readonly #sentBack = new Set<number>()
  #messages = 0
  #flushed = 0
  #brokerCrashes = 0
  #consumerCrashes = 0
  #lastBrokerCrash = 0

  constructor(trace: ReadonlyArray<DeliveryEvent>, view: DeliveryView) {
    this.#trace = trace.filter(
      ({ action, fields, node }) =>
        (node === view.brokerName || fields["brokerName"] === view.brokerName || action === "ConsumerCrash") &&
        (fields["group"] === undefined || fields["group"] === view.group),
    )
    this.#view = view
    this.#recordAt = new Map(view.records.map((record) => [record.commitLogOffset, record]))
    this.#visible = new Map(view.records.map((record) => [placeOf(record), record]))
    for (const record of view.records) this.#shownAs.set(originOf(record), record)
  }

  read(): DeliveryRun {
    const taken = this.#takenPulls()
    // Numbered before the first crash has to name them all.
    for (const record of this.#view.records) this.#queueOf(originOf(record))
    for (const [index, event] of this.#trace.entries()) {
      if (event.action !== "Pull" || taken.has(index)) this.#one(event, index)
    }
    return {
      brokerCrashes: this.#brokerCrashes,
      consumerCrashes: this.#consumerCrashes,
      events: this.#events,
      messages: this.#messages,
      queues: this.#queueNames.length,
      triesMax: this.#view.triesMax,
    }
  }

  #one(event: DeliveryEvent, index: number): void {
    switch (event.action) {
      case "Send":
        return this.#append(event, number(event, "commitLogOffset"), { m: ++this.#messages })
      case "Retry":
      case "DeadLetter": {
        const i = this.#placeOf(this.#origin(number(event, "sourceCommitLogOffset"), event))
        this.#sentBack.add(i)
        return this.#append(event, number(event, "commitLogOffset"), { i, tries: number(event, "reconsumeTimes") })
      }
      case "Dispatch":
        return this.#flush(number(event, "commitLogOffsetEnd"))
      case "Pull":
        for (let n = 0; n < number(event, "count"); n++) this.#add("Pull", { i: this.#shown(event, n) })
        return
      case "Ack":
        // The store has an Ack of its own.
        if (event.fields["group"] !== undefined) this.#add("Ack", { i: this.#shown(event) })
        return
      case "Settle":
        return this.#settle(this.#shown(event))
      case "PersistOffset":
        return this.#persist(event)
      case "ConsumerCrash":
        this.#consumerCrashes++
        this.#sentBack.clear()
        return this.#add("ConsumerCrash", { from: this.#begun(index) })
      case "BrokerCrash":
        return this.#crash(index)
    }
  }

  #add(action: string, fields: Readonly<Record<string, Value>>): void {
    this.#events.push({ action, fields })
  }

  #append({ action }: DeliveryEvent, commitLogOffset: number, fields: Readonly<Record<string, Value>>): void {
    const queue = this.#queueOf(commitLogOffset)
    this.#entries.push({ commitLogOffset, queue })
    this.#add(action, action === "DeadLetter" ? fields : { ...fields, q: queue })
  }

  #flush(end: number): void {
    const n = this.#countBelow(end)
    if (n === this.#flushed) return
    this.#flushed = n
    this.#add("Flush", { n })
  }

  /** An answer that was on its way when the broker died was given before. */
  #settle(i: number): void {
    const event = { action: "Settle", fields: { i } }
    if (this.#sentBack.delete(i)) this.#events.push(event)
    else this.#events.splice(this.#lastBrokerCrash, 0, event)
  }

  /** One offset of a real queue is one of each of its delays. */
  #persist(event: DeliveryEvent): void {
    const queueOffset = number(event, "queueOffset")
    for (const [q, n] of this.#marksOf(event, queueOffset)) {
      if ((this.#persisted.get(q) ?? 0) === n) continue
      this.#persisted.set(q, n)
      this.#add("PersistOffset", { n, q })
    }
  }

  #crash(index: number): void {
    const next = this.#trace.slice(index).find(({ action }) => action === "Recover")
    if (next === undefined) throw new Error("a broker crashed and never came back")
    const n = this.#countBelow(number(next, "commitLogOffsetEnd"))
    this.#entries = this.#entries.slice(0, n)
    this.#flushed = n
    this.#brokerCrashes++
    this.#sentBack.clear()
    this.#lastBrokerCrash = this.#events.length
    this.#add("BrokerCrash", { n })
  }

  /** Of each queue, where the next life of the consumer began, or a later one if that one never came to it. */
  #begun(index: number): Value {
    const from = new Map(this.#queueNames.map((_name, at) => [at + 1, this.#persisted.get(at + 1) ?? 0]))
    const known = new Set<string>()
    for (const event of this.#trace.slice(index)) {
      const queue = `${String(event.fields["topic"])}/${String(event.fields["queueId"])}`
      if (event.action !== "Begin" || known.has(queue)) continue
      known.add(queue)
      for (const [q, n] of this.#marksOf(event, number(event, "queueOffset"))) from.set(q, n)
    }
    return functionOf(from)
  }

  /** Pulls whose answer arrived: the last one before each time that the consumer received it. */
  #takenPulls(): ReadonlySet<number> {
    const taken = new Set<number>()
    const latest = new Map<string, number>()
    for (const [index, event] of this.#trace.entries()) {
      const key = `${placeOf(event.fields)} ${String(event.fields["count"])}`
      if (event.action === "Pull") latest.set(key, index)
      if (event.action !== "Receive") continue
      const pull = latest.get(key)
      if (pull === undefined) throw new Error(`the consumer received ${key}, which no broker sent`)
      taken.add(pull)
    }
    return taken
  }

  /** The last entries before an offset of a real queue, by queue of the spec. */
  #marksOf({ fields }: DeliveryEvent, queueOffset: number): ReadonlyMap<number, number> {
    const marks = new Map<number, number>()
    for (const [index, { commitLogOffset, queue }] of this.#entries.entries()) {
      const shown = this.#shownAs.get(commitLogOffset)
      if (shown === undefined || shown.topic !== fields["topic"] || shown.queueId !== fields["queueId"]) continue
      if (shown.queueOffset < queueOffset) marks.set(queue, index + 1)
      else if (!marks.has(queue)) marks.set(queue, 0)
    }
    return marks
  }

  /** The place of the entry that an event of a consumer, or of a pull, is about. */
  #shown(event: DeliveryEvent, further = 0): number {
    const queueOffset = number(event, "queueOffset") + further
    const record = this.#visible.get(placeOf({ ...event.fields, queueOffset }))
    if (record === undefined) throw new Error(`${event.action} of ${placeOf(event.fields)}, which is not in the log`)
    return this.#placeOf(originOf(record))
  }

  #origin(commitLogOffset: number, { action }: DeliveryEvent): number {
    const record = this.#recordAt.get(commitLogOffset)
    if (record === undefined) throw new Error(`${action} of a record at ${commitLogOffset}, which is not in the log`)
    return originOf(record)
  }

  #placeOf(commitLogOffset: number): number {
    const index = this.#entries.findIndex((entry) => entry.commitLogOffset === commitLogOffset)
    if (index < 0) throw new Error(`no entry was appended at ${commitLogOffset}`)
    return index + 1
  }

  #countBelow(end: number): number {
    const index = this.#entries.findIndex(({ commitLogOffset }) => commitLogOffset >= end)
    return index < 0 ? this.#entries.length : index
  }

  /** The spec's queue of the entry at an offset, from 1. What a crash took was never seen, in whatever queue. */
  #queueOf(commitLogOffset: number): number {
    const shown = this.#shownAs.get(commitLogOffset)
    const first = this.#recordAt.get(commitLogOffset)
    const name =
      shown === undefined || first === undefined
        ? "lost"
        : shown === first
          ? `${shown.topic}/${shown.queueId}`
          : `${shown.topic}/${shown.queueId} delayed by ${first.queueId}`
    const known = this.#queueNames.indexOf(name)
    return known < 0 ? this.#queueNames.push(name) : known + 1
  }
}

const originOf = ({ commitLogOffset, sourceCommitLogOffset }: DeliveryRecord): number =>
  sourceCommitLogOffset ?? commitLogOffset

const placeOf = (fields: Readonly<Record<string, unknown>> | DeliveryRecord): string => {
  const { queueId, queueOffset, topic } = fields as Readonly<Record<string, unknown>>
  return `${String(topic)}/${String(queueId)}/${String(queueOffset)}`
}

const number = ({ action, fields }: DeliveryEvent, name: string): number => {
  const value = fields[name]
  if (typeof value !== "number") throw new Error(`${action} has no number ${name}: ${JSON.stringify(fields)}`)
  return value
}

/** The set 1..n, as a configuration of TLC has it. */
const upTo = (n: number): string => printValue(setOf(Array.from({ length: n }, (_, index) => index + 1)))

/** What holds a run against Delivery.tla; its constants are as large as the run. */
export const traceSpec = ({ brokerCrashes, consumerCrashes, messages, queues, triesMax }: DeliveryRun): TraceSpec => ({
  constants: {
    BrokerCrashesMax: String(brokerCrashes),
    Bug: '"none"',
    ConsumerCrashesMax: String(consumerCrashes),
    Msgs: upTo(messages),
    RetryQueues: upTo(queues),
    SendQueues: upTo(queues),
    TriesMax: String(triesMax),
  },
  folder: new URL(".", import.meta.url),
  invariants: ["TypeOK", "NoAckedLost", "VisibleIsDurable", "OffsetCovered", "RetryBounded", "TriesCounted"],
  module: "DeliveryTrace",
  variables: "log flushed acked hand sentBack next offset done brokerCrashes consumerCrashes".split(" "),
})
