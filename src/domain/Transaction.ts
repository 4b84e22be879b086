/**
 * Transactions, the broker's side: a producer sends a *half* message, which is stored where no consumer looks, runs
 * its own local transaction, and then ends the half by commit or rollback. One that hears nothing asks the producer's
 * group, `checkMax` times, and then gives up (P6).
 *
 * In the log: a half message lies in `RMQ_SYS_TRANS_HALF_TOPIC`, its own topic and queue in REAL_TOPIC and REAL_QID.
 * Every check appends a copy of it that counts one more, so that the queue's oldest undecided message stays young. A
 * commit is the message itself in its own queue, a transaction that was given up lies in `TRANS_CHECK_MAX_TIME_TOPIC`; both
 * name the half in `preparedTransactionOffset`. Rolled back is what only an op message tells of (`OpMessage`).
 *
 * A transaction is known by the CommitLog offset of its first half, its `id`; copies name it, so that whoever ends any
 * of them ends the one transaction.
 *
 * Laws (test/model/domain/Transaction.test.ts)
 *   once      a transaction ends once: whatever comes later is refused, or hears the outcome that it asked for
 *   own       an end that does not name a half of its own group, place and unique key changes nothing
 *   bounded   a silent producer is asked `checkMax` times at most, and for `reservedMs` at most
 *   replay    restoring from the records of the log gives the table that made them
 *   progress  below `progress` every half has ended or has a copy above it
 * Source: spec/transaction/Transaction.tla; behaviour of RocketMQ 5.5.0 (TransactionalMessageServiceImpl,
 * EndTransactionProcessor).
 */
import * as Result from "effect/Result"
import { levelOf } from "./DelayLevel.ts"
import * as Properties from "./Properties.ts"
import { PropertyName } from "./Properties.ts"
import { type Refusal, refuse } from "./Refusal.ts"
import { MessageFlag, transactionType } from "./SysFlag.ts"
import { type TopicConfig, TopicName, queueNums } from "./Topic.ts"

/** The group in whose name a broker notes how far the half and op queues are settled. */
export const consumerGroup = "CID_RMQ_SYS_TRANS"

/** Half messages lie in one queue. */
export const halfQueueId = 0

export type Outcome = "Committed" | "RolledBack" | "GaveUp"

/** A transaction that is not decided yet. */
export interface Half {
  /** CommitLog offset of its first half. */
  readonly id: number
  /** Where its newest copy lies. */
  readonly commitLogOffset: number
  readonly queueOffset: number
  /** When the first half was stored, by the broker's clock. */
  readonly begunMs: number
  /** What TRANSACTION_CHECK_TIMES says; undefined before the first check. */
  readonly checks: number | undefined
  /** How long the producer wants not to be asked; undefined: as long as the broker says. */
  readonly immunityMs: number | undefined
}

/** Changed by `evolve` alone, inside its owner. */
export interface Transactions {
  /** By id, in the order of their newest copies in the half queue. */
  readonly pending: Map<number, Half>
  /** The newest outcomes by id, so that an end that comes twice is answered as the first one was. */
  readonly ended: Map<number, Outcome>
}

export interface Settings {
  /** RocketMQ's transactionTimeOut: how old a half is before its producer is asked. */
  readonly timeOutMs: number
  /** RocketMQ's transactionCheckMax. */
  readonly checkMax: number
  /** How long messages are kept: no transaction lives longer. */
  readonly reservedMs: number
  /** Undecided transactions at once; beyond it halves are refused. */
  readonly pendingMax: number
}

/** Facts, in the order of the log. */
export type Event =
  | { readonly _tag: "Begun"; readonly half: Half }
  /** A copy was appended. */
  | {
      readonly _tag: "Copied"
      readonly id: number
      readonly commitLogOffset: number
      readonly queueOffset: number
      readonly checks: number
    }
  | { readonly _tag: "Ended"; readonly id: number; readonly outcome: Outcome }

/** Outcomes that are remembered: some seconds of a busy broker. */
export const endedMax = 100_000

export const make = (): Transactions => ({ ended: new Map(), pending: new Map() })

/**
 * Applies one fact. Answers the queue offset of the half that is settled by it, for an op message; undefined when none
 * is.
 */
