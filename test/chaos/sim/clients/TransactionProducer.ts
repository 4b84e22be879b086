/**
 * A producer of transactions: sends half messages, ends most of them, some twice, late or against its own word, leaves
 * others to be asked about, and answers what the brokers ask of its group. It remembers nothing over its own end but what
 * its database, the history, has.
 */
import type { MessageQueue } from "../../../../src/domain/MessageQueue.ts"
import * as Properties from "../../../../src/domain/Properties.ts"
import { PropertyName } from "../../../../src/domain/Properties.ts"
import { MessageFlag } from "../../../../src/domain/SysFlag.ts"
import * as Heartbeat from "../../../../src/format/Heartbeat.ts"
import { Malformed } from "../../../../src/format/Malformed.ts"
import * as MessageId from "../../../../src/format/MessageId.ts"
import { RequestCode } from "../../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../../src/format/ResponseCode.ts"
import * as Format from "../../../../src/format/SendMessage.ts"
import { standard } from "../../../../src/format/shape.ts"
import type { Address } from "../../../../src/infra/network/Network.ts"
import { RemotingClient } from "../../../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../../../src/infra/remoting/RemotingError.ts"
import type { World } from "../../../../src/infra/world/World.ts"
import type { History, Transaction } from "../History.ts"
import { transferTopic } from "../Settings.ts"
import { Routes } from "./Routes.ts"

export interface TransactionProducerOptions {
  readonly life: string
  readonly nameServers: ReadonlyArray<Address>
  readonly mayGoOn: () => boolean
  /** Mean pause between two transactions, ms. */
  readonly pauseMs: number
}

interface Place {
  readonly commitLogOffset: number
  readonly queueOffset: number
}

const group = "tellers"
const timeoutMs = 3000
const heartbeatMs = 3000

export class TransactionProducer {
  readonly #world: World
  readonly #history: History
  readonly #options: TransactionProducerOptions
  readonly #client: RemotingClient
  readonly #routes: Routes
  #sent = 0
  #hasLeft = false

