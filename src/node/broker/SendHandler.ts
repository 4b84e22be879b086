/**
 * Sends: SEND_MESSAGE, its V2 form, batches and replies. Judged by `Send.decide`, stored, and answered when the store says so.
 * The hot path of the broker: plain and synchronous, one object per message beside what the store makes.
 *
 * A message to a topic that must be created first waits for it, and so do those behind it to the same topic: messages
 * of one connection to one queue are stored in the order sent, pipelined or not (promise P2).
 */
import * as DelayLevel from "../../domain/DelayLevel.ts"
import * as Properties from "../../domain/Properties.ts"
import * as PutTimes from "../../domain/PutTimes.ts"
import type { Refusal } from "../../domain/Refusal.ts"
import * as Send from "../../domain/Send.ts"
import * as Transaction from "../../domain/Transaction.ts"
import * as Result from "effect/Result"
import * as Batch from "../../format/Batch.ts"
import { type Command, printedResponseHeader, serializeJson } from "../../format/Command.ts"
import { Malformed } from "../../format/Malformed.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as Format from "../../format/SendMessage.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { Appended, MessageIn, PutRefusal, PutWaiter, StoredStatus } from "../../infra/store/MessageStore.ts"
import { putRefusals } from "./putRefusals.ts"
import { answerMalformed, type BrokerState } from "./BrokerState.ts"
import { Replies, ReplyCall, type SendCall } from "./Replies.ts"
import type { Transactions } from "./Transactions.ts"

const noWait = "false"

export class SendHandler {
  readonly #state: BrokerState
  readonly #transactions: Transactions
  /** Sends that wait for their topic, by topic, in order of arrival. */
  readonly #creating = new Map<string, Array<() => void>>()
  readonly #replies: Replies

  constructor(state: BrokerState, transactions: Transactions) {
    this.#state = state
    this.#replies = new Replies(state)
    this.#transactions = transactions
  }

  readonly handle = (command: Command, call: Call): void => {
    const isV1 = command.code === RequestCode.SEND_MESSAGE || command.code === RequestCode.SEND_REPLY_MESSAGE
    const header = (isV1 ? Format.SendMessage : Format.SendMessageV2).decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    if (!Number.isSafeInteger(header.bornTimestamp))
      return this.#refuse(call, ResponseCode.MESSAGE_ILLEGAL, `bornTimestamp ${header.bornTimestamp} is no time in ms`)
    const waiting = this.#creating.get(header.topic)
    if (waiting === undefined) return this.#judge(command, header, command.body, call)
    const body = Buffer.from(command.body)
    waiting.push(() => this.#judge(command, header, body, call))
  }

  #judge(command: Command, header: Format.SendMessage, body: Buffer, call: Call): void {
    const state = this.#state
    const properties = header.properties ?? ""
    const isBatch = header.batch === true
    const decided = Send.decide(
      {
        bodySizeBytes: body.length,
        clientVersion: command.version,
        defaultTopic: header.defaultTopic,
        defaultTopicQueueNums: header.defaultTopicQueueNums,
        isBatch,
        isReply: Replies.isReply(command.code),
        maxReconsumeTimes: header.maxReconsumeTimes,
        pick: state.nextPick(),
        properties,
        queueId: header.queueId,
        reconsumeTimes: header.reconsumeTimes ?? 0,
        sysFlag: header.sysFlag,
        topic: header.topic,
      },
      state.sendView,
      state.sendSettings,
    )
    if (Result.isFailure(decided)) return this.#refuseAs(call, decided.failure)
    const accepted = decided.success
    if (Replies.isReply(command.code)) return this.#reply(accepted, header, Buffer.from(body), call)
    if (accepted.create.length === 0 && accepted.createGroup === undefined)
      return this.#store(accepted, header, body, isBatch, call)
    // The bytes of the request are the socket's: what waits keeps its own.
    this.#create(accepted, header, Buffer.from(body), isBatch, call)
  }

