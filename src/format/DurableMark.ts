/**
 * `gantry.mark`: what Gantry knows to be on disk, beside what RocketMQ's own files tell. Two slots are written in turn,
 * each in a sector of its own, so that a torn write leaves the other one; the newer readable slot counts.
 *
 * Below `syncedOffset` every byte of the CommitLog was synced: a bad record there is rot, above it a torn tail (P1).
 * Below `projectedOffset` every consume-queue entry was synced: recovery rebuilds the queues from there (P9).
 * `cleanEnd` is the end of the log at a clean shutdown, or -1 while the store is open.
 *
 * Big-endian, 44 bytes a slot: magic int32, version int32, sequence, syncedOffset, projectedOffset, cleanEnd as int64,
 * CRC-32 of what stands before. Gantry's own; RocketMQ ignores the file.
 */
import { crc32 } from "node:zlib"
import { Malformed } from "./Malformed.ts"

export interface DurableMark {
  readonly sequence: number
  readonly syncedOffset: number
  readonly projectedOffset: number
  readonly cleanEnd: number
}

export const slotBytes = 512
export const fileBytes = 2 * slotBytes
const magic = 0x47_4d_52_4b
const version = 1
const bodyBytes = 40

/** The bytes of one slot, padded to a sector; it belongs at `(sequence % 2) * slotBytes`. */
export const encode = (mark: DurableMark): Buffer => {
  const slot = Buffer.alloc(slotBytes)
  slot.writeInt32BE(magic, 0)
  slot.writeInt32BE(version, 4)
  slot.writeBigInt64BE(BigInt(mark.sequence), 8)
  slot.writeBigInt64BE(BigInt(mark.syncedOffset), 16)
  slot.writeBigInt64BE(BigInt(mark.projectedOffset), 24)
  slot.writeBigInt64BE(BigInt(mark.cleanEnd), 32)
  slot.writeUInt32BE(crc32(slot.subarray(0, bodyBytes)), bodyBytes)
  return slot
}

const decodeSlot = (slot: Buffer): DurableMark | Malformed => {
  if (slot.length < bodyBytes + 4) return new Malformed("DurableMark", "shorter than a slot")
  if (slot.readInt32BE(0) !== magic) return new Malformed("DurableMark", "not a mark")
  if (slot.readUInt32BE(bodyBytes) !== crc32(slot.subarray(0, bodyBytes)))
    return new Malformed("DurableMark", "checksum differs")
  if (slot.readInt32BE(4) !== version)
    return new Malformed("DurableMark", `version ${slot.readInt32BE(4)}, this program knows ${version}`)
  return {
    cleanEnd: Number(slot.readBigInt64BE(32)),
    projectedOffset: Number(slot.readBigInt64BE(24)),
    sequence: Number(slot.readBigInt64BE(8)),
    syncedOffset: Number(slot.readBigInt64BE(16)),
  }
}

/** Reads the whole file; undefined when neither slot was ever written. A newer version is Malformed: do not guess. */
export const decode = (file: Buffer): DurableMark | Malformed | undefined => {
  const slots = [decodeSlot(file.subarray(0, slotBytes)), decodeSlot(file.subarray(slotBytes, fileBytes))]
  let newest: DurableMark | undefined
  for (const slot of slots) {
    if (slot instanceof Malformed) {
      if (slot.reason.startsWith("version")) return slot
      continue
    }
    if (newest === undefined || slot.sequence > newest.sequence) newest = slot
  }
  return newest
}
