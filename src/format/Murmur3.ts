/**
 * MurmurHash3, the variant of 128 bits for 64-bit machines, seed 0: RocketMQ takes its lower half to place the bits of
 * a Bloom filter. Called once per subscription, so plain big integers do. Source: the public-domain reference.
 */
const mask = 0xff_ff_ff_ff_ff_ff_ff_ffn
const c1 = 0x87_c3_7b_91_11_42_53_d5n
const c2 = 0x4c_f5_ad_43_27_45_93_7fn

const times = (left: bigint, right: bigint): bigint => (left * right) & mask
const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & mask

const mixed = (value: bigint): bigint => {
  const once = times(value ^ (value >> 33n), 0xff_51_af_d7_ed_55_8c_cdn)
  const twice = times(once ^ (once >> 33n), 0xc4_ce_b9_fe_1a_85_ec_53n)
  return twice ^ (twice >> 33n)
}

const first = (word: bigint): bigint => times(rotate(times(word, c1), 31n), c2)
const second = (word: bigint): bigint => times(rotate(times(word, c2), 33n), c1)

/** The lower 64 bits of the hash of a text's UTF-8, as two signed halves. */
export const murmur3 = (text: string): { readonly low: number; readonly high: number } => {
  const bytes = Buffer.from(text, "utf8")
  let one = 0n
  let two = 0n
  let at = 0
  for (; bytes.length - at >= 16; at += 16) {
    one = ((rotate(one ^ first(bytes.readBigUInt64LE(at)), 27n) + two) * 5n + 0x52_dc_e7_29n) & mask
    two = ((rotate(two ^ second(bytes.readBigUInt64LE(at + 8)), 31n) + one) * 5n + 0x38_49_5a_b5n) & mask
  }
  const rest = Buffer.alloc(16)
  bytes.copy(rest, 0, at)
  if (bytes.length - at > 8) two ^= second(rest.readBigUInt64LE(8))
  if (bytes.length - at > 0) one ^= first(rest.readBigUInt64LE(0))
  one = (one ^ BigInt(bytes.length)) & mask
  two = (two ^ BigInt(bytes.length)) & mask
  one = (one + two) & mask
  two = (two + one) & mask
  const low64 = (mixed(one) + mixed(two)) & mask
  return { high: Number(low64 >> 32n) | 0, low: Number(low64 & 0xff_ff_ff_ffn) | 0 }
}
