/**
 * A producer: sends bursts of messages, pipelined on one connection per broker, and sends again what was not answered
 * SEND_OK, as RocketMQ's SDKs do. Every attempt and every answer goes into the history.
 */
import type { MessageQueue } from "../../../../src/domain/MessageQueue.ts"
import { TopicName } from "../../../../src/domain/Topic.ts"
import * as Batch from "../../../../src/format/Batch.ts"
import * as Heartbeat from "../../../../src/format/Heartbeat.ts"
import { Malformed } from "../../../../src/format/Malformed.ts"
import * as MessageId from "../../../../src/format/MessageId.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../../src/format/ResponseCode.ts"
import * as Format from "../../../../src/format/SendMessage.ts"
import { standard } from "../../../../src/format/shape.ts"
import type { Address } from "../../../../src/infra/network/Network.ts"
import { RemotingClient } from "../../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import type { World } from "../../../../src/infra/world/World.ts"
import type { Attempt, History, SendAnswer } from "../History.ts"
import { delayLevelsMs, tags, type TopicPlan } from "../Settings.ts"
import { bodyOf, propertiesOf } from "./payload.ts"
import { Routes } from "./Routes.ts"

export interface ProducerOptions {
  readonly life: string
  readonly nameServers: ReadonlyArray<Address>
  readonly topics: ReadonlyArray<TopicPlan>
  /** Whether one more message may be sent: the load of the whole run is bounded. */
  readonly mayGoOn: () => boolean
  /** Mean pause between two bursts, ms. */
  readonly pauseMs: number
}

interface Message {
  readonly key: string
  readonly topic: string
  readonly tag: string
  readonly delayLevel: number
  readonly isUnsafe: boolean
  readonly sizeBytes: number
  attempts: number
}

const timeoutMs = 3000
const attemptsMax = 4
const heartbeatMs = 10_000

export class Producer {
  readonly #world: World
  readonly #history: History
  readonly #options: ProducerOptions
  readonly #client: RemotingClient
  readonly #routes: Routes
  #messages = 0
  #sequence = 0
  #underWay = 0
  #hasLeft = false

  constructor(world: World, history: History, options: ProducerOptions) {
    this.#world = world
    this.#history = history
    this.#options = options
    this.#client = new RemotingClient(world)
    this.#routes = new Routes(world, this.#client, options.nameServers)
    for (const { name } of options.topics) this.#routes.follow(name)
    this.#routes.follow(TopicName.AUTO_CREATE_TOPIC_KEY)
    this.#later()
    this.#beat()
  }

  /** Messages that wait for an answer or for their next attempt. */
  get underWay(): number {
    return this.#underWay
  }

  readonly leave = (): void => {
    this.#hasLeft = true
    this.#client.close()
  }

  #later(): void {
    const { clock, random } = this.#world
    clock.after(1 + random.below(2 * this.#options.pauseMs), () => {
      if (this.#hasLeft) return
      if (this.#options.mayGoOn()) this.#burst()
      this.#later()
    })
  }

  #beat(): void {
    if (this.#hasLeft) return
    const body = Heartbeat.Heartbeat.encode(
      {
        clientID: this.#options.life,
        consumerDataSet: [],
        heartbeatFingerprint: 0,
        producerDataSet: [{ groupName: "sellers" }],
        withoutSub: false,
      },
      standard,
    )
    for (const address of this.#routes.brokers.values())
      this.#client.ask(address, { body, code: RequestCode.HEART_BEAT }, timeoutMs, () => {})
    this.#world.clock.after(heartbeatMs, () => this.#beat())
  }

  /** Some messages in one turn, mostly to one queue: this is where order can go wrong. */
  #burst(): void {
    const { random } = this.#world
    const topic = this.#options.topics[random.below(this.#options.topics.length)]!
    const queue = this.#pick(topic.name)
    if (queue === undefined) return
    const count = 1 + random.below(random.below(8) + 1)
    const isBatch = count > 1 && random.below(6) === 0
    const messages = Array.from({ length: count }, () => this.#message(topic.name, isBatch))
    if (isBatch) return this.#sendBatch(messages, queue)
    for (const message of messages) this.#send(message, random.below(10) === 0 ? { ...queue, queueId: -1 } : queue)
  }

  #message(topic: string, isPlain: boolean): Message {
    const { random } = this.#world
    const isDelayed = !isPlain && topic !== "steps" && random.below(8) === 0
    this.#underWay++
    return {
      attempts: 0,
      delayLevel: isDelayed ? 1 + random.below(delayLevelsMs.length) : 0,
      isUnsafe: !isPlain && random.below(25) === 0,
      key: `${this.#options.life}-${++this.#messages}`,
      sizeBytes: random.below(random.below(20) === 0 ? 6000 : 300),
      tag: tags[random.below(tags.length)]!,
      topic,
    }
  }

  /** A queue to write to; by the template topic when the topic does not exist yet. */
  #pick(topic: string): MessageQueue | undefined {
    const own = this.#routes.writeQueues(topic)
    const isPrepared = this.#options.topics.some(({ isPrepared: prepared, name }) => prepared && name === topic)
    const queues = own.length > 0 || isPrepared ? own : this.#routes.writeQueues(TopicName.AUTO_CREATE_TOPIC_KEY)
    const queue = queues[this.#world.random.below(queues.length)]
    return queue === undefined ? undefined : { ...queue, topic }
  }

  #attempt(message: Message, { brokerName, queueId, topic }: MessageQueue): Attempt {
    const { delayLevel, isUnsafe, key, tag } = message
    message.attempts++
    const attempt: Attempt = {
      brokerName,
      delayLevel,
      isUnsafe,
      key,
      producer: this.#options.life,
      queueId,
      sentMs: this.#history.nowMs,
      sequence: ++this.#sequence,
      tag,
      topic,
    }
    this.#history.attempts.push(attempt)
    return attempt
  }

