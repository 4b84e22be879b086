/**
 * The parameters of a command, `extFields` on the wire: names to texts. Java peers send every value as a string,
 * others send raw numbers and booleans; both read the same here. `null` counts as absent.
 *
 * The readers answer undefined when the parameter is absent, and NaN when a number cannot be read, so that
 * `Number.isNaN` tells an illegal parameter from a missing one. Source: spec/wire.md, parameters.
 */
export type Ext = { readonly [name: string]: string | number | boolean | null | undefined }

const int32Min = -2_147_483_648
const int32Max = 2_147_483_647
const decimal = /^[+-]?\d{1,19}$/
const int64Max = 9_223_372_036_854_775_807n
const int64Min = -9_223_372_036_854_775_808n

/** No parameters at all. */
export const empty: Ext = Object.freeze(Object.create(null) as Ext)

/** A parameter as text; undefined when it is absent. */
export const text = (ext: Ext, name: string): string | undefined => {
  const value = ext[name]
  if (typeof value === "string") return value
  // What sits on Object.prototype under this name is no parameter: only own numbers and booleans count.
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined
}

/** A 32-bit parameter; undefined when it is absent, NaN when it is not a decimal int32. */
export const int = (ext: Ext, name: string): number | undefined => {
  const value = text(ext, name)
  return value === undefined ? undefined : parseInt32(value)
}

/**
 * A 64-bit parameter that must be exact: an offset, a count. Undefined when it is absent, NaN when it is not a decimal
 * int64 or lies beyond 2^53, where a number is no longer exact.
 */
export const long = (ext: Ext, name: string): number | undefined => {
  const value = text(ext, name)
  if (value === undefined) return undefined
  const number = parseInt64(value)
  return Number.isSafeInteger(number) ? number : Number.NaN
}

/**
 * A 64-bit parameter that is only compared: a time in ms, where clients send Long.MAX_VALUE for "no end". Beyond 2^53
 * the nearest number is answered. Undefined when it is absent, NaN when it is not a decimal int64.
 */
export const time = (ext: Ext, name: string): number | undefined => {
  const value = text(ext, name)
  return value === undefined ? undefined : parseInt64(value)
}

/** A time as a parameter: beyond 2^53 in all its digits, at most Long.MAX_VALUE, so that Java can read it. */
export const printTime = (value: number): number | string => {
  if (Number.isSafeInteger(value)) return value
  const exact = BigInt(Math.trunc(value))
  return String(exact > int64Max ? int64Max : exact < int64Min ? int64Min : exact)
}

/** A boolean parameter: "true" in any case is true, anything else false; undefined when it is absent. */
export const flag = (ext: Ext, name: string): boolean | undefined => {
  const value = text(ext, name)
  return value === undefined ? undefined : value === "true" || value.toLowerCase() === "true"
}

/** Java's Integer.parseInt on ASCII digits: NaN for anything else, and for what does not fit 32 bits. */
export const parseInt32 = (value: string): number => {
  if (value.length < 10) {
    const plain = digits(value)
    if (plain >= 0) return plain
  }
  if (!decimal.test(value)) return Number.NaN
  const number = Number(value)
  return number >= int32Min && number <= int32Max ? number | 0 : Number.NaN
}

/** Java's Long.parseLong on ASCII digits, rounded to the nearest number beyond 2^53; NaN for anything else. */
export const parseInt64 = (value: string): number => {
  if (value.length < 16) {
    const plain = digits(value)
    if (plain >= 0) return plain
  }
  if (!decimal.test(value)) return Number.NaN
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number + 0
  const exact = BigInt(value.startsWith("+") ? value.slice(1) : value)
  return exact >= int64Min && exact <= int64Max ? number : Number.NaN
}

/** What nearly all parameters are, digits and nothing else; -1 when it is not so. Four times as fast as the pattern. */
const digits = (value: string): number => {
  let number = value.length === 0 ? -1 : 0
  for (let index = 0; index < value.length; index++) {
    const digit = value.charCodeAt(index) - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number
}
