/** What has become of a message in each group. Decided in `domain/MessageTrack`. */
import * as MessageTrack from "../../domain/MessageTrack.ts"
import * as Properties from "../../domain/Properties.ts"
import { PropertyName } from "../../domain/Properties.ts"
import * as Topic from "../../domain/Topic.ts"
import type { ConsumeStats } from "../../format/ConsumeStats.ts"
import type * as StoredMessage from "../../format/StoredMessage.ts"
import type { Broker } from "../ClusterClient.ts"
import type { Admin } from "./Admin.ts"
import * as Output from "./Output.ts"
import { connectionOf, groupsOf, statsOf } from "./progress.ts"

type Message = StoredMessage.Decoded

/** The copies of a message that a topic of the broker holds. */
export type FindCopies = (broker: Broker, topic: string, uniqueId: string) => Promise<ReadonlyArray<Message>>

const words: Readonly<Record<MessageTrack.Track, string>> = {
  Broadcast: "not known: its members get every message and keep their progress themselves",
  Consumed: "consumed",
  DeadLetter: "dead letter",
  FilteredOut: "filtered out",
  Pulled: "not known: its members pull, and have committed nothing",
  Retrying: "failed, waits for its next attempt",
  Waiting: "not yet consumed",
}

export const tracks = async (
  admin: Admin,
  broker: Broker,
  message: Message,
  find: FindCopies,
): Promise<Output.Output> => {
  const { topic } = message
  const groups = (await groupsOf(admin, topic, [broker])).filter((group) => !Topic.isRetry(group))
  const uniqueId = Properties.find(message.properties, PropertyName.UNIQ_KEY)
  const copiesIn = async (place: string): Promise<ReadonlyArray<Message>> =>
    uniqueId === undefined ? [] : find(broker, place, uniqueId)
  const delayed = groups.length === 0 ? [] : await copiesIn(Topic.TopicName.SCHEDULE)
  const rows = await Promise.all(
    groups.map(async (group) => {
      const retryTopic = Topic.retryTopic(group)
      const [{ offsetTable }, connection, retries, dead] = await Promise.all([
        statsOf(admin, broker, group),
        connectionOf(admin, broker, group),
        copiesIn(retryTopic),
        copiesIn(Topic.dlqTopic(group)),
      ])
      const copies = [
        ...delayed
          .filter(({ properties }) => Properties.find(properties, PropertyName.REAL_TOPIC) === retryTopic)
          .map((copy) => copyOf(copy, "Delayed", offsetTable)),
        ...retries.map((copy) => copyOf(copy, "Retry", offsetTable)),
        ...dead.map((copy) => copyOf(copy, "DeadLetter", offsetTable)),
      ]
      const tags = new Set(connection?.subscriptionTable.get(topic)?.tagsSet ?? [])
      const track = MessageTrack.of(
        { queueOffset: message.queueOffset, tag: Properties.find(message.properties, PropertyName.TAGS) },
        {
          consumerOffset: offsetIn(offsetTable, message),
          copies,
          members:
            connection === undefined
              ? undefined
              : {
                  isActive: connection.consumeType === "CONSUME_ACTIVELY",
                  isBroadcasting: connection.messageModel === "BROADCASTING",
                  tags: tags.size === 0 ? undefined : tags,
                },
        },
      )
      return { clients: connection?.connectionSet.length ?? 0, group, status: words[track] }
    }),
  )
  return Output.table(
    {
      group: { cell: ({ group }) => group, title: "GROUP" },
      status: { cell: ({ status }) => status, title: "STATUS" },
      clients: { cell: ({ clients }) => clients, title: "CLIENTS" },
    },
    rows,
    { whenEmpty: `No group consumes ${topic}.` },
  )
}

const offsetIn = (table: ConsumeStats["offsetTable"], { queueId, topic }: Message): number | undefined =>
  table.find(([queue]) => queue.queueId === queueId && queue.topic === topic)?.[1].consumerOffset

const copyOf = (
  copy: Message,
  place: MessageTrack.Copy["place"],
  table: ConsumeStats["offsetTable"],
): MessageTrack.Copy => ({
  isPassed: (offsetIn(table, copy) ?? 0) > copy.queueOffset,
  place,
  reconsumeTimes: copy.reconsumeTimes,
})
