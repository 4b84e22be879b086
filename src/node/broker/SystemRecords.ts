/**
 * Gantry's own records in the log: changes and deletions of topics and groups, consumer offsets, and
 * tables of delay levels, as messages of reserved topics whose body is JSON with a kind and a version. They are born at 0.0.0.0:0, which no socket can forge, and clients may not
 * send to their topics. A record sets, so folding it twice is folding it once (promise P9).
 */
import type { TopicConfig } from "../../domain/Topic.ts"
import { isGantry, TopicName } from "../../domain/Topic.ts"
import type { Setting } from "../../domain/RequestMode.ts"
import type { GroupConfig } from "../../domain/SubscriptionGroup.ts"
import { nowhere } from "../../format/Host.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import type { MessageIn } from "../../infra/store/MessageStore.ts"

const version = 1

/** group, topic, queue id, queue offset; 1 when it is a reset that no pull has taken up yet. */
export type OffsetTuple = readonly [string, string, number, number, 1?]

/** A topic that is deleted, and for each of its queues the id and the offset of the next message. */
export interface DeletedTopic {
  readonly topic: string
  readonly nextOffsets: ReadonlyArray<readonly [queueId: number, nextOffset: number]>
}

/** A group that is deleted, with its offsets or without. */
export interface DeletedGroup {
  readonly group: string
  readonly withOffsets: boolean
}

/** What a group may not do with a topic: group, topic, bits. */
export type ForbiddenTuple = readonly [string, string, number]

export type SystemRecord =
  | { readonly kind: "delayLevels"; readonly delaysMs: ReadonlyArray<number> }
  | { readonly kind: "topics"; readonly topics: ReadonlyArray<TopicConfig> }
  | { readonly kind: "groups"; readonly groups: ReadonlyArray<GroupConfig> }
  | { readonly kind: "offsets"; readonly offsets: ReadonlyArray<OffsetTuple> }
  | { readonly kind: "topicsDeleted"; readonly topics: ReadonlyArray<DeletedTopic> }
  | { readonly kind: "groupsDeleted"; readonly groups: ReadonlyArray<DeletedGroup> }
  | { readonly kind: "forbidden"; readonly forbidden: ReadonlyArray<ForbiddenTuple> }
  | { readonly kind: "ordered"; readonly group: string; readonly topics: ReadonlyArray<string> }
  | { readonly kind: "requestModes"; readonly requestModes: ReadonlyArray<Setting> }

export const topicOf: Readonly<Record<SystemRecord["kind"], string>> = {
  delayLevels: TopicName.GANTRY_TOPIC,
  forbidden: TopicName.GANTRY_GROUP,
  groups: TopicName.GANTRY_GROUP,
  groupsDeleted: TopicName.GANTRY_GROUP,
  offsets: TopicName.GANTRY_OFFSET,
  ordered: TopicName.GANTRY_OFFSET,
  requestModes: TopicName.GANTRY_GROUP,
  topics: TopicName.GANTRY_TOPIC,
  topicsDeleted: TopicName.GANTRY_TOPIC,
}

/** Topics or groups in one record: about 200 bytes each, a few KB with many attributes. */
const perRecord = 50

/** The same as several records that are not too large for a log of small segments; applied one after another. */
export const split = (record: SystemRecord): ReadonlyArray<SystemRecord> => {
  switch (record.kind) {
    case "topics":
      return pieces(record.topics).map((topics) => ({ kind: "topics", topics }))
    case "groups":
      return pieces(record.groups).map((groups) => ({ groups, kind: "groups" }))
    case "requestModes":
      return pieces(record.requestModes).map((requestModes) => ({ kind: "requestModes", requestModes }))
    default:
      return [record]
  }
}

const pieces = <T>(all: ReadonlyArray<T>): ReadonlyArray<ReadonlyArray<T>> =>
  Array.from({ length: Math.ceil(all.length / perRecord) }, (_, i) => all.slice(i * perRecord, (i + 1) * perRecord))

export const encode = (record: SystemRecord, nowMs: number): MessageIn => ({
  body: Buffer.from(JSON.stringify({ ...record, version })),
  bornHost: nowhere,
  bornTimestamp: nowMs,
  flag: 0,
  preparedTransactionOffset: 0,
  properties: "",
  reconsumeTimes: 0,
  sysFlag: 0,
})

/** The record that a message of the log holds; undefined for any other message, a kind unknown here, or a forgery. */
export const decode = (message: StoredMessage): SystemRecord | "newer" | "unknown" | undefined => {
  if (!isGantry(message.topic) || !message.bornHost.equals(nowhere)) return undefined
  let value: { kind?: unknown; version?: unknown }
  try {
    value = JSON.parse(message.body.toString("utf8"))
  } catch {
    return "unknown"
  }
  if (typeof value.version === "number" && value.version > version) return "newer"
  if (typeof value.kind !== "string" || topicOf[value.kind as SystemRecord["kind"]] !== message.topic) return "unknown"
  return value as SystemRecord
}
