/** Sends one message to one queue, and says what the broker made of it. */
import * as Properties from "../domain/Properties.ts"
import * as Topic from "../domain/Topic.ts"
import { Malformed } from "../format/Malformed.ts"
import { RequestCode } from "../format/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../format/ResponseCode.ts"
import * as SendMessage from "../format/SendMessage.ts"
import { RemotingError } from "../infra/remoting/RemotingError.ts"
import { CliFault } from "./CliFault.ts"
import type { ClusterClient, Queue } from "./ClusterClient.ts"
import { MessageIds } from "./MessageIds.ts"

/** What RocketMQ's clients ask for when a topic is made by its first message. */
export const defaultTopicQueueNums = 4

/** A message that the broker has. */
export interface Sent {
  /** In RocketMQ's words; all but SEND_OK leave open what a crash would leave of it. */
  readonly status: string
  readonly isOnDisk: boolean
  /** Its unique id, given here. */
  readonly id: string
  readonly queueId: number
  readonly queueOffset: number
}

export class MessageSender {
  readonly #cluster: ClusterClient
  readonly #ids = new MessageIds()

  constructor(cluster: ClusterClient) {
    this.#cluster = cluster
  }

  /**
   * Throws a `CliFault` when the broker has not taken the message, or does not say so. `kept` is what it keeps of a message
   * that it is sent again of.
   */
  async send(
    queue: Queue,
    properties: ReadonlyArray<readonly [string, string]>,
    body: Buffer,
    kept: { readonly id?: string | undefined; readonly flag?: number } = {},
  ): Promise<Sent> {
    const id = kept.id ?? this.#ids.next()
    const ext = SendMessage.SendMessageV2.encode({
      batch: false,
      bname: queue.brokerName,
      bornTimestamp: Date.now(),
      defaultTopic: Topic.TopicName.AUTO_CREATE_TOPIC_KEY,
      defaultTopicQueueNums,
      flag: kept.flag ?? 0,
      producerGroup: "gantry-produce",
      properties: Properties.print([...properties, [Properties.PropertyName.UNIQ_KEY, id]]),
      queueId: queue.queueId,
      reconsumeTimes: 0,
      sysFlag: 0,
      topic: queue.topic,
      unitMode: false,
    })
    const answer = await this.#cluster.ask(queue.address, { body, code: RequestCode.SEND_MESSAGE_V2, ext })
    if (answer instanceof RemotingError) throw this.#cluster.brokerSilent(queue, answer)
    const stored = SendMessage.SendMessageAnswer.decode(answer.ext)
    const status = statuses.get(answer.code)
    if (status === undefined || stored instanceof Malformed)
      throw new CliFault(
        `The broker ${queue.brokerName} refuses the message: ${responseCodeName(answer.code)}${answer.remark === undefined ? "" : `, ${answer.remark}`}`,
      )
    const { queueId, queueOffset } = stored
    return { id, isOnDisk: answer.code === ResponseCode.SUCCESS, queueId, queueOffset, status }
  }
}

/** What an answer says of a message that the broker has. */
const statuses: ReadonlyMap<number, string> = new Map([
  [ResponseCode.SUCCESS, "SEND_OK"],
  [ResponseCode.FLUSH_DISK_TIMEOUT, "FLUSH_DISK_TIMEOUT"],
  [ResponseCode.SLAVE_NOT_AVAILABLE, "SLAVE_NOT_AVAILABLE"],
  [ResponseCode.FLUSH_SLAVE_TIMEOUT, "FLUSH_SLAVE_TIMEOUT"],
])
