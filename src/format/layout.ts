/**
 * Fixed-size formats, declared once: the declaration gives the codec, the size, readers and writers of one field in
 * place, the rows of the table in `spec/`, and the bounds from which tests generate values. Fields stand in the order
 * of their bytes, without gaps, big-endian.
 *
 *   const Entry = layout("Entry", { commitLogOffset: offset("First byte."), sizeBytes: int32("Length.") })
 *   Entry.at.sizeBytes(buffer, start)
 */
import { readInt64, writeInt64 } from "./int64.ts"
import { Malformed } from "./Malformed.ts"

/** One field: an integer of `sizeBytes` bytes that lies in [min, max]. `doc` says what it means, unit included. */
export interface Field {
  readonly type: "int16" | "int32" | "int64" | "offset"
  readonly doc: string
  readonly sizeBytes: number
  readonly min: number
  readonly max: number
  readonly read: (buffer: Buffer, at: number) => number
  readonly write: (buffer: Buffer, value: number, at: number) => void
}

export type Fields = { readonly [name: string]: Field }
export type Values<F extends Fields> = { readonly [K in keyof F]: number }

const field = (
  type: Field["type"],
  doc: string,
  sizeBytes: number,
  min: number,
  max: number,
  read: Field["read"],
  write: Field["write"],
): Field => ({ type, doc, sizeBytes, min, max, read, write })

const readInt16 = (buffer: Buffer, at: number) => buffer.readInt16BE(at)
const readInt32 = (buffer: Buffer, at: number) => buffer.readInt32BE(at)
const writeInt16 = (buffer: Buffer, value: number, at: number): void => void buffer.writeInt16BE(value, at)
const writeInt32 = (buffer: Buffer, value: number, at: number): void => void buffer.writeInt32BE(value, at)

export const int16 = (doc: string): Field => field("int16", doc, 2, -(2 ** 15), 2 ** 15 - 1, readInt16, writeInt16)
export const int32 = (doc: string): Field => field("int32", doc, 4, -(2 ** 31), 2 ** 31 - 1, readInt32, writeInt32)

/** A 64-bit number. Reading rounds what lies beyond 2^53 to the nearest number; writing refuses it. */
export const int64 = (doc: string): Field =>
  field("int64", doc, 8, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, readInt64, writeInt64)

/** A 64-bit position or time that is exact and not negative: decoding refuses anything else. */
export const offset = (doc: string): Field => field("offset", doc, 8, 0, Number.MAX_SAFE_INTEGER, readInt64, writeInt64)

/** A format of fixed size. `start` is always the first byte of the whole, never of a field. */
export interface Layout<F extends Fields> {
  readonly name: string
  readonly fields: F
  readonly sizeBytes: number
  /** The type of the decoded value; only for `typeof X.Type`. */
  readonly Type: Values<F>
  /** Distance of each field from the start, in bytes. */
  readonly offsetOf: { readonly [K in keyof F]: number }
  /** Reads one field in place. The bytes must be there. */
  readonly at: { readonly [K in keyof F]: (buffer: Buffer, start: number) => number }
  /** Writes one field in place. The bytes must be there. */
  readonly set: { readonly [K in keyof F]: (buffer: Buffer, start: number, value: number) => void }
  /** Decodes the bytes from `start`; malformed when they are too few or an `offset` is negative or beyond 2^53. */
  readonly decode: (buffer: Buffer, start?: number) => Values<F> | Malformed
  /** Writes the value from `start` and answers the position after it. */
  encodeInto(value: Values<F>, target: Buffer, start: number): number
  encode(value: Values<F>): Buffer
}

export const layout = <F extends Fields>(name: string, fields: F): Layout<F> => {
  const entries = Object.entries(fields)
  const offsets: { [name: string]: number } = {}
  const at: { [name: string]: (buffer: Buffer, start: number) => number } = {}
  const set: { [name: string]: (buffer: Buffer, start: number, value: number) => void } = {}
  let size = 0
  for (const [key, { read, sizeBytes, write }] of entries) {
    const distance = size
    offsets[key] = distance
    at[key] = (buffer, start) => read(buffer, start + distance)
    set[key] = (buffer, start, value) => write(buffer, value, start + distance)
    size += sizeBytes
  }
  const sizeBytes = size

  const decode = (buffer: Buffer, start = 0): Values<F> | Malformed => {
    if (start < 0 || buffer.length - start < sizeBytes) {
      return new Malformed(name, `${Math.max(0, buffer.length - start)} bytes, needs ${sizeBytes}`)
    }
    const value: { [name: string]: number } = {}
    let position = start
    for (const [key, one] of entries) {
      const read = one.read(buffer, position)
      if (one.type === "offset" && (read < 0 || read > one.max)) return new Malformed(name, `${key} is ${read}`)
      value[key] = read
      position += one.sizeBytes
    }
    return value as Values<F>
  }

  const encodeInto = (value: Values<F>, target: Buffer, start: number): number => {
    let position = start
    for (const [key, one] of entries) {
      one.write(target, value[key] as number, position)
      position += one.sizeBytes
    }
    return position
  }

  const encode = (value: Values<F>): Buffer => {
    const target = Buffer.allocUnsafe(sizeBytes)
    encodeInto(value, target, 0)
    return target
  }

  return {
    name,
    fields,
    sizeBytes,
    Type: undefined as unknown as Values<F>,
    offsetOf: offsets as Layout<F>["offsetOf"],
    at: at as Layout<F>["at"],
    set: set as Layout<F>["set"],
    decode,
    encodeInto,
    encode,
  }
}

/** The table of a layout as it stands in the specification: offset, size, field, meaning. */
export const table = (one: Layout<Fields>): readonly (readonly [number, number, string, string])[] =>
  Object.entries(one.fields).map(([name, { doc, sizeBytes }]) => [one.offsetOf[name] as number, sizeBytes, name, doc])
