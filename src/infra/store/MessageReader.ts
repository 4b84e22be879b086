/**
 * Reads messages back: through their queues, by place, by time. What is cold is brought in from the files first.
 *
 *   P1  what came back from a disk is checked before it is served: rotten media are reported, never served
 *   P3  a read that ends early says where to go on
 */
import { isBlank } from "../../format/ConsumeQueueEntry.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import { DiskError } from "../disk/Disk.ts"
import type { Log } from "../telemetry/Log.ts"
import { attempt } from "./attempt.ts"
import type { CommitLog } from "./CommitLog.ts"
import { type ConsumeQueue, entryBytes, unitOffsetAt } from "./ConsumeQueue.ts"
import type { Segment } from "./SegmentFiles.ts"
import type { StoreOptions } from "./StoreOptions.ts"

export type GetStatus =
  | "FOUND"
  | "NO_MATCHED_MESSAGE"
  | "MESSAGE_WAS_REMOVING"
  | "OFFSET_FOUND_NULL"
  | "OFFSET_OVERFLOW_ONE"
  | "OFFSET_OVERFLOW_BADLY"
  | "OFFSET_TOO_SMALL"
  | "NO_MESSAGE_IN_QUEUE"

/** The answer to a read. `copyTo` may be called in the callback only, once, with room for `sizeBytes`. */
export interface GetResult {
  readonly status: GetStatus
  readonly nextBeginOffset: number
  readonly minOffset: number
  readonly maxOffset: number
  readonly count: number
  readonly sizeBytes: number
  /** Copies the messages; false when one of them is rotten, in which case the bytes must not be served (P1). */
  readonly copyTo: (target: Buffer, at: number) => boolean
}

export interface GetRequest {
  readonly queue: ConsumeQueue
  readonly queueOffset: number
  readonly countMax: number
  /** Whether a message with this tags code may be delivered; undefined takes all. */
  readonly matches: ((tagsCode: number) => boolean) | undefined
  /** Whether a message that `matches` let pass may be delivered, by its properties: asked in place, during the call. */
  readonly accepts?: Accepts | undefined
  /** Whether a message may be accepted, by the mark beside its entry: those of which this is false are not read. */
  readonly mayAccept?: ((commitLogOffset: number, mark: Uint8Array) => boolean) | undefined
}

/** Judges the properties `buffer[start, end)` of a message. */
export type Accepts = (buffer: Buffer, start: number, end: number) => boolean

/** What a read with `accepts` has come to, over the pauses in which cold records are brought in. */
interface Scan {
  readonly accepts: Accepts
  examinedBytes: number
  /** The record that came back bad, and is read once more. */
  doubtedOffset: number
}

/** Entries that one read looks at, at most, whatever passes the filter. RocketMQ: maxFilterMessageSize 16,000 / 20. */
const scannedMax = 800

/** Bytes that one read copies to look at their properties, at most: what is passed over costs the others' time. */
const examinedBytesMax = 8 * 1024 * 1024

/** What looking at the properties of a record in the ring counts for. */
const glanceBytes = 512

/** Shortest record: IPv4 hosts, version 1, empty body, topic and properties. */
const recordBytesMin = 91

const nothing = (): boolean => true

export class MessageReader {
  readonly #log: CommitLog
  readonly #options: StoreOptions
  readonly #logger: Log
  readonly #lastStoreTimestamps = new Map<number, number>()
  #scratch = Buffer.allocUnsafeSlow(0)

  constructor(log: CommitLog, options: StoreOptions, logger: Log) {
    this.#log = log
    this.#options = options
    this.#logger = logger
  }

