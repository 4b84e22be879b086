/**
 * What is put where records were lost. Every reader of the log, Gantry's and Apache RocketMQ's, passes it over: inside a
 * segment a record that says that it was rolled back, which gets no entry in a queue or in the index; to the end of a
 * segment a blank.
 */
import { MessageFlag, transactionType } from "../../../domain/SysFlag.ts"
import { nowhere } from "../../../format/Host.ts"
import * as StoredMessage from "../../../format/StoredMessage.ts"
import type { Disk, DiskFile } from "../../disk/Disk.ts"
import { segmentName } from "../SegmentFiles.ts"
import type { Hole } from "./LogSurvey.ts"
import type { StoreView } from "./StoreView.ts"

/** Shortest record: IPv4 hosts, version 1, empty body, topic and properties. */
const recordBytesMin = 91
const pieceBytesMax = 1024 * 1024

/** Whether a record is one that a repair has put there. */
export const isFiller = ({ bornHost, sysFlag, topic }: StoredMessage.StoredMessage): boolean =>
  transactionType(sysFlag) === MessageFlag.TRANSACTION_ROLLBACK &&
  bornHost.equals(nowhere) &&
  shapes.some(([known]) => known === topic)

/** Whether a filler has room in a hole. `isEnd`: no record stands behind it. */
export const fits = ({ segmentBytes }: StoreView, { from, to }: Hole, isEnd: boolean): boolean => {
  const leftInSegment = segmentBytes - (from % segmentBytes)
  if (isEnd || to - from >= leftInSegment) return leftInSegment >= StoredMessage.blankSizeBytes
  return to - from >= recordBytesMin
}

/** Fills a hole and syncs it. At the end of the log it may become longer. */
export const write = (view: StoreView, { from, storedMs, to }: Hole, isEnd: boolean): void => {
  const { segmentBytes } = view
  const end = isEnd ? Math.max(to, from + recordBytesMin) : to
  for (let base = from - (from % segmentBytes); base < end; base += segmentBytes) {
    const file = view.disk.open(pathOf(view, base), "create")
    file.truncate(segmentBytes)
    const begin = Math.max(from, base)
    const segmentEnd = base + segmentBytes
    const hasRoomBehind = end + StoredMessage.blankSizeBytes <= segmentEnd
    if (end < segmentEnd && (hasRoomBehind || !isEnd)) fillWithin(file, base, begin, pieceEnd(begin, end), storedMs)
    else {
      fillToEnd(file, segmentBytes, base, begin, storedMs)
      // A log must not end in a blank, which Apache RocketMQ would write over.
      if (isEnd) createEmpty(view, segmentEnd)
    }
    file.syncSync()
    file.close()
  }
  view.disk.syncDirectory(`${view.root}/commitlog`)
}

/** The part of a hole that lies in its last segment may be shorter than a record. */
const pieceEnd = (begin: number, end: number): number => Math.max(end, begin + recordBytesMin)

const pathOf = ({ root }: StoreView, base: number): string => `${root}/commitlog/${segmentName(base)}`

const createEmpty = (view: StoreView, base: number): void => {
  const file = view.disk.open(pathOf(view, base), "create")
  file.truncate(view.segmentBytes)
  file.syncSync()
  file.close()
}

/** Gives a file the size of the segments; what is cut off was kept before. */
export const resize = (disk: Disk, path: string, sizeBytes: number): void => {
  const file = disk.open(path, "write")
  file.truncate(sizeBytes)
  file.syncSync()
  file.close()
}

const fillWithin = (file: DiskFile, base: number, from: number, to: number, storedMs: number): void => {
  for (let offset = from; offset < to;) {
    const left = to - offset
    const sizeBytes = left <= pieceBytesMax ? left : Math.min(pieceBytesMax, left - recordBytesMin)
    file.writeSync(placeholder(offset, sizeBytes, storedMs), offset - base)
    offset += sizeBytes
  }
}

const fillToEnd = (file: DiskFile, segmentBytes: number, base: number, from: number, storedMs: number): void => {
  // Whoever asks how old a segment is looks at its first record.
  const hasRecord = from === base && segmentBytes >= recordBytesMin + StoredMessage.blankSizeBytes
  const blankAt = hasRecord ? recordBytesMin : from - base
  const blank = Buffer.alloc(StoredMessage.blankSizeBytes)
  StoredMessage.encodeBlankInto(segmentBytes - blankAt, blank, 0)
  if (hasRecord) file.writeSync(placeholder(from, recordBytesMin, storedMs), 0)
  file.writeSync(blank, blankAt)
  // Behind the blank the file is zero.
  file.truncate(blankAt + blank.length)
  file.truncate(segmentBytes)
}

/** A record of exactly this size; retention goes by its store time. */
const placeholder = (physicalOffset: number, sizeBytes: number, storeTimestamp: number): Buffer => {
  const record = (topic: string, body: Buffer): StoredMessage.StoredMessage => ({
    body,
    bornHost: nowhere,
    bornTimestamp: storeTimestamp,
    flag: 0,
    physicalOffset,
    preparedTransactionOffset: 0,
    properties: "",
    queueId: 0,
    queueOffset: 0,
    reconsumeTimes: 0,
    storeHost: nowhere,
    storeTimestamp,
    sysFlag: MessageFlag.TRANSACTION_ROLLBACK,
    topic,
    version: 1,
  })
  const nothing = Buffer.alloc(0)
  for (const [topic, isSealed] of shapes) {
    const bodyBytes = sizeBytes - StoredMessage.encodedSize(record(topic, nothing), isSealed)
    if (bodyBytes >= 0) return StoredMessage.encode(record(topic, Buffer.alloc(bodyBytes)), isSealed)
  }
  throw new Error(`no record has ${sizeBytes} bytes`)
}

/** The topic of a filler, and whether it carries a checksum of the whole: as much as there is room for. */
const shapes: ReadonlyArray<readonly [topic: string, isSealed: boolean]> = [
  ["rmq_sys_GANTRY_lost", true],
  ["rmq_sys_GANTRY_lost", false],
  ["", false],
]
