/**
 * Which table of delay levels was in force where in the log. A message waits as long as the table said when it was stored:
 * a table that an administrator changes makes no message early, and none that was stored before is held up by it or holds
 * up others (P7). A level's queue is therefore cut into lanes, one for each delay that the level had, and each lane is
 * delivered in its own order.
 *
 * `begin` is what a record of the log does to the history, so that it is the fold of those records (P9).
 *
 * Laws (test/model/domain/DelayHistory.test.ts)
 *   in force    `levelsAt` answers the table that began last at or before a place
 *   cut         lanes are in order, without gaps, cover the queue, and hold what was stored under one delay
 *   forgetful   forgetting what no record needs changes no answer about the records that are left
 * RocketMQ 5.5.0 takes the table of now for all: a level that was shortened is delivered early, one that is gone never.
 */
import { type DelayLevels, defaultLevels } from "./DelayLevel.ts"

/** From `commitLogOffset` on, `levels` were in force. */
export interface Epoch {
  readonly commitLogOffset: number
  readonly levels: DelayLevels
}

/** In the order of the log; the first begins with it. */
export type DelayHistory = readonly [Epoch, ...ReadonlyArray<Epoch>]

/** Part of a level's queue, whose messages all wait equally long. */
export interface Lane {
  /** First queue offset. */
  readonly begin: number
  /** Queue offset behind the last; infinite for the lane that new messages join. */
  readonly end: number
  readonly delayMs: number
}

/** Where no record says otherwise, RocketMQ's levels are in force. */
export const make = (levels: DelayLevels = defaultLevels): DelayHistory => [{ commitLogOffset: 0, levels }]

/** The table that is in force. */
export const current = (history: DelayHistory): DelayLevels => history.at(-1)!.levels

export const isSame = (a: DelayLevels, b: DelayLevels): boolean =>
  a.length === b.length && a.every((delayMs, at) => delayMs === b[at])

/** A record at `commitLogOffset` says that `levels` are in force from there on. */
export const begin = (history: DelayHistory, commitLogOffset: number, levels: DelayLevels): DelayHistory =>
  commitLogOffset <= history.at(-1)!.commitLogOffset ? history : [...history, { commitLogOffset, levels }]

/** The table that a record at `commitLogOffset` was stored under. */
export const levelsAt = (history: DelayHistory, commitLogOffset: number): DelayLevels => {
  let at = history.length - 1
  while (at > 0 && history[at]!.commitLogOffset > commitLogOffset) at--
  return history[at]!.levels
}

/** Without the tables of records that are gone: the log begins at `commitLogOffsetMin` now. */
export const forget = (history: DelayHistory, commitLogOffsetMin: number): DelayHistory => {
  const first = history.findLastIndex(({ commitLogOffset }) => commitLogOffset <= commitLogOffsetMin)
  const kept = history.slice(Math.max(0, first))
  const [oldest = history[0], ...newer] = kept
  return [{ ...oldest, commitLogOffset: 0 }, ...newer]
}

/** How many levels have queues that may hold messages. */
export const levelsMax = (history: DelayHistory): number => Math.max(...history.map(({ levels }) => levels.length))

/**
 * The lanes of a level's queue, oldest first. `firstFrom` answers the first queue offset whose message lies at or behind a
 * place in the log; `queueOffsetMin` is where the queue begins.
 */
export const lanes = (
  history: DelayHistory,
  level: number,
  queueOffsetMin: number,
  firstFrom: (commitLogOffset: number) => number,
): ReadonlyArray<Lane> => {
  const found: Array<Lane> = []
  for (const [at, { levels }] of history.entries()) {
    const next = history[at + 1]
    const start = found.at(-1)?.end ?? queueOffsetMin
    const end = next === undefined ? Number.POSITIVE_INFINITY : Math.max(start, firstFrom(next.commitLogOffset))
    if (end === start) continue
    const delayMs = levels[level - 1] ?? longest(history)
    const last = found.at(-1)
    if (last?.delayMs === delayMs) found[found.length - 1] = { ...last, end }
    else found.push({ begin: start, delayMs, end })
  }
  return found
}

/** What a message waits at most in a level that its table does not have: another program has put it there. */
const longest = (history: DelayHistory): number => Math.max(...history.flatMap(({ levels }) => levels))
