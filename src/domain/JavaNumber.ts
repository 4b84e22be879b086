/**
 * Java's view of numbers in text, where the protocol depends on it: property values that a filter compares with a
 * number are read by these rules.
 *
 * Laws (test/model/domain/JavaNumber.test.ts)
 *   decimal   every int, long and double reads back from its decimal text
 *   bounded   a text that does not fit the type, or that has a blank in an integer, is no number
 *   total     `compareDoubles` orders all doubles: -0 before 0, NaN after everything and equal to itself
 * Source: java.lang.Integer, java.lang.Long, java.lang.Double.
 */
import { trim } from "./JavaString.ts"

export const intMax = 2_147_483_647
export const longMax = 9_223_372_036_854_775_807n

/** `Integer.valueOf`: undefined when the text is no int. A sign and the digits of any script are allowed, no blanks. */
export const parseInt32 = (text: string): number | undefined => {
  const value = parseInt64(text)
  return typeof value === "number" && value >= -intMax - 1 && value <= intMax ? value : undefined
}

/** `Long.valueOf`: a number as long as it is exact, else a bigint; undefined when the text is no long. */
export const parseInt64 = (text: string): number | bigint | undefined => {
  const sign = text.charCodeAt(0)
  const start = sign === 0x2b || sign === 0x2d ? 1 : 0
  if (start === text.length) return undefined
  let value = 0
  let exact: bigint | undefined
  for (let i = start; i < text.length; i++) {
    const digit = digitOf(text.charCodeAt(i))
    if (digit < 0) return undefined
    if (exact === undefined) {
      const next = value * 10 + digit
      if (next <= Number.MAX_SAFE_INTEGER) value = next
      else exact = BigInt(value) * 10n + BigInt(digit)
    } else {
      exact = exact * 10n + BigInt(digit)
      // Nothing that follows brings it back into range: a long text must not cost its length squared.
      if (exact > longMax + 1n) return undefined
    }
  }
  if (exact === undefined) return sign === 0x2d && value !== 0 ? -value : value
  if (sign === 0x2d) return -exact
  return exact > longMax ? undefined : exact
}

/** `Double.valueOf`: undefined when the text is no double. Blanks around it do not count; hexadecimal is allowed. */
export const parseDouble = (text: string): number | undefined => {
  const bare = trim(text)
  if (decimal.test(bare)) {
    const last = bare.charCodeAt(bare.length - 1) | 0x20
    return Number(last === 0x64 || last === 0x66 ? bare.slice(0, -1) : bare)
  }
  const word = /^([+-]?)(NaN|Infinity)$/u.exec(bare)
  if (word !== null) return word[2] === "NaN" ? Number.NaN : word[1] === "-" ? -Infinity : Infinity
  const parts = hexadecimal.exec(bare)
  if (parts === null) return undefined
  const [, sign, whole = "", fraction = "", exponent] = parts
  if (whole + fraction === "") return undefined
  const digits = (whole + fraction).replace(/^0+/u, "")
  if (digits === "") return sign === "-" ? -0 : 0
  // More digits than a double can tell apart only say whether it is rounded up.
  const kept = digits.length > 32 ? `${digits.slice(0, 32)}${/[1-9a-f]/iu.test(digits.slice(32)) ? "1" : "0"}` : digits
  const power = Number(exponent) + 4 * (digits.length - kept.length) - 4 * fraction.length
  const value = scaled(Number(BigInt(`0x${kept}`)), power)
  return sign === "-" ? -value : value
}

/** `Double.compareTo`. */
export const compareDoubles = (left: number, right: number): number => {
  if (left < right) return -1
  if (left > right) return 1
  if (left === right) return left !== 0 ? 0 : Number(Object.is(right, -0)) - Number(Object.is(left, -0))
  return Number(Number.isNaN(left)) - Number(Number.isNaN(right))
}

const decimal = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?$/u
const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?[0-9]+)[fFdD]?$/u

/** `value * 2 ** power` where `2 ** power` alone may be out of range. */
const scaled = (value: number, power: number): number => {
  const bounded = Math.max(-3000, Math.min(3000, power))
  const half = Math.trunc(bounded / 3)
  return value * 2 ** half * 2 ** half * 2 ** (bounded - 2 * half)
}

/** `Character.digit(unit, 10)`: -1 when it is none. Other scripts' digits stand in runs that begin at …0 or …6. */
const digitOf = (unit: number): number => {
  if (unit < 0x80) return unit >= 0x30 && unit <= 0x39 ? unit - 0x30 : -1
  if (!isDigit(unit)) return -1
  const low = unit & 15
  return low < 6 || isDigit(unit & ~15) ? low : low - 6
}

const isDigit = (unit: number): boolean => /^\p{Nd}$/u.test(String.fromCharCode(unit))
