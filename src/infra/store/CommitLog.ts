/**
 * The CommitLog: one append-only log of bytes, cut into segments, that every durable fact of a broker goes through.
 *
 * Records are encoded in place in the write ring, which is at once the write buffer and the cache of the tail. One
 * write + sync is under way at a time and covers all that was appended before it began (group commit); the next one
 * begins when it ends. What readers may see is the *readable* offset, never the appended one: durable, then true, then
 * visible (docs/adr/0005-two-states.md).
 *
 *   ordered    mark <= synced <= readable <= appended; each only grows
 *   P1         by SYNC_FLUSH the readable offset moves only after a sync that began after the bytes were written
 *   poisoned   after a failed sync nothing moves any more: what reached the disk is unknown until the next start
 *   whole      a record lies in one segment; at least 8 bytes of a segment are left for the end-of-file blank
 *
 * Hot path: plain and synchronous. Source: RocketMQ 5.5.0 file store; spec/store/Store.tla.
 */
import { encodeBlankInto } from "../../format/StoredMessage.ts"
import type { Clock } from "../clock/Clock.ts"
import { DiskError } from "../disk/Disk.ts"
import type { Trace } from "../telemetry/Trace.ts"
import { BlockCache } from "./BlockCache.ts"
import type { Segment, SegmentFiles } from "./SegmentFiles.ts"

/** Bytes that are always left at the end of a segment, for the blank record. */
export const blankBytes = 8

export interface CommitLogOptions {
  /** `sync`: readable once synced. `async`: readable once written; a sync follows every `flushIntervalMs`. */
  readonly flush: "sync" | "async"
  readonly flushIntervalMs: number
  /** Size of the write ring in bytes; a multiple of 4096, at least four times the largest record. */
  readonly ringBytes: number
  /** Blocks of `ringBytes / 256` bytes (4 KiB to 256 KiB) that are kept for consumers that are behind. */
  readonly coldBlocksMax: number
}

export interface CommitLogEvents {
  /** Bytes below `readableOffset` may be answered, read and notified. */
  readonly onReadable: (readableOffset: number) => void
  /** The disk is full: nothing was lost, the write is tried again until there is room. */
  readonly onDiskFull: (error: DiskError) => void
  /** The log is poisoned: no answer may follow. */
  readonly onFailed: (error: DiskError) => void
}

/** Space left alone between the oldest byte of the ring and the newest, so that a cold block never needs the ring. */
const marginBlocks = 2
const diskFullRetryMs = 200

export class CommitLog {
  readonly files: SegmentFiles
  readonly #options: CommitLogOptions
  readonly #clock: Clock
  readonly #events: CommitLogEvents
  readonly #trace: Trace
  readonly #ring: Buffer
  readonly #cold: BlockCache
  readonly #ringLimitBytes: number
  #scratch = Buffer.allocUnsafeSlow(0)

  #appended = 0
  #written = 0
  #readable = 0
  #synced = 0
  /** First byte that the ring holds: below it, reads are cold. Before the start it holds none. */
  #ringStart = Number.MAX_SAFE_INTEGER
  #flushing = false
  #flushScheduled = false
  #failed: DiskError | undefined
  /** A write waits for room on the disk. */
  #isStalled = false
  /** There was no room for the next segment. */
  #lacksSegment = false
  #cancelTimer: (() => void) | undefined
  #cancelRetry: (() => void) | undefined
  #idle: (() => void) | undefined
  readonly #waiting = new Set<() => void>()

  /** Where the record reserved last is to be encoded, and its place in the log. */
  target: Buffer
  targetAt = 0
  targetOffset = 0

  constructor(
    files: SegmentFiles,
    clock: Clock,
    options: CommitLogOptions,
    events: CommitLogEvents,
    trace: Trace = undefined,
  ) {
    this.files = files
    this.#clock = clock
    this.#options = options
    this.#events = events
    this.#trace = trace
    this.#ring = Buffer.allocUnsafeSlow(options.ringBytes)
    this.target = this.#ring
    const blockBytes = Math.min(256 * 1024, Math.max(4096, options.ringBytes / 256))
    this.#ringLimitBytes = options.ringBytes - marginBlocks * blockBytes
    // The largest record must fit, wherever it begins in its first block.
    const blocksMin = Math.ceil(this.recordBytesMax / blockBytes) + 1
    this.#cold = new BlockCache(files, () => this.#written, blockBytes, Math.max(blocksMin, options.coldBlocksMax))
  }

