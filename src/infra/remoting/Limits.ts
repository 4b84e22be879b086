/**
 * Bounds of a remoting end (P11). Every queue between the socket and a handler, and between a handler and the socket,
 * has one; what reaches it is slowed down first (its socket is not read) and cut off only when that does not help.
 */
export interface Limits {
  /** Connections open at once; one more is closed as soon as it is accepted. */
  readonly connectionsMax: number
  /** Requests of one connection that were handed out and neither answered nor parked; then its socket is not read. */
  readonly inFlightMax: number
  /** Bytes of those requests, of one connection and of all together; then its socket, or all sockets, are not read. */
  readonly inFlightBytesMax: number
  readonly inFlightTotalBytesMax: number
  /** Bytes of incomplete frames over all connections; the connection that goes beyond is closed. */
  readonly partialTotalBytesMax: number
  /** Unsent bytes of a connection above which its requests are not read until it has drained. */
  readonly unsentBytesHigh: number
  /** Unsent bytes of a connection above which it is closed: its reader has stopped. */
  readonly unsentBytesMax: number
  /** Requests sent to peers and not yet answered. */
  readonly pendingMax: number
  /** A connection on which nothing was read or written for this long is closed. */
  readonly idleTimeoutMs: number
  readonly connectTimeoutMs: number
}

const mebibyte = 1024 * 1024

export const defaults: Limits = {
  connectTimeoutMs: 3000,
  connectionsMax: 20_000,
  idleTimeoutMs: 120_000,
  inFlightBytesMax: 32 * mebibyte,
  inFlightMax: 8192,
  inFlightTotalBytesMax: 256 * mebibyte,
  partialTotalBytesMax: 256 * mebibyte,
  pendingMax: 65_535,
  unsentBytesHigh: mebibyte,
  unsentBytesMax: 128 * mebibyte,
}
