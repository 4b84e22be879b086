/**
 * One file of the index: a header, a table of hash slots, and entries that are chained from their slot. It is written
 * behind: a put changes memory only, so that it neither waits for the disk nor fails by it.
 *
 *   counted   the header on disk counts entries that were synced before it was written
 *   slots     live in memory until the file is full; then, and at a clean close, they are written
 *
 * Source: RocketMQ 5.5.0 index files.
 */
import * as IndexFormat from "../../format/IndexFile.ts"
import type { Disk, DiskError, DiskFile } from "../disk/Disk.ts"
import { attempt } from "./attempt.ts"

export interface IndexOptions {
  /** Hash slots and entries of a file; Apache RocketMQ must be configured with the same numbers to read it. */
  readonly slots: number
  readonly entries: number
}

const { headerBytes, entryBytes, slotBytes } = IndexFormat

/** Entries for which room is made at first: 64 KiB. */
const pendingEntriesMin = 3276
/** Entries that are read at once when the slots are built: 1 MB. */
const sliceEntries = 50_000

type Header = { -readonly [K in keyof IndexFormat.IndexHeader]: IndexFormat.IndexHeader[K] }

export class IndexFile {
  readonly path: string
  readonly header: Header
  readonly #disk: Disk
  readonly #options: IndexOptions
  /** Undefined until the first flush of a new file. */
  #file: DiskFile | undefined
  #slots: Int32Array | undefined
  /** Entries from `#pendingFrom` on, which are in memory only. */
  #pending = Buffer.alloc(0)
  #pendingFrom: number
  #pendingCount = 0
  #isHeaderDirty = false
  #areSlotsDirty = false

  /** A file that is there, when `file` is given; else one that the first flush makes. */
  constructor(disk: Disk, path: string, options: IndexOptions, header: IndexFormat.IndexHeader, file?: DiskFile) {
    this.#disk = disk
    this.path = path
    this.#options = options
    this.header = { ...header }
    this.#file = file
    this.#pendingFrom = header.indexCount
    if (file === undefined) this.#slots = new Int32Array(options.slots)
  }

  get isFull(): boolean {
    return this.header.indexCount >= this.#options.entries
  }

  get isEmpty(): boolean {
    return this.header.indexCount <= 1
  }

  /** Whether all of it is on disk, slots too. */
  get isSealed(): boolean {
    return this.#slots === undefined
  }

  get isDirty(): boolean {
    return this.#isHeaderDirty || (this.isFull && !this.isSealed)
  }

