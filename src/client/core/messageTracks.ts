/** What has become of a message in each group, asked of the broker that holds it. Decided in `domain/MessageTrack`. */
import { PropertyName } from "../../domain/Properties.ts"
import * as MessageTrack from "../../domain/MessageTrack.ts"
import { TopicName, dlqTopic, isRetry, retryTopic } from "../../domain/Topic.ts"
import { GetConsumeStats, TopicOf } from "../../format/Admin.ts"
import { ConsumerConnection } from "../../format/Connections.ts"
import { ConsumeStats } from "../../format/ConsumeStats.ts"
import { ConsumerGroupOf, QueryMessage } from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { GroupList } from "../../format/RouteData.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { Message } from "../Message.ts"
import type { AdminCalls } from "./AdminCalls.ts"

export interface MessageTrackOfGroup {
  readonly group: string
  readonly track: MessageTrack.Track
  /** Members that are connected now. */
  readonly clients: number
}

/** RocketMQ looks through so many messages for a unique id. */
const uniqueMax = 32
const statsOrNot: ReadonlySet<number> = new Set([
  ResponseCode.SUCCESS,
  ResponseCode.SYSTEM_ERROR,
  ResponseCode.TOPIC_NOT_EXIST,
])
const onlineOrNot: ReadonlySet<number> = new Set([ResponseCode.SUCCESS, ResponseCode.CONSUMER_NOT_ONLINE])
const foundOrNot: ReadonlySet<number> = new Set([ResponseCode.SUCCESS, ResponseCode.QUERY_NOT_FOUND])

export const messageTracks = async (
  calls: AdminCalls,
  message: Message,
): Promise<ReadonlyArray<MessageTrackOfGroup>> => {
  const { brokerName, topic } = message.queue
  const [master] = await calls.masters({ brokers: [brokerName] })
  const broker = new OneBroker(calls, master!.address, brokerName)
  const groups = (await broker.groupsOf(topic)).filter((group) => !isRetry(group))
  const delayed = await broker.copies(message, TopicName.SCHEDULE)
  return Promise.all(
    groups.map(async (group) => {
      const [progress, retries, dead, members] = await Promise.all([
        broker.progress(group),
        broker.copies(message, retryTopic(group)),
        broker.copies(message, dlqTopic(group)),
        broker.members(group),
      ])
      const isOfGroup = (copy: Message): boolean => copy.property(PropertyName.REAL_TOPIC) === retryTopic(group)
      const copies = [
        ...delayed.filter(isOfGroup).map((copy) => copyOf(copy, "Delayed", progress)),
        ...retries.map((copy) => copyOf(copy, "Retry", progress)),
        ...dead.map((copy) => copyOf(copy, "DeadLetter", progress)),
      ]
      const subscription = members?.subscriptionTable.get(topic)
      const tags = new Set(subscription?.tagsSet ?? [])
      const track = MessageTrack.of(
        { queueOffset: message.queueOffset, tag: message.tags },
        {
          consumerOffset: progress(message),
          copies,
          members:
            members === undefined
              ? undefined
              : {
                  isActive: members.consumeType === "CONSUME_ACTIVELY",
                  isBroadcasting: members.messageModel === "BROADCASTING",
                  tags: tags.size === 0 ? undefined : tags,
                },
        },
      )
      return { clients: members?.connectionSet.length ?? 0, group, track }
    }),
  )
}

/** How far a group is in a message's queue. */
type Progress = (message: Message) => number | undefined

const copyOf = (copy: Message, place: MessageTrack.Copy["place"], progress: Progress): MessageTrack.Copy => ({
  isPassed: (progress(copy) ?? 0) > copy.queueOffset,
  place,
  reconsumeTimes: copy.reconsumeTimes,
})

class OneBroker {
  readonly #calls: AdminCalls
  readonly #address: Address
  readonly #brokerName: string

  constructor(calls: AdminCalls, address: Address, brokerName: string) {
    this.#calls = calls
    this.#address = address
    this.#brokerName = brokerName
  }

  get #peer(): string {
    return PeerAddress.print(this.#address)
  }

  async groupsOf(topic: string): Promise<ReadonlyArray<string>> {
    const code = RequestCode.QUERY_TOPIC_CONSUME_BY_WHO
    const answer = await this.#calls.ask(this.#address, { code, ext: TopicOf.encode({ topic }) })
    return [...this.#calls.read(GroupList, answer, code, this.#peer).groupList].toSorted()
  }

  async progress(consumerGroup: string): Promise<Progress> {
    const code = RequestCode.GET_CONSUME_STATS
    const request = { code, ext: GetConsumeStats.encode({ consumerGroup }) }
    const answer = await this.#calls.ask(this.#address, request, statsOrNot)
    if (answer.code !== ResponseCode.SUCCESS) return () => undefined
    const { offsetTable } = this.#calls.read(ConsumeStats, answer, code, this.#peer)
    return ({ queue }) =>
      offsetTable.find(([{ queueId, topic }]) => queueId === queue.queueId && topic === queue.topic)?.[1].consumerOffset
  }

  async members(consumerGroup: string): Promise<ConsumerConnection | undefined> {
    const code = RequestCode.GET_CONSUMER_CONNECTION_LIST
    const request = { code, ext: ConsumerGroupOf.encode({ consumerGroup }) }
    const answer = await this.#calls.ask(this.#address, request, onlineOrNot)
    return answer.code === ResponseCode.SUCCESS
      ? this.#calls.read(ConsumerConnection, answer, code, this.#peer)
      : undefined
  }

  /** Copies of a message in another topic: they have its unique id. */
  async copies(message: Message, topic: string): Promise<ReadonlyArray<Message>> {
    const key = message.messageId
    const ext = QueryMessage.encode({
      beginTimestamp: 0,
      endTimestamp: Number.MAX_SAFE_INTEGER,
      key,
      maxNum: uniqueMax,
      topic,
      uniqueKeyQuery: true,
    })
    const answer = await this.#calls.ask(this.#address, { code: RequestCode.QUERY_MESSAGE, ext }, foundOrNot)
    if (answer.code !== ResponseCode.SUCCESS) return []
    const { messages } = StoredMessage.decodeAll(answer.body)
    return messages.map((stored) => new Message(stored, this.#brokerName)).filter(({ messageId }) => messageId === key)
  }
}
