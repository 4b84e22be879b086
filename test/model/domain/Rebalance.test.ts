import { createHash } from "node:crypto"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type MessageQueue, compare, isEqual, print } from "../../../src/domain/MessageQueue.ts"
import * as Rebalance from "../../../src/domain/Rebalance.ts"

const md5 = (text: string): number => createHash("md5").update(text).digest().readUInt32BE(0)
const roomOf = (name: string): string => name.slice(0, 2)

/** Queues of brokers in rooms r1 to r3, clients in rooms r1 to r3. */
const queues = fc.uniqueArray(
  fc.record({
    topic: fc.constant("T"),
    brokerName: fc.constantFrom("r1@a", "r1@b", "r2@c", "r3@d", "plain"),
    queueId: fc.nat(5),
  }),
  { minLength: 1, maxLength: 25, comparator: isEqual },
)
const clientIds = fc.uniqueArray(fc.constantFrom("r1-a", "r1-b", "r2-c", "r3-d", "r3-e"), { minLength: 1 })

const consistentHash = Result.getOrThrow(Rebalance.consistentHash(md5))
const strategies: ReadonlyArray<Rebalance.Strategy> = [
  Rebalance.average,
  Rebalance.averageByCircle,
  Rebalance.machineRoom(new Set(["r1", "r2"])),
  consistentHash,
  ...[Rebalance.average, Rebalance.averageByCircle, consistentHash].map((inner) =>
    Rebalance.machineRoomNearby(inner, {
      ofBroker: (queue) => roomOf(queue.brokerName),
      ofClient: (clientId) => roomOf(clientId),
    }),
  ),
]

const shareOf = (
  strategy: Rebalance.Strategy,
  all: ReadonlyArray<MessageQueue>,
  ids: ReadonlyArray<string>,
  currentClientId: string,
): ReadonlyArray<MessageQueue> =>
  Result.getOrThrow(Rebalance.assign(strategy, { currentClientId, queues: all, clientIds: ids }))

const inRooms = (strategy: Rebalance.Strategy, all: ReadonlyArray<MessageQueue>): ReadonlyArray<MessageQueue> =>
  strategy.name === "MACHINE_ROOM" ? all.filter((queue) => /^r[12]@/.test(queue.brokerName)) : all

const texts = (all: ReadonlyArray<MessageQueue>): ReadonlyArray<string> => all.map(print).toSorted()

const nearby = (broker: string | undefined, client: string | undefined): boolean =>
  Result.isFailure(
    Rebalance.machineRoomNearby(Rebalance.average, { ofBroker: () => broker, ofClient: () => client }).allocate({
      currentClientId: "c",
      queues: [{ topic: "T", brokerName: "b", queueId: 0 }],
      clientIds: ["c"],
    }),
  )

const queue = (topic: string, brokerName: string, queueId: number): MessageQueue => ({ topic, brokerName, queueId })

describe("Rebalance", () => {
  it("whole: the shares of all members are all queues, and no queue is in two", () => {
    fc.assert(
      fc.property(queues, clientIds, fc.constantFrom(...strategies), (all, ids, strategy) => {
        const shared = ids.flatMap((id) => shareOf(strategy, all, ids, id))
        expect(texts(shared)).toEqual(texts(inRooms(strategy, all)))
      }),
      { numRuns: 500 },
    )
  })

  it("even: any two members have numbers of queues that differ by one at most", () => {
    fc.assert(
      fc.property(
        queues,
        clientIds,
        fc.constantFrom(Rebalance.average, Rebalance.averageByCircle),
        (all, ids, strategy) => {
          const sizes = ids.map((id) => shareOf(strategy, all, ids, id).length)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        },
      ),
    )
  })

  it("same view: the order in which queues and ids arrive does not matter", () => {
    fc.assert(
      fc.property(queues, clientIds, fc.constantFrom(...strategies), fc.nat(), (all, ids, strategy, turn) => {
        const id = ids[0]!
        const turned = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> => {
          const at = turn % list.length
          return [...list.slice(at), ...list.slice(0, at)].toReversed()
        }
        expect(shareOf(strategy, turned(all), turned(ids), id)).toEqual(shareOf(strategy, all, ids, id))
      }),
    )
  })

  it("says what changes from one share to the next", () => {
    fc.assert(
      fc.property(queues, queues, (owned, assigned) => {
        const { added, removed } = Rebalance.difference(owned, assigned)
        const kept = owned.filter((queue) => !removed.includes(queue))
        expect(texts([...kept, ...added])).toEqual(texts(assigned))
        expect(added.filter((queue) => owned.some((other) => isEqual(queue, other)))).toEqual([])
      }),
    )
  })

  it("gives a client that is not listed nothing, and refuses what cannot be shared", () => {
    const all = [{ topic: "T", brokerName: "b", queueId: 0 }]
    for (const strategy of strategies) {
      expect(shareOf(strategy, all, ["r1-a"], "r9-x")).toEqual([])
      for (const [currentClientId, given, ids] of [
        ["", all, ["r1-a"]],
        ["r1-a", [], ["r1-a"]],
        ["r1-a", all, []],
      ] as const) {
        const share = Rebalance.assign(strategy, { currentClientId, queues: given, clientIds: ids })
        expect(Result.isFailure(share) && share.failure.code).toBe("INVALID_PARAMETER")
      }
    }
    expect(shareOf(Rebalance.config(all), [], [], "")).toEqual(all)
    expect(Result.isFailure(Rebalance.consistentHash(md5, -1))).toBe(true)
  })

  it("refuses a room that nobody can tell", () => {
    expect([nearby("r", "r"), nearby("", "r"), nearby("r", undefined)]).toEqual([false, true, true])
  })

  it("orders queues by topic, broker and number", () => {
    const sorted = [queue("A", "a", 2), queue("A", "a", 10), queue("A", "b", 1), queue("B", "a", 0)]
    expect(sorted.toReversed().toSorted(compare)).toEqual(sorted)
  })
})
