/** Addresses as people and peers write them: `host:port`, an IPv6 host in brackets or bare; lists joined by `;`. */
import type { Address } from "../network/Network.ts"

/** Undefined when the text has no port within 1..65535, or no host. */
export const parse = (text: string): Address | undefined => {
  const colon = text.lastIndexOf(":")
  const portText = text.slice(colon + 1)
  const host = text.slice(0, Math.max(0, colon)).replace(/^\[(.*)\]$/, "$1")
  const port = Number(portText)
  if (host === "" || !/^\d{1,5}$/.test(portText) || port < 1 || port > 65_535) return undefined
  return { host, port }
}

/** The addresses of a list such as `10.0.0.1:9876;10.0.0.2:9876`, or the first entry that is none. */
export const parseList = (text: string): ReadonlyArray<Address> | { readonly illegal: string } => {
  const addresses: Address[] = []
  for (const entry of text.split(";").map((part) => part.trim())) {
    if (entry === "") continue
    const address = parse(entry)
    if (address === undefined) return { illegal: entry }
    addresses.push(address)
  }
  return addresses
}

export const print = (address: Address): string =>
  address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
