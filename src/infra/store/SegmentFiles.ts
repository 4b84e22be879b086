/**
 * The fixed-size files that a CommitLog or a ConsumeQueue is cut into. A file's name is the logical offset of its first
 * byte, 20 digits; all files have the same size and follow each other without a gap.
 *
 *   dense    each segment begins where the one before it ends
 *   whole    every file is `segmentBytes` long: it is extended, sparse, when it is made
 *
 * Source: RocketMQ 5.5.0 file store; spec/README.md.
 */
import type { Disk, DiskFile } from "../disk/Disk.ts"
import { makeDurableDirectory } from "../disk/durable.ts"

/** One file: `baseOffset` is the logical offset of its first byte. */
export interface Segment {
  readonly baseOffset: number
  readonly path: string
}

/**
 * What is wrong with a folder. `Name` and `Size`: it is not ours, or was made with other settings. `Gap`: files are
 * missing, which a power cut may do to files whose names were not synced. `Rot`: the medium lost something inside.
 */
export type SegmentReason = "Name" | "Size" | "Gap" | "Rot"

/** The files of a folder do not form a log. The message says which and why; nothing was changed. */
export class SegmentError extends Error {
  override readonly name = "SegmentError"
  readonly _tag = "SegmentError"
  readonly path: string
  readonly reason: SegmentReason
  constructor(path: string, reason: SegmentReason, detail: string) {
    super(`${path}: ${detail}`)
    this.path = path
    this.reason = reason
  }
}

export const segmentName = (baseOffset: number): string => String(baseOffset).padStart(20, "0")

/** Calls under way on the files of one path, and the handles that are closed after the last of them. */
interface Calls {
  busy: number
  readonly closing: Array<DiskFile>
}

interface OpenFile {
  readonly file: DiskFile
  readonly calls: Calls
}

/**
 * Open file handles, shared by all the files of a store: at most `openMax` stay open, the least recently used are
 * closed first. A handle with a call under way is never closed, not even when its file is removed: its number would
 * go to another file, and the call with it.
 */
export class OpenFiles {
  readonly #disk: Disk
  readonly #openMax: number
  readonly #files = new Map<string, OpenFile>()
  /** By the path of a removed file: calls under way on it. */
  readonly #removed = new Map<string, Calls>()

  constructor(disk: Disk, openMax = 1024) {
    this.#disk = disk
    this.#openMax = openMax
  }

  /** The open handle of an existing file, for calls that finish at once. */
  use(path: string): DiskFile {
    return this.#entry(path).file
  }

  /** Keeps the handle open until `leave`: for calls with a callback. */
  enter(path: string): DiskFile {
    const { calls, file } = this.#entry(path)
    calls.busy++
    return file
  }

  leave(path: string): void {
    const calls = this.#files.get(path)?.calls ?? this.#removed.get(path)
    if (calls === undefined || --calls.busy > 0) return
    for (const file of calls.closing.splice(0)) file.close()
    this.#removed.delete(path)
  }

  /** The file is going to be removed. */
  forget(path: string): void {
    const entry = this.#files.get(path)
    if (entry === undefined) return
    this.#files.delete(path)
    if (entry.calls.busy === 0) return entry.file.close()
    entry.calls.closing.push(entry.file)
    this.#removed.set(path, entry.calls)
  }

