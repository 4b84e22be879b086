import type { Random } from "./Random.ts"

/**
 * A seeded stream of numbers (the sfc32 generator): the same seed gives the same numbers in every process. Each
 * simulated device draws from a `fork` of its own, so that one more draw in one device does not shift the others.
 */
export class SeededRandom implements Random {
  #a = 0x9e3779b9
  #b = 0x243f6a88
  #c: number
  #d = 1

  /** `seed`: any integer; its low 32 bits count. */
  constructor(seed: number) {
    this.#c = seed | 0
    // The first outputs of neighbouring seeds resemble each other; 15 rounds mix the seed into all four words.
    for (let round = 0; round < 15; round++) this.u32()
  }

  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  below(bound: number): number {
    return Math.floor(this.fraction() * bound)
  }

  /** Uniform in [0, 1), in steps of 2^-32. */
  fraction(): number {
    return this.u32() / 0x1_0000_0000
  }

  /** Uniform in [low, high), not rounded. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low)
  }

  /** True with this probability. Always takes one draw, so that changing a probability shifts nothing after it. */
  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  /** An independent stream, seeded from this one. */
  fork(): SeededRandom {
    return new SeededRandom(this.u32())
  }
}
