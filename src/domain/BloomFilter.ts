/**
 * Bloom filters: which groups may want a message, in a few bits beside its queue entry. A group's bits are set when its
 * filter takes the message; a group one of whose bits is clear does not want it.
 *
 * Laws (test/model/domain/BloomFilter.test.ts)
 *   no miss    a key that was added is always found
 *   rate       with no more keys than expected, about `maxErrorRatePercent` of all others are found, too
 * Source: behaviour of RocketMQ 5.5.0 (BloomFilter).
 */
import * as Result from "effect/Result"
import { type Refusal, refuse } from "./Refusal.ts"

export interface BloomFilter {
  /** Bits that a key sets; some of them may be the same. */
  readonly hashes: number
  /** Size in bits, a multiple of 8. */
  readonly bits: number
}

/** 64 bits of a hash of the key, as two signed halves. */
export interface Hash {
  readonly low: number
  readonly high: number
}

/**
 * A filter that is wrong about `maxErrorRatePercent` (1 to 99) of the keys once `expected` (from 1) keys are in it;
 * refused with INVALID_PARAMETER beyond that.
 */
export const make = (maxErrorRatePercent: number, expected: number): Result.Result<BloomFilter, Refusal> => {
  if (!(maxErrorRatePercent >= 1 && maxErrorRatePercent < 100 && expected > 0)) {
    return refuse(
      "INVALID_PARAMETER",
      `no Bloom filter is wrong about ${maxErrorRatePercent} percent of the keys when ${expected} are in it: ` +
        "set maxErrorRateOfBloomFilter from 1 to 99 and expectConsumerNumUseFilter from 1",
    )
  }
  const rate = maxErrorRatePercent / 100
  const bits = Math.ceil(expected * Math.log2(1 / rate) * Math.LOG2E)
  return Result.succeed({ bits: 8 * Math.ceil(bits / 8), hashes: Math.ceil(Math.log(rate) / Math.log(0.5)) })
}

/** The bits of a key. */
export const positions = (filter: BloomFilter, { high, low }: Hash): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let i = 1; i <= filter.hashes; i++) {
    const combined = (low + Math.imul(i, high)) | 0
    found.push((combined < 0 ? ~combined : combined) % filter.bits)
  }
  return found
}

/** Bit `i` is bit `i % 8` of byte `i / 8`. `bits` has room for `filter.bits`. */
export const add = (bits: Uint8Array, of: ReadonlyArray<number>): void => {
  for (const at of of) bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7))
}

/** Whether all the bits of a key are set. */
export const has = (bits: Uint8Array, of: ReadonlyArray<number>): boolean => {
  for (const at of of) if (((bits[at >> 3] ?? 0) & (1 << (at & 7))) === 0) return false
  return true
}