  closeAll(): void {
    for (const { file } of this.#files.values()) file.close()
    for (const { closing } of this.#removed.values()) for (const file of closing) file.close()
    this.#files.clear()
    this.#removed.clear()
  }

  #entry(path: string): OpenFile {
    const known = this.#files.get(path)
    if (known !== undefined) {
      // A Map keeps insertion order: deleting and setting again makes this one the newest.
      this.#files.delete(path)
      this.#files.set(path, known)
      return known
    }
    if (this.#files.size >= this.#openMax) this.#closeOldest()
    const calls = this.#removed.get(path) ?? { busy: 0, closing: [] }
    const entry = { calls, file: this.#disk.open(path, "write") }
    this.#files.set(path, entry)
    return entry
  }

  #closeOldest(): void {
    for (const [path, entry] of this.#files) {
      if (entry.calls.busy > 0) continue
      this.#files.delete(path)
      entry.file.close()
      return
    }
  }
}

export class SegmentFiles {
  readonly directory: string
  readonly segmentBytes: number
  readonly #disk: Disk
  readonly #open: OpenFiles
  readonly #segments: Array<Segment> = []
  /** The newest file that `load` found, when its size may not be on the disk. */
  #doubtful: Segment | undefined
  /** Whether names in the folder, and the folder's own, may not be durable. */
  #hasNewNames = false
  #hasNewFolder = false

  constructor(disk: Disk, open: OpenFiles, directory: string, segmentBytes: number) {
    this.#disk = disk
    this.#open = open
    this.directory = directory
    this.segmentBytes = segmentBytes
  }

  /**
   * Reads the folder. Throws `SegmentError` when its files are not a dense run of whole segments. A power cut may bring
   * some of the oldest files back that were deleted: those before a gap go again when `isGone` says that of the last one.
   * The newest file may be short after a crash: of its creation, or (`mayBeCut`) of a recovery that was cutting it, or
   * when its size was lost with a failed sync.
   */
  load(isGone: (last: Segment) => boolean = () => false, mayBeCut = false): void {
    this.#segments.length = 0
    const names = this.#disk.list(this.directory)
    for (const [index, name] of names.entries()) {
      const path = `${this.directory}/${name}`
      if (!/^\d{20}$/.test(name))
        throw new SegmentError(path, "Name", "not a segment: its name is not an offset of 20 digits")
      const baseOffset = Number(name)
      if (!Number.isSafeInteger(baseOffset)) throw new SegmentError(path, "Name", "offset beyond 2^53")
      const sizeBytes = this.#open.use(path).sizeBytes()
      const isLast = index === names.length - 1
      if (sizeBytes !== this.segmentBytes) {
        if (isLast && sizeBytes === 0) {
          this.#remove(path)
          continue
        }
        if (!isLast || !mayBeCut || sizeBytes > this.segmentBytes)
          throw new SegmentError(
            path,
            sizeBytes === 0 ? "Gap" : "Size",
            `is ${sizeBytes} bytes long, the configured segment size is ${this.segmentBytes}`,
          )
        this.#open.use(path).truncate(this.segmentBytes)
      }
      if (baseOffset % this.segmentBytes !== 0)
        throw new SegmentError(path, "Size", `does not lie at a multiple of the segment size ${this.segmentBytes}`)
      const last = this.#segments.at(-1)
      if (last !== undefined && last.baseOffset + this.segmentBytes !== baseOffset) {
        if (!isGone(last)) throw new SegmentError(path, "Gap", `does not follow ${last.path}: the log has a gap`)
        while (this.#segments.length > 0) this.removeFirst()
      }
      this.#segments.push({ baseOffset, path })
    }
    this.#doubtful = mayBeCut ? this.last : undefined
    // The process that made them may have been killed before it synced their names.
    this.#hasNewNames = names.length > 0
    this.#hasNewFolder = names.length > 0
  }

  /**
   * Before the first write to a file that was there after a crash: what failed a sync may have lost its size, which the
   * page cache shows all the same. Given again, it is synced with the write.
   */
  giveSizeAgain(segment: Segment): void {
    if (segment !== this.#doubtful) return
    this.#open.use(segment.path).truncate(this.segmentBytes)
    this.#doubtful = undefined
  }

  get all(): ReadonlyArray<Segment> {
    return this.#segments
  }

  get first(): Segment | undefined {
    return this.#segments[0]
  }

  get last(): Segment | undefined {
    return this.#segments.at(-1)
  }

  /** The segment that holds the byte at `offset`, or undefined when it was deleted or not yet made. */
  holding(offset: number): Segment | undefined {
    const first = this.#segments[0]
    if (first === undefined || offset < first.baseOffset) return undefined
    return this.#segments[Math.floor((offset - first.baseOffset) / this.segmentBytes)]
  }

  file(segment: Segment): DiskFile {
    return this.#open.use(segment.path)
  }

  enter(segment: Segment): DiskFile {
    return this.#open.enter(segment.path)
  }

  leave(segment: Segment): void {
    this.#open.leave(segment.path)
  }

  /**
   * Makes the segment at `baseOffset`, sparse and whole, and makes its name and size durable: after that a power cut
   * cannot take away what is synced into it (promise P1).
   */
  create(baseOffset: number): Segment {
    if (this.#segments.length === 0) makeDurableDirectory(this.#disk, this.directory)
    const path = `${this.directory}/${segmentName(baseOffset)}`
    const file = this.#disk.open(path, "create")
    file.truncate(this.segmentBytes)
    file.syncSync()
    file.close()
    this.#disk.syncDirectory(this.directory)
    const segment = { baseOffset, path }
    this.#segments.push(segment)
    return segment
  }

  /**
   * Like `create`, without waiting for the disk: for files that can be rebuilt (queues). `syncNames` must follow, before
   * the next one: else that might survive a power cut, and this one not.
   */
  createUnsynced(baseOffset: number): Segment {
    if (this.#segments.length === 0) {
      this.#disk.makeDirectory(this.directory)
      this.#hasNewFolder = true
    }
    this.#hasNewNames = true
    const path = `${this.directory}/${segmentName(baseOffset)}`
    const file = this.#disk.open(path, "create")
    file.truncate(this.segmentBytes)
    file.close()
    const segment = { baseOffset, path }
    this.#segments.push(segment)
    return segment
  }

  /** Makes the names of its files durable: a synced file without a name is lost all the same. */
  syncNames(): void {
    if (!this.#hasNewNames) return
    this.#disk.syncDirectory(this.directory)
    this.#hasNewNames = false
  }

  /** The two folders above, once, when the folder's own name may not be durable: whoever asks must sync them. */
  takeNewFolders(): ReadonlyArray<string> {
    if (!this.#hasNewFolder) return []
    this.#hasNewFolder = false
    const topic = this.directory.slice(0, this.directory.lastIndexOf("/"))
    return [topic, topic.slice(0, topic.lastIndexOf("/"))]
  }

  /** Deletes the oldest segment; a power cut may bring it back. */
  removeFirst(): void {
    const segment = this.#segments.shift()
    if (segment !== undefined) this.#remove(segment.path)
  }

  /** Makes deletions durable. */
  syncRemoval(): void {
    this.#disk.syncDirectory(this.directory)
  }

  /** Deletes all files of the folder, whatever they are: they can be rebuilt. */
  discard(): void {
    this.#segments.length = 0
    for (const name of this.#disk.list(this.directory)) this.#remove(`${this.directory}/${name}`)
  }

  /** Deletes every segment whose first byte is at or beyond `offset`, the newest first, so that no crash leaves a gap. */
  removeFrom(offset: number): void {
    let isFirst = true
    for (let last = this.last; last !== undefined && last.baseOffset >= offset; last = this.last) {
      if (!isFirst) this.syncRemoval()
      isFirst = false
      this.#segments.pop()
      this.#remove(last.path)
    }
  }

  #remove(path: string): void {
    this.#open.forget(path)
    this.#disk.remove(path)
  }
}
