/**
 * How many topics and groups a broker keeps (P11): clients make them by sending and by joining, each is a record of the
 * log, a place in memory and a line in every snapshot. What is there already may be changed however full the broker is.
 *
 * Laws (test/model/domain/Heartbeat.test.ts)
 *   bounded  what is admitted never makes a table larger than its bound
 *   kept     a change of what is there already is always admitted
 * Source: none of RocketMQ's, which has no such bounds.
 */

export interface Capacity {
  readonly topicNumsMax: number
  readonly groupNumsMax: number
  /** Pairs of group and topic for which something is forbidden. */
  readonly forbiddenNumsMax: number
}

export const defaults: Capacity = { forbiddenNumsMax: 100_000, groupNumsMax: 500_000, topicNumsMax: 500_000 }

/** Why `added` more do not fit; undefined when they do. */
export const whyFull = (what: "topics" | "groups", held: number, added: number, max: number): string | undefined =>
  added === 0 || held + added <= max
    ? undefined
    : `the broker has ${held} ${what} and keeps at most ${max}${counted[what]}. Delete some, or raise ${settingOf[what]}`

/** A deleted topic is remembered until retention has taken its messages. */
const counted = { groups: "", topics: ", deleted ones whose messages are still in the log included" }
const settingOf = { groups: "groupNumsMax", topics: "topicNumsMax" }
