/**
 * The ends of transactions: what a client tells brokers of its own half messages, and what it answers when they ask what
 * became of one that it, or another member of its group, has sent.
 *
 * Laws (test/model/client/transactions.test.ts)
 *   told     an end is asked for until a broker confirms it, refuses it, or the time is over
 *   bounded  at most `checksMax` checks are at work; the broker asks again about the others
 */
import { MessageFlag } from "../../domain/SysFlag.ts"
import { PropertyName, find } from "../../domain/Properties.ts"
import type { Command } from "../../format/Command.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as MessageId from "../../format/MessageId.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { CheckTransactionState, EndTransaction } from "../../format/SendMessage.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import { AnswerError, ConnectionError, GantryError, RouteError } from "../GantryError.ts"
import { Message } from "../Message.ts"
import type { SendResult, TransactionDecision } from "../OutgoingMessage.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

/** What an application knows of a transaction. Runs `done` once. */
export type Checker = (message: Message, done: (decision: TransactionDecision) => void) => void

/** Checks at work at once, of all groups. RocketMQ's checkRequestHoldMax. */
const checksMax = 2_000
/** Before an end is asked for again. */
const againMs = 100

const codeOf = { commit: MessageFlag.TRANSACTION_COMMIT, rollback: MessageFlag.TRANSACTION_ROLLBACK } as const

export class TransactionEnds {
  readonly #instance: Instance
  readonly #checkers = new Map<string, Checker>()
  #checking = 0

  constructor(instance: Instance) {
    this.#instance = instance
  }

  addChecker(group: string, checker: Checker): void {
    this.#checkers.set(group, checker)
  }

  removeChecker(group: string): void {
    this.#checkers.delete(group)
  }

  /** CHECK_TRANSACTION_STATE: a broker asks. What is not known is not answered: it asks again. */
  checked(command: Command, connection: RemotingConnection): void {
    const { log } = this.#instance.world
    const header = CheckTransactionState.decode(command.ext)
    const stored = StoredMessage.decode(Buffer.from(command.body))
    if (header instanceof Malformed || stored instanceof Malformed)
      return log.warn("a broker asks about a transaction in a way that cannot be read", { header, stored })
    const group = find(stored.properties, PropertyName.PGROUP) ?? ""
    const checker = this.#checkers.get(group)
    if (checker === undefined)
      return log.warn(
        `a broker asks about a transaction of group "${group}", and no producer of that group here has checkTransaction`,
      )
    if (this.#checking >= checksMax) return log.warn(`more than ${checksMax} transactions are being checked`, { group })
    this.#checking++
    let hasAnswered = false
    checker(this.#instance.names.message(stored, header.bname ?? ""), (decision) => {
      if (hasAnswered) return
      hasAnswered = true
      this.#checking--
      // What is neither is not known, whatever a program without types returns.
      if (decision !== "commit" && decision !== "rollback") return
      const { commitLogOffset, msgId = "", tranStateTableOffset, transactionId } = header
      connection.tell({
        code: RequestCode.END_TRANSACTION,
        ext: EndTransaction.encode({
          commitLogOffset,
          commitOrRollback: codeOf[decision],
          fromTransactionCheck: true,
          msgId,
          producerGroup: group,
          topic: stored.topic,
          tranStateTableOffset,
          ...(transactionId === undefined ? {} : { transactionId }),
        }),
      })
    })
  }

  /** Ends a half message that was sent; `done` runs when the broker has confirmed it, or with why it has not. */
  end(
    sent: SendResult,
    group: string,
    decision: "commit" | "rollback",
    timeoutMs: number,
    done: (failure: GantryError | undefined) => void,
  ): () => void {
    const { clock } = this.#instance.world
    const deadlineMs = clock.monotonicMs() + timeoutMs
    const id = MessageId.decode(sent.offsetMessageId)
    if (id instanceof Malformed) {
      done(new AnswerError("SEND_MESSAGE_V2", sent.queue.brokerName, id))
      return () => {}
    }
    const request = {
      code: RequestCode.END_TRANSACTION,
      ext: EndTransaction.encode({
        commitLogOffset: id.physicalOffset,
        commitOrRollback: codeOf[decision],
        fromTransactionCheck: false,
        msgId: sent.messageId,
        producerGroup: group,
        topic: sent.queue.topic,
        tranStateTableOffset: sent.queueOffset,
        ...(sent.transactionId === undefined ? {} : { transactionId: sent.transactionId }),
      }),
    }
    let cancel: (() => void) | undefined
    const later = (failure: GantryError): void => {
      if (clock.monotonicMs() + againMs >= deadlineMs) return done(failure)
      cancel = clock.after(againMs, attempt)
    }
    const attempt = (): void => {
      const address = this.#instance.routes.master(sent.queue.brokerName)
      if (address === undefined)
        return later(new RouteError("BROKER_NOT_FOUND", `The broker ${sent.queue.brokerName} has no master now`))
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs())
      cancel = Peers.ask(this.#instance.remoting, address, request, leftMs, (outcome) => {
        if (!(outcome instanceof GantryError)) return done(undefined)
        if (outcome instanceof ConnectionError) later(outcome)
        else done(outcome)
      })
    }
    attempt()
    return () => cancel?.()
  }
}
