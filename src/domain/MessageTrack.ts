/**
 * What has become of a message in each group that reads its topic: handled, waiting, tried again, given up. Told from what
 * brokers know: how far the group has come in the message's queue, and which copies of the message lie in its retry topic,
 * among its delayed messages and its dead letters.
 *
 * Laws (test/model/domain/MessageTrack.test.ts)
 *   newest    the newest copy decides: a dead letter is one, however far the group is elsewhere
 *   offset    a copy in a queue is done with exactly when the group's offset there is past it
 * RocketMQ (messageTrackDetail) looks at the queue's offset alone, so that a message that waits for its retry is CONSUMED;
 * and it knows nothing of groups that are offline, whose offsets tell as much.
 */

/**
 * `Consumed`: handled. `FilteredOut`: passed over by the group's tags, or will be. `Waiting`: not handed out yet, or not
 * done. `Retrying`: failed, and waits for its next attempt. `DeadLetter`: given up. `Broadcast` and `Pulled`: its members
 * keep their progress themselves, and brokers do not know it.
 */
export type Track = "Broadcast" | "Consumed" | "DeadLetter" | "FilteredOut" | "Pulled" | "Retrying" | "Waiting"

/** A copy of the message that the group's failures have made. */
export interface Copy {
  readonly reconsumeTimes: number
  readonly place: "DeadLetter" | "Delayed" | "Retry"
  /** Of a copy in the retry topic: whether the group's offset there is past it. */
  readonly isPassed: boolean
}

export interface Reading {
  /** The group's next queue offset in the message's queue; undefined when it has none there. */
  readonly consumerOffset: number | undefined
  /** How its members read; undefined when none is connected. */
  readonly members:
    | {
        readonly isActive: boolean
        readonly isBroadcasting: boolean
        /** Tags that they want; undefined for everything, or for a filter that is not by tags. */
        readonly tags: ReadonlySet<string> | undefined
      }
    | undefined
  readonly copies: ReadonlyArray<Copy>
}

export const of = (
  message: { readonly queueOffset: number; readonly tag: string | undefined },
  reading: Reading,
): Track => {
  const newest = newestOf(reading.copies)
  if (newest !== undefined) {
    if (newest.place === "Retry") return newest.isPassed ? "Consumed" : "Retrying"
    return newest.place === "Delayed" ? "Retrying" : "DeadLetter"
  }
  const { consumerOffset, members } = reading
  if (members?.isBroadcasting === true) return "Broadcast"
  const isPassed = consumerOffset !== undefined && consumerOffset > message.queueOffset
  const tags = members?.tags
  if (tags !== undefined && (message.tag === undefined || !tags.has(message.tag))) return "FilteredOut"
  if (isPassed) return "Consumed"
  return members?.isActive === true && consumerOffset === undefined ? "Pulled" : "Waiting"
}

/** Of one attempt the copy that was made last: delayed, then in the retry topic; a dead letter ends them all. */
const newestOf = (copies: ReadonlyArray<Copy>): Copy | undefined =>
  copies.reduce<Copy | undefined>((best, copy) => (best === undefined || isNewer(copy, best) ? copy : best), undefined)

const isNewer = (one: Copy, other: Copy): boolean =>
  one.reconsumeTimes === other.reconsumeTimes
    ? steps.indexOf(one.place) > steps.indexOf(other.place)
    : one.reconsumeTimes > other.reconsumeTimes

const steps: ReadonlyArray<Copy["place"]> = ["Delayed", "Retry", "DeadLetter"]
