/**
 * A ConsumeQueue: for one topic and queue id, where each of its messages lies in the CommitLog, as 20-byte entries in
 * order of queue offset. It is a projection of the log (promise P9): it holds entries of readable records only, its
 * files are written behind and never synced for an answer, and it can be thrown away and rebuilt.
 *
 *   dense      entry `q` stands at byte 20·q; offsets are never skipped or used twice (promise P2)
 *   assigned   minOffset <= flushedOffset <= maxOffset <= nextOffset: kept, on disk, readable, given out
 *   tail       [tailBase, maxOffset) is in memory; what is below is read from the files
 *
 * Source: RocketMQ 5.5.0 file store.
 */
import { ConsumeQueueEntry, isBlank, lost, preBlank } from "../../format/ConsumeQueueEntry.ts"
import * as Ext from "../../format/ConsumeQueueExt.ts"
import { DiskError } from "../disk/Disk.ts"
import { attempt } from "./attempt.ts"
import type { ConsumeQueueExt, Unit } from "./ConsumeQueueExt.ts"
import type { EntryWindows } from "./EntryWindows.ts"
import { type Segment, SegmentError, type SegmentFiles } from "./SegmentFiles.ts"

export const entryBytes = ConsumeQueueEntry.sizeBytes

/** Entries read from a file at once: 5 KiB, which is eight batches of 32. */
const windowEntries = 256
/** Entries that stay in memory after they were written, for consumers close to the tail. */
const keptEntries = 1024

/** A run of entries in memory: `count` of them from byte `at` of `buffer`; valid in this turn only. */
export interface EntryRun {
  readonly buffer: Buffer
  readonly at: number
  readonly count: number
}

const { at, set } = ConsumeQueueEntry

const write = (target: Buffer, start: number, commitLogOffset: number, sizeBytes: number, tagsCode: number): void => {
  set.commitLogOffset(target, start, commitLogOffset)
  set.sizeBytes(target, start, sizeBytes)
  set.tagsCode(target, start, tagsCode)
}

const read = (source: Buffer, start: number): ConsumeQueueEntry => ({
  commitLogOffset: at.commitLogOffset(source, start),
  sizeBytes: at.sizeBytes(source, start),
  tagsCode: at.tagsCode(source, start),
})

const tagsCodeAt = ConsumeQueueEntry.offsetOf.tagsCode

/** The offset of the unit that the entry at `start` leads to; undefined when it holds a tags code. */
export const unitOffsetAt = (source: Buffer, start: number): number | undefined =>
  Ext.offsetOf(source.readInt32BE(start + tagsCodeAt), source.readInt32BE(start + tagsCodeAt + 4))

/** Where the record of an entry ends; a blank one has none. */
const endOf = ({ commitLogOffset, sizeBytes }: ConsumeQueueEntry): number =>
  isBlank(sizeBytes) ? commitLogOffset : commitLogOffset + sizeBytes

/** Below which end of the log an entry is gone; that of a lost message stands just before the segment that it belongs to. */
const placeOf = ({ commitLogOffset, sizeBytes }: ConsumeQueueEntry): number =>
  isBlank(sizeBytes) && commitLogOffset > 0 ? commitLogOffset + 1 : commitLogOffset

export class ConsumeQueue {
  readonly topic: string
  readonly queueId: number
  readonly #files: SegmentFiles
  /** Queue offset that the next appended message gets. */
  nextOffset = 0
  /** One past the last readable message. */
  maxOffset = 0
  /** First message whose record still exists in the CommitLog. */
  minOffset = 0
  /** Entries below it are in the files, though perhaps not synced. */
  flushedOffset = 0
  /** End of the newest record that has an entry here, in bytes of the CommitLog. */
  lastCommitLogEnd = 0
  /** Whether its table knows that there are entries to write. */
  isDirty = false
  /** Long polls that wait for this queue; kept here so that a send without any costs one comparison. */
  heldCount = 0
  /** Entries appended since it was opened, and the bytes of their records: for statistics. */
  appendedCount = 0
  appendedBytes = 0
  /** CommitLog minimum that `minOffset` was computed for. */
  #minKnownFor = -1
  #tail: Buffer = Buffer.alloc(0)
  #tailBase = 0
  readonly #windows: EntryWindows
  /** What stands beside the entries; undefined where nothing does. */
  readonly ext: ConsumeQueueExt | undefined

