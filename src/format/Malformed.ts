/**
 * Bytes that are not what they claim to be. Decoders return it, they never throw; nothing was allocated by a length
 * that had not been checked against the bytes at hand (promise P11).
 *
 * `format` names the declaration that refused ("Command", "StoredMessage"), `reason` says why, for a log line.
 * Not retryable: the same bytes are refused again. A peer that sends a malformed frame is disconnected, unanswered.
 */
export class Malformed extends Error {
  override readonly name = "Malformed"
  readonly _tag = "Malformed"
  readonly format: string
  readonly reason: string
  constructor(format: string, reason: string) {
    super(`${format}: ${reason}`)
    this.format = format
    this.reason = reason
  }
}

export const isMalformed = (value: unknown): value is Malformed => value instanceof Malformed
