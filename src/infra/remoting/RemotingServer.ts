/**
 * The serving end of the remoting protocol: listens on any number of ports, each with its own handlers, and shares
 * bounds, back-pressure and shutdown over all of its connections.
 *
 *   unknown code   answered with 3, " request type N not supported" (a oneway one is ignored)
 *   back-pressure  `pauseAll` stops reading everywhere, for an owner without room; a slow reader stops only itself
 *   shutdown       `drain` stops accepting, turns new requests away with GO_AWAY (to peers that know it), lets what is
 *                  in hand be answered, then closes
 * Source: spec wire §1.7. Bounds: Limits.ts (P11).
 */
import type { Address, Listener, NetworkError } from "../network/Network.ts"
import { Hub } from "./Hub.ts"
import type { ConnectionListener, Handlers, HubWorld } from "./Hub.ts"
import * as Limits from "./Limits.ts"
import { RemotingConnection, noEvents } from "./RemotingConnection.ts"

export interface RemotingServerOptions {
  readonly limits?: Partial<Limits.Limits>
  readonly listener?: ConnectionListener
}

export interface DrainOptions {
  /** How long idle connections are kept, so that their next request is told to go away instead of being cut. */
  readonly lingerMs: number
  /** How long after that to wait for answers still owed; then the connections are destroyed. */
  readonly graceMs: number
}

export class RemotingServer {
  readonly #hub: Hub
  readonly #listeners: Listener[] = []

  constructor(world: HubWorld, options: RemotingServerOptions = {}) {
    this.#hub = new Hub(world, { ...Limits.defaults, ...options.limits }, options.listener ?? {})
  }

  get connections(): ReadonlySet<RemotingConnection> {
    return this.#hub.connections
  }

  /** Serves `handlers` on one more address; `done` gets the address in use (its port is real when 0 was asked for). */
  listen(
    address: Address,
    handlers: Handlers,
    done: (error: NetworkError | undefined, address: Address | undefined) => void,
  ): void {
    const hub = this.#hub
    hub.world.network.listen(
      address,
      (socket) => {
        if (hub.isDraining || hub.connections.size >= hub.limits.connectionsMax) {
          hub.world.log.warn("connection refused", { isDraining: hub.isDraining, remote: socket.remote })
          socket.destroy()
          return noEvents
        }
        return RemotingConnection.open(hub, handlers, socket).events
      },
      (error, listener) => {
        if (listener !== undefined) this.#listeners.push(listener)
        done(error, listener?.address)
      },
    )
  }

  /** Stops reading from every connection. Requests that were read already and not handed out wait. */
  pauseAll(): void {
    this.#hub.setPaused(true)
  }

  /** Goes on reading, from the end of this turn. */
  resumeAll(): void {
    this.#hub.setPaused(false)
  }

  /** Shuts down in order; `done` runs once, when every port is free and every connection closed. */
  drain(options: DrainOptions, done: () => void): void {
    const hub = this.#hub
    const clock = hub.world.clock
    hub.isDraining = true
    hub.setPaused(false)
    let waitsFor = this.#listeners.length + 1
    let cancel = nothingToCancel
    const oneLess = (): void => {
      if (--waitsFor > 0) return
      cancel()
      hub.correlation.close()
      done()
    }
    const destroyAll = (): void => {
      for (const connection of hub.connections) connection.destroy("still busy at shutdown")
    }
    const endIdle = (): void => {
      hub.mayEnd = true
      for (const connection of hub.connections) connection.endWhenIdle()
      if (hub.connections.size > 0) cancel = clock.after(options.graceMs, destroyAll)
    }
    for (const listener of this.#listeners.splice(0)) listener.close(oneLess)
    if (options.lingerMs > 0 && hub.connections.size > 0) cancel = clock.after(options.lingerMs, endIdle)
    else endIdle()
    hub.whenEmpty(oneLess)
  }
}

const nothingToCancel = (): void => {}