  /** Makes it ready for puts: reads the slots that a clean close wrote. */
  openSlots(): void {
    if (this.#slots !== undefined) return
    const bytes = Buffer.alloc(this.#options.slots * slotBytes)
    this.#file?.readSync(bytes, headerBytes)
    bytes.swap32()
    this.#slots = new Int32Array(bytes.buffer, bytes.byteOffset, this.#options.slots)
  }

  /** Builds the slots from the entries, a slice at a time. */
  *rebuildSlots(): Generator<void, void> {
    const slots = new Int32Array(this.#options.slots)
    const slice = Buffer.allocUnsafe(sliceEntries * entryBytes)
    let slotCount = 0
    for (let from = 1; from < this.header.indexCount; from += sliceEntries) {
      const count = Math.min(sliceEntries, this.header.indexCount - from)
      this.#file?.readSync(slice.subarray(0, count * entryBytes), this.#positionOf(from))
      for (let i = 0; i < count; i++) {
        const slot = slice.readInt32BE(i * entryBytes) % this.#options.slots
        if (slots[slot] === 0) slotCount++
        slots[slot] = from + i
      }
      yield
    }
    this.#slots = slots
    this.#areSlotsDirty = true
    this.header.hashSlotCount = slotCount
  }

  /** Takes back the entries of records at or beyond `commitLogOffset`; the slots must be rebuilt then. */
  dropFrom(commitLogOffset: number): boolean {
    let count = this.header.indexCount
    while (count > 1 && this.#entry(count - 1).commitLogOffset >= commitLogOffset) count--
    if (count === this.header.indexCount) return false
    this.header.indexCount = count
    this.header.endPhyOffset = count > 1 ? this.#entry(count - 1).commitLogOffset : this.header.beginPhyOffset
    this.#pendingFrom = Math.min(this.#pendingFrom, count)
    this.#pendingCount = count - this.#pendingFrom
    this.#isHeaderDirty = true
    return true
  }

  /** CommitLog offset of the newest entry; undefined when there is none. */
  get lastOffset(): number | undefined {
    return this.isEmpty ? undefined : this.#entry(this.header.indexCount - 1).commitLogOffset
  }

  put(keyHash: number, commitLogOffset: number, storeTimestamp: number): void {
    const slots = this.#slots
    if (slots === undefined) throw new Error(`${this.path} is not open for writing`)
    const { header } = this
    const slot = keyHash % this.#options.slots
    const entry = header.indexCount
    const found = slots[slot] ?? 0
    const previous = found <= 0 || found > entry ? 0 : found
    if (entry <= 1) {
      // RocketMQ counts the first entry's time from the end of the file before: by the gap too late.
      header.beginPhyOffset = commitLogOffset
      header.beginTimestamp = storeTimestamp
    }
    const seconds = Math.floor((storeTimestamp - header.beginTimestamp) / 1000)
    const timeDiff = Math.min(Math.max(seconds, 0), 0x7f_ff_ff_ff)
    if (this.#pendingCount * entryBytes === this.#pending.length) this.#grow()
    IndexFormat.writeEntry(this.#pending, this.#pendingCount * entryBytes, keyHash, commitLogOffset, timeDiff, previous)
    this.#pendingCount++
    slots[slot] = entry
    header.endPhyOffset = commitLogOffset
    // A clock set back must not hide what was stored before from queries of that time.
    if (storeTimestamp > header.endTimestamp) header.endTimestamp = storeTimestamp
    if (previous === 0) header.hashSlotCount++
    header.indexCount = entry + 1
    this.#isHeaderDirty = true
    this.#areSlotsDirty = true
  }

  /** Offsets of records whose key has this hash and whose time lies in [begin, end], the newest first. */
  find(keyHash: number, countMax: number, beginMs: number, endMs: number, found: Array<number>): void {
    let entry = this.#slot(keyHash % this.#options.slots)
    const { beginTimestamp, indexCount } = this.header
    while (entry > 0 && entry < indexCount && found.length < countMax) {
      const { commitLogOffset, keyHash: hash, previous, timeDiff } = this.#entry(entry)
      if (timeDiff < 0) return
      const atMs = entry === 1 ? beginTimestamp : beginTimestamp + timeDiff * 1000
      // Times are kept in seconds since the file began, so a bound inside a second must not exclude it.
      if (hash === keyHash && atMs + 999 >= beginMs && atMs <= endMs) found.push(commitLogOffset)
      if (previous >= entry || atMs + 999 < beginMs) return
      entry = previous
    }
  }

  /** Writes what is only in memory and syncs it: the entries, then the header that counts them; a full file's slots. */
  flush(done: (error: DiskError | undefined) => void): void {
    const isLast = this.isFull
    if (!this.isDirty) return done(undefined)
    if (!attempt(() => void this.#made(), done)) return
    const file = this.#made()
    const header = IndexFormat.encodeHeader(this.header)
    const count = this.#pendingCount
    const from = this.#pendingFrom
    const writeHeader = (error: DiskError | undefined): void => {
      if (error !== undefined) return done(error)
      this.#isHeaderDirty = this.header.indexCount > from + count
      file.write(header, 0, (failed) => {
        if (failed === undefined) file.sync((unsynced) => (isLast ? this.#seal(file, unsynced, done) : done(unsynced)))
        else this.#failed(failed, done)
      })
    }
    if (count === 0) return writeHeader(undefined)
    const bytes = Buffer.from(this.#pending.subarray(0, count * entryBytes))
    file.write(bytes, this.#positionOf(from), (error) => {
      if (error !== undefined) return done(error)
      this.#pending.copy(this.#pending, 0, count * entryBytes, this.#pendingCount * entryBytes)
      this.#pendingFrom += count
      this.#pendingCount -= count
      // Entries are on disk before the header counts them, or a power cut could leave a count of nothing.
      file.sync(writeHeader)
    })
  }

  /** Writes everything, slots too, and syncs it at once: a clean close. Throws `DiskError`. */
  flushSync(): void {
    if (this.isSealed) return
    const file = this.#made()
    if (this.#pendingCount > 0) {
      file.writeSync(this.#pending.subarray(0, this.#pendingCount * entryBytes), this.#positionOf(this.#pendingFrom))
      file.syncSync()
    }
    this.#pendingFrom += this.#pendingCount
    this.#pendingCount = 0
    if (this.#areSlotsDirty) file.writeSync(this.#slotBytes(), headerBytes)
    file.writeSync(IndexFormat.encodeHeader(this.header), 0)
    file.syncSync()
    this.#areSlotsDirty = false
    this.#isHeaderDirty = false
  }

  close(): void {
    this.#file?.close()
  }

  /** A full file is only read from here on. */
  #seal(file: DiskFile, error: DiskError | undefined, done: (error: DiskError | undefined) => void): void {
    if (error !== undefined) return done(error)
    file.write(this.#slotBytes(), headerBytes, (failed) => {
      if (failed !== undefined) return done(failed)
      file.sync((unsynced) => {
        if (unsynced === undefined) {
          this.#slots = undefined
          this.#areSlotsDirty = false
          this.#pending = Buffer.alloc(0)
        }
        done(unsynced)
      })
    })
  }

  #failed(error: DiskError, done: (error: DiskError | undefined) => void): void {
    this.#isHeaderDirty = true
    done(error)
  }

  /** The open file; a new one gets its size and a durable name, so that no later file can survive without it. */
  #made(): DiskFile {
    if (this.#file !== undefined) return this.#file
    const file = this.#disk.open(this.path, "create")
    file.truncate(IndexFormat.fileBytes(this.#options.slots, this.#options.entries))
    this.#disk.syncDirectory(this.path.slice(0, this.path.lastIndexOf("/")))
    this.#file = file
    return file
  }

  #slotBytes(): Buffer {
    const slots = this.#slots ?? new Int32Array(this.#options.slots)
    return Buffer.from(slots.slice().buffer).swap32()
  }

  #grow(): void {
    const bigger = Buffer.allocUnsafeSlow(Math.max(pendingEntriesMin * entryBytes, this.#pending.length * 2))
    this.#pending.copy(bigger, 0, 0, this.#pendingCount * entryBytes)
    this.#pending = bigger
  }

  #slot(slot: number): number {
    if (this.#slots !== undefined) return this.#slots[slot] ?? 0
    const bytes = Buffer.alloc(slotBytes)
    this.#file?.readSync(bytes, IndexFormat.slotPosition(slot))
    return bytes.readInt32BE(0)
  }

  #entry(entry: number): IndexFormat.IndexEntry {
    if (entry >= this.#pendingFrom)
      return IndexFormat.readEntry(this.#pending, (entry - this.#pendingFrom) * entryBytes)
    const bytes = Buffer.alloc(entryBytes)
    this.#file?.readSync(bytes, this.#positionOf(entry))
    return IndexFormat.readEntry(bytes, 0)
  }

  #positionOf(entry: number): number {
    return IndexFormat.entryPosition(this.#options.slots, entry)
  }
}
