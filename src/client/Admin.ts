/** Administers a cluster: topics, groups, progress, messages. Made by `gantry.admin()`; it connects with its first call and ends with its client. */
import { type MessageQueue, compare } from "../domain/MessageQueue.ts"
import * as SubscriptionGroup from "../domain/SubscriptionGroup.ts"
import type { GroupConfig } from "../domain/SubscriptionGroup.ts"
import { resetPendingRemark } from "../domain/ConsumerOffset.ts"
import * as ClientCheck from "../domain/ClientCheck.ts"
import { isDlq, isRetry, isSystem, replyTopic, retryTopic } from "../domain/Topic.ts"
import * as Format from "../format/Admin.ts"
import * as ConfigJson from "../format/ConfigJson.ts"
import { ConsumerConnection, ProducerConnection } from "../format/Connections.ts"
import { ConsumeStats, TopicStats } from "../format/ConsumeStats.ts"
import * as Host from "../format/Host.ts"
import { Malformed } from "../format/Malformed.ts"
import * as MessageId from "../format/MessageId.ts"
import { DeleteTopicInNamesrv } from "../format/NameServer.ts"
import * as PullFormat from "../format/PullMessage.ts"
import { RequestCode } from "../format/RequestCode.ts"
import { ResponseCode } from "../format/ResponseCode.ts"
import { TopicList } from "../format/RouteData.ts"
import * as StoredMessage from "../format/StoredMessage.ts"
import * as PeerAddress from "../infra/remoting/PeerAddress.ts"
import { AdminCalls, type BrokerOfCluster, type Where } from "./core/AdminCalls.ts"
import { type DeadLetterQuery, DeadLetters, type ResendDeadLetters, type Resent } from "./core/DeadLetters.ts"
import type { Instance } from "./core/Instance.ts"
import { type MessageTrackOfGroup, messageTracks } from "./core/messageTracks.ts"
import { readQueue } from "./core/readQueue.ts"
import { searchOffset } from "./core/startOffsets.ts"
import { ArgumentError, type GantryError, RouteError } from "./GantryError.ts"
import { Message } from "./Message.ts"
import { promiseOf } from "./promises.ts"

export interface CreateTopic extends Where {
  readonly topic: string
  /** Queues on each broker; default 8. */
  readonly queues?: number
  readonly readQueues?: number
  readonly writeQueues?: number
  /** 6 to read and write, 4 to read, 2 to write; default 6. */
  readonly perm?: number
  readonly ordered?: boolean
  readonly attributes?: Readonly<Record<string, string>>
}

export interface CreateGroup extends Where, Partial<Omit<GroupConfig, "groupName">> {
  readonly group: string
}

export interface RequestModeOfGroup extends Where {
  readonly topic: string
  readonly group: string
  readonly mode: "PULL" | "POP"
  /** POP: with how many more members each shares its queues; default 0, with all. */
  readonly popShareQueueNum?: number
}

export interface TopicOffset {
  readonly queue: MessageQueue
  readonly minOffset: number
  /** The offset after the last message. */
  readonly maxOffset: number
  readonly lastUpdateTimestamp: number
}

export interface GroupProgress {
  readonly queue: MessageQueue
  /** The offset after the last message. */
  readonly brokerOffset: number
  readonly consumerOffset: number
  readonly lag: number
  /** When the message was stored that the group handled last, ms. */
  readonly lastTimestamp: number
}

export interface ResetOffsets {
  readonly group: string
  readonly topic: string
  readonly to: "begin" | "end" | { readonly timestampMs: number }
}

export interface CloneOffsets {
  /** The group whose offsets are copied. */
  readonly from: string
  /** The group that is moved; its members go on as they are until they start again. */
  readonly to: string
  /** Default: every topic of the group. */
  readonly topic?: string
}

export interface MessageQuery {
  readonly topic: string
  readonly key: string
  readonly max?: number
  readonly beginMs?: number
  readonly endMs?: number
}

export interface MessagesByTime {
  readonly topic: string
  /** Stored then or later, ms. */
  readonly beginMs: number
  /** Stored before; default now. */
  readonly endMs?: number
  /** At most so many, the oldest of each queue; default 1000. */
  readonly max?: number
}

const attributeText = (attributes: Readonly<Record<string, string>>): string =>
  Object.entries(attributes)
    .map(([name, value]) => `+${name}=${value}`)
    .join(",")