  /** First byte of the log that still exists. */
  get minOffset(): number {
    return this.files.first?.baseOffset ?? this.#appended
  }

  get appendedOffset(): number {
    return this.#appended
  }

  get readableOffset(): number {
    return this.#readable
  }

  get syncedOffset(): number {
    return this.#synced
  }

  get failed(): DiskError | undefined {
    return this.#failed
  }

  /** Whether the last `reserve` that needed a new segment found no room for it on the disk. */
  get lacksSegment(): boolean {
    return this.#lacksSegment
  }

  /** Appended bytes that are not readable yet: what a slow disk piles up. */
  get backlogBytes(): number {
    return this.#appended - this.#readable
  }

  /** Above this backlog the sockets should not be read: half of the ring is left for what is already on its way. */
  get backlogHighBytes(): number {
    return this.#ringLimitBytes / 2
  }

  get recordBytesMax(): number {
    return Math.min(this.#ringLimitBytes / 2, this.files.segmentBytes - blankBytes)
  }

  /** Starts the log at `endOffset`, all of it synced: recovery has truncated the files to it. */
  start(endOffset: number): void {
    this.#appended = endOffset
    this.#written = endOffset
    this.#readable = endOffset
    this.#synced = endOffset
    this.#ringStart = endOffset
    if (this.#options.flush === "async") this.#scheduleSync()
  }

  /**
   * Makes room for a record of `sizeBytes` <= `recordBytesMax`: afterwards it must be encoded into `target` at
   * `targetAt`, as the bytes at `targetOffset`, and committed in the same turn. False when the ring is full, when there
   * is no room for the next segment, or when the log has failed.
   */
  reserve(sizeBytes: number): boolean {
    const segmentBytes = this.files.segmentBytes
    let within = this.#appended % segmentBytes
    if (sizeBytes + blankBytes > segmentBytes - within) {
      const blank = segmentBytes - within
      if (this.#appended + blank + sizeBytes - this.#readable > this.#ringLimitBytes) return false
      // First the segment, then the blank: a log must not end in one, which Apache RocketMQ would write over.
      if (!this.#openSegment(this.#appended + blank)) return false
      this.#appendBlank(blank)
      within = 0
    }
    if (this.#appended + sizeBytes - this.#readable > this.#ringLimitBytes) return false
    if (within === 0 && !this.#openSegment(this.#appended)) return false
    const at = this.#appended % this.#ring.length
    if (at + sizeBytes <= this.#ring.length) {
      this.target = this.#ring
      this.targetAt = at
    } else {
      // About one record in 300,000 (64 MiB ring, 230 bytes) wraps: it is encoded aside and copied in two pieces.
      if (this.#scratch.length < sizeBytes) this.#scratch = Buffer.allocUnsafeSlow(sizeBytes)
      this.target = this.#scratch
      this.targetAt = 0
    }
    this.targetOffset = this.#appended
    return true
  }

  /** Whether records of these sizes, reserved and committed one after another in this turn, all find room. */
  hasRoom(sizes: ReadonlyArray<number>): boolean {
    const segmentBytes = this.files.segmentBytes
    const fresh: Array<number> = []
    let end = this.#appended
    for (const sizeBytes of sizes) {
      const within = end % segmentBytes
      if (sizeBytes + blankBytes > segmentBytes - within) end += segmentBytes - within
      if (end % segmentBytes === 0) fresh.push(end)
      end += sizeBytes
    }
    if (end - this.#readable > this.#ringLimitBytes) return false
    return fresh.every((baseOffset) => this.#openSegment(baseOffset))
  }

  /** The record reserved last is encoded: it is part of the log now, and durable when `onReadable` passes its end. */
  commit(sizeBytes: number): void {
    if (this.target === this.#scratch) this.#copyIn(this.#scratch, sizeBytes)
    this.#advance(sizeBytes)
    if (!this.#flushScheduled && !this.#flushing) {
      this.#flushScheduled = true
      // At the end of the turn, so that one sync covers what all the sockets brought in it.
      this.#clock.soon(this.#flush)
    }
  }

  /** Whether [offset, offset + sizeBytes), below the readable offset, can be copied now. */
  isResident(offset: number, sizeBytes: number): boolean {
    return offset >= this.#ringStart || this.#cold.has(offset, sizeBytes)
  }

  /** Whether the bytes come from the ring, where they are as they were encoded; else they were on a disk. */
  isHot(offset: number): boolean {
    return offset >= this.#ringStart
  }

  /** Where in `ring` a range lies; undefined when it is not there, or not in one piece. */
  ringAt(offset: number, sizeBytes: number): number | undefined {
    const at = offset % this.#ring.length
    return offset >= this.#ringStart && at + sizeBytes <= this.#ring.length ? at : undefined
  }

  /** The write ring, to look at in this turn. */
  get ring(): Buffer {
    return this.#ring
  }

  /** Copies resident bytes. */
  copyTo(target: Buffer, at: number, offset: number, sizeBytes: number): void {
    if (offset < this.#ringStart) return this.#cold.copyTo(target, at, offset, sizeBytes)
    const from = offset % this.#ring.length
    const first = Math.min(sizeBytes, this.#ring.length - from)
    this.#ring.copy(target, at, from, from + first)
    if (first < sizeBytes) this.#ring.copy(target, at + first, 0, sizeBytes - first)
  }

  /**
   * Brings cold bytes in. They may still be missing after it: when their segment was deleted meanwhile, or when so many
   * other reads are under way that they were pushed out again.
   */
  load(offset: number, sizeBytes: number, done: (error: DiskError | undefined) => void): void {
    this.#cold.load(offset, sizeBytes, done)
  }

  /** Reads a range from the disk again when it is asked for again: what came back last time was bad. */
  doubt(offset: number, sizeBytes: number): void {
    this.#cold.drop(offset, sizeBytes)
  }

  /** Deletes the oldest segment, durably: one that came back without the next would leave a gap. Throws `DiskError`. */
  removeFirstSegment(): void {
    this.files.removeFirst()
    try {
      this.files.syncRemoval()
    } catch (error) {
      if (error instanceof DiskError) this.poison(error)
      throw error
    }
    this.#cold.dropBelow(this.minOffset)
  }

  /** By ASYNC_FLUSH, syncs what is written before something is made to rest on it; `done` runs too when the log fails. */
  syncNow(done: () => void): void {
    if (this.#synced >= this.#written || this.#failed !== undefined) return done()
    this.#waiting.add(done)
    this.#syncAll(() => {
      if (this.#waiting.delete(done)) done()
    })
  }

  /** The disk failed to sync something of the store, here or elsewhere: nothing may be answered any more. */
  poison(error: DiskError): void {
    if (this.#failed === undefined) this.#fail(error)
  }

  /**
   * Writes and syncs what is appended, for the last time; `done` runs when all of it is on disk, or cannot come there:
   * the log has failed, or the disk is full. Nothing is written after that.
   */
  drain(done: (isOnDisk: boolean) => void): void {
    const end = (isOnDisk: boolean): void => {
      this.#cancelTimer?.()
      this.#cancelRetry?.()
      done(isOnDisk)
    }
    const check = (): void => {
      if (this.#failed !== undefined || this.#isStalled) return end(false)
      if (this.#synced >= this.#appended && !this.#flushing) return end(true)
      this.#idle = check
      if (!this.#flushing) this.#flush()
      else if (this.#options.flush === "async") this.#syncAll()
    }
    check()
  }

  #advance(sizeBytes: number): void {
    this.#appended += sizeBytes
    const start = this.#appended - this.#ring.length + this.#cold.blockBytes
    if (start > this.#ringStart) this.#ringStart = start
  }

  /** Fills the rest of a segment. The rest is zero, so that nothing that the ring held before comes to the disk. */
  #appendBlank(sizeBytes: number): void {
    const blank = Buffer.alloc(sizeBytes)
    encodeBlankInto(sizeBytes, blank, 0)
    this.#copyIn(blank, sizeBytes)
    this.#advance(sizeBytes)
  }

  #copyIn(source: Buffer, sizeBytes: number): void {
    const at = this.#appended % this.#ring.length
    const first = Math.min(sizeBytes, this.#ring.length - at)
    source.copy(this.#ring, at, 0, first)
    if (first < sizeBytes) source.copy(this.#ring, 0, first, sizeBytes)
  }

  /** Makes the next segment. False when the disk does not take it: full, and the caller waits, or broken for good. */
  #openSegment(baseOffset: number): boolean {
    if (this.#failed !== undefined) return false
    if (this.files.holding(baseOffset) !== undefined) return true
    try {
      this.files.create(baseOffset)
      this.#lacksSegment = false
      return true
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      // A segment whose size or name may not be on disk cannot carry a promise, even if the next try succeeds.
      this.#lacksSegment = error.reason === "NoSpace" && !error.operation.startsWith("sync")
      if (!this.#lacksSegment) this.#fail(error)
      return false
    }
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false
    if (this.#flushing || this.#failed !== undefined) return
    if (this.#written < this.#appended) return this.#write(this.#appended)
    if (this.#synced < this.#written && (this.#options.flush === "sync" || this.#idle !== undefined)) this.#syncAll()
  }

  /** Writes [written, target) piece by piece: a piece ends where the ring wraps or the segment ends. */
  #write(target: number): void {
    this.#flushing = true
    const touched: Array<Segment> = []
    const next = (): void => {
      if (this.#written === target) {
        this.#trace?.("Write", { commitLogOffsetEnd: target })
        return this.#options.flush === "sync" ? this.#sync(touched, target) : this.#wroteAsync(target)
      }
      const from = this.#written
      const segment = this.files.holding(from)
      if (segment === undefined) throw new Error(`no segment holds ${from}`)
      if (touched.at(-1) !== segment) touched.push(segment)
      const within = from - segment.baseOffset
      const at = from % this.#ring.length
      const sizeBytes = Math.min(target - from, this.files.segmentBytes - within, this.#ring.length - at)
      this.files.enter(segment).write(this.#ring.subarray(at, at + sizeBytes), within, (error) => {
        this.files.leave(segment)
        if (this.#failed !== undefined) return
        if (error === undefined) {
          this.#isStalled = false
          this.#written += sizeBytes
          return next()
        }
        if (error.reason !== "NoSpace") return this.#fail(error)
        // Nothing was answered, the bytes are in the ring: waiting for room loses nothing.
        this.#isStalled = true
        this.#cancelRetry = this.#clock.after(diskFullRetryMs, next)
        this.#events.onDiskFull(error)
        this.#wakeIdle()
      })
    }
    next()
  }

  #sync(touched: Array<Segment>, target: number): void {
    const segment = touched.shift()
    if (segment === undefined) {
      this.#synced = target
      this.#trace?.("Fsync", { commitLogOffsetEnd: target })
      return this.#becameReadable(target)
    }
    this.files.enter(segment).sync((error) => {
      this.files.leave(segment)
      if (this.#failed !== undefined) return
      if (error !== undefined) return this.#fail(error)
      this.#sync(touched, target)
    })
  }

  #wroteAsync(target: number): void {
    this.#becameReadable(target)
  }

  #becameReadable(target: number): void {
    this.#flushing = false
    this.#readable = target
    this.#events.onReadable(target)
    if (this.#written < this.#appended && !this.#flushing && this.#failed === undefined) this.#flush()
    this.#wakeIdle()
  }

  #wakeIdle(): void {
    const idle = this.#idle
    if (idle === undefined) return
    this.#idle = undefined
    idle()
  }

  /** By ASYNC_FLUSH: a sync of its own pace, beside the writes. */
  #scheduleSync(): void {
    this.#cancelTimer = this.#clock.after(this.#options.flushIntervalMs, () => {
      if (this.#failed === undefined) this.#syncAll(() => this.#scheduleSync())
    })
  }

  #syncAll(done?: () => void): void {
    const target = this.#written
    const touched = this.files.all.filter(
      (segment) => segment.baseOffset + this.files.segmentBytes > this.#synced && segment.baseOffset < target,
    )
    const next = (): void => {
      const segment = touched.shift()
      if (segment === undefined) {
        if (target > this.#synced) {
          this.#synced = target
          this.#trace?.("Fsync", { commitLogOffsetEnd: target })
        }
        this.#wakeIdle()
        return done?.()
      }
      // Retention may have deleted it since: what was in it needs no sync any more.
      if (this.files.holding(segment.baseOffset) !== segment) return next()
      this.files.enter(segment).sync((error) => {
        this.files.leave(segment)
        if (this.#failed !== undefined) return
        if (error !== undefined) return this.#fail(error)
        next()
      })
    }
    next()
  }

  #fail(error: DiskError): void {
    this.#failed = error
    this.#trace?.("FsyncFails", { commitLogOffsetEnd: this.#synced })
    this.#cancelTimer?.()
    this.#cancelRetry?.()
    this.#events.onFailed(error)
    for (const done of this.#waiting) done()
    this.#waiting.clear()
    this.#wakeIdle()
  }
}
