import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Properties from "../../../src/domain/Properties.ts"
import * as Topic from "../../../src/domain/Topic.ts"
import { TopicName } from "../../../src/domain/Topic.ts"
import * as Transaction from "../../../src/domain/Transaction.ts"

const settings: Transaction.Settings = { checkMax: 3, pendingMax: 100, reservedMs: 100_000, timeOutMs: 1000 }
const topics = new Map([
  ["t", Topic.make("t", 4)],
  ["empty", { ...Topic.make("empty", 0) }],
])
const topicOf = (name: string) => topics.get(name)

interface LogRecord extends Transaction.HalfRecord {
  readonly bornTimestamp: number
  readonly sysFlag: number
}

/** A broker reduced to its log: every fact is a record, as the driver has it. */
class Log {
  readonly records: Array<LogRecord> = []
  readonly ops: Array<number> = []
  readonly table = Transaction.make()
  nowMs = 1000
  #next = 0

  get halfNext(): number {
    return this.#next
  }

  append(topic: string, properties: string, preparedTransactionOffset: number, sysFlag = 0): LogRecord {
    const isHalf = topic === TopicName.TRANS_HALF
    const record: LogRecord = {
      bornTimestamp: 7,
      physicalOffset: (this.records.length + 1) * 100,
      preparedTransactionOffset,
      properties,
      queueId: 0,
      queueOffset: isHalf ? this.#next++ : 0,
      storeTimestamp: this.nowMs,
      sysFlag,
      topic,
    }
    this.records.push(record)
    return record
  }

  apply(event: Transaction.Event): void {
    const settled = Transaction.evolve(this.table, event)
    if (settled !== undefined) this.ops.push(settled)
  }

  half(key: string, more = ""): LogRecord {
    const properties = `TRAN_MSG\u0001true\u0002PGROUP\u0001g\u0002UNIQ_KEY\u0001${key}\u0002${more}`
    const hidden = Result.getOrThrow(
      Transaction.hide({ properties, queueId: 1, topic: "t" }, this.table.pending.size, settings),
    )
    const record = this.append(TopicName.TRANS_HALF, hidden, 0)
    this.apply({ _tag: "Begun", half: Transaction.halfOf(record, this.nowMs) })
    return record
  }

  end(half: LogRecord, answer: "Commit" | "Rollback", changes: Partial<Transaction.End> = {}) {
    const decided = Transaction.decideEnd(this.table, endOf(half, answer, this.nowMs, changes), half, topicOf, settings)
    if (Result.isFailure(decided)) return decided.failure.code
    const ending = decided.success
    if (ending._tag === "Deliver") this.append(ending.topic, ending.properties, ending.id, 8)
    if (ending._tag === "Same") return `Same ${ending.outcome}`
    this.apply({ _tag: "Ended", id: ending.id, outcome: ending._tag === "Deliver" ? "Committed" : "RolledBack" })
    return ending._tag
  }

  round(): void {
    for (const { half, verdict } of Transaction.due(this.table, this.nowMs, settings)) {
      const record = this.records.find(({ physicalOffset }) => physicalOffset === half.commitLogOffset)!
      if (verdict === "GiveUp") {
        this.append(TopicName.TRANS_CHECK_MAX_TIME, record.properties, half.id)
        this.apply({ _tag: "Ended", id: half.id, outcome: "GaveUp" })
        continue
      }
      const properties = Transaction.copyProperties(record.properties, settings.checkMax)
      const copy = this.append(TopicName.TRANS_HALF, properties, half.id)
      const { checks } = Transaction.halfOf(copy, 0)
      this.apply({
        _tag: "Copied",
        checks: checks!,
        commitLogOffset: copy.physicalOffset,
        id: half.id,
        queueOffset: copy.queueOffset,
      })
    }
  }

  /** What a start makes of the records, with the op messages that got there. */
  restored(ops: ReadonlyArray<number>, from = 0): { table: Transaction.Transactions; left: ReadonlyArray<number> } {
    const ended = new Map<number, Transaction.Outcome>()
    for (const record of this.records) {
      const resumed = Transaction.resumedBy(record)
      if (resumed !== undefined) ended.delete(resumed)
      const end = Transaction.endedBy(record)
      if (end !== undefined) ended.set(end.id, end.outcome)
    }
    const restoring = Transaction.restoring()
    const left: Array<number> = []
    for (const record of this.records) {
      if (!Transaction.isHalf(record) || record.queueOffset < from || ops.includes(record.queueOffset)) continue
      const first = this.records.find(({ physicalOffset }) => physicalOffset === Transaction.idOf(record))
      const settled = Transaction.restore(restoring, record, first!.storeTimestamp, (offset) => ended.has(offset))
      if (settled !== undefined) left.push(settled)
    }
    return { left, table: restoring.table }
  }
}

