/**
 * Every record of a log, and every place that should hold records and does not. Behind a bad place the search goes on at
 * the next bytes that are a record and say that they belong there, so that one rotten record hides no other.
 */
import * as StoredMessage from "../../../format/StoredMessage.ts"
import { recordAt, walkSegment } from "../LogWalk.ts"
import type { StoreView, ViewedFile } from "./StoreView.ts"

/** Bytes [from, to) of the log that hold no record, though they were written. */
export interface Hole {
  readonly from: number
  readonly to: number
  readonly reason: string
  /** The file that they lie in; undefined when it is missing. */
  readonly path: string | undefined
  /** When the record before was stored, ms; for the begin of the log, the one behind. */
  readonly storedMs: number
}

export interface Survey {
  readonly holes: ReadonlyArray<Hole>
  /** One past the last record, or past the blank behind it. */
  readonly endOffset: number
  /** Bytes behind the end that are not zero: a torn tail, which the next start cuts. */
  readonly tailBytes: number
}

const sliceBytes = 1024 * 1024

/** What one segment holds. */
interface Surveyed {
  readonly segment: ViewedFile
  /** Bad places with something good behind them. */
  readonly holes: ReadonlyArray<Hole>
  /** One past its last record or blank; undefined when it has none. */
  readonly end: number | undefined
  /** What stands behind the end. */
  readonly reason: string
  /** Whether the log ends here, whatever stands behind. */
  readonly isCut: boolean
  /** Store times of its last and first record, ms; undefined when it has none. */
  readonly storedMs: number | undefined
  readonly firstStoredMs: number | undefined
}

/** Yields the offset that it has come to. */
export function* survey(view: StoreView, visit: (message: StoredMessage.Decoded) => void): Generator<number, Survey> {
  const all: Array<Surveyed> = []
  for (const segment of view.segments) {
    const one = yield* surveySegment(view, segment, visit)
    all.push(one)
    if (one.isCut) break
  }
  const newest = all.findLastIndex(({ end }) => end !== undefined)
  const holes: Array<Hole> = []
  let reached = view.minOffset
  let storedMs = all.find((one) => one.firstStoredMs !== undefined)?.firstStoredMs ?? 0
  for (const { end, holes: inside, reason, segment, storedMs: lastMs } of all.slice(0, newest + 1)) {
    const { baseOffset, path } = segment
    if (reached < baseOffset) holes.push({ from: reached, path: undefined, reason: missing, storedMs, to: baseOffset })
    for (const hole of inside) holes.push({ ...hole, storedMs: hole.storedMs || storedMs })
    storedMs = lastMs ?? storedMs
    const segmentEnd = baseOffset + view.segmentBytes
    reached = end ?? baseOffset
    if (reached === segmentEnd || segment === all[newest]?.segment) continue
    holes.push({ from: reached, path, reason, storedMs, to: segmentEnd })
    reached = segmentEnd
  }
  const last = all.find(
    ({ segment }) => segment.baseOffset <= reached && reached < segment.baseOffset + view.segmentBytes,
  )
  const synced = view.mark?.syncedOffset ?? 0
  if (reached < synced)
    holes.push({ from: reached, path: last?.segment.path, reason: last?.reason ?? missing, storedMs, to: synced })
  return { endOffset: reached, holes, tailBytes: tailBytesOf(view, reached) }
}

/** After a crash of Gantry's own, the first bad place behind what was synced is where the next start cuts the log. */
const isCutAt = ({ isAborted, mark }: StoreView, offset: number): boolean =>
  isAborted && mark !== undefined && offset >= mark.syncedOffset

/** How many bytes behind the end were written. */
const tailBytesOf = (view: StoreView, endOffset: number): number => {
  let written = 0
  for (const segment of view.segments) {
    const within = Math.max(0, endOffset - segment.baseOffset)
    if (within < segment.sizeBytes) written += writtenBytes(view, segment, within)
  }
  return written
}

const missing = "the segment is missing"

