import { PropertyName, find } from "../../../../src/domain/Properties.ts"
import { TopicName } from "../../../../src/domain/Topic.ts"
import { transferTopic } from "../Settings.ts"
import type { Checker } from "./Checker.ts"

/**
 * P6: a transaction lies in its queue once if it was committed, and only then; an answered commit does, an answered
 * rollback never does; and each has one outcome: none is forgotten, and none is given up beside being committed.
 */
export const decided: Checker = {
  *check({ brokers, history }) {
    for (const { brokerName, records } of brokers) {
      const real = new Map<string, number>()
      const givenUp = new Set<string>()
      for (const { message } of records) {
        const key = find(message.properties, PropertyName.UNIQ_KEY) ?? ""
        if (message.topic === transferTopic.name) real.set(key, (real.get(key) ?? 0) + 1)
        if (message.topic === TopicName.TRANS_CHECK_MAX_TIME) givenUp.add(key)
      }
      for (const { brokerName: where, ends, isStored, key } of history.transactions) {
        if (where !== brokerName) continue
        const count = real.get(key) ?? 0
        const isEndedBy = (decision: string) => ends.some((end) => end.decision === decision)
        const isTold = (decision: string) => ends.some((end) => end.decision === decision && end.isConfirmed)
        if (count > 1) yield `${key} is committed ${count} times`
        if (count > 0 && !isEndedBy("commit")) yield `${key} is delivered, and nobody committed it`
        if (count > 0 && isTold("rollback")) yield `${key} is delivered after its rollback was answered`
        if (count === 0 && isTold("commit")) yield `${key} is not delivered, and its commit was answered`
        if (count > 0 && givenUp.has(key)) yield `${key} is delivered, and was given up`
        if (isStored && count === 0 && !givenUp.has(key) && !isEndedBy("rollback"))
          yield `${key} is forgotten: neither committed, rolled back nor given up`
      }
    }
  },
  name: "decided",
  promise: "P6",
}
