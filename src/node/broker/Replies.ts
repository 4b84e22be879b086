/**
 * Replies on their way to the requester: SEND_REPLY_MESSAGE and its V2 form. Whom a reply goes to, and whether it may, is
 * decided in `RequestReply`; here the requester is asked to take it. A reply is in hand until its requester has answered,
 * and weighs as long in the account of the connection that it came on (P11).
 */
import * as ProducerGroup from "../../domain/ProducerGroup.ts"
import * as RequestReply from "../../domain/RequestReply.ts"
import type { Refusal } from "../../domain/Refusal.ts"
import * as Result from "effect/Result"
import * as Host from "../../format/Host.ts"
import { serializeBinary } from "../../format/Command.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as Format from "../../format/SendMessage.ts"
import type { Answer, Call } from "../../infra/remoting/Call.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import type { BrokerState } from "./BrokerState.ts"

/** How long a requester may take to confirm a reply, ms. */
const pushTimeoutMs = 10_000

/** What a replier is answered, but for what the store adds. */
export interface Pushed extends Answer {
  readonly ext: NonNullable<Answer["ext"]>
}

/** What a send needs of its call. */
export type SendCall = Pick<Call, "answer" | "answerHeader" | "connection" | "opaque" | "serialize">

/** The call of a reply that was pushed and is being stored: only the push decides whether it succeeded. */
export class ReplyCall implements SendCall {
  readonly connection: Call["connection"]
  readonly opaque: number
  /** Has whoever answers give parameters and not a printed header: they are merged here. */
  readonly serialize = serializeBinary
  readonly #call: Call
  readonly #pushed: Pushed

  constructor(call: Call, pushed: Pushed) {
    this.connection = call.connection
    this.opaque = call.opaque
    this.#call = call
    this.#pushed = pushed
  }

  answer({ ext }: Answer): void {
    const { transactionId: _, ...stored } = ext ?? {}
    this.#call.answer({ ...this.#pushed, ext: { ...this.#pushed.ext, ...stored } })
  }

  answerHeader(): void {
    this.answer(this.#pushed)
  }
}

export class Replies {
  readonly #state: BrokerState

  constructor(state: BrokerState) {
    this.#state = state
  }

  static isReply(code: number): boolean {
    return code === RequestCode.SEND_REPLY_MESSAGE || code === RequestCode.SEND_REPLY_MESSAGE_V2
  }

  /** Pushes a reply to its requester; `done` runs once with the answer that the replier gets for it. */
  push(header: Format.SendMessage, body: Buffer, call: Call, done: (pushed: Pushed) => void): void {
    const { config, producers, sendExt } = this.#state
    const ext = { msgId: "0", queueId: header.queueId, queueOffset: 0, ...sendExt }
    const failed = (remark: string): void => done({ code: ResponseCode.SYSTEM_ERROR, ext, remark })
    const refused = (refusal: Refusal): void => done({ code: ResponseCode[refusal.code], ext, remark: refusal.remark })
    const requester = RequestReply.requesterOf(header.properties ?? "")
    if (Result.isFailure(requester)) return refused(requester.failure)
    const clientId = requester.success
    const client = ProducerGroup.findClient(producers, clientId)
    const may = RequestReply.mayPush(clientId, client?.connection.unsentBytes())
    if (Result.isFailure(may)) return refused(may.failure)
    const pushed = { body, code: RequestCode.PUSH_REPLY_MESSAGE_TO_CLIENT, ext: this.#pushExt(header, call) }
    client!.connection.ask(pushed, pushTimeoutMs, (outcome) => {
      if (outcome instanceof RemotingError)
        return failed(
          `push reply message to <${clientId}> fail: ${outcome.message}. The broker is ${config.brokerName}.`,
        )
      if (outcome.code === ResponseCode.SUCCESS) return done({ code: ResponseCode.SUCCESS, ext })
      failed(`push reply message to <${clientId}> fail, the client answered ${outcome.code}: ${outcome.remark ?? ""}`)
    })
  }

  #pushExt(header: Format.SendMessage, call: Call) {
    const { brokerAddr, config, sendExt, world } = this.#state
    const nowMs = world.clock.nowMs()
    const stamp = { regionId: config.regionId, traceOn: sendExt.TRACE_ON }
    return Format.PushReplyMessage.encode({
      bornHost: Host.print(this.#state.bornHost(call.connection)),
      bornTimestamp: header.bornTimestamp,
      defaultTopic: header.defaultTopic,
      defaultTopicQueueNums: header.defaultTopicQueueNums,
      flag: header.flag,
      producerGroup: header.producerGroup,
      properties: RequestReply.pushedProperties(header.properties ?? "", stamp, nowMs),
      queueId: header.queueId,
      reconsumeTimes: header.reconsumeTimes ?? 0,
      storeHost: brokerAddr,
      storeTimestamp: nowMs,
      sysFlag: header.sysFlag,
      topic: header.topic,
      unitMode: header.unitMode ?? false,
    })
  }
}