  /** A reply is handed on first, then stored; the answer tells of both. */
  #reply(accepted: Send.Accepted, header: Format.SendMessage, body: Buffer, call: Call): void {
    this.#replies.push(header, body, call, (pushed) => {
      if (!this.#state.config.storeReplyMessageEnable) return call.answer(pushed)
      this.#store(accepted, header, body, false, new ReplyCall(call, pushed))
    })
  }

  #create(accepted: Send.Accepted, header: Format.SendMessage, body: Buffer, isBatch: boolean, call: Call): void {
    const waiting: Array<() => void> = []
    this.#creating.set(header.topic, waiting)
    const groups = accepted.createGroup === undefined ? [] : [accepted.createGroup]
    this.#state.metadata.change(accepted.create, groups, (failure) => {
      this.#creating.delete(header.topic)
      if (failure === undefined) this.#store(accepted, header, body, isBatch, call)
      else this.#refuse(call, ResponseCode.SYSTEM_ERROR, `topic[${accepted.topic}] could not be created: ${failure}`)
      for (const run of waiting) run()
    })
  }

  #store(accepted: Send.Accepted, header: Format.SendMessage, body: Buffer, isBatch: boolean, call: SendCall): void {
    if (isBatch) return this.#storeBatch(accepted, header, body, call)
    const state = this.#state
    const stamped = Send.stampProperties(accepted.properties, state.stamp, state.newUniqKey)
    if (accepted.isHalf) return this.#storeHalf(accepted, header, stamped, body, call)
    const glance = Properties.glance(stamped)
    let place: DelayLevel.Placed = { properties: stamped, queueId: accepted.queueId, topic: accepted.topic }
    if (glance.delay !== undefined) {
      const placed = DelayLevel.rewrite({ ...place, sysFlag: accepted.sysFlag }, state.delayLevels)
      if (Result.isFailure(placed)) return this.#refuseAs(call, placed.failure)
      place = placed.success
    }
    const { properties, queueId, topic } = place
    const message: MessageIn = {
      body,
      bornHost: state.bornHost(call.connection),
      bornTimestamp: header.bornTimestamp,
      flag: header.flag,
      // The rewrite of a delayed message changes no property that a glance knows, but may clip its level.
      ...(properties === stamped ? { glance } : {}),
      preparedTransactionOffset: 0,
      properties,
      reconsumeTimes: header.reconsumeTimes ?? 0,
      sysFlag: accepted.sysFlag,
    }
    const waits = glance.wait !== noWait
    const waiter = new SendWaiter(state, call, accepted.queueId, glance.uniqKey)
    const put = state.store.put(state.store.queues.get(topic, queueId), message, waits ? waiter : undefined)
    if (typeof put === "string") return this.#refusePut(call, put)
    state.world.trace?.("Send", sent(put, glance.uniqKey))
    if (!waits) waiter.stored("Stored", put)
  }

  /** A half message: stored where no consumer looks, answered as if it lay in the queue that it is for. */
  #storeHalf(accepted: Send.Accepted, header: Format.SendMessage, stamped: string, body: Buffer, call: SendCall): void {
    const state = this.#state
    const { halfQueue, settings, table } = this.#transactions
    const { queueId, sysFlag, topic } = accepted
    const hidden = Transaction.hide({ properties: stamped, queueId, topic }, table.pending.size, settings)
    if (Result.isFailure(hidden)) return this.#refuseAs(call, hidden.failure)
    const properties = hidden.success
    const glance = Properties.glance(properties)
    const waits = glance.wait !== noWait
    const waiter = new SendWaiter(state, call, queueId, glance.uniqKey)
    const put = state.store.put(
      halfQueue,
      {
        body,
        bornHost: state.bornHost(call.connection),
        bornTimestamp: header.bornTimestamp,
        flag: header.flag,
        glance,
        preparedTransactionOffset: 0,
        properties,
        reconsumeTimes: header.reconsumeTimes ?? 0,
        sysFlag,
      },
      waits ? waiter : undefined,
    )
    if (typeof put === "string") return this.#refusePut(call, put)
    this.#transactions.begun(put, properties)
    state.world.trace?.("SendHalf", sent(put, glance.uniqKey))
    if (!waits) waiter.stored("Stored", put)
  }

  #storeBatch(accepted: Send.Accepted, header: Format.SendMessage, body: Buffer, call: SendCall): void {
    const state = this.#state
    const elements = Batch.decode(body)
    if (elements instanceof Malformed)
      return this.#refuse(
        call,
        ResponseCode.MESSAGE_ILLEGAL,
        `the batch cannot be read: ${elements.reason}. Nothing was stored.`,
      )
    const queue = state.store.queues.get(accepted.topic, accepted.queueId)
    const bornHost = state.bornHost(call.connection)
    const messages = elements.map(({ body: one, flag, properties }) => ({
      body: one,
      bornHost,
      bornTimestamp: header.bornTimestamp,
      flag,
      preparedTransactionOffset: 0,
      properties,
      reconsumeTimes: header.reconsumeTimes ?? 0,
      sysFlag: accepted.sysFlag,
    }))
    // Looked at before the first is put: a producer that is refused must be able to count on nothing being stored.
    const refusal = state.store.refusalOf(queue, messages)
    if (refusal !== undefined) return this.#refusePut(call, refusal)
    const last = messages.length - 1
    const uniqKey = Properties.find(header.properties ?? "", Properties.PropertyName.UNIQ_KEY)
    const waiter = new BatchWaiter(state, call, accepted.queueId, uniqKey)
    for (const [index, message] of messages.entries()) {
      const put = state.store.put(queue, message, index === last ? waiter : undefined)
      if (typeof put === "string") return this.#refusePut(call, put)
      const { properties } = message
      state.world.trace?.("Send", sent(put, Properties.find(properties, Properties.PropertyName.UNIQ_KEY)))
      waiter.add(put)
    }
  }

  #refuse(call: SendCall, code: number, remark: string): void {
    call.answer({ code, ext: this.#state.sendExt, remark })
  }

  #refuseAs(call: SendCall, refusal: Refusal): void {
    this.#refuse(call, ResponseCode[refusal.code], refusal.remark)
  }

  #refusePut(call: SendCall, refusal: PutRefusal): void {
    this.#state.counts.putFailed++
    const { code, remark } = putRefusals[refusal]
    this.#refuse(call, code, remark(this.#state.config.maxMessageSize))
  }
}