const endOf = (
  half: Transaction.HalfRecord,
  answer: "Commit" | "Rollback",
  nowMs: number,
  changes: Partial<Transaction.End> = {},
): Transaction.End => ({
  answer,
  commitLogOffset: half.physicalOffset,
  isFromCheck: false,
  messageIds: [Properties.find(half.properties, "UNIQ_KEY") ?? ""],
  nowMs,
  producerGroup: "g",
  queueOffset: half.queueOffset,
  ...changes,
})

type Step =
  | { readonly _tag: "Half" }
  | { readonly _tag: "End"; readonly pick: number; readonly answer: "Commit" | "Rollback" }
  | { readonly _tag: "Round" }
  | { readonly _tag: "Wait"; readonly ms: number }

const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    fc.constant<Step>({ _tag: "Half" }),
    fc.record({
      _tag: fc.constant("End" as const),
      answer: fc.constantFrom("Commit" as const, "Rollback" as const),
      pick: fc.nat(1000),
    }),
    fc.constant<Step>({ _tag: "Round" }),
    fc.record({ _tag: fc.constant("Wait" as const), ms: fc.integer({ min: -500, max: 3000 }) }),
  ),
  { maxLength: 40 },
)

const run = (all: ReadonlyArray<Step>): Log => {
  const log = new Log()
  for (const step of all) {
    if (step._tag === "Half") log.half(`K${log.records.length}`)
    if (step._tag === "Round") log.round()
    if (step._tag === "Wait") log.nowMs = Math.max(0, log.nowMs + step.ms)
    if (step._tag !== "End") continue
    const halves = log.records.filter(Transaction.isHalf)
    if (halves.length > 0) log.end(halves[step.pick % halves.length]!, step.answer)
  }
  return log
}

const keyOf = (record: LogRecord): string => Properties.find(record.properties, "UNIQ_KEY")!

