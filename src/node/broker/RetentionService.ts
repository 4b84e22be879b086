/** Deletes old segments of the log and watches the disk, as `Retention` decides. */
import * as DelayHistory from "../../domain/DelayHistory.ts"
import * as DelayLevel from "../../domain/DelayLevel.ts"
import * as Retention from "../../domain/Retention.ts"
import { TopicName } from "../../domain/Topic.ts"
import { DiskError } from "../../infra/disk/Disk.ts"
import type { BrokerState } from "./BrokerState.ts"

const dayMs = 86_400_000

/** One round; the owner calls it every `cleanResourceInterval`. `isAsked`: whatever the hour, an administrator wants it. */
export const retain = (state: BrokerState, isAsked = false): void => {
  const { config, store, world } = state
  const { files } = store.log
  const last = files.all.length - 1
  const segments = files.all.map((segment, index) => ({
    baseOffset: segment.baseOffset,
    // The newest is never deleted, so nobody needs its time.
    lastStoreTimestampMs: index === last ? undefined : store.lastStoreTimestampOf(segment),
    sizeBytes: files.segmentBytes,
  }))
  const nowMs = world.clock.nowMs()
  const { freeBytes, totalBytes } = world.disk.usage(store.options.root)
  const used = Retention.usedPercentOf(totalBytes, freeBytes)
  const verdict = Retention.decide(
    segments,
    {
      cleanFileForciblyEnable: config.cleanFileForciblyEnable,
      deleteFileBatchMax: Retention.defaults.deleteFileBatchMax,
      deleteWhenHours: config.deleteWhen.split(";").map(Number),
      diskMaxUsedSpaceRatio: config.diskMaxUsedSpaceRatio,
      diskSpaceCleanForciblyRatio: config.diskSpaceCleanForciblyRatio,
      diskSpaceWarningLevelRatio: config.diskSpaceWarningLevelRatio,
      fileReservedTimeHours: config.fileReservedTime,
      ...(config.commitLogTotalBytesMax > 0 ? { totalBytesMax: config.commitLogTotalBytesMax } : {}),
    },
    {
      awaitedOffset: awaitedOffsetOf(state),
      hour: Math.floor(((nowMs + config.utcOffsetMinutes * 60_000) % dayMs) / 3_600_000),
      isAsked,
      nowMs,
      usedPercent: { commitLog: used, consumeQueue: used },
    },
  )
  store.setDiskFull(verdict.isDiskFull, used)
  const below = files.all[verdict.count]?.baseOffset
  if (verdict.count === 0 || below === undefined) return
  // What the oldest segment alone says of topics, groups and offsets must be in a snapshot before it goes (P8, P9).
  state.metadata.writeChanged((failure) => {
    if (failure === undefined) removeBelow(state, below, verdict.reason)
    else world.log.error(`old segments of the CommitLog stay: ${failure}`)
  })
}

/** Where the oldest delayed message lies that is not delivered. */
const awaitedOffsetOf = ({ metadata, store }: BrokerState): number | undefined => {
  let oldest: number | undefined
  for (let level = 1; level <= DelayHistory.levelsMax(metadata.delayHistory); level++) {
    const queue = store.queues.get(TopicName.SCHEDULE, DelayLevel.queueIdOf(level))
    const next = Math.max(metadata.delayProgress(level).next, queue.minOffset)
    const entry = next < queue.maxOffset ? queue.entrySync(next) : undefined
    if (entry !== undefined) oldest = Math.min(oldest ?? entry.commitLogOffset, entry.commitLogOffset)
  }
  return oldest
}

const removeBelow = ({ store, world }: BrokerState, commitLogOffset: number, reason: string | undefined): void => {
  try {
    for (;;) {
      const segment = store.log.files.first
      if (segment === undefined || segment.baseOffset >= commitLogOffset || !store.deleteFirstSegment()) return
      world.log.info("deleted the oldest segment of the CommitLog", { path: segment.path, reason })
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    world.log.error(`old segments of the CommitLog stay: ${error.message}`)
  }
}
