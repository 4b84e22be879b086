/**
 * Walks the records of a CommitLog in order, a slice of bytes at a time: recovery and tools. A record counts when it is
 * whole, its checksums hold, and it says of itself that it belongs where it stands; the last of these tells a write
 * that went astray.
 */
import { Malformed } from "../../format/Malformed.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import type { DiskFile } from "../disk/Disk.ts"
import type { Segment } from "./SegmentFiles.ts"

/** Segments as the walk reads them. */
export interface LogBytes {
  readonly segmentBytes: number
  readonly holding: (commitLogOffset: number) => Segment | undefined
  readonly file: (segment: Segment) => DiskFile
}

/** Where a walk ended. */
export interface WalkEnd {
  /** One past the last record, or past the blank behind it. */
  readonly commitLogOffset: number
  /** The segment that it ended in, and what stood there instead of a record; undefined when the files ended. */
  readonly at: { readonly segment: Segment; readonly reason: string } | undefined
}

/** Bytes that are read and checked between two yields: a few milliseconds of work. */
const sliceBytes = 1024 * 1024
/** A frame is at most 16 MiB, and so is the message that came in one. */
export const recordBytesMax = 17 * 1024 * 1024

/** Hands every record from the border `from` on to `visit`, up to the first place that holds none. */
export function* walk(
  files: LogBytes,
  from: number,
  visit: (message: StoredMessage.Decoded) => void,
): Generator<void, WalkEnd> {
  let offset = from
  for (let segment = files.holding(offset); segment !== undefined; segment = files.holding(offset)) {
    const { blank, end, reason } = yield* walkSegment(files, segment, offset, visit)
    offset = end
    const segmentEnd = segment.baseOffset + files.segmentBytes
    if (offset === segmentEnd) continue
    if (blank === undefined) return { at: { reason, segment }, commitLogOffset: offset }
    if (offset + blank !== segmentEnd)
      return { at: { reason: `a filler of ${blank} bytes`, segment }, commitLogOffset: offset }
    offset = segmentEnd
  }
  return { at: undefined, commitLogOffset: offset }
}

/** Where the records of one segment end. */
export interface SegmentEnd {
  readonly end: number
  /** Size that a blank at the end claims. */
  readonly blank: number | undefined
  readonly reason: string
}

/** The same within one segment, from one border in it. */
export function* walkSegment(
  files: LogBytes,
  segment: Segment,
  from: number,
  visit: (message: StoredMessage.Decoded) => void,
): Generator<void, SegmentEnd> {
  const segmentEnd = segment.baseOffset + files.segmentBytes
  let offset = from
  let wantBytes = sliceBytes
  let isSecondLook = false
  while (offset < segmentEnd) {
    const slice = Buffer.allocUnsafe(Math.min(wantBytes, segmentEnd - offset))
    const bytesRead = files.file(segment).readSync(slice, offset - segment.baseOffset)
    let at = 0
    let found = recordAt(slice, at, bytesRead, offset)
    for (; !("kind" in found); found = recordAt(slice, at, bytesRead, offset + at)) {
      visit(found)
      at += found.sizeBytes
    }
    offset += at
    if (found.kind === "blank") return { blank: found.sizeBytes, end: offset, reason: "" }
    wantBytes = sliceBytes
    if (at > 0) isSecondLook = false
    else {
      // Nothing whole at the start of a slice: bad, or a record longer than the slice, which is then read whole.
      const claimed = bytesRead >= 4 ? slice.readInt32BE(0) : 0
      const isAll = bytesRead < slice.length || offset + bytesRead >= segmentEnd
      const isEnd = claimed <= bytesRead || claimed > recordBytesMax || isAll
      if (isEnd && isSecondLook)
        return { blank: undefined, end: offset, reason: found.kind === "bad" ? found.reason : "" }
      // What is bad is read again before it counts: a log is not cut for a bit that was read wrongly once (P1).
      if (isEnd) isSecondLook = true
      else wantBytes = claimed
    }
    yield
  }
  return { blank: undefined, end: offset, reason: "" }
}

/** The record at byte `at` of a slice, if it is whole and sound and belongs there; else what stands there. */
export const recordAt = (
  slice: Buffer,
  at: number,
  bytesRead: number,
  commitLogOffset: number,
): StoredMessage.Decoded | Exclude<StoredMessage.Checked, { kind: "record" }> => {
  const found = StoredMessage.check(slice, at, bytesRead - at)
  if (found.kind !== "record") return found
  const message = StoredMessage.decode(slice, at)
  if (message instanceof Malformed) return { kind: "bad", reason: message.reason }
  if (message.physicalOffset !== commitLogOffset)
    return { kind: "bad", reason: `a record that belongs to ${message.physicalOffset}` }
  if (!found.isSealed && isTorn(message)) return { kind: "bad", reason: "zeros inside" }
  return message
}

/** A torn write leaves zeros: a record without a seal, whose text no checksum covers, must not hold any. */
const isTorn = ({ properties, topic }: StoredMessage.Decoded): boolean =>
  topic.includes("\0") || properties.includes("\0")

/** Whether a record that belongs there begins the segment at `baseOffset`. */
export const beginsWithRecord = (files: LogBytes, baseOffset: number): boolean => {
  const segment = files.holding(baseOffset)
  if (segment === undefined) return false
  const head = Buffer.alloc(4)
  files.file(segment).readSync(head, 0)
  const sizeBytes = Math.min(Math.max(0, head.readInt32BE(0)), files.segmentBytes, recordBytesMax)
  const bytes = Buffer.alloc(sizeBytes)
  const bytesRead = files.file(segment).readSync(bytes, 0)
  return !("kind" in recordAt(bytes, 0, bytesRead, baseOffset))
}
