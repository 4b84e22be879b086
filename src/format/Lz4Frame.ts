/**
 * LZ4 frames: magic, descriptor, blocks, end mark, each block raw or a sequence of literals and matches. Written here
 * because bodies come from anybody: every length is checked, what comes out is bounded, all checksums are verified.
 * Source: the LZ4 frame format 1.6 and block format specifications.
 */
import { Malformed } from "./Malformed.ts"
import { xxHash32 } from "./XxHash32.ts"

const magic = 0x18_4d_22_04
const versionBits = 0x40
const blockIndependence = 0x20
const blockChecksum = 0x10
const contentSize = 0x08
const contentChecksum = 0x04
const dictionaryId = 0x01
const uncompressed = 0x80_00_00_00
const blockSizeMaxima: { readonly [code: number]: number } = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 }

const malformed = (reason: string) => new Malformed("Lz4Frame", reason)

/** What was decompressed so far; grows by doubling, up to `sizeMax`. */
class Sink {
  bytes: Buffer
  length = 0
  readonly sizeMax: number

  constructor(sizeMax: number, sizeExpected: number) {
    this.sizeMax = sizeMax
    this.bytes = Buffer.allocUnsafe(Math.min(sizeMax, Math.max(sizeExpected, 1024)))
  }

  /** Makes room for `count` more bytes; false if that is beyond the bound. */
  hasRoom(count: number): boolean {
    const needed = this.length + count
    if (needed > this.sizeMax) return false
    if (needed > this.bytes.length) {
      const bigger = Buffer.allocUnsafe(Math.min(this.sizeMax, Math.max(needed, this.bytes.length * 2)))
      this.bytes.copy(bigger, 0, 0, this.length)
      this.bytes = bigger
    }
    return true
  }

  copyFrom(source: Buffer, start: number, end: number): void {
    this.length += source.copy(this.bytes, this.length, start, end)
  }

  /** Repeats what lies `distance` bytes back; it may overlap what it writes. */
  repeat(distance: number, count: number): void {
    const { bytes } = this
    const end = this.length + count
    if (distance >= count) bytes.copyWithin(this.length, this.length - distance, this.length - distance + count)
    else for (let at = this.length; at < end; at++) bytes[at] = bytes[at - distance] as number
    this.length = end
  }
}

/** Decompresses one frame to at most `sizeMax` bytes; what follows the frame is ignored. */
export const decompress = (source: Buffer, sizeMax: number): Buffer | Malformed => {
  if (source.length < 7 || source.readUInt32LE(0) !== magic) return malformed("no LZ4 frame")
  const flags = source[4] as number
  if ((flags & 0xc0) !== versionBits || (flags & 0x02) !== 0) return malformed("unknown version")
  if ((flags & dictionaryId) !== 0) return malformed("needs a dictionary")
  const blockSizeMax = blockSizeMaxima[((source[5] as number) >> 4) & 7]
  if (blockSizeMax === undefined) return malformed("unknown block size")
  const descriptorEnd = (flags & contentSize) === 0 ? 6 : 14
  if (source.length <= descriptorEnd) return malformed("cut in its descriptor")
  if (((xxHash32(source, 4, descriptorEnd) >> 8) & 0xff) !== source[descriptorEnd])
    return malformed("descriptor checksum")
  const sink = new Sink(sizeMax, source.length * 2)
  const end = readBlocks(source, descriptorEnd + 1, sink, blockSizeMax, (flags & blockChecksum) !== 0)
  if (end instanceof Malformed) return end
  const content = sink.bytes.subarray(0, sink.length)
  if ((flags & contentChecksum) !== 0) {
    if (source.length - end < 4) return malformed("cut in its checksum")
    if (source.readUInt32LE(end) !== xxHash32(content)) return malformed("content checksum")
  }
  return content
}

/** Reads blocks up to the end mark and answers the position after it. */
const readBlocks = (
  source: Buffer,
  start: number,
  sink: Sink,
  blockSizeMax: number,
  hasChecksum: boolean,
): number | Malformed => {
  let at = start
  for (;;) {
    if (source.length - at < 4) return malformed("cut before its end mark")
    const word = source.readUInt32LE(at)
    at += 4
    if (word === 0) return at
    const size = word & ~uncompressed
    const blockEnd = at + size
    if (size > blockSizeMax || blockEnd + (hasChecksum ? 4 : 0) > source.length)
      return malformed(`block of ${size} bytes`)
    if (hasChecksum && source.readUInt32LE(blockEnd) !== xxHash32(source, at, blockEnd))
      return malformed("block checksum")
    if (word >= uncompressed) {
      if (!sink.hasRoom(size)) return malformed(`more than ${sink.sizeMax} bytes`)
      sink.copyFrom(source, at, blockEnd)
    } else {
      const reason = readBlock(source, at, blockEnd, sink)
      if (reason !== undefined) return malformed(reason)
    }
    at = blockEnd + (hasChecksum ? 4 : 0)
  }
}