export const evolve = (table: Transactions, event: Event): number | undefined => {
  switch (event._tag) {
    case "Begun":
      table.pending.set(event.half.id, event.half)
      table.ended.delete(event.half.id)
      return undefined
    case "Copied": {
      const { _tag, ...copy } = event
      const before = table.pending.get(event.id)
      if (before === undefined) return event.queueOffset
      table.pending.delete(event.id)
      table.pending.set(event.id, { ...before, ...copy })
      return before.queueOffset
    }
    case "Ended": {
      const half = table.pending.get(event.id)
      table.pending.delete(event.id)
      if (table.ended.size >= endedMax) forgetOldest(table.ended)
      table.ended.set(event.id, event.outcome)
      return half?.queueOffset
    }
  }
}

/** Many at once: the first key of a map that loses one at a time lies behind all that it lost before. */
const forgetOldest = (ended: Map<number, Outcome>): void => {
  let left = endedMax / 10
  for (const id of ended.keys()) {
    if (left-- === 0) return
    ended.delete(id)
  }
}

/**
 * Below it every half is settled, and the log says so: what the group's offset in the half queue may say. `nextOffset`
 * ends the queue, `untoldOffset` is the lowest half that is rolled back while its op message is still to be written.
 */
export const progress = (table: Transactions, nextOffset: number, untoldOffset = nextOffset): number => {
  for (const half of table.pending.values()) return Math.min(half.queueOffset, untoldOffset)
  return Math.min(nextOffset, untoldOffset)
}

// ---- a half comes in

/** How a message is stored while nobody may see it. Refused when it could not be what it says when it is committed. */
export const hide = (
  message: { readonly topic: string; readonly queueId: number; readonly properties: string },
  pendingCount: number,
  settings: Settings,
): Result.Result<string, Refusal> => {
  if (pendingCount >= settings.pendingMax) {
    return refuse(
      "SYSTEM_BUSY",
      `[TRANSACTIONS]broker busy: ${pendingCount} transactions are undecided, and transactionPendingMax is ` +
        `${settings.pendingMax}. Not stored; end some, or send to another broker.`,
    )
  }
  if (levelOf(message.properties) > 0) {
    return refuse(
      "MESSAGE_ILLEGAL",
      "a transactional message has no delay level: when it is seen depends on its commit. Leave DELAY out.",
    )
  }
  let properties = message.properties
  const uniqKey = Properties.find(properties, PropertyName.UNIQ_KEY)
  // What an earlier journey left behind would count as checks of this one.
  for (const name of ofBroker) properties = Properties.remove(properties, name)
  if (uniqKey !== undefined) properties = Properties.set(properties, PropertyName.TRANSACTION_ID, uniqKey)
  properties = Properties.set(properties, PropertyName.REAL_TOPIC, message.topic)
  return Result.succeed(Properties.set(properties, PropertyName.REAL_QID, String(message.queueId)))
}

const ofBroker = [PropertyName.TRANSACTION_CHECK_TIMES, PropertyName.TRAN_PREPARED_QUEUE_OFFSET]

/** What the log says of one half message, or of a record that somebody takes for one. */
export interface HalfRecord {
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly physicalOffset: number
  readonly preparedTransactionOffset: number
  readonly storeTimestamp: number
  readonly properties: string
}

export const isHalf = ({ queueId, topic }: { readonly topic: string; readonly queueId: number }): boolean =>
  topic === TopicName.TRANS_HALF && queueId === halfQueueId

/** The transaction that a half message is of. */
export const idOf = ({ physicalOffset, preparedTransactionOffset }: HalfRecord): number =>
  preparedTransactionOffset > 0 ? preparedTransactionOffset : physicalOffset

/** A half message as the table holds it. `begunMs`: when its first half was stored, where that is known. */
export const halfOf = (record: HalfRecord, begunMs: number): Half => ({
  begunMs,
  checks: checksOf(record.properties),
  commitLogOffset: record.physicalOffset,
  id: idOf(record),
  immunityMs: ownImmunityMs(Properties.find(record.properties, PropertyName.CHECK_IMMUNITY_TIME_IN_SECONDS)),
  queueOffset: record.queueOffset,
})

// ---- its end

/** An END_TRANSACTION, whose answer is a decision. */
export interface End {
  readonly answer: "Commit" | "Rollback"
  readonly commitLogOffset: number
  readonly queueOffset: number
  readonly producerGroup: string
  /** The message's unique key as the client knows it, under either of two names; empty when it sends none. */
  readonly messageIds: ReadonlyArray<string>
  readonly isFromCheck: boolean
  readonly nowMs: number
}

