/**
 * What stands beside the entries of one ConsumeQueue, when `enableConsumeQueueExt` is set: tags code, store time, and a
 * mark of the groups that want the message. Units are found by their offset, which the entry holds, and never searched.
 *
 * A projection, like its queue (P9): written behind, synced before a checkpoint says that the entries are; entries that
 * recovery writes anew get new units, at the place behind the last one that a kept entry leads to. So an address never
 * leads to the unit of another message. A unit that cannot be read says nothing, and the message itself is looked at (P3).
 *
 * Source: RocketMQ 5.5.0 file store; spec/store.md.
 */
import * as Format from "../../format/ConsumeQueueExt.ts"
import type { DiskError } from "../disk/Disk.ts"
import { attempt } from "./attempt.ts"
import { type Segment, SegmentError, type SegmentFiles } from "./SegmentFiles.ts"

export type Unit = Format.Unit

/** Units stay in memory until so many bytes of younger ones are written. */
const keptBytes = 64 * 1024
/** Read from a file at once, where a unit that is asked for begins. */
const windowBytes = 16 * 1024

export class ConsumeQueueExt {
  readonly #files: SegmentFiles
  /** Where the next unit goes. */
  #end = 0
  /** Bytes below it are in the files, though perhaps not synced. */
  #flushed = 0
  /** The bytes [tailBase, end). */
  #tail: Buffer = Buffer.alloc(0)
  #tailBase = 0
  #window: Buffer | undefined
  #windowStart = 0
  /** A unit that is not in the files. */
  #missing = -1

  constructor(files: SegmentFiles) {
    this.#files = files
  }

  get endOffset(): number {
    return this.#end
  }

  /** Finds its files; what is wrong with them costs what they say, and nothing else. */
  load(mayBeCut: boolean): void {
    try {
      this.#files.load(() => true, mayBeCut)
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error
      this.#files.discard()
    }
    const { last } = this.#files
    const end = last === undefined ? 0 : last.baseOffset + this.#files.segmentBytes
    this.#end = end
    this.#flushed = end
    this.#tailBase = end
  }

  /** Goes back to behind the unit at `lastOffset`, the last that an entry leads to; to the start when there is none. */
  rewind(lastOffset: number | undefined): void {
    const end = lastOffset === undefined ? 0 : this.#behind(lastOffset)
    this.#end = end
    this.#flushed = Math.min(this.#flushed, end)
    this.#tailBase = Math.min(this.#tailBase, end)
    this.#window = undefined
    this.#missing = -1
    const { segmentBytes } = this.#files
    this.#files.removeFrom(Math.ceil(end / segmentBytes) * segmentBytes)
  }

  discard(): void {
    this.#files.discard()
    this.rewind(undefined)
  }

