/**
 * Delivers delayed messages when they are due (promise P7): for each lane of each level's queue (`DelayHistory`) it knows the
 * head, sleeps until that is due, and moves what is due to the topic and queue it was meant for.
 *
 * A delivered record names its source in `preparedTransactionOffset`. Progress is therefore in the log: after a crash
 * the fold sees what was delivered, and nothing is delivered twice or forgotten. `DelayLevel` decides when.
 */
import * as DelayLevel from "../../domain/DelayLevel.ts"
import * as DelayHistory from "../../domain/DelayHistory.ts"
import * as DelayProgress from "../../domain/DelayProgress.ts"
import { MessageFlag, withTransactionType } from "../../domain/SysFlag.ts"
import { TopicName } from "../../domain/Topic.ts"
import { type ConsumeQueueEntry, isBlank, isExtAddress } from "../../format/ConsumeQueueEntry.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import { DiskError } from "../../infra/disk/Disk.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import type { BrokerState } from "./BrokerState.ts"

/** Messages of one lane that are on their way to the disk at once. */
const underWayMax = 256
/** After a refusal of the store. */
const retryMs = 100

interface Lane {
  readonly level: number
  readonly queue: ConsumeQueue
  readonly delayMs: number
  /** Queue offset behind the last message of the lane. */
  readonly end: number
  /** Next queue offset to look at; those of the lane before it are delivered or on their way. */
  next: number
  underWay: number
  /** When the head was first seen, by the monotonic clock; undefined before that. */
  head: { readonly queueOffset: number; readonly seenMs: number } | undefined
  cancel: (() => void) | undefined
  isReading: boolean
}

