/**
 * A message as the CommitLog stores it and as pull answers carry it. Big-endian; hosts have 8 (IPv4) or 20 bytes, by
 * bits 4 and 5 of `sysFlag`; version 2 has a topic length of two bytes instead of one.
 *
 *   front (48 bytes) | born host | store time 8 | store host | reconsume times 4 | prepared transaction offset 8
 *   | body length 4, body | topic length 1 or 2, topic | properties length 2, properties
 *
 * What always holds of a decoded message: the lengths add up to its size; numbers that are positions are exact; `body`
 * and the hosts are views into the bytes, not copies. The checksum is `check`'s business, not `decode`'s.
 * Source: spec/store.md, record layout.
 */
import { crc31 } from "./Crc32.ts"
import type { Host } from "./Host.ts"
import { ipv4SizeBytes, ipv6SizeBytes } from "./Host.ts"
import { readInt64, writeInt64 } from "./int64.ts"
import { int32, int64, layout, offset } from "./layout.ts"
import { Malformed } from "./Malformed.ts"
import * as RecordCrc from "./RecordCrc.ts"
import * as Utf8 from "./Utf8.ts"

export const magicV1 = 0xda_a3_20_a7 | 0
export const magicV2 = 0xda_a3_20_ab | 0
/** Magic of the filler behind the last record of a segment: its size, this magic, then nothing. */
export const magicBlank = 0xcb_d4_31_94 | 0

/** The filler's own bytes; a record never ends so close to the end of a segment that they would not fit. */
export const blankSizeBytes = 8

const bornHostV6 = 0x10
const storeHostV6 = 0x20

/** Longest properties text in UTF-8, the room of its own CRC property included: an int16 counts it. */
export const propertiesSizeMax = 32_767
export const topicSizeMaxV1 = 127
export const topicSizeMaxV2 = 255

/** The fields before the first host, at the same place in every record. */
export const Front = layout("StoredMessage", {
  totalSize: int32("Length of the whole record in bytes."),
  magic: int32("0xDAA320A7 version 1, 0xDAA320AB version 2, 0xCBD43194 end of the segment."),
  bodyCrc: int32("CRC-32 of the body as stored, top bit cleared."),
  queueId: int32("Queue of the topic."),
  flag: int32("The application's own flag."),
  queueOffset: offset("Place in the queue, counted in messages; for a prepared or rolled back one its table offset."),
  physicalOffset: offset("First byte of this record in the CommitLog."),
  sysFlag: int32("Compression, transaction type, host families, batch: see SysFlag."),
  bornTimestamp: int64("When the client made the message, its clock, ms."),
})

export interface StoredMessage {
  readonly version: 1 | 2
  readonly topic: string
  readonly queueId: number
  readonly flag: number
  readonly queueOffset: number
  readonly physicalOffset: number
  /** On encoding, the two host bits are set from the hosts. */
  readonly sysFlag: number
  readonly bornTimestamp: number
  readonly bornHost: Host
  readonly storeTimestamp: number
  readonly storeHost: Host
  readonly reconsumeTimes: number
  readonly preparedTransactionOffset: number
  readonly body: Buffer
  /** The properties as one text, as the client wrote it. */
  readonly properties: string
}

/** A message and what only its record knows. */
export interface Decoded extends StoredMessage {
  readonly sizeBytes: number
  /** The checksum as the record claims it. */
  readonly bodyCrc: number
}

export type Checked =
  | {
      readonly kind: "record"
      readonly sizeBytes: number
      /** The checksum property is there and holds; else only the body is vouched for. */
      readonly isSealed: boolean
    }
  | { readonly kind: "blank"; readonly sizeBytes: number }
  | { readonly kind: "bad"; readonly reason: string }

const malformed = (reason: string) => new Malformed("StoredMessage", reason)

const bornHostSize = (sysFlag: number): number => ((sysFlag & bornHostV6) === 0 ? ipv4SizeBytes : ipv6SizeBytes)
const storeHostSize = (sysFlag: number): number => ((sysFlag & storeHostV6) === 0 ? ipv4SizeBytes : ipv6SizeBytes)

const storeTimestampAt = (buffer: Buffer, start: number): number =>
  start + Front.sizeBytes + bornHostSize(Front.at.sysFlag(buffer, start))

const reconsumeTimesAt = (buffer: Buffer, start: number): number =>
  storeTimestampAt(buffer, start) + 8 + storeHostSize(Front.at.sysFlag(buffer, start))