  /** Appends a unit and answers its offset. */
  append(unit: Unit): number {
    const size = Format.sizeOf(unit.mark)
    const within = this.#end % this.#files.segmentBytes
    if (within + size + Format.restBytes > this.#files.segmentBytes) this.#endFile(this.#files.segmentBytes - within)
    const offset = this.#end
    const at = this.#reserve(size)
    Format.encodeInto(unit, this.#tail, at)
    return offset
  }

  /** The unit at `offset`: undefined when it cannot be had, "absent" when it must be loaded first. */
  at(offset: number): Unit | undefined | "absent" {
    if (offset >= this.#end) return undefined
    if (offset >= this.#tailBase) return Format.decode(this.#tail, offset - this.#tailBase)
    const at = offset - this.#windowStart
    const window = this.#window
    if (window !== undefined && at >= 0 && at < window.length) {
      const unit = Format.decode(window, at)
      // Where a window ends within a unit, the next one begins with it.
      if (unit !== undefined || at === 0) return unit
    }
    return this.#missing === offset || this.#files.holding(offset) === undefined ? undefined : "absent"
  }

  /** Reads the unit at `offset`, and what follows it, into memory. What cannot be read then has no unit. */
  bring(offset: number, done: () => void): void {
    const segment = this.#files.holding(offset)
    if (segment === undefined) return done()
    const within = offset - segment.baseOffset
    const room = Math.min(this.#files.segmentBytes - within, this.#flushed - offset)
    const window = Buffer.allocUnsafe(Math.max(0, Math.min(Math.max(windowBytes, Format.markSizeMax), room)))
    this.#files.enter(segment).read(window, within, (error, bytesRead) => {
      this.#files.leave(segment)
      if (error !== undefined || bytesRead < window.length || window.length === 0) this.#missing = offset
      else {
        this.#window = window
        this.#windowStart = offset
      }
      done()
    })
  }

  /** The unit at `offset`, read at once: tools and administrators. */
  unitSync(offset: number): Unit | undefined {
    const known = this.at(offset)
    const segment = this.#files.holding(offset)
    if (known !== "absent" || segment === undefined) return known === "absent" ? undefined : known
    const bytes = Buffer.alloc(Math.min(Format.markSizeMax, segment.baseOffset + this.#files.segmentBytes - offset))
    this.#files.file(segment).readSync(bytes, offset - segment.baseOffset)
    return Format.decode(bytes, 0)
  }

  /** Writes what is only in memory. */
  flush(done: (error: DiskError | undefined) => void): void {
    const target = this.#end
    const next = (): void => {
      if (this.#flushed >= target) return done(undefined)
      const from = this.#flushed
      const { segmentBytes } = this.#files
      if (
        this.#files.holding(from) === undefined &&
        !attempt(() => this.#createFile(from - (from % segmentBytes)), done)
      )
        return
      const segment = this.#files.holding(from) as Segment
      if (!attempt(() => this.#files.giveSizeAgain(segment), done)) return
      const count = Math.min(target - from, segment.baseOffset + segmentBytes - from)
      const piece = Buffer.from(this.#tail.subarray(from - this.#tailBase, from - this.#tailBase + count))
      this.#files.enter(segment).write(piece, from - segment.baseOffset, (error) => {
        this.#files.leave(segment)
        if (error !== undefined) return done(error)
        this.#flushed = Math.max(this.#flushed, from + count)
        next()
      })
    }
    next()
  }

  /** Syncs what was written; folders that must be synced too go into `folders`. */
  sync(folders: Set<string>, done: (error: DiskError | undefined) => void): void {
    const segment = this.#files.last
    if (segment === undefined) return done(undefined)
    if (!attempt(() => this.#files.syncNames(), done)) return
    for (const folder of this.#files.takeNewFolders()) folders.add(folder)
    this.#files.enter(segment).sync((error) => {
      this.#files.leave(segment)
      done(error)
    })
  }

  /** Deletes the files that lie wholly below `offset`, where the first unit is that an entry still leads to. */
  removeBelow(offset: number): void {
    while (this.#files.all.length > 1) {
      const first = this.#files.first
      if (first === undefined || first.baseOffset + this.#files.segmentBytes > offset) return
      this.#files.removeFirst()
    }
  }

  /** Where the next unit goes behind the one at `offset`; behind its file, when that unit cannot be read. */
  #behind(offset: number): number {
    const { segmentBytes } = this.#files
    const nextFile = offset - (offset % segmentBytes) + segmentBytes
    if (offset >= this.#tailBase) {
      const size = Format.sizeAt(this.#tail.subarray(0, this.#end - this.#tailBase), offset - this.#tailBase)
      return size === undefined ? nextFile : offset + size
    }
    const segment = this.#files.holding(offset)
    if (segment === undefined) return nextFile
    const bytes = Buffer.alloc(Math.min(Format.Front.sizeBytes, nextFile - offset))
    this.#files.file(segment).readSync(bytes, offset - segment.baseOffset)
    const size = Format.sizeAt(bytes, 0)
    return size === undefined || offset + size > nextFile ? nextFile : offset + size
  }

  #createFile(base: number): void {
    const { last } = this.#files
    // Files follow each other without a gap: one that was lost with all before it is not missed.
    if (last !== undefined && last.baseOffset + this.#files.segmentBytes !== base) this.#files.discard()
    if (last !== undefined && this.#files.last !== undefined) {
      this.#files.file(last).syncSync()
      this.#files.syncNames()
    }
    this.#files.createUnsynced(base)
  }

  #endFile(sizeBytes: number): void {
    const at = this.#reserve(sizeBytes)
    this.#tail.fill(0, at, at + sizeBytes)
    if (sizeBytes >= 2) this.#tail.writeInt16BE(Format.fileEnd, at)
  }

  /** Makes room for `sizeBytes` at the end of the tail, and answers where. */
  #reserve(sizeBytes: number): number {
    const used = this.#end - this.#tailBase
    if (used + sizeBytes > this.#tail.length) {
      const drop = Math.max(0, Math.min(this.#flushed, this.#end - keptBytes) - this.#tailBase)
      const kept = used - drop
      const target = kept + sizeBytes <= this.#tail.length / 2 ? this.#tail : Buffer.allocUnsafe((kept + sizeBytes) * 2)
      this.#tail.copy(target, 0, drop, used)
      this.#tail = target
      this.#tailBase += drop
    }
    const at = this.#end - this.#tailBase
    this.#end += sizeBytes
    return at
  }
}
