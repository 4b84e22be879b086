/**
 * A host and port as records and message ids hold it: 4 (IPv4) or 16 (IPv6) address bytes, then the port as int32.
 * Kept as its 8 or 20 bytes: a connection makes it once and every record copies it.
 * Source: spec/store.md, record layout.
 */
import { Malformed } from "./Malformed.ts"

export type Host = Buffer

export const ipv4SizeBytes = 8
export const ipv6SizeBytes = 20

/** The host of nobody, 0.0.0.0:0. Records of our own system topics are born there, which no socket can forge. */
export const nowhere: Host = Buffer.alloc(ipv4SizeBytes)

export const isIpv6 = (host: Host): boolean => host.length === ipv6SizeBytes
export const port = (host: Host): number => host.readInt32BE(host.length - 4)

/** From a textual IP address (IPv4, IPv6, IPv4 mapped into IPv6, zone ignored) and a port of 0 to 65535. */
export const make = (address: string, portNumber: number): Host | Malformed => {
  const bytes = address.includes(":") ? parseIpv6(address) : parseIpv4(address)
  if (bytes === undefined) return new Malformed("Host", `${address} is no IP address`)
  if (!Number.isInteger(portNumber) || portNumber < 0 || portNumber > 65_535) {
    return new Malformed("Host", `${portNumber} is no port`)
  }
  const host = Buffer.alloc(bytes.length + 4)
  host.set(bytes)
  host.writeInt32BE(portNumber, bytes.length)
  return host
}

/** From "10.0.0.1:10911" or "[2001:db8::1]:10911". */
export const parse = (text: string): Host | Malformed => {
  const colon = text.lastIndexOf(":")
  const portText = text.slice(colon + 1)
  if (colon < 0 || !/^\d{1,5}$/.test(portText)) return new Malformed("Host", `${text} has no port`)
  const address = text.slice(0, colon)
  return make(address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address, Number(portText))
}

/** The address alone: "10.0.0.1", or eight groups of four hex digits. */
export const address = (host: Host): string => {
  if (!isIpv6(host)) return `${host[0]}.${host[1]}.${host[2]}.${host[3]}`
  const groups: string[] = []
  for (let index = 0; index < 16; index += 2) groups.push(host.toString("hex", index, index + 2))
  return groups.join(":")
}

export const print = (host: Host): string =>
  isIpv6(host) ? `[${address(host)}]:${port(host)}` : `${address(host)}:${port(host)}`

const parseIpv4 = (text: string): number[] | undefined => {
  const parts = text.split(".")
  if (parts.length !== 4) return undefined
  const bytes = parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256))
  return bytes.every((byte) => byte <= 255) ? bytes : undefined
}

const parseIpv6 = (text: string): number[] | undefined => {
  const [bare = ""] = text.split("%")
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)
  // A dual-stack socket reports IPv4 peers so; as a plain IPv4 host it reads the same in every tool.
  if (mapped !== null) return parseIpv4(mapped[1] as string)
  const halves = bare.split("::")
  if (halves.length > 2) return undefined
  const [front, back] = halves.map((half) => (half === "" ? [] : half.split(":")))
  const groups = [...(front ?? []), ...(back ?? [])]
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined
  const missing = 8 - groups.length
  if (back === undefined ? missing !== 0 : missing < 1) return undefined
  const full = [...(front ?? []), ...Array.from({ length: missing }, () => "0"), ...(back ?? [])]
  return full.flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}
