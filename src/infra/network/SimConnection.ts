/**
 * The two ends of a simulated connection, and the pipe that carries bytes one way. A pipe keeps order, holds what a
 * partition blocks, and lets its sender give up after a while; an end tells its owner only through the owner's door
 * (`SimProcess.enter`), so that a paused or dead owner hears later, or nothing.
 */
import type { SeededRandom } from "../random/SeededRandom.ts"
import { type Address, type Connection, type ConnectionEvents, NetworkError, type NetworkReason } from "./Network.ts"
import type { Weather } from "./Weather.ts"

/** What connections need of the network they are part of. */
export interface Medium {
  readonly nowMs: () => number
  readonly later: (delayMs: number, run: () => void) => () => void
  readonly random: SeededRandom
  readonly weather: () => Weather
  /** Whether bytes from one host reach the other now. */
  readonly passes: (source: string, target: string) => boolean
  /** Calls `retry` when a path or host came back. */
  readonly onChange: (retry: () => void) => void
  readonly record: (what: string, value: number, bytes?: Uint8Array) => void
}

/** The owner of an end: a host in one of its lives. */
export interface Owner {
  readonly name: string
  readonly alive: () => boolean
  readonly enter: (run: () => void) => void
  readonly ends: Set<SimEnd>
}

type Segment =
  | { readonly kind: "bytes"; readonly bytes: Buffer; readonly arrivalMs: number }
  | { readonly kind: "end" | "reset"; readonly arrivalMs: number }

/** Upper bound of the time after a write in which further writes of the same turn join its segment, ms. */
const gatherMsMax = 0.02

/** Makes both ends of a new connection; each is silent until `open` gives it an owner's events. */
export const connectEnds = (
  medium: Medium,
  client: { readonly owner: Owner; readonly address: Address },
  server: { readonly owner: Owner; readonly address: Address },
): { readonly client: SimEnd; readonly server: SimEnd } => {
  const near = new SimEnd(medium, client.owner, client.address, server.address)
  const far = new SimEnd(medium, server.owner, server.address, client.address)
  near.join(far)
  far.join(near)
  return { client: near, server: far }
}

export class SimEnd implements Connection {
  readonly local: Address
  readonly remote: Address
  readonly owner: Owner
  readonly #medium: Medium
  #out!: Pipe
  #events: ConnectionEvents | undefined
  /** Received and not yet handed over. */
  #inbox: Array<Buffer> = []
  #paused = false
  /** After `pause` one more chunk may come: the network draws whether it does. */
  #oneMore = false
  #peerEnded = false
  #closed = false

  constructor(medium: Medium, owner: Owner, local: Address, remote: Address) {
    this.#medium = medium
    this.owner = owner
    this.local = local
    this.remote = remote
    owner.ends.add(this)
  }

  get closed(): boolean {
    return this.#closed
  }

  join(peer: SimEnd): void {
    this.#out = new Pipe(this.#medium, this, peer)
  }

  /** Gives the end its owner's events; what arrived before is handed over now. */
  open(events: (connection: Connection) => ConnectionEvents): void {
    this.#events = events(this)
    this.#pumpLater()
  }

  write(bytes: Buffer): boolean {
    return !this.#closed && this.#out.write(bytes)
  }

  pendingBytes(): number {
    return this.#out.waitingBytes
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#oneMore = this.#medium.random.chance(0.5)
  }

  resume(): void {
    this.#paused = false
    this.#pumpLater()
  }

