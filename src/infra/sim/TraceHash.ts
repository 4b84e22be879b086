import { crc32 } from "node:zlib"

/**
 * A running 64-bit hash of everything that happened in a simulation, in order: two runs with one hash took the same
 * steps. Cheap enough to feed from every event; no defence against an adversary.
 */
export class TraceHash {
  #high = 0x811c9dc5
  #low = 0x9dc5811c

  number(value: number): void {
    const whole = Math.trunc(value)
    this.#word(whole | 0)
    this.#word(Math.trunc(whole / 0x1_0000_0000) | 0)
    this.#word(((value - whole) * 0x1_0000_0000) | 0)
  }

  text(value: string): void {
    for (let at = 0; at < value.length; at++) this.#word(value.charCodeAt(at))
    this.#word(value.length)
  }

  bytes(value: Uint8Array): void {
    this.#word(crc32(value) | 0)
    this.#word(value.length)
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#high) + hex(this.#low)
  }

  #word(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x01000193)
    this.#low = Math.imul(this.#low ^ (word >>> 15) ^ this.#high, 0x85ebca6b)
    this.#high ^= this.#low >>> 13
  }
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0")
