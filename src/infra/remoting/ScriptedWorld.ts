/**
 * A world played by hand, for tests of what sits on connections: the test is the peer, it decides what arrives in which
 * pieces, when a turn ends and how time passes. For faults and schedules drawn from a seed there is SimWorld.
 */
import type { Clock } from "../clock/Clock.ts"
import type { Address, Connection, ConnectionEvents, Network } from "../network/Network.ts"
import { NetworkError } from "../network/Network.ts"
import { silent } from "../telemetry/Log.ts"
import type { Log } from "../telemetry/Log.ts"

interface Timer {
  readonly dueMs: number
  readonly run: () => void
}

export class ScriptedClock implements Clock {
  #nowMs = 1_000_000
  #timers = new Set<Timer>()
  #soon: Array<() => void> = []

  readonly nowMs = (): number => this.#nowMs
  readonly monotonicMs = (): number => this.#nowMs
  readonly after = (delayMs: number, run: () => void): (() => void) => {
    const timer = { dueMs: this.#nowMs + delayMs, run }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
  readonly soon = (run: () => void): void => {
    this.#soon.push(run)
  }

  /** Ends the turn, and the turns that it asked for. */
  turn(): void {
    while (this.#soon.length > 0) for (const run of this.#soon.splice(0)) run()
  }

  /** Lets time pass; timers run in order of their due time, a turn after each. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    this.turn()
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.dueMs <= endMs).toSorted((a, b) => a.dueMs - b.dueMs)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#nowMs = due.dueMs
      due.run()
      this.turn()
    }
    this.#nowMs = endMs
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size
  }
}

/** The test's end of a connection. */
export class ScriptedPeer {
  /** Each `write` of the other end, as it came. */
  writes: Buffer[] = []
  isPaused = false
  /** "open" until the other end closed it by `end` or `destroy`, or the test broke it. */
  state: "open" | "ended" | "destroyed" | "broken" = "open"
  /** While true the peer takes nothing: what is written stays pending. */
  isStuck = false
  pendingBytes = 0
  readonly connection: Connection
  #events: ConnectionEvents | undefined

  constructor(local: Address, remote: Address) {
    this.connection = {
      destroy: () => this.#close("destroyed"),
      end: () => this.#close("ended"),
      local,
      pause: () => {
        this.isPaused = true
      },
      pendingBytes: () => this.pendingBytes,
      remote,
      resume: () => {
        this.isPaused = false
      },
      write: (bytes) => {
        this.writes.push(bytes)
        if (this.isStuck) this.pendingBytes += bytes.length
        return !this.isStuck
      },
    }
  }

  attach(events: ConnectionEvents): void {
    this.#events = events
    if (this.state !== "open") events.onClose(undefined)
  }

  /** Delivers one chunk. */
  send(...pieces: ReadonlyArray<Buffer>): void {
    if (this.state === "open") this.#events?.onData(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
  }

  /** Reads everything that was stuck. */
  drain(): void {
    this.isStuck = false
    this.pendingBytes = 0
    this.#events?.onDrain()
  }

  /** The connection breaks. */
  cut(): void {
    this.#close("broken")
  }

  /** Everything written so far, and forgets it. */
  take(): Buffer {
    return Buffer.concat(this.writes.splice(0))
  }

  #close(state: "ended" | "destroyed" | "broken"): void {
    if (this.state !== "open") return
    this.state = state
    const error = state === "broken" ? new NetworkError("Reset", this.connection.remote) : undefined
    this.#events?.onClose(error)
  }
}

export class ScriptedWorld {
  readonly clock = new ScriptedClock()
  readonly log: Log = silent
  readonly network: Network
  /** The peers that connections were opened to, in order; see `onConnect`. */
  readonly dialled: ScriptedPeer[] = []
  /** What a connect leads to: "open" at once, "refuse", or "wait" for `settle`. */
  onConnect: "open" | "refuse" | "wait" = "open"
  #acceptors = new Map<number, (connection: Connection) => ConnectionEvents>()
  #waiting: Array<(outcome: "open" | "refuse") => void> = []
  #peers = 0

  constructor() {
    this.network = {
      connect: (address, _timeoutMs, opened, failed) => {
        const settle = (outcome: "open" | "refuse"): void => {
          if (outcome === "refuse") return failed(new NetworkError("Refused", address))
          const peer = new ScriptedPeer({ host: "10.0.0.9", port: 50_000 }, address)
          this.dialled.push(peer)
          peer.attach(opened(peer.connection))
        }
        if (this.onConnect === "wait") this.#waiting.push(settle)
        else settle(this.onConnect)
      },
      listen: (address, accept, done) => {
        this.#acceptors.set(address.port, accept)
        done(undefined, {
          address,
          close: (closed) => {
            this.#acceptors.delete(address.port)
            closed()
          },
        })
      },
    }
  }

  /** Opens a connection to a listening port; undefined when nobody listens. */
  dial(port: number): ScriptedPeer | undefined {
    const accept = this.#acceptors.get(port)
    if (accept === undefined) return undefined
    const peer = new ScriptedPeer({ host: "10.0.0.1", port }, { host: "10.0.0.9", port: 50_001 + this.#peers++ })
    peer.attach(accept(peer.connection))
    return peer
  }

  /** Ends the connects that wait. */
  settle(outcome: "open" | "refuse"): void {
    for (const settle of this.#waiting.splice(0)) settle(outcome)
  }
}
