/**
 * The index: which records carry a key. A hash table in files, of slots and chained 20-byte entries, that grows until
 * a file is full and goes on in the next one. It is a projection of the log (promise P9).
 *
 *   appended   entries are written once, in the order of the log; after a crash those of the newest record, which may be
 *              cut short, are taken back and the record is put again
 *   slots      a clean close writes them, after a crash they are rebuilt from the entries, which costs one pass
 *   behind     puts change memory; files are made, written and synced by `flush`, never for an answer
 *
 * Source: RocketMQ 5.5.0 index files.
 */
import * as IndexFormat from "../../format/IndexFile.ts"
import type { Clock } from "../clock/Clock.ts"
import type { Disk, DiskError } from "../disk/Disk.ts"
import { IndexFile, type IndexOptions } from "./IndexFile.ts"
import { SegmentError } from "./SegmentFiles.ts"

export type { IndexOptions }

/** What the files hold when they are loaded. */
export interface IndexLoaded {
  /** A border of records, or 0: the scan of the log must begin there or before. */
  readonly from: number
  /** Records that begin below it are in the index, as far as they belong there. */
  readonly completeBelow: number
}

export class IndexFiles {
  readonly directory: string
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #options: IndexOptions
  #files: Array<IndexFile> = []
  /** Files that go when it is sure that the store opens, the newest first. */
  #doomed: Array<IndexFile> = []

  constructor(disk: Disk, clock: Clock, directory: string, options: IndexOptions) {
    this.#disk = disk
    this.#clock = clock
    this.directory = directory
    this.#options = options
  }

