/**
 * Rounds of checks: every transactionCheckInterval, producers of undecided transactions are asked what became of them
 * (CHECK_TRANSACTION_STATE, 39), any one of the group, since who sent the half may be gone. Decided in `Transaction`.
 *
 * A check is a record first: a copy of the half that counts it. Only when it is on disk is the producer asked, so that no
 * crash makes the count forget one.
 */
import * as ProducerGroup from "../../domain/ProducerGroup.ts"
import * as Properties from "../../domain/Properties.ts"
import { PropertyName } from "../../domain/Properties.ts"
import * as Topic from "../../domain/Topic.ts"
import { TopicName } from "../../domain/Topic.ts"
import * as Transaction from "../../domain/Transaction.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import * as Format from "../../format/SendMessage.ts"
import * as Stored from "../../format/StoredMessage.ts"
import type { StoredMessage } from "../../format/StoredMessage.ts"
import type { DiskError } from "../../infra/disk/Disk.ts"
import type { BrokerState } from "./BrokerState.ts"
import type { Transactions } from "./Transactions.ts"

/** Half messages that are read and copied at once. */
const underWayMax = 32
/** A producer that does not read its socket is not asked: another of its group may. */
const unsentBytesMax = 4 * 1024 * 1024

type Due = ReturnType<typeof Transaction.due>[number]

export class TransactionChecks {
  readonly #state: BrokerState
  readonly #transactions: Transactions
  #due: ReadonlyArray<Due> = []
  #next = 0
  #underWay = 0
  #cancel: (() => void) | undefined
  #isStopped = false

  constructor(state: BrokerState, transactions: Transactions) {
    this.#state = state
    this.#transactions = transactions
  }

  start(): void {
    this.#cancel = this.#state.world.clock.after(this.#state.config.transactionCheckInterval, () => this.#round())
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #round(): void {
    const { settings, table } = this.#transactions
    this.#due = Transaction.due(table, this.#state.world.clock.nowMs(), settings)
    this.#next = 0
    this.#work()
  }

