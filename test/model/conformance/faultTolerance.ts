/** Vectors of fault-tolerance.json: slow brokers, and which queue comes next. */
import * as LatencyFault from "../../../src/domain/LatencyFault.ts"
import type { MessageQueue } from "../../../src/domain/MessageQueue.ts"
import * as QueueSelection from "../../../src/domain/QueueSelection.ts"
import { type Account, failed } from "./Account.ts"
import { queueOf, sortedObject, tupleOf } from "./shared.ts"

export const account: Account = {
  checks: {
    tables: {
      run: () => ({
        latencyMax: LatencyFault.latencyMax.map(String),
        notAvailableDuration: LatencyFault.notAvailableDuration.map(String),
      }),
    },
    notAvailableDuration: {
      run: ({ isolation, latency }) => String(LatencyFault.penaltyMsOf(Number(latency), isolation)),
    },
    select: {
      run: ({ index, lastBrokerName, picks, queues, sendLatencyFaultEnable, updates }) => {
        const nowMs = 1_000_000
        const faults = LatencyFault.make()
        if (sendLatencyFaultEnable) {
          for (const { brokerName, isolation, latency, reachable } of updates) {
            const outcome = { latencyMs: Number(latency), isIsolated: isolation, isReachable: reachable }
            LatencyFault.update(faults, brokerName, outcome, nowMs)
          }
        }
        const all: Array<MessageQueue> = queues.map(queueOf)
        const turn = { index }
        const choice = {
          nowMs,
          lastBrokerName: lastBrokerName ?? undefined,
          faults: sendLatencyFaultEnable ? faults : undefined,
        }
        const picked = Array.from({ length: picks }, () => QueueSelection.select(all, turn, choice))
        if (picked.includes(undefined)) return failed
        const brokers = sortedObject(
          all.map(({ brokerName }) => [
            brokerName,
            {
              available: LatencyFault.isAvailable(faults, brokerName, nowMs),
              reachable: LatencyFault.isReachable(faults, brokerName),
            },
          ]),
        )
        return { picked: picked.map((queue) => tupleOf(queue!)), brokers }
      },
    },
    index: {
      run: ({ calls, start }) => {
        const turn = { index: start }
        return Array.from({ length: calls }, () => QueueSelection.next(turn))
      },
    },
  },
}
