/**
 * `gantry.queues`: the next offset of each queue when the store was closed. A queue whose files are gone, or lost their
 * newest entries, looks like one that never had them; whoever finds it shorter than this knows better (P2).
 *
 * Big-endian: magic int32, version int32, count int32; for each queue the length of the topic int16, the topic, queueId
 * int32, nextOffset int64; CRC-32 of what stands before. Gantry's own; RocketMQ ignores the file.
 */
import { crc32 } from "node:zlib"

/** By topic, the next offset of each queue id; undefined where the topic has no such queue. */
export type QueueEnds = Map<string, Array<number | undefined>>

const magic = 0x47_51_55_45
const version = 1
const headBytes = 12
const fixedBytes = 14

export const encode = (ends: QueueEnds): Buffer => {
  let sizeBytes = headBytes + 4
  let count = 0
  for (const [topic, queues] of ends) {
    const each = fixedBytes + Buffer.byteLength(topic)
    for (const end of queues) {
      if (end === undefined) continue
      sizeBytes += each
      count++
    }
  }
  const file = Buffer.allocUnsafe(sizeBytes)
  file.writeInt32BE(magic, 0)
  file.writeInt32BE(version, 4)
  file.writeInt32BE(count, 8)
  let at = headBytes
  for (const [topic, queues] of ends) {
    for (const [queueId, end] of queues.entries()) {
      if (end === undefined) continue
      const topicBytes = file.write(topic, at + 2)
      file.writeInt16BE(topicBytes, at)
      file.writeInt32BE(queueId, at + 2 + topicBytes)
      file.writeBigInt64BE(BigInt(end), at + 6 + topicBytes)
      at += fixedBytes + topicBytes
    }
  }
  file.writeUInt32BE(crc32(file.subarray(0, at)), at)
  return file
}

/** Reads the whole file; undefined when it is not one, is of another version, or has rotted: it then tells nothing. */
export const decode = (file: Buffer): QueueEnds | undefined => {
  const end = file.length - 4
  if (end < headBytes || file.readInt32BE(0) !== magic || file.readInt32BE(4) !== version) return undefined
  if (file.readUInt32BE(end) !== crc32(file.subarray(0, end))) return undefined
  const ends: QueueEnds = new Map()
  for (let at = headBytes; at < end;) {
    const topicBytes = file.readInt16BE(at)
    const topic = file.toString("utf8", at + 2, at + 2 + topicBytes)
    const queueId = file.readInt32BE(at + 2 + topicBytes)
    const queues = ends.get(topic) ?? []
    queues[queueId] = Number(file.readBigInt64BE(at + 6 + topicBytes))
    ends.set(topic, queues)
    at += fixedBytes + topicBytes
  }
  return ends
}
