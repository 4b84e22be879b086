/**
 * The unique id that a client gives a message (property UNIQ_KEY), upper-case hex, 32 characters (IPv4) or 56 (IPv6):
 *
 *   ip 4 or 16 | process id int16 | random int32 of the process | ms since the month began int32 | counter int16
 *
 * Tools recover a rough time from it, so the time is filled in truthfully. Source: spec/wire.md, message ids.
 */
import { Malformed } from "./Malformed.ts"

export interface UniqKey {
  /** 4 or 16 bytes. */
  readonly ip: Buffer
  /** Low 16 bits of the process id. */
  readonly pid: number
  /** Any value that differs between processes; an int32. */
  readonly random: number
  /** Ms since the current month began in local time, an int32. */
  readonly sinceMonthMs: number
  /** Counts the ids of one process; 16 bits are kept. */
  readonly counter: number
}

/** The part that never changes in one process. */
export const prefix = (ip: Buffer, pid: number, random: number): string => {
  const bytes = Buffer.alloc(ip.length + 6)
  ip.copy(bytes)
  bytes.writeUInt16BE(pid & 0xff_ff, ip.length)
  bytes.writeInt32BE(random | 0, ip.length + 2)
  return bytes.toString("hex").toUpperCase()
}

/** An id behind the prefix of its process. */
export const make = (processPrefix: string, sinceMonthMs: number, counter: number): string =>
  processPrefix + hex(sinceMonthMs >>> 0, 8) + hex(counter & 0xff_ff, 4)

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, "0")

export const encode = (key: UniqKey): string => make(prefix(key.ip, key.pid, key.random), key.sinceMonthMs, key.counter)

export const decode = (text: string): UniqKey | Malformed => {
  const ipSize = text.length === 32 ? 4 : 16
  const bytes = Buffer.from(text, "hex")
  if ((text.length !== 32 && text.length !== 56) || bytes.length !== ipSize + 12) {
    return new Malformed("UniqKey", `${JSON.stringify(text.slice(0, 64))} is none`)
  }
  return {
    ip: bytes.subarray(0, ipSize),
    pid: bytes.readUInt16BE(ipSize),
    random: bytes.readInt32BE(ipSize + 2),
    sinceMonthMs: bytes.readInt32BE(ipSize + 6),
    counter: bytes.readUInt16BE(ipSize + 10),
  }
}

/** The start of the month that the clock is in, and of the one before it, both in ms of local time. */
export interface Months {
  readonly nowMs: number
  readonly monthStartMs: number
  readonly previousMonthStartMs: number
}

/** Roughly when an id was made: in this month, or in the one before it if that would lie in the future. */
export const timeMs = (key: UniqKey, months: Months): number => {
  const sinceMonthMs = key.sinceMonthMs >>> 0
  const thisMonth = months.monthStartMs + sinceMonthMs
  return thisMonth >= months.nowMs ? months.previousMonthStartMs + sinceMonthMs : thisMonth
}
