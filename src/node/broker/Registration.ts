/**
 * Keeps the name servers informed, each on its own: at start and every `registerNameServerPeriod`, of changed topics at
 * once, and a farewell at the end. Name servers may be added and removed while the broker runs (`namesrvAddr`).
 */
import * as Effect from "effect/Effect"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import type { BrokerState } from "./BrokerState.ts"
import { NameServerLink } from "./NameServerLink.ts"

export class Registration {
  readonly #state: BrokerState
  readonly #client: RemotingClient
  #links: ReadonlyArray<NameServerLink> = []

  constructor(state: BrokerState, client: RemotingClient, nameServers: ReadonlyArray<Address>) {
    this.#state = state
    this.#client = client
    this.#links = nameServers.map((address) => this.#link(address))
  }

  /** Registers with every name server; ends when each has answered or failed. Never fails itself. */
  readonly registerAll = (): Effect.Effect<void> => this.#each((link) => link.round())

  readonly registerChanged = (names: ReadonlyArray<string>): Effect.Effect<void> =>
    this.#each((link) => link.changed(names))

  readonly unregisterAll = (): Effect.Effect<void> => this.#each((link) => link.farewell())

  /** These are the name servers from now on: new ones are registered with, the others left. */
  readonly setNameServers = (nameServers: ReadonlyArray<Address>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const before = this.#links
      const wanted = new Set(nameServers.map(PeerAddress.print))
      const kept = before.filter(({ address }) => wanted.has(PeerAddress.print(address)))
      const known = new Set(kept.map(({ address }) => PeerAddress.print(address)))
      const added = nameServers
        .filter((address) => !known.has(PeerAddress.print(address)))
        .map((one) => this.#link(one))
      const left = before.filter((link) => !kept.includes(link))
      this.#links = [...kept, ...added]
      const steps = [...added.map((link) => link.round()), ...left.map((link) => link.farewell())]
      return Effect.all(steps, { concurrency: "unbounded", discard: true })
    })

  #each(step: (link: NameServerLink) => Effect.Effect<void>): Effect.Effect<void> {
    // Looked up anew each time it runs: the rounds of a broker's life repeat one effect.
    return Effect.suspend(() => Effect.forEach(this.#links, step, { concurrency: "unbounded", discard: true }))
  }

  #link(address: Address): NameServerLink {
    return new NameServerLink(this.#state, this.#client, address, (topics) => this.#markOrdered(topics))
  }

  /** Topics with an order configuration at a name server are ordered topics. */
  #markOrdered(names: Iterable<string>): void {
    const { metadata, world } = this.#state
    const marked = [...names].flatMap((name) => {
      const config = metadata.topics.get(name)
      return config === undefined || config.order ? [] : [{ ...config, order: true }]
    })
    if (marked.length === 0) return
    metadata.change(marked, [], (failure) => {
      if (failure !== undefined) world.log.warn(`topics could not be marked as ordered: ${failure}`)
    })
  }
}
