/**
 * Transactions of producers: half messages, END_TRANSACTION (37) and RESUME_CHECK_HALF_MESSAGE (323). Decided in
 * `Transaction`; rounds of checks are in `TransactionChecks`, op messages in `OpJournal` (promise P6).
 *
 * What is undecided is a fold of the log: the half queue from the group's offset on, without the halves that op
 * messages settle, and without those whose commit lies in the log while its op message did not get there any more.
 */
import * as Result from "effect/Result"
import * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import { MessageFlag, withTransactionType } from "../../domain/SysFlag.ts"
import { TopicName } from "../../domain/Topic.ts"
import * as Transaction from "../../domain/Transaction.ts"
import * as Admin from "../../format/Admin.ts"
import type { Command } from "../../format/Command.ts"
import { isBlank } from "../../format/ConsumeQueueEntry.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as MessageId from "../../format/MessageId.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as Format from "../../format/SendMessage.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import type { Call } from "../../infra/remoting/Call.ts"
import { failed } from "../../infra/remoting/TypedHandler.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import type { Appended, PutRefusal, StoredStatus } from "../../infra/store/MessageStore.ts"
import { answerMalformed, answerRefusal, type BrokerState } from "./BrokerState.ts"
import { OpJournal } from "./OpJournal.ts"
import { putRefusals } from "./putRefusals.ts"

export class Transactions {
  readonly ops: OpJournal
  #table = Transaction.make()
  readonly #state: BrokerState
  /** Calls that wait until a commit under way is a fact, by transaction. */
  readonly #committing = new Map<number, Array<Call>>()
  /** Only then the table is what the log says: before, nothing would seem undecided. */
  #isLoaded = false
  #isStopped = false

  constructor(state: BrokerState) {
    this.#state = state
    this.ops = new OpJournal(state)
    this.ops.onTold = () => this.noteProgress()
    state.undecidedTransactions = () => this.#table.pending.size
  }

  get table(): Transaction.Transactions {
    return this.#table
  }

  get settings(): Transaction.Settings {
    const { config } = this.#state
    return {
      checkMax: config.transactionCheckMax,
      pendingMax: config.transactionPendingMax,
      reservedMs: config.fileReservedTime * 3_600_000,
      timeOutMs: config.transactionTimeOut,
    }
  }

  get halfQueue(): ConsumeQueue {
    return this.#state.store.queues.get(TopicName.TRANS_HALF, Transaction.halfQueueId)
  }

