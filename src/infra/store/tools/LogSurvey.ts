/**
 * Every record of a log, and every place that should hold records and does not. Behind a bad place the search goes on at
 * the next bytes that are a record and say that they belong there, so that one rotten record hides no other.
 *
 * Such bytes may also be a copy inside the body of a lost message, or left from before a crash that another program cut
 * off: they count when a queue leads to them, or when records follow them to the end of what was written (`isCredible`).
 */
import * as StoredMessage from "../../../format/StoredMessage.ts"
import { verdictAt } from "../LogEnd.ts"
import { recordAt, recordBytesMax, walkSegment } from "../LogWalk.ts"
import { hiddenBy } from "../Recovery.ts"
import { QueueEntries } from "./QueueEntries.ts"
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
  /** In the order of the log. */
  readonly holes: ReadonlyArray<Hole>
  /** One past the last record, or past the blank behind it. */
  readonly endOffset: number
  /** Bytes behind the end that are not zero: a torn tail, which the next start cuts. */
  readonly tailBytes: number
}

const sliceBytes = 1024 * 1024
const zeros = Buffer.alloc(sliceBytes + 8)
const isZero = (bytes: Buffer): boolean => bytes.equals(zeros.subarray(0, bytes.length))

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
  const entries = new QueueEntries(view)
  for (const segment of view.segments) {
    const one = yield* surveySegment(view, entries, segment, visit)
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
  const lostEnd = endOfLost(view, last, reached)
  if (reached < lostEnd)
    holes.push({ from: reached, path: last?.segment.path, reason: last?.reason ?? missing, storedMs, to: lostEnd })
  return { endOffset: reached, holes, tailBytes: lostEnd > reached ? 0 : tailBytesOf(view, reached) }
}

const missing = "the segment is missing"

/** Up to where the log was written and not just torn, behind its last record at `reached`. */
const endOfLost = (view: StoreView, last: Surveyed | undefined, reached: number): number => {
  const synced = view.mark?.syncedOffset ?? 0
  if (last === undefined || last.isCut || verdictAt(view, view.lastLife, last.segment, reached) === "cut") return synced
  return Math.max(synced, reached + writtenBytes(view, last.segment, reached - last.segment.baseOffset))
}

/** How many bytes behind the end were written. */
const tailBytesOf = (view: StoreView, endOffset: number): number => {
  let written = 0
  for (const segment of view.segments) {
    const within = Math.max(0, endOffset - segment.baseOffset)
    if (within < segment.sizeBytes) written += writtenBytes(view, segment, within)
  }
  return written
}

function* surveySegment(
  view: StoreView,
  entries: QueueEntries,
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
    const isCut = isCutAt(view, segment, ended.end)
    const next = isCut ? undefined : yield* findNext(view, entries, segment, ended.end + 1)
    if (next === undefined) return { end, firstStoredMs, holes, isCut, reason, segment, storedMs }
    holes.push({ from: ended.end, path: segment.path, reason, storedMs: storedMs ?? 0, to: next })
    offset = next
    end = next
  }
}

/** Whether the next start cuts the log here: after a crash, at the first bad place behind what was synced. */
const isCutAt = (view: StoreView, segment: ViewedFile, offset: number): boolean =>
  view.isAborted && verdictAt(view, view.lastLife, segment, offset) === "cut"

/** Passes on what the walk answers, and yields how far it came. */
function* offsets<T>(segment: ViewedFile, walk: Generator<void, T>): Generator<number, T> {
  for (let slices = 0; ; slices++) {
    const { done, value } = walk.next()
    if (done === true) return value
    yield segment.baseOffset + slices * sliceBytes
  }
}