export type Ending =
  /** To be put where it belongs: the fact that it is committed. */
  | {
      readonly _tag: "Deliver"
      readonly id: number
      readonly topic: string
      readonly queueId: number
      readonly properties: string
    }
  /** To be noted in an op message: the fact that it is rolled back. */
  | { readonly _tag: "RollBack"; readonly id: number }
  /** It has this outcome already. */
  | { readonly _tag: "Same"; readonly id: number; readonly outcome: Outcome }

/** Judges the end of a transaction; `record` is what lies at the CommitLog offset that it names. */
export const decideEnd = (
  table: Transactions,
  end: End,
  record: HalfRecord | undefined,
  topicOf: (name: string) => TopicConfig | undefined,
  settings: Settings,
): Result.Result<Ending, Refusal> => {
  if (record === undefined || !isHalf(record)) {
    return refuse(
      "SYSTEM_ERROR",
      `Find prepared transaction message failed: no half message lies at CommitLog offset ${end.commitLogOffset}, or ` +
        "retention deleted it.",
    )
  }
  const stranger = mismatch(end, record)
  if (stranger !== undefined) return refuse("SYSTEM_ERROR", stranger)
  const id = idOf(record)
  const half = table.pending.get(id)
  if (half === undefined) return again(id, end, table.ended.get(id))
  const immunity = Properties.find(record.properties, PropertyName.CHECK_IMMUNITY_TIME_IN_SECONDS)
  if (
    immunity !== undefined &&
    !end.isFromCheck &&
    end.nowMs - half.begunMs > endImmunityMs(immunity, settings.timeOutMs)
  ) {
    return refuse(
      "ILLEGAL_OPERATION",
      `the transaction began ${end.nowMs - half.begunMs} ms ago, later than CHECK_IMMUNITY_TIME_IN_SECONDS=${immunity} ` +
        "allows: the broker asks the producer, and only the answer to that counts.",
    )
  }
  if (end.answer === "Rollback") return Result.succeed({ _tag: "RollBack", id })
  return deliver(id, record, topicOf)
}

/** Where a committed message goes, and with which properties: those it was sent with. */
const deliver = (
  id: number,
  { properties }: HalfRecord,
  topicOf: (name: string) => TopicConfig | undefined,
): Result.Result<Ending, Refusal> => {
  const topic = Properties.find(properties, PropertyName.REAL_TOPIC) ?? ""
  const config = topicOf(topic)
  if (config === undefined || queueNums(config) === 0) {
    return refuse(
      "TOPIC_NOT_EXIST",
      `topic[${topic}] not exist any more: the transaction stays undecided. Create the topic again and commit, or ` +
        "answer the check by commit.",
    )
  }
  const asked = realQueueId(properties)
  // Queues may have been taken away since: there nobody would read it.
  const queueId = asked < queueNums(config) ? asked : asked % Math.max(1, config.writeQueueNums)
  let own = properties
  for (const name of hidden) own = Properties.remove(own, name)
  return Result.succeed({ _tag: "Deliver", id, properties: own, queueId, topic })
}

const hidden = [PropertyName.REAL_TOPIC, PropertyName.REAL_QID]

/** The queue that a half message was sent to; 0 when it does not say, as RocketMQ has it. */
export const realQueueId = (properties: string): number => {
  const text = Properties.find(properties, PropertyName.REAL_QID) ?? ""
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : 0
}

/**
 * Why an end is not one of this half. Beside RocketMQ's three checks the unique key: after a power cut a place in the log
 * may hold another half than the one that the producer was told of.
 */
const mismatch = (end: End, record: HalfRecord): string | undefined => {
  const group = Properties.find(record.properties, PropertyName.PGROUP)
  if (group !== end.producerGroup) {
    return `The producer group wrong: the half message is of group[${group}], the end of group[${end.producerGroup}]`
  }
  if (record.queueOffset !== end.queueOffset) {
    return (
      `The transaction state table offset wrong: the half message has queue offset ${record.queueOffset}, the end ` +
      `names ${end.queueOffset}`
    )
  }
  const uniqKey = Properties.find(record.properties, PropertyName.UNIQ_KEY)
  const named = end.messageIds.filter((id) => id !== "")
  if (uniqKey === undefined || named.length === 0 || named.includes(uniqKey)) return undefined
  return `The message id wrong: the half message has unique key ${uniqKey}, the end names ${named[0]}`
}