const knownOrNot: ReadonlySet<number> = new Set([ResponseCode.SUCCESS, ResponseCode.TOPIC_NOT_EXIST])
const onlineOrNot: ReadonlySet<number> = new Set([ResponseCode.SUCCESS, ResponseCode.CONSUMER_NOT_ONLINE])
const foundOrNot: ReadonlySet<number> = new Set([ResponseCode.SUCCESS, ResponseCode.QUERY_NOT_FOUND])
/** What a broker answers about a group whose topics it does not have, or whose members it does not know. */
const groupOrNot: ReadonlySet<number> = new Set([
  ResponseCode.SUCCESS,
  ResponseCode.SYSTEM_ERROR,
  ResponseCode.TOPIC_NOT_EXIST,
  ResponseCode.CONSUMER_NOT_ONLINE,
  ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST,
])

/** How long a new topic is waited for until the name server knows it. */
const routeWaitMs = 50

export class Admin {
  readonly #calls: AdminCalls

  /** Use `gantry.admin()`. */
  constructor(instance: Instance) {
    this.#calls = new AdminCalls(instance)
  }

  /** The brokers that the name server knows. */
  async brokers(): Promise<ReadonlyArray<BrokerOfCluster>> {
    return this.#calls.brokers()
  }

  /** The topics that applications made; with `all`, those of the system, for retries and for dead letters too. */
  async topics({ all = false }: { readonly all?: boolean } = {}): Promise<ReadonlyArray<string>> {
    const code = RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER
    const { topicList } = this.#calls.read(TopicList, await this.#calls.names({ code }), code, this.#names)
    if (all) return topicList.toSorted()
    const brokers = await this.brokers()
    const ofBrokers = new Set(
      brokers.flatMap(({ brokerName, clusterName }) => [brokerName, clusterName, replyTopic(clusterName)]),
    )
    return topicList.filter((topic) => !isSystem(topic, ofBrokers) && !isRetry(topic) && !isDlq(topic)).toSorted()
  }

  /** The queues that a topic is read from; rejects with TOPIC_NOT_FOUND when nobody serves it. */
  async queues(topic: string): Promise<ReadonlyArray<MessageQueue>> {
    this.#calls.instance.start()
    const { routes } = this.#calls.instance
    await promiseOf<boolean>((done) => routes.refresh(topic, done))
    return promiseOf((done) => routes.subscribeInfo(topic, done))
  }

  /** Creates a topic, or changes it, on every broker that is meant; resolves when the name server knows it. */
  async createTopic(asked: CreateTopic): Promise<void> {
    const { attributes, ordered = false, perm = 6, queues = 8, topic } = asked
    const invalid =
      ClientCheck.topic(topic) ?? ClientCheck.notSystemTopic(topic) ?? ClientCheck.perm("topicPermission", perm)
    if (invalid !== undefined) throw new ArgumentError(`No topic was created: ${invalid.message}`)
    const ext = Format.CreateTopic.encode({
      order: ordered,
      perm,
      readQueueNums: asked.readQueues ?? queues,
      topic,
      topicFilterType: "SINGLE_TAG",
      topicSysFlag: 0,
      writeQueueNums: asked.writeQueues ?? queues,
      defaultTopic: "TBW102",
      ...(attributes === undefined ? {} : { attributes: attributeText(attributes) }),
    })
    await this.#calls.eachMaster({ code: RequestCode.UPDATE_AND_CREATE_TOPIC, ext }, asked)
    await this.#untilRouted(topic)
  }

