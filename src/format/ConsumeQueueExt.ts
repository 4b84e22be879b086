/**
 * Units of a ConsumeQueueExt file: what stands beside a queue entry when `enableConsumeQueueExt` is set. The entry's
 * `tagsCode` then is the unit's address, its offset below the smallest int64. Big-endian; a unit's size varies with its
 * mark. Source: spec/store.md, ConsumeQueueExt.
 */
import { int16, int64, layout } from "./layout.ts"

/** The fields before the mark. */
export const Front = layout("ConsumeQueueExtUnit", {
  unitSize: int16("Length of the unit; -1 behind the last of a file."),
  tagsCode: int64("hashCode of the tag."),
  storeTimestamp: int64("When the message was stored, ms."),
  markSize: int16("Length of the mark that follows."),
})

/** Largest mark that a unit has room for. */
export const markSizeMax = 32_767 - Front.sizeBytes

/** Room that is left behind the last unit of a file. */
export const restBytes = 4

/** What follows the last unit of a file. */
export const fileEnd = -1

export interface Unit {
  readonly tagsCode: number
  readonly storeTimestamp: number
  /** Bits of the groups whose filters take the message; undefined when none were asked. A view. */
  readonly mark: Uint8Array | undefined
}

export const sizeOf = (mark: Uint8Array | undefined): number => Front.sizeBytes + (mark?.length ?? 0)

export const encodeInto = (unit: Unit, target: Buffer, at: number): void => {
  const { mark } = unit
  Front.set.unitSize(target, at, sizeOf(mark))
  Front.set.tagsCode(target, at, unit.tagsCode)
  Front.set.storeTimestamp(target, at, unit.storeTimestamp)
  Front.set.markSize(target, at, mark?.length ?? 0)
  if (mark !== undefined) target.set(mark, at + Front.sizeBytes)
}

/** The size that the bytes at `at` claim; undefined when no unit begins there. */
export const sizeAt = (source: Buffer, at: number): number | undefined => {
  if (at + Front.sizeBytes > source.length) return undefined
  const size = Front.at.unitSize(source, at)
  return size >= Front.sizeBytes && Front.at.markSize(source, at) === size - Front.sizeBytes ? size : undefined
}

/** The unit at `at`; undefined when there is none, or not all of it. */
export const decode = (source: Buffer, at: number): Unit | undefined => {
  const size = sizeAt(source, at)
  if (size === undefined || at + size > source.length) return undefined
  const mark = size === Front.sizeBytes ? undefined : source.subarray(at + Front.sizeBytes, at + size)
  return { mark, storeTimestamp: Front.at.storeTimestamp(source, at), tagsCode: Front.at.tagsCode(source, at) }
}

/**
 * The offset that an entry's tags code, given as its two halves, is the address of; undefined when it is a tags code.
 * In halves, because an address has more digits than a number holds.
 */
export const offsetOf = (high: number, low: number): number | undefined =>
  high >= -1 ? undefined : (high + 2 ** 31) * 2 ** 32 + (low >>> 0)

/** Writes the address of an offset as the int64 at `at`. */
export const writeAddress = (offset: number, target: Buffer, at: number): void => {
  target.writeInt32BE(Math.floor(offset / 2 ** 32) - 2 ** 31, at)
  target.writeUInt32BE(offset % 2 ** 32, at + 4)
}