/** An end of what has ended: the same once more, or too late. */
const again = (id: number, { answer }: End, outcome: Outcome | undefined): Result.Result<Ending, Refusal> => {
  const asked: Outcome = answer === "Commit" ? "Committed" : "RolledBack"
  if (outcome === asked) return Result.succeed({ _tag: "Same", id, outcome })
  const known =
    outcome === undefined
      ? "has ended before"
      : outcome === "GaveUp"
        ? `was given up after its last check and lies in ${TopicName.TRANS_CHECK_MAX_TIME}`
        : `is ${words[outcome]} already`
  return refuse(
    "ILLEGAL_OPERATION",
    `the transaction ${known}: it cannot be ${answer === "Commit" ? "committed" : "rolled back"} now.`,
  )
}

/**
 * Whether a transaction that was given up begins again, by an administrator's hand, and with which properties. `record`:
 * a half of it, or what lies in TRANS_CHECK_MAX_TIME_TOPIC. RocketMQ makes a half of any message that it is given.
 */
export const decideResume = (
  table: Transactions,
  record: HalfRecord | undefined,
  msgId: string,
): Result.Result<{ readonly id: number; readonly properties: string }, Refusal> => {
  const isGivenUp = record?.topic === TopicName.TRANS_CHECK_MAX_TIME
  if (record === undefined || !(isGivenUp || isHalf(record))) {
    return refuse(
      "SYSTEM_ERROR",
      `the message ${msgId} is of no transaction: give the offset id of a message of ${TopicName.TRANS_CHECK_MAX_TIME} ` +
        `or ${TopicName.TRANS_HALF}.`,
    )
  }
  const id = idOf(record)
  const outcome = table.ended.get(id) ?? (isGivenUp ? "GaveUp" : undefined)
  if (!table.pending.has(id) && outcome !== "GaveUp") {
    return refuse(
      "ILLEGAL_OPERATION",
      `the transaction ${outcome === undefined ? "has ended before" : `is ${words[outcome]} already`}: nothing is left ` +
        "to check.",
    )
  }
  // Its producer is asked as often as at first.
  return Result.succeed({
    id,
    properties: Properties.set(record.properties, PropertyName.TRANSACTION_CHECK_TIMES, "0"),
  })
}

const words: Readonly<Record<Outcome, string>> = {
  Committed: "committed",
  GaveUp: "given up",
  RolledBack: "rolled back",
}

// ---- checks

/**
 * What to do about an undecided transaction now. `Young`: nothing, and nothing about those behind it either, unless they
 * say so themselves. `Immune`: nothing, because its producer asked for it. `Ask` the producer. `GiveUp`.
 */
export type Verdict = "Young" | "Immune" | "Ask" | "GiveUp"

export const judge = (half: Half, nowMs: number, settings: Settings): Verdict => {
  const ageMs = nowMs - half.begunMs
  if ((half.checks !== undefined && half.checks >= settings.checkMax) || ageMs > settings.reservedMs) return "GiveUp"
  // A clock that was set back makes it younger than nothing: then asking is safe, waiting might be long.
  if (half.immunityMs !== undefined) return ageMs >= 0 && ageMs <= half.immunityMs ? "Immune" : "Ask"
  return ageMs >= 0 && ageMs <= settings.timeOutMs ? "Young" : "Ask"
}

/** Everything that a round of checks has to do: those to ask and those to give up, oldest first. */
export const due = (
  table: Transactions,
  nowMs: number,
  settings: Settings,
): ReadonlyArray<{ readonly half: Half; readonly verdict: "Ask" | "GiveUp" }> => {
  const found: Array<{ half: Half; verdict: "Ask" | "GiveUp" }> = []
  for (const half of table.pending.values()) {
    const verdict = judge(half, nowMs, settings)
    if (verdict === "Ask" || verdict === "GiveUp") found.push({ half, verdict })
  }
  return found
}

/** Whether a half of so many checks is given up, and what its property says otherwise. RocketMQ's `needDiscard`. */
export const nextCheck = (
  text: string | undefined,
  checkMax: number,
): { readonly discard: boolean; readonly checkTimes: number } => {
  const checks = text === undefined ? undefined : parseChecks(text)
  if (checks === undefined) return { checkTimes: 1, discard: false }
  return checks >= checkMax ? { checkTimes: checks, discard: true } : { checkTimes: checks + 1, discard: false }
}

/** How the copy that a check appends differs from the half: it counts one more. */
export const copyProperties = (properties: string, checkMax: number): string => {
  const { checkTimes } = nextCheck(Properties.find(properties, PropertyName.TRANSACTION_CHECK_TIMES), checkMax)
  return Properties.set(properties, PropertyName.TRANSACTION_CHECK_TIMES, String(checkTimes))
}

