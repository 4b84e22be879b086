/**
 * A few pages over HTTP, for probes and scrapers: health, readiness, metrics. Made on the network port, so that it runs
 * in simulation as in reality, and bounded in everything a stranger can do (P11): connections, the head of a request, and
 * the time until it is there.
 */
import * as Http from "../../format/Http.ts"
import type { Clock } from "../clock/Clock.ts"
import type { Address, Connection, ConnectionEvents, Listener, Network, NetworkError } from "../network/Network.ts"

/** By path, what is answered now. */
export type Pages = ReadonlyMap<string, () => Http.HttpAnswer>

const connectionsMax = 64
const headTimeoutMs = 5000

export class HttpPages {
  readonly #clock: Clock
  readonly #pages: Pages
  readonly #connections = new Set<Connection>()
  #listener: Listener | undefined

  constructor(world: { readonly clock: Clock }, pages: Pages) {
    this.#clock = world.clock
    this.#pages = pages
  }

  listen(
    network: Network,
    address: Address,
    done: (error: NetworkError | undefined, address: Address | undefined) => void,
  ): void {
    network.listen(
      address,
      (connection) => this.#accept(connection),
      (error, listener) => {
        this.#listener = listener
        done(error, listener?.address)
      },
    )
  }

  /** Frees the port; `done` runs when it is free. */
  close(done: () => void): void {
    for (const connection of this.#connections) connection.destroy()
    if (this.#listener === undefined) return done()
    this.#listener.close(done)
  }

  #accept(connection: Connection): ConnectionEvents {
    if (this.#connections.size >= connectionsMax) {
      connection.destroy()
      return { onClose: ignore, onData: ignore, onDrain: ignore }
    }
    this.#connections.add(connection)
    const cancel = this.#clock.after(headTimeoutMs, () => connection.destroy())
    let received = Buffer.alloc(0)
    let isAnswered = false
    return {
      onClose: () => {
        cancel()
        this.#connections.delete(connection)
      },
      onData: (chunk) => {
        if (isAnswered) return
        received = Buffer.concat([received, chunk])
        const request = Http.readRequest(received)
        if (request === "more") return
        isAnswered = true
        const answer = "status" in request ? request : this.#answer(request)
        connection.write(Http.encodeAnswer(answer, "method" in request && request.method === "HEAD"))
        connection.end()
      },
      onDrain: ignore,
    }
  }

  #answer({ method, path }: Http.HttpRequest): Http.HttpAnswer {
    if (method !== "GET" && method !== "HEAD") return Http.plain(405, "only GET and HEAD are answered here")
    const page = this.#pages.get(path)
    return page === undefined ? Http.plain(404, `there are ${[...this.#pages.keys()].join(", ")}`) : page()
  }
}

const ignore = (): void => {}