  #header({ queueId, topic }: MessageQueue, properties: string | undefined, isBatch: boolean) {
    return Format.SendMessageV2.encode({
      batch: isBatch,
      bornTimestamp: this.#world.clock.nowMs(),
      defaultTopic: TopicName.AUTO_CREATE_TOPIC_KEY,
      defaultTopicQueueNums: 4,
      flag: 0,
      producerGroup: "sellers",
      queueId,
      sysFlag: 0,
      topic,
      ...(properties === undefined ? {} : { properties }),
    })
  }

  #send(message: Message, queue: MessageQueue): void {
    const address = this.#routes.brokers.get(queue.brokerName)
    if (address === undefined) return this.#again(message)
    const attempt = this.#attempt(message, queue)
    const request = {
      body: bodyOf(attempt, message.sizeBytes),
      code: RequestCode.SEND_MESSAGE_V2,
      ext: this.#header(queue, propertiesOf(attempt), false),
    }
    this.#client.ask(address, request, timeoutMs, (outcome) => {
      const answer = this.#read(outcome)
      this.#answered(attempt, message, answer, answer.commitLogOffsets[0] ?? -1)
    })
  }

  #sendBatch(messages: ReadonlyArray<Message>, queue: MessageQueue): void {
    const address = this.#routes.brokers.get(queue.brokerName)
    if (address === undefined) return messages.forEach((message) => this.#again(message))
    const attempts = messages.map((message) => this.#attempt(message, queue))
    const elements = attempts.map((attempt, index) => ({
      body: bodyOf(attempt, messages[index]!.sizeBytes),
      flag: 0,
      properties: propertiesOf(attempt),
    }))
    const request = {
      body: Batch.encode(elements),
      code: RequestCode.SEND_BATCH_MESSAGE,
      ext: this.#header(queue, undefined, true),
    }
    this.#client.ask(address, request, timeoutMs, (outcome) => {
      const answer = this.#read(outcome)
      for (const [index, attempt] of attempts.entries())
        this.#answered(
          attempt,
          messages[index]!,
          { ...answer, queueOffset: answer.queueOffset + index },
          answer.commitLogOffsets[index] ?? -1,
        )
    })
  }

  #read(outcome: Parameters<Parameters<RemotingClient["ask"]>[3]>[0]) {
    const atMs = this.#history.nowMs
    const none = { atMs, commitLogOffsets: [], queueId: -1, queueOffset: -1 }
    if (outcome instanceof RemotingError) return { ...none, code: outcome.reason }
    if (outcome.code !== ResponseCode.SUCCESS) return { ...none, code: outcome.code }
    const header = Format.SendMessageAnswer.decode(outcome.ext)
    if (header instanceof Malformed) throw header
    const commitLogOffsets = header.msgId.split(",").map((text) => {
      const id = MessageId.decode(text)
      if (id instanceof Malformed) throw id
      return id.physicalOffset
    })
    return { atMs, code: outcome.code, commitLogOffsets, queueId: header.queueId, queueOffset: header.queueOffset }
  }

  #answered(attempt: Attempt, message: Message, answer: Omit<SendAnswer, "commitLogOffset">, offset: number): void {
    const { atMs, code, queueId, queueOffset } = answer
    attempt.answer = { atMs, code, commitLogOffset: offset, queueId, queueOffset }
    this.#history.note(this.#options.life, `send ${attempt.key} to ${attempt.topic}: ${code} ${queueId}/${queueOffset}`)
    if (code === ResponseCode.SUCCESS) this.#underWay--
    else this.#again(message)
  }

  #again(message: Message): void {
    if (message.attempts >= attemptsMax) {
      this.#underWay--
      return
    }
    const { clock, random } = this.#world
    clock.after(200 + random.below(1500), () => {
      if (this.#hasLeft) return
      const queue = this.#pick(message.topic)
      if (queue === undefined) this.#again(message)
      else this.#send(message, queue)
    })
  }
}
