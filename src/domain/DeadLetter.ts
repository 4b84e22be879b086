/**
 * Dead letters: what a group has given up on lies in the topic `%DLQ%<group>` until retention takes it (P4). An administrator
 * finds letters by id, key or time, and sends them again: to the group alone, by its retry topic, or to the topic that they
 * came from, where every group gets them once more. The letter itself stays where it is.
 *
 * Laws (test/model/domain/DeadLetter.test.ts)
 *   fresh    a letter that is sent again has all its attempts before it, and no place or time of its former life
 *   whole    what the application gave it, its id, and where it came from stay
 *   found    a letter is found by every id that a person may have of it: the producer's, its first record's, its own
 * RocketMQ has no command for this; its dashboard has one client of the group consume a letter at once.
 */
import * as Result from "effect/Result"
import * as Properties from "./Properties.ts"
import { PropertyName } from "./Properties.ts"
import { type Refusal, refuse } from "./Refusal.ts"
import { retryTopic } from "./Topic.ts"

/** A letter as it is stored. */
export interface DeadLetter {
  readonly properties: string
  /** The id of this very record. */
  readonly offsetMsgId: string
  readonly storeTimestamp: number
}

/** Which letters are meant; without any member all of them. */
export interface Query {
  readonly ids?: ReadonlySet<string>
  readonly key?: string
  /** Stored as dead letters then or later, ms. */
  readonly beginMs?: number
  /** Stored before. */
  readonly endMs?: number
}

export type Destination = "group" | "origin"

/** The topic that a letter was sent to at first; undefined when its record does not say. */
export const originOf = (properties: string): string | undefined =>
  Properties.find(properties, PropertyName.RETRY_TOPIC)

/** Every id of a letter. */
export const idsOf = ({ offsetMsgId, properties }: DeadLetter): ReadonlyArray<string> =>
  [
    Properties.find(properties, PropertyName.UNIQ_KEY),
    Properties.find(properties, PropertyName.ORIGIN_MESSAGE_ID),
    offsetMsgId,
  ].filter((id) => id !== undefined)

export const matches = (letter: DeadLetter, { beginMs = 0, endMs, ids, key }: Query): boolean => {
  const { properties, storeTimestamp } = letter
  if (storeTimestamp < beginMs || (endMs !== undefined && storeTimestamp >= endMs)) return false
  if (ids !== undefined && !idsOf(letter).some((id) => ids.has(id))) return false
  return key === undefined || (Properties.find(properties, PropertyName.KEYS) ?? "").split(" ").includes(key)
}

/** What a letter is sent again as. Its attempts begin anew: the send says that there were none. */
export const resent = (
  letter: DeadLetter,
  group: string,
  to: Destination,
): Result.Result<{ readonly topic: string; readonly properties: string }, Refusal> => {
  const origin = originOf(letter.properties)
  if (to === "origin" && origin === undefined) {
    return refuse(
      "MESSAGE_ILLEGAL",
      `the dead letter ${letter.offsetMsgId} does not say which topic it came from: it was sent to the dead letters ` +
        "by hand. Send it to the group, or send its body to a topic.",
    )
  }
  const properties = Properties.parse(letter.properties)
  for (const name of former) properties.delete(name)
  if (to === "origin") for (const name of ofRetries) properties.delete(name)
  properties.set(PropertyName.WAIT, "true")
  return Result.succeed({
    properties: Properties.print(properties),
    topic: to === "origin" ? origin! : retryTopic(group),
  })
}

/** What its broker and its readers noted of its former life. */
const former: ReadonlyArray<string> = [
  PropertyName.DELAY,
  PropertyName.REAL_TOPIC,
  PropertyName.REAL_QID,
  PropertyName.RECONSUME_TIME,
  PropertyName.MAX_RECONSUME_TIMES,
  PropertyName.CONSUME_START_TIME,
  PropertyName.MIN_OFFSET,
  PropertyName.MAX_OFFSET,
  PropertyName.TRAN_MSG,
  PropertyName.MSG_REGION,
  PropertyName.TRACE_ON,
  PropertyName.CLUSTER,
  PropertyName.POP_CK,
  PropertyName.FIRST_POP_TIME,
  PropertyName.TIMER_DELAY_SEC,
  PropertyName.TIMER_DELAY_MS,
  PropertyName.TIMER_DELIVER_MS,
  PropertyName.TIMER_OUT_MS,
  PropertyName.CRC32,
]

/** What says that it is a retry of another message. */
const ofRetries: ReadonlyArray<string> = [PropertyName.RETRY_TOPIC, PropertyName.ORIGIN_MESSAGE_ID]