  constructor(topic: string, queueId: number, files: SegmentFiles, windows: EntryWindows, ext?: ConsumeQueueExt) {
    this.topic = topic
    this.queueId = queueId
    this.#files = files
    this.#windows = windows
    this.ext = ext
  }

  /**
   * Finds the bounds of the queue in its files; `commitLogMin` is the first byte of the log that exists. `mayBeCut`: the
   * newest file may be short, see `SegmentFiles.load`.
   */
  load(commitLogMin: number, mayBeCut = false): void {
    this.#files.load((segment) => this.#lastOf(segment) < commitLogMin, mayBeCut)
    const end = this.#endInFiles()
    this.nextOffset = end
    this.maxOffset = end
    this.flushedOffset = end
    this.#tailBase = end
    this.lastCommitLogEnd = this.#lastEndAt(end)
    this.ext?.load(mayBeCut)
    this.#placeExt()
    this.correctMin(commitLogMin)
  }

  /**
   * Goes back to `queueOffset`: entries from there on are forgotten and will be appended again. The entries of records
   * after the last checkpoint were not synced, so recovery writes them anew instead of trusting them.
   */
  rewind(queueOffset: number): void {
    this.nextOffset = queueOffset
    this.maxOffset = queueOffset
    this.flushedOffset = Math.min(this.flushedOffset, queueOffset)
    this.#tailBase = Math.min(this.#tailBase, queueOffset)
    this.#windows.drop(this)
    this.#files.removeFrom((Math.floor(queueOffset / this.#entriesPerFile) + 1) * this.#files.segmentBytes)
    this.lastCommitLogEnd = this.#lastEndAt(queueOffset)
    if (this.minOffset > queueOffset) this.minOffset = queueOffset
    this.#placeExt()
  }

  /** The queue begins anew at `queueOffset`: its older entries, and the records they told of, are gone. */
  startAt(queueOffset: number): void {
    this.#windows.drop(this)
    this.#files.discard()
    this.ext?.discard()
    this.lastCommitLogEnd = 0
    this.nextOffset = queueOffset
    this.maxOffset = queueOffset
    this.minOffset = queueOffset
    this.flushedOffset = queueOffset
    this.#tailBase = queueOffset
  }

  /**
   * Forgets the messages before `queueOffset`: their topic was deleted. Offsets are not used twice: the queue goes on
   * from there, or from what was given out since.
   */
  beginAt(queueOffset: number): void {
    if (this.maxOffset > queueOffset) {
      this.minOffset = Math.max(this.minOffset, queueOffset)
      return
    }
    const { nextOffset } = this
    this.startAt(queueOffset)
    this.nextOffset = Math.max(nextOffset, queueOffset)
  }

