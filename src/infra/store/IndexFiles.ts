/**
 * The index: which records carry a key. A hash table in files, of slots and chained 20-byte entries, that grows until
 * a file is full and goes on in the next one. It is a projection of the log (promise P9).
 *
 *   appended   entries are written once, in order; the header is written after them and says how many count
 *   slots      the slot table of the newest file lives in memory; a clean close writes it, after a crash it is rebuilt
 *              from the entries, which costs one pass over them
 *   behind     nothing here is synced for an answer
 *
 * Source: RocketMQ 5.5.0 index files.
 */
import * as IndexFormat from "../../format/IndexFile.ts"
import type { Clock } from "../clock/Clock.ts"
import type { Disk, DiskError, DiskFile } from "../disk/Disk.ts"
import { SegmentError } from "./SegmentFiles.ts"

export interface IndexOptions {
  /** Hash slots and entries of a file; Apache RocketMQ must be configured with the same numbers to read it. */
  readonly slots: number
  readonly entries: number
}

const { headerBytes, entryBytes, slotBytes } = IndexFormat

/** Entries gathered before they are written: 64 KiB. */
const pendingEntriesMax = 3276

class IndexFile {
  readonly path: string
  readonly file: DiskFile
  readonly options: IndexOptions
  header: IndexFormat.IndexHeader
  /** Present in the newest file only. */
  #slots: Int32Array | undefined
  #slotsDirty = false
  #pending = Buffer.allocUnsafeSlow(pendingEntriesMax * entryBytes)
  #pendingFrom: number
  #pendingCount = 0

  constructor(path: string, file: DiskFile, options: IndexOptions, header: IndexFormat.IndexHeader) {
    this.path = path
    this.file = file
    this.options = options
    this.header = header
    this.#pendingFrom = header.indexCount
  }

  get isFull(): boolean {
    return this.header.indexCount >= this.options.entries
  }

  /** Reads the slot table as it was left by a clean close. */
  readSlots(): void {
    const bytes = Buffer.alloc(this.options.slots * slotBytes)
    this.file.readSync(bytes, headerBytes)
    bytes.swap32()
    this.#slots = new Int32Array(bytes.buffer, bytes.byteOffset, this.options.slots)
  }

  emptySlots(): void {
    this.#slots = new Int32Array(this.options.slots)
  }