const bodyLengthAt = (buffer: Buffer, start: number): number => reconsumeTimesAt(buffer, start) + 12

const topicLengthAt = (buffer: Buffer, start: number): number => {
  const place = bodyLengthAt(buffer, start)
  return place + 4 + buffer.readInt32BE(place)
}

const propertiesLengthAt = (buffer: Buffer, start: number): number => {
  const place = topicLengthAt(buffer, start)
  return Front.at.magic(buffer, start) === magicV2
    ? place + 2 + buffer.readInt16BE(place)
    : place + 1 + buffer.readInt8(place)
}

/** Reads one field of a record in place; the record must have passed `check` or `decode`. */
export const at = {
  ...Front.at,
  storeTimestamp: (buffer: Buffer, start: number): number => readInt64(buffer, storeTimestampAt(buffer, start)),
  reconsumeTimes: (buffer: Buffer, start: number): number => buffer.readInt32BE(reconsumeTimesAt(buffer, start)),
  preparedTransactionOffset: (buffer: Buffer, start: number): number =>
    readInt64(buffer, reconsumeTimesAt(buffer, start) + 4),
  /** The 8 or 20 bytes of the host, a view. */
  bornHost: (buffer: Buffer, start: number): Host =>
    buffer.subarray(start + Front.sizeBytes, storeTimestampAt(buffer, start)),
  storeHost: (buffer: Buffer, start: number): Host =>
    buffer.subarray(storeTimestampAt(buffer, start) + 8, reconsumeTimesAt(buffer, start)),
  /** A view of the body as stored. */
  body: (buffer: Buffer, start: number): Buffer =>
    buffer.subarray(bodyLengthAt(buffer, start) + 4, topicLengthAt(buffer, start)),
  topic: (buffer: Buffer, start: number): string => {
    const place = topicLengthAt(buffer, start)
    const lengthBytes = Front.at.magic(buffer, start) === magicV2 ? 2 : 1
    return Utf8.readLossy(buffer, place + lengthBytes, propertiesLengthAt(buffer, start))
  },
  /** Where the bytes of the properties begin; they end with the record. */
  propertiesStart: (buffer: Buffer, start: number): number => propertiesLengthAt(buffer, start) + 2,
  /** A view of the bytes of the properties. */
  properties: (buffer: Buffer, start: number): Buffer =>
    buffer.subarray(propertiesLengthAt(buffer, start) + 2, start + Front.at.totalSize(buffer, start)),
}

/** Why the lengths of the record at `start` do not add up within `end`; undefined if they do. */
const misfit = (buffer: Buffer, start: number, end: number): string | undefined => {
  if (end - start < Front.sizeBytes) return "shorter than its front"
  const size = Front.at.totalSize(buffer, start)
  if (size < 0 || size > end - start) return `size ${size} beyond ${end - start} bytes`
  const magic = Front.at.magic(buffer, start)
  if (magic !== magicV1 && magic !== magicV2) return `magic ${(magic >>> 0).toString(16)}`
  const recordEnd = start + size
  let place = bodyLengthAt(buffer, start)
  if (place + 4 > recordEnd) return "no body length"
  const bodyLength = buffer.readInt32BE(place)
  if (bodyLength < 0 || bodyLength > recordEnd - place - 4) return `body length ${bodyLength}`
  place += 4 + bodyLength
  const lengthBytes = magic === magicV2 ? 2 : 1
  if (place + lengthBytes > recordEnd) return "no topic length"
  const topicLength = magic === magicV2 ? buffer.readInt16BE(place) : buffer.readInt8(place)
  place += lengthBytes
  if (topicLength < 0 || topicLength > recordEnd - place) return `topic length ${topicLength}`
  place += topicLength
  if (place + 2 > recordEnd) return "no properties length"
  const propertiesLength = buffer.readInt16BE(place)
  if (propertiesLength < 0 || place + 2 + propertiesLength !== recordEnd) return `properties length ${propertiesLength}`
  return undefined
}

/**
 * What lies at `offset`, of which `available` bytes are there: a whole record whose checksums hold, the filler at the
 * end of a segment, or neither (a torn tail, rot, zeros). An empty body has no checksum to fail.
 *
 * A record of ours always carries the checksum property. Where it is missing from one that must be ours, the bytes after
 * the body were torn or rotted: `isSealed` tells, and the caller knows which records must be (promise P1).
 */
