/** Vectors of allocation.json: how a group shares queues out. */
import * as Result from "effect/Result"
import * as Rebalance from "../../../src/domain/Rebalance.ts"
import { type Account, type Case, failed } from "./Account.ts"
import { md5, queueOf, tupleOf } from "./shared.ts"

const strategyOf = (vector: Case): Result.Result<Rebalance.Strategy, unknown> => {
  switch (vector.strategy) {
    case "AVG":
      return Result.succeed(Rebalance.average)
    case "AVG_BY_CIRCLE":
      return Result.succeed(Rebalance.averageByCircle)
    case "CONFIG":
      return Result.succeed(Rebalance.config(vector.configured?.map(queueOf) ?? []))
    case "MACHINE_ROOM":
      return Result.succeed(Rebalance.machineRoom(new Set(vector.consumeridcs ?? [])))
    case "CONSISTENT_HASH":
      return Rebalance.consistentHash(md5, vector.virtualNodeCnt ?? 10)
    default: {
      const inner = strategyOf({ strategy: vector.inner })
      if (Result.isFailure(inner)) return inner
      return Result.succeed(
        Rebalance.machineRoomNearby(inner.success, {
          ofBroker: (queue) => vector.brokerRooms[queue.brokerName] ?? undefined,
          ofClient: (clientId) => vector.consumerRooms[clientId] ?? undefined,
        }),
      )
    }
  }
}

export const account: Account = {
  checks: Object.fromEntries(
    ["AVG", "AVG_BY_CIRCLE", "CONFIG", "MACHINE_ROOM", "MACHINE_ROOM_NEARBY", "CONSISTENT_HASH"].map((name) => [
      name,
      {
        run: (vector: Case) => {
          const strategy = strategyOf(vector)
          if (Result.isFailure(strategy)) return failed
          const share = strategy.success.allocate({
            currentClientId: vector.currentCID ?? "",
            queues: (vector.mqAll ?? []).map(queueOf),
            clientIds: vector.cidAll ?? [],
          })
          if (Result.isFailure(share)) return failed
          return { name: strategy.success.name, queues: share.success.map(tupleOf) }
        },
        differs: ({ configured, consumeridcs, mqAll }: Case) =>
          configured === null
            ? "CONFIG without queues has an empty share; there is no null share"
            : consumeridcs === null && mqAll.some(([, brokerName]: [string, string]) => brokerName.includes("@"))
              ? "MACHINE_ROOM without rooms has an empty share instead of a NullPointerException"
              : undefined,
      },
    ]),
  ),
  // The file has strategies for functions.
  fnOf: ({ strategy }) => strategy,
}