/** Decompresses one block into the sink; answers why it could not. */
const readBlock = (source: Buffer, start: number, end: number, sink: Sink): string | undefined => {
  let at = start
  while (at < end) {
    const token = source[at++] as number
    let literals = token >> 4
    if (literals === 15) {
      let byte = 255
      while (byte === 255 && at < end) literals += byte = source[at++] as number
    }
    if (literals > end - at) return "literals beyond the block"
    if (!sink.hasRoom(literals)) return `more than ${sink.sizeMax} bytes`
    sink.copyFrom(source, at, at + literals)
    at += literals
    if (at === end) return undefined
    if (end - at < 2) return "cut in a match"
    const distance = source.readUInt16LE(at)
    at += 2
    let count = (token & 15) + matchMin
    if (count === 15 + matchMin) {
      let byte = 255
      while (byte === 255 && at < end) count += byte = source[at++] as number
    }
    if (distance === 0 || distance > sink.length) return "a match before the start"
    if (!sink.hasRoom(count)) return `more than ${sink.sizeMax} bytes`
    sink.repeat(distance, count)
  }
  return undefined
}

const matchMin = 4
/** The block format wants its last bytes as literals, and no match to begin in the last twelve. */
const lastLiterals = 5
const matchStartEnd = 12
const distanceMax = 65_535
const hashBits = 14

/** One frame with independent blocks of at most 4 MiB, without content checksum, as Java clients write it. */
export const compress = (content: Buffer): Buffer => {
  const descriptor = Buffer.from([0, 0, 0, 0, versionBits | blockIndependence, 0x70, 0])
  descriptor.writeUInt32LE(magic, 0)
  descriptor[6] = (xxHash32(descriptor, 4, 6) >> 8) & 0xff
  const parts: Buffer[] = [descriptor]
  const blockSizeMax = 4_194_304
  for (let start = 0; start < content.length; start += blockSizeMax) {
    const raw = content.subarray(start, Math.min(content.length, start + blockSizeMax))
    const packed = writeBlock(raw)
    const size = Buffer.allocUnsafe(4)
    size.writeUInt32LE(packed === undefined ? (uncompressed | raw.length) >>> 0 : packed.length)
    parts.push(size, packed ?? raw)
  }
  parts.push(Buffer.alloc(4))
  return Buffer.concat(parts)
}

/** One block, greedily matched; undefined if it would not be smaller. */
const writeBlock = (source: Buffer): Buffer | undefined => {
  // One sequence costs at most 3 bytes and a length byte per 255 literals more than it covers; checked as it grows.
  const target = Buffer.allocUnsafe(source.length + Math.ceil(source.length / 255) + 16)
  const newest = new Int32Array(1 << hashBits)
  let written = 0
  let anchor = 0
  let at = 0
  while (at < source.length - matchStartEnd) {
    const word = source.readInt32LE(at)
    const slot = Math.imul(word, 0x9e_37_79_b1) >>> (32 - hashBits)
    const candidate = (newest[slot] as number) - 1
    newest[slot] = at + 1
    if (candidate < 0 || at - candidate > distanceMax || source.readInt32LE(candidate) !== word) {
      // The longer nothing matched, the larger the steps: data that does not compress is passed over quickly.
      at += 1 + ((at - anchor) >> 6)
      continue
    }
    let end = at + matchMin
    while (end < source.length - lastLiterals && source[end] === source[end - at + candidate]) end++
    written = writeSequence(source, anchor, at, target, written, end - at - matchMin)
    target.writeUInt16LE(at - candidate, written)
    written = writeLength(target, written + 2, end - at - matchMin)
    at = anchor = end
  }
  written = writeSequence(source, anchor, source.length, target, written, 0)
  return written < source.length ? target.subarray(0, written) : undefined
}

/** Writes a token and its literals; a match follows. */
const writeSequence = (
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  place: number,
  matchLength: number,
): number => {
  const literals = end - start
  target[place] = (Math.min(literals, 15) << 4) | Math.min(matchLength, 15)
  const literalsPlace = writeLength(target, place + 1, literals)
  return literalsPlace + source.copy(target, literalsPlace, start, end)
}

/** What of a length did not fit into four bits. */
const writeLength = (target: Buffer, place: number, length: number): number => {
  if (length < 15) return place
  let at = place
  let rest = length - 15
  for (; rest >= 255; rest -= 255) target[at++] = 255
  target[at++] = rest
  return at
}
