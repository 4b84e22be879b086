import { expect, it } from "vitest"
import { BlockCache } from "./BlockCache.ts"
import type { SegmentFiles } from "./SegmentFiles.ts"

const blockBytes = 16
const byteAt = (offset: number): number => offset % 251

/** A cache over one segment that is written to its end, and the starts of the blocks that were read. */
const begin = ({ blocksMax = 8, segmentBytes = 160 } = {}) => {
  const reads: Array<number> = []
  const waiting: Array<() => void> = []
  const files = {
    enter: () => ({
      read: (target: Buffer, within: number, done: (error: undefined, bytesRead: number) => void) => {
        reads.push(within)
        waiting.push(() => {
          for (let i = 0; i < target.length; i++) target[i] = byteAt(within + i)
          done(undefined, target.length)
        })
      },
    }),
    holding: () => ({ baseOffset: 0 }),
    leave: () => {},
    segmentBytes,
  }
  const cache = new BlockCache(files as unknown as SegmentFiles, () => segmentBytes, blockBytes, blocksMax)
  const settle = (): void => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next()
  }
  /** Reads 4 bytes; answers whether they had to be waited for. */
  const read = (offset: number): boolean => {
    const hadToWait = !cache.has(offset, 4)
    if (hadToWait) cache.load(offset, 4, () => {})
    settle()
    const target = Buffer.alloc(4)
    cache.copyTo(target, 0, offset, 4)
    expect([...target]).toEqual([0, 1, 2, 3].map((i) => byteAt(offset + i)))
    settle()
    return hadToWait
  }
  return { cache, read, reads }
}

it("a reader that goes on from block to block waits for the first two and no other, and nothing is read twice", () => {
  const { read, reads } = begin()
  const waits = Array.from({ length: 10 }, (_, block) => [read(block * blockBytes), read(block * blockBytes + 8)])
  expect(waits.map(([first]) => first)).toEqual([true, true, ...Array.from({ length: 8 }, () => false)])
  expect(reads).toEqual(Array.from({ length: 10 }, (_, block) => block * blockBytes))
})

it("for a reader that jumps nothing is read ahead", () => {
  const { read, reads } = begin()
  for (const block of [7, 2, 5, 0]) read(block * blockBytes)
  expect(reads).toEqual([112, 32, 80, 0])
})

it("blocks that leave lend their memory, and what was copied out of them stays as it was", () => {
  const { cache, read, reads } = begin({ blocksMax: 2 })
  for (let round = 0; round < 3; round++) for (const block of [0, 3, 6, 9]) read(block * blockBytes)
  expect(reads).toHaveLength(12)
  expect(cache.has(9 * blockBytes, 4)).toBe(true)
  expect(cache.has(0, 4)).toBe(false)
})
