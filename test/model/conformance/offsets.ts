/** Vectors of offsets.json: where a new consumer begins. */
import type { ConsumeFromWhere } from "../../../src/domain/ConsumerGroup.ts"
import * as StartOffset from "../../../src/domain/StartOffset.ts"
import { type Account, failed } from "./Account.ts"

export const account: Account = {
  checks: {
    computePullFromWhere: {
      run: ({ consumeFromWhere, maxOffset, offsetByTimestamp, stored, topic }) => {
        const asked = Number(stored)
        const known = asked >= 0 ? asked : asked === -1 ? undefined : "failed"
        const start = StartOffset.decide(consumeFromWhere as ConsumeFromWhere, known, topic)
        if (start._tag === "Unknown") return failed
        if (start._tag === "At") return String(start.queueOffset)
        const found = start._tag === "Max" ? maxOffset : offsetByTimestamp
        // The client takes a negative answer of the broker for a failure.
        return Number(found) < 0 ? failed : found
      },
    },
  },
  absent: Object.fromEntries(
    ["mappingItem", "blockSeqRoundUp", "mappingList", "staticTopic", "staticTopicLayout"].map((fn) => [
      fn,
      "static topics",
    ]),
  ),
}