  constructor(world: World, history: History, options: TransactionProducerOptions) {
    this.#world = world
    this.#history = history
    this.#options = options
    this.#client = new RemotingClient(world, {
      handlers: new Map([
        [
          RequestCode.CHECK_TRANSACTION_STATE,
          (command, call) => {
            call.drop()
            const header = Format.CheckTransactionState.decode(command.ext)
            if (!(header instanceof Malformed)) this.#asked(header)
          },
        ],
      ]),
    })
    this.#routes = new Routes(world, this.#client, options.nameServers)
    this.#routes.follow(transferTopic.name)
    this.#later()
    this.#beat()
  }

  readonly leave = (): void => {
    this.#hasLeft = true
    this.#client.close()
  }

  #later(): void {
    const { clock, random } = this.#world
    clock.after(1 + random.below(2 * this.#options.pauseMs), () => {
      if (this.#hasLeft) return
      if (this.#options.mayGoOn()) this.#send()
      this.#later()
    })
  }

  #beat(): void {
    if (this.#hasLeft) return
    const body = Heartbeat.Heartbeat.encode(
      {
        clientID: this.#options.life,
        consumerDataSet: [],
        heartbeatFingerprint: 0,
        producerDataSet: [{ groupName: group }],
        withoutSub: false,
      },
      standard,
    )
    for (const address of this.#routes.brokers.values())
      this.#client.ask(address, { body, code: RequestCode.HEART_BEAT }, timeoutMs, () => {})
    this.#world.clock.after(heartbeatMs, () => this.#beat())
  }

  #send(): void {
    const { clock, random } = this.#world
    const queues = this.#routes.writeQueues(transferTopic.name)
    const queue: MessageQueue | undefined = queues[random.below(queues.length)]
    const address = queue === undefined ? undefined : this.#routes.brokers.get(queue.brokerName)
    if (queue === undefined || address === undefined) return
    const { brokerName } = queue
    const key = `${this.#options.life}-tx${++this.#sent}`
    const transaction: Transaction = { brokerName, ends: [], isStored: false, key }
    this.#history.transactions.push(transaction)
    const properties = Properties.print([
      [PropertyName.TRAN_MSG, "true"],
      [PropertyName.PGROUP, group],
      [PropertyName.UNIQ_KEY, key],
    ])
    const ext = Format.SendMessageV2.encode({
      batch: false,
      bornTimestamp: clock.nowMs(),
      defaultTopic: "TBW102",
      defaultTopicQueueNums: 4,
      flag: 0,
      producerGroup: group,
      properties,
      queueId: queue.queueId,
      sysFlag: MessageFlag.TRANSACTION_PREPARED,
      topic: transferTopic.name,
    })
    const request = { body: Buffer.from(key), code: RequestCode.SEND_MESSAGE_V2, ext }
    this.#client.ask(address, request, timeoutMs, (outcome) => {
      if (outcome instanceof RemotingError || outcome.code !== ResponseCode.SUCCESS) return
      const answer = Format.SendMessageAnswer.decode(outcome.ext)
      if (answer instanceof Malformed) throw answer
      const id = MessageId.decode(answer.msgId)
      if (id instanceof Malformed) throw id
      transaction.isStored = true
      this.#decide(transaction, { commitLogOffset: id.physicalOffset, queueOffset: answer.queueOffset })
    })
  }

  /** Ends it now, or says nothing; and now and then once more, late, perhaps the other way. */
  #decide(transaction: Transaction, place: Place): void {
    const { clock, random } = this.#world
    if (random.below(10) < 3) return
    const answer = random.below(20) < 13 ? "commit" : "rollback"
    this.#end(transaction, place, answer, false)
    if (random.below(10) >= 4) return
    const other = answer === "commit" ? "rollback" : "commit"
    clock.after(random.below(12_000), () => {
      if (!this.#hasLeft) this.#end(transaction, place, random.below(10) < 3 ? other : answer, false)
    })
  }

  #asked({ commitLogOffset, msgId, tranStateTableOffset }: Format.CheckTransactionState): void {
    const { random } = this.#world
    const transaction = this.#history.transactions.find(({ key }) => key === msgId)
    if (transaction === undefined) throw new Error(`asked about ${msgId}, which nobody sent`)
    transaction.checks = (transaction.checks ?? 0) + 1
    const said = transaction.ends.at(-1)?.decision
    const place = { commitLogOffset, queueOffset: tranStateTableOffset }
    if (said !== undefined) return this.#end(transaction, place, said, true)
    if (random.below(10) < 4) this.#end(transaction, place, random.below(10) < 6 ? "commit" : "rollback", true)
  }

  #end(transaction: Transaction, place: Place, decision: "commit" | "rollback", isFromCheck: boolean): void {
    const address = this.#routes.brokers.get(transaction.brokerName)
    if (address === undefined) return
    const { key } = transaction
    const end: Transaction["ends"][number] = { decision, isConfirmed: false }
    transaction.ends.push(end)
    const ext = Format.EndTransaction.encode({
      commitLogOffset: place.commitLogOffset,
      commitOrRollback: decision === "commit" ? MessageFlag.TRANSACTION_COMMIT : MessageFlag.TRANSACTION_ROLLBACK,
      fromTransactionCheck: isFromCheck,
      msgId: key,
      producerGroup: group,
      topic: transferTopic.name,
      tranStateTableOffset: place.queueOffset,
      transactionId: key,
    })
    this.#client.ask(address, { code: RequestCode.END_TRANSACTION, ext }, timeoutMs, (outcome) => {
      end.isConfirmed = !(outcome instanceof RemotingError) && outcome.code === ResponseCode.SUCCESS
      const code = outcome instanceof RemotingError ? outcome.reason : outcome.code
      this.#history.note(this.#options.life, `${decision} ${key}: ${code}`)
    })
  }
}