  end(): void {
    if (!this.#closed) this.#out.end()
  }

  destroy(): void {
    if (this.#closed) return
    this.#out.abandon()
    this.close(undefined)
  }

  /** Closes this end, without telling the peer: the pipe's bytes under way still arrive. */
  close(reason: NetworkReason | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox = []
    this.owner.ends.delete(this)
    const error = reason === undefined ? undefined : new NetworkError(reason, this.remote, "simulated")
    this.#medium.later(0, () => this.owner.enter(() => this.#events?.onClose(error)))
  }

  /** A reset reached this end: what it had under way goes with it. */
  reset(): void {
    this.#out.cut()
    this.close("Reset")
  }

  /** The owner's machine lost its power: nobody is told, here or at the peer. */
  fallSilent(): void {
    this.#out.cut()
    this.#closed = true
  }

  receive(bytes: Buffer): void {
    this.#inbox.push(bytes)
    this.owner.enter(() => this.#pump())
  }

  receiveEnd(): void {
    this.#peerEnded = true
    this.owner.enter(() => this.#pump())
  }

  drained(): void {
    this.#medium.later(0, () =>
      this.owner.enter(() => {
        if (!this.#closed) this.#events?.onDrain()
      }),
    )
  }

  /** The own pipe has sent its end: with the peer's end seen, nothing is left to do. */
  sentEnd(): void {
    if (this.#peerEnded && this.#inbox.length === 0) this.close(undefined)
  }

  /** What the peer sent and this owner has not taken: counts against the peer's window. */
  inboxBytes(): number {
    let total = 0
    for (const bytes of this.#inbox) total += bytes.length
    return total
  }

  #pumpLater(): void {
    this.#medium.later(0, () => this.owner.enter(() => this.#pump()))
  }

  #pump(): void {
    if (this.#events === undefined) return
    while (!this.#closed && this.#inbox.length > 0 && (!this.#paused || this.#oneMore)) {
      this.#oneMore = false
      this.#events.onData(this.#takeChunk())
      this.#out.peer.taken()
    }
    if (this.#closed || !this.#peerEnded || this.#inbox.length > 0) return
    // As a socket of Node without allowHalfOpen: the peer's end ends this side too, once its bytes are sent.
    this.#out.end()
    if (this.#out.endSent) this.close(undefined)
  }

  /** The inbox's first segment, or all of them as one chunk. */
  #takeChunk(): Buffer {
    if (this.#inbox.length === 1 || this.#medium.random.chance(0.5)) return this.#inbox.shift()!
    const merged = Buffer.concat(this.#inbox)
    this.#inbox = []
    return merged
  }

  /** The peer took something out of its inbox. */
  taken(): void {
    this.#out.kick()
  }
}

/** One direction of a connection. */
class Pipe {
  readonly peer: SimEnd
  endSent = false
  readonly #medium: Medium
  readonly #source: SimEnd
  /** Accepted by `write` and not sent. */
  #waiting: Array<Buffer> = []
  #waitingBytes = 0
  /** Sent and not arrived, in order. */
  #flight: Array<Segment> = []
  #flightBytes = 0
  #sending = false
  #arriving = false
  #ended = false
  #abandoned = false
  #drainOwed = false
  #blockedSinceMs: number | undefined

  constructor(medium: Medium, source: SimEnd, peer: SimEnd) {
    this.#medium = medium
    this.#source = source
    this.peer = peer
  }

  get waitingBytes(): number {
    return this.#waitingBytes
  }

  write(bytes: Buffer): boolean {
    if (this.#ended || this.#abandoned) return false
    if (bytes.length > 0) {
      this.#waiting.push(bytes)
      this.#waitingBytes += bytes.length
      this.kick()
    }
    if (this.#waitingBytes >= this.#medium.weather().highWaterBytes) this.#drainOwed = true
    return !this.#drainOwed
  }

  end(): void {
    if (this.#ended || this.#abandoned) return
    this.#ended = true
    this.kick()
  }

  /** The sender is gone: what it had not sent is lost; what is under way, and the peer's news of it, is drawn. */
  abandon(): void {
    if (this.#abandoned) return
    this.#abandoned = true
    this.#waiting = []
    this.#waitingBytes = 0
    if (this.endSent) return
    if (this.#medium.random.chance(0.5)) this.#flight = this.#flight.slice(0, 1)
    this.#launch({ arrivalMs: this.#arrivalMs(), kind: this.#medium.random.chance(0.5) ? "end" : "reset" })
  }

  /** Nothing more is sent, nothing under way arrives, and nobody says so. */
  cut(): void {
    this.#abandoned = true
    this.#waiting = []
    this.#waitingBytes = 0
    this.#flight = []
  }

  /** Sends soon, if there is something to send. */
  kick(): void {
    if (this.#sending || this.#abandoned) return
    if (this.#waitingBytes === 0 && (!this.#ended || this.endSent)) return
    this.#sending = true
    this.#medium.later(this.#medium.random.between(0, gatherMsMax), () => {
      this.#sending = false
      this.#send()
    })
  }

  #send(): void {
    if (this.#abandoned) return
    const weather = this.#medium.weather()
    const room = weather.windowBytes - this.#flightBytes - this.peer.inboxBytes()
    const ready = Math.min(this.#waitingBytes, weather.segmentBytesMax, room)
    if (ready > 0) {
      const sizeBytes = this.#medium.random.chance(weather.splitChance) ? 1 + this.#medium.random.below(ready) : ready
      this.#launch({ arrivalMs: this.#arrivalMs(), bytes: this.#takeWaiting(sizeBytes), kind: "bytes" })
      if (this.#drainOwed && this.#waitingBytes === 0) {
        this.#drainOwed = false
        this.#source.drained()
      }
      this.#sending = true
      this.#medium.later(sizeBytes / weather.bytesPerMs, () => {
        this.#sending = false
        this.#send()
      })
      return
    }
    if (this.#ended && !this.endSent && this.#waitingBytes === 0) {
      this.endSent = true
      this.#launch({ arrivalMs: this.#arrivalMs(), kind: "end" })
      this.#source.sentEnd()
    }
  }

  #takeWaiting(sizeBytes: number): Buffer {
    const first = this.#waiting[0]!
    this.#waitingBytes -= sizeBytes
    if (first.length >= sizeBytes) {
      if (first.length === sizeBytes) this.#waiting.shift()
      else this.#waiting[0] = first.subarray(sizeBytes)
      // The receiver may keep the chunk and the sender may reuse what it wrote from once it was sent.
      return Buffer.from(first.subarray(0, sizeBytes))
    }
    const segment = Buffer.alloc(sizeBytes)
    let filled = 0
    while (filled < sizeBytes) {
      const part = this.#waiting[0]!
      const length = Math.min(part.length, sizeBytes - filled)
      part.copy(segment, filled, 0, length)
      filled += length
      if (length === part.length) this.#waiting.shift()
      else this.#waiting[0] = part.subarray(length)
    }
    return segment
  }

  #arrivalMs(): number {
    const { latencyMs, stallChance, stallMs } = this.#medium.weather()
    const { random } = this.#medium
    const stalledMs = random.chance(stallChance) ? random.between(...stallMs) : 0
    const arrivalMs = this.#medium.nowMs() + random.between(...latencyMs) + stalledMs
    return Math.max(arrivalMs, this.#flight.at(-1)?.arrivalMs ?? 0)
  }

  #launch(segment: Segment): void {
    this.#flight.push(segment)
    if (segment.kind === "bytes") this.#flightBytes += segment.bytes.length
    this.#awaitFirst()
    this.#watch()
  }

  #awaitFirst(): void {
    const first = this.#flight[0]
    if (first === undefined || this.#arriving) return
    this.#arriving = true
    this.#medium.later(Math.max(0, first.arrivalMs - this.#medium.nowMs()), () => this.#arrive())
  }

  #arrive(): void {
    const segment = this.#flight[0]
    if (segment !== undefined && !this.#medium.passes(this.#source.owner.name, this.peer.owner.name)) {
      this.#watch()
      this.#medium.onChange(() => this.#arrive())
      return
    }
    this.#arriving = false
    if (segment === undefined) return
    this.#flight.shift()
    if (segment.kind === "bytes") this.#flightBytes -= segment.bytes.length
    this.#deliver(segment)
    this.#awaitFirst()
  }

  #deliver(segment: Segment): void {
    const { local, remote } = this.#source
    const way = `${local.host}:${local.port}>${remote.host}:${remote.port}`
    this.#medium.record(`${segment.kind} ${way}`, 0, segment.kind === "bytes" ? segment.bytes : undefined)
    if (this.peer.closed || !this.peer.owner.alive()) {
      // The machine answers for an end that is gone, unless it was the reset itself that arrived.
      if (segment.kind === "bytes") this.#refuse()
      return
    }
    if (segment.kind === "bytes") {
      if (this.#medium.random.chance(this.#medium.weather().breakChance)) this.#break()
      else this.peer.receive(segment.bytes)
    } else if (segment.kind === "end") this.peer.receiveEnd()
    else this.peer.reset()
  }

  #break(): void {
    this.peer.reset()
    this.#source.reset()
  }

  #refuse(): void {
    this.#medium.later(this.#medium.random.between(...this.#medium.weather().latencyMs), () => {
      if (this.#medium.passes(this.peer.owner.name, this.#source.owner.name)) this.#source.reset()
    })
  }

  /** While bytes cannot get through, or their receipts cannot come back, the sender's patience runs. */
  #watch(): void {
    if (this.#blockedSinceMs !== undefined || this.#healthy()) return
    const sinceMs = this.#medium.nowMs()
    this.#blockedSinceMs = sinceMs
    const look = (): void => {
      if (this.#healthy()) this.#blockedSinceMs = undefined
      else this.#medium.onChange(look)
    }
    this.#medium.onChange(look)
    this.#medium.later(this.#medium.weather().giveUpMs, () => {
      if (this.#blockedSinceMs !== sinceMs || this.#source.closed) return
      this.cut()
      this.#source.close("TimedOut")
    })
  }

  #healthy(): boolean {
    const source = this.#source.owner.name
    const target = this.peer.owner.name
    return this.#medium.passes(source, target) && this.#medium.passes(target, source)
  }
}
