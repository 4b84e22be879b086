/** What a producer or consumer of this process is to the client instance that they share. */
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import type { ConsumedDirectly, RunningInfo } from "../../format/ConsumerRuntime.ts"
import type { Heartbeat } from "../../format/Heartbeat.ts"
import type { Decoded } from "../../format/StoredMessage.ts"

export type ConsumerData = Heartbeat["consumerDataSet"][number]

export interface ConsumerMember {
  readonly group: string
  /** What heartbeats tell of it. */
  readonly data: () => ConsumerData
  /** Shares the queues out; `done(true)` when the share is what it was. */
  readonly rebalance: (done: (isBalanced: boolean) => void) => void
  /** Tells its progress to wherever that is kept. */
  readonly persist: () => void
  /** An administrator moved the group: goes on from these offsets. */
  readonly reset: (offsets: ReadonlyArray<readonly [MessageQueue, number]>) => void
  readonly offsets: () => ReadonlyArray<readonly [MessageQueue, number]>
  readonly runningInfo: () => RunningInfo
  /** Runs the handler on one message, outside of all progress. */
  readonly consumeDirectly: (
    message: Decoded,
    brokerName: string | undefined,
    done: (result: ConsumedDirectly) => void,
  ) => void
}