export const check = (buffer: Buffer, start: number, available: number): Checked => {
  const end = Math.min(buffer.length, start + available)
  if (end - start >= blankSizeBytes && Front.at.magic(buffer, start) === magicBlank) {
    const sizeBytes = Front.at.totalSize(buffer, start)
    return sizeBytes >= blankSizeBytes
      ? { kind: "blank", sizeBytes }
      : { kind: "bad", reason: `filler of ${sizeBytes} bytes` }
  }
  const reason = misfit(buffer, start, end)
  if (reason !== undefined) return { kind: "bad", reason }
  const sizeBytes = Front.at.totalSize(buffer, start)
  // The seal covers the body too: one checksum a record, where a consumer far behind reads a hundred thousand a second.
  const seal = RecordCrc.verify(buffer, start, start + sizeBytes, propertiesLengthAt(buffer, start) + 2)
  if (seal === "good") return { kind: "record", sizeBytes, isSealed: true }
  if (seal === "bad") return { kind: "bad", reason: "record checksum" }
  const bodyStart = bodyLengthAt(buffer, start) + 4
  const bodyEnd = topicLengthAt(buffer, start)
  if (bodyEnd > bodyStart && crc31(buffer, bodyStart, bodyEnd) !== Front.at.bodyCrc(buffer, start)) {
    return { kind: "bad", reason: "body checksum" }
  }
  return { kind: "record", sizeBytes, isSealed: false }
}

/** Decodes the record at `start`; at most `maxBytes` bytes from there belong to it. Checksums are not looked at. */
export const decode = (
  buffer: Buffer,
  start = 0,
  { maxBytes = buffer.length - start }: { readonly maxBytes?: number } = {},
): Decoded | Malformed => {
  if (start < 0) return malformed("before the buffer")
  const end = Math.min(buffer.length, start + maxBytes)
  const reason = misfit(buffer, start, end)
  if (reason !== undefined) return malformed(reason)
  const sysFlag = Front.at.sysFlag(buffer, start)
  const queueOffset = Front.at.queueOffset(buffer, start)
  const physicalOffset = Front.at.physicalOffset(buffer, start)
  const storeTimestampPlace = start + Front.sizeBytes + bornHostSize(sysFlag)
  const reconsumeTimesPlace = storeTimestampPlace + 8 + storeHostSize(sysFlag)
  const preparedTransactionOffset = readInt64(buffer, reconsumeTimesPlace + 4)
  if (!isPosition(queueOffset)) return malformed(`queue offset ${queueOffset}`)
  if (!isPosition(physicalOffset)) return malformed(`physical offset ${physicalOffset}`)
  if (!isPosition(preparedTransactionOffset)) {
    return malformed(`prepared transaction offset ${preparedTransactionOffset}`)
  }
  const bodyStart = reconsumeTimesPlace + 16
  const topicPlace = bodyStart + buffer.readInt32BE(bodyStart - 4)
  const version = Front.at.magic(buffer, start) === magicV2 ? 2 : 1
  const propertiesPlace = propertiesLengthAt(buffer, start)
  const sizeBytes = Front.at.totalSize(buffer, start)
  return {
    version,
    topic: Utf8.readLossy(buffer, topicPlace + version, propertiesPlace),
    queueId: Front.at.queueId(buffer, start),
    flag: Front.at.flag(buffer, start),
    queueOffset,
    physicalOffset,
    sysFlag,
    bornTimestamp: Front.at.bornTimestamp(buffer, start),
    bornHost: buffer.subarray(start + Front.sizeBytes, storeTimestampPlace),
    storeTimestamp: readInt64(buffer, storeTimestampPlace),
    storeHost: buffer.subarray(storeTimestampPlace + 8, reconsumeTimesPlace),
    reconsumeTimes: buffer.readInt32BE(reconsumeTimesPlace),
    preparedTransactionOffset,
    body: buffer.subarray(bodyStart, topicPlace),
    properties: Utf8.readLossy(buffer, propertiesPlace + 2, start + sizeBytes),
    sizeBytes,
    bodyCrc: Front.at.bodyCrc(buffer, start),
  }
}

const isPosition = (value: number): boolean => value >= 0 && value <= Number.MAX_SAFE_INTEGER

/** The messages of a pull answer, back to back; decoding stops at the first that is malformed. */
export const decodeAll = (buffer: Buffer): { readonly messages: Decoded[]; readonly rest: Malformed | undefined } => {
  const messages: Decoded[] = []
  let start = 0
  while (start < buffer.length) {
    const message = decode(buffer, start)
    if (message instanceof Malformed) return { messages, rest: message }
    messages.push(message)
    start += message.sizeBytes
  }
  return { messages, rest: undefined }
}