  /** Builds the slot table from the entries, a slice at a time. */
  *rebuildSlots(): Generator<void, void> {
    const slots = new Int32Array(this.options.slots)
    const slice = Buffer.allocUnsafe(50_000 * entryBytes)
    for (let from = 1; from < this.header.indexCount; from += 50_000) {
      const count = Math.min(50_000, this.header.indexCount - from)
      this.file.readSync(slice.subarray(0, count * entryBytes), this.#entryAt(from))
      for (let i = 0; i < count; i++) slots[slice.readInt32BE(i * entryBytes) % this.options.slots] = from + i
      yield
    }
    this.#slots = slots
    this.#slotsDirty = true
  }

  /** Takes the entries of the newest record back: a crash may have cut them short. Its offset, or undefined. */
  dropLastRecord(): number | undefined {
    const last = this.header.indexCount - 1
    if (last < 1) return undefined
    const commitLogOffset = this.#entry(last).commitLogOffset
    let count = this.header.indexCount
    while (count > 1 && this.#entry(count - 1).commitLogOffset === commitLogOffset) count--
    this.header = { ...this.header, endPhyOffset: commitLogOffset, indexCount: count }
    this.#pendingFrom = count
    return commitLogOffset
  }

  put(keyHash: number, commitLogOffset: number, storeTimestamp: number): void {
    const slots = this.#slots
    if (slots === undefined) throw new Error(`${this.path} is not open for writing`)
    const { header } = this
    const slot = keyHash % this.options.slots
    const entry = header.indexCount
    const found = slots[slot] ?? 0
    const previous = found <= 0 || found > entry ? 0 : found
    const begin = header.beginTimestamp
    const seconds = begin <= 0 ? 0 : Math.floor((storeTimestamp - begin) / 1000)
    const timeDiff = Math.min(Math.max(seconds, 0), 0x7f_ff_ff_ff)
    if (this.#pendingCount * entryBytes === this.#pending.length) this.#grow()
    IndexFormat.writeEntry(this.#pending, this.#pendingCount * entryBytes, keyHash, commitLogOffset, timeDiff, previous)
    this.#pendingCount++
    slots[slot] = entry
    this.#slotsDirty = true
    this.header = {
      beginPhyOffset: entry <= 1 ? commitLogOffset : header.beginPhyOffset,
      beginTimestamp: entry <= 1 ? storeTimestamp : begin,
      endPhyOffset: commitLogOffset,
      endTimestamp: storeTimestamp,
      hashSlotCount: header.hashSlotCount + (previous === 0 ? 1 : 0),
      indexCount: entry + 1,
    }
  }

  /** Offsets of records whose key has this hash and whose time lies in [begin, end], the newest first. */
  find(keyHash: number, countMax: number, beginMs: number, endMs: number, found: Array<number>): void {
    let entry = this.#slot(keyHash % this.options.slots)
    const { beginTimestamp, indexCount } = this.header
    while (entry > 0 && entry < indexCount && found.length < countMax) {
      const { commitLogOffset, keyHash: hash, previous, timeDiff } = this.#entry(entry)
      if (timeDiff < 0) return
      const atMs = beginTimestamp + timeDiff * 1000
      // Times are kept in seconds since the file began, so a bound inside a second must not exclude it.
      if (hash === keyHash && atMs + 999 >= beginMs && atMs <= endMs) found.push(commitLogOffset)
      if (previous >= entry || atMs + 999 < beginMs) return
      entry = previous
    }
  }

  /** Writes what is only in memory: entries, then the header that counts them. */
  flush(sync: boolean, done: (error: DiskError | undefined) => void): void {
    const { header } = this
    const writeHeader = (error: DiskError | undefined): void => {
      if (error !== undefined) return done(error)
      this.file.write(IndexFormat.encodeHeader(header), 0, (failed) =>
        failed === undefined && sync ? this.file.sync(done) : done(failed),
      )
    }
    if (this.#pendingCount === 0) return done(undefined)
    const bytes = Buffer.from(this.#pending.subarray(0, this.#pendingCount * entryBytes))
    const count = this.#pendingCount
    this.file.write(bytes, this.#entryAt(this.#pendingFrom), (error) => {
      if (error !== undefined) return done(error)
      this.#pending.copy(this.#pending, 0, count * entryBytes, this.#pendingCount * entryBytes)
      this.#pendingFrom += count
      this.#pendingCount -= count
      // Entries are on disk before the header counts them, or a power cut could leave a count of nothing.
      if (sync) this.file.sync(writeHeader)
      else writeHeader(undefined)
    })
  }

  /** Writes everything, slots too, and syncs: at a clean close, and when the file is full. */
  flushWholeSync(): void {
    if (this.#pendingCount > 0)
      this.file.writeSync(this.#pending.subarray(0, this.#pendingCount * entryBytes), this.#entryAt(this.#pendingFrom))
    this.#pendingFrom += this.#pendingCount
    this.#pendingCount = 0
    if (this.#slots !== undefined && this.#slotsDirty) {
      const bytes = Buffer.from(this.#slots.slice().buffer)
      bytes.swap32()
      this.file.writeSync(bytes, headerBytes)
      this.#slotsDirty = false
    }
    this.file.writeSync(IndexFormat.encodeHeader(this.header), 0)
    this.file.syncSync()
  }

  /** A full file is only read from here on. */
  seal(): void {
    this.flushWholeSync()
    this.#slots = undefined
    this.#pending = Buffer.alloc(0)
  }

  #grow(): void {
    const bigger = Buffer.allocUnsafeSlow(this.#pending.length * 2)
    this.#pending.copy(bigger, 0, 0, this.#pendingCount * entryBytes)
    this.#pending = bigger
  }

  #slot(slot: number): number {
    if (this.#slots !== undefined) return this.#slots[slot] ?? 0
    const bytes = Buffer.allocUnsafe(slotBytes)
    return this.file.readSync(bytes, headerBytes + slot * slotBytes) === slotBytes ? bytes.readInt32BE(0) : 0
  }

  #entry(entry: number): IndexFormat.IndexEntry {
    if (entry >= this.#pendingFrom && entry < this.#pendingFrom + this.#pendingCount)
      return IndexFormat.readEntry(this.#pending, (entry - this.#pendingFrom) * entryBytes)
    const bytes = Buffer.alloc(entryBytes)
    this.file.readSync(bytes, this.#entryAt(entry))
    return IndexFormat.readEntry(bytes, 0)
  }

  #entryAt(entry: number): number {
    return headerBytes + this.options.slots * slotBytes + entry * entryBytes
  }
}

export class IndexFiles {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #directory: string
  readonly #options: IndexOptions
  readonly #files: Array<IndexFile> = []
  /** A newest file whose slots were not needed yet: they are read or built at the first put. */
  #isOpen = false

  constructor(disk: Disk, clock: Clock, directory: string, options: IndexOptions) {
    this.#disk = disk
    this.#clock = clock
    this.#directory = directory
    this.#options = options
  }

  get fileBytes(): number {
    return headerBytes + this.#options.slots * slotBytes + this.#options.entries * entryBytes
  }

  /** Records that begin at or before this offset are in the index. -1 when it is empty. */
  get endOffset(): number {
    const last = this.#files.at(-1)
    return last === undefined || last.header.indexCount <= 1
      ? (this.#files.at(-2)?.header.endPhyOffset ?? -1)
      : last.header.endPhyOffset
  }

  /** Store time of the last record in the index, ms; 0 when it is empty. */
  get endTimestamp(): number {
    return this.#files.at(-1)?.header.endTimestamp ?? 0
  }

  /** The same for the newest file that is full: Apache RocketMQ trusts no other after a crash. */
  get fullEndTimestamp(): number {
    return this.#files.findLast((file) => file.isFull)?.header.endTimestamp ?? 0
  }

  /** Reads the headers. Answers the offset from which records must be put again; those below it are complete. */
  *load(isClean: boolean): Generator<void, number> {
    for (const name of this.#disk.list(this.#directory)) {
      const path = `${this.#directory}/${name}`
      if (!/^\d{17}$/.test(name))
        throw new SegmentError(path, "Name", "not an index file: its name is not a time of 17 digits")
      const file = this.#disk.open(path, "write")
      if (file.sizeBytes() !== this.fileBytes) {
        const sizeBytes = file.sizeBytes()
        file.close()
        // A crash between creation and extension leaves a short file with nothing in it.
        if (sizeBytes === 0) {
          this.#disk.remove(path)
          continue
        }
        throw new SegmentError(
          path,
          "Size",
          `is ${sizeBytes} bytes long; maxHashSlotNum and maxIndexNum ask for ${this.fileBytes}`,
        )
      }
      const bytes = Buffer.alloc(headerBytes)
      file.readSync(bytes, 0)
      this.#files.push(new IndexFile(path, file, this.#options, IndexFormat.decodeHeader(bytes)))
    }
    const last = this.#files.at(-1)
    if (last === undefined) return 0
    if (isClean) return this.endOffset + 1
    const from = last.dropLastRecord()
    yield* last.rebuildSlots()
    this.#isOpen = true
    return from ?? this.endOffset + 1
  }

  put(keyHash: number, commitLogOffset: number, storeTimestamp: number): void {
    this.#writable().put(keyHash, commitLogOffset, storeTimestamp)
  }

  /** Offsets of records that may carry the key, newest first; a hash may lie, so the caller compares the record. */
  find(keyHash: number, countMax: number, beginMs: number, endMs: number): ReadonlyArray<number> {
    const found: Array<number> = []
    for (let i = this.#files.length - 1; i >= 0 && found.length < countMax; i--) {
      const file = this.#files[i]
      if (file === undefined || file.header.indexCount <= 1) continue
      if (i === this.#files.length - 1) this.#writable()
      const { beginTimestamp, endTimestamp } = file.header
      if (beginTimestamp <= endMs && endTimestamp >= beginMs) file.find(keyHash, countMax, beginMs, endMs, found)
      if (beginTimestamp < beginMs) break
    }
    return found
  }

  flush(sync: boolean, done: (error: DiskError | undefined) => void): void {
    const last = this.#files.at(-1)
    if (last === undefined || !this.#isOpen) return done(undefined)
    last.flush(sync, done)
  }

  /** Deletes leading files whose records are all gone; never the newest. */
  deleteBelow(commitLogMin: number): void {
    for (let first = this.#files[0]; first !== undefined && this.#files.length > 1; first = this.#files[0]) {
      if (first.header.endPhyOffset >= commitLogMin) return
      this.#files.shift()
      first.file.close()
      this.#disk.remove(first.path)
    }
  }

  close(clean: boolean): void {
    if (clean && this.#isOpen) this.#files.at(-1)?.flushWholeSync()
    for (const { file } of this.#files) file.close()
    this.#files.length = 0
  }

  #writable(): IndexFile {
    const last = this.#files.at(-1)
    if (last !== undefined && !last.isFull) {
      if (!this.#isOpen) {
        last.readSlots()
        this.#isOpen = true
      }
      return last
    }
    if (last !== undefined && this.#isOpen) last.seal()
    return this.#create(last)
  }

  #create(previous: IndexFile | undefined): IndexFile {
    if (previous === undefined) this.#disk.makeDirectory(this.#directory)
    const lastName = previous === undefined ? 0n : BigInt(previous.path.slice(-17))
    const byClock = BigInt(IndexFormat.fileName(this.#clock.nowMs()))
    // Files are read in the order of their names: a clock set back must not put this one before the last.
    const name = String(byClock > lastName ? byClock : lastName + 1n).padStart(17, "0")
    const path = `${this.#directory}/${name}`
    const file = this.#disk.open(path, "create")
    file.truncate(this.fileBytes)
    const created = new IndexFile(path, file, this.#options, {
      beginPhyOffset: previous?.header.endPhyOffset ?? 0,
      beginTimestamp: previous?.header.endTimestamp ?? 0,
      endPhyOffset: previous?.header.endPhyOffset ?? 0,
      endTimestamp: previous?.header.endTimestamp ?? 0,
      hashSlotCount: 0,
      indexCount: 1,
    })
    created.emptySlots()
    this.#files.push(created)
    this.#isOpen = true
    return created
  }
}
