/**
 * The name servers as one client sees them. It stays with one until that does not answer, then goes on to the next; with
 * an HTTP endpoint the list is read before the first question and again every two minutes, and a page that cannot be read
 * changes nothing.
 *
 * Laws (test/model/client/nameServers.test.ts)
 *   all      a question fails only after each name server was asked
 *   refresh  what the endpoint says later is used from then on
 */
import type { Command } from "../../format/Command.ts"
import { PageError, type Environment } from "../../infra/environment/Environment.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import type { Request } from "../../infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import { type Done, GantryError, RouteError } from "../GantryError.ts"
import type { ClientWorld } from "../Options.ts"
import { type NameServerSource, addressVariable, parse } from "./NameServerSource.ts"

const firstRefreshMs = 10_000
const refreshMs = 120_000
const pageTimeoutMs = 3_000

export class NameServers {
  readonly #source: NameServerSource
  readonly #world: ClientWorld
  readonly #environment: Environment
  readonly #remoting: RemotingClient
  #addresses: ReadonlyArray<Address> = []
  #chosen = 0
  #waiting: Array<Done<ReadonlyArray<Address>>> = []
  #cancelRefresh: () => void = () => {}

  constructor(source: NameServerSource, world: ClientWorld, environment: Environment, remoting: RemotingClient) {
    this.#source = source
    this.#world = world
    this.#environment = environment
    this.#remoting = remoting
    if (source._tag === "Addresses") this.#use(source.addresses)
  }

  /** What is known now; empty before an endpoint was read. */
  get addresses(): ReadonlyArray<Address> {
    return this.#addresses
  }

  /** `host:port;host:port`, for messages. */
  get text(): string {
    return this.#addresses.map(PeerAddress.print).join(";")
  }

  /** Begins to refresh the list, if it comes from an endpoint. */
  start(): void {
    if (this.#source._tag === "Endpoint") this.#refreshLater(firstRefreshMs)
  }

  stop(): void {
    this.#cancelRefresh()
  }

  /** The answer of the first name server that gives one, whatever its code. */
  ask(request: Request, timeoutMs: number, done: Done<Command>): void {
    this.#list((addresses) => {
      if (addresses instanceof GantryError) return done(addresses)
      this.#ask(addresses, request, timeoutMs, [], done)
    })
  }

  /** Each name server by itself: for what all of them must be told. */
  all(done: Done<ReadonlyArray<Address>>): void {
    this.#list(done)
  }

  #ask(
    addresses: ReadonlyArray<Address>,
    request: Request,
    timeoutMs: number,
    failed: ReadonlyArray<RemotingError>,
    done: Done<Command>,
  ): void {
    const chosen = this.#chosen
    const address = addresses[chosen % addresses.length]!
    this.#remoting.ask(address, request, timeoutMs, (outcome) => {
      if (!(outcome instanceof RemotingError)) return done(outcome)
      // Questions under way at once must not step past a good one together.
      if (this.#chosen === chosen) this.#chosen = (chosen + 1) % addresses.length
      const failures = [...failed, outcome]
      if (failures.length < addresses.length && outcome.reason !== "TooMany") {
        return this.#ask(addresses, request, timeoutMs, failures, done)
      }
      const who = failures.map(({ message }) => message).join(", ")
      done(
        new RouteError(
          "NAME_SERVER_UNREACHABLE",
          `No name server answers (${who}). Start one with "gantry dev" or "gantry namesrv", or correct namesrvAddr`,
          outcome,
        ),
      )
    })
  }

  #list(done: Done<ReadonlyArray<Address>>): void {
    if (this.#addresses.length > 0) return done(this.#addresses)
    if (this.#source._tag !== "Endpoint") {
      return done(
        new RouteError(
          "NO_NAME_SERVER",
          `No name server is given: pass namesrvAddr, such as "127.0.0.1:9876", or set ${addressVariable}`,
        ),
      )
    }
    if (this.#waiting.push(done) === 1) this.#read()
  }

  #use(addresses: ReadonlyArray<Address>): void {
    const known = addresses.map(PeerAddress.print).toSorted().join()
    if (known === this.#addresses.map(PeerAddress.print).toSorted().join()) return
    this.#addresses = addresses
    this.#chosen = this.#world.random.below(addresses.length)
  }

  #read(): void {
    if (this.#source._tag !== "Endpoint") return
    const { origin, url } = this.#source
    this.#environment.fetchText(url, pageTimeoutMs, (page) => {
      const waiting = this.#waiting.splice(0)
      const read = readPage(page, origin)
      if (read instanceof GantryError) {
        this.#world.log.warn("the page of name servers could not be read", { error: read.message, url })
      } else this.#use(read)
      for (const done of waiting) done(this.#addresses.length > 0 ? this.#addresses : read)
    })
  }

  #refreshLater(delayMs: number): void {
    this.#cancelRefresh = this.#world.clock.after(delayMs, () => {
      this.#read()
      this.#refreshLater(refreshMs)
    })
  }
}

const readPage = (page: string | PageError, origin: string): ReadonlyArray<Address> | GantryError => {
  if (page instanceof PageError) {
    return new RouteError(
      "NAME_SERVER_UNREACHABLE",
      `The page that names the name servers cannot be had: ${page.message}`,
    )
  }
  try {
    return parse((page.split("\n")[0] ?? "").trim(), `the page of ${origin}`)
  } catch (error) {
    if (error instanceof GantryError) return error
    throw error
  }
}
