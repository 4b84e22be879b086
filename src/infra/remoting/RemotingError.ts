/**
 * Why a request got no answer. A value, handed to the request's callback in the answer's place.
 *
 *   ConnectFailed  no connection could be opened; nothing was sent. Retryable
 *   Closed         the connection ended first; the peer may or may not have acted. Retryable if the request is idempotent
 *   TimedOut       no answer in time; as above
 *   TooMany        the limit of requests under way is reached; nothing was sent. Retryable later
 */
export type RemotingReason = "ConnectFailed" | "Closed" | "TimedOut" | "TooMany"

export class RemotingError extends Error {
  override readonly name = "RemotingError"
  readonly _tag = "RemotingError"
  readonly reason: RemotingReason
  /** The peer, `host:port`. */
  readonly peer: string
  constructor(reason: RemotingReason, peer: string, detail = "") {
    super(`${peer}: ${reason}${detail === "" ? "" : ` (${detail})`}`)
    this.reason = reason
    this.peer = peer
  }
}
