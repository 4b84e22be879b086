/** A commit of a client, with all that fences its queue: what `ConsumerOffset` decides on. */
import * as ConsumerGroup from "../../domain/ConsumerGroup.ts"
import type * as ConsumerOffset from "../../domain/ConsumerOffset.ts"
import * as ConsumptionOrder from "../../domain/ConsumptionOrder.ts"
import * as QueueLock from "../../domain/QueueLock.ts"
import type { RemotingConnection } from "../../infra/remoting/RemotingConnection.ts"
import type { BrokerState } from "./BrokerState.ts"

/** One queue's progress as a request tells it, and the grant that it names. */
export interface Told extends ConsumerOffset.OffsetEntry {
  readonly claimedGrant: number | undefined
}

/** Administrators wait for their answers; who does not is a member, if only one that has not sent a heartbeat yet. */
export const commitOf = (
  { consumers, locks, metadata, world }: BrokerState,
  { claimedGrant, group, queueId, queueOffset, topic }: Told,
  connection: RemotingConnection,
  isAwaited: boolean,
): ConsumerOffset.Commit => {
  const last = QueueLock.grantOf(locks, group, topic, queueId, world.clock.monotonicMs())
  const isMember = claimedGrant !== undefined || !isAwaited
  return {
    claimedGrant,
    clientId: ConsumerGroup.clientOf(consumers, group, connection)?.clientId ?? (isMember ? "" : undefined),
    grant: last?.grant,
    group,
    holder: last?.clientId,
    isOrdered:
      ConsumptionOrder.isOrdered(metadata.order, group, topic) &&
      // Who pulls by himself may seek.
      ConsumerGroup.find(consumers, group)?.consumeType !== "CONSUME_ACTIVELY",
    nowMs: world.clock.nowMs(),
    queueId,
    queueOffset,
    topic,
  }
}

/** The trace event of a commit to a queue that is consumed in order (spec/ordered). */
export const traceCommit = (
  state: BrokerState,
  commit: ConsumerOffset.Commit,
  outcome: ConsumerOffset.Committed,
): void => {
  if (state.world.trace === undefined || (commit.holder === undefined && commit.isOrdered !== true)) return
  const { clientId, group, queueId, queueOffset, topic } = commit
  const isTaken = outcome === "Stored" || outcome === "Same"
  state.world.trace("Commit", { clientId, grant: commit.claimedGrant, group, isTaken, queueId, queueOffset, topic })
}
