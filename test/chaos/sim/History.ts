/**
 * What the clients of a run saw and did, by the true time of the simulation: the evidence that the checkers judge.
 * Clients write it, nobody reads it while the run goes on, and no broker knows of it.
 */

import type { TraceEvent } from "../../../src/infra/telemetry/Trace.ts"

/** One attempt to send one message: a message that is tried again is a new attempt with the same key. */
export interface Attempt {
  readonly key: string
  /** Counts up over all attempts of one life of one producer, in the order in which they were handed to the socket. */
  readonly sequence: number
  /** The life of the producer: one process from its start to its end. */
  readonly producer: string
  readonly brokerName: string
  readonly topic: string
  /** Negative: the broker was asked to choose. */
  readonly queueId: number
  readonly tag: string
  /** 0: at once. */
  readonly delayLevel: number
  /** The producer asked for an answer that does not wait for the disk (WAIT=false). */
  readonly isUnsafe: boolean
  readonly sentMs: number
  answer?: SendAnswer
}

export interface SendAnswer {
  readonly atMs: number
  /** Response code, or the reason why none came. */
  readonly code: number | string
  readonly commitLogOffset: number
  readonly queueId: number
  readonly queueOffset: number
}

/** A message in the hands of a consumer. */
export interface Delivery {
  readonly group: string
  readonly consumer: string
  readonly brokerName: string
  /** Where it lay: the topic, or the group's retry topic. */
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly commitLogOffset: number
  readonly key: string
  readonly reconsumeTimes: number
  readonly atMs: number
  /** When the application began, for orderly groups. */
  startedMs?: number
  /** Until when the consumer could believe that it held the lock of the queue when it began. */
  believedUntilMs?: number
  settled?: { readonly atMs: number; readonly how: "Consumed" | "SentBack" }
}

export interface Commit {
  readonly group: string
  readonly consumer: string
  readonly brokerName: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly sentMs: number
  /** `pull`: carried by a pull, as `oneway` never answered on its own. */
  readonly how: "explicit" | "oneway" | "pull"
  answer?: { readonly atMs: number; readonly code: number | string }
}

/** An administrator sends a group back to the beginning of a topic on a broker. */
export interface Reset {
  readonly brokerName: string
  readonly group: string
  readonly topic: string
  readonly sentMs: number
  answer?: { readonly atMs: number; readonly code: number | string }
}

/** A consumer asked how far its group is. */
export interface OffsetRead {
  readonly group: string
  readonly consumer: string
  readonly brokerName: string
  readonly topic: string
  readonly queueId: number
  readonly sentMs: number
  readonly atMs: number
  /** Undefined: the broker said that there is none. */
  readonly queueOffset: number | undefined
}

/** A consumer was told that the offset it asked for is not in the queue. */
export interface OffsetMoved {
  readonly group: string
  readonly consumer: string
  readonly brokerName: string
  readonly topic: string
  readonly queueId: number
  readonly asked: number
  readonly nextBeginOffset: number
  readonly remark: string
  readonly atMs: number
}

export interface Strike {
  readonly atMs: number
  readonly fault: string
  readonly what: string
}

/** A broker lost its power. */
export interface PowerCut {
  readonly brokerName: string
  readonly atMs: number
}

/** A sync of a broker's log ended well: what lies below `commitLogOffsetEnd` is on its disk. */
export interface LogSync {
  readonly brokerName: string
  readonly atMs: number
  readonly commitLogOffsetEnd: number
}

/** A message that was sent in a transaction, and every end of it that was asked for. */
export interface Transaction {
  readonly key: string
  readonly brokerName: string
  /** The broker said that it has the half message. */
  isStored: boolean
  /** How often its producers were asked. */
  checks?: number
  readonly ends: Array<{ readonly decision: "commit" | "rollback"; isConfirmed: boolean }>
}

/** A broker has written down how far a group is. */
export interface Persisted {
  readonly brokerName: string
  readonly group: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly atMs: number
}

/** A trace event of some node, as spec/README.md lists them; `node` is a server's or a client's name. */
export type Traced = Pick<TraceEvent, "action" | "fields" | "node">

/** How many lines `tail` can tell. */
const linesMax = 4000

export interface DelayTable {
  readonly brokerName: string
  readonly commitLogOffset: number
  readonly delaysMs: ReadonlyArray<number>
}

export class History {
  readonly attempts: Array<Attempt> = []
  readonly deliveries: Array<Delivery> = []
  readonly commits: Array<Commit> = []
  readonly resets: Array<Reset> = []
  readonly reads: Array<OffsetRead> = []
  readonly moved: Array<OffsetMoved> = []
  readonly transactions: Array<Transaction> = []
  readonly strikes: Array<Strike> = []
  readonly powerCuts: Array<PowerCut> = []
  readonly logSyncs: Array<LogSync> = []
  readonly persisted: Array<Persisted> = []
  /** With which delays by level a broker was started, and where its log ended then; in the order of time. */
  readonly delayTables: Array<DelayTable> = []
  /** By broker, the true time at which the record at an offset of its log was appended last. */
  readonly appendedMs = new Map<string, Map<number, number>>()
  /** What went wrong inside a server without a fault that explains it: starts refused, handlers that threw. */
  readonly defects: Array<string> = []
  /** Every trace event of the run up to its rest, when somebody wants them. */
  traced: Array<Traced> | undefined
  readonly #nowMs: () => number
  readonly #record: (what: string) => void
  #lines: Array<string> = []

  constructor(nowMs: () => number, record: (what: string) => void) {
    this.#nowMs = nowMs
    this.#record = record
  }

  get nowMs(): number {
    return this.#nowMs()
  }

  appended(brokerName: string, commitLogOffset: number): void {
    const known = this.appendedMs.get(brokerName)
    if (known === undefined) this.appendedMs.set(brokerName, new Map([[commitLogOffset, this.#nowMs()]]))
    else known.set(commitLogOffset, this.#nowMs())
  }

  /** One line of the story; it goes into the trace, and the last ones are printed when the run fails. */
  note(who: string, what: string): void {
    const line = `${who}: ${what}`
    this.#record(line)
    this.#lines.push(`${this.#nowMs().toFixed(3).padStart(12)} ms  ${line}`)
    if (this.#lines.length > 2 * linesMax) this.#lines = this.#lines.slice(-linesMax)
  }

  tail(count: number): ReadonlyArray<string> {
    return count === 0 ? [] : this.#lines.slice(-count)
  }
}
