/**
 * A simulated network: hosts by name, listeners, and connections between them, under a `Weather` that a test may
 * change while it runs. Paths can be cut one way or both; a blocked connection stalls as TCP does, goes on when the
 * path is back, and is given up with `TimedOut` after `giveUpMs`.
 *
 * A host name has one life after another. When a life ends (`sever`) its listeners and connections end with it:
 * loudly, as when a process is killed and its machine answers for it, or silently, as when the power fails.
 */
import type { SeededRandom } from "../random/SeededRandom.ts"
import { type Address, type Listener, type Network, NetworkError, type NetworkReason } from "./Network.ts"
import { connectEnds, type Medium, type Owner, type SimEnd } from "./SimConnection.ts"
import { fairWeather, type Weather } from "./Weather.ts"

export interface SimNetworkOptions {
  /** Milliseconds since the start, with fractions. */
  readonly nowMs: () => number
  /** The kernel's timers: they fire whatever becomes of a host. */
  readonly later: (delayMs: number, run: () => void) => () => void
  readonly random: SeededRandom
  readonly weather?: Weather
  /** Told of each segment that arrives, for the trace. */
  readonly record?: (what: string, value: number, bytes?: Uint8Array) => void
}

const ephemeralPortMin = 40_000
const portMax = 65_535

export class SimNetwork {
  weather: Weather
  readonly #options: SimNetworkOptions
  readonly #medium: Medium
  readonly #hosts = new Map<string, Host>()
  readonly #aliases = new Map<string, string>()
  /** Ordered pairs "source>target" of host names that bytes do not pass. */
  readonly #blocked = new Set<string>()
  #waiters: Array<() => void> = []

