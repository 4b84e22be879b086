/** A simulated cluster with one broker and one consumer, under crashes of both, and its trace. */
import { run } from "./Run.ts"
import type { Mutant } from "./Mutant.ts"
import { type DeliveryEvent, type DeliveryView } from "../../../spec/delivery/trace.ts"
import type { TransactionEvent } from "../../../spec/transaction/trace.ts"

export interface Recorded {
  readonly trace: ReadonlyArray<DeliveryEvent>
  readonly view: DeliveryView
}

const group = "billing"
const triesMax = 2

/** The same seed gives the same run. Throws when a checker complains, unless a seeded bug is in it. */
export const runCluster = (seed: number, mutant?: Mutant): Recorded => {
  const { recording, violations } = run(seed, {
    fixed: {
      brokers: 1,
      faultEveryMs: 1500,
      faults: ["powerCut", "processKill", "orderlyRestart", "clientCrash"],
      flush: "SYNC_FLUSH",
      groups: [
        {
          consumers: 1,
          isOrderly: false,
          maxReconsumeTimes: triesMax,
          name: group,
          subscriptions: [{ expression: "*", topic: "orders" }],
        },
      ],
      loadMs: 15_000,
      messagesMax: 40,
      nameServers: 1,
      producers: 1,
      topics: [{ isPrepared: true, name: "orders", queueNums: 2 }],
    },
    isRecorded: true,
    // With a bug it may never come to rest.
    ...(mutant === undefined ? {} : { mutant, restMs: 60_000 }),
  })
  const broker = recording?.brokers[0]
  if (recording === undefined || broker === undefined || (mutant === undefined && violations.length > 0))
    throw new Error(`seed ${seed}: ${JSON.stringify(violations)}`)
  const records = broker.records.map(({ message }) => ({
    commitLogOffset: message.physicalOffset,
    queueId: message.queueId,
    queueOffset: message.queueOffset,
    sourceCommitLogOffset: message.preparedTransactionOffset > 0 ? message.preparedTransactionOffset : undefined,
    topic: message.topic,
  }))
  return { trace: recording.events, view: { brokerName: broker.brokerName, group, records, triesMax } }
}

/** transactionCheckMax of simulated clusters. */
export const transactionChecksMax = 5

export interface RecordedTransactions {
  readonly brokerName: string
  readonly trace: ReadonlyArray<TransactionEvent>
}

/** One broker with transactions and nothing else, under crashes. The same seed gives the same run. */
export const runTransactions = (seed: number, mutant?: Mutant): RecordedTransactions => {
  const { recording, violations } = run(seed, {
    fixed: {
      brokers: 1,
      faultEveryMs: 3000,
      faults: ["powerCut", "processKill", "orderlyRestart"],
      flush: "SYNC_FLUSH",
      groups: [],
      loadMs: 12_000,
      messagesMax: 1,
      nameServers: 1,
      producers: 0,
      topics: [],
      transactionsMax: 14,
    },
    isRecorded: true,
    ...(mutant === undefined ? {} : { mutant, restMs: 60_000 }),
  })
  const broker = recording?.brokers[0]
  if (recording === undefined || broker === undefined || (mutant === undefined && violations.length > 0))
    throw new Error(`seed ${seed}: ${JSON.stringify(violations)}`)
  return { brokerName: broker.brokerName, trace: recording.events }
}
