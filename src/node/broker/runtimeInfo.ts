/** GET_BROKER_RUNTIME_INFO (28): how a broker is, as texts by RocketMQ's names, which its tools take apart. */
import * as PutTimes from "../../domain/PutTimes.ts"
import * as Rates from "../../domain/Rates.ts"
import type { BrokerState } from "./BrokerState.ts"
import type { StatisticsService } from "./StatisticsService.ts"

/** The release whose protocol is spoken. */
const protocol = "V5_5_0"

export const runtimeInfo = (state: BrokerState, service: StatisticsService): ReadonlyMap<string, string> => {
  const { counts, metadata, putTimes, store, world } = state
  service.collect()
  const totals = service.totals()
  const { todayMorning, yesterdayMorning } = service.rates
  const { freeBytes, totalBytes } = world.disk.usage(store.options.root)
  const ratio = (totalBytes > 0 ? (totalBytes - freeBytes) / totalBytes : 0).toFixed(2)
  const { log } = store
  const earliest = log.readableOffset > log.minOffset ? store.recordAtSync(log.minOffset)?.storeTimestamp : undefined
  const tps = (of: (one: Rates.Totals) => number): string =>
    [10_000, 60_000, 600_000]
      .map((windowMs) => Rates.perSecond(service.rates, totals, world.clock.monotonicMs(), windowMs, of))
      .join(" ")
  const info: Record<string, string | number | boolean> = {
    bootTimestamp: state.startedMs,
    brokerActive: true,
    brokerVersionDesc: protocol,
    commitLogDirCapacity: `Total : ${sizeText(totalBytes)}, Free : ${sizeText(freeBytes)}.`,
    commitLogDiskRatio: ratio,
    [`commitLogDiskRatio_${store.options.root}/commitlog`]: ratio,
    commitLogMaxOffset: log.readableOffset,
    commitLogMinOffset: log.minOffset,
    consumeQueueDiskRatio: ratio,
    dispatchBehindBytes: 0,
    dispatchMaxBuffer: 0,
    earliestMessageTimeStamp: earliest ?? -1,
    getFoundTps: tps(({ found }) => found),
    getMissTps: tps(({ missed }) => missed),
    getTotalTps: tps(({ found, missed }) => found + missed),
    getTransferredTps: tps(({ got }) => got),
    msgGetTotalTodayMorning: todayMorning.got,
    msgGetTotalTodayNow: totals.got,
    msgGetTotalYesterdayMorning: yesterdayMorning.got,
    msgPutTotalTodayMorning: todayMorning.put,
    msgPutTotalTodayNow: totals.put,
    msgPutTotalYesterdayMorning: yesterdayMorning.put,
    pageCacheLockTimeMills: 0,
    putLatency99: PutTimes.percentile(putTimes, 0.99).toFixed(2),
    putLatency999: PutTimes.percentile(putTimes, 0.999).toFixed(2),
    putMessageAverageSize: totals.put > 0 ? service.putBytes / totals.put : 0,
    putMessageDistributeTime: PutTimes.print(putTimes),
    putMessageEntireTimeMax: Math.ceil(putTimes.maxMs),
    putMessageFailedTimes: counts.putFailed,
    putMessageSizeTotal: service.putBytes,
    putMessageTimesTotal: totals.put,
    putTps: tps(({ put }) => put),
    remainHowManyDataToFlush: sizeText(log.backlogBytes),
    remainTransientStoreBufferNumbs: 0,
    runtime: runtimeText(world.clock.nowMs() - state.startedMs),
    startAcceptSendRequestTimeStamp: 0,
    ...idleTimers,
    ...noQueues,
  }
  for (const [level, delivered] of metadata.delayOffsets) {
    const queue = store.queues.get("SCHEDULE_TOPIC_XXXX", level - 1)
    info[`scheduleMessageOffset_${level}`] = `${delivered},${queue.maxOffset}`
  }
  return new Map(Object.entries(info).map(([name, value]) => [name, String(value)]))
}

/** There is no timer wheel. */
const idleTimers = {
  timerCongestNum: 0,
  timerDequeueTps: "0.0",
  timerEnqueueTps: "0.0",
  timerOffsetBehind: 0,
  timerReadBehind: 0,
}

/** Requests are handled in the turn in which they come: nothing waits in queues before threads. */
const noQueues: Readonly<Record<string, number>> = Object.fromEntries(
  ["send", "pull", "litePull", "query", "ack"]
    .flatMap((name) => ["Size", "Capacity", "HeadWaitTimeMills"].map((what) => [`${name}ThreadPoolQueue${what}`, 0]))
    .concat([
      ["EndTransactionQueueSize", 0],
      ["EndTransactionThreadPoolQueueCapacity", 0],
    ]),
)

/** `1.5 KiB`, as Java's tools print sizes. */
const sizeText = (sizeBytes: number): string => {
  if (sizeBytes < 1024) return `${sizeBytes} B`
  const power = Math.min(6, Math.floor(Math.log2(sizeBytes) / 10))
  return `${(sizeBytes / 1024 ** power).toFixed(1)} ${"KMGTPE"[power - 1]}iB`
}

const runtimeText = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return `[ ${days} days, ${hours} hours, ${minutes} minutes, ${seconds % 60} seconds ]`
}
