/** Reads one queue for `gantry consume`: pulls ahead into a small buffer, filters, and knows what may be committed. */
import type * as Subscription from "../domain/Subscription.ts"
import { PropertyName, find } from "../domain/Properties.ts"
import { PullFlag } from "../domain/SysFlag.ts"
import { Malformed } from "../format/Malformed.ts"
import { PullMessage, PullMessageAnswer } from "../format/PullMessage.ts"
import { RequestCode } from "../format/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../format/ResponseCode.ts"
import * as StoredMessage from "../format/StoredMessage.ts"
import { RemotingError } from "../infra/remoting/RemotingError.ts"
import { CliFault } from "./CliFault.ts"
import type { ClusterClient, Queue } from "./ClusterClient.ts"

/** A message, and where its queue goes on after it. */
export type Read = StoredMessage.Decoded

const countMax = 32

/** Answers that mean: nothing here, and this is where to go on. */
const emptyCodes: ReadonlySet<number> = new Set([
  ResponseCode.PULL_NOT_FOUND,
  ResponseCode.PULL_RETRY_IMMEDIATELY,
  ResponseCode.PULL_OFFSET_MOVED,
])

export class QueueReader {
  readonly queue: Queue
  readonly #cluster: ClusterClient
  readonly #group: string
  readonly #subscription: Subscription.Subscription
  /** The queue's end when the reader was made: up to there a reader that does not follow goes. */
  readonly #endOffset: number
  #buffer: Array<Read> = []
  #pullOffset: number
  #committed: number
  /** The queue offset after the last message taken, when it was not the last of the buffer. */
  #takenOffset: number

  constructor(
    cluster: ClusterClient,
    queue: Queue,
    group: string,
    subscription: Subscription.Subscription,
    startOffset: number,
    endOffset: number,
  ) {
    this.#cluster = cluster
    this.queue = queue
    this.#group = group
    this.#subscription = subscription
    this.#pullOffset = startOffset
    this.#takenOffset = startOffset
    this.#committed = startOffset
    this.#endOffset = endOffset
  }

  /** The oldest message that was read and not taken. */
  get head(): Read | undefined {
    return this.#buffer[0]
  }

  /** Whether the queue held more than was pulled when the reader was made. */
  get isBehind(): boolean {
    return this.#pullOffset < this.#endOffset
  }

  take(): Read {
    const message = this.#buffer.shift()
    if (message === undefined) throw new Error("take without a head")
    this.#takenOffset = message.queueOffset + 1
    return message
  }

  /** The offset to commit: everything before it was taken or filtered out. Undefined when nothing has changed. */
  toCommit(): number | undefined {
    const offset = this.#buffer.length === 0 ? this.#pullOffset : this.#takenOffset
    if (offset === this.#committed) return undefined
    this.#committed = offset
    return offset
  }

  /** Pulls once; the broker may hold the request for `holdMs` until there is something. */
  async fill(holdMs: number): Promise<void> {
    const { brokerName, queueId, topic } = this.queue
    const { expressionType, subString } = this.#subscription
    const ext = PullMessage.encode({
      bname: brokerName,
      commitOffset: 0,
      consumerGroup: this.#group,
      expressionType,
      maxMsgNums: countMax,
      queueId,
      queueOffset: this.#pullOffset,
      subVersion: 0,
      subscription: subString,
      suspendTimeoutMillis: holdMs,
      sysFlag: PullFlag.SUBSCRIPTION | (holdMs > 0 ? PullFlag.SUSPEND : 0),
      topic,
    })
    const answer = await this.#cluster.ask(this.queue.address, { code: RequestCode.PULL_MESSAGE, ext }, holdMs + 10_000)
    if (answer instanceof RemotingError) throw this.#cluster.brokerSilent(this.queue, answer)
    if (answer.code !== ResponseCode.SUCCESS && !emptyCodes.has(answer.code))
      throw new CliFault(
        `The broker ${brokerName} does not let queue ${queueId} of ${topic} be read: ${responseCodeName(answer.code)}, ${answer.remark ?? "no reason given"}`,
      )
    const where = PullMessageAnswer.decode(answer.ext)
    if (where instanceof Malformed)
      throw new CliFault(`The broker ${brokerName} answers a pull without offsets: ${where.message}.`)
    this.#pullOffset = where.nextBeginOffset
    if (answer.code === ResponseCode.SUCCESS) this.#decode(answer.body)
  }

  #decode(body: Buffer): void {
    const { tagsSet } = this.#subscription
    for (let at = 0; at < body.length;) {
      const message = StoredMessage.decode(body, at)
      if (message instanceof Malformed)
        throw new CliFault(
          `The broker ${this.queue.brokerName} sent a message that cannot be read: ${message.message}.`,
        )
      at += message.sizeBytes
      // The broker compares hash codes of tags, which different tags may share.
      const tag = find(message.properties, PropertyName.TAGS)
      if (tagsSet.size === 0 || (tag !== undefined && tagsSet.has(tag))) this.#buffer.push(message)
    }
  }
}
