/**
 * Where a log ends: whether the first place without a record is the torn tail of a crash, which is cut, or something
 * that was synced and is lost, which is refused (P1). The same answer for recovery and for the tools.
 */
import { type Verdict, verdict } from "../../domain/Recovery.ts"
import type { DurableMark } from "../../format/DurableMark.ts"
import { beginsWithRecord, type LogBytes } from "./LogWalk.ts"
import type { Segment } from "./SegmentFiles.ts"

/** How the life of a store before this one ended. */
export interface LastLife {
  readonly mark: DurableMark | undefined
  readonly isClean: boolean
  /** Whether another program wrote the store last. */
  readonly isForeign: boolean
}

export const lastLife = (
  mark: DurableMark | undefined,
  state: { readonly isAborted: boolean; readonly isAbortedByOther: boolean },
): LastLife => {
  const isClean = !state.isAborted
  const isForeign = mark === undefined || (isClean ? mark.cleanEnd < 0 : state.isAbortedByOther || mark.cleanEnd >= 0)
  return { isClean, isForeign, mark }
}

/** What a place in `segment` is that holds no record, though it lies right behind one. */
export const verdictAt = (
  bytes: LogBytes,
  { isClean, isForeign, mark }: LastLife,
  segment: Segment,
  commitLogOffset: number,
): Verdict => {
  const synced = mark?.syncedOffset ?? 0
  const isPastMark = mark === undefined || isForeign || (isClean && commitLogOffset > mark.cleanEnd)
  return verdict({
    badAtOffset: commitLogOffset,
    durableMark: isPastMark && commitLogOffset >= synced ? undefined : synced,
    isBlank: isBlankFrom(bytes, segment, commitLogOffset),
    isFollowed: beginsWithRecord(bytes, segment.baseOffset + bytes.segmentBytes),
    wasCleanShutdown: isClean,
  })
}

/** Whether nothing was ever written from `offset` to the end of its segment; the first bytes tell. */
export const isBlankFrom = (bytes: LogBytes, segment: Segment, offset: number): boolean => {
  const within = offset - segment.baseOffset
  const head = Buffer.alloc(Math.min(4096, bytes.segmentBytes - within))
  bytes.file(segment).readSync(head, within)
  return head.every((byte) => byte === 0)
}
