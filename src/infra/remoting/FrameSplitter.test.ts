import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FrameSplitter, frameSizeBytesMax } from "./FrameSplitter.ts"

const frame = (content: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(4 + content.length)
  bytes.writeInt32BE(content.length, 0)
  bytes.set(content, 4)
  return bytes
}

/** Every frame's content found after pushing the chunks one by one. */
const split = (splitter: FrameSplitter, chunks: ReadonlyArray<Buffer>): string[] => {
  const found: string[] = []
  for (const chunk of chunks) {
    splitter.push(chunk)
    while (splitter.next()) found.push(splitter.frame.toString("hex", splitter.start, splitter.end))
  }
  return found
}

const cut = (bytes: Buffer, cuts: ReadonlyArray<number>): Buffer[] => {
  const at = [0, ...cuts.map((n) => n % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

describe("FrameSplitter", () => {
  it("chunking: any cut of the same bytes gives the same frames", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 9000, minLength: 4, size: "max" }), { maxLength: 8, minLength: 1 }),
        fc.array(fc.nat(), { maxLength: 60, size: "max" }),
        (contents, cuts) => {
          const bytes = Buffer.concat(contents.map(frame))
          const splitter = new FrameSplitter()
          expect(split(splitter, cut(bytes, cuts))).toEqual(contents.map((c) => Buffer.from(c).toString("hex")))
          expect(splitter.heldBytes).toBe(0)
          expect(splitter.broken).toBeUndefined()
        },
      ),
    )
  })

  it("goes on after a pause in the middle of a chunk, also when another chunk came meanwhile", () => {
    const frames = ["aaaa", "bbbbb", "cccccc"].map((text) => frame(Buffer.from(text)))
    const bytes = Buffer.concat(frames)
    const splitter = new FrameSplitter()
    splitter.push(bytes.subarray(0, 14))
    expect(splitter.next()).toBe(true)
    expect(splitter.hasUnread).toBe(true)
    splitter.push(bytes.subarray(14))
    const rest: string[] = []
    while (splitter.next()) rest.push(splitter.frame.toString("utf8", splitter.start, splitter.end))
    expect(rest).toEqual(["bbbbb", "cccccc"])
    expect(splitter.hasUnread).toBe(false)
  })

  it("reads a frame that drips in byte by byte, and counts what it holds", () => {
    const content = Buffer.alloc(5000, 7)
    const bytes = frame(content)
    const splitter = new FrameSplitter()
    for (let i = 0; i < bytes.length - 1; i++) {
      expect(split(splitter, [bytes.subarray(i, i + 1)])).toEqual([])
      expect(splitter.heldBytes).toBe(i + 1)
    }
    expect(split(splitter, [bytes.subarray(bytes.length - 1)])).toEqual([content.toString("hex")])
    expect(splitter.heldBytes).toBe(0)
  })

  it("reads a frame of the largest size", () => {
    const content = Buffer.alloc(frameSizeBytesMax - 4, 1)
    const bytes = frame(content)
    const splitter = new FrameSplitter()
    let frames = 0
    for (let at = 0; at < bytes.length; at += 65_536) {
      splitter.push(bytes.subarray(at, at + 65_536))
      while (splitter.next()) {
        frames++
        expect(splitter.frame.subarray(splitter.start, splitter.end).equals(content)).toBe(true)
      }
    }
    expect(frames).toBe(1)
  })

  it.each([-1, 0, 3, -2_147_483_648, 2_147_483_647, frameSizeBytesMax - 3, 0x16_03_01_02, 0x50_52_4f_58])(
    "refuses the length %i for good, however it is cut",
    (length) => {
      const bytes = Buffer.alloc(64)
      bytes.writeInt32BE(length, 0)
      for (const cuts of [[], [1], [3, 4], [2, 30]]) {
        const splitter = new FrameSplitter()
        expect(split(splitter, cut(bytes, cuts))).toEqual([])
        expect(splitter.broken).toContain(String(length))
        expect(split(splitter, [frame(Buffer.from("more"))])).toEqual([])
      }
    },
  )
})