  get fileBytes(): number {
    return IndexFormat.fileBytes(this.#options.slots, this.#options.entries)
  }

  /** Begin and store time (ms) of the newest record that has an entry; -1 and 0 when there is none. */
  get endOffset(): number {
    return this.#lastOffset() ?? -1
  }

  get endTimestamp(): number {
    return this.#files.at(-1)?.header.endTimestamp ?? 0
  }

  /** Begin and store time (ms) of the last record of the newest full file: Apache RocketMQ trusts no other after a crash. */
  get fullEnd(): { readonly commitLogOffset: number; readonly storeTimestamp: number } {
    const header = this.#files.findLast((file) => file.isFull && file.isSealed)?.header
    return { commitLogOffset: header?.endPhyOffset ?? 0, storeTimestamp: header?.endTimestamp ?? 0 }
  }

  /**
   * Reads the headers. `trustedUntilMs` is given for files that another program left in a crash: later ones are deleted,
   * as that program itself would do. Throws `SegmentError`.
   */
  *load(isClean: boolean, trustedUntilMs: number | undefined): Generator<void, IndexLoaded> {
    for (const name of this.#disk.list(this.directory)) this.#loadOne(name)
    const rotten = this.#files.findIndex(({ header }) => header.indexCount > this.#options.entries)
    while (rotten >= 0 && this.#files.length > rotten) this.#drop()
    if (trustedUntilMs !== undefined)
      while ((this.#files.at(-1)?.header.endTimestamp ?? 0) > trustedUntilMs) this.#drop()
    const last = this.#lastOffset()
    if (last === undefined) return { completeBelow: 0, from: 0 }
    if (isClean) return { completeBelow: last + 1, from: last }
    yield* this.#takeBack(last)
    // Nobody wrote its slots.
    const newest = this.#files.at(-1)
    if (newest !== undefined) yield* newest.rebuildSlots()
    return { completeBelow: last, from: last }
  }

  /** Takes back the entries of records at or beyond `commitLogOffset`, and deletes files that are not needed any more. */
  *dropFrom(commitLogOffset: number): Generator<void, void> {
    yield* this.#takeBack(commitLogOffset)
    this.removeDropped()
  }

  /** Deletes the files that the load found to be worth nothing, now that it is sure that the store opens. */
  removeDropped(): void {
    for (const { path } of this.#doomed) {
      // Durably one by one: a file that came back without those before it would leave a hole.
      this.#disk.remove(path)
      this.#disk.syncDirectory(this.directory)
    }
    this.#doomed = []
  }

  *#takeBack(commitLogOffset: number): Generator<void, void> {
    for (let last = this.#files.at(-1); last !== undefined; last = this.#files.at(-1)) {
      const isChanged = last.dropFrom(commitLogOffset)
      // An empty first file stays: it is where the next entry goes.
      if (last.isEmpty && this.#files.length > 1) {
        this.#drop()
        continue
      }
      if (isChanged) yield* last.rebuildSlots()
      return
    }
  }

  put(keyHash: number, commitLogOffset: number, storeTimestamp: number): void {
    const last = this.#files.at(-1)
    const file = last === undefined || last.isFull ? this.#add(last) : last
    if (file.isSealed) file.openSlots()
    file.put(keyHash, commitLogOffset, storeTimestamp)
  }

  /** Offsets of records that may carry the key, newest first; a hash may lie, so the caller compares the record. */
  find(keyHash: number, countMax: number, beginMs: number, endMs: number): ReadonlyArray<number> {
    const found: Array<number> = []
    for (let i = this.#files.length - 1; i >= 0 && found.length < countMax; i--) {
      const file = this.#files[i]
      if (file === undefined || file.isEmpty) continue
      const { beginTimestamp, endTimestamp } = file.header
      if (beginTimestamp <= endMs && endTimestamp + 999 >= beginMs) file.find(keyHash, countMax, beginMs, endMs, found)
    }
    return found
  }

  /** Writes and syncs what is only in memory, the oldest first: a file never survives without the ones before it. */
  flush(done: (error: DiskError | undefined) => void): void {
    const next = (): void => {
      const file = this.#files.find((one) => one.isDirty)
      if (file === undefined) return done(undefined)
      const until = file.header.indexCount
      file.flush((error) => {
        if (error !== undefined) return done(error)
        // Entries that came meanwhile wait for the next flush.
        if (file.header.indexCount > until) return done(undefined)
        next()
      })
    }
    next()
  }

  /** Deletes leading files whose records are all gone; never the newest, nor one that is still being written. */
  deleteBelow(commitLogMin: number): void {
    for (let first = this.#files[0]; first !== undefined && this.#files.length > 1; first = this.#files[0]) {
      if (first.header.endPhyOffset >= commitLogMin || !first.isSealed) return
      this.#files.shift()
      first.close()
      this.#disk.remove(first.path)
    }
  }

  /** Closes the files; a clean close writes the slots, so that the next start can trust them. Throws `DiskError`. */
  close(isClean: boolean): void {
    if (isClean) for (const file of this.#files) file.flushSync()
    for (const file of this.#files) file.close()
    this.#files = []
  }

  #loadOne(name: string): void {
    const path = `${this.directory}/${name}`
    if (!/^\d{17}$/.test(name))
      throw new SegmentError(path, "Name", "not an index file: its name is not a time of 17 digits")
    const file = this.#disk.open(path, "write")
    const sizeBytes = file.sizeBytes()
    if (sizeBytes === this.fileBytes) {
      const bytes = Buffer.alloc(IndexFormat.headerBytes)
      file.readSync(bytes, 0)
      this.#files.push(new IndexFile(this.#disk, path, this.#options, IndexFormat.decodeHeader(bytes), file))
      return
    }
    file.close()
    // A crash between creation and extension leaves a short file with nothing in it.
    if (sizeBytes === 0) return this.#disk.remove(path)
    throw new SegmentError(
      path,
      "Size",
      `is ${sizeBytes} bytes long; maxHashSlotNum and maxIndexNum ask for ${this.fileBytes}`,
    )
  }

  #lastOffset(): number | undefined {
    return this.#files.findLast((file) => !file.isEmpty)?.lastOffset
  }

  /** Forgets the newest file. */
  #drop(): void {
    const file = this.#files.pop()
    if (file === undefined) return
    file.close()
    this.#doomed.push(file)
  }

  #add(previous: IndexFile | undefined): IndexFile {
    const lastName = previous === undefined ? 0n : BigInt(previous.path.slice(-17))
    const byClock = BigInt(IndexFormat.fileName(this.#clock.nowMs()))
    // Files are read in the order of their names: a clock set back must not put this one before the last.
    const name = String(byClock > lastName ? byClock : lastName + 1n).padStart(17, "0")
    const file = new IndexFile(this.#disk, `${this.directory}/${name}`, this.#options, {
      beginPhyOffset: previous?.header.endPhyOffset ?? 0,
      beginTimestamp: previous?.header.endTimestamp ?? 0,
      endPhyOffset: previous?.header.endPhyOffset ?? 0,
      endTimestamp: previous?.header.endTimestamp ?? 0,
      hashSlotCount: 0,
      indexCount: 1,
    })
    this.#files.push(file)
    return file
  }
}
