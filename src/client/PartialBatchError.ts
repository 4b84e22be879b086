import { GantryError } from "./GantryError.ts"
import type { SendResult } from "./OutgoingMessage.ts"

/** Some of a batch's messages are stored, the others are not: `cause` says why, and `sent` has the results of the first. */
export class PartialBatchError extends GantryError {
  override readonly name = "PartialBatchError"
  readonly _tag = "PartialBatchError"
  readonly sent: ReadonlyArray<SendResult>
  constructor(cause: GantryError, sent: ReadonlyArray<SendResult>) {
    super(cause.code, `The first ${sent.length} messages are stored, then: ${cause.message}`, {
      cause,
      retriable: cause.retriable,
    })
    this.sent = sent
  }
}
