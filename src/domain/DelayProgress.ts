/**
 * What of a delay level's queue has been delivered. Lanes of a level (DelayHistory) are delivered side by side, so that
 * later messages may be done before earlier ones: `next` is where the first is that is not, `ahead` the runs behind it that
 * are. Mutable inside its owner.
 *
 * Laws (test/model/domain/DelayProgress.test.ts)
 *   set       it answers what a set of delivered queue offsets answers, in whatever order and however often they are noted
 *   packed    runs are apart, in order and behind `next`: deliveries in the queue's order need none at all
 */

/** Queue offsets from `first` on, up to `end` without it. */
export type Run = readonly [first: number, end: number]

export interface DelayProgress {
  /** Everything before it is delivered. */
  next: number
  /** What is delivered behind it, in order. */
  ahead: Array<Run>
}

export const make = (next = 0, ahead: ReadonlyArray<Run> = []): DelayProgress => ({ ahead: [...ahead], next })

/** The message at `queueOffset` is delivered, or will never be. */
export const delivered = (progress: DelayProgress, queueOffset: number): void => {
  if (queueOffset < progress.next) return
  if (queueOffset === progress.next) return skipTo(progress, queueOffset + 1)
  const { ahead } = progress
  let at = ahead.length
  while (at > 0 && ahead[at - 1]![0] > queueOffset) at--
  const before = ahead[at - 1]
  if (before !== undefined && queueOffset < before[1]) return
  const after = ahead[at]
  const first = before !== undefined && before[1] === queueOffset ? before[0] : queueOffset
  const end = after !== undefined && after[0] === queueOffset + 1 ? after[1] : queueOffset + 1
  const from = first === queueOffset ? at : at - 1
  const to = end === queueOffset + 1 ? at : at + 1
  ahead.splice(from, to - from, [first, end])
}

/** Nothing before `queueOffset` is left to deliver. */
export const skipTo = (progress: DelayProgress, queueOffset: number): void => {
  if (queueOffset > progress.next) progress.next = queueOffset
  const { ahead } = progress
  let taken = 0
  while (taken < ahead.length && ahead[taken]![0] <= progress.next) {
    progress.next = Math.max(progress.next, ahead[taken]![1])
    taken++
  }
  if (taken > 0) ahead.splice(0, taken)
}

/** The first queue offset from `queueOffset` on that is not delivered. */
export const firstLeft = (progress: DelayProgress, queueOffset: number): number => {
  if (queueOffset <= progress.next) return progress.next
  const run = progress.ahead.find(([first, end]) => first <= queueOffset && queueOffset < end)
  return run === undefined ? queueOffset : run[1]
}