function* surveySegment(
  view: StoreView,
  segment: ViewedFile,
  visit: (message: StoredMessage.Decoded) => void,
): Generator<number, Surveyed> {
  const segmentEnd = segment.baseOffset + view.segmentBytes
  const holes: Array<Hole> = []
  let end: number | undefined
  let firstStoredMs: number | undefined
  let storedMs: number | undefined
  const noteAndVisit = (message: StoredMessage.Decoded): void => {
    storedMs = message.storeTimestamp
    firstStoredMs ??= storedMs
    visit(message)
  }
  for (let offset = segment.baseOffset; ;) {
    const ended = yield* offsets(segment, walkSegment(view, segment, offset, noteAndVisit))
    const isFull = ended.end === segmentEnd || ended.end + (ended.blank ?? -1) === segmentEnd
    if (isFull) return { end: segmentEnd, firstStoredMs, holes, isCut: false, reason: "", segment, storedMs }
    if (ended.end > offset) end = ended.end
    const reason = ended.blank === undefined ? ended.reason : `a filler of ${ended.blank} bytes`
    const isCut = isCutAt(view, ended.end)
    const next = isCut ? undefined : yield* findNext(view, segment, ended.end + 1)
    if (next === undefined) return { end, firstStoredMs, holes, isCut, reason, segment, storedMs }
    holes.push({ from: ended.end, path: segment.path, reason, storedMs: storedMs ?? 0, to: next })
    offset = next
    end = next
  }
}

/** Passes on what the walk answers, and yields how far it came. */
function* offsets<T>(segment: ViewedFile, walk: Generator<void, T>): Generator<number, T> {
  for (let slices = 0; ; slices++) {
    const { done, value } = walk.next()
    if (done === true) return value
    yield segment.baseOffset + slices * sliceBytes
  }
}

/** Where the next record or blank of a segment begins, at or behind `from`. */
function* findNext(view: StoreView, segment: ViewedFile, from: number): Generator<number, number | undefined> {
  const segmentEnd = segment.baseOffset + view.segmentBytes
  for (let start = from; start < segmentEnd; start += sliceBytes) {
    yield start
    // A front of eight bytes may reach into the next slice.
    const slice = Buffer.alloc(Math.min(sliceBytes + 8, segmentEnd - start))
    const bytesRead = view.file(segment).readSync(slice, start - segment.baseOffset)
    for (let at = 0; at + 8 <= bytesRead && at < sliceBytes; at++) {
      // The first byte of the three magics; everything else is passed over quickly.
      const byte = slice[at + 4]
      if ((byte === 0xda || byte === 0xcb) && isBorder(view, segment, slice, at, start + at)) return start + at
    }
  }
  return undefined
}

const isBorder = (view: StoreView, segment: ViewedFile, slice: Buffer, at: number, offset: number): boolean => {
  const left = segment.baseOffset + view.segmentBytes - offset
  const sizeBytes = slice.readInt32BE(at)
  const magic = slice.readInt32BE(at + 4)
  if (magic === StoredMessage.magicBlank) return sizeBytes === left
  if ((magic !== StoredMessage.magicV1 && magic !== StoredMessage.magicV2) || sizeBytes <= 0 || sizeBytes > left)
    return false
  const record = Buffer.alloc(sizeBytes)
  const bytesRead = view.file(segment).readSync(record, offset - segment.baseOffset)
  return !("kind" in recordAt(record, 0, bytesRead, offset))
}

/** How many bytes from `within` on were written, to the last one that is not zero. */
const writtenBytes = (view: StoreView, segment: ViewedFile, within: number): number => {
  let written = 0
  const slice = Buffer.alloc(sliceBytes)
  for (let at = within; at < segment.sizeBytes; at += sliceBytes) {
    const bytesRead = view.file(segment).readSync(slice, at)
    let last = bytesRead - 1
    while (last >= 0 && slice[last] === 0) last--
    if (last >= 0) written = at + last + 1 - within
  }
  return written
}
