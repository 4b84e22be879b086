/**
 * Delay levels: a message with property DELAY = n waits as long as the n-th entry of a table says. Until then it lies
 * in `SCHEDULE_TOPIC_XXXX`, one queue per level, its own topic and queue noted in REAL_TOPIC and REAL_QID; its queue
 * entry carries the due time where others carry the tag's hash (P7).
 *
 * Laws (test/model/domain/DelayLevel.test.ts)
 *   there and back  `restore` of a rewritten message names the topic and queue that it had
 *   never early     a message is delivered no sooner than its level's delay after it was stored; only a clock that is
 *                   set forward meanwhile makes that less in real time
 *   not for ever    once seen at the head of its queue it waits at most its level's delay, however far the clock fell
 *                   back
 * Source: behaviour of RocketMQ 5.5.0 (ScheduleMessageService, HookUtils).
 */
import * as Result from "effect/Result"
import { isBlank } from "./JavaString.ts"
import { PropertyName, find, remove, set } from "./Properties.ts"
import { type Refusal, refuse } from "./Refusal.ts"
import { MessageFlag, transactionType } from "./SysFlag.ts"
import { TopicName } from "./Topic.ts"

/** Delays in ms; level n is at index n - 1. */
export type DelayLevels = ReadonlyArray<number>

export const defaultText = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"

/** What a level that the table does not have waits. */
const unknownLevelDelayMs = 1_000

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Reads `messageDelayLevel`: numbers with unit s, m, h or d, one blank between them. RocketMQ also takes negative and
 * overflowing numbers and a table without levels, with which delayed messages are lost or early; here they are refused.
 */
export const parse = (text: string): Result.Result<DelayLevels, Refusal> => {
  if (isBlank(text)) {
    return refuse("INVALID_PARAMETER", `messageDelayLevel is empty: give at least one level, such as "${defaultText}"`)
  }
  const delays: Array<number> = []
  const words = text.split(" ")
  // A blank at the end is an empty last word to us and none to Java.
  while (words.at(-1) === "") words.pop()
  for (const word of words) {
    const match = /^\+?([0-9]+)([smhd])$/.exec(word)
    const delayMs = match === null ? Number.NaN : Number(match[1]) * unitMs[match[2]!]!
    if (!Number.isSafeInteger(delayMs)) {
      return refuse(
        "INVALID_PARAMETER",
        `messageDelayLevel has no delay in level ${delays.length + 1}: "${word}". Write numbers with a unit s, m, h ` +
          `or d, one blank between them, such as "${defaultText}"`,
      )
    }
    delays.push(delayMs)
  }
  return Result.succeed(delays)
}

/** RocketMQ's 18 levels, 1 s to 2 h. */
export const defaultLevels: DelayLevels = [
  1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
].map((seconds) => seconds * 1_000)

export const queueIdOf = (level: number): number => level - 1
export const levelOfQueue = (queueId: number): number => queueId + 1

/** How long a level waits, in ms. */
export const delayMsOf = (levels: DelayLevels, level: number): number => levels[level - 1] ?? unknownLevelDelayMs

/** When a message of a level is due: what its queue entry carries. */
export const dueMs = (levels: DelayLevels, level: number, storeTimestampMs: number): number =>
  storeTimestampMs + delayMsOf(levels, level)

/** The delay level that a message asks for: 0 none, NaN not a number. Asked of every message, so it builds nothing. */
export const levelOf = (properties: string): number => {
  const text = find(properties, PropertyName.DELAY)
  return text === undefined ? 0 : parseLevel(text)
}

/** A message's place and properties, before and after a rewrite. */
export interface Placed {
  readonly topic: string
  readonly queueId: number
  readonly properties: string
}

/**
 * Where a message is put, given its DELAY: into its level's queue, levels beyond the table into the last one. Half and
 * rolled back messages stay. Refused with MESSAGE_ILLEGAL when DELAY is not a number.
 */
export const rewrite = (
  message: Placed & { readonly sysFlag: number },
  levels: DelayLevels,
): Result.Result<Placed, Refusal> => {
  const type = transactionType(message.sysFlag)
  if (type === MessageFlag.TRANSACTION_PREPARED || type === MessageFlag.TRANSACTION_ROLLBACK) {
    return Result.succeed(message)
  }
  const asked = levelOf(message.properties)
  if (Number.isNaN(asked)) {
    return refuse(
      "MESSAGE_ILLEGAL",
      `the message is illegal: its delay level ${find(message.properties, PropertyName.DELAY)} is not a number. ` +
        `Set DELAY to a level from 1 to ${levels.length}, or leave it out.`,
    )
  }
  if (asked <= 0) return Result.succeed(message)
  const level = Math.min(asked, levels.length)
  let properties = message.properties
  // With a level the exact times do not count, and must not count again when the message is delivered.
  for (const name of timerProperties) properties = remove(properties, name)
  if (level !== asked) properties = set(properties, PropertyName.DELAY, String(level))
  properties = set(properties, PropertyName.REAL_TOPIC, message.topic)
  properties = set(properties, PropertyName.REAL_QID, String(message.queueId))
  return Result.succeed({ topic: TopicName.SCHEDULE, queueId: queueIdOf(level), properties })
}

const timerProperties = [PropertyName.TIMER_DELIVER_MS, PropertyName.TIMER_DELAY_MS, PropertyName.TIMER_DELAY_SEC]

/**
 * Where a message goes whose time has come; undefined when it has nowhere to go (no REAL_TOPIC, or the topic of half
 * messages) and is dropped. Its property text stays as it is, DELAY included: 5.5.0 stores it so, and the owner puts it
 * without a second rewrite.
 */
export const restore = (properties: string): Placed | undefined => {
  const topic = find(properties, PropertyName.REAL_TOPIC)
  const queueId = parseLevel(find(properties, PropertyName.REAL_QID) ?? "")
  if (topic === undefined || topic === TopicName.TRANS_HALF || Number.isNaN(queueId)) return undefined
  return { topic, queueId, properties }
}

/**
 * When to deliver the message at the head of a level's queue. `entryDueMs` is what its entry says, `seenMs` the clock
 * when it became the head; an owner whose clock is behind `seenMs` sees it anew. A due time later than a whole delay
 * from now means that the clock fell back since the message was stored; RocketMQ delivers it at once, which may be
 * early.
 */
export const deliverAtMs = (entryDueMs: number, seenMs: number, delayMs: number): number =>
  Math.min(entryDueMs, seenMs + delayMs)

/** The queue offset to go on from, for a stored progress that is outside of its queue. */
export const clampOffset = (queueOffset: number, queueOffsetMin: number, queueOffsetMax: number): number =>
  Math.min(Math.max(queueOffset, queueOffsetMin), queueOffsetMax)

/** Reads a 32-bit integer, as Java does; NaN for anything else. */
const parseLevel = (text: string): number => {
  if (!/^[+-]?[0-9]+$/.test(text)) return Number.NaN
  const level = Number(text)
  return (level | 0) === level ? level : Number.NaN
}
