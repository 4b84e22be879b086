/** A message as a consumer gets it. The body is inflated, and properties are read, when they are first asked for. */
import type { MessageQueue } from "../domain/MessageQueue.ts"
import * as Namespace from "../domain/Namespace.ts"
import { PropertyName, find, parse } from "../domain/Properties.ts"
import { replyType } from "../domain/RequestReply.ts"
import { compressionType, isCompressed } from "../domain/SysFlag.ts"
import { isRetry } from "../domain/Topic.ts"
import * as Compression from "../format/Compression.ts"
import * as Host from "../format/Host.ts"
import { Malformed } from "../format/Malformed.ts"
import * as MessageId from "../format/MessageId.ts"
import type { Decoded } from "../format/StoredMessage.ts"
import { AnswerError } from "./GantryError.ts"

export class Message {
  /** The topic that it was sent to, also when it comes again by a retry topic; without the client's namespace. */
  readonly topic: string
  /** The same as brokers know it. */
  readonly topicOfBroker: string
  /** The queue that it was read from; its topic may be the group's retry topic. */
  readonly queue: MessageQueue
  readonly queueOffset: number
  /** How often it was consumed without success before. */
  readonly reconsumeTimes: number
  /** When the producer made it, by the producer's clock; ms since 1970. */
  readonly bornTimestamp: number
  /** When the broker stored it, by the broker's clock. */
  readonly storeTimestamp: number
  /** The application's own number. */
  readonly flag: number
  readonly sysFlag: number
  /** Where the record lies in the broker's log. */
  readonly commitLogOffset: number
  readonly #stored: Decoded
  readonly #namespace: string | undefined
  #body: Buffer | undefined
  #properties: ReadonlyMap<string, string> | undefined

  /** `reconsumeTimes`: of attempts that the broker does not know of. */
  constructor(
    stored: Decoded,
    brokerName: string,
    reconsumeTimes: number = stored.reconsumeTimes,
    namespace: string | undefined = undefined,
  ) {
    this.#stored = stored
    this.#namespace = namespace
    const retried = isRetry(stored.topic) ? find(stored.properties, PropertyName.RETRY_TOPIC) : undefined
    this.topicOfBroker = retried ?? stored.topic
    this.topic = namespace === undefined ? this.topicOfBroker : Namespace.unwrap(this.topicOfBroker, namespace)
    this.queue = { brokerName, queueId: stored.queueId, topic: stored.topic }
    this.queueOffset = stored.queueOffset
    this.reconsumeTimes = reconsumeTimes
    this.bornTimestamp = stored.bornTimestamp
    this.storeTimestamp = stored.storeTimestamp
    this.flag = stored.flag
    this.sysFlag = stored.sysFlag
    this.commitLogOffset = stored.physicalOffset
  }

  /** Throws an AnswerError when the body was compressed and cannot be inflated. */
  get body(): Buffer {
    this.#body ??= this.#inflate()
    return this.#body
  }

  /** The body as UTF-8. */
  text(): string {
    return this.body.toString("utf8")
  }

  /** The body as JSON; what it holds is the caller's claim. Throws a SyntaxError for anything else. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T
  }

  /** Everything that travels beside the body, RocketMQ's own properties included. */
  get properties(): ReadonlyMap<string, string> {
    this.#properties ??= parse(this.#stored.properties)
    return this.#properties
  }

  property(name: string): string | undefined {
    return find(this.#stored.properties, name)
  }

  get tags(): string | undefined {
    return this.property(PropertyName.TAGS)
  }

  get keys(): ReadonlyArray<string> {
    return (this.property(PropertyName.KEYS) ?? "").split(" ").filter((key) => key !== "")
  }

  get shardingKey(): string | undefined {
    return this.property(PropertyName.SHARDING_KEY)
  }

  /** The id that its producer gave it; it stays the same through retries. */
  get messageId(): string {
    return this.property(PropertyName.UNIQ_KEY) ?? this.offsetMessageId
  }

  /** The id of this very record. */
  get offsetMessageId(): string {
    return MessageId.encode({ host: this.#stored.storeHost, physicalOffset: this.commitLogOffset })
  }

  /** Whether its sender waits for a reply: see `Producer.reply`. */
  get wantsReply(): boolean {
    return (
      this.property(PropertyName.CORRELATION_ID) !== undefined && this.property(PropertyName.MSG_TYPE) !== replyType
    )
  }

  /** `ip:port` of who sent it. */
  get bornHost(): string {
    return Host.print(this.#stored.bornHost)
  }

  /** `ip:port` of the broker that stored it. */
  get storeHost(): string {
    return Host.print(this.#stored.storeHost)
  }

  /** What it takes in memory while it waits. */
  get sizeBytes(): number {
    return this.#stored.body.length
  }

  /** The same message after one attempt more. */
  failedOnce(): Message {
    return new Message(this.#stored, this.queue.brokerName, this.reconsumeTimes + 1, this.#namespace)
  }

  #inflate(): Buffer {
    const { body } = this.#stored
    if (!isCompressed(this.sysFlag)) return body
    const type = compressionType(this.sysFlag)
    const inflated =
      type === undefined
        ? new Malformed("Message", `compressed by no known algorithm, sysFlag ${this.sysFlag}`)
        : Compression.decompress(type, body)
    if (inflated instanceof Malformed) throw new AnswerError(`message ${this.messageId}`, this.storeHost, inflated)
    return inflated
  }
}
