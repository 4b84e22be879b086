/** What several accounts use. */
import { createHash } from "node:crypto"
import * as HashRing from "../../../src/domain/HashRing.ts"
import type { MessageQueue } from "../../../src/domain/MessageQueue.ts"
import * as Topic from "../../../src/domain/Topic.ts"

/** RocketMQ's hash of the ring. Java writes half a surrogate pair as a question mark. */
export const md5: HashRing.Hash = (text) =>
  createHash("md5")
    .update(text.replaceAll(/\p{Surrogate}/gu, "?"))
    .digest()
    .readUInt32BE(0)

export const queueOf = ([topic, brokerName, queueId]: [string, string, number]): MessageQueue => ({
  topic,
  brokerName,
  queueId,
})
export const tupleOf = (queue: MessageQueue): [string, string, number] => [queue.topic, queue.brokerName, queue.queueId]

/** The names that the recording broker had made for itself. */
export const ofBroker = new Set(
  Topic.systemTopics({
    clusterName: "DefaultCluster",
    brokerName: "broker-a",
    autoCreateTopicEnable: true,
    defaultTopicQueueNums: 8,
  }).map((topic) => topic.topicName),
)

export const sortedObject = (map: Iterable<readonly [string, unknown]>): Record<string, unknown> =>
  Object.fromEntries([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** Types have no null here, so a Java null reference cannot be handed in. */
export const nullReason = "null is not a value of ours; nothing is asked of it"