describe("Transaction", () => {
  it("once: a transaction ends once, whichever of its halves is named, and however often", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const log = run(all)
        const ends = log.records.filter((record) => Transaction.endedBy(record) !== undefined).map(keyOf)
        expect(new Set(ends).size).toBe(ends.length)
        const delivered = log.records.filter(({ topic }) => topic === "t")
        for (const record of delivered) {
          expect(log.table.ended.get(record.preparedTransactionOffset)).toBe("Committed")
          expect(Properties.find(record.properties, "REAL_TOPIC")).toBeUndefined()
        }
        for (const [id, outcome] of log.table.ended) {
          expect(log.table.pending.has(id)).toBe(false)
          const half = log.records.find(({ physicalOffset }) => physicalOffset === id)!
          expect(log.end(half, "Commit")).toBe(outcome === "Committed" ? "Same Committed" : "ILLEGAL_OPERATION")
          expect(log.end(half, "Rollback")).toBe(outcome === "RolledBack" ? "Same RolledBack" : "ILLEGAL_OPERATION")
        }
      }),
    )
  })

  it("own: an end that names another group, place or message changes nothing", () => {
    const log = new Log()
    const half = log.half("A")
    const other = log.half("B")
    const before = new Map(log.table.pending)
    for (const changes of [
      { producerGroup: "h" },
      { queueOffset: other.queueOffset },
      { messageIds: ["B", "C"] },
    ] satisfies ReadonlyArray<Partial<Transaction.End>>)
      expect(log.end(half, "Commit", changes)).toBe("SYSTEM_ERROR")
    for (const record of [undefined, { ...half, topic: "t" }, { ...half, queueId: 1 }]) {
      const decided = Transaction.decideEnd(log.table, endOf(half, "Commit", 0), record, topicOf, settings)
      expect(Result.isFailure(decided) && decided.failure.code).toBe("SYSTEM_ERROR")
    }
    expect(log.table.pending).toEqual(before)
    // A client that sends no unique key, or the one of its two names that it knows.
    expect(log.end(half, "Commit", { messageIds: ["", ""] })).toBe("Deliver")
    expect(log.end(other, "Commit", { messageIds: ["", "B"] })).toBe("Deliver")
  })

  it("bounded: a silent producer is asked checkMax times, and not for longer than messages are kept", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 100, max: 60_000 }), (checkMax, everyMs) => {
        const log = new Log()
        log.half("A")
        for (let round = 0; round < 100 && log.table.pending.size > 0; round++) {
          log.nowMs += everyMs
          log.round()
        }
        const copies = log.records.filter(Transaction.isHalf).length - 1
        expect(copies).toBeLessThanOrEqual(settings.checkMax)
        expect([...log.table.ended.values()]).toEqual(["GaveUp"])
        expect(log.nowMs - 1000).toBeLessThanOrEqual(settings.reservedMs + everyMs)
        expect(Transaction.nextCheck(String(checkMax), checkMax).discard).toBe(true)
      }),
    )
  })

  it("replay: the records and any of the op messages give the table that made them", () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, kept) => {
        const log = run(all)
        // An op message of a rollback is a fact of its own; those of commits and copies may be lost in a crash.
        const rolledBack = [...log.table.ended].filter(([, outcome]) => outcome === "RolledBack").map(([id]) => id)
        const isNeeded = (queueOffset: number) =>
          log.records.some((one) => one.queueOffset === queueOffset && rolledBack.includes(Transaction.idOf(one)))
        const ops = log.ops.filter((queueOffset, index) => isNeeded(queueOffset) || ((kept >> (index % 30)) & 1) === 1)
        const from = Transaction.progress(log.table, log.halfNext)
        const { left, table } = log.restored(ops, kept % 2 === 0 ? 0 : from)
        expect([...table.pending]).toEqual([...log.table.pending])
        for (const queueOffset of left) expect(log.ops).toContain(queueOffset)
      }),
    )
  })

  it("progress: below it every half has ended or has a copy above", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const log = run(all)
        const progress = Transaction.progress(log.table, log.halfNext)
        for (const half of log.table.pending.values()) expect(half.queueOffset).toBeGreaterThanOrEqual(progress)
        for (const record of log.records.filter(Transaction.isHalf)) {
          if (record.queueOffset >= progress) continue
          expect(log.ops).toContain(record.queueOffset)
        }
      }),
    )
  })

  it("progress waits for a rollback of which the log does not tell yet", () => {
    const log = new Log()
    const half = log.half("A")
    const open = log.half("B")
    log.apply({ _tag: "Ended", id: half.physicalOffset, outcome: "RolledBack" })
    expect(Transaction.progress(log.table, log.halfNext, half.queueOffset)).toBe(half.queueOffset)
    expect(Transaction.progress(log.table, log.halfNext)).toBe(open.queueOffset)
    log.apply({ _tag: "Ended", id: open.physicalOffset, outcome: "RolledBack" })
    expect(Transaction.progress(log.table, log.halfNext, open.queueOffset)).toBe(open.queueOffset)
    expect(Transaction.progress(log.table, log.halfNext)).toBe(log.halfNext)
  })

  it("takes up copies that RocketMQ made, which do not say whose they are", () => {
    const log = new Log()
    const half = log.half("A")
    const other = log.half("B")
    const copy = log.append(TopicName.TRANS_HALF, Transaction.copyProperties(half.properties, 15), 0)
    const again = log.append(TopicName.TRANS_HALF, Transaction.copyProperties(copy.properties, 15), 0)
    const { left, table } = log.restored([])
    expect(left).toEqual([half.queueOffset, copy.queueOffset])
    expect([...table.pending.keys()]).toEqual([other.physicalOffset, again.physicalOffset])
    expect(table.pending.get(again.physicalOffset)).toMatchObject({ begunMs: half.storeTimestamp, checks: 2 })
  })

  it("an end after its own immunity counts only as the answer to a check", () => {
    const log = new Log()
    const half = log.half("A", "CHECK_IMMUNITY_TIME_IN_SECONDS\u00015\u0002")
    log.nowMs += 5001
    expect(log.end(half, "Commit")).toBe("ILLEGAL_OPERATION")
    expect(Transaction.judge(log.table.pending.get(half.physicalOffset)!, log.nowMs - 1, settings)).toBe("Immune")
    expect(Transaction.judge(log.table.pending.get(half.physicalOffset)!, log.nowMs, settings)).toBe("Ask")
    expect(log.end(half, "Commit", { isFromCheck: true })).toBe("Deliver")
  })

  it("asks at once when the clock fell back", () => {
    const log = new Log()
    const half = log.half("A")
    const { pending } = log.table
    expect(Transaction.judge(pending.get(half.physicalOffset)!, 999, settings)).toBe("Ask")
    expect(Transaction.judge(pending.get(half.physicalOffset)!, 2000, settings)).toBe("Young")
    expect(Transaction.judge(pending.get(half.physicalOffset)!, 2001, settings)).toBe("Ask")
  })

  it("delivers into a queue that there is, and nowhere when the topic is gone", () => {
    const log = new Log()
    const at = (name: string, queueId: string) => {
      const half = log.half("A")
      const properties = Properties.set(Properties.set(half.properties, "REAL_TOPIC", name), "REAL_QID", queueId)
      return Transaction.decideEnd(
        log.table,
        endOf(half, "Commit", log.nowMs),
        { ...half, properties },
        topicOf,
        settings,
      )
    }
    for (const [queueId, expected] of [
      ["3", 3],
      ["4", 0],
      ["9", 1],
      ["x", 0],
      ["-1", 0],
    ] as const)
      expect(Result.getOrThrow(at("t", queueId))).toMatchObject({ _tag: "Deliver", queueId: expected, topic: "t" })
    for (const name of ["gone", "empty"])
      expect(Result.isFailure(at(name, "0")) && at(name, "0")).toMatchObject({ failure: { code: "TOPIC_NOT_EXIST" } })
  })

  it("an administrator resumes what was given up, once, and nothing else", () => {
    const log = new Log()
    const half = log.half("A")
    log.nowMs += settings.reservedMs + 1
    log.round()
    const givenUp = log.records.at(-1)!
    const resume = (record: LogRecord | undefined) => Transaction.decideResume(log.table, record, "id")
    expect(Result.getOrThrow(resume(givenUp)).id).toBe(half.physicalOffset)
    const { id, properties } = Result.getOrThrow(resume(half))
    expect(Properties.find(properties, "TRANSACTION_CHECK_TIMES")).toBe("0")
    const begun = log.append(TopicName.TRANS_HALF, properties, id)
    log.apply({ _tag: "Begun", half: Transaction.halfOf(begun, log.nowMs) })
    expect([...log.restored([]).table.pending.keys()]).toEqual([id])
    expect(log.end(begun, "Commit")).toBe("Deliver")
    expect(Result.isFailure(resume(givenUp))).toBe(true)
    expect(Result.isFailure(resume({ ...half, physicalOffset: 1 }))).toBe(true)
    expect(Result.isFailure(resume(undefined))).toBe(true)
    expect(Result.isFailure(resume(log.records.find(({ topic }) => topic === "t")))).toBe(true)
  })

  it("hide: refuses a delay and too many, and lets nothing of an earlier journey count", () => {
    const message = { properties: "TRANSACTION_CHECK_TIMES\u000114\u0002", queueId: 1, topic: "t" }
    const hidden = Result.getOrThrow(Transaction.hide(message, 0, settings))
    expect(Object.fromEntries(Properties.parse(hidden))).toEqual({ REAL_QID: "1", REAL_TOPIC: "t" })
    const failure = (properties: string, pending: number) => {
      const refused = Transaction.hide({ ...message, properties }, pending, settings)
      return Result.isFailure(refused) && refused.failure.code
    }
    expect(failure("DELAY\u00013\u0002", 0)).toBe("MESSAGE_ILLEGAL")
    expect(failure("", settings.pendingMax)).toBe("SYSTEM_BUSY")
  })

  it("remembers the newest outcomes only", () => {
    const table = Transaction.make()
    for (let id = 1; id <= Transaction.endedMax + 1; id++)
      Transaction.evolve(table, { _tag: "Ended", id, outcome: "Committed" })
    expect(table.ended.size).toBeLessThanOrEqual(Transaction.endedMax)
    expect(table.ended.size).toBeGreaterThanOrEqual(Transaction.endedMax * 0.9)
    expect(table.ended.has(1)).toBe(false)
    // A copy of what has ended meanwhile is settled as it comes.
    expect(Transaction.evolve(table, { _tag: "Copied", checks: 1, commitLogOffset: 9, id: 2, queueOffset: 5 })).toBe(5)
  })
})
