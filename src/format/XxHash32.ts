/** xxHash, 32 bits: the checksum of LZ4 frames. Source: the xxHash specification, version 0.1.1. */
const prime1 = 0x9e_37_79_b1 | 0
const prime2 = 0x85_eb_ca_77 | 0
const prime3 = 0xc2_b2_ae_3d | 0
const prime4 = 0x27_d4_eb_2f
const prime5 = 0x16_56_67_b1

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

const round = (lane: number, word: number): number =>
  Math.imul(rotate((lane + Math.imul(word, prime2)) | 0, 13), prime1)

/** The hash of `buffer[start, end)` with seed 0, as an unsigned number. */
export const xxHash32 = (buffer: Buffer, start = 0, end = buffer.length): number => {
  let at = start
  let hash = prime5
  if (end - start >= 16) {
    let lane1 = (prime1 + prime2) | 0
    let lane2 = prime2
    let lane3 = 0
    let lane4 = -prime1 | 0
    for (; end - at >= 16; at += 16) {
      lane1 = round(lane1, buffer.readInt32LE(at))
      lane2 = round(lane2, buffer.readInt32LE(at + 4))
      lane3 = round(lane3, buffer.readInt32LE(at + 8))
      lane4 = round(lane4, buffer.readInt32LE(at + 12))
    }
    hash = rotate(lane1, 1) + rotate(lane2, 7) + rotate(lane3, 12) + rotate(lane4, 18)
  }
  hash = (hash + (end - start)) | 0
  for (; end - at >= 4; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(buffer.readInt32LE(at), prime3)) | 0, 17), prime4)
  }
  for (; at < end; at++) hash = Math.imul(rotate((hash + Math.imul(buffer[at] as number, prime5)) | 0, 11), prime1)
  hash = Math.imul(hash ^ (hash >>> 15), prime2)
  hash = Math.imul(hash ^ (hash >>> 13), prime3)
  return (hash ^ (hash >>> 16)) >>> 0
}