  /** Deletes a topic from the brokers that are meant and from the name servers. Its messages are gone then. */
  async deleteTopic(topic: string, where: Where = {}): Promise<void> {
    await this.#calls.eachMaster(
      { code: RequestCode.DELETE_TOPIC_IN_BROKER, ext: Format.TopicOf.encode({ topic }) },
      where,
    )
    const ext = DeleteTopicInNamesrv.encode(
      where.cluster === undefined ? { topic } : { clusterName: where.cluster, topic },
    )
    await this.#calls.eachNames({ code: RequestCode.DELETE_TOPIC_IN_NAMESRV, ext })
  }

  /** Where each queue of a topic begins and ends. */
  async topicOffsets(topic: string): Promise<ReadonlyArray<TopicOffset>> {
    const code = RequestCode.GET_TOPIC_STATS_INFO
    const request = { code, ext: Format.TopicOf.encode({ topic }) }
    const answers = await this.#calls.eachMaster(request, {}, knownOrNot)
    const known = answers.filter(({ answer }) => answer.code === ResponseCode.SUCCESS)
    if (known.length === 0) {
      throw new RouteError(
        "TOPIC_NOT_FOUND",
        `No broker that the name server ${this.#names} knows has topic "${topic}"`,
      )
    }
    return known
      .flatMap(({ answer, peer }) => this.#calls.read(TopicStats, answer, code, peer).offsetTable)
      .map(([queue, { lastUpdateTimestamp, maxOffset, minOffset }]) => ({
        lastUpdateTimestamp,
        maxOffset,
        minOffset,
        queue,
      }))
      .toSorted(byQueue)
  }

  /** The groups that brokers have settings of. */
  async groups(): Promise<ReadonlyArray<string>> {
    const code = RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG
    const answers = await this.#calls.eachMaster({ code })
    const names = answers.flatMap(({ answer, peer }) =>
      Array.from(this.#calls.read(ConfigJson.SubscriptionGroups, answer, code, peer).subscriptionGroupTable.keys()),
    )
    return [...new Set(names)]
      .filter((name) => !SubscriptionGroup.isSystem(name) && !SubscriptionGroup.isPredefined(name))
      .toSorted()
  }

  /**
   * Sets how the members of a group get a topic's messages that let a broker share out the queues (clientRebalance:
   * false). This client's consumers do PULL only.
   */
  async setRequestMode(asked: RequestModeOfGroup): Promise<void> {
    const { group, mode, popShareQueueNum = 0, topic } = asked
    const body = ConfigJson.RequestModeSetting.encode({ consumerGroup: group, mode, popShareQueueNum, topic })
    await this.#calls.eachMaster({ body, code: RequestCode.SET_MESSAGE_REQUEST_MODE }, asked)
  }

  /** Creates a group, or changes its settings, on every broker that is meant. */
  async createGroup({ brokers, cluster, group, ...settings }: CreateGroup): Promise<void> {
    const invalid = ClientCheck.group(group)
    if (invalid !== undefined) throw new ArgumentError(`No group was created: ${invalid.message}`)
    const body = ConfigJson.GroupConfig.encode({ ...SubscriptionGroup.defaults(group), ...settings })
    await this.#calls.eachMaster(
      { body, code: RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP },
      { ...(brokers === undefined ? {} : { brokers }), ...(cluster === undefined ? {} : { cluster }) },
    )
  }

  /** Deletes a group's settings, and with `removeOffsets` its progress. */
  async deleteGroup(group: string, options: Where & { readonly removeOffsets?: boolean } = {}): Promise<void> {
    const ext = Format.DeleteSubscriptionGroup.encode({ cleanOffset: options.removeOffsets ?? false, groupName: group })
    await this.#calls.eachMaster({ code: RequestCode.DELETE_SUBSCRIPTIONGROUP, ext }, options)
  }

  /** How far a group is in each queue, and how far behind; of one topic, or of all that it reads. */
  async groupProgress(group: string, topic?: string): Promise<ReadonlyArray<GroupProgress>> {
    const code = RequestCode.GET_CONSUME_STATS
    const ext = Format.GetConsumeStats.encode({ consumerGroup: group, ...(topic === undefined ? {} : { topic }) })
    const answers = await this.#calls.eachMaster({ code, ext }, {}, groupOrNot)
    return answers
      .filter(({ answer }) => answer.code === ResponseCode.SUCCESS)
      .flatMap(({ answer, peer }) => this.#calls.read(ConsumeStats, answer, code, peer).offsetTable)
      .map(([queue, { brokerOffset, consumerOffset, lastTimestamp }]) => ({
        brokerOffset,
        consumerOffset,
        lag: Math.max(0, brokerOffset - Math.max(0, consumerOffset)),
        lastTimestamp,
        queue,
      }))
      .toSorted(byQueue)
  }

  /** Moves a group to a place in a topic, forwards or backwards, whether its members are there or not. */
  async resetOffsets({ group, to, topic }: ResetOffsets): Promise<void> {
    const timestamp = to === "begin" ? 0 : to === "end" ? -1 : to.timestampMs
    const ext = Format.ResetOffset.encode({ group, isForce: true, timestamp, topic })
    const request = { code: RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, ext }
    const queues = await this.queues(topic)
    const names = [...new Set(queues.map(({ brokerName }) => brokerName))]
    const answers = await this.#calls.eachMaster(request, { brokers: names }, onlineOrNot)
    const offline = answers.filter(({ answer }) => answer.code === ResponseCode.CONSUMER_NOT_ONLINE)
    for (const { brokerName } of offline) {
      for (const queue of queues.filter((one) => one.brokerName === brokerName)) {
        await this.setOffset(group, queue, await this.#offsetAt(queue, timestamp))
      }
    }
  }

  /** Puts a group where another one is. */
  async cloneOffsets({ from, to, topic }: CloneOffsets): Promise<void> {
    const ext = Format.CloneGroupOffset.encode({
      destGroup: to,
      offline: true,
      srcGroup: from,
      ...(topic === undefined ? {} : { topic }),
    })
    await this.#calls.eachMaster({ code: RequestCode.CLONE_GROUP_OFFSET, ext })
  }

  /**
   * Says how far a group is in one queue. Members that are at work there go on as they were, unless a reset of the group is
   * still to be followed: then they follow this one.
   */
  async setOffset(group: string, queue: MessageQueue, offset: number): Promise<void> {
    const { queueId, topic } = queue
    const ext = PullFormat.UpdateConsumerOffset.encode({ commitOffset: offset, consumerGroup: group, queueId, topic })
    const [master] = await this.#calls.masters({ brokers: [queue.brokerName] })
    const answer = await this.#calls.ask(master!.address, { code: RequestCode.UPDATE_CONSUMER_OFFSET, ext })
    if (answer.remark !== resetPendingRemark) return
    const reset = Format.ResetOffset.encode({ group, isForce: true, offset, queueId, timestamp: -1, topic })
    await this.#calls.ask(master!.address, { code: RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, ext: reset })
  }

  /** The message of an offset message id; undefined when it is not there any more. */
  async message(offsetMessageId: string): Promise<Message | undefined> {
    const id = MessageId.decode(offsetMessageId)
    if (id instanceof Malformed) throw new ArgumentError(`"${offsetMessageId}" is no offset message id`)
    this.#calls.instance.start()
    const address = PeerAddress.parse(Host.print(id.host))!
    const code = RequestCode.VIEW_MESSAGE_BY_ID
    const ext = PullFormat.ViewMessage.encode({ offset: id.physicalOffset })
    const accepted = new Set([ResponseCode.SUCCESS, ResponseCode.SYSTEM_ERROR, ResponseCode.QUERY_NOT_FOUND])
    const answer = await this.#calls.ask(address, { code, ext }, accepted)
    if (answer.code !== ResponseCode.SUCCESS) return undefined
    const stored = this.#calls.read(
      { decode: (body) => StoredMessage.decode(body) },
      answer,
      code,
      PeerAddress.print(address),
    )
    const brokers = await this.brokers()
    const isHere = ({ addresses }: BrokerOfCluster): boolean =>
      [...addresses.values()].includes(PeerAddress.print(address))
    return new Message(stored, brokers.find(isHere)?.brokerName ?? "")
  }

  /** Messages by key or by the id that their producer gave them, the newest first. */
  async messages({
    beginMs = 0,
    endMs = Number.MAX_SAFE_INTEGER,
    key,
    max = 32,
    topic,
  }: MessageQuery): Promise<ReadonlyArray<Message>> {
    const code = RequestCode.QUERY_MESSAGE
    const ext = PullFormat.QueryMessage.encode({
      beginTimestamp: beginMs,
      endTimestamp: endMs,
      key,
      maxNum: max,
      topic,
    })
    const queues = await this.queues(topic)
    const brokers = [...new Set(queues.map(({ brokerName }) => brokerName))]
    const answers = await this.#calls.eachMaster({ code, ext }, { brokers }, foundOrNot)
    const found = answers.flatMap(({ answer, brokerName }) =>
      answer.code === ResponseCode.SUCCESS
        ? StoredMessage.decodeAll(answer.body).messages.map((stored) => new Message(stored, brokerName))
        : [],
    )
    // The index knows hash codes, which different keys may share.
    return found
      .filter((message) => message.keys.includes(key) || message.messageId === key)
      .toSorted((left, right) => right.storeTimestamp - left.storeTimestamp)
      .slice(0, max)
  }

  /** Messages by when they were stored, to the millisecond, the oldest first. */
  async messagesByTime({ beginMs, endMs, max = 1000, topic }: MessagesByTime): Promise<ReadonlyArray<Message>> {
    const found: Array<Message> = []
    for (const queue of await this.queues(topic)) {
      let left = max
      for await (const message of readQueue(this.#calls.instance, queue, beginMs, endMs)) {
        found.push(message)
        if (--left === 0) break
      }
    }
    return found.toSorted((left, right) => left.storeTimestamp - right.storeTimestamp).slice(0, max)
  }

  /** What has become of a message in each group that reads its topic. */
  async track(message: Message): Promise<ReadonlyArray<MessageTrackOfGroup>> {
    return messageTracks(this.#calls, message)
  }

  /** What a group has given up on, oldest first in each queue; empty when it has given up on nothing. */
  async deadLetters(query: DeadLetterQuery): Promise<ReadonlyArray<Message>> {
    return this.#deadLetters.find(query)
  }

  /** Sends dead letters again, with all their attempts before them. They stay among the dead letters, too. */
  async resendDeadLetters(resend: ResendDeadLetters): Promise<ReadonlyArray<Resent>> {
    return this.#deadLetters.resend(resend)
  }

  /** The client ids of a group's members now. */
  async consumers(group: string): Promise<ReadonlyArray<string>> {
    const code = RequestCode.GET_CONSUMER_CONNECTION_LIST
    const ext = PullFormat.ConsumerGroupOf.encode({ consumerGroup: group })
    const answers = await this.#calls.eachMaster({ code, ext }, {}, groupOrNot)
    const ids = answers
      .filter(({ answer }) => answer.code === ResponseCode.SUCCESS)
      .flatMap(({ answer, peer }) => this.#calls.read(ConsumerConnection, answer, code, peer).connectionSet)
      .map(({ clientId }) => clientId)
    return [...new Set(ids)].toSorted()
  }

  /** The client ids of a producer group now. */
  async producers(group: string): Promise<ReadonlyArray<string>> {
    const code = RequestCode.GET_PRODUCER_CONNECTION_LIST
    const ext = Format.ProducerGroupOf.encode({ producerGroup: group })
    const answers = await this.#calls.eachMaster({ code, ext }, {}, groupOrNot)
    const ids = answers
      .filter(({ answer }) => answer.code === ResponseCode.SUCCESS)
      .flatMap(({ answer, peer }) => this.#calls.read(ProducerConnection, answer, code, peer).connectionSet)
      .map(({ clientId }) => clientId)
    return [...new Set(ids)].toSorted()
  }

  /** The topic that a group's retried messages come by. */
  retryTopic(group: string): string {
    return retryTopic(group)
  }

  get #deadLetters(): DeadLetters {
    return new DeadLetters(this.#calls.instance, async (topic) => {
      const names = new Set(await this.topics({ all: true }))
      return names.has(topic) ? this.queues(topic) : []
    })
  }

  get #names(): string {
    return this.#calls.instance.nameServers.text
  }

  async #untilRouted(topic: string): Promise<void> {
    const { clock } = this.#calls.instance.world
    const { routes, settings } = this.#calls.instance
    const untilMs = clock.monotonicMs() + settings.requestTimeoutMs
    for (;;) {
      const isRouted = await promiseOf<boolean>((done) => routes.refresh(topic, done))
      if (isRouted || clock.monotonicMs() >= untilMs) return
      await new Promise<void>((resolve) => void clock.after(routeWaitMs, resolve))
    }
  }

  #offsetAt(queue: MessageQueue, timestamp: number): Promise<number> {
    const beyondAll = timestamp === -1 ? Number.MAX_SAFE_INTEGER : timestamp
    return promiseOf((done: (outcome: number | GantryError) => void) =>
      searchOffset(this.#calls.instance, queue, beyondAll, done),
    )
  }
}

const byQueue = (left: { readonly queue: MessageQueue }, right: { readonly queue: MessageQueue }): number =>
  compare(left.queue, right.queue)
