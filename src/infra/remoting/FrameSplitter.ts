/**
 * Cuts a byte stream into frames. Pull style, so that the owner can stop in the middle of a chunk (a full ring, too
 * much in flight) and go on later: `push` a chunk, then call `next` until it answers false.
 *
 * Laws (test/model/remoting.test.ts)
 *   chunking  any cut of the same bytes into chunks gives the same frames
 *   bounded   at most one frame is held, and never more bytes than arrived: a length that was only declared
 *             allocates nothing (P11)
 * Source: spec wire §1.1. A length that is negative, too short for its own header word or above the limit makes the
 * stream unreadable for good; there is no way to find the next frame.
 */

/** A frame's largest size in bytes, its four length bytes included. */
export const frameSizeBytesMax = 16 * 1024 * 1024

const lengthSizeBytes = 4
/** After the length come at least the header's type and size, four bytes in all. */
const frameLengthMin = 4
/** A rest below this is copied, so that it does not keep the 64 KiB chunk alive that it came in. */
const copyBelowBytes = 4096
const tailSizeBytesMin = 1024
const tailSizeBytesMax = 64 * 1024

const nothing: Buffer = Buffer.alloc(0)

export class FrameSplitter {
  /** The bytes that hold the frame `next` found; its command is `[start, end)`, behind the length bytes. */
  frame: Buffer = nothing
  start = 0
  end = 0
  /** Why the stream cannot be read any further; set once, then `next` answers false for ever. */
  broken: string | undefined = undefined

  #chunk: Buffer = nothing
  #at = 0
  /** The beginning of one frame, from chunks before `#chunk`, in order; the last part may be in `#tail`. */
  #parts: Buffer[] = []
  #heldBytes = 0
  #frameSizeBytes = 0
  #tail: Buffer = nothing
  #tailUsed = 0

  /** Bytes of an incomplete frame that are kept for later. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** True when bytes are at hand that `next` has not looked at yet. */
  get hasUnread(): boolean {
    return this.#at < this.#chunk.length
  }

  push(chunk: Buffer): void {
    this.#chunk = this.hasUnread ? Buffer.concat([this.#chunk.subarray(this.#at), chunk]) : chunk
    this.#at = 0
  }

  /** Finds the next whole frame and points `frame`, `start`, `end` at it; false when more bytes are needed. */
  next(): boolean {
    if (this.#heldBytes > 0) return this.#nextHeld()
    const chunk = this.#chunk
    const at = this.#at
    const available = chunk.length - at
    if (available < lengthSizeBytes) return this.#keep()
    const length = chunk.readInt32BE(at)
    if (!this.#accepts(length)) return false
    if (available < lengthSizeBytes + length) return this.#keep()
    this.frame = chunk
    this.start = at + lengthSizeBytes
    this.end = this.#at = this.start + length
    return true
  }

  /** Forgets every byte: the connection is gone. */
  clear(): void {
    this.#chunk = this.frame = nothing
    this.#at = 0
    this.#forgetHeld()
  }

  #accepts(length: number): boolean {
    if (this.broken !== undefined) return false
    if (length >= frameLengthMin && length <= frameSizeBytesMax - lengthSizeBytes) return true
    this.broken = `frame length ${length} is not within ${frameLengthMin}..${frameSizeBytesMax - lengthSizeBytes}`
    return false
  }

  #nextHeld(): boolean {
    const available = this.#chunk.length - this.#at
    if (this.#frameSizeBytes === 0) {
      if (this.#heldBytes + available < lengthSizeBytes) return this.#keep()
      const length = this.#readLength()
      if (!this.#accepts(length)) return false
      this.#frameSizeBytes = lengthSizeBytes + length
    }
    if (this.#heldBytes + available < this.#frameSizeBytes) return this.#keep()
    this.#sealTail()
    const missing = this.#frameSizeBytes - this.#heldBytes
    this.#parts.push(this.#chunk.subarray(this.#at, this.#at + missing))
    this.#at += missing
    this.frame = Buffer.concat(this.#parts, this.#frameSizeBytes)
    this.start = lengthSizeBytes
    this.end = this.#frameSizeBytes
    this.#forgetHeld()
    return true
  }

  /** The length word, whose bytes may lie in several parts. */
  #readLength(): number {
    this.#sealTail()
    let length = 0
    let found = 0
    for (const part of [...this.#parts, this.#chunk.subarray(this.#at)]) {
      for (let i = 0; i < part.length && found < lengthSizeBytes; i++, found++) length = (length << 8) | part[i]!
    }
    return length
  }

  /** Keeps the rest of the chunk as the beginning of a frame. Always answers false, for `next`. */
  #keep(): boolean {
    const rest = this.#chunk.subarray(this.#at)
    this.#chunk = nothing
    this.#at = 0
    if (rest.length === 0) return false
    if (rest.length >= copyBelowBytes) {
      this.#sealTail()
      this.#parts.push(rest)
    } else {
      this.#keepSmall(rest)
    }
    this.#heldBytes += rest.length
    return false
  }

  /** Gathers small pieces in one buffer: a frame that drips in byte by byte must not cost an object per byte. */
  #keepSmall(rest: Buffer): void {
    if (this.#parts.length === 0 && this.#tail.length === 0) {
      this.#parts.push(Buffer.from(rest))
      return
    }
    if (this.#tail.length - this.#tailUsed < rest.length) {
      const grown = Math.min(tailSizeBytesMax, Math.max(tailSizeBytesMin, this.#heldBytes))
      this.#sealTail()
      this.#tail = Buffer.allocUnsafeSlow(Math.max(grown, rest.length))
    }
    rest.copy(this.#tail, this.#tailUsed)
    this.#tailUsed += rest.length
  }

  #sealTail(): void {
    if (this.#tailUsed > 0) this.#parts.push(this.#tail.subarray(0, this.#tailUsed))
    this.#tail = this.#tail.subarray(this.#tailUsed)
    this.#tailUsed = 0
  }

  #forgetHeld(): void {
    this.#parts = []
    this.#heldBytes = this.#frameSizeBytes = this.#tailUsed = 0
    this.#tail = nothing
  }
}
