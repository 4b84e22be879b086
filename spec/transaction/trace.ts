/**
 * Turns the trace of a simulated cluster (spec/README.md), as one broker sees it, into events of TransactionTrace.tla.
 * The spec has one log of what concerns transactions, and counts its records; the broker counts bytes, and offsets of its
 * half queue. An end that comes a second time is no step, nor is the same answer.
 */
import { printValue, type RecordedEvent, setOf, type TraceSpec, type Value } from "tla-ts-bridge"

/** As the trace port tells it. */
export interface TransactionEvent {
  readonly action: string
  readonly node: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface TransactionRun {
  readonly events: ReadonlyArray<RecordedEvent>
  /** What the constants of Transaction.tla must allow for. */
  readonly messages: number
  readonly crashes: number
}

/** Throws when an event lacks a field or names a record that no event made: then the port is at fault. */
export const readTransactionRun = (trace: ReadonlyArray<TransactionEvent>, brokerName: string): TransactionRun =>
  new Reader(trace.filter(({ node }) => node === brokerName)).read()

class Reader {
  readonly #trace: ReadonlyArray<TransactionEvent>
  readonly #events: Array<RecordedEvent> = []
  /** CommitLog offsets of the log's records, in order; the spec counts them from 1. */
  #records: Array<number> = []
  /** Numbers of transactions, by id. */
  #numbers = new Map<number, number>()
  /** Places in the log, by offset in the half queue. */
  readonly #halves = new Map<number, number>()
  readonly #once = new Set<string>()
  #rolled: Array<number> = []
  #flushed = 0
  #messages = 0
  #crashes = 0

  constructor(trace: ReadonlyArray<TransactionEvent>) {
    this.#trace = trace
  }

  read(): TransactionRun {
    for (const [index, event] of this.#trace.entries()) this.#one(event, index)
    return { crashes: this.#crashes, events: this.#events, messages: this.#messages }
  }

  #one(event: TransactionEvent, index: number): void {
    const offset = () => number(event, "commitLogOffset")
    switch (event.action) {
      case "SendHalf":
        this.#numbers.set(offset(), ++this.#messages)
        this.#halves.set(number(event, "queueOffset"), this.#append(offset()))
        return this.#add("SendHalf", { m: this.#messages })
      case "Check":
        this.#halves.set(number(event, "queueOffset"), this.#append(offset()))
        return this.#add("Check", { checks: number(event, "checks"), m: this.#number(event) })
      case "WriteReal":
        this.#append(offset())
        return this.#add("WriteReal", { i: this.#placeOf(number(event, "source")), m: this.#number(event) })
      case "GiveUp":
        this.#append(offset())
        return this.#add("GiveUp", { m: this.#number(event) })
      case "RollBack":
        this.#rolled.push(this.#number(event))
        return this.#add("RollBack", { i: this.#placeOf(number(event, "source")), m: this.#number(event) })
      case "WriteOp":
        return this.#writeOp(event, offset())
      case "Ask":
        return this.#add("Ask", { i: this.#placeOf(offset()) })
      case "End": {
        const fields = { answer: answerOf(event), i: this.#placeOf(offset()), m: this.#number(event) }
        return this.#addOnce("End", fields)
      }
      case "Answer":
        return this.#addOnce("Answer", { answer: answerOf(event), m: this.#number(event) })
      case "Dispatch":
        return this.#flush(number(event, "commitLogOffsetEnd"))
      case "BrokerCrash":
        return this.#crash(index)
    }
  }

  #add(action: string, fields: Readonly<Record<string, Value>>): void {
    this.#events.push({ action, fields })
  }

  #addOnce(action: string, fields: Readonly<Record<string, Value>>): void {
    const key = `${action} ${JSON.stringify(fields)}`
    if (this.#once.has(key)) return
    this.#once.add(key)
    this.#add(action, fields)
  }

  #append(commitLogOffset: number): number {
    return this.#records.push(commitLogOffset)
  }

  /** A half that a crash took may be told of as well: it is none of the log's. */
  #writeOp(event: TransactionEvent, commitLogOffset: number): void {
    const offsets = String(event.fields["halves"]).split(",").map(Number)
    const places = offsets.map((queueOffset) => {
      const place = this.#halves.get(queueOffset)
      if (place === undefined) throw new Error(`WriteOp of half ${queueOffset}, which is not in the log`)
      return place
    })
    this.#append(commitLogOffset)
    this.#add("WriteOp", { halves: setOf(places), rolled: setOf(this.#rolled) })
    this.#rolled = []
  }

  #flush(end: number): void {
    const n = this.#countBelow(end)
    if (n === this.#flushed) return
    this.#flushed = n
    this.#add("Flush", { n })
  }

  #crash(index: number): void {
    const next = this.#trace.slice(index).find(({ action }) => action === "Recover")
    if (next === undefined) throw new Error("a broker crashed and never came back")
    const n = this.#countBelow(number(next, "commitLogOffsetEnd"))
    this.#records = this.#records.slice(0, n)
    for (const [queueOffset, place] of this.#halves) if (place > n) this.#halves.delete(queueOffset)
    this.#flushed = n
    this.#rolled = []
    this.#crashes++
    this.#add("Crash", { n })
  }

  #number({ action, fields }: TransactionEvent): number {
    const known = this.#numbers.get(Number(fields["id"]))
    if (known === undefined) throw new Error(`${action} of transaction ${String(fields["id"])}, which nobody sent`)
    return known
  }

  #placeOf(commitLogOffset: number): number {
    const index = this.#records.indexOf(commitLogOffset)
    if (index < 0) throw new Error(`no record was appended at ${commitLogOffset}`)
    return index + 1
  }

  #countBelow(end: number): number {
    const index = this.#records.findIndex((commitLogOffset) => commitLogOffset >= end)
    return index < 0 ? this.#records.length : index
  }
}

const number = ({ action, fields }: TransactionEvent, name: string): number => {
  const value = fields[name]
  if (typeof value !== "number") throw new Error(`${action} has no number ${name}: ${JSON.stringify(fields)}`)
  return value
}

const answerOf = ({ fields }: TransactionEvent): string => (fields["answer"] === "Commit" ? "commit" : "rollback")

/** What holds a run against Transaction.tla; its constants are as large as the run. */
export const traceSpec = ({ crashes, messages }: TransactionRun, checkMax: number): TraceSpec => ({
  constants: {
    Bug: '"none"',
    CheckMax: String(checkMax),
    CrashesMax: String(crashes),
    Durable: "TRUE",
    Msgs: printValue(setOf(Array.from({ length: messages }, (_, index) => index + 1))),
  },
  folder: new URL(".", import.meta.url),
  invariants:
    "TypeOK AtMostOneReal OnlyCommitted ToldIsSo OneOutcome NoneForgotten OpMatches BoundedCheck TableIsFold".split(
      " ",
    ),
  module: "TransactionTrace",
  variables: "log flushed table buffer rolling ends told asked crashes".split(" "),
})