  constructor(options: SimNetworkOptions) {
    this.#options = options
    this.weather = options.weather ?? fairWeather
    this.#medium = {
      later: options.later,
      nowMs: options.nowMs,
      onChange: (retry) => this.#waiters.push(retry),
      passes: (source, target) => this.#passes(source, target),
      random: options.random,
      record: (what, value, bytes) => options.record?.(what, value, bytes),
      weather: () => this.weather,
    }
  }

  /**
   * Starts a life of the host `name`, which is also its address, and answers the network as that host sees it.
   * `enter` is the door of the process that lives there (`SimProcess.enter`).
   */
  host(name: string, enter: (run: () => void) => void = (run) => run()): Network {
    if (this.#hosts.get(name)?.up === true) throw new Error(`host ${name} is up already`)
    const host = new Host(name, enter)
    this.#hosts.set(name, host)
    this.#changed()
    return {
      connect: (address, timeoutMs, opened, failed) => this.#connect(host, address, timeoutMs, opened, failed),
      listen: (address, accept, done) => this.#listen(host, address, accept, done),
    }
  }

  /** Lets `alias` be resolved to a host, as a name server of the network would. */
  alias(alias: string, host: string): void {
    this.#aliases.set(alias, host)
  }

  /**
   * Ends the life of a host. "killed": its machine stays, ends its connections and refuses new ones. "silent": its
   * machine is gone, and peers notice by waiting.
   */
  sever(name: string, how: "killed" | "silent"): void {
    const host = this.#hosts.get(name)
    if (host === undefined || !host.up) return
    host.up = false
    host.reachable = how === "killed"
    host.listeners.clear()
    for (const end of host.ends) {
      if (how === "killed") end.destroy()
      else end.fallSilent()
    }
    host.ends.clear()
  }

  /** Blocks bytes from `source` to `target`; the other direction stays as it is. */
  blockOneWay(source: string, target: string): void {
    this.#blocked.add(`${source}>${target}`)
  }

  /** Blocks both directions between each host of one group and each of the other. */
  partition(one: ReadonlyArray<string>, other: ReadonlyArray<string>): void {
    for (const a of one) {
      for (const b of other) {
        this.blockOneWay(a, b)
        this.blockOneWay(b, a)
      }
    }
  }

  /** Opens every path again. */
  heal(): void {
    this.#blocked.clear()
    this.#changed()
  }

  /** Opens both directions between two hosts again. */
  healBetween(a: string, b: string): void {
    this.#blocked.delete(`${a}>${b}`)
    this.#blocked.delete(`${b}>${a}`)
    this.#changed()
  }

  /** Breaks every connection between two hosts now; both ends see a reset. */
  breakConnections(a: string, b: string): void {
    for (const name of [a, b]) {
      for (const end of this.#hosts.get(name)?.ends ?? []) {
        if (this.#resolve(end.remote.host, name) === (name === a ? b : a)) end.reset()
      }
    }
  }

  /** How many ends of connections a host has open. */
  connectionCount(name: string): number {
    return this.#hosts.get(name)?.ends.size ?? 0
  }

  #passes(source: string, target: string): boolean {
    return this.#hosts.get(target)?.reachable === true && !this.#blocked.has(`${source}>${target}`)
  }

  #changed(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const retry of waiters) retry()
  }

  #resolve(name: string, from: string): string | undefined {
    if (name === "localhost" || name === "127.0.0.1" || name === "::1") return from
    const target = this.#aliases.get(name) ?? name
    return this.#hosts.has(target) ? target : undefined
  }

  #latencyMs(): number {
    return this.#options.random.between(...this.weather.latencyMs)
  }

  #listen(
    host: Host,
    address: Address,
    accept: Accept,
    done: (error: NetworkError | undefined, listener: Listener | undefined) => void,
  ): void {
    if (!host.up) return
    const reason = this.#whyNotListen(host, address)
    if (reason !== undefined) {
      this.#tell(host, () => done(new NetworkError(reason, address), undefined))
      return
    }
    const port = address.port === 0 ? host.freePort() : address.port
    const bound = { accept, address: { host: address.host, port } }
    host.listeners.set(port, bound)
    const close = (closed: () => void): void => {
      if (host.listeners.get(port) === bound) host.listeners.delete(port)
      this.#tell(host, closed)
    }
    this.#tell(host, () => done(undefined, { address: bound.address, close }))
  }

  #whyNotListen(host: Host, { host: name, port }: Address): NetworkReason | undefined {
    if (port < 0 || port > portMax) return "Io"
    if (!anyAddress.has(name) && this.#resolve(name, host.name) !== host.name) return "NotFound"
    return host.listeners.has(port) ? "AddressInUse" : undefined
  }

  #connect(
    host: Host,
    address: Address,
    timeoutMs: number,
    opened: Accept,
    failed: (error: NetworkError) => void,
  ): void {
    if (!host.up) return
    let settled = false
    const fail = (reason: NetworkReason): void => {
      if (settled) return
      settled = true
      this.#tell(host, () => failed(new NetworkError(reason, address, "simulated")))
    }
    const target = this.#resolve(address.host, host.name)
    const pathsOpen = (): boolean =>
      target !== undefined && this.#passes(host.name, target) && this.#passes(target, host.name)
    // Each half of the handshake waits for its path, as the packets are sent again until they get through.
    const whenOpen = (run: () => void): void => {
      if (settled) return
      if (pathsOpen()) run()
      else this.#medium.onChange(() => whenOpen(run))
    }
    this.#medium.later(timeoutMs, () => fail("TimedOut"))
    this.#medium.later(this.#latencyMs(), () => {
      if (target === undefined) return fail("NotFound")
      return whenOpen(() => {
        const server = this.#hosts.get(target)!
        const listener = server.listenerAt(address, host)
        const clientPort = host.freePort()
        this.#medium.later(this.#latencyMs(), () =>
          whenOpen(() => {
            if (listener === undefined || !server.up) return fail("Refused")
            if (!host.up) return
            settled = true
            const names = this.#names(host, server, address, clientPort)
            const ends = connectEnds(
              this.#medium,
              { address: names.client, owner: host },
              { address: names.server, owner: server },
            )
            this.#open(ends.server, listener.accept)
            this.#open(ends.client, opened, failed)
          }),
        )
      })
    })
  }

  #names(client: Host, server: Host, asked: Address, clientPort: number): { client: Address; server: Address } {
    const inside = client === server
    return {
      client: { host: inside ? asked.host : client.name, port: clientPort },
      server: { host: inside ? asked.host : server.name, port: asked.port },
    }
  }

  #open(end: SimEnd, open: Accept, failed?: (error: NetworkError) => void): void {
    this.#medium.later(this.#options.random.between(0, 0.05), () =>
      end.owner.enter(() => {
        if (!end.closed) end.open(open)
        else failed?.(new NetworkError("Reset", end.remote, "simulated"))
      }),
    )
  }

  #tell(host: Host, run: () => void): void {
    this.#medium.later(0, () => host.enter(run))
  }
}

type Accept = Parameters<Network["listen"]>[1]

interface Bound {
  readonly address: Address
  readonly accept: Accept
}

const anyAddress: ReadonlySet<string> = new Set(["0.0.0.0", "::", ""])
const loopback: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "::1"])

/** One life of a host. */
class Host implements Owner {
  readonly name: string
  readonly ends = new Set<SimEnd>()
  readonly listeners = new Map<number, Bound>()
  up = true
  /** Whether its machine answers, be it for a process that is gone. */
  reachable = true
  readonly #enter: (run: () => void) => void
  #nextPort = ephemeralPortMin

  constructor(name: string, enter: (run: () => void) => void) {
    this.name = name
    this.#enter = enter
  }

  readonly alive = (): boolean => this.up

  readonly enter = (run: () => void): void => {
    if (!this.up) return
    this.#enter(() => {
      // A paused process may hear of it only after the host was severed.
      if (this.up) run()
    })
  }

  /** Who takes a connection to `address` that comes from `client`. */
  listenerAt(address: Address, client: Host): Bound | undefined {
    const bound = this.listeners.get(address.port)
    return bound !== undefined && loopback.has(bound.address.host) && client !== this ? undefined : bound
  }

  freePort(): number {
    do {
      this.#nextPort = this.#nextPort === portMax ? ephemeralPortMin : this.#nextPort + 1
    } while (this.listeners.has(this.#nextPort))
    return this.#nextPort
  }
}
