/**
 * Where a client learns the addresses of its name servers, by RocketMQ's precedence: code, property, environment, HTTP
 * endpoint. An address that is given wins over an endpoint, wherever either stands.
 *
 * Laws (test/model/client/nameServers.test.ts)
 *   precedence  the first of the four ways that says something is the one that counts
 * Source: behaviour of RocketMQ 5.5.0 (ClientConfig, NameServerAddressUtils, MixAll, DefaultTopAddressing).
 */
import type { Environment } from "../../infra/environment/Environment.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { ArgumentError } from "../GantryError.ts"
import { type GantryOptions, propertyOf } from "../Options.ts"

export const addressProperty = "rocketmq.namesrv.addr"
export const addressVariable = "NAMESRV_ADDR"
export const domainProperty = "rocketmq.namesrv.domain"
export const subgroupProperty = "rocketmq.namesrv.domain.subgroup"

/** `None`: nobody said anything. `origin` says who did, for messages. */
export type NameServerSource =
  | { readonly _tag: "Addresses"; readonly addresses: ReadonlyArray<Address>; readonly origin: string }
  | { readonly _tag: "Endpoint"; readonly url: string; readonly origin: string }
  | { readonly _tag: "None" }

export const find = (options: GantryOptions, environment: Environment): NameServerSource => {
  const given = options.namesrvAddr
  const inCode = typeof given === "string" || given === undefined ? given : given.join(";")
  const ways = [
    [inCode, "namesrvAddr"],
    [propertyOf(options, environment, addressProperty), `the property ${addressProperty}`],
    [environment.variable(addressVariable), `the variable ${addressVariable}`],
  ] as const
  for (const [text, origin] of ways) {
    if (text === undefined || text.trim() === "") continue
    return { _tag: "Addresses", addresses: parse(text, origin), origin }
  }
  return endpointOf(options, environment)
}

/** The addresses in a text; throws an ArgumentError that names what is none. */
export const parse = (text: string, origin: string): ReadonlyArray<Address> => {
  // Instance endpoints of clouds are written as pages; the protocol behind them is the same.
  const addresses = PeerAddress.parseList(text.replaceAll(/https?:\/\//g, ""))
  if ("illegal" in addresses) {
    throw new ArgumentError(`${origin} says "${addresses.illegal}", which is not host:port such as 127.0.0.1:9876`)
  }
  if (addresses.length === 0) throw new ArgumentError(`${origin} names no name server: "${text}"`)
  return addresses
}

const endpointOf = (options: GantryOptions, environment: Environment): NameServerSource => {
  if (options.namesrvEndpoint !== undefined) {
    return { _tag: "Endpoint", origin: "namesrvEndpoint", url: withUnit(options.namesrvEndpoint, options.unitName) }
  }
  const domain = propertyOf(options, environment, domainProperty)
  if (domain === undefined) return { _tag: "None" }
  const host = domain.includes(":") ? domain : `${domain}:8080`
  const subgroup = propertyOf(options, environment, subgroupProperty) ?? "nsaddr"
  const url = withUnit(`http://${host}/rocketmq/${subgroup}`, options.unitName)
  return { _tag: "Endpoint", origin: `the property ${domainProperty}`, url }
}

const withUnit = (url: string, unitName: string | undefined): string =>
  unitName === undefined || unitName.trim() === "" ? url : `${url}-${unitName}?nofix=1`