  /** Goes on with the round; when it is over, notes how far the queues are settled and waits for the next. */
  #work(): void {
    while (!this.#isStopped && this.#underWay < underWayMax && this.#next < this.#due.length)
      this.#look(this.#due[this.#next++]!)
    if (this.#isStopped || this.#underWay > 0) return
    this.#due = []
    this.#transactions.noteProgress()
    this.start()
  }

  #look({ half, verdict }: Due): void {
    // Ended meanwhile.
    if (this.#transactions.table.pending.get(half.id) !== half) return
    this.#underWay++
    this.#state.store.lookAt(half.commitLogOffset, (record, error) => {
      // In a turn of its own: a record that is in memory comes at once, and the loop must not go on from within itself.
      this.#state.world.clock.soon(() => {
        this.#underWay--
        if (this.#isStopped) return
        if (this.#transactions.table.pending.get(half.id) === half) this.#settle(half, verdict, record, error)
        this.#work()
      })
    })
  }

  #settle(
    half: Transaction.Half,
    verdict: Due["verdict"],
    record: StoredMessage | undefined,
    error: DiskError | undefined,
  ): void {
    const { log } = this.#state.world
    // A copy that the disk has not taken yet: it is asked about when it has.
    if (half.commitLogOffset >= this.#state.store.log.readableOffset) return
    if (error !== undefined) return log.warn(`a half message cannot be read: ${error.message}; trying again`)
    if (record === undefined) {
      log.error("a half message cannot be read or was deleted: its transaction is given up", { ...half })
      return this.#transactions.apply({ _tag: "Ended", id: half.id, outcome: "GaveUp" }, half.commitLogOffset)
    }
    if (verdict === "Ask") this.#ask(half, record)
    else this.#giveUp(half, record)
  }

  #ask(half: Transaction.Half, record: StoredMessage): void {
    const { config, store, world } = this.#state
    const properties = Transaction.copyProperties(record.properties, config.transactionCheckMax)
    const checks = Number(Properties.find(properties, PropertyName.TRANSACTION_CHECK_TIMES))
    const { id } = half
    const put = store.put(
      this.#transactions.halfQueue,
      { ...record, preparedTransactionOffset: id, properties },
      {
        isPatient: true,
        stored: (status, { commitLogOffset, queueOffset, storeTimestamp }) => {
          if (status !== "Stored" || this.#isStopped) return
          // Its end came in while the copy was on its way.
          if (this.#transactions.table.pending.get(id)?.commitLogOffset !== commitLogOffset) return
          this.#tell({
            ...record,
            physicalOffset: commitLogOffset,
            preparedTransactionOffset: id,
            properties,
            queueOffset,
            storeTimestamp,
          })
        },
      },
      true,
    )
    // No room now: it stays as it is until the next round.
    if (typeof put === "string") return
    const { commitLogOffset, queueOffset } = put
    this.#transactions.apply({ _tag: "Copied", checks, commitLogOffset, id, queueOffset }, commitLogOffset)
    world.trace?.("Check", { checks, commitLogOffset, id, queueOffset })
  }

  /** Asks one producer of the group, by turns. Nobody there: asked again with the next round, and counted all the same. */
  #tell(copy: StoredMessage): void {
    const { config, producers } = this.#state
    const group = Properties.find(copy.properties, PropertyName.PGROUP) ?? ""
    const producer = ProducerGroup.pick(
      producers,
      group,
      (connection) => !connection.isClosed && connection.unsentBytes() < unsentBytesMax,
    )
    if (producer === undefined) return
    this.#state.world.trace?.("Ask", { commitLogOffset: copy.physicalOffset, id: copy.preparedTransactionOffset })
    const topic = Properties.find(copy.properties, PropertyName.REAL_TOPIC) ?? ""
    const uniqKey = Properties.find(copy.properties, PropertyName.UNIQ_KEY)
    producer.connection.tell({
      body: Stored.encode({
        ...copy,
        preparedTransactionOffset: 0,
        queueId: Transaction.realQueueId(copy.properties),
        topic,
        version: Stored.versionFor(topic),
      }),
      code: RequestCode.CHECK_TRANSACTION_STATE,
      ext: Format.CheckTransactionState.encode({
        bname: config.brokerName,
        commitLogOffset: copy.physicalOffset,
        ...(uniqKey === undefined ? {} : { msgId: uniqKey, transactionId: uniqKey }),
        offsetMsgId: this.#state.messageId(copy.physicalOffset),
        topic: TopicName.TRANS_HALF,
        tranStateTableOffset: copy.queueOffset,
      }),
    })
  }

  /** Nobody said what became of it: it goes where an administrator finds it. */
  #giveUp(half: Transaction.Half, record: StoredMessage): void {
    const { metadata, store, world } = this.#state
    const topic = TopicName.TRANS_CHECK_MAX_TIME
    if (!metadata.topics.has(topic)) {
      // With the next round it is there.
      return metadata.change([Topic.make(topic, 1)], [], (failure) => {
        if (failure !== undefined) world.log.warn(`topic ${topic} cannot be created: ${failure}; trying again`)
        else if (this.#transactions.table.pending.get(half.id) === half) this.#giveUp(half, record)
      })
    }
    const put = store.put(
      store.queues.get(topic, 0),
      { ...record, preparedTransactionOffset: half.id },
      { isPatient: true, stored: () => {} },
      true,
    )
    if (typeof put === "string") return
    this.#transactions.apply({ _tag: "Ended", id: half.id, outcome: "GaveUp" }, put.commitLogOffset)
    world.trace?.("GiveUp", { commitLogOffset: put.commitLogOffset, id: half.id })
    world.log.warn("a transaction is given up: no producer of its group has said what became of it", {
      checks: half.checks,
      msgId: this.#state.messageId(put.commitLogOffset),
      producerGroup: Properties.find(record.properties, PropertyName.PGROUP),
      topic: Properties.find(record.properties, PropertyName.REAL_TOPIC),
    })
  }
}
