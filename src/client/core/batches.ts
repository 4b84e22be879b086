/** Batches of parcels: cut by size on the way out, and one result for each message on the way back. */
import { type GantryError, ArgumentError } from "../GantryError.ts"
import type { SendResult } from "../OutgoingMessage.ts"
import { type Parcel, elementSizeBytes } from "./Parcel.ts"

/** Cuts parcels, in their order, into runs that fit a batch of `sizeBytesMax`; one that fits none is refused. */
export const split = (
  parcels: ReadonlyArray<Parcel>,
  sizeBytesMax: number,
): ReadonlyArray<ReadonlyArray<Parcel>> | GantryError => {
  const runs: Array<Array<Parcel>> = []
  let run: Array<Parcel> = []
  let sizeBytes = 0
  for (const parcel of parcels) {
    const own = elementSizeBytes(parcel)
    if (own > sizeBytesMax) {
      return new ArgumentError(
        `Not sent: a message of the batch takes ${own} bytes with its properties, more than maxMessageSize ${sizeBytesMax}`,
        "MESSAGE_ILLEGAL",
      )
    }
    if (run.length > 0 && sizeBytes + own > sizeBytesMax) {
      runs.push(run)
      run = []
      sizeBytes = 0
    }
    run.push(parcel)
    sizeBytes += own
  }
  if (run.length > 0) runs.push(run)
  return runs
}

/** What became of each message of a batch, from what became of the batch. */
export const slices = (parcels: ReadonlyArray<Parcel>, result: SendResult): ReadonlyArray<SendResult> => {
  const offsetIds = result.offsetMessageId.split(",")
  // A queue that keeps batches whole has one id, and one place, for all.
  const isWhole = offsetIds.length !== parcels.length
  return parcels.map(({ messageId }, index) => ({
    ...result,
    messageId,
    offsetMessageId: isWhole ? result.offsetMessageId : offsetIds[index]!,
    queueOffset: isWhole ? result.queueOffset : result.queueOffset + index,
  }))
}
