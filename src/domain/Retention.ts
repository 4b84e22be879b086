/**
 * Retention: which segments of the log may go, and when a store is too full to take more.
 *
 * The age of a segment is the store time of its last record: a copied store keeps its age (RocketMQ goes by the file's
 * modification time). The newest segment always stays.
 *
 * Laws (test/model/domain/Retention.test.ts)
 *   oldest first  what goes is a prefix of the segments, and never the last one
 *   kept          without pressure nothing younger than its retention time goes
 *   awaited       age alone takes no message that waits for its delivery, whatever it waits for (P7); RocketMQ's does
 *   relieved      as long as two segments are left, pressure takes at least one
 *   reserve       a full store takes no client's message, and system records down to the reserve (P11)
 * Source: behaviour of RocketMQ 5.5.0 (CleanCommitLogService).
 */

/**
 * One segment, oldest first. `lastStoreTimestampMs` undefined: it has no readable record, and only pressure takes it.
 */
export interface Segment {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly lastStoreTimestampMs: number | undefined
}

export interface Rule {
  /** How long a segment is kept. RocketMQ's `fileReservedTime`, 72. */
  readonly fileReservedTimeHours: number
  /** Local hours (0 to 23) in which expired segments go. RocketMQ's `deleteWhen`, 4. */
  readonly deleteWhenHours: ReadonlyArray<number>
  readonly deleteFileBatchMax: number
  /** Percentages of the disk: above the first expired segments go at any hour, above the second any segment, */
  readonly diskMaxUsedSpaceRatio: number
  readonly diskSpaceCleanForciblyRatio: number
  /** and above the third the store is full. */
  readonly diskSpaceWarningLevelRatio: number
  /** Off: pressure never takes what has not expired. */
  readonly cleanFileForciblyEnable: boolean
  /** For stores in memory: more than this is never kept. Undefined: no such bound. */
  readonly totalBytesMax?: number
}

export const defaults: Rule = {
  fileReservedTimeHours: 72,
  deleteWhenHours: [4],
  deleteFileBatchMax: 10,
  diskMaxUsedSpaceRatio: 75,
  diskSpaceCleanForciblyRatio: 85,
  diskSpaceWarningLevelRatio: 90,
  cleanFileForciblyEnable: true,
}

export interface Now {
  readonly nowMs: number
  /** The local hour, 0 to 23. */
  readonly hour: number
  /** Percent of the partitions of log and queues in use, rounded up; undefined for a store in memory. */
  readonly usedPercent: { readonly commitLog: number; readonly consumeQueue: number } | undefined
  /** An administrator asked for it. */
  readonly isAsked: boolean
  /** The log offset of the oldest delayed message that is not delivered; undefined when none waits. */
  readonly awaitedOffset?: number | undefined
}

export type Reason = "Expired" | "Forced" | "TotalBytes"

export interface Verdict {
  /** How many of the oldest segments go. */
  readonly count: number
  readonly reason: Reason | undefined
  /** Whether client messages are refused from now on. */
  readonly isDiskFull: boolean
}

/** Judges once. The owner deletes, and asks again after its interval. */
export const decide = (segments: ReadonlyArray<Segment>, rule: Rule, now: Now): Verdict => {
  const deletable = Math.max(0, segments.length - 1)
  const used = now.usedPercent
  const most = used === undefined ? 0 : Math.max(used.commitLog, used.consumeQueue)
  const isDiskFull = most > clamp(rule.diskSpaceWarningLevelRatio, 35, 90)
  const isForced = rule.cleanFileForciblyEnable && most > clamp(rule.diskSpaceCleanForciblyRatio, 30, 85)

  const surplus = surplusOf(segments, rule.totalBytesMax)
  if (surplus > 0) return { count: Math.min(surplus, deletable), reason: "TotalBytes", isDiskFull }
  if (isForced) {
    return { count: Math.min(deletable, rule.deleteFileBatchMax), reason: "Forced", isDiskFull }
  }
  const isTime =
    now.isAsked || rule.deleteWhenHours.includes(now.hour) || most > clamp(rule.diskMaxUsedSpaceRatio, 10, 95)
  let count = 0
  if (isTime) {
    const limit = Math.min(deletable, rule.deleteFileBatchMax)
    while (count < limit && isExpired(segments[count]!, rule, now.nowMs) && !isAwaited(segments[count]!, now)) count++
  }
  return { count, reason: count > 0 ? "Expired" : undefined, isDiskFull }
}

const isAwaited = ({ baseOffset, sizeBytes }: Segment, { awaitedOffset }: Now): boolean =>
  awaitedOffset !== undefined && awaitedOffset < baseOffset + sizeBytes

export const isExpired = (segment: Segment, rule: Rule, nowMs: number): boolean =>
  segment.lastStoreTimestampMs !== undefined &&
  nowMs >= segment.lastStoreTimestampMs + rule.fileReservedTimeHours * 3_600_000

/** How much of a partition is in use, in whole percent, rounded up. */
export const usedPercentOf = (totalBytes: number, freeBytes: number): number =>
  totalBytes <= 0 ? 0 : Math.ceil(((totalBytes - freeBytes) * 100) / totalBytes)

/**
 * Whether an append is taken. A full store stops client messages first; offsets, acknowledgements and other system
 * records go on until only the reserve is left.
 */
export const admits = (
  kind: "Client" | "System",
  isDiskFull: boolean,
  freeBytes: number,
  reserveBytes: number,
  sizeBytes: number,
): boolean => (kind === "Client" ? !isDiskFull && freeBytes - sizeBytes > reserveBytes : freeBytes > sizeBytes)

const surplusOf = (segments: ReadonlyArray<Segment>, totalBytesMax: number | undefined): number => {
  if (totalBytesMax === undefined) return 0
  let total = 0
  for (const segment of segments) total += segment.sizeBytes
  let count = 0
  while (count < segments.length - 1 && total > totalBytesMax) total -= segments[count++]!.sizeBytes
  return count
}

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max)
