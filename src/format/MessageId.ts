/**
 * The offset message id: store host and CommitLog offset as upper-case hex, 32 characters (IPv4) or 56 (IPv6). It
 * leads straight to the record. Source: spec/wire.md, message ids.
 */
import type { Host } from "./Host.ts"
import { ipv4SizeBytes, ipv6SizeBytes } from "./Host.ts"
import { readInt64 } from "./int64.ts"
import { Malformed } from "./Malformed.ts"

export interface MessageId {
  readonly host: Host
  /** Offset of the record in the CommitLog, in bytes. */
  readonly physicalOffset: number
}

const malformed = (text: string) => new Malformed("MessageId", `${JSON.stringify(text.slice(0, 64))} is none`)

/** The part of every id of one store host; made once. */
export const prefix = (host: Host): string => host.toString("hex").toUpperCase()

/** The id of the record at `physicalOffset`, behind the prefix of its store host. */
export const make = (hostPrefix: string, physicalOffset: number): string => {
  if (physicalOffset < 0) return hostPrefix + BigInt.asUintN(64, BigInt(physicalOffset)).toString(16).toUpperCase()
  return hostPrefix + physicalOffset.toString(16).toUpperCase().padStart(16, "0")
}

export const encode = (id: MessageId): string => make(prefix(id.host), id.physicalOffset)

/** IPv4 addresses as IPv6 sockets show them begin so; as hosts they are IPv4. */
const mappedIpv4 = Buffer.from("00000000000000000000ffff", "hex")

/** Reads 32 characters as IPv4, 56 or more as IPv6 (what follows them is ignored); hex digits of either case. */
export const decode = (text: string): MessageId | Malformed => {
  const hostSize = text.length === 32 ? ipv4SizeBytes : ipv6SizeBytes
  const sizeBytes = hostSize + 8
  if (text.length < 2 * sizeBytes) return malformed(text)
  // Buffer stops at the first character that is no hex digit: the bytes are then too few.
  const bytes = Buffer.from(text.slice(0, 2 * sizeBytes), "hex")
  if (bytes.length !== sizeBytes) return malformed(text)
  const port = bytes.readInt32BE(hostSize - 4)
  const physicalOffset = readInt64(bytes, hostSize)
  if (port < 0 || port > 65_535 || !Number.isSafeInteger(physicalOffset)) return malformed(text)
  const isMapped = hostSize === ipv6SizeBytes && mappedIpv4.compare(bytes, 0, mappedIpv4.length) === 0
  return { host: bytes.subarray(isMapped ? mappedIpv4.length : 0, hostSize), physicalOffset }
}
