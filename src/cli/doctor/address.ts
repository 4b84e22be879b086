/** What clients will be told (brokerIP1): whether it is this machine's, and whether anybody else can use it. */
import { existsSync } from "node:fs"
import * as os from "node:os"
import type { BrokerConfig } from "../../node/broker/BrokerConfig.ts"
import { isAny, isLoopback } from "../brokerSettings.ts"
import { type Verdict, ok, problem, warning } from "./Verdict.ts"

/** A network card's address. */
export interface Card {
  readonly name: string
  readonly address: string
  readonly isInternal: boolean
}

export interface AddressFacts {
  readonly cards: ReadonlyArray<Card>
  readonly isContainer: boolean
  /** Whether the settings name brokerIP1. */
  readonly isGiven: boolean
}

/** Bridges of Docker and of virtual machines: nobody outside reaches what has such an address. */
const bridge = /^(docker|br-|veth|virbr|cni|flannel|cali|podman|vmnet|vboxnet)/

export const address = (config: BrokerConfig, { cards, isContainer, isGiven }: AddressFacts): Verdict => {
  const { bindAddress, brokerIP1 } = config
  const check = "advertised"
  const told = `clients are told ${brokerIP1}${isGiven ? "" : " (brokerIP1 is not set)"}`
  const card = cards.find((each) => each.address === brokerIP1)
  const others = cards.filter((each) => !each.isInternal && !bridge.test(each.name) && each.address !== brokerIP1)
  const choice =
    others.length === 0 ? "" : ` This machine has ${others.map((each) => `${each.address} (${each.name})`).join(", ")}.`
  if (isAny(brokerIP1))
    return problem(
      check,
      `${told}, which nobody can connect to`,
      `Set brokerIP1 to an address of this machine.${choice}`,
    )
  if (isLoopback(brokerIP1)) {
    if (isLoopback(bindAddress)) return ok(check, `${told}: only clients on this machine are served`)
    return warning(
      check,
      `${told}, and the broker listens on ${bindAddress}: other machines find nobody`,
      `Set brokerIP1.${choice}`,
    )
  }
  if (isLoopback(bindAddress))
    return problem(
      check,
      `${told}, and the broker listens on ${bindAddress} only`,
      "Set bindAddress=0.0.0.0, or brokerIP1=127.0.0.1.",
    )
  if (card !== undefined && bridge.test(card.name))
    return warning(
      check,
      `${told}, the address of ${card.name}: only containers of this machine reach it`,
      `Set brokerIP1.${choice}`,
    )
  if (isContainer && !isGiven)
    return warning(
      check,
      `${told}, an address within this container`,
      "Set brokerIP1 to the address of the host, and publish the port under the same number (-p 10911:10911).",
    )
  if (card === undefined && /^[\d.]+$|:/.test(brokerIP1))
    return warning(
      check,
      `${told}, which no network card of this machine has`,
      `Forward it to this broker, or set brokerIP1.${choice}`,
    )
  if (!isGiven && others.length > 0)
    return warning(check, `${told}, one address of several`, `Set brokerIP1 to the one that clients reach.${choice}`)
  return ok(check, told)
}

export const theseCards = (): ReadonlyArray<Card> =>
  Object.entries(os.networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? [])
      .filter(({ family }) => family === "IPv4")
      .map(({ address: text, internal }) => ({ address: text, isInternal: internal, name })),
  )

export const inContainer = (): boolean => existsSync("/.dockerenv") || existsSync("/run/.containerenv")
