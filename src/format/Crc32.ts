/**
 * RocketMQ's checksum: CRC-32 (IEEE, as zlib's) with the top bit cleared, so that it is never negative as an int32.
 * Source: spec/store.md, checksums.
 */
import { crc32 } from "node:zlib"

/** The 31-bit checksum of `buffer[start, end)`. */
export const crc31 = (buffer: Buffer, start = 0, end = buffer.length): number =>
  crc32(start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end)) & 0x7f_ff_ff_ff