const checksOf = (properties: string): number | undefined => {
  const text = Properties.find(properties, PropertyName.TRANSACTION_CHECK_TIMES)
  return text === undefined ? undefined : parseChecks(text)
}

/** What is not a number counts as RocketMQ counts it: one check more than none. */
const parseChecks = (text: string): number => parseInt64(text) ?? -1

/**
 * How long a half is not asked about, by its property, in ms: RocketMQ's `getImmunityTime`. What is not a whole number
 * and -1 mean the broker's time. Numbers beyond all bounds, which overflow there and ask at once, are for ever.
 */
export const checkImmunityMs = (seconds: string | undefined, timeOutMs: number): number =>
  ownImmunityMs(seconds) ?? timeOutMs

const ownImmunityMs = (seconds: string | undefined): number | undefined => {
  const value = parseInt64(seconds ?? "")
  return value === undefined || value === -1 ? undefined : Math.min(value * 1000, Number.MAX_SAFE_INTEGER)
}

/** How long the producer's own end of a half with that property counts: the longer of the two times. */
export const endImmunityMs = (seconds: string | undefined, timeOutMs: number): number =>
  Math.max(ownImmunityMs(seconds) ?? timeOutMs, timeOutMs)

/** A Java long; undefined for anything else. */
const parseInt64 = (text: string): number | undefined => {
  if (!/^[+-]?[0-9]{1,19}$/.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? Number(value) : undefined
}

// ---- after a start

/** The half that a record of the log ends, by the CommitLog offset that the record names; undefined for any other. */
export const endedBy = (record: {
  readonly topic: string
  readonly sysFlag: number
  readonly preparedTransactionOffset: number
}): { readonly id: number; readonly outcome: Outcome } | undefined => {
  const id = record.preparedTransactionOffset
  if (id <= 0) return undefined
  if (record.topic === TopicName.TRANS_CHECK_MAX_TIME) return { id, outcome: "GaveUp" }
  return transactionType(record.sysFlag) === MessageFlag.TRANSACTION_COMMIT ? { id, outcome: "Committed" } : undefined
}

/** The transaction that a record of the log begins again, or goes on with: a copy of a half is newer than any end. */
export const resumedBy = (record: {
  readonly topic: string
  readonly queueId: number
  readonly preparedTransactionOffset: number
}): number | undefined =>
  isHalf(record) && record.preparedTransactionOffset > 0 ? record.preparedTransactionOffset : undefined

/** Takes up the halves that the log holds, from the group's offset on, without those that op messages settle. */
export interface Restoring {
  readonly table: Transactions
  /** Newest half by sender and message: RocketMQ's copies do not say whose they are. */
  readonly byMessage: Map<string, number>
}

export const restoring = (): Restoring => ({ byMessage: new Map(), table: make() })

/**
 * Takes up one half message, in the order of the queue. `isEnded` says of a CommitLog offset whether a record of the log
 * ends the half there. Answers the queue offset of a half that is settled and of which no op message tells.
 */
export const restore = (
  { byMessage, table }: Restoring,
  record: HalfRecord & { readonly bornTimestamp: number },
  begunMs: number,
  isEnded: (commitLogOffset: number) => boolean,
): number | undefined => {
  const half = halfOf(record, begunMs)
  if (isEnded(half.id) || isEnded(half.commitLogOffset)) return half.queueOffset
  const isOwn = record.preparedTransactionOffset > 0
  const message = messageOf(record)
  const before = isOwn || half.checks === undefined ? half.id : (byMessage.get(message) ?? half.id)
  byMessage.set(message, half.id)
  const older = table.pending.get(before)
  table.pending.delete(before)
  table.pending.set(half.id, older === undefined ? half : { ...half, begunMs: older.begunMs })
  return older?.queueOffset
}

/** What stays the same in every copy of a half message that RocketMQ makes. */
const messageOf = ({ bornTimestamp, properties }: HalfRecord & { readonly bornTimestamp: number }): string =>
  [
    bornTimestamp,
    Properties.find(properties, PropertyName.PGROUP),
    Properties.find(properties, PropertyName.UNIQ_KEY),
    Properties.find(properties, PropertyName.REAL_TOPIC),
    Properties.find(properties, PropertyName.REAL_QID),
  ].join("\u0001")
