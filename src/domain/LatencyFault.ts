/**
 * Latency faults: which brokers a producer keeps away from for a while, because they were slow or failed.
 *
 * Laws (test/model/domain/LatencyFault.test.ts)
 *   longer   a penalty is never shortened by a later one
 *   passing  a broker is available again once its penalty is over
 * Source: behaviour of RocketMQ 5.5.0 (LatencyFaultToleranceImpl).
 */

/** A send that took at least `latencyMax[i]` ms keeps its broker away for `notAvailableDuration[i]` ms. */
export const latencyMax: ReadonlyArray<number> = [50, 100, 550, 1_800, 3_000, 5_000, 15_000]
export const notAvailableDuration: ReadonlyArray<number> = [0, 0, 2_000, 5_000, 6_000, 10_000, 30_000]

/** What a broker that failed is taken to have needed. */
const isolationLatencyMs = 10_000

/** A broker that was not reachable is probed so often. */
export const detectIntervalMs = 2_000

interface Item {
  latencyMs: number
  /** From then on it is available. */
  startTimestampMs: number
  isReachable: boolean
  checkStampMs: number
}

export interface LatencyFaults {
  readonly items: Map<string, Item>
}

export const make = (): LatencyFaults => ({ items: new Map() })

/** The penalty for a latency, in ms. */
export const penaltyMsOf = (latencyMs: number, isIsolated: boolean): number => {
  const latency = isIsolated ? isolationLatencyMs : latencyMs
  for (let i = latencyMax.length - 1; i >= 0; i--) if (latency >= latencyMax[i]!) return notAvailableDuration[i]!
  return 0
}

/** Notes the outcome of one send. */
export const update = (
  faults: LatencyFaults,
  brokerName: string,
  outcome: { readonly latencyMs: number; readonly isIsolated: boolean; readonly isReachable: boolean },
  nowMs: number,
): void => {
  const penaltyMs = penaltyMsOf(outcome.latencyMs, outcome.isIsolated)
  const item = faults.items.get(brokerName)
  if (item === undefined) {
    faults.items.set(brokerName, {
      latencyMs: outcome.latencyMs,
      startTimestampMs: penaltyMs > 0 ? nowMs + penaltyMs : 0,
      isReachable: outcome.isReachable,
      checkStampMs: 0,
    })
    return
  }
  item.latencyMs = outcome.latencyMs
  item.isReachable = outcome.isReachable
  if (penaltyMs > 0) item.startTimestampMs = Math.max(item.startTimestampMs, nowMs + penaltyMs)
}

export const isAvailable = (faults: LatencyFaults, brokerName: string, nowMs: number): boolean => {
  const item = faults.items.get(brokerName)
  return item === undefined || nowMs >= item.startTimestampMs
}

export const isReachable = (faults: LatencyFaults, brokerName: string): boolean =>
  faults.items.get(brokerName)?.isReachable ?? true

/** The brokers to probe now; each is asked again no sooner than `detectIntervalMs` later. */
export const toProbe = (faults: LatencyFaults, nowMs: number): ReadonlyArray<string> => {
  const due: Array<string> = []
  for (const [brokerName, item] of faults.items) {
    if (nowMs < item.checkStampMs) continue
    item.checkStampMs = nowMs + detectIntervalMs
    due.push(brokerName)
  }
  return due
}

/**
 * Notes a probe: one that succeeded makes the broker reachable, undefined means that nobody knows the broker any more.
 */
export const probed = (faults: LatencyFaults, brokerName: string, succeeded: boolean | undefined): void => {
  const item = faults.items.get(brokerName)
  if (item === undefined) return
  if (succeeded === undefined) faults.items.delete(brokerName)
  else if (succeeded) item.isReachable = true
}
