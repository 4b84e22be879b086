import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Assignment from "../../../src/domain/Assignment.ts"
import { type MessageQueue, print } from "../../../src/domain/MessageQueue.ts"
import * as Rebalance from "../../../src/domain/Rebalance.ts"

const lists = fc.record({
  clientIds: fc.uniqueArray(fc.constantFrom("c1", "c2", "c3", "c10", "Z", "a"), { minLength: 1 }),
  queues: fc.uniqueArray(
    fc.record({
      brokerName: fc.constantFrom("broker-a", "broker-b"),
      queueId: fc.nat(4),
      topic: fc.constant("t"),
    }),
    { minLength: 1, selector: print },
  ),
  strategy: fc.constantFrom(Rebalance.average, Rebalance.averageByCircle),
})

interface Lists {
  readonly clientIds: ReadonlyArray<string>
  readonly queues: ReadonlyArray<MessageQueue>
  readonly strategy: Rebalance.Strategy
}

const partOf = (clientId: string, { clientIds, queues, strategy }: Lists, more: Partial<Assignment.View> = {}) =>
  Assignment.assign(
    { clientId, messageModel: "CLUSTERING", strategyName: strategy.name },
    { clientIds, isBalancing: true, mode: "PULL", popShareQueueNum: -1, queues, ...more },
  )

const texts = (queues: Iterable<MessageQueue>): ReadonlyArray<string> => [...queues].map(print).toSorted()

describe("Assignment", () => {
  it("same: by PULL a member gets what it would compute itself", () => {
    fc.assert(
      fc.property(lists, (given) => {
        for (const currentClientId of given.clientIds)
          expect(partOf(currentClientId, given)).toEqual(
            Result.getOrThrow(Rebalance.assign(given.strategy, { ...given, currentClientId })),
          )
      }),
    )
  })

  it("whole, shared: by POP the parts are all queues, each in n + 1 of them, or all brokers in each", () => {
    fc.assert(
      fc.property(lists, fc.integer({ max: 6, min: -1 }), (given, popShareQueueNum) => {
        const { clientIds, queues } = given
        const parts = clientIds.map((id) => partOf(id, given, { mode: "POP", popShareQueueNum })!)
        for (const part of parts) expect(new Set(texts(part)).size).toBe(part.length)
        const counts = Map.groupBy(parts.flatMap(texts), (text) => text)
        if (popShareQueueNum <= 0 || popShareQueueNum >= clientIds.length - 1) {
          const brokers = new Set(queues.map(({ brokerName }) => brokerName))
          for (const part of parts) {
            expect(new Set(part.map(({ brokerName }) => brokerName))).toEqual(brokers)
            expect(part.every(({ queueId }) => queueId === Assignment.wholeBroker)).toBe(true)
          }
          return
        }
        expect([...counts.keys()].toSorted()).toEqual(texts(queues))
        if (clientIds.length > queues.length) for (const part of parts) expect(part).toHaveLength(1)
        else for (const one of counts.values()) expect(one).toHaveLength(popShareQueueNum + 1)
      }),
    )
  })

  it("gives every member all queues by broadcast, and where the broker is told not to balance", () => {
    const queues = [0, 1, 2].map((queueId) => ({ brokerName: "b", queueId, topic: "t" }))
    const view = { clientIds: ["c1", "c2"], isBalancing: true, mode: "PULL" as const, popShareQueueNum: -1, queues }
    const question = { clientId: "c1", messageModel: "BROADCASTING" as const, strategyName: "AVG" }
    expect(Assignment.assign(question, view)).toEqual(queues)
    const clustering = { ...question, messageModel: "CLUSTERING" as const }
    expect(Assignment.assign(clustering, { ...view, isBalancing: false })).toEqual(queues)
    expect(Assignment.assign(clustering, view)).toHaveLength(2)
  })

  it("keep: says nothing to who is not known, nor by what is not known", () => {
    const queues = [{ brokerName: "b", queueId: 0, topic: "t" }]
    const given = { clientIds: ["c1"], queues, strategy: Rebalance.average }
    expect(partOf("c2", given)).toBeUndefined()
    expect(partOf("", { ...given, clientIds: [""] })).toBeUndefined()
    expect(partOf("c1", { ...given, queues: [] })).toBeUndefined()
    expect(partOf("c1", given, { queues: undefined })).toBeUndefined()
    expect(partOf("c1", { ...given, strategy: { ...Rebalance.average, name: "MACHINE_ROOM" } })).toBeUndefined()
    expect(partOf("c1", given)).toEqual(queues)
  })
})