  /** Reads messages of a queue from `queueOffset` on; `done` runs in this turn when they are in memory. */
  get(request: GetRequest, done: (error: DiskError | undefined, result: GetResult | undefined) => void): void {
    const { queue, queueOffset } = request
    const correct = (): true => {
      queue.correctMin(this.#log.minOffset)
      return true
    }
    if (attempt(correct, (error) => done(error, undefined)) === undefined) return
    const { maxOffset, minOffset } = queue
    const bare = (status: GetStatus, nextBeginOffset: number): void =>
      done(undefined, { copyTo: nothing, count: 0, maxOffset, minOffset, nextBeginOffset, sizeBytes: 0, status })
    if (maxOffset === 0) return bare("NO_MESSAGE_IN_QUEUE", 0)
    if (queueOffset < minOffset) return bare("OFFSET_TOO_SMALL", minOffset)
    if (queueOffset === maxOffset) return bare("OFFSET_OVERFLOW_ONE", queueOffset)
    if (queueOffset > maxOffset) return bare("OFFSET_OVERFLOW_BADLY", maxOffset)
    const offsets: Array<number> = []
    const sizes: Array<number> = []
    const { accepts } = request
    const scan = accepts === undefined ? undefined : { accepts, doubtedOffset: -1, examinedBytes: 0 }
    this.#gather(request, scan, queueOffset, offsets, sizes, 0, (error, next, bytes) => {
      if (error !== undefined) return done(error, undefined)
      if (next === queueOffset) return bare("OFFSET_FOUND_NULL", Math.min(maxOffset, queueOffset + 1))
      if (offsets.length === 0) return bare("NO_MATCHED_MESSAGE", next)
      this.#bringIn(offsets, sizes, 0, undefined, (failed, removed, aside) => {
        if (failed !== undefined) return done(failed, undefined)
        if (removed) return bare("MESSAGE_WAS_REMOVING", next)
        done(undefined, {
          copyTo: (target, at) => this.#copyAll(offsets, sizes, aside, target, at),
          count: offsets.length,
          maxOffset: queue.maxOffset,
          minOffset: queue.minOffset,
          nextBeginOffset: next,
          sizeBytes: bytes,
          status: "FOUND",
        })
      })
    })
  }

  /**
   * The record at a physical offset, checked; undefined when there is none, it is rotten, or the disk fails to read. What
   * comes back bad is read a second time: nobody gives a message up for a bit that was read wrongly once.
   */
  lookAt(
    commitLogOffset: number,
    done: (message: StoredMessage.StoredMessage | undefined, error: DiskError | undefined) => void,
  ): void {
    this.#look(commitLogOffset, false, (message, error) => {
      if (message !== undefined || error !== undefined) return done(message, error)
      this.#look(commitLogOffset, true, done)
    })
  }

  #look(
    commitLogOffset: number,
    isLast: boolean,
    done: (message: StoredMessage.StoredMessage | undefined, error: DiskError | undefined) => void,
  ): void {
    const log = this.#log
    const none = (error?: DiskError): void => done(undefined, error)
    if (commitLogOffset < log.minOffset || commitLogOffset + recordBytesMin > log.readableOffset) return none()
    const head = Buffer.allocUnsafe(4)
    this.#bringIn([commitLogOffset], [4], 0, undefined, (error, removed) => {
      if (error !== undefined || removed) return none(error)
      log.copyTo(head, 0, commitLogOffset, 4)
      const sizeBytes = head.readInt32BE(0)
      if (!this.#canLie(commitLogOffset, sizeBytes)) {
        log.doubt(commitLogOffset, head.length)
        return none()
      }
      this.#bringIn([commitLogOffset], [sizeBytes], 0, undefined, (failed, gone) => {
        if (failed !== undefined || gone) return none(failed)
        const bytes = Buffer.allocUnsafe(sizeBytes)
        log.copyTo(bytes, 0, commitLogOffset, sizeBytes)
        done(this.#decode(bytes, commitLogOffset, isLast), undefined)
      })
    })
  }

  /** The record at a physical offset, read at once, and again when it is bad: start-up, searches by time, tools. */
  lookAtSync(commitLogOffset: number, sizeBytes: number): StoredMessage.StoredMessage | undefined {
    return this.#lookSync(commitLogOffset, sizeBytes, false) ?? this.#lookSync(commitLogOffset, sizeBytes, true)
  }

  #lookSync(commitLogOffset: number, sizeBytes: number, isLast: boolean): StoredMessage.StoredMessage | undefined {
    const bytes = Buffer.allocUnsafe(sizeBytes)
    if (this.#log.isResident(commitLogOffset, sizeBytes)) this.#log.copyTo(bytes, 0, commitLogOffset, sizeBytes)
    else {
      const segment = this.#log.files.holding(commitLogOffset)
      if (segment === undefined) return undefined
      this.#log.files.file(segment).readSync(bytes, commitLogOffset - segment.baseOffset)
    }
    return this.#decode(bytes, commitLogOffset, isLast)
  }

  /** The record that begins at a physical offset, whatever its size, read at once: recovery. */
  recordAtSync(commitLogOffset: number): StoredMessage.StoredMessage | undefined {
    return this.#recordSync(commitLogOffset) ?? this.#recordSync(commitLogOffset)
  }

  #recordSync(commitLogOffset: number): StoredMessage.StoredMessage | undefined {
    const segment = this.#log.files.holding(commitLogOffset)
    if (segment === undefined) return undefined
    const size = Buffer.alloc(4)
    this.#log.files.file(segment).readSync(size, commitLogOffset - segment.baseOffset)
    const sizeBytes = size.readInt32BE(0)
    if (sizeBytes < recordBytesMin || commitLogOffset + sizeBytes > segment.baseOffset + this.#log.files.segmentBytes)
      return undefined
    return this.lookAtSync(commitLogOffset, sizeBytes)
  }

  /**
   * When the last record of a full segment was stored, to within the pause before the next one, which begins the segment
   * behind it: records can only be walked forward. Undefined when that one cannot be read.
   */
  lastStoreTimestampOf(segment: Segment): number | undefined {
    const known = this.#lastStoreTimestamps.get(segment.baseOffset)
    if (known !== undefined) return known
    const next = this.#log.files.holding(segment.baseOffset + this.#log.files.segmentBytes)
    // The first record of the next segment was stored right after the last one of this.
    const after = next === undefined ? undefined : this.recordAtSync(next.baseOffset)?.storeTimestamp
    if (after !== undefined) this.#lastStoreTimestamps.set(segment.baseOffset, after)
    return after
  }

  /** When the message at `queueOffset` was stored, or undefined when there is none. */
  storeTimestampAt(queue: ConsumeQueue, queueOffset: number): number | undefined {
    const entry = queue.entrySync(queueOffset)
    if (entry === undefined || !this.#canLie(entry.commitLogOffset, entry.sizeBytes)) return undefined
    return this.lookAtSync(entry.commitLogOffset, entry.sizeBytes)?.storeTimestamp
  }

  /**
   * The queue offset for a time: the first message stored at or after it (`LOWER`), or the last at or before it
   * (`UPPER`), within [min, max].
   */
  offsetByTime(queue: ConsumeQueue, timestampMs: number, boundary: "LOWER" | "UPPER"): number {
    queue.correctMin(this.#log.minOffset)
    let low = queue.minOffset
    let high = queue.maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const at = this.storeTimestampAt(queue, middle) ?? 0
      if (boundary === "LOWER" ? at < timestampMs : at <= timestampMs) low = middle + 1
      else high = middle
    }
    return boundary === "LOWER" ? low : Math.max(queue.minOffset, low - 1)
  }

  /** The segment is deleted. */
  forget(segment: Segment): void {
    this.#lastStoreTimestamps.delete(segment.baseOffset)
  }

  /** Collects what a read will serve, from `from` on; loads queue entries when they are not in memory. */
  #gather(
    request: GetRequest,
    scan: Scan | undefined,
    from: number,
    offsets: Array<number>,
    sizes: Array<number>,
    bytesBefore: number,
    done: (error: DiskError | undefined, next: number, bytes: number) => void,
  ): void {
    const { matches, queue } = request
    const options = this.#options
    const { countMax } = request
    const scanEnd = request.queueOffset + Math.max(scannedMax, countMax)
    let bytes = bytesBefore
    let next = from
    while (next < queue.maxOffset && next < scanEnd) {
      const run = queue.entries(next)
      if (run === undefined) {
        const at = next
        return queue.loadEntries(at, (error, found) => {
          if (error !== undefined || !found) return done(error, at, bytes)
          this.#gather(request, scan, at, offsets, sizes, bytes, done)
        })
      }
      const { buffer, count } = run
      for (let i = 0; i < count && next < scanEnd; i++, next++) {
        const at = run.at + i * entryBytes
        const commitLogOffset = buffer.readUInt32BE(at) * 0x1_00_00_00_00 + buffer.readUInt32BE(at + 4)
        // Messages that went with their segment, and those before the first file of a queue, are passed over.
        if (commitLogOffset < this.#log.minOffset) continue
        if (matches !== undefined) {
          // A code beyond 32 bits is the address of a unit that says more; without that unit nothing is known.
          const isPassed =
            buffer.readInt32BE(at + 12) >= -1
              ? matches(buffer.readInt32BE(at + 16))
              : passesUnit(request, queue, unitOffsetAt(buffer, at), commitLogOffset)
          if (isPassed === "absent") {
            const from = next
            const again = (): void => this.#gather(request, scan, from, offsets, sizes, bytes, done)
            return queue.ext?.bring(unitOffsetAt(buffer, at) ?? 0, again)
          }
          if (!isPassed) continue
        }
        const sizeBytes = buffer.readInt32BE(at + 8)
        if (isBlank(sizeBytes)) continue
        if (!this.#canLie(commitLogOffset, sizeBytes)) return done(this.#rottenEntry(queue, next), next, bytes)
        if (offsets.length > 0) {
          const isHot = this.#log.isHot(commitLogOffset)
          if (bytes + sizeBytes > (isHot ? options.transferBytesMaxHot : options.transferBytesMaxCold))
            return done(undefined, next, bytes)
          if (offsets.length >= (isHot ? options.transferCountMaxHot : options.transferCountMaxCold))
            return done(undefined, next, bytes)
        }
        if (scan !== undefined) {
          const isAccepted = this.#isAccepted(scan, commitLogOffset, sizeBytes)
          if (isAccepted === undefined) {
            const from = next
            return this.#log.load(commitLogOffset, sizeBytes, (error) => {
              if (error !== undefined) return done(error, from, bytes)
              this.#gather(request, scan, from, offsets, sizes, bytes, done)
            })
          }
          // What was found before it is answered first: the next read begins with it, and reports it.
          if (isAccepted === "rotten" && offsets.length > 0) return done(undefined, next, bytes)
          if (!isAccepted) {
            if (scan.examinedBytes < examinedBytesMax) continue
            return done(undefined, next + 1, bytes)
          }
        }
        offsets.push(commitLogOffset)
        sizes.push(sizeBytes)
        bytes += sizeBytes
        if (offsets.length >= countMax) return done(undefined, next + 1, bytes)
      }
    }
    done(undefined, next, bytes)
  }

  /**
   * Whether a record passes; undefined when it has to be brought in first. What is rotten is served as if it did, so that
   * it is found when it is copied, and reported: a message must not be lost to a filter that read wrong properties (P1, P3).
   */
  #isAccepted(scan: Scan, commitLogOffset: number, sizeBytes: number): boolean | "rotten" | undefined {
    const log = this.#log
    const ringAt = log.ringAt(commitLogOffset, sizeBytes)
    if (ringAt !== undefined) {
      scan.examinedBytes += glanceBytes
      const { ring } = log
      if (misplaced(ring, ringAt, sizeBytes, commitLogOffset) !== undefined) return "rotten"
      return scan.accepts(ring, StoredMessage.at.propertiesStart(ring, ringAt), ringAt + sizeBytes)
    }
    if (!log.isResident(commitLogOffset, sizeBytes)) return undefined
    scan.examinedBytes += sizeBytes
    if (this.#scratch.length < sizeBytes) this.#scratch = Buffer.allocUnsafeSlow(sizeBytes)
    const bytes = this.#scratch
    log.copyTo(bytes, 0, commitLogOffset, sizeBytes)
    const isHot = log.isHot(commitLogOffset)
    const isBad =
      misplaced(bytes, 0, sizeBytes, commitLogOffset) !== undefined ||
      (!isHot && unsound(bytes, 0, sizeBytes) !== undefined)
    if (!isBad) return scan.accepts(bytes, StoredMessage.at.propertiesStart(bytes, 0), sizeBytes)
    if (isHot || scan.doubtedOffset === commitLogOffset) return "rotten"
    scan.doubtedOffset = commitLogOffset
    log.doubt(commitLogOffset, sizeBytes)
    return undefined
  }

  /** Whether a readable record may have this place and size: bounds for what a client asks for, or an entry says. */
  #canLie(commitLogOffset: number, sizeBytes: number): boolean {
    const { files, readableOffset } = this.#log
    const within = commitLogOffset % files.segmentBytes
    return (
      sizeBytes >= recordBytesMin &&
      commitLogOffset + sizeBytes <= readableOffset &&
      within + sizeBytes <= files.segmentBytes
    )
  }

  /** Queue files have no checksums, but an entry that leads to no record is known for what it is. */
  #rottenEntry(queue: ConsumeQueue, queueOffset: number): DiskError {
    const error = new DiskError("Io", "read", queue.directory, `the entry of queue offset ${queueOffset} is rotten`)
    this.#logger.error(
      `rotten queue entry: stop the broker and run \`gantry store repair ${this.#options.root}\`, which rebuilds queues`,
      { path: queue.directory, queueOffset },
    )
    return error
  }

  /**
   * Makes all the ranges resident, loading cold ones once each; `removed` when one is gone for good. When other reads
   * push out what this one brought in, it starts again and puts each range `aside` as soon as it is there.
   */
  #bringIn(
    offsets: ReadonlyArray<number>,
    sizes: ReadonlyArray<number>,
    from: number,
    aside: Array<Buffer | undefined> | undefined,
    done: (
      error: DiskError | undefined,
      removed: boolean,
      aside: ReadonlyArray<Buffer | undefined> | undefined,
    ) => void,
  ): void {
    const log = this.#log
    for (let i = from; i < offsets.length; i++) {
      const offset = offsets[i] ?? 0
      const sizeBytes = sizes[i] ?? 0
      if (aside?.[i] !== undefined) continue
      if (log.isResident(offset, sizeBytes)) {
        if (aside === undefined || log.isHot(offset)) continue
        const bytes = Buffer.allocUnsafe(sizeBytes)
        log.copyTo(bytes, 0, offset, sizeBytes)
        aside[i] = bytes
        continue
      }
      if (offset < log.minOffset) return done(undefined, true, aside)
      // What lies close behind is asked for in the same read: a batch of neighbours is one load.
      let end = offset + sizeBytes
      for (let j = i + 1; j < offsets.length; j++) {
        const nextEnd = (offsets[j] ?? 0) + (sizes[j] ?? 0)
        if (nextEnd - offset > options64KiB || nextEnd < end) break
        end = nextEnd
      }
      const segmentBytes = log.files.segmentBytes
      const segmentEnd = offset - (offset % segmentBytes) + segmentBytes
      return log.load(offset, Math.min(end, segmentEnd) - offset, (error) => {
        if (error !== undefined) return done(error, false, aside)
        this.#bringIn(offsets, sizes, i, log.isResident(offset, sizeBytes) ? aside : (aside ?? []), done)
      })
    }
    for (let i = 0; i < offsets.length; i++) {
      if (aside?.[i] === undefined && !log.isResident(offsets[i] ?? 0, sizes[i] ?? 0))
        return this.#bringIn(offsets, sizes, 0, aside ?? [], done)
    }
    done(undefined, false, aside)
  }

  #copyAll(
    offsets: ReadonlyArray<number>,
    sizes: ReadonlyArray<number>,
    aside: ReadonlyArray<Buffer | undefined> | undefined,
    target: Buffer,
    start: number,
  ): boolean {
    let at = start
    for (let i = 0; i < offsets.length; i++) {
      const offset = offsets[i] ?? 0
      const sizeBytes = sizes[i] ?? 0
      const bytes = aside?.[i]
      if (bytes === undefined) this.#log.copyTo(target, at, offset, sizeBytes)
      else bytes.copy(target, at)
      const isFromDisk = bytes !== undefined || !this.#log.isHot(offset)
      if (!this.#isSound(target, at, sizeBytes, offset, isFromDisk)) return false
      at += sizeBytes
    }
    return true
  }

  /**
   * What came back from a disk is checked before it is served: rotten media are reported, never served (P1). Bytes of the
   * ring are as they were encoded; that they are a record of this place and size tells whether the queue entry is right.
   */
  #isSound(buffer: Buffer, at: number, sizeBytes: number, commitLogOffset: number, isFromDisk: boolean): boolean {
    const reason =
      misplaced(buffer, at, sizeBytes, commitLogOffset) ?? (isFromDisk ? unsound(buffer, at, sizeBytes) : undefined)
    if (reason === undefined) return true
    this.#log.doubt(commitLogOffset, sizeBytes)
    const segment = this.#log.files.holding(commitLogOffset)
    this.#logger.error(
      `rotten record: it is not served; stop the broker and run \`gantry store repair ${this.#options.root}\`, which says what is lost`,
      { commitLogOffset, file: segment?.path, reason, sizeBytes },
    )
    return false
  }

  /** Before the last look, what is bad is told to nobody. */
  #decode(bytes: Buffer, commitLogOffset: number, isLast: boolean): StoredMessage.StoredMessage | undefined {
    // Whoever asks for an offset may be wrong: what does not belong there is no sign of rot.
    const isPlaced = misplaced(bytes, 0, bytes.length, commitLogOffset) === undefined
    if (!isPlaced || (!isLast && unsound(bytes, 0, bytes.length) !== undefined)) {
      this.#log.doubt(commitLogOffset, bytes.length)
      return undefined
    }
    if (!this.#isSound(bytes, 0, bytes.length, commitLogOffset, true)) return undefined
    const message = StoredMessage.decode(bytes, 0)
    return message instanceof Malformed ? undefined : message
  }
}

