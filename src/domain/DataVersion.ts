/**
 * Data versions: how a broker tells a name server, a replica and itself whether a table changed.
 *
 * Laws (test/model/domain/DataVersion.test.ts)
 *   moved  a bumped version never equals the one before
 * Source: behaviour of RocketMQ 5.5.0 (DataVersion).
 */

/** `stateVersion` is the master's epoch, `timestamp` is ms, `counter` counts the changes. All three make equality. */
export interface DataVersion {
  readonly stateVersion: number
  readonly timestamp: number
  readonly counter: number
}

export const initial = (nowMs: number): DataVersion => ({ stateVersion: 0, timestamp: nowMs, counter: 0 })

/** The version after one more change. */
export const next = (version: DataVersion, nowMs: number, stateVersion = version.stateVersion): DataVersion => ({
  stateVersion,
  timestamp: nowMs,
  counter: version.counter + 1,
})

export const isEqual = (left: DataVersion, right: DataVersion): boolean =>
  left.stateVersion === right.stateVersion && left.timestamp === right.timestamp && left.counter === right.counter
