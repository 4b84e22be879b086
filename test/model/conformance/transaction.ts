/** Vectors of transaction.json: immunity, discard, op offsets and op messages. */
import * as OpMessage from "../../../src/domain/OpMessage.ts"
import { TopicName } from "../../../src/domain/Topic.ts"
import * as Transaction from "../../../src/domain/Transaction.ts"
import type { Account } from "./Account.ts"

/** RocketMQ multiplies such numbers beyond a Java long and comes out below zero. */
const isBeyondLong = (seconds: string | null): boolean => seconds === "9223372036854775807"

export const account: Account = {
  checks: {
    names: {
      run: () => ({
        opTopic: TopicName.TRANS_OP_HALF,
        halfTopic: TopicName.TRANS_HALF,
        consumerGroup: Transaction.consumerGroup,
        opTopicRocksDb: TopicName.ROCKSDB_TRANS_OP_HALF,
        halfTopicRocksDb: TopicName.ROCKSDB_TRANS_HALF,
        removeTag: OpMessage.removeTag,
        offsetSeparator: OpMessage.separator,
      }),
    },
    immunityTime: {
      run: ({ seconds, transactionTimeout }) => ({
        checkService: String(Transaction.checkImmunityMs(seconds ?? undefined, Number(transactionTimeout))),
        util: String(Transaction.endImmunityMs(seconds ?? undefined, Number(transactionTimeout))),
      }),
      differs: ({ seconds }) =>
        isBeyondLong(seconds)
          ? "an immunity beyond all bounds overflows there, and the producer is asked at once"
          : undefined,
    },
    needDiscard: {
      run: ({ checkTimes, checkMax }) => {
        const next = Transaction.nextCheck(checkTimes ?? undefined, checkMax)
        return { checkTimes: String(next.checkTimes), discard: next.discard }
      },
    },
    opOffset: {
      run: ({ done, from }) => {
        const offsets = new Set(done.map(Number))
        return String(OpMessage.contiguous((at) => offsets.has(at), Number(from)))
      },
    },
    opMessage: {
      run: ({ queued, more, maxSize }) => {
        const buffer = OpMessage.makeBuffer()
        for (const offset of queued) OpMessage.add(buffer, Number(offset))
        const body = OpMessage.take(buffer, maxSize, more ?? "")
        if (body === undefined) return null
        const { offsets, sizeChars } = buffer
        const topic = TopicName.TRANS_OP_HALF
        return { topic, tags: OpMessage.removeTag, body, left: offsets.length, totalSize: sizeChars }
      },
    },
  },
  absent: { fromHalfMessage: "replication" },
}
