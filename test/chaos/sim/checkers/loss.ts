/** What ASYNC_FLUSH may lose, and what can still be judged when it did: shared by the checkers. */
import type { Attempt } from "../History.ts"
import type { Evidence } from "../Evidence.ts"

/** flushIntervalCommitLog, and the longest that a simulated disk takes for a sync in good weather, with what waits for it. */
const windowMs = 500 + 100
/** Under these a sync comes later by the true time, however the broker behaves. */
const stretching: ReadonlySet<string> = new Set(["pause", "slowSync"])

/**
 * Whether an answered message may be gone: it was not synced when the power went, and it was answered no longer ago than
 * the setting says.
 */
export const mayBeLost = (
  { history, restedMs, settings }: Evidence,
  { answer, brokerName, sentMs }: Attempt,
): boolean => {
  if (settings.flush === "SYNC_FLUSH" || answer === undefined) return false
  const cut = history.powerCuts.find((one) => one.brokerName === brokerName && one.atMs >= answer.atMs)
  if (cut === undefined || cut.atMs > restedMs) return false
  const isSynced = history.logSyncs.some(
    ({ atMs, brokerName: name, commitLogOffsetEnd }) =>
      name === brokerName && atMs >= sentMs && atMs <= cut.atMs && commitLogOffsetEnd > answer.commitLogOffset,
  )
  if (isSynced) return false
  return cut.atMs - answer.atMs <= windowMs || settings.faults.some((name) => stretching.has(name))
}

/** Brokers that may have forgotten what others saw: consumers may have settled what is no longer stored. */
const forgetful = ({ history, restedMs, settings }: Evidence): ReadonlySet<string> => {
  if (settings.flush === "SYNC_FLUSH") return new Set()
  return new Set(history.powerCuts.filter(({ atMs }) => atMs <= restedMs).map(({ brokerName }) => brokerName))
}

/** The evidence of all brokers that lost nothing. */
export const remembered = (evidence: Evidence): Evidence => {
  const gone = forgetful(evidence)
  if (gone.size === 0) return evidence
  const { brokers, history, rebuilt, restless } = evidence
  const isKept = ({ brokerName }: { readonly brokerName: string }): boolean => !gone.has(brokerName)
  return {
    ...evidence,
    brokers: brokers.filter(isKept),
    history: {
      ...history,
      moved: history.moved.filter(isKept),
      nowMs: history.nowMs,
      reads: history.reads.filter(isKept),
      resets: history.resets.filter(isKept),
    } as Evidence["history"],
    rebuilt: rebuilt.filter(isKept),
    restless: restless.filter(isKept),
  }
}
