/** CONSUMER_SEND_MSG_BACK (36): a failed message waits and comes again, or becomes a dead letter. Decided in `Retry`. */
import * as DelayLevel from "../../domain/DelayLevel.ts"
import * as Retry from "../../domain/Retry.ts"
import * as Statistics from "../../domain/Statistics.ts"
import * as Result from "effect/Result"
import type { Command } from "../../format/Command.ts"
import { Malformed } from "../../format/Malformed.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as Format from "../../format/SendMessage.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import type { StoredStatus } from "../../infra/store/MessageStore.ts"
import { answerMalformed, answerRefusal, type BrokerState } from "./BrokerState.ts"
import { putRefusals } from "./putRefusals.ts"

export class RetryHandler {
  readonly #state: BrokerState

  constructor(state: BrokerState) {
    this.#state = state
  }

  readonly handle = (command: Command, call: Call): void => {
    const header = Format.ConsumerSendMsgBack.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    this.#state.store.lookAt(header.offset, (message, error) => {
      if (error === undefined) return this.#decide(command, header, message, call)
      call.answer({
        code: ResponseCode.SYSTEM_ERROR,
        remark: `the message cannot be read now: ${error.message}. Send it back again.`,
      })
    })
  }

  #decide(command: Command, header: Format.ConsumerSendMsgBack, message: StoredMessage | undefined, call: Call): void {
    const state = this.#state
    const decided = Retry.decide(
      {
        clientVersion: command.version,
        delayLevel: header.delayLevel,
        group: header.group,
        maxReconsumeTimes: header.maxReconsumeTimes,
        pick: state.nextPick(),
      },
      message === undefined ? undefined : { ...message, msgId: state.messageId(message.physicalOffset) },
      state.sendView,
      state.retrySettings,
    )
    if (Result.isFailure(decided)) return answerRefusal(call, decided.failure)
    const decision = decided.success
    const create = decision._tag === "Dropped" ? [] : decision.create
    const groups = decision.createGroup === undefined ? [] : [decision.createGroup]
    const go = (): void => {
      if (decision._tag === "Dropped" || message === undefined) return call.answer({ code: ResponseCode.SUCCESS })
      this.#store(decision, header, message, call)
    }
    if (create.length === 0 && groups.length === 0) return go()
    state.metadata.change(create, groups, (failure) => {
      if (failure === undefined) return go()
      call.answer({ code: ResponseCode.SYSTEM_ERROR, remark: `the retry topic could not be created: ${failure}` })
    })
  }

  #store(
    decision: Exclude<Retry.Decision, { readonly _tag: "Dropped" }>,
    header: Format.ConsumerSendMsgBack,
    message: StoredMessage,
    call: Call,
  ): void {
    const state = this.#state
    const { queueId, reconsumeTimes, topic } = decision
    const placed = DelayLevel.rewrite(
      { properties: decision.properties, queueId, sysFlag: message.sysFlag, topic },
      state.delayLevels,
    )
    if (Result.isFailure(placed)) return answerRefusal(call, placed.failure)
    const target = placed.success
    const stored = (status: StoredStatus): void => {
      // The consumer forgets the message with this answer: anything less than a sync is told as a failure (P1, P4).
      if (status !== "Stored")
        return call.answer({
          code: ResponseCode.SYSTEM_ERROR,
          remark: "the retry is not known to be on disk: send the message back again",
        })
      const name = decision._tag === "DeadLetter" ? "DLQ_PUT_NUMS" : "SNDBCK_PUT_NUMS"
      const key = `${message.topic}@${header.group}`
      Statistics.raise(state.statistics, name, key, 1, 1, state.world.clock.nowMs())
      call.answer({ code: ResponseCode.SUCCESS })
    }
    const put = state.store.put(
      state.store.queues.get(target.topic, target.queueId),
      {
        body: message.body,
        bornHost: message.bornHost,
        bornTimestamp: message.bornTimestamp,
        flag: message.flag,
        preparedTransactionOffset: 0,
        properties: target.properties,
        reconsumeTimes,
        sysFlag: message.sysFlag,
      },
      { stored },
    )
    if (typeof put === "string") {
      const { code, remark } = putRefusals[put]
      return call.answer({ code, remark: remark(state.config.maxMessageSize) })
    }
    state.world.trace?.(decision._tag, {
      commitLogOffset: put.commitLogOffset,
      group: header.group,
      reconsumeTimes,
      sourceCommitLogOffset: message.physicalOffset,
    })
  }
}
