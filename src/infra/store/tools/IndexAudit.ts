/**
 * Compares the index with the log while the log is walked: both are in the same order, so each is read once, forward.
 * Every key of a record must have its entry, every entry its record, and the chains must lead through all entries.
 */
import { MessageFlag, transactionType } from "../../../domain/SysFlag.ts"
import * as Properties from "../../../domain/Properties.ts"
import * as IndexFormat from "../../../format/IndexFile.ts"
import type * as StoredMessage from "../../../format/StoredMessage.ts"
import type { StoreView } from "./StoreView.ts"

const { entryBytes } = IndexFormat
/** Entries that are read at once: 1 MB. */
const sliceEntries = 50_000
/** Entries before the current one that may come again. */
const recentMax = 10_000

const nameOf = ({ commitLogOffset, keyHash }: IndexFormat.IndexEntry): string => `${commitLogOffset} ${keyHash}`

export class IndexAudit {
  readonly #view: StoreView
  readonly #report: (sentence: string) => void
  readonly #entries: Iterator<IndexFormat.IndexEntry>
  readonly #recent = new Set<string>()
  #next: IndexFormat.IndexEntry | undefined
  /** Why the index cannot be compared at all. */
  readonly unreadable: string | undefined
  entries = 0

  constructor(view: StoreView, report: (sentence: string) => void) {
    this.#view = view
    this.#report = report
    this.unreadable = unreadable(view)
    this.#entries = this.unreadable === undefined ? this.#all() : [][Symbol.iterator]()
    this.#advance()
    while (this.#next !== undefined && this.#next.commitLogOffset < view.minOffset) this.#advance()
  }

  /** One record of the log. `isDue`: its keys must be in the files by now. */
  record({ physicalOffset, properties, sysFlag, topic }: StoredMessage.Decoded, isDue: boolean): void {
    if (this.unreadable !== undefined || transactionType(sysFlag) === MessageFlag.TRANSACTION_ROLLBACK) return
    this.#skipBelow(physicalOffset)
    const { keys, tags, uniqKey } = Properties.glance(properties)
    for (const key of IndexFormat.keysOf(topic, uniqKey, keys, tags)) {
      const entry = this.#next
      const isFound = entry?.commitLogOffset === physicalOffset && entry.keyHash === IndexFormat.indexKeyHash(key)
      if (isFound) {
        this.entries++
        this.#remember(entry)
        this.#advance()
      } else if (isDue) this.#report(`index: the record at ${physicalOffset} is not found by ${key}`)
    }
  }

  /** The log was walked to its end. */
  finish(): void {
    this.#skipBelow(Number.MAX_SAFE_INTEGER)
  }

  /** Entries that no record of the log asked for. */
  #skipBelow(commitLogOffset: number): void {
    for (let entry = this.#next; entry !== undefined && entry.commitLogOffset < commitLogOffset; entry = this.#next) {
      // Apache RocketMQ indexes its last records once more when it starts.
      if (!this.#recent.has(nameOf(entry)))
        this.#report(`index: an entry leads to ${entry.commitLogOffset}, where no record has its key`)
      this.#advance()
    }
  }

  #remember(entry: IndexFormat.IndexEntry): void {
    this.#recent.add(nameOf(entry))
    if (this.#recent.size <= recentMax) return
    for (const oldest of this.#recent) {
      this.#recent.delete(oldest)
      return
    }
  }

  #advance(): void {
    const { done, value } = this.#entries.next()
    this.#next = done === true ? undefined : value
  }

  *#all(): Generator<IndexFormat.IndexEntry> {
    const { disk, root } = this.#view
    for (const name of disk.list(`${root}/index`)) yield* this.#file(`${root}/index/${name}`)
  }

  *#file(path: string): Generator<IndexFormat.IndexEntry> {
    const { slots: slotCount } = this.#view.sizes.index
    const file = this.#view.disk.open(path, "read")
    const head = Buffer.alloc(IndexFormat.headerBytes)
    file.readSync(head, 0)
    const { entries: entriesMax } = this.#view.sizes.index
    const told = IndexFormat.decodeHeader(head).indexCount
    if (told > entriesMax) this.#report(`${path}: its header counts ${told} entries, a file has ${entriesMax}`)
    const indexCount = Math.min(told, entriesMax)
    const slots = new Int32Array(slotCount)
    const slice = Buffer.alloc(sliceEntries * entryBytes)
    for (let from = 1; from < indexCount; from += sliceEntries) {
      const count = Math.min(sliceEntries, indexCount - from)
      file.readSync(slice.subarray(0, count * entryBytes), IndexFormat.entryPosition(slotCount, from))
      for (let i = 0; i < count; i++) {
        const entry = IndexFormat.readEntry(slice, i * entryBytes)
        const slot = entry.keyHash % slotCount
        if (entry.keyHash < 0 || entry.previous !== slots[slot])
          this.#report(`${path}: entry ${from + i} follows ${entry.previous} in its chain, and not ${slots[slot]}`)
        else slots[slot] = from + i
        yield entry
      }
    }
    // While a store is open, and after a crash, the slots of the newest file are in memory only.
    const isNewest = path.endsWith(this.#view.disk.list(`${this.#view.root}/index`).at(-1) ?? "")
    if (!isNewest || !this.#view.isAborted) this.#checkSlots(path, file, slots)
    file.close()
  }

  #checkSlots(path: string, file: { readSync: (target: Buffer, position: number) => number }, slots: Int32Array): void {
    const bytes = Buffer.alloc(slots.length * IndexFormat.slotBytes)
    file.readSync(bytes, IndexFormat.headerBytes)
    bytes.swap32()
    const told = new Int32Array(bytes.buffer, bytes.byteOffset, slots.length)
    for (let slot = 0; slot < slots.length; slot++) {
      const found = told[slot]
      if (found === slots[slot]) continue
      this.#report(`${path}: slot ${slot} leads to entry ${found}, its newest is ${slots[slot]}`)
      return
    }
  }
}

/** Why the files cannot be read, as a sentence; undefined when they can. */
const unreadable = ({ disk, root, sizes: { index } }: StoreView): string | undefined => {
  const wanted = IndexFormat.fileBytes(index.slots, index.entries)
  for (const name of disk.list(`${root}/index`)) {
    if (!/^\d{17}$/.test(name)) return `${root}/index/${name} is no index file: its name is no time of 17 digits`
    const file = disk.open(`${root}/index/${name}`, "read")
    const sizeBytes = file.sizeBytes()
    file.close()
    // A crash between creation and extension leaves a file with nothing in it.
    if (sizeBytes !== wanted && sizeBytes !== 0)
      return `${root}/index/${name} is ${sizeBytes} bytes long, maxHashSlotNum ${index.slots} and maxIndexNum ${index.entries} make ${wanted}: give the numbers that the store was made with`
  }
  return undefined
}
