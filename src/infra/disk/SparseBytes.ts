/**
 * The bytes of one file: chunks made when they are first written, holes that read as zeros, and copies that share
 * their chunks until one side writes. A copy costs one map of chunks, however large the file.
 */
export class SparseBytes {
  readonly chunkBytes: number
  #sizeBytes = 0
  #chunks: Map<number, Buffer>
  /** Chunks that no copy shares and that may be written in place. */
  #owned = new Set<number>()

  constructor(chunkBytes: number) {
    this.chunkBytes = chunkBytes
    this.#chunks = new Map()
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get allocatedBytes(): number {
    return this.#chunks.size * this.chunkBytes
  }

  /** A copy that later writes to either side do not reach. */
  copy(): SparseBytes {
    const copy = new SparseBytes(this.chunkBytes)
    copy.#chunks = new Map(this.#chunks)
    copy.#sizeBytes = this.#sizeBytes
    this.#owned = new Set()
    return copy
  }

  /** Fills `target` from `position`; answers how many bytes lie before the end. */
  read(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.#sizeBytes - position))
    let done = 0
    while (done < length) {
      const at = (position + done) % this.chunkBytes
      const part = Math.min(length - done, this.chunkBytes - at)
      const chunk = this.#chunks.get(Math.floor((position + done) / this.chunkBytes))
      if (chunk === undefined) target.fill(0, done, done + part)
      else target.set(chunk.subarray(at, at + part), done)
      done += part
    }
    return length
  }

  /** Writes all of `source` at `position`, extending the file; an empty write changes nothing, its size included. */
  write(source: Uint8Array, position: number): void {
    if (source.length === 0) return
    let done = 0
    while (done < source.length) {
      const index = Math.floor((position + done) / this.chunkBytes)
      const at = (position + done) % this.chunkBytes
      const part = Math.min(source.length - done, this.chunkBytes - at)
      this.#ownChunk(index).set(part === source.length ? source : source.subarray(done, done + part), at)
      done += part
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, position + source.length)
  }

  /** How many bytes of new chunks a write of this range would allocate. */
  missingBytes(position: number, sizeBytes: number): number {
    if (sizeBytes === 0) return 0
    let missing = 0
    const last = Math.floor((position + sizeBytes - 1) / this.chunkBytes)
    for (let index = Math.floor(position / this.chunkBytes); index <= last; index++) {
      if (!this.#chunks.has(index)) missing += this.chunkBytes
    }
    return missing
  }

  /** Cuts, or extends by a hole. */
  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#sizeBytes) this.#cut(sizeBytes)
    this.#sizeBytes = sizeBytes
  }

  #cut(sizeBytes: number): void {
    const first = Math.ceil(sizeBytes / this.chunkBytes)
    for (const index of this.#chunks.keys()) {
      if (index < first) continue
      this.#chunks.delete(index)
      this.#owned.delete(index)
    }
    // What the cut left of the last chunk must read as zeros when the file grows again.
    const tail = sizeBytes % this.chunkBytes
    if (tail > 0 && this.#chunks.has(first - 1)) this.#ownChunk(first - 1).fill(0, tail)
  }

  #ownChunk(index: number): Buffer {
    const present = this.#chunks.get(index)
    if (present !== undefined && this.#owned.has(index)) return present
    const mine = Buffer.alloc(this.chunkBytes)
    if (present !== undefined) present.copy(mine)
    this.#chunks.set(index, mine)
    this.#owned.add(index)
    return mine
  }
}