  /** Folds what the log says: what is undecided now. Throws what the disk throws; then nothing is noted. */
  load(): void {
    const { metadata, store, world } = this.#state
    const queue = this.halfQueue
    queue.correctMin(store.log.minOffset)
    const settled = this.ops.load(this.#noted(TopicName.TRANS_OP_HALF))
    const restoring = Transaction.restoring()
    const { endedHalves } = metadata
    const from = Math.max(this.#noted(TopicName.TRANS_HALF), queue.minOffset)
    for (let queueOffset = from; queueOffset < queue.maxOffset; queueOffset++) {
      if (settled.has(queueOffset)) continue
      const entry = queue.entrySync(queueOffset)
      const record =
        entry === undefined || isBlank(entry.sizeBytes) ? undefined : store.recordAtSync(entry.commitLogOffset)
      if (record === undefined) {
        world.log.error("a half message cannot be read: its transaction is lost", { queueOffset })
        continue
      }
      const first =
        record.preparedTransactionOffset > 0 ? store.recordAtSync(record.preparedTransactionOffset) : undefined
      const begunMs = first?.storeTimestamp ?? record.storeTimestamp
      const left = Transaction.restore(restoring, record, begunMs, (offset) => endedHalves.has(offset))
      if (left !== undefined) this.ops.add(left, metadata.transactionsPosition)
    }
    this.#table = restoring.table
    for (const [id, outcome] of endedHalves) this.#table.ended.set(id, outcome)
    endedHalves.clear()
    this.#isLoaded = true
    metadata.transactionsNoted = (readableOffset) => this.ops.position(readableOffset)
  }

  /** After the last request: what is settled is told in the log before it closes. */
  stop(): void {
    this.#isStopped = true
    if (!this.#isLoaded) return
    this.ops.onTold = () => {}
    this.noteProgress()
    this.ops.stop()
  }

  /** Applies a fact that the record at `commitLogOffset` is. */
  apply(event: Transaction.Event, commitLogOffset: number): void {
    const settled = Transaction.evolve(this.#table, event)
    if (settled !== undefined) this.ops.add(settled, commitLogOffset)
  }

  /** A half message was appended. */
  begun({ commitLogOffset, queue, queueOffset, storeTimestamp }: Appended, properties: string): void {
    const record = {
      physicalOffset: commitLogOffset,
      preparedTransactionOffset: 0,
      properties,
      queueId: queue.queueId,
      queueOffset,
      storeTimestamp,
      topic: queue.topic,
    }
    this.apply({ _tag: "Begun", half: Transaction.halfOf(record, storeTimestamp) }, commitLogOffset)
  }

  /** The group's offsets follow: what a start, here or in Apache RocketMQ, need not look at again. */
  noteProgress(): void {
    const half = Transaction.progress(this.#table, this.halfQueue.nextOffset, this.ops.untoldOffset)
    this.#note(TopicName.TRANS_HALF, half)
    this.#note(TopicName.TRANS_OP_HALF, this.ops.progress(half))
  }

  #note(topic: string, queueOffset: number): void {
    const { metadata, world } = this.#state
    if (queueOffset === this.#noted(topic)) return
    const committed = ConsumerOffset.commit(metadata.offsets, {
      clientId: undefined,
      group: Transaction.consumerGroup,
      holder: undefined,
      nowMs: world.clock.nowMs(),
      queueId: Transaction.halfQueueId,
      queueOffset,
      topic,
    })
    if (committed === "Stored") metadata.offsetCommitted()
  }

  #noted(topic: string): number {
    const { offsets } = this.#state.metadata
    return ConsumerOffset.query(offsets, Transaction.consumerGroup, topic, Transaction.halfQueueId) ?? 0
  }

  /** END_TRANSACTION (37). "Unknown" is never answered, asked for or not: RocketMQ's clients do not wait for it. */
  readonly end = (command: Command, call: Call): void => {
    const header = Format.EndTransaction.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    if (header.commitOrRollback === MessageFlag.TRANSACTION_NONE) return call.drop()
    const answer = answers.get(header.commitOrRollback)
    if (answer === undefined)
      return call.answer(
        failed(`commitOrRollback ${header.commitOrRollback} is no decision: 8 commits, 12 rolls back, 0 says nothing.`),
      )
    this.#state.store.lookAt(header.commitLogOffset, (record, error) => {
      if (this.#isStopped) return call.drop()
      if (error !== undefined)
        return call.answer(failed(`the half message cannot be read now: ${error.message}. End it again.`))
      this.#end(
        {
          answer,
          commitLogOffset: header.commitLogOffset,
          isFromCheck: header.fromTransactionCheck === true,
          messageIds: [header.transactionId ?? "", header.msgId],
          nowMs: this.#state.world.clock.nowMs(),
          producerGroup: header.producerGroup,
          queueOffset: header.tranStateTableOffset,
        },
        record,
        call,
      )
    })
  }

  #end(end: Transaction.End, record: StoredMessage | undefined, call: Call): void {
    const { metadata, world } = this.#state
    const decided = Transaction.decideEnd(this.#table, end, record, (name) => metadata.topics.get(name), this.settings)
    if (Result.isFailure(decided)) {
      // Most ends are oneway: whoever sent it hears nothing.
      if (call.isOneway) world.log.warn(`the end of a transaction is refused: ${decided.failure.remark}`)
      return answerRefusal(call, decided.failure)
    }
    const ending = decided.success
    world.trace?.("End", { answer: end.answer, commitLogOffset: end.commitLogOffset, id: ending.id })
    switch (ending._tag) {
      case "Deliver":
        return this.#commit(ending, record!, call)
      case "RollBack":
        return this.#rollBack(ending.id, end.commitLogOffset, call)
      case "Same": {
        const waiting = this.#committing.get(ending.id)
        if (waiting === undefined) this.#answer(call, ending.id, "Stored")
        else waiting.push(call)
      }
    }
  }

  #commit(
    { id, properties, queueId, topic }: Extract<Transaction.Ending, { readonly _tag: "Deliver" }>,
    half: StoredMessage,
    call: Call,
  ): void {
    const { store, world } = this.#state
    const waiting = [call]
    const put = store.put(
      store.queues.get(topic, queueId),
      {
        ...half,
        preparedTransactionOffset: id,
        properties,
        sysFlag: withTransactionType(half.sysFlag, MessageFlag.TRANSACTION_COMMIT),
      },
      {
        // A commit answered is a commit delivered: nothing is said before it is.
        isPatient: true,
        stored: (status) => {
          this.#committing.delete(id)
          for (const one of waiting) this.#answer(one, id, status)
        },
      },
      true,
    )
    if (typeof put === "string") return this.#refusePut(call, put)
    this.#committing.set(id, waiting)
    this.apply({ _tag: "Ended", id, outcome: "Committed" }, put.commitLogOffset)
    const { commitLogOffset } = put
    world.trace?.("WriteReal", { commitLogOffset, id, queueId, source: half.physicalOffset, topic })
  }

  #rollBack(id: number, source: number, call: Call): void {
    const settled = Transaction.evolve(this.#table, { _tag: "Ended", id, outcome: "RolledBack" })
    this.#state.world.trace?.("RollBack", { id, source })
    if (settled === undefined) return call.answer({ code: ResponseCode.SUCCESS })
    this.ops.addNow(settled, (isStored) => this.#answer(call, id, isStored ? "Stored" : "Failed"))
  }

  #answer(call: Call, id: number, status: StoredStatus): void {
    if (status === "Stored" && !call.isOneway) {
      const outcome = this.#table.ended.get(id)
      this.#state.world.trace?.("Answer", { answer: outcome === "Committed" ? "Commit" : "Rollback", id })
    }
    answerEnd(call, status)
  }

  #refusePut(call: Call, refusal: PutRefusal): void {
    const { code, remark } = putRefusals[refusal]
    call.answer({ code, remark: remark(this.#state.config.maxMessageSize) })
  }

  /** RESUME_CHECK_HALF_MESSAGE (323): a transaction that was given up is checked again from the beginning. */
  readonly resume = (command: Command, call: Call): void => {
    const header = Admin.ResumeCheckHalfMessage.decode(command.ext)
    if (header instanceof Malformed) return answerMalformed(call, header)
    const id = MessageId.decode(header.msgId)
    if (id instanceof Malformed)
      return call.answer(failed(`msgId ${header.msgId.slice(0, 64)} is no offset message id: ${id.reason}.`))
    this.#state.store.lookAt(id.physicalOffset, (record, error) => {
      if (error !== undefined) return call.answer(failed(`the message cannot be read now: ${error.message}`))
      this.#resume(record, header.msgId, call)
    })
  }

  #resume(record: StoredMessage | undefined, msgId: string, call: Call): void {
    const { store } = this.#state
    const decided = Transaction.decideResume(this.#table, record, msgId)
    if (Result.isFailure(decided)) return answerRefusal(call, decided.failure)
    const { id, properties } = decided.success
    if (this.#table.pending.has(id) || record === undefined) return call.answer({ code: ResponseCode.SUCCESS })
    const put = store.put(
      this.halfQueue,
      { ...record, preparedTransactionOffset: id, properties },
      { isPatient: true, stored: (status) => answerEnd(call, status) },
      true,
    )
    if (typeof put === "string") return this.#refusePut(call, put)
    const half = {
      physicalOffset: put.commitLogOffset,
      preparedTransactionOffset: id,
      properties,
      queueId: Transaction.halfQueueId,
      queueOffset: put.queueOffset,
      storeTimestamp: put.storeTimestamp,
      topic: TopicName.TRANS_HALF,
    }
    this.apply({ _tag: "Begun", half: Transaction.halfOf(half, put.storeTimestamp) }, put.commitLogOffset)
  }
}

const answers: ReadonlyMap<number, Transaction.End["answer"]> = new Map([
  [MessageFlag.TRANSACTION_COMMIT, "Commit"],
  [MessageFlag.TRANSACTION_ROLLBACK, "Rollback"],
])

const answerEnd = (call: Call, status: StoredStatus): void => {
  if (status === "Stored") return call.answer({ code: ResponseCode.SUCCESS })
  call.answer({
    code: ResponseCode.SERVICE_NOT_AVAILABLE,
    remark:
      "the store failed to sync: whether the transaction has ended is unknown. End it again, or wait for a check.",
  })
}