/** The fields of the trace event: where the message lies, which for a delayed one is the queue of its level. */
const sent = ({ commitLogOffset, queue, queueOffset }: Appended, uniqKey: string | undefined) => ({
  commitLogOffset,
  queueId: queue.queueId,
  queueOffset,
  topic: queue.topic,
  uniqKey,
})

/** Answers one send. */
class SendWaiter implements PutWaiter {
  readonly #state: BrokerState
  readonly #call: SendCall
  readonly #queueId: number
  readonly #transactionId: string | undefined

  constructor(state: BrokerState, call: SendCall, queueId: number, transactionId: string | undefined) {
    this.#state = state
    this.#call = call
    this.#queueId = queueId
    this.#transactionId = transactionId
  }

  stored(status: StoredStatus, record: Appended): void {
    // One in sixteen is timed: the clock is asked for nothing else here.
    if ((record.queueOffset & 15) === 0)
      PutTimes.note(this.#state.putTimes, this.#state.world.clock.monotonicMs() - record.appendedAtMs)
    answerStored(this.#state, this.#call, status, {
      msgId: this.#state.messageId(record.commitLogOffset),
      queueId: this.#queueId,
      queueOffset: record.queueOffset,
      transactionId: this.#transactionId,
    })
  }
}

/** Answers a batch, when its last message is stored: the log is in order, so the others are too. */
class BatchWaiter implements PutWaiter {
  readonly #state: BrokerState
  readonly #call: SendCall
  readonly #queueId: number
  readonly #transactionId: string | undefined
  readonly #offsets: Array<number> = []
  #first = -1

  constructor(state: BrokerState, call: SendCall, queueId: number, transactionId: string | undefined) {
    this.#state = state
    this.#call = call
    this.#queueId = queueId
    this.#transactionId = transactionId
  }

  add(record: Appended): void {
    if (this.#first < 0) this.#first = record.queueOffset
    this.#offsets.push(record.commitLogOffset)
  }

  stored(status: StoredStatus): void {
    answerStored(this.#state, this.#call, status, {
      msgId: this.#offsets.map((offset) => this.#state.messageId(offset)).join(","),
      queueId: this.#queueId,
      queueOffset: this.#first,
      transactionId: this.#transactionId,
    })
  }
}

const answerStored = (
  state: BrokerState,
  call: SendCall,
  status: StoredStatus,
  ext: {
    readonly msgId: string
    readonly queueId: number
    readonly queueOffset: number
    readonly transactionId: string | undefined
  },
): void => {
  if (status === "Failed")
    return call.answer({
      code: ResponseCode.SERVICE_NOT_AVAILABLE,
      ext: state.sendExt,
      remark: "the store failed to sync: whether the message is on disk is unknown. Send it to another broker.",
    })
  const code = status === "Stored" ? ResponseCode.SUCCESS : ResponseCode.FLUSH_DISK_TIMEOUT
  if (call.serialize !== serializeJson) return call.answer({ code, ext: { ...ext, ...state.sendExt } })
  const { msgId, queueId, queueOffset, transactionId } = ext
  const members = Format.printAnswer(msgId, queueId, queueOffset, transactionId, state.sendExtPrinted)
  call.answerHeader(printedResponseHeader(code, call.opaque, members))
}
