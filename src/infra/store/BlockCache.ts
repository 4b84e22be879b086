/**
 * Blocks of the CommitLog that were read back from disk, for consumers that are behind the write ring. Loads are
 * asynchronous and at most `loadsMax` run at once, so that a consumer far behind never stands in the way of the sync
 * that producers wait for. A block is immutable: only bytes that were written are ever loaded, so that one at the end
 * of the log is short, and loaded again when more of it is asked for.
 */
import type { DiskError } from "../disk/Disk.ts"
import type { Segment, SegmentFiles } from "./SegmentFiles.ts"

type Loaded = (error: DiskError | undefined) => void

/** libuv has four threads and the sync needs one: two cold reads at most. */
const loadsMax = 2

export class BlockCache {
  readonly blockBytes: number
  readonly #files: SegmentFiles
  readonly #writtenOffset: () => number
  readonly #blocksMax: number
  readonly #blocks = new Map<number, Buffer>()
  readonly #loading = new Map<number, Array<Loaded>>()
  readonly #queue: Array<{ readonly key: number; readonly segment: Segment }> = []
  #running = 0
  /** One that has left, for the next to come: its memory is the process's already. */
  #spare: Buffer | undefined
  /** The block that was read from last. */
  #newest = -1

  /** `writtenOffset` answers how far the log is in its files now. */
  constructor(files: SegmentFiles, writtenOffset: () => number, blockBytes: number, blocksMax: number) {
    this.#files = files
    this.#writtenOffset = writtenOffset
    this.blockBytes = blockBytes
    this.#blocksMax = blocksMax
  }

  /** Whether [offset, offset + sizeBytes), within one segment, can be copied now. */
  has(offset: number, sizeBytes: number): boolean {
    const end = offset + sizeBytes
    for (let key = this.#key(offset); key < end; key = this.#next(key)) if (!this.#holds(key, end)) return false
    return true
  }

  /** Copies bytes that `has` answered for in this same turn. */
  copyTo(target: Buffer, at: number, offset: number, sizeBytes: number): void {
    const end = offset + sizeBytes
    for (let key = this.#key(offset); key < end; key = this.#next(key)) {
      const block = this.#blocks.get(key)
      if (block === undefined) throw new Error(`block ${key} is not resident`)
      if (key !== this.#newest) this.#touched(key, block)
      const from = Math.max(offset, key)
      block.copy(target, at + from - offset, from - key, Math.min(end - key, block.length))
    }
  }

  /** Brings the blocks of [offset, offset + sizeBytes) in: written bytes of one segment that exists. */
  load(offset: number, sizeBytes: number, done: Loaded): void {
    let missing = 0
    let failed: DiskError | undefined
    const one: Loaded = (error) => {
      failed ??= error
      if (--missing === 0) done(failed)
    }
    const end = offset + sizeBytes
    const keys: Array<number> = []
    for (let key = this.#key(offset); key < end; key = this.#next(key)) if (!this.#holds(key, end)) keys.push(key)
    missing = keys.length
    if (missing === 0) return done(undefined)
    for (const key of keys) this.#loadOne(key, one)
  }

  /** Forgets the blocks of a range: a record in them was bad, perhaps only as it was read. */
  drop(offset: number, sizeBytes: number): void {
    const end = offset + sizeBytes
    for (let key = this.#key(offset); key < end; key = this.#next(key)) this.#blocks.delete(key)
  }

  /** Forgets every block below `offset`: their segment is being deleted. */
  dropBelow(offset: number): void {
    for (const key of this.#blocks.keys()) if (key < offset) this.#blocks.delete(key)
  }

  /** Puts a block last in the order of leaving. A reader that comes from the one before it will ask for the one after. */
  #touched(key: number, block: Buffer): void {
    this.#newest = key
    this.#blocks.delete(key)
    this.#blocks.set(key, block)
    if (this.#running < loadsMax && this.#queue.length === 0 && this.#blocks.has(this.#key(key - 1)))
      this.#readAhead(key)
  }

  #readAhead(key: number): void {
    const next = this.#next(key)
    const end = next + this.blockBytes
    if (end <= this.#writtenOffset() && !this.#holds(next, end)) this.#loadOne(next, () => {})
  }

  #loadOne(key: number, done: Loaded): void {
    const waiting = this.#loading.get(key)
    if (waiting !== undefined) {
      waiting.push(done)
      return
    }
    const segment = this.#files.holding(key)
    if (segment === undefined) return done(undefined)
    this.#loading.set(key, [done])
    this.#queue.push({ key, segment })
    this.#pump()
  }

  #pump(): void {
    while (this.#running < loadsMax) {
      const next = this.#queue.shift()
      if (next === undefined) return
      this.#running++
      const { key, segment } = next
      const within = key - segment.baseOffset
      const writtenBytes = this.#writtenOffset() - key
      const block = this.#room(Math.max(0, Math.min(this.blockBytes, this.#files.segmentBytes - within, writtenBytes)))
      this.#files.enter(segment).read(block, within, (error, bytesRead) => {
        this.#files.leave(segment)
        this.#running--
        if (error === undefined && bytesRead === block.length) this.#keep(key, block)
        else this.#spare = block
        const waiting = this.#loading.get(key) ?? []
        this.#loading.delete(key)
        this.#pump()
        for (const done of waiting) done(error)
      })
    }
  }

  /** Whether the block at `key` is there as far as `end`, which may lie beyond it. */
  #holds(key: number, end: number): boolean {
    const block = this.#blocks.get(key)
    return block !== undefined && key + block.length >= Math.min(end, this.#next(key))
  }

  #keep(key: number, block: Buffer): void {
    this.#blocks.delete(key)
    this.#blocks.set(key, block)
    if (this.#blocks.size <= this.#blocksMax) return
    for (const [oldest, left] of this.#blocks) {
      this.#blocks.delete(oldest)
      this.#spare = left
      return
    }
  }

  /** Nobody holds a block that has left: what is read out of one is copied. */
  #room(sizeBytes: number): Buffer {
    const spare = this.#spare
    if (spare?.length !== sizeBytes) return Buffer.allocUnsafeSlow(sizeBytes)
    this.#spare = undefined
    return spare
  }

  /** Blocks are counted from the start of their segment, whose size need not be a multiple of a block's. */
  #key(offset: number): number {
    const within = offset % this.#files.segmentBytes
    return offset - within + Math.floor(within / this.blockBytes) * this.blockBytes
  }

  #next(key: number): number {
    const segmentEnd = key - (key % this.#files.segmentBytes) + this.#files.segmentBytes
    return Math.min(key + this.blockBytes, segmentEnd)
  }
}
