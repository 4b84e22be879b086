/**
 * An index file: from the hash of a key to the records that carry it, newest first. A header of 40 bytes, then slots of
 * 4 bytes (the newest entry of their chain), then entries of 20. Entry 0 is never used.
 *
 * An index is a hint: only hashes are kept, and the records they lead to are read and compared, so a header or an entry
 * that rotted costs a hit and harms nothing. Source: spec/store.md, index files.
 */
import { hashCode } from "../domain/JavaString.ts"
import { int32, int64, layout } from "./layout.ts"

export const IndexHeader = layout("IndexHeader", {
  beginTimestamp: int64("Store time of the first record, ms."),
  endTimestamp: int64("Store time of the last record, ms."),
  beginPhyOffset: int64("CommitLog offset of the first record."),
  endPhyOffset: int64("CommitLog offset of the last record."),
  hashSlotCount: int32("Slots used at least once."),
  indexCount: int32("Number of the next entry; 1 in an empty file, 0 before the first put reached the disk."),
})
export type IndexHeader = typeof IndexHeader.Type

export const IndexEntry = layout("IndexEntry", {
  keyHash: int32("Hash of topic#key, not negative."),
  commitLogOffset: int64("First byte of the record in the CommitLog."),
  timeDiff: int32("Store time of the record, seconds after the header's beginTimestamp."),
  previous: int32("Entry before this one in its chain; 0 ends it."),
})
export type IndexEntry = typeof IndexEntry.Type

export const headerBytes: number = IndexHeader.sizeBytes
export const slotBytes = 4
export const entryBytes: number = IndexEntry.sizeBytes

/** Bytes of a file of so many slots and entries. */
export const fileBytes = (slots: number, entries: number): number =>
  headerBytes + slots * slotBytes + entries * entryBytes

export const slotPosition = (slot: number): number => headerBytes + slot * slotBytes
export const entryPosition = (slots: number, entry: number): number => fileBytes(slots, entry)

/** The strings under which a record is found: by unique key, by each key, and by tag (queried as `T#` + tag). */
export const keysOf = (
  topic: string,
  uniqKey: string | undefined,
  keys: string | undefined,
  tags: string | undefined,
): string[] => {
  const found: string[] = []
  if (uniqKey !== undefined && uniqKey !== "") found.push(`${topic}#${uniqKey}`)
  for (const key of keys === undefined ? [] : keys.split(" ")) if (key !== "") found.push(`${topic}#${key}`)
  if (tags !== undefined && tags !== "") found.push(`${topic}#T#${tags}`)
  return found
}

/** The hash that entries keep: never negative. */
export const indexKeyHash = (key: string): number => {
  const hash = Math.abs(hashCode(key))
  // The absolute value of the smallest int32 is no int32: Java keeps it negative, and RocketMQ then takes 0.
  return hash === 2_147_483_648 ? 0 : hash
}

/** Reads the header; an index count that was never written counts as 1. Needs `headerBytes` bytes. */
export const decodeHeader = (buffer: Buffer, start = 0): IndexHeader => ({
  beginTimestamp: IndexHeader.at.beginTimestamp(buffer, start),
  endTimestamp: IndexHeader.at.endTimestamp(buffer, start),
  beginPhyOffset: IndexHeader.at.beginPhyOffset(buffer, start),
  endPhyOffset: IndexHeader.at.endPhyOffset(buffer, start),
  hashSlotCount: IndexHeader.at.hashSlotCount(buffer, start),
  indexCount: Math.max(1, IndexHeader.at.indexCount(buffer, start)),
})

export const encodeHeader = (header: IndexHeader): Buffer => IndexHeader.encode(header)

/** Reads the entry at `start`. Needs `entryBytes` bytes. */
export const readEntry = (buffer: Buffer, start: number): IndexEntry => ({
  keyHash: IndexEntry.at.keyHash(buffer, start),
  commitLogOffset: IndexEntry.at.commitLogOffset(buffer, start),
  timeDiff: IndexEntry.at.timeDiff(buffer, start),
  previous: IndexEntry.at.previous(buffer, start),
})

/** Writes an entry at `start`, without an object in between: once per key of every message. */
export const writeEntry = (
  target: Buffer,
  start: number,
  keyHash: number,
  commitLogOffset: number,
  timeDiff: number,
  previous: number,
): void => {
  IndexEntry.set.keyHash(target, start, keyHash)
  IndexEntry.set.commitLogOffset(target, start, commitLogOffset)
  IndexEntry.set.timeDiff(target, start, timeDiff)
  IndexEntry.set.previous(target, start, previous)
}

/**
 * The name of a file created at `createdMs`: yyyyMMddHHmmssSSS, 17 digits. RocketMQ takes local time, we take UTC: only
 * the order of the names counts, and local time goes back once a year.
 */
export const fileName = (createdMs: number): string => new Date(createdMs).toISOString().replaceAll(/\D/g, "")
