/** Reads the dead letters of a group, and sends them again. Decided in `domain/DeadLetter`. */
import * as Result from "effect/Result"
import * as DeadLetter from "../../domain/DeadLetter.ts"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import { parse, print } from "../../domain/Properties.ts"
import { dlqTopic } from "../../domain/Topic.ts"
import { ArgumentError } from "../GantryError.ts"
import type { Message } from "../Message.ts"
import type { SendResult } from "../OutgoingMessage.ts"
import { producerSettingsOf } from "../ProducerOptions.ts"
import { promiseOf } from "../promises.ts"
import type { Instance } from "./Instance.ts"
import { readQueue } from "./readQueue.ts"
import { Sender } from "./Sender.ts"

export interface DeadLetterQuery {
  readonly group: string
  /** Only letters with one of these ids: the producer's, the first record's, or the letter's own. */
  readonly ids?: ReadonlyArray<string>
  readonly key?: string
  /** Only letters that became one then or later, ms. */
  readonly beginMs?: number
  /** Only letters that became one before. */
  readonly endMs?: number
  /** At most so many; default 1000. */
  readonly max?: number
}

export interface ResendDeadLetters extends DeadLetterQuery {
  /**
   * `group`, the default: to the group alone, by its retry topic. `origin`: to the topic that the letter came from, where
   * every group gets it again.
   */
  readonly to?: DeadLetter.Destination
}

export interface Resent {
  readonly letter: Message
  readonly result: SendResult
}

const producerGroup = "CLIENT_INNER_PRODUCER"
const usualMax = 1000
const timeoutMs = 10_000

export class DeadLetters {
  readonly #instance: Instance
  readonly #queuesOf: (topic: string) => Promise<ReadonlyArray<MessageQueue>>

  constructor(instance: Instance, queuesOf: (topic: string) => Promise<ReadonlyArray<MessageQueue>>) {
    this.#instance = instance
    this.#queuesOf = queuesOf
  }

  /** The letters that are meant, oldest first in each queue. */
  async find({ group, ids, max = usualMax, ...query }: DeadLetterQuery): Promise<ReadonlyArray<Message>> {
    const meant = { ...query, ...(ids === undefined ? {} : { ids: new Set(ids) }) }
    const found: Array<Message> = []
    for (const queue of await this.#queuesOf(dlqTopic(group)))
      for await (const message of readQueue(this.#instance, queue, meant.beginMs, meant.endMs))
        if (found.length < max && DeadLetter.matches(letterOf(message), meant)) found.push(message)
    return found
  }

  /** Sends letters again, one after the other; rejects with the first that is not stored. */
  async resend({ to = "group", ...query }: ResendDeadLetters): Promise<ReadonlyArray<Resent>> {
    const letters = await this.find(query)
    // All are looked at before the first is sent.
    const ready = letters.map((letter) => {
      const resent = DeadLetter.resent(letterOf(letter), query.group, to)
      if (Result.isFailure(resent))
        throw new ArgumentError(`Nothing was sent: ${resent.failure.remark}`, "MESSAGE_ILLEGAL")
      const { properties, topic } = resent.success
      return { letter, properties, topic }
    })
    const settings = producerSettingsOf({ backPressure: false, group: producerGroup }, {}, this.#instance.environment)
    const sender = new Sender(this.#instance, settings)
    const done: Array<Resent> = []
    for (const { letter, properties, topic } of ready) {
      const parcel = {
        batchCount: 0,
        body: letter.body,
        flag: letter.flag,
        messageId: letter.messageId,
        properties: parse(properties),
        shardingKey: letter.shardingKey,
        topic,
      }
      const target = { _tag: "Prefer", brokerName: letter.queue.brokerName } as const
      done.push({ letter, result: await promiseOf<SendResult>((then) => sender.send(parcel, target, timeoutMs, then)) })
    }
    return done
  }
}

const letterOf = (message: Message): DeadLetter.DeadLetter => ({
  offsetMsgId: message.offsetMessageId,
  properties: print(message.properties),
  storeTimestamp: message.storeTimestamp,
})