export class DelayDelivery {
  readonly #state: BrokerState
  readonly #lanes: Array<Lane> = []
  /** By queue id, the lane that new messages join. */
  readonly #newest: Array<Lane> = []
  #isStopped = false

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** Goes on at what the log says was delivered. */
  start(): void {
    const { metadata, store } = this.#state
    const history = metadata.delayHistory
    for (let level = 1; level <= DelayHistory.levelsMax(history); level++) {
      const queue = store.queues.get(TopicName.SCHEDULE, DelayLevel.queueIdOf(level))
      queue.correctMin(store.log.minOffset)
      const progress = metadata.delayProgress(level)
      DelayProgress.skipTo(progress, queue.minOffset)
      // The queue may be shorter than it was: what it gets now is new.
      if (progress.next > queue.maxOffset) progress.next = queue.maxOffset
      const firstFrom = (commitLogOffset: number) => firstEntryFrom(queue, progress.next, commitLogOffset)
      for (const { begin, delayMs, end } of DelayHistory.lanes(history, level, progress.next, firstFrom)) {
        const lane = { cancel: undefined, delayMs, end, head: undefined, isReading: false, level, queue, underWay: 0 }
        this.#lanes.push({ ...lane, next: begin })
      }
      const newest = this.#lanes.at(-1)
      if (newest !== undefined) this.#newest.push(newest)
    }
    for (const lane of this.#lanes) this.#run(lane)
  }

  stop(): void {
    this.#isStopped = true
    for (const lane of this.#lanes) lane.cancel?.()
  }

  /** A message is readable in a level's queue. */
  arrived(queue: ConsumeQueue): void {
    const lane = this.#newest[queue.queueId]
    if (lane !== undefined && lane.cancel === undefined && !lane.isReading) this.#run(lane)
  }

  /** Goes on with a lane until nothing is due, or something has to be waited for. */
  #run(lane: Lane): void {
    lane.cancel = undefined
    this.#guarded(lane, () => {
      // A refusal of the store sets a timer, also when it comes at once: the loop must not ask again before that.
      while (!this.#isStopped && !lane.isReading && lane.cancel === undefined && lane.underWay < underWayMax) {
        const commitLogOffset = this.#due(lane)
        if (commitLogOffset === undefined) return
        this.#deliver(lane, commitLogOffset)
      }
    })
  }

  /** A disk that fails is asked again later: what is due is not lost, and the broker goes on. */
  #guarded(lane: Lane, run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#unreadable(lane, error)
    }
  }

  #unreadable(lane: Lane, error: DiskError): void {
    lane.isReading = false
    this.#state.world.log.warn(`delayed messages of level ${lane.level} wait: ${error.message}; trying again`)
    this.#later(lane, retryMs)
  }

  /** The record of the head of the lane, when it is due; else a timer is set if there is something to wait for. */
  #due(lane: Lane): number | undefined {
    const { store, world } = this.#state
    lane.queue.correctMin(store.log.minOffset)
    const progress = this.#state.metadata.delayProgress(lane.level)
    // Retention deleted messages that were not due yet: their time had passed by days.
    DelayProgress.skipTo(progress, lane.queue.minOffset)
    const entry = this.#head(lane, progress)
    if (entry === undefined) return undefined
    const nowMs = world.clock.nowMs()
    const monotonicMs = world.clock.monotonicMs()
    if (lane.head?.queueOffset !== lane.next) lane.head = { queueOffset: lane.next, seenMs: monotonicMs }
    // How long it was seen to wait is measured by the clock that never jumps: one that is set back and forth must not
    // make it early.
    const seenMs = nowMs - (monotonicMs - lane.head.seenMs)
    // Apache RocketMQ may have put the time elsewhere (enableConsumeQueueExt): it is that of the record and its level.
    const atMs = isExtAddress(entry.tagsCode)
      ? (store.storeTimestampAt(lane.queue, lane.next) ?? nowMs) + lane.delayMs
      : entry.tagsCode
    const dueMs = DelayLevel.deliverAtMs(atMs, seenMs, lane.delayMs)
    if (dueMs <= nowMs) return entry.commitLogOffset
    this.#later(lane, dueMs - nowMs)
    return undefined
  }

  /** The entry of the lane's next message that is not delivered; undefined when there is none, or not yet. */
  #head(lane: Lane, progress: DelayProgress.DelayProgress): ConsumeQueueEntry | undefined {
    for (;;) {
      lane.next = DelayProgress.firstLeft(progress, lane.next)
      if (lane.next >= Math.min(lane.queue.maxOffset, lane.end)) return undefined
      const entry = lane.queue.entrySync(lane.next)
      if (entry === undefined || !isBlank(entry.sizeBytes)) return entry
      // The message is lost, and a repair of the store left its place.
      this.#skip(lane)
    }
  }

  #later(lane: Lane, delayMs: number): void {
    lane.cancel?.()
    // At most a second at once: the wall clock may be set forward while we sleep.
    lane.cancel = this.#state.world.clock.after(Math.min(delayMs, 1000), () => this.#run(lane))
  }

  #deliver(lane: Lane, commitLogOffset: number): void {
    lane.isReading = true
    this.#state.store.lookAt(commitLogOffset, (message, error) => {
      lane.isReading = false
      if (this.#isStopped) return
      if (error !== undefined) return this.#unreadable(lane, error)
      this.#guarded(lane, () => {
        if (message === undefined) this.#passOver(lane, commitLogOffset)
        else if (!this.#put(lane, message)) this.#later(lane, retryMs)
      })
      if (lane.cancel === undefined) this.#run(lane)
    })
  }

  /** The record is rotten, which the store has told. The others of the lane must not wait for it. */
  #passOver(lane: Lane, commitLogOffset: number): void {
    this.#state.world.log.error("a delayed message cannot be read and is passed over", {
      commitLogOffset,
      level: lane.level,
      queueOffset: lane.next,
    })
    this.#skip(lane)
  }

  #skip(lane: Lane): void {
    this.#state.metadata.delayDelivered(lane.level, lane.next++)
  }

  /** Puts the message where it belongs. False when the store has no room now. */
  #put(lane: Lane, message: StoredMessage): boolean {
    const { metadata, store, world } = this.#state
    const target = DelayLevel.restore(message.properties)
    const queueOffset = lane.next
    if (target === undefined || !metadata.topics.has(target.topic)) {
      world.log.warn("a delayed message has no topic to go to and is dropped", {
        commitLogOffset: message.physicalOffset,
        topic: target?.topic,
      })
      this.#skip(lane)
      return true
    }
    const put = store.put(
      store.queues.get(target.topic, target.queueId),
      {
        ...message,
        preparedTransactionOffset: message.physicalOffset,
        properties: target.properties,
        // A message of a transaction that comes again: its source is not a half any more.
        sysFlag: withTransactionType(message.sysFlag, MessageFlag.TRANSACTION_NONE),
      },
      {
        // Told late rather than in doubt: progress that is not noted would deliver the message a second time.
        isPatient: true,
        stored: (status) => {
          lane.underWay--
          if (status !== "Stored") return
          metadata.delayDelivered(lane.level, queueOffset)
          if (lane.cancel === undefined && !lane.isReading) this.#run(lane)
        },
      },
      true,
    )
    if (typeof put === "string") return false
    lane.next++
    lane.underWay++
    return true
  }
}

/**
 * The first queue offset from `first` on whose record lies at or behind a place in the log. Places that a repair left
 * blank are in order, too.
 */
const firstEntryFrom = (queue: ConsumeQueue, first: number, commitLogOffset: number): number => {
  let low = first
  let high = queue.maxOffset
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const entry = queue.entrySync(middle)
    if (entry !== undefined && entry.commitLogOffset < commitLogOffset) low = middle + 1
    else high = middle
  }
  return low
}
