/** Which scenarios a client runs: side by side where they share nothing, alone where the broker goes away. */

/** Before all others: the name server has heard of the broker. */
export const first = "cluster-known"

/** Ways to send; also run by the clients that send the old way. */
export const sends = [
  "send-sync",
  "send-async",
  "send-oneway",
  "send-batch",
  "send-to-queue",
  "send-compressed",
  "send-properties",
  "send-again",
]

/** Everything that leaves the broker alone. The ones that wait longest come first. */
export const shared = [
  "orderly-crash",
  "rebalance",
  "rebalance-strategies",
  "rebalance-by-broker",
  "delay-level",
  "transaction-given-up",
  "transaction",
  "transaction-orphaned",
  "dead-letter",
  "dead-letter-resent",
  "reset-online",
  "reset-offline",
  "retry",
  "pull-not-woken",
  "offsets-resume",
  "retry-orderly",
  "filter-sql",
  "filter-sql-retry",
  "filter-sql-pull",
  "filter-sql-lite",
  "filter-sql-refused",
  "request-reply",
  "namespaces",
  "push-batch",
  "dead-letter-orderly",
  "dead-letter-at-once",
  "push-concurrently",
  "push-tags",
  "push-orderly",
  "push-broadcasting",
  "broadcasting-resume",
  "lite-subscribe",
  "lite-assign",
  "pull",
  "pull-woken",
  "offsets-by-time",
  "offsets-committed",
  "query",
  "refused-size",
  "refused-queue",
  "topic-auto-created",
  "topic-created",
  ...sends,
]

/**
 * One after the other. A RocketMQ name server may overlook a change of a topic when others are created beside it. After
 * the stop the broker creates nothing by itself, which the last one needs.
 */
export const alone = ["topic-changed", "transaction-outage", "outage-kill", "outage-stop", "refused-unknown"]

/** What a cluster for development is asked for: one of each kind. */
export const development = [
  "delay-level",
  "retry",
  "offsets-resume",
  "push-tags",
  "push-orderly",
  "lite-subscribe",
  "pull-woken",
  "query",
  "send-batch",
  "topic-auto-created",
]
