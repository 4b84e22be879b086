/**
 * The network, as a port: byte-stream connections, below framing. What holds for every adapter (contract suite:
 * Network.contract.ts):
 *
 *   order      bytes arrive in the order written, each once, up to the point where the connection breaks
 *   pieces     chunk borders mean nothing: bytes are split and merged at will
 *   pressure   `write` answers false when the peer is slow; `onDrain` follows when the buffer is empty again
 *   pause      after `pause` at most one more chunk is delivered before `resume`
 *   once       `onClose` runs exactly once, after which nothing else is called
 *   end        bytes written before `end` are delivered before the peer sees the close; `destroy` promises nothing
 *   half       after `end` a write is refused (false, and no `onDrain`), while the peer's bytes still arrive; the peer's
 *              `end` ends this side too, once its own bytes are sent
 *   later      no callback runs within the call that causes it
 */

export interface Address {
  /** An IPv4 or IPv6 address in text, or a name to resolve on connect. */
  readonly host: string
  readonly port: number
}

/** Why a connection could not be opened, or ended. */
export type NetworkReason =
  | "Refused"
  | "Unreachable"
  | "TimedOut"
  | "Reset"
  | "AddressInUse"
  | "Denied"
  | "NotFound"
  | "Io"

export class NetworkError extends Error {
  override readonly name = "NetworkError"
  readonly _tag = "NetworkError"
  readonly reason: NetworkReason
  readonly address: Address
  constructor(reason: NetworkReason, address: Address, detail = "") {
    super(`${address.host}:${address.port}: ${reason}${detail === "" ? "" : ` (${detail})`}`)
    this.reason = reason
    this.address = address
  }
}

/** What the owner of a connection is told. `chunk` may be kept: the adapter does not reuse it. */
export interface ConnectionEvents {
  readonly onData: (chunk: Buffer) => void
  readonly onDrain: () => void
  readonly onClose: (error: NetworkError | undefined) => void
}

export interface Connection {
  readonly local: Address
  readonly remote: Address
  /** Queues bytes; false when the owner should wait for `onDrain`. The buffer must not change afterwards. */
  readonly write: (bytes: Buffer) => boolean
  /** Bytes accepted by `write` and not yet taken by the operating system. */
  readonly pendingBytes: () => number
  readonly pause: () => void
  readonly resume: () => void
  /** Sends what is queued, then closes. */
  readonly end: () => void
  readonly destroy: () => void
}

export interface Listener {
  /** The address in use; the port is the real one when 0 was asked for. */
  readonly address: Address
  /** Stops accepting; open connections stay. `done` runs when the port is free. */
  readonly close: (done: () => void) => void
}

export interface Network {
  readonly listen: (
    address: Address,
    accept: (connection: Connection) => ConnectionEvents,
    done: (error: NetworkError | undefined, listener: Listener | undefined) => void,
  ) => void
  /** Exactly one of: `opened` once, then the events it answers; or `failed` once. */
  readonly connect: (
    address: Address,
    timeoutMs: number,
    opened: (connection: Connection) => ConnectionEvents,
    failed: (error: NetworkError) => void,
  ) => void
}
