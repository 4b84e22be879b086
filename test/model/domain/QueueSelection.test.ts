import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as LatencyFault from "../../../src/domain/LatencyFault.ts"
import { type MessageQueue, isEqual, print } from "../../../src/domain/MessageQueue.ts"
import * as QueueSelection from "../../../src/domain/QueueSelection.ts"

const queues = fc.uniqueArray(
  fc.record({ topic: fc.constant("T"), brokerName: fc.constantFrom("a", "b", "c"), queueId: fc.nat(4) }),
  { minLength: 1, maxLength: 12, comparator: isEqual },
)
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const texts = (all: ReadonlyArray<MessageQueue>): ReadonlyArray<string> => all.map(print).toSorted()

describe("QueueSelection", () => {
  it("fair: without faults, as many picks as there are queues answer each of them once", () => {
    fc.assert(
      fc.property(queues, int32, (all, index) => {
        // Where the counter wraps, from 2^31 - 1 to 0, the round is not even.
        fc.pre(index < 2 ** 31 - all.length - 1 && (index >= 0 || index < -all.length - 1))
        const turn = { index }
        const picked = all.map(() => QueueSelection.select(all, turn, { nowMs: 0 })!)
        expect(texts(picked)).toEqual(texts(all))
      }),
    )
  })

  it("away and some: there always is an answer, on another broker while one has a queue", () => {
    fc.assert(
      fc.property(
        queues,
        int32,
        fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
        fc.option(fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.boolean())), { nil: undefined }),
        (all, index, lastBrokerName, failures) => {
          const faults = failures === undefined ? undefined : LatencyFault.make()
          for (const [brokerName, isReachable] of failures ?? []) {
            LatencyFault.update(faults!, brokerName, { latencyMs: 0, isIsolated: true, isReachable }, 0)
          }
          const turn = { index }
          const picked = QueueSelection.select(all, turn, { nowMs: 0, lastBrokerName, faults })!
          expect(all).toContain(picked)
          const others = all.filter((queue) => queue.brokerName !== lastBrokerName)
          const isUsable = (queue: MessageQueue): boolean =>
            faults === undefined || LatencyFault.isReachable(faults, queue.brokerName)
          if (others.some(isUsable)) expect(picked.brokerName).not.toBe(lastBrokerName)
        },
      ),
    )
    expect(QueueSelection.select([], { index: 0 }, { nowMs: 0 })).toBeUndefined()
  })

  it("same hash: equal arguments select equal queues, within the queues there are", () => {
    const argument = fc.oneof(fc.string(), int32, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.double())
    fc.assert(
      fc.property(argument, fc.integer({ min: 1, max: 50 }), (given, count) => {
        const selected = QueueSelection.selectByHash(given, count)!
        expect(selected).toBe(QueueSelection.selectByHash(given, count))
        expect(selected).toBeGreaterThanOrEqual(0)
        expect(selected).toBeLessThan(count)
      }),
    )
    expect(QueueSelection.selectByHash("x", 0)).toBeUndefined()
    expect(QueueSelection.selectByHash(2 ** 40, 7)).toBe(QueueSelection.selectByHash(2n ** 40n, 7))
  })
})
