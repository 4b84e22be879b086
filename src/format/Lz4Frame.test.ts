import { describe, expect, it } from "vitest"
import * as Lz4Frame from "./Lz4Frame.ts"
import { Malformed } from "./Malformed.ts"
import { xxHash32 } from "./XxHash32.ts"

const content = Buffer.from("hello hello hello hello hello")

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** A frame of one raw block with everything the format can carry: content size, block and content checksums. */
const fullFrame = (changes: { readonly block?: number; readonly whole?: number } = {}): Buffer => {
  const size = Buffer.alloc(8)
  size.writeUInt32LE(content.length)
  const descriptor = Buffer.concat([Buffer.from([0x40 | 0x20 | 0x10 | 0x08 | 0x04, 0x40]), size])
  const header = Buffer.concat([uint32(0x18_4d_22_04), descriptor, Buffer.from([(xxHash32(descriptor) >> 8) & 0xff])])
  const blockSum = uint32(changes.block ?? xxHash32(content))
  const contentSum = uint32(changes.whole ?? xxHash32(content))
  return Buffer.concat([header, uint32(0x80_00_00_00 | content.length), content, blockSum, uint32(0), contentSum])
}

/** A frame with one compressed block of these bytes. */
const blockFrame = (...block: number[]): Buffer => {
  const empty = Lz4Frame.compress(Buffer.alloc(0))
  return Buffer.concat([empty.subarray(0, 7), uint32(block.length), Buffer.from(block), uint32(0)])
}

describe("Lz4Frame", () => {
  it("reads content size and checksums, and verifies the checksums", () => {
    expect(Lz4Frame.decompress(fullFrame(), 100)).toEqual(content)
    expect(Lz4Frame.decompress(fullFrame({ block: 1 }), 100)).toMatchObject({ reason: "block checksum" })
    expect(Lz4Frame.decompress(fullFrame({ whole: 1 }), 100)).toMatchObject({ reason: "content checksum" })
    expect(Lz4Frame.decompress(fullFrame().subarray(0, -1), 100)).toMatchObject({ reason: "cut in its checksum" })
    expect(Lz4Frame.decompress(fullFrame(), content.length - 1)).toBeInstanceOf(Malformed)
  })

  it("ignores what follows the frame", () => {
    expect(Lz4Frame.decompress(Buffer.concat([Lz4Frame.compress(content), content]), 100)).toEqual(content)
  })

  it("repeats bytes that it is just writing", () => {
    expect(Lz4Frame.decompress(blockFrame(0x1f, 0x61, 1, 0, 200, 0x00), 1000)).toEqual(
      Buffer.alloc(1 + 4 + 15 + 200, "a"),
    )
  })

  it("refuses sequences that reach outside of what there is", () => {
    const reasons: readonly (readonly [string, number[]])[] = [
      ["literals beyond the block", [0x50, 0x61]],
      ["literals beyond the block", [0xf0, 255, 255]],
      ["cut in a match", [0x10, 0x61, 1]],
      ["a match before the start", [0x10, 0x61, 2, 0]],
      ["a match before the start", [0x10, 0x61, 0, 0]],
      ["more than 20 bytes", [0x1f, 0x61, 1, 0, 200, 0]],
      ["more than 20 bytes", [0xf0, 10, ...Array<number>(25).fill(0x61)]],
    ]
    for (const [reason, block] of reasons)
      expect(Lz4Frame.decompress(blockFrame(...block), 20)).toMatchObject({ reason })
  })

  it("refuses descriptors that it does not know", () => {
    const frame = Lz4Frame.compress(content)
    const changed = (at: number, byte: number) => {
      const bytes = Buffer.from(frame)
      bytes[at] = byte
      return Lz4Frame.decompress(bytes, 100)
    }
    expect(changed(0, 0)).toMatchObject({ reason: "no LZ4 frame" })
    expect(changed(4, 0x80)).toMatchObject({ reason: "unknown version" })
    expect(changed(4, 0x41)).toMatchObject({ reason: "needs a dictionary" })
    expect(changed(5, 0x30)).toMatchObject({ reason: "unknown block size" })
    expect(changed(6, 0)).toMatchObject({ reason: "descriptor checksum" })
    expect(Lz4Frame.decompress(fullFrame().subarray(0, 12), 100)).toMatchObject({ reason: "cut in its descriptor" })
  })
})
