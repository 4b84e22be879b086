/**
 * What all connections of one remoting end share: the bounds, the request numbers, the write at the end of each turn,
 * and the sweep that finds idle connections. One timer sweeps all of them.
 */
import type { Command } from "../../format/Command.ts"
import type { World } from "../world/World.ts"
import type { Call } from "./Call.ts"
import { Correlation } from "./Correlation.ts"
import type { Limits } from "./Limits.ts"
import type { RemotingConnection } from "./RemotingConnection.ts"
import { Slab } from "./Slab.ts"

/**
 * Handles one request of its code. Called in the order in which requests arrived on the connection (P2). What it throws
 * is answered with code 1. The command's body lies in the socket's chunk: a handler that keeps it for long copies it.
 */
export type Handler = (command: Command, call: Call) => void

export type Handlers = ReadonlyMap<number, Handler>

export type HubWorld = Pick<World, "clock" | "log" | "network">

export interface ConnectionListener {
  readonly onOpen?: (connection: RemotingConnection) => void
  /** Runs once, after the connection's last request was handed out and its pending requests have failed. */
  readonly onClose?: (connection: RemotingConnection) => void
  /** The peer is shutting down: it answered GO_AWAY, and will close once it has answered what it has in hand. */
  readonly onGoAway?: (connection: RemotingConnection) => void
}

/** An idle connection is found within this part of the idle timeout after it ran out. */
const sweepsPerTimeout = 8

export class Hub {
  readonly world: HubWorld
  readonly limits: Limits
  readonly listener: ConnectionListener
  readonly correlation: Correlation
  readonly connections = new Set<RemotingConnection>()
  readonly slab = new Slab()
  /** While true, requests are turned away with GO_AWAY. */
  isDraining = false
  /** While true, a connection ends as soon as nothing is in hand on it. */
  mayEnd = false
  /** While true, no socket is read: the owner has no room for what would arrive. */
  isPaused = false
  inFlightBytes = 0
  partialBytes = 0
  #isOverBudget = false
  #connectionCount = 0
  #dirty: RemotingConnection[] = []
  #cancelSweep: (() => void) | undefined
  #whenEmpty: (() => void) | undefined

  constructor(world: HubWorld, limits: Limits, listener: ConnectionListener) {
    this.world = world
    this.limits = limits
    this.listener = listener
    this.correlation = new Correlation(world.clock)
  }

  get isReadingStopped(): boolean {
    return this.isPaused || this.#isOverBudget
  }

  nextConnectionId(): number {
    return ++this.#connectionCount
  }

  opened(connection: RemotingConnection): void {
    this.connections.add(connection)
    if (this.#cancelSweep === undefined) this.#scheduleSweep()
    this.listener.onOpen?.(connection)
  }

  closed(connection: RemotingConnection): void {
    this.connections.delete(connection)
    this.correlation.lost(connection, "connection closed")
    this.listener.onClose?.(connection)
    if (this.connections.size === 0) this.#emptied()
  }

  /** Has `connection.endTurn` run once at the end of this turn. */
  atEndOfTurn(connection: RemotingConnection): void {
    if (this.#dirty.push(connection) === 1) this.world.clock.soon(() => this.#endTurn())
  }

  setPaused(isPaused: boolean): void {
    if (isPaused === this.isPaused) return
    this.isPaused = isPaused
    this.#readingChanged()
  }

  /** Adds to the bytes in flight, or takes off them; beyond the budget nothing is read until half of it is free. */
  weigh(bytes: number): void {
    this.inFlightBytes += bytes
    const budget = this.limits.inFlightTotalBytesMax
    const isOver = this.#isOverBudget ? this.inFlightBytes > budget / 2 : this.inFlightBytes > budget
    if (isOver === this.#isOverBudget) return
    this.#isOverBudget = isOver
    this.#readingChanged()
  }

  /** Runs `done` when no connection is left, at once if there is none. */
  whenEmpty(done: () => void): void {
    this.#whenEmpty = done
    if (this.connections.size === 0) this.#emptied()
  }

  #emptied(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = undefined
    const done = this.#whenEmpty
    this.#whenEmpty = undefined
    done?.()
  }

  #readingChanged(): void {
    for (const connection of this.connections) connection.readingChanged()
  }

  #endTurn(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) connection.endTurn()
  }

  #scheduleSweep(): void {
    this.#cancelSweep = this.world.clock.after(this.limits.idleTimeoutMs / sweepsPerTimeout, () => {
      this.#cancelSweep = undefined
      for (const connection of this.connections) connection.swept(sweepsPerTimeout)
      if (this.connections.size > 0 && this.#cancelSweep === undefined) this.#scheduleSweep()
    })
  }
}
