/**
 * Gives messages back that could not be consumed: to their broker, which delivers them again later or makes them dead
 * letters (P4), or by a send of its own to the group's retry topic where the broker cannot find the message.
 * Source: behaviour of RocketMQ 5.5.0 (DefaultMQPushConsumerImpl.sendMessageBack).
 */
import { PropertyName } from "../../domain/Properties.ts"
import { retryTopic } from "../../domain/Topic.ts"
import { ConsumerSendMsgBack } from "../../format/SendMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { GantryError } from "../GantryError.ts"
import type { Message } from "../Message.ts"
import { producerSettingsOf } from "../ProducerOptions.ts"
import type { Instance } from "./Instance.ts"
import type { Parcel } from "./Parcel.ts"
import * as Peers from "./Peers.ts"
import { Sender, byTurn } from "./Sender.ts"

/** The producer group of sends that a consumer makes by itself. */
const innerGroup = "CLIENT_INNER_PRODUCER"
const timeoutMs = 5_000
/** The first delay of a message that the consumer sends again itself. */
const firstLevel = 3

export class SendBack {
  readonly #instance: Instance
  readonly #group: string
  readonly #maxReconsumeTimes: number
  readonly #sender: Sender

  /** `maxReconsumeTimes`: attempts before a dead letter. */
  constructor(instance: Instance, group: string, maxReconsumeTimes: number) {
    this.#instance = instance
    this.#group = group
    this.#maxReconsumeTimes = maxReconsumeTimes
    const settings = producerSettingsOf({ backPressure: false, group: innerGroup }, {}, instance.environment)
    this.#sender = new Sender(instance, settings)
  }

  /** `done(true)` when the broker has taken it: the message will come again, or is a dead letter. */
  giveBack(message: Message, delayLevel: number, done: (isTaken: boolean) => void): void {
    const { remoting, routes } = this.#instance
    const address = routes.master(message.queue.brokerName)
    if (address === undefined) return this.sendAgain(message, done)
    const ext = ConsumerSendMsgBack.encode({
      bname: message.queue.brokerName,
      delayLevel,
      group: this.#group,
      maxReconsumeTimes: this.#maxReconsumeTimes,
      offset: message.commitLogOffset,
      originMsgId: message.messageId,
      originTopic: message.topicOfBroker,
      unitMode: false,
    })
    const request = { code: RequestCode.CONSUMER_SEND_MSG_BACK, ext }
    Peers.ask(remoting, address, request, timeoutMs, (answer) => {
      if (!(answer instanceof GantryError)) return done(true)
      this.#instance.world.log.warn("a broker did not take a message back, so that it is sent again", {
        error: answer.message,
        group: this.#group,
        messageId: message.messageId,
      })
      this.sendAgain(message, done)
    })
  }

  /** Sends the message to the retry topic; the broker turns one that had all its attempts into a dead letter. */
  sendAgain(message: Message, done: (isTaken: boolean) => void): void {
    const parcel = this.#retryOf(message)
    if (parcel === undefined) return done(false)
    this.#sender.send(parcel, byTurn, timeoutMs, (outcome) => {
      if (outcome instanceof GantryError) {
        this.#instance.world.log.error("a message could be given back to nobody; it is tried again here", {
          error: outcome.message,
          group: this.#group,
          messageId: message.messageId,
        })
      }
      done(!(outcome instanceof GantryError))
    })
  }

  #retryOf(message: Message): Parcel | undefined {
    const properties = new Map(message.properties)
    properties.delete(PropertyName.TRAN_MSG)
    if (!properties.has(PropertyName.ORIGIN_MESSAGE_ID)) {
      properties.set(PropertyName.ORIGIN_MESSAGE_ID, message.offsetMessageId)
    }
    properties.set(PropertyName.RETRY_TOPIC, message.topicOfBroker)
    properties.set(PropertyName.RECONSUME_TIME, String(message.reconsumeTimes + 1))
    properties.set(PropertyName.MAX_RECONSUME_TIMES, String(this.#maxReconsumeTimes))
    properties.set(PropertyName.DELAY, String(firstLevel + message.reconsumeTimes))
    try {
      return {
        batchCount: 0,
        body: message.body,
        flag: message.flag,
        messageId: message.messageId,
        properties,
        shardingKey: undefined,
        topic: retryTopic(this.#group),
      }
    } catch (error) {
      if (!(error instanceof GantryError)) throw error
      this.#instance.world.log.error("a message that cannot be inflated cannot be sent again", { error: error.message })
      return undefined
    }
  }
}
