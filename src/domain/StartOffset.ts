/**
 * Where a consumer starts in a queue that it was just given: at its group's stored offset, else where its own setting
 * says. A retry topic is read from its start, or retries from before the first start would be lost (P4).
 *
 * Laws (test/model/domain/StartOffset.test.ts)
 *   goes on   a stored offset is where it starts, whatever the setting
 *   no guess  an offset that could not be asked for is never replaced by another
 * Source: behaviour of RocketMQ 5.5.0 (computePullFromWhere).
 */
import type { ConsumeFromWhere } from "./ConsumerGroup.ts"
import { isRetry } from "./Topic.ts"

/**
 * `At` this queue offset, at the queue's `Max`, at the first message of the consumer's `Timestamp`; `Unknown`: ask
 * again.
 */
export type Start =
  | { readonly _tag: "At"; readonly queueOffset: number }
  | { readonly _tag: "Max" }
  | { readonly _tag: "Timestamp" }
  | { readonly _tag: "Unknown" }

/**
 * `stored` is the answer to the query of the stored offset: undefined when nothing is stored, "failed" when it could
 * not be asked; the consumer then leaves the queue until its next rebalance.
 */
export const decide = (
  consumeFromWhere: ConsumeFromWhere,
  stored: number | undefined | "failed",
  topic: string,
): Start => {
  if (stored === "failed") return { _tag: "Unknown" }
  if (stored !== undefined) return { _tag: "At", queueOffset: stored }
  switch (consumeFromWhere) {
    case "CONSUME_FROM_FIRST_OFFSET":
      return { _tag: "At", queueOffset: 0 }
    case "CONSUME_FROM_TIMESTAMP":
      return isRetry(topic) ? { _tag: "Max" } : { _tag: "Timestamp" }
    case "CONSUME_FROM_LAST_OFFSET":
    case "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST":
    case "CONSUME_FROM_MIN_OFFSET":
    case "CONSUME_FROM_MAX_OFFSET":
      return isRetry(topic) ? { _tag: "At", queueOffset: 0 } : { _tag: "Max" }
  }
}