/** Whether a message passes by the unit that its entry leads to; "absent": once the unit is brought in. */
const passesUnit = (
  { mayAccept, matches }: GetRequest,
  queue: ConsumeQueue,
  unitOffset: number | undefined,
  commitLogOffset: number,
): boolean | "absent" => {
  const unit = unitOffset === undefined ? undefined : queue.ext?.at(unitOffset)
  if (unit === undefined || unit === "absent") return unit ?? true
  if (matches !== undefined && !matches(unit.tagsCode)) return false
  return unit.mark === undefined || mayAccept === undefined || mayAccept(commitLogOffset, unit.mark)
}

const options64KiB = 64 * 1024

const misplaced = (buffer: Buffer, at: number, sizeBytes: number, commitLogOffset: number): string | undefined => {
  const size = StoredMessage.at.totalSize(buffer, at)
  if (size !== sizeBytes) return `a record of ${size} bytes, its queue entry says ${sizeBytes}`
  const place = StoredMessage.at.physicalOffset(buffer, at)
  return place === commitLogOffset ? undefined : `a record that belongs to ${place}`
}

const unsound = (buffer: Buffer, at: number, sizeBytes: number): string | undefined => {
  const found = StoredMessage.check(buffer, at, sizeBytes)
  if (found.kind === "record") return undefined
  return found.kind === "bad" ? found.reason : "a filler"
}
