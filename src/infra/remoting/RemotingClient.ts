/**
 * The asking end of the remoting protocol: one connection per address, opened when it is first needed, any number of
 * requests under way on it. A peer may send requests too (transaction checks, notifications); `handlers` take them.
 *
 * Trying again, with which delay and where, is the caller's business: it knows whether the request may be repeated.
 * A connection whose peer answered GO_AWAY (1500) is not used again; the next request opens another one.
 *
 * Laws (test/model/remoting.test.ts)
 *   once      each `done` runs exactly once, with the answer or a RemotingError
 *   deadline  no request outlives its timeout, whether it waits for the connection or for the answer
 */
import type { Address } from "../network/Network.ts"
import type { Done } from "./Correlation.ts"
import { Hub } from "./Hub.ts"
import type { ConnectionListener, Handlers, HubWorld } from "./Hub.ts"
import * as Limits from "./Limits.ts"
import * as PeerAddress from "./PeerAddress.ts"
import { RemotingConnection, noEvents } from "./RemotingConnection.ts"
import type { Request } from "./RemotingConnection.ts"
import { RemotingError } from "./RemotingError.ts"

export interface RemotingClientOptions {
  readonly limits?: Partial<Limits.Limits>
  readonly listener?: ConnectionListener
  /** For requests that peers send; other codes are answered with 3. */
  readonly handlers?: Handlers
}

interface Waiting {
  readonly request: Request
  /** Undefined for a oneway request. */
  readonly opaque: number | undefined
}

/** The way to one address: being opened while `connection` is undefined. */
interface Link {
  connection: RemotingConnection | undefined
  waiting: Waiting[]
}

const noHandlers: Handlers = new Map()

export class RemotingClient {
  readonly #hub: Hub
  readonly #handlers: Handlers
  readonly #links = new Map<string, Link>()
  #isClosed = false

  constructor(world: HubWorld, options: RemotingClientOptions = {}) {
    const listener = options.listener ?? {}
    this.#handlers = options.handlers ?? noHandlers
    this.#hub = new Hub(
      world,
      { ...Limits.defaults, ...options.limits },
      {
        onClose: (connection) => {
          this.#unlink(connection)
          listener.onClose?.(connection)
        },
        onGoAway: (connection) => this.#unlink(connection),
        ...(listener.onOpen === undefined ? {} : { onOpen: listener.onOpen }),
      },
    )
  }

  get connections(): ReadonlySet<RemotingConnection> {
    return this.#hub.connections
  }

  /**
   * Sends a request; `done` runs once, possibly before this returns. The answer is a number for `cancel`, or undefined
   * when `done` has run already.
   */
  ask(address: Address, request: Request, timeoutMs: number, done: Done): number | undefined {
    const peer = PeerAddress.print(address)
    const correlation = this.#hub.correlation
    if (this.#isClosed || correlation.size >= this.#hub.limits.pendingMax) {
      done(new RemotingError(this.#isClosed ? "Closed" : "TooMany", peer))
      return undefined
    }
    const link = this.#links.get(peer)
    if (link?.connection !== undefined) return link.connection.ask(request, timeoutMs, done)
    const opaque = correlation.nextOpaque()
    correlation.add(opaque, peer, undefined, timeoutMs, done)
    this.#wait(link, address, { opaque, request })
    return opaque
  }

  /** Forgets a request; its `done` does not run any more, its answer is dropped. */
  cancel(opaque: number): void {
    this.#hub.correlation.forget(opaque)
  }

  /** Sends a request that is not answered; it is lost without a word when no connection can be opened. */
  tell(address: Address, request: Request): void {
    if (this.#isClosed) return
    const link = this.#links.get(PeerAddress.print(address))
    if (link?.connection !== undefined) return link.connection.tell(request)
    if (link !== undefined && link.waiting.length >= this.#hub.limits.pendingMax) return
    this.#wait(link, address, { opaque: undefined, request })
  }

  /** Fails what is under way with Closed and closes every connection. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#links.clear()
    for (const connection of this.#hub.connections) connection.end()
    this.#hub.correlation.close()
  }

  /** Has a request wait for the connection to its address, and opens that if nobody did. */
  #wait(link: Link | undefined, address: Address, waiting: Waiting): void {
    if (link === undefined) this.#connect(address, { connection: undefined, waiting: [waiting] })
    else link.waiting.push(waiting)
  }

  #connect(address: Address, link: Link): void {
    const peer = PeerAddress.print(address)
    this.#links.set(peer, link)
    const hub = this.#hub
    hub.world.network.connect(
      address,
      hub.limits.connectTimeoutMs,
      (socket) => {
        if (this.#isClosed) {
          socket.destroy()
          return noEvents
        }
        const { connection, events } = RemotingConnection.open(hub, this.#handlers, socket)
        this.#opened(link, connection)
        return events
      },
      (error) => {
        if (this.#links.get(peer) === link) this.#links.delete(peer)
        for (const { opaque } of link.waiting.splice(0)) {
          if (opaque !== undefined) hub.correlation.fail(opaque, "ConnectFailed", error.reason)
        }
      },
    )
  }

  #opened(link: Link, connection: RemotingConnection): void {
    link.connection = connection
    for (const { opaque, request } of link.waiting.splice(0)) {
      if (opaque === undefined) connection.tell(request)
      else if (this.#hub.correlation.sent(opaque, connection)) connection.sendRequest(request, opaque)
    }
  }

  #unlink(connection: RemotingConnection): void {
    for (const [peer, link] of this.#links) if (link.connection === connection) this.#links.delete(peer)
  }
}
