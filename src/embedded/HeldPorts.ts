/**
 * Ports that a cluster keeps from its start to its end, whichever of its servers listens on them meanwhile: a port is
 * free or not before anything is started, nobody can take it between two servers, and a client that connects while no
 * server is there waits for the next one instead of being refused.
 *
 *   held     from `hold` to `close` the operating system has the port listening
 *   waits    a connection that came early is given to the next server on the port, with all its bytes in order
 *   else     a server that listens on a port that is not held gets the network's own
 */
import type { Clock } from "../infra/clock/Clock.ts"
import type {
  Address,
  Connection,
  ConnectionEvents,
  Listener,
  Network,
  NetworkError,
} from "../infra/network/Network.ts"

type Accept = Parameters<Network["listen"]>[1]

interface Port {
  readonly listener: Listener
  /** The server that listens; undefined between two servers. */
  accept: Accept | undefined
  readonly early: Set<EarlyConnection>
}

export class HeldPorts {
  /** The network for servers and clients of the cluster. */
  readonly network: Network
  readonly #network: Network
  readonly #clock: Clock
  readonly #ports = new Map<number, Port>()

  constructor(network: Network, clock: Clock) {
    this.#network = network
    this.#clock = clock
    this.network = { connect: network.connect, listen: (address, accept, done) => this.#listen(address, accept, done) }
  }

  /** Takes the address now; `done` gets it with its real port, or why it cannot be had. */
  hold(address: Address, done: (error: NetworkError | undefined, held: Address | undefined) => void): void {
    this.#network.listen(
      address,
      (connection) => this.#accept(connection),
      (error, listener) => {
        if (listener !== undefined)
          this.#ports.set(listener.address.port, { accept: undefined, early: new Set(), listener })
        done(error, listener?.address)
      },
    )
  }

  /** Lets go of all ports; `done` runs when they are free. Connections that no server took are closed. */
  close(done: () => void): void {
    const ports = [...this.#ports.values()]
    this.#ports.clear()
    let waitsFor = ports.length
    if (waitsFor === 0) return this.#clock.soon(done)
    for (const { early, listener } of ports) {
      for (const connection of early) connection.destroy()
      listener.close(() => {
        if (--waitsFor === 0) done()
      })
    }
  }

  #accept(connection: Connection): ConnectionEvents {
    const port = this.#ports.get(connection.local.port)
    if (port?.accept !== undefined) return port.accept(connection)
    const early = new EarlyConnection(connection, () => port?.early.delete(early))
    if (port === undefined) early.destroy()
    else port.early.add(early)
    return early
  }

  #listen(
    address: Address,
    accept: Accept,
    done: (error: NetworkError | undefined, listener: Listener | undefined) => void,
  ): void {
    const port = this.#ports.get(address.port)
    if (port === undefined || port.accept !== undefined) return this.#network.listen(address, accept, done)
    port.accept = accept
    const close = (closed: () => void): void => {
      if (port.accept === accept) port.accept = undefined
      this.#clock.soon(closed)
    }
    this.#clock.soon(() => {
      done(undefined, { address: port.listener.address, close })
      for (const early of port.early) early.handTo(accept)
      port.early.clear()
    })
  }
}

/** A connection without a server: it is not read, and what came all the same is kept for the server. */
class EarlyConnection implements ConnectionEvents {
  readonly #connection: Connection
  readonly #gone: () => void
  readonly #chunks: Array<Buffer> = []
  #server: ConnectionEvents | undefined

  constructor(connection: Connection, gone: () => void) {
    this.#connection = connection
    this.#gone = gone
    connection.pause()
  }

  readonly onData = (chunk: Buffer): void => {
    if (this.#server === undefined) this.#chunks.push(chunk)
    else this.#server.onData(chunk)
  }

  readonly onDrain = (): void => this.#server?.onDrain()

  readonly onClose = (error: NetworkError | undefined): void => {
    this.#gone()
    this.#server?.onClose(error)
  }

  handTo(accept: Accept): void {
    // What a server does with a connection that it takes (pausing it, say) comes after the connection is read again.
    this.#connection.resume()
    const server = accept(this.#connection)
    this.#server = server
    for (const chunk of this.#chunks.splice(0)) server.onData(chunk)
  }

  destroy(): void {
    this.#connection.destroy()
  }
}
