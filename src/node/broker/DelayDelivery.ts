/**
 * Delivers delayed messages when they are due (promise P7): for each level it knows the head of the level's queue,
 * sleeps until that is due, and moves what is due to the topic and queue it was meant for.
 *
 * A delivered record names its source in `preparedTransactionOffset`. Progress is therefore in the log: after a crash
 * the fold sees what was delivered, and nothing is delivered twice or forgotten. `DelayLevel` decides when.
 */
import * as DelayLevel from "../../domain/DelayLevel.ts"
import { TopicName } from "../../domain/Topic.ts"
import { isBlank } from "../../format/ConsumeQueueEntry.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import { DiskError } from "../../infra/disk/Disk.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import type { BrokerState } from "./BrokerState.ts"

/** Messages of one level that are on their way to the disk at once. */
const underWayMax = 256
/** After a refusal of the store. */
const retryMs = 100

interface Level {
  readonly level: number
  readonly queue: ConsumeQueue
  /** Next queue offset to look at; those before it are delivered or on their way. */
  next: number
  underWay: number
  /** When the head was first seen, by the monotonic clock; undefined before that. */
  head: { readonly queueOffset: number; readonly seenMs: number } | undefined
  cancel: (() => void) | undefined
  isReading: boolean
}

export class DelayDelivery {
  readonly #state: BrokerState
  readonly #levels: Array<Level> = []
  #isStopped = false

  constructor(state: BrokerState) {
    this.#state = state
  }

  /** Starts at what the log says was delivered last. */
  start(): void {
    const { metadata, store } = this.#state
    for (let level = 1; level <= this.#state.delayLevels.length; level++) {
      const queue = store.queues.get(TopicName.SCHEDULE, DelayLevel.queueIdOf(level))
      queue.correctMin(store.log.minOffset)
      const next = DelayLevel.clampOffset(metadata.delayOffsets.get(level) ?? 0, queue.minOffset, queue.maxOffset)
      this.#levels.push({ cancel: undefined, head: undefined, isReading: false, level, next, queue, underWay: 0 })
    }
    for (const level of this.#levels) this.#run(level)
  }

  stop(): void {
    this.#isStopped = true
    for (const level of this.#levels) level.cancel?.()
  }

  /** A message is readable in a level's queue. */
  arrived(queue: ConsumeQueue): void {
    const level = this.#levels[queue.queueId]
    if (level !== undefined && level.cancel === undefined && !level.isReading) this.#run(level)
  }

  /** Goes on with a level until nothing is due, or something has to be waited for. */
  #run(level: Level): void {
    level.cancel = undefined
    this.#guarded(level, () => {
      // A refusal of the store sets a timer, also when it comes at once: the loop must not ask again before that.
      while (!this.#isStopped && !level.isReading && level.cancel === undefined && level.underWay < underWayMax) {
        const commitLogOffset = this.#due(level)
        if (commitLogOffset === undefined) return
        this.#deliver(level, commitLogOffset)
      }
    })
  }

  /** A disk that fails is asked again later: what is due is not lost, and the broker goes on. */
  #guarded(level: Level, run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#unreadable(level, error)
    }
  }

  #unreadable(level: Level, error: DiskError): void {
    level.isReading = false
    this.#state.world.log.warn(`delayed messages of level ${level.level} wait: ${error.message}; trying again`)
    this.#later(level, retryMs)
  }

  /** The record of the head of the level, when it is due; else a timer is set if there is something to wait for. */
  #due(level: Level): number | undefined {
    const { store, world } = this.#state
    level.queue.correctMin(store.log.minOffset)
    // Retention deleted messages that were not due yet: their time had passed by days.
    if (level.next < level.queue.minOffset) level.next = level.queue.minOffset
    if (level.next >= level.queue.maxOffset) return undefined
    let entry = level.queue.entrySync(level.next)
    // The message is lost, and a repair of the store left its place.
    while (entry !== undefined && isBlank(entry.sizeBytes)) entry = level.queue.entrySync(++level.next)
    if (entry === undefined) return undefined
    const nowMs = world.clock.nowMs()
    const monotonicMs = world.clock.monotonicMs()
    if (level.head?.queueOffset !== level.next) level.head = { queueOffset: level.next, seenMs: monotonicMs }
    // How long it was seen to wait is measured by the clock that never jumps: one that is set back and forth must not
    // make it early.
    const seenMs = nowMs - (monotonicMs - level.head.seenMs)
    const delayMs = DelayLevel.delayMsOf(this.#state.delayLevels, level.level)
    const dueMs = DelayLevel.deliverAtMs(entry.tagsCode, seenMs, delayMs)
    if (dueMs <= nowMs) return entry.commitLogOffset
    this.#later(level, dueMs - nowMs)
    return undefined
  }

  #later(level: Level, delayMs: number): void {
    level.cancel?.()
    // At most a second at once: the wall clock may be set forward while we sleep.
    level.cancel = this.#state.world.clock.after(Math.min(delayMs, 1000), () => this.#run(level))
  }

  #deliver(level: Level, commitLogOffset: number): void {
    level.isReading = true
    this.#state.store.lookAt(commitLogOffset, (message, error) => {
      level.isReading = false
      if (this.#isStopped) return
      if (error !== undefined) return this.#unreadable(level, error)
      this.#guarded(level, () => {
        if (message === undefined) this.#passOver(level, commitLogOffset)
        else if (!this.#put(level, message)) this.#later(level, retryMs)
      })
      if (level.cancel === undefined) this.#run(level)
    })
  }

  /** The record is rotten, which the store has told. The others of the level must not wait for it. */
  #passOver(level: Level, commitLogOffset: number): void {
    this.#state.world.log.error("a delayed message cannot be read and is passed over", {
      commitLogOffset,
      level: level.level,
      queueOffset: level.next,
    })
    this.#skip(level)
  }

  /** Progress does not pass over messages that are still on their way to the disk; with the next one it does. */
  #skip(level: Level): void {
    level.next++
    if (level.underWay === 0) this.#state.metadata.delayAdvanced(level.level, level.next)
  }

  /** Puts the message where it belongs. False when the store has no room now. */
  #put(level: Level, message: StoredMessage): boolean {
    const { metadata, store, world } = this.#state
    const target = DelayLevel.restore(message.properties)
    const queueOffset = level.next
    if (target === undefined || !metadata.topics.has(target.topic)) {
      world.log.warn("a delayed message has no topic to go to and is dropped", {
        commitLogOffset: message.physicalOffset,
        topic: target?.topic,
      })
      this.#skip(level)
      return true
    }
    const put = store.put(
      store.queues.get(target.topic, target.queueId),
      { ...message, preparedTransactionOffset: message.physicalOffset, properties: target.properties },
      {
        // Told late rather than in doubt: progress that is not noted would deliver the message a second time.
        isPatient: true,
        stored: (status) => {
          level.underWay--
          if (status !== "Stored") return
          metadata.delayAdvanced(level.level, Math.max(metadata.delayOffsets.get(level.level) ?? 0, queueOffset + 1))
          if (level.cancel === undefined && !level.isReading) this.#run(level)
        },
      },
      true,
    )
    if (typeof put === "string") return false
    level.next++
    level.underWay++
    return true
  }
}
