/**
 * The files of timed messages: slots of the `timerwheel`, units of the `timerlog`, and `config/timercheck`.
 * Source: spec/store.md, timer messages.
 */
import { int32, int64, layout } from "./layout.ts"

/** One slot of the wheel: all messages of one tick. Held `slotsTotal * 2` times, found by delivery time. */
export const TimerSlot = layout("TimerSlot", {
  tick: int64("Delivery time divided by the precision."),
  firstPos: int64("Position of the slot's first unit in the timer log; -1 without one."),
  lastPos: int64("Position of the newest unit."),
  num: int32("Live units."),
  magic: int32("Unused."),
})
export type TimerSlot = typeof TimerSlot.Type

/** The slot of a delivery time in a wheel of `slotsTotal` ticks; the wheel holds them twice. */
export const slotIndex = (timeMs: number, precisionMs: number, slotsTotal: number): number =>
  Math.floor(timeMs / precisionMs) % (slotsTotal * 2)

/** One timed message in the timer log. */
export const TimerLogUnit = layout("TimerLogUnit", {
  sizeBytes: int32("52."),
  previousPos: int64("Position of the previous unit of the same slot; -1 without one."),
  magic: int32("1 default, 2 rolled to a later slot, 4 delete, or-ed."),
  writeTimeMs: int64("When the unit was written, ms, cut to the precision."),
  delayMs: int32("Delivery time minus writeTimeMs."),
  commitLogOffset: int64("The stored timer record."),
  recordSizeBytes: int32("Its length."),
  realTopicHash: int32("hashCode of the real topic."),
  reserved: int64("0."),
})
export type TimerLogUnit = typeof TimerLogUnit.Type

export const TimerMagic = { DEFAULT: 1, ROLL: 2, DELETE: 4 } as const

/** The file `config/timercheck`, and the body of GET_TIMER_CHECK_POINT. */
export const TimerCheckpoint = layout("TimerCheckpoint", {
  lastReadTimeMs: int64("Delivery time up to which the wheel was read, ms."),
  lastTimerLogFlushPos: int64("Flushed length of the timer log."),
  lastTimerQueueOffset: int64("Next queue offset of the timer topic."),
  masterTimerQueueOffset: int64("On a replica: its master's."),
  stateVersion: int64("Data version: epoch."),
  timestamp: int64("Data version: ms."),
  counter: int64("Data version: changes."),
})
export type TimerCheckpoint = typeof TimerCheckpoint.Type
