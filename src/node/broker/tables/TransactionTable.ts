import * as Transaction from "../../../domain/Transaction.ts"
import * as ConfigJson from "../../../format/ConfigJson.ts"
import type { StoredMessage } from "../../../format/StoredMessage.ts"
import type { Snapshots } from "../Snapshots.ts"
import { never, Table } from "./Table.ts"

/**
 * Ends of transactions that the log told of and no op message does yet (P6). The snapshot is a position only: from there
 * on the log is searched for them at a start.
 */
export class TransactionTable extends Table {
  readonly fileName = "gantryTransactions.json"
  /** By the CommitLog offset that their records name; see `Transactions`. */
  readonly endedHalves = new Map<number, Transaction.Outcome>()
  /**
   * Up to where the log, readable up to an offset, has told all ends of transactions by op messages. As long as nobody
   * says more, that is what the snapshot said: a start may write it before the op messages of the last life are made up for.
   */
  noted: (readableOffset: number) => number = (readableOffset) => Math.min(this.position, readableOffset)

  /** `isForeignStore`: what Apache RocketMQ's broker would ask again is asked again here. */
  load(snapshots: Snapshots, isForeignStore: boolean): void {
    this.position = snapshots.transactions()?.position ?? (isForeignStore ? never : 0)
  }

  /** Whether a message is one of a transaction that nothing else is to be learnt from. */
  fold(message: StoredMessage): boolean {
    const resumed = Transaction.resumedBy(message)
    const ended = Transaction.endedBy(message)
    if (resumed === undefined && ended === undefined) return false
    if (message.physicalOffset < this.position) return true
    if (resumed !== undefined) this.endedHalves.delete(resumed)
    if (ended !== undefined) this.endedHalves.set(ended.id, ended.outcome)
    return true
  }

  apply(): boolean {
    return false
  }

  print(position: number): Iterable<string> {
    return ConfigJson.printTransactionProgress(this.noted(position))
  }
}
