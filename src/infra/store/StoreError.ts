/**
 * Why a store cannot be opened or does not answer. Each says what was found, where, and what to do about it. Not
 * retryable without an operator's hand, except `InUse`, which ends with the other process.
 */
export type StoreErrorReason =
  | "InUse"
  | "ApacheRunning"
  | "OtherKind"
  | "Segments"
  | "NewerVersion"
  | "Rot"
  | "InRepair"
  | "Disk"
  | "BadSnapshot"

export class StoreError extends Error {
  override readonly name = "StoreError"
  readonly _tag = "StoreError"
  readonly reason: StoreErrorReason
  constructor(reason: StoreErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