  /**
   * Forgets the entries of records at or beyond `commitLogEnd`, in the files too: another program wrote them before the
   * log was safe.
   */
  cut(commitLogEnd: number): void {
    let low = this.minOffset
    let high = this.maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if ((this.entrySync(middle)?.commitLogOffset ?? commitLogEnd) < commitLogEnd) low = middle + 1
      else high = middle
    }
    const stale = Math.min(this.maxOffset, this.flushedOffset) - low
    if (low === this.maxOffset) return
    this.rewind(low)
    const segment = this.#files.holding(low * entryBytes)
    if (segment === undefined || stale <= 0) return
    const within = low * entryBytes - segment.baseOffset
    const file = this.#files.file(segment)
    file.writeSync(Buffer.alloc(Math.min(stale * entryBytes, this.#files.segmentBytes - within)), within)
    file.syncSync()
  }

  /** Makes the message at `maxOffset` readable. */
  append(commitLogOffset: number, sizeBytes: number, tagsCode: number): void {
    const index = this.maxOffset - this.#tailBase
    if ((index + 1) * entryBytes > this.#tail.length) this.#makeRoom()
    write(this.#tail, (this.maxOffset - this.#tailBase) * entryBytes, commitLogOffset, sizeBytes, tagsCode)
    this.maxOffset++
    this.appendedCount++
    this.appendedBytes += sizeBytes
    if (this.nextOffset < this.maxOffset) this.nextOffset = this.maxOffset
    this.lastCommitLogEnd = commitLogOffset + sizeBytes
  }

  /** The same, with a unit beside the entry, which then holds its address in place of the tags code. */
  appendWithUnit(commitLogOffset: number, sizeBytes: number, unit: Unit): void {
    const { ext } = this
    this.append(commitLogOffset, sizeBytes, unit.tagsCode)
    if (ext === undefined) return
    const at = (this.maxOffset - 1 - this.#tailBase) * entryBytes
    Ext.writeAddress(ext.append(unit), this.#tail, at + tagsCodeAt)
  }

  /**
   * Passes over the messages before `queueOffset`, which are lost: their offsets stay used, and readers skip them. The
   * queue goes on with a record at `commitLogOffset`.
   */
  appendLost(queueOffset: number, commitLogOffset: number, segmentBytes: number): void {
    const entry = lost(commitLogOffset, segmentBytes)
    while (this.maxOffset < queueOffset) this.append(entry.commitLogOffset, entry.sizeBytes, entry.tagsCode)
    this.lastCommitLogEnd = endOf(entry)
  }

  /** The entries from `queueOffset` on that are in memory; undefined when they must be loaded first. */
  entries(queueOffset: number): EntryRun | undefined {
    if (queueOffset >= this.#tailBase) {
      const index = queueOffset - this.#tailBase
      return { at: index * entryBytes, buffer: this.#tail, count: this.maxOffset - queueOffset }
    }
    const start = this.#windowStart(queueOffset)
    const window = this.#windows.get(this, start)
    const at = (queueOffset - start) * entryBytes
    if (window === undefined || at >= window.length) return undefined
    return { at, buffer: window, count: (window.length - at) / entryBytes }
  }

  /** Reads entries from the files into memory. `found` is false when there is no file for them any more. */
  loadEntries(queueOffset: number, done: (error: DiskError | undefined, found: boolean) => void): void {
    const start = this.#windowStart(queueOffset)
    const segment = this.#files.holding(start * entryBytes)
    if (segment === undefined || queueOffset >= this.flushedOffset) return done(undefined, false)
    const within = start * entryBytes - segment.baseOffset
    const inFile = (this.#files.segmentBytes - within) / entryBytes
    const window = Buffer.allocUnsafe(Math.min(windowEntries, inFile, this.flushedOffset - start) * entryBytes)
    this.#files.enter(segment).read(window, within, (error, bytesRead) => {
      this.#files.leave(segment)
      if (error !== undefined || bytesRead < window.length) return done(error, false)
      this.#windows.set(this, start, window)
      done(undefined, true)
    })
  }

  /** Reads one entry at once: start-up, searches by time and tools. Undefined outside [first kept, maxOffset). */
  entrySync(queueOffset: number): ConsumeQueueEntry | undefined {
    if (queueOffset < 0 || queueOffset >= this.maxOffset) return undefined
    if (queueOffset >= this.#tailBase) return read(this.#tail, (queueOffset - this.#tailBase) * entryBytes)
    return this.#entryInFiles(queueOffset)
  }

  /**
   * Writes the entries that are only in memory, piece by piece; `done` when what was there at the call is written.
   * Entries of records at or beyond `syncedOffset` stay: no file tells of a record that a power cut can take.
   */
  flush(syncedOffset: number, done: (error: DiskError | undefined) => void): void {
    const { ext } = this
    if (ext === undefined) return this.#flushEntries(syncedOffset, done)
    ext.flush((error) => (error === undefined ? this.#flushEntries(syncedOffset, done) : done(error)))
  }

  #flushEntries(syncedOffset: number, done: (error: DiskError | undefined) => void): void {
    const target = this.#flushTarget(syncedOffset)
    const next = (): void => {
      if (this.flushedOffset >= target) return done(undefined)
      const byte = this.flushedOffset * entryBytes
      if (this.#files.holding(byte) === undefined && !attempt(() => this.#createFile(byte), done)) return
      const segment = this.#files.holding(byte) as Segment
      if (!attempt(() => this.#files.giveSizeAgain(segment), done)) return
      const within = byte - segment.baseOffset
      const count = Math.min(target - this.flushedOffset, (this.#files.segmentBytes - within) / entryBytes)
      const from = (this.flushedOffset - this.#tailBase) * entryBytes
      // A copy: the tail may be moved while the write is under way.
      const piece = Buffer.from(this.#tail.subarray(from, from + count * entryBytes))
      this.#files.enter(segment).write(piece, within, (error) => {
        this.#files.leave(segment)
        if (error !== undefined) return done(error)
        this.flushedOffset = Math.max(this.flushedOffset, byte / entryBytes + count)
        next()
      })
    }
    next()
  }

  /**
   * Syncs the file that was written last; older ones were synced when they became full. Folders above its own that must
   * be synced too go into `folders`.
   */
  sync(folders: Set<string>, done: (error: DiskError | undefined) => void): void {
    const { ext } = this
    if (ext === undefined) return this.#syncEntries(folders, done)
    ext.sync(folders, (error) => (error === undefined ? this.#syncEntries(folders, done) : done(error)))
  }

  #syncEntries(folders: Set<string>, done: (error: DiskError | undefined) => void): void {
    const segment = this.#files.last
    if (segment === undefined) return done(undefined)
    if (!attempt(() => this.#files.syncNames(), done)) return
    for (const folder of this.#files.takeNewFolders()) folders.add(folder)
    this.#files.enter(segment).sync((error) => {
      this.#files.leave(segment)
      done(error)
    })
  }

  get directory(): string {
    return this.#files.directory
  }

  get hasFiles(): boolean {
    return this.#files.last !== undefined
  }

  /** Deletes files whose records are gone, and moves `minOffset` to the first message that still has its record. */
  correctMin(commitLogMin: number): void {
    if (this.#minKnownFor === commitLogMin) return
    this.#minKnownFor = commitLogMin
    while (this.#files.all.length > 1) {
      const first = this.#files.first
      if (first === undefined || this.#lastOf(first) >= commitLogMin) break
      this.#files.removeFirst()
    }
    const first = this.#files.first
    let low = first === undefined ? this.#tailBase : Math.min(first.baseOffset / entryBytes, this.maxOffset)
    let high = this.maxOffset
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const entry = this.entrySync(middle)
      // A blank entry of offset 0 stands for a message that was gone when the file was made.
      const isGone =
        entry === undefined ||
        placeOf(entry) < commitLogMin ||
        (isBlank(entry.sizeBytes) && entry.commitLogOffset === 0)
      if (isGone) low = middle + 1
      else high = middle
    }
    this.minOffset = Math.max(this.minOffset, low)
    const unitOffset = this.ext === undefined ? undefined : this.#unitOffsetAt(this.minOffset)
    if (unitOffset !== undefined) this.ext?.removeBelow(unitOffset)
  }

  /** Units go on behind the one that the last entry with a unit leads to, so that no entry ever leads to another's. */
  #placeExt(): void {
    this.ext?.rewind(this.#lastUnitOffset())
  }

  /** The last entry has one, unless the setting was off since; then all may have to be looked at, in pieces. */
  #lastUnitOffset(): number | undefined {
    for (let at = this.maxOffset; at > this.#tailBase; at--) {
      const found = this.#unitOffsetAt(at - 1)
      if (found !== undefined) return found
    }
    for (let end = Math.min(this.maxOffset, this.#tailBase); end > 0;) {
      const segment = this.#files.holding((end - 1) * entryBytes)
      if (segment === undefined) return undefined
      const start = Math.max(segment.baseOffset / entryBytes, end - 16 * windowEntries)
      const bytes = Buffer.alloc((end - start) * entryBytes)
      this.#files.file(segment).readSync(bytes, start * entryBytes - segment.baseOffset)
      for (let at = bytes.length - entryBytes; at >= 0; at -= entryBytes) {
        const found = unitOffsetAt(bytes, at)
        if (found !== undefined) return found
      }
      end = start
    }
    return undefined
  }

  /** What stands beside an entry, read at once; undefined when nothing does. */
  unitSync(queueOffset: number): Unit | undefined {
    const offset = this.#unitOffsetAt(queueOffset)
    return offset === undefined ? undefined : this.ext?.unitSync(offset)
  }

  /** Which unit an entry leads to; undefined when it has none. */
  #unitOffsetAt(queueOffset: number): number | undefined {
    if (queueOffset < 0 || queueOffset >= this.maxOffset) return undefined
    if (queueOffset >= this.#tailBase) return unitOffsetAt(this.#tail, (queueOffset - this.#tailBase) * entryBytes)
    const entry = this.#bytesInFiles(queueOffset)
    return entry === undefined ? undefined : unitOffsetAt(entry, 0)
  }

  /** Where the last record of a full file begins. */
  #lastOf(segment: Segment): number {
    const end = (segment.baseOffset + this.#files.segmentBytes) / entryBytes
    const entry = this.#entryInFiles(end - 1)
    return entry === undefined ? -1 : placeOf(entry)
  }

  /** Windows are counted from the start of their file, so that none reaches into the next. */
  #windowStart(queueOffset: number): number {
    const inFile = queueOffset % this.#entriesPerFile
    return queueOffset - (inFile % windowEntries)
  }

  #flushTarget(syncedOffset: number): number {
    let target = this.maxOffset
    if (this.lastCommitLogEnd <= syncedOffset) return target
    while (target > this.flushedOffset) {
      const entry = read(this.#tail, (target - 1 - this.#tailBase) * entryBytes)
      if (endOf(entry) <= syncedOffset) break
      target--
    }
    return target
  }

  get #entriesPerFile(): number {
    return this.#files.segmentBytes / entryBytes
  }

  #makeRoom(): void {
    const used = this.maxOffset - this.#tailBase
    const drop = Math.max(0, Math.min(this.flushedOffset, this.maxOffset - keptEntries) - this.#tailBase)
    const needed = used - drop + 1
    // Dropping pays only when it frees half of the tail, else every append would move it.
    if (drop * 2 >= used && drop > 0) {
      this.#tail.copy(this.#tail, 0, drop * entryBytes, used * entryBytes)
      this.#tailBase += drop
      if (needed * entryBytes <= this.#tail.length) return
    }
    const bigger = Buffer.allocUnsafe(Math.max(16 * entryBytes, this.#tail.length * 2))
    this.#tail.copy(bigger, 0, 0, (this.maxOffset - this.#tailBase) * entryBytes)
    this.#tail = bigger
  }

  /** Makes the file for the entry at byte `byte`; what lies before it in the file is filled with pre-blank entries. */
  #createFile(byte: number): void {
    const base = byte - (byte % this.#files.segmentBytes)
    const last = this.#files.last
    if (last !== undefined) {
      this.#files.file(last).syncSync()
      this.#files.syncNames()
    }
    const segment = this.#files.createUnsynced(base)
    if (last === undefined && byte > base) {
      const blanks = Buffer.allocUnsafe(byte - base)
      for (let start = 0; start < blanks.length; start += entryBytes)
        write(blanks, start, preBlank.commitLogOffset, preBlank.sizeBytes, preBlank.tagsCode)
      try {
        this.#files.file(segment).writeSync(blanks, 0)
      } catch (error) {
        // The next try must find no file, or it would not fill its front.
        this.#files.removeFrom(base)
        throw error
      }
    }
  }

  /**
   * Throws `SegmentError` when entries stand behind the end of the newest file, up to 8 KiB from it: what was found to be
   * the end is a place in the middle that rotted. Not after a crash, which may leave such entries until the log is read.
   */
  checkEnd(root: string): void {
    const last = this.#files.last
    if (last === undefined) return
    const within = this.maxOffset * entryBytes - last.baseOffset
    const behind = Buffer.alloc(Math.max(0, Math.min(8192, this.#files.segmentBytes - within)))
    this.#files.file(last).readSync(behind, within)
    if (behind.some((byte) => byte !== 0))
      throw new SegmentError(
        last.path,
        "Rot",
        `entries stand behind its end at queue offset ${this.maxOffset}: some before them have rotted. Stop the broker and run \`gantry store repair ${root}\`, which rebuilds queues`,
      )
  }

  /** One past the last valid entry of the newest file: entries are dense, so a binary search finds it. */
  #endInFiles(): number {
    const last = this.#files.last
    if (last === undefined) return 0
    const base = last.baseOffset / entryBytes
    let low = 0
    let high = this.#entriesPerFile
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const entry = this.#entryInFiles(base + middle)
      if (entry !== undefined && entry.sizeBytes > 0 && entry.commitLogOffset >= 0) low = middle + 1
      else high = middle
    }
    return base + low
  }

  #lastEndAt(queueOffset: number): number {
    if (queueOffset === 0) return 0
    const entry = queueOffset > this.#tailBase ? this.entrySync(queueOffset - 1) : this.#entryInFiles(queueOffset - 1)
    return entry === undefined ? 0 : endOf(entry)
  }

  #entryInFiles(queueOffset: number): ConsumeQueueEntry | undefined {
    const bytes = this.#bytesInFiles(queueOffset)
    return bytes === undefined ? undefined : read(bytes, 0)
  }

  #bytesInFiles(queueOffset: number): Buffer | undefined {
    const byte = queueOffset * entryBytes
    const segment = this.#files.holding(byte)
    if (segment === undefined) return undefined
    const buffer = Buffer.allocUnsafe(entryBytes)
    return this.#files.file(segment).readSync(buffer, byte - segment.baseOffset) < entryBytes ? undefined : buffer
  }
}
