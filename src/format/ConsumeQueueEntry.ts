/** One ConsumeQueue entry: where a queue's message lies in the CommitLog. Source: spec/store.md, consume queues. */
import { int16, int32, int64, layout, offset } from "./layout.ts"

export const ConsumeQueueEntry = layout("ConsumeQueueEntry", {
  commitLogOffset: offset("First byte of the message in the CommitLog."),
  sizeBytes: int32("Length of the stored message, its header included."),
  tagsCode: int64("hashCode of the tag; in a delay queue, the delivery time in ms."),
})
export type ConsumeQueueEntry = typeof ConsumeQueueEntry.Type

/** The entry that fills the place before a queue's first message, when the queue does not begin at 0. */
export const preBlank: ConsumeQueueEntry = { commitLogOffset: 0, sizeBytes: 0x7f_ff_ff_ff, tagsCode: 0 }

/** No record is as short: the size of an entry whose message is lost. */
const lostSizeBytes = 2

/**
 * The entry of a lost message in the middle of a queue that goes on with a record at `commitLogOffset`. Apache RocketMQ
 * passes over an entry whose record is cut by the end of a segment, and with it over all that lie in that segment or
 * before: so it names the last byte of the segment before. In the first segment there is no such byte, and what Apache
 * would pass over is the queue's own messages: there the entry is one that it refuses to read.
 */
export const lost = (commitLogOffset: number, segmentBytes: number): ConsumeQueueEntry => {
  const segmentStart = commitLogOffset - (commitLogOffset % segmentBytes)
  return segmentStart > 0
    ? { commitLogOffset: segmentStart - 1, sizeBytes: lostSizeBytes, tagsCode: 0 }
    : { ...preBlank, commitLogOffset }
}

/** Whether an entry of this size stands for a message that there is not: one before the queue's first, or a lost one. */
export const isBlank = (sizeBytes: number): boolean => sizeBytes === preBlank.sizeBytes || sizeBytes === lostSizeBytes

/** Whether an entry is there at all: RocketMQ's own test when it recovers a queue. */
export const isWritten = (buffer: Buffer, start: number): boolean =>
  ConsumeQueueEntry.at.commitLogOffset(buffer, start) >= 0 && ConsumeQueueEntry.at.sizeBytes(buffer, start) > 0

/** Largest `tagsCode` that is an address in a ConsumeQueueExt file (off by default) and no tag: unknown tag. */
const extAddressMax = -2_147_483_649

export const isExtAddress = (tagsCode: number): boolean => tagsCode <= extAddressMax

/** One entry of a batch queue (`batchconsumequeue/`). Source: spec/store.md, BatchConsumeQueue. */
export const BatchConsumeQueueEntry = layout("BatchConsumeQueueEntry", {
  commitLogOffset: offset("First byte of the record in the CommitLog."),
  sizeBytes: int32("Length of the record."),
  tagsCode: int64("hashCode of the tag."),
  storeTimestamp: int64("When the record was stored, ms."),
  baseOffset: offset("Queue offset of the first message of the batch."),
  count: int16("Messages of the batch."),
  compactedOffset: int32("-1 unless the topic is compacted."),
  reserved: int32("0."),
})
export type BatchConsumeQueueEntry = typeof BatchConsumeQueueEntry.Type
