/**
 * Java's view of text, where the protocol depends on it: hash codes of tags, keys and selectors, blanks, trimming.
 *
 * Laws (test/model/domain/JavaString.test.ts)
 *   int32   `hashCode` is a signed 32-bit integer, a function of the UTF-16 code units alone
 *   concat  hashCode(a + b) = hashCode(a) * 31^length(b) + hashCode(b), modulo 2^32
 * Source: java.lang.String; spec/glossary.md says where the hash is used.
 */

/** `String.hashCode`: the polynomial in 31 over UTF-16 code units, as a signed 32-bit integer. "" is 0. */
export const hashCode = (text: string): number => {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** `String.trim`: cuts code units up to U+0020 at both ends; a no-break or ideographic space stays. */
export const trim = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) <= 0x20) start++
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/** Absent, empty, or nothing but `Character.isWhitespace`: the test behind every "is blank" of RocketMQ. */
export const isBlank = (text: string | undefined): boolean => {
  if (text === undefined) return true
  for (let i = 0; i < text.length; i++) if (!isWhitespace(text.charCodeAt(i))) return false
  return true
}

/** Compares like `String.compareTo`: by UTF-16 code units. The order of client ids and queues in a rebalance. */
export const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

// No-break spaces (U+00A0, U+2007, U+202F) are not white space to Java: a name made of them is illegal, not blank.
const isWhitespace = (unit: number): boolean =>
  (unit >= 0x09 && unit <= 0x0d) ||
  (unit >= 0x1c && unit <= 0x20) ||
  unit === 0x1680 ||
  (unit >= 0x2000 && unit <= 0x200a && unit !== 0x2007) ||
  unit === 0x2028 ||
  unit === 0x2029 ||
  unit === 0x205f ||
  unit === 0x3000
