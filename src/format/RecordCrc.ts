/**
 * The checksum of a whole record, kept as its last property: `__CRC32#` 0x01, ten digits with the least significant
 * first, 0x02: 20 bytes. It covers every byte of the record before it, so it is written once all of them are final.
 * RocketMQ 5.x verifies it when told to, older ones carry it along. Source: spec/store.md, checksums.
 */
import { crc31 } from "./Crc32.ts"

const name = "__CRC32#"
const separator = "\u0002"
const start = `${name}\u0001`
const startBytes = Buffer.from(start, "latin1")
const startHigh = startBytes.readUInt32BE(0)
const startLow = startBytes.readUInt32BE(4)
const startLast = startBytes[8]
const digits = 10

export const propertySizeBytes: number = startBytes.length + digits + 1

/** The properties without a CRC property that a client sent, ended so that ours can follow. */
export const prepare = (properties: string): string => {
  const clean = properties.includes(start) ? strip(properties) : properties
  return clean === "" || clean.endsWith(separator) ? clean : clean + separator
}

const strip = (properties: string): string => {
  const pairs = properties.split(separator).filter((pair) => pair !== "" && !pair.startsWith(start))
  return pairs.length === 0 ? "" : pairs.join(separator) + separator
}

/** Writes the property into the last 20 bytes of the record `target[recordStart, recordEnd)`. */
export const seal = (target: Buffer, recordStart: number, recordEnd: number): void => {
  const place = recordEnd - propertySizeBytes
  startBytes.copy(target, place)
  writeDigits(target, place + startBytes.length, crc31(target, recordStart, place))
  target[recordEnd - 1] = 2
}

/** Whether a record whose properties begin at `propertiesStart` carries the property, and whether it holds. */
export const verify = (
  buffer: Buffer,
  recordStart: number,
  recordEnd: number,
  propertiesStart: number,
): "absent" | "good" | "bad" => {
  const place = recordEnd - propertySizeBytes
  if (place < propertiesStart || buffer[recordEnd - 1] !== 2) return "absent"
  // Three reads take a tenth of the time of `Buffer.compare`.
  if (buffer.readUInt32BE(place) !== startHigh || buffer.readUInt32BE(place + 4) !== startLow) return "absent"
  if (buffer[place + 8] !== startLast) return "absent"
  const claimed = readDigits(buffer, place + startBytes.length)
  return claimed === crc31(buffer, recordStart, place) ? "good" : "bad"
}

const writeDigits = (target: Buffer, place: number, value: number): void => {
  let rest = value
  for (let index = 0; index < digits; index++) {
    target[place + index] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

const readDigits = (buffer: Buffer, place: number): number => {
  let value = 0
  for (let index = digits - 1; index >= 0; index--) {
    const digit = (buffer[place + index] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}