/** Where the next record or blank of a segment begins, at or behind `from`. */
function* findNext(
  view: StoreView,
  entries: QueueEntries,
  segment: ViewedFile,
  from: number,
): Generator<number, number | undefined> {
  const segmentEnd = segment.baseOffset + view.segmentBytes
  for (let start = from; start < segmentEnd; start += sliceBytes) {
    yield start
    // A front of eight bytes may reach into the next slice.
    const slice = Buffer.alloc(Math.min(sliceBytes + 8, segmentEnd - start))
    const bytesRead = view.file(segment).readSync(slice, start - segment.baseOffset)
    if (isZero(slice.subarray(0, bytesRead))) continue
    for (let at = 0; at + 8 <= bytesRead && at < sliceBytes; at++) {
      // The first byte of the three magics; everything else is passed over quickly.
      const byte = slice[at + 4]
      if (byte !== 0xda && byte !== 0xcb) continue
      if (isCredible(view, entries, segment, start + at)) return start + at
    }
  }
  return undefined
}

/** What stands at `offset`, judged as a whole. */
const placeAt = (view: StoreView, segment: ViewedFile, offset: number): ReturnType<typeof recordAt> => {
  const left = segment.baseOffset + view.segmentBytes - offset
  const head = Buffer.alloc(Math.min(left, StoredMessage.blankSizeBytes))
  const headBytes = view.file(segment).readSync(head, offset - segment.baseOffset)
  if (headBytes < StoredMessage.blankSizeBytes) return { kind: "bad", reason: "cut short" }
  const sizeBytes = head.readInt32BE(0)
  const magic = head.readInt32BE(4)
  if (magic === StoredMessage.magicBlank) return { kind: "blank", sizeBytes }
  if (sizeBytes <= 0 || sizeBytes > left || sizeBytes > recordBytesMax) return { kind: "bad", reason: "record size" }
  if (magic !== StoredMessage.magicV1 && magic !== StoredMessage.magicV2) return { kind: "bad", reason: "magic" }
  const record = Buffer.alloc(sizeBytes)
  const bytesRead = view.file(segment).readSync(record, offset - segment.baseOffset)
  return recordAt(record, 0, bytesRead, offset)
}

/** Whether a record or blank begins at `offset` that is the log's own, and no copy of one. */
const isCredible = (view: StoreView, entries: QueueEntries, segment: ViewedFile, offset: number): boolean => {
  const segmentEnd = segment.baseOffset + view.segmentBytes
  let at = offset
  let place = placeAt(view, segment, at)
  if ("kind" in place && place.kind === "bad") return false
  for (; !("kind" in place); place = placeAt(view, segment, at)) {
    // More than one message can hold: these are no copies in a body.
    if (at - offset > recordBytesMax) return true
    const isLedTo = hiddenBy(place) === undefined ? entries.leadTo(place) : undefined
    if (isLedTo !== undefined) return isLedTo
    at += place.sizeBytes
    if (at === segmentEnd) return true
  }
  if (place.kind === "blank") {
    if (at + place.sizeBytes !== segmentEnd) return false
    return isUnwritten(view, segment, at + StoredMessage.blankSizeBytes)
  }
  // What another program has cut off stays in its files behind the end, and none of its queues leads there.
  const { isClean, isForeign } = view.lastLife
  return isUnwritten(view, segment, at) && !(isClean && isForeign)
}

/** A body can hold records and zeros behind them, but not what comes after its message. */
const isUnwritten = (view: StoreView, segment: ViewedFile, offset: number): boolean =>
  writtenBytes(view, segment, offset - segment.baseOffset) === 0

/** How many bytes from `within` on were written, to the last one that is not zero. */
const writtenBytes = (view: StoreView, segment: ViewedFile, within: number): number => {
  let written = 0
  const slice = Buffer.alloc(sliceBytes)
  for (let at = within; at < segment.sizeBytes; at += sliceBytes) {
    const bytesRead = view.file(segment).readSync(slice, at)
    if (isZero(slice.subarray(0, bytesRead))) continue
    let last = bytesRead - 1
    while (slice[last] === 0) last--
    written = at + last + 1 - within
  }
  return written
}