/** Version 2 is for topics that version 1 cannot count: old clients cannot decode it. */
export const versionFor = (topic: string): 1 | 2 => (Buffer.byteLength(topic) > topicSizeMaxV1 ? 2 : 1)

/**
 * What a record takes beside its hosts, its body, its topic with the `version` bytes of its length, and its properties:
 * the front, the store time, the attempts, the prepared offset, and the lengths of body and properties.
 */
export const fixedSizeBytes = Front.sizeBytes + 8 + 16 + 2

/** Bytes of the record; with `withRecordCrc`, the CRC property included. */
export const encodedSize = (message: StoredMessage, withRecordCrc = false): number =>
  sizeWith(message, propertiesSize(message.properties, withRecordCrc))

/** The same, by who knows already how many bytes the properties take. */
export const sizeWith = (message: StoredMessage, propertiesSizeBytes: number): number =>
  fixedSizeBytes +
  message.bornHost.length +
  message.storeHost.length +
  message.body.length +
  message.version +
  Buffer.byteLength(message.topic) +
  propertiesSizeBytes

/** Bytes that the properties take in a record: what the limit `propertiesSizeMax` counts. */
export const propertiesSize = (properties: string, withRecordCrc = false): number =>
  withRecordCrc
    ? Buffer.byteLength(RecordCrc.prepare(properties)) + RecordCrc.propertySizeBytes
    : Buffer.byteLength(properties)

/**
 * Writes the record at `start` and answers its size, checksum included. With `withRecordCrc` the whole record is
 * covered by the `__CRC32#` property that 5.x verifies. Topic and properties must be within their limits.
 */
export const encodeInto = (message: StoredMessage, target: Buffer, start: number, withRecordCrc = false): number => {
  const { body, bornHost, storeHost, topic, version } = message
  let place = start + Front.sizeBytes
  place += bornHost.copy(target, place)
  writeInt64(target, message.storeTimestamp, place)
  place += 8
  place += storeHost.copy(target, place)
  target.writeInt32BE(message.reconsumeTimes, place)
  writeInt64(target, message.preparedTransactionOffset, place + 4)
  target.writeInt32BE(body.length, place + 12)
  place += 16
  place += body.copy(target, place)
  const topicSize = target.write(topic, place + version, "utf8")
  if (version === 2) target.writeInt16BE(topicSize, place)
  else target.writeInt8(topicSize, place)
  place += version + topicSize
  const properties = withRecordCrc ? RecordCrc.prepare(message.properties) : message.properties
  const propertiesStart = place + 2
  place = propertiesStart + target.write(properties, propertiesStart, "utf8")
  if (withRecordCrc) place += RecordCrc.propertySizeBytes
  target.writeInt16BE(place - propertiesStart, propertiesStart - 2)
  Front.set.totalSize(target, start, place - start)
  Front.set.magic(target, start, version === 2 ? magicV2 : magicV1)
  Front.set.bodyCrc(target, start, body.length === 0 ? 0 : crc31(body))
  Front.set.queueId(target, start, message.queueId)
  Front.set.flag(target, start, message.flag)
  Front.set.queueOffset(target, start, message.queueOffset)
  Front.set.physicalOffset(target, start, message.physicalOffset)
  Front.set.sysFlag(target, start, sysFlagFor(message))
  Front.set.bornTimestamp(target, start, message.bornTimestamp)
  if (withRecordCrc) RecordCrc.seal(target, start, place)
  return place - start
}

const sysFlagFor = ({ bornHost, storeHost, sysFlag }: StoredMessage): number =>
  (sysFlag & ~(bornHostV6 | storeHostV6)) |
  (bornHost.length === ipv6SizeBytes ? bornHostV6 : 0) |
  (storeHost.length === ipv6SizeBytes ? storeHostV6 : 0)

export const encode = (message: StoredMessage, withRecordCrc = false): Buffer => {
  const target = Buffer.allocUnsafe(encodedSize(message, withRecordCrc))
  encodeInto(message, target, 0, withRecordCrc)
  return target
}

/** Writes the filler at `start`; it stands for the `sizeBytes` left in the segment, of which it writes 8. */
export const encodeBlankInto = (sizeBytes: number, target: Buffer, start: number): void => {
  target.writeInt32BE(sizeBytes, start)
  target.writeInt32BE(magicBlank, start + 4)
}
