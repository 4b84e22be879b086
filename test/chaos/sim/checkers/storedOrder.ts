import * as DelayLevel from "../../../../src/domain/DelayLevel.ts"
import * as Host from "../../../../src/format/Host.ts"
import type { BrokerView, LogRecord } from "../Evidence.ts"
import { queueKey } from "../Evidence.ts"
import type { Checker } from "./Checker.ts"

/**
 * P2: queue offsets are dense and used once, the queue shows at each offset the record that claims it, answers tell the
 * truth, and what one connection sent to one queue lies there in the order sent.
 */
export const storedOrder: Checker = {
  *check({ brokers, history }) {
    for (const view of brokers) {
      yield* dense(view)
      yield* inOrderSent(view)
    }
    for (const { answer, brokerName, delayLevel, key, sequence, topic } of history.attempts) {
      if (answer?.code !== 0 || delayLevel > 0) continue
      const record = brokers.find((view) => view.brokerName === brokerName)?.recordAt.get(answer.commitLogOffset)
      if (record === undefined || record.identity?.key !== key || record.identity.sequence !== sequence) continue
      const { queueId, queueOffset } = record.message
      if (queueId !== answer.queueId || queueOffset !== answer.queueOffset)
        yield `${key} to ${topic} lies at ${queueId}/${queueOffset}, the answer said ${answer.queueId}/${answer.queueOffset}`
    }
  },
  isOfLog: true,
  name: "storedOrder",
  promise: "P2",
}

function* dense({ brokerName, queues, records }: BrokerView): Generator<string> {
  const next = new Map<string, number>()
  for (const { message } of records) {
    const key = queueKey(message.topic, message.queueId)
    const expected = next.get(key) ?? 0
    if (message.queueOffset !== expected)
      yield `${brokerName} ${key}: offset ${message.queueOffset} where ${expected} should follow`
    next.set(key, message.queueOffset + 1)
    const entry = queues.get(key)?.[message.queueOffset]
    if (entry?.commitLogOffset !== message.physicalOffset || entry.sizeBytes !== message.sizeBytes)
      yield `${brokerName} ${key}: at ${message.queueOffset} the queue shows ${entry?.commitLogOffset}, the log has ${message.physicalOffset}`
  }
  for (const [key, entries] of queues)
    if (entries.length !== next.get(key))
      yield `${brokerName} ${key}: the queue has ${entries.length} entries, the log ${next.get(key)} records`
}

function* inOrderSent({ brokerName, records }: BrokerView): Generator<string> {
  const last = new Map<string, LogRecord>()
  for (const record of records) {
    const { identity, message } = record
    // Moved records (retries, delivered ones) come in the order of their own rules.
    if (identity === undefined || message.reconsumeTimes > 0 || message.preparedTransactionOffset > 0) continue
    const connection = `${identity.producer}:${Host.port(message.bornHost)}`
    // A delayed message lies with others of its level; its queue is the one that it was sent to.
    const { queueId, topic } = DelayLevel.restore(message.properties) ?? message
    const key = `${queueKey(message.topic, message.queueId)} for ${queueKey(topic, queueId)} from ${connection}`
    const before = last.get(key)?.identity
    if (before !== undefined && before.sequence >= identity.sequence)
      yield `${brokerName} ${key}: ${identity.key} was sent as ${identity.sequence} and stored behind ${before.key}, sent as ${before.sequence}`
    last.set(key, record)
  }
}
