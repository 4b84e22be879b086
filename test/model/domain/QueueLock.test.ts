import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as QueueLock from "../../../src/domain/QueueLock.ts"

const leaseMs = QueueLock.leaseMsDefault
const queue = (queueId: number) => ({ topic: "T", brokerName: "b", queueId })

const step = fc.oneof(
  fc.record({
    _tag: fc.constant("Lock" as const),
    client: fc.constantFrom("a", "b"),
    queues: fc.uniqueArray(fc.nat(2)),
  }),
  fc.record({
    _tag: fc.constant("Unlock" as const),
    client: fc.constantFrom("a", "b"),
    queues: fc.uniqueArray(fc.nat(2)),
  }),
  fc.record({ _tag: fc.constant("Elapsed" as const), ms: fc.constantFrom(1, 20_000, 40_000, 60_001) }),
  fc.record({ _tag: fc.constant("Expire" as const) }),
)

/** Who holds a queue, since which grant, until when. */
type Model = Map<number, { client: string; untilMs: number }>

describe("QueueLock", () => {
  it("one holder, lease and grants: holds are what leases on paper say, and grants only grow", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const locks = QueueLock.make()
        const model: Model = new Map()
        const clientOfGrant = new Map<number, string>()
        const lastGrant = new Map<number, number>()
        let nowMs = 1_000
        for (const given of steps) {
          if (given._tag === "Elapsed") nowMs += given.ms
          if (given._tag === "Expire") QueueLock.expire(locks, nowMs)
          for (const [id, hold] of model) if (hold.untilMs < nowMs) model.delete(id)
          if (given._tag === "Lock") {
            const got = QueueLock.lockBatch(locks, "g", given.client, given.queues.map(queue), nowMs)
            const free = given.queues.filter((id) => (model.get(id)?.client ?? given.client) === given.client)
            expect(got.map((held) => held.queueId)).toEqual(free)
            for (const id of free) model.set(id, { client: given.client, untilMs: nowMs + leaseMs })
          }
          if (given._tag === "Unlock") {
            QueueLock.unlockBatch(locks, "g", given.client, given.queues.map(queue), nowMs)
            for (const id of given.queues) if (model.get(id)?.client === given.client) model.delete(id)
          }
          for (const id of [0, 1, 2]) {
            expect(QueueLock.holderOf(locks, "g", "T", id, nowMs)).toBe(model.get(id)?.client)
            const fence = QueueLock.grantOf(locks, "g", "T", id, nowMs)
            if (model.has(id)) expect(fence?.clientId).toBe(model.get(id)!.client)
            if (fence === undefined) continue
            expect(clientOfGrant.get(fence.grant) ?? fence.clientId).toBe(fence.clientId)
            clientOfGrant.set(fence.grant, fence.clientId)
            expect(fence.grant).toBeGreaterThanOrEqual(lastGrant.get(id) ?? 0)
            lastGrant.set(id, fence.grant)
          }
          expect(QueueLock.isAnyHeld(locks, "g", nowMs)).toBe(model.size > 0)
          expect(new Set(QueueLock.held(locks, "g", nowMs).map((held) => held.queue.queueId))).toEqual(
            new Set(model.keys()),
          )
        }
        const due = QueueLock.nextDueMs(locks)
        if (due === undefined) return
        QueueLock.expire(locks, due - 1)
        expect(locks.groups.size).toBe(1)
        QueueLock.expire(locks, nowMs + 2 * leaseMs + 1)
        expect([locks.groups.size, QueueLock.nextDueMs(locks)]).toEqual([0, undefined])
      }),
      { numRuns: 500 },
    )
  })

  it("grants: a renewal keeps it, an acquisition is a new one, the last is remembered for a lease", () => {
    const locks = QueueLock.make()
    const grant = (nowMs: number): unknown => QueueLock.grantOf(locks, "g", "T", 0, nowMs)?.grant
    QueueLock.lockBatch(locks, "g", "a", [queue(0)], 0)
    expect(grant(0)).toBe(1)
    QueueLock.lockBatch(locks, "g", "a", [queue(0)], 20_000)
    expect(grant(20_000)).toBe(1)
    QueueLock.unlockBatch(locks, "g", "b", [queue(0)], 30_000)
    expect(QueueLock.holderOf(locks, "g", "T", 0, 30_000)).toBe("a")
    QueueLock.unlockBatch(locks, "g", "a", [queue(0)], 30_000)
    expect(QueueLock.holderOf(locks, "g", "T", 0, 30_000)).toBeUndefined()
    expect(grant(30_000 + leaseMs)).toBe(1)
    expect(grant(30_001 + leaseMs)).toBeUndefined()
    QueueLock.lockBatch(locks, "g", "a", [queue(0)], 100_000)
    expect(grant(100_000)).toBe(2)
    expect(grant(100_000 + 2 * leaseMs)).toBe(2)
    expect(grant(100_001 + 2 * leaseMs)).toBeUndefined()
  })

  it("restart: nothing is granted while another process may still have granted it", () => {
    const locks = QueueLock.make(60_000)
    expect(QueueLock.lockBatch(locks, "g", "a", [queue(0)], 59_999)).toEqual([])
    expect(QueueLock.lockBatch(locks, "g", "a", [queue(0)], 60_000)).toEqual([queue(0)])
  })

  it("keeps groups apart, and forgets a deleted one", () => {
    const locks = QueueLock.make()
    QueueLock.lockBatch(locks, "g", "a", [queue(0)], 0)
    QueueLock.lockBatch(locks, "h", "b", [queue(0)], 0)
    expect(QueueLock.holderOf(locks, "h", "T", 0, 0)).toBe("b")
    QueueLock.removeGroup(locks, "g")
    expect(QueueLock.isAnyHeld(locks, "g", 0)).toBe(false)
    expect(QueueLock.held(locks, "g", 0)).toEqual([])
    QueueLock.unlockBatch(locks, "none", "a", [queue(0)], 0)
    expect(QueueLock.lockBatch(locks, "none", "a", [], 0)).toEqual([])
    expect([...locks.groups.keys()]).toEqual(["h"])
  })
})
