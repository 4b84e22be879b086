import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as ConsumerOffset from "../../../src/domain/ConsumerOffset.ts"

const entry = fc.record({
  group: fc.constantFrom("g", "h"),
  topic: fc.constant("T"),
  queueId: fc.nat(1),
  queueOffset: fc.nat(5),
})

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      _tag: fc.constant("Commit" as const),
      entry,
      clientId: fc.constantFrom("a", "b", undefined),
      holder: fc.constantFrom("a", undefined),
      claimedGrant: fc.constantFrom(1, 2, undefined),
      isOrdered: fc.boolean(),
    }),
  },
  fc.record({ _tag: fc.constant("Reset" as const), entry }),
  fc.record({ _tag: fc.constant("Pull" as const), entry, clientId: fc.constantFrom("a", "b") }),
  fc.record({ _tag: fc.constant("Announce" as const), entry }),
  fc.record({ _tag: fc.constant("Clone" as const), entry, target: fc.constantFrom("g", "h", "copy") }),
  fc.record({ _tag: fc.constant("Drain" as const) }),
)

const keyOf = (of: ConsumerOffset.OffsetEntry): string => `${of.topic}@${of.group}@${of.queueId}`
const asMap = (entries: ReadonlyArray<ConsumerOffset.OffsetEntry>): Map<string, number> =>
  new Map(entries.map((one) => [keyOf(one), one.queueOffset]))

const committed = (queueOffset: number, more: Partial<ConsumerOffset.Commit> = {}): ConsumerOffset.Commit => ({
  group: "g",
  topic: "T",
  queueId: 0,
  queueOffset,
  clientId: "a",
  holder: "a",
  nowMs: 0,
  ...more,
})

describe("ConsumerOffset", () => {
  it("replay, fenced and kept: records rebuild the table, and a fenced offset falls only where it was sent", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const offsets = ConsumerOffset.make(0)
        const log: Array<ConsumerOffset.OffsetEntry> = []
        const stored = new Map<string, number>()
        const pending = new Map<string, number>()
        const told = new Map<string, string>()
        const announced = new Map<string, number>()
        for (const given of steps) {
          if (given._tag === "Drain") {
            log.push(...ConsumerOffset.drainDirty(offsets))
            continue
          }
          const { group, queueId, queueOffset, topic } = given.entry
          const key = keyOf(given.entry)
          if (given._tag === "Commit") {
            const { claimedGrant, clientId, holder, isOrdered } = given
            const before = stored.get(key)
            const outcome = ConsumerOffset.commit(offsets, {
              ...given.entry,
              claimedGrant,
              clientId,
              grant: holder === undefined ? undefined : 2,
              holder,
              isOrdered,
              nowMs: 0,
            })
            const isFenced = (holder !== undefined || isOrdered) && clientId !== undefined
            const isLate =
              holder !== undefined && (claimedGrant === undefined ? clientId !== holder : claimedGrant !== 2)
            if (pending.has(key)) expect(outcome).toBe("ResetPending")
            else if (isFenced && isLate) expect(outcome).toBe("NotHolder")
            else if (isFenced && before !== undefined && queueOffset < before) {
              const isSent = announced.get(key) === queueOffset
              expect(outcome).toBe(isSent ? "Stored" : "Backwards")
              if (isSent) {
                announced.delete(key)
                stored.set(key, queueOffset)
              }
            } else {
              expect(outcome).toBe(before === queueOffset ? "Same" : "Stored")
              stored.set(key, queueOffset)
            }
          } else if (given._tag === "Reset") {
            ConsumerOffset.reset(offsets, given.entry, 0)
            pending.set(key, queueOffset)
            told.delete(key)
            stored.set(key, queueOffset)
          } else if (given._tag === "Pull") {
            const followed = ConsumerOffset.followReset(offsets, given.entry, given.clientId)
            const isReached = pending.get(key) === queueOffset
            expect(followed).toBe(isReached && told.get(key) === given.clientId ? undefined : pending.get(key))
            if (pending.has(key)) told.set(key, given.clientId)
            if (isReached) {
              pending.delete(key)
              told.delete(key)
            }
          } else if (given._tag === "Announce") {
            ConsumerOffset.announceReset(offsets, given.entry)
            announced.set(key, queueOffset)
          } else {
            const copied = [...ConsumerOffset.ofTopic(offsets, group, topic)]
            ConsumerOffset.clone(offsets, group, given.target, topic, 0)
            for (const [id, offset] of copied) {
              const to = `${topic}@${given.target}@${id}`
              stored.set(to, offset)
              pending.delete(to)
              told.delete(to)
            }
          }
          expect(ConsumerOffset.query(offsets, group, topic, queueId)).toBe(pending.get(key) ?? stored.get(key))
        }
        expect(asMap(ConsumerOffset.entries(offsets))).toEqual(stored)
        log.push(...ConsumerOffset.drainDirty(offsets))
        const rebuilt = ConsumerOffset.make(0)
        for (const record of log) ConsumerOffset.apply(rebuilt, record)
        expect(asMap(ConsumerOffset.entries(rebuilt))).toEqual(stored)
        expect(asMap(ConsumerOffset.entries(rebuilt).filter(({ isReset }) => isReset))).toEqual(pending)
        expect(ConsumerOffset.drainDirty(offsets)).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it("fenced: says who holds the lock, and that an offset does not go back", () => {
    const offsets = ConsumerOffset.make(0)
    expect(ConsumerOffset.commit(offsets, committed(10))).toBe("Stored")
    const refusal = (input: ConsumerOffset.Commit): string => {
      const outcome = ConsumerOffset.refusalOf(ConsumerOffset.commit(offsets, input), input, 10)
      return Result.isFailure(outcome) ? `${outcome.failure.code} ${outcome.failure.remark}` : "fine"
    }
    expect(refusal(committed(11, { clientId: "b" }))).toMatch(/^ILLEGAL_OPERATION .*client a holds its lock, not b/)
    expect(refusal(committed(9))).toMatch(/^ILLEGAL_OPERATION .*not moved back from 10 to 9/)
    expect(refusal(committed(9, { clientId: undefined }))).toBe("fine")
    expect(refusal(committed(8, { holder: undefined }))).toBe("fine")
    expect(refusal(committed(8))).toBe("fine")
  })

  it("fenced: an announced reset lets a commit fall back once", () => {
    const offsets = ConsumerOffset.make(0)
    const outcomes = [10, 4].map((queueOffset) => ConsumerOffset.commit(offsets, committed(queueOffset)))
    ConsumerOffset.announceReset(offsets, { group: "g", topic: "T", queueId: 0, queueOffset: 4 })
    for (const queueOffset of [5, 4, 10, 4]) outcomes.push(ConsumerOffset.commit(offsets, committed(queueOffset)))
    expect(outcomes).toEqual(["Stored", "Backwards", "Backwards", "Stored", "Stored", "Backwards"])
  })

  it("a reset holds until a pull comes from there, also when an answer is lost and over a restart", () => {
    const entry = { group: "g", topic: "T", queueId: 0, queueOffset: 3 }
    const before = ConsumerOffset.make(0)
    ConsumerOffset.reset(before, entry, 0)
    const offsets = ConsumerOffset.make(0)
    for (const record of ConsumerOffset.drainDirty(before)) ConsumerOffset.apply(offsets, record)
    const follow = (queueOffset: number) => ConsumerOffset.followReset(offsets, { ...entry, queueOffset }, "a")
    expect([follow(10), follow(10), ConsumerOffset.commit(offsets, committed(10))]).toEqual([3, 3, "ResetPending"])
    expect([follow(3), follow(4), ConsumerOffset.commit(offsets, committed(4))]).toEqual([
      undefined,
      undefined,
      "Stored",
    ])
    expect(ConsumerOffset.drainDirty(offsets)).toEqual([{ ...entry, queueOffset: 4 }])
  })

  it("a client's first pull after a reset is told of it, also when it comes from there", () => {
    const entry = { group: "g", topic: "T", queueId: 0, queueOffset: 3 }
    const offsets = ConsumerOffset.make(0)
    ConsumerOffset.reset(offsets, entry, 0)
    const follow = (clientId: string, queueOffset: number) =>
      ConsumerOffset.followReset(offsets, { ...entry, queueOffset }, clientId)
    expect([follow("a", 9), follow("b", 3), follow("b", 3)]).toEqual([3, 3, undefined])
  })

  it("answers a query: what is stored, 0 of a young queue, or not found", () => {
    const asked = { stored: undefined, setZeroIfNotFound: undefined, queueOffsetMin: 0, isFirstInMemory: true }
    const answer = (more: Partial<Parameters<typeof ConsumerOffset.answerQuery>[0]>): number | string => {
      const outcome = ConsumerOffset.answerQuery({ ...asked, ...more })
      return Result.isSuccess(outcome) ? outcome.success : outcome.failure.code
    }
    expect(answer({ stored: 7 })).toBe(7)
    expect(answer({})).toBe(0)
    expect(answer({ setZeroIfNotFound: true })).toBe(0)
    expect(answer({ setZeroIfNotFound: false })).toBe("QUERY_NOT_FOUND")
    expect(answer({ queueOffsetMin: 1 })).toBe("QUERY_NOT_FOUND")
    expect(answer({ isFirstInMemory: false })).toBe("QUERY_NOT_FOUND")
    expect(answer({ stored: -1 })).toBe(0)
  })

  it("moves the data version once per 500 commits", () => {
    const offsets = ConsumerOffset.make(0)
    for (let i = 1; i < ConsumerOffset.versionStep; i++) ConsumerOffset.commit(offsets, committed(i))
    expect(offsets.version.counter).toBe(0)
    ConsumerOffset.commit(offsets, committed(1_000, { nowMs: 9 }))
    expect(offsets.version).toEqual({ stateVersion: 0, timestamp: 9, counter: 1 })
  })

  it("forgets groups and topics everywhere", () => {
    const offsets = ConsumerOffset.make(0)
    for (const group of ["g", "h"]) {
      for (const topic of ["T", "U"]) ConsumerOffset.reset(offsets, { group, topic, queueId: 0, queueOffset: 3 }, 0)
    }
    ConsumerOffset.pulled(offsets, "h", "T", 0, 4)
    expect(ConsumerOffset.queryPulled(offsets, "h", "T", 0)).toBe(4)
    expect([...ConsumerOffset.groupsOfTopic(offsets, "T")].toSorted()).toEqual(["g", "h"])
    ConsumerOffset.removeGroup(offsets, "g")
    expect(ConsumerOffset.topicsOfGroup(offsets, "g")).toEqual([])
    ConsumerOffset.removeTopic(offsets, "T")
    expect(ConsumerOffset.queryPulled(offsets, "h", "T", 0)).toBeUndefined()
    expect(ConsumerOffset.topicsOfGroup(offsets, "h")).toEqual(["U"])
    expect(
      ConsumerOffset.followReset(offsets, { group: "h", topic: "T", queueId: 0, queueOffset: 0 }, "a"),
    ).toBeUndefined()
    ConsumerOffset.removeTopic(offsets, "U")
    expect(ConsumerOffset.entries(offsets)).toEqual([])
    expect(offsets.committed.size).toBe(0)
    expect(
      ConsumerOffset.followReset(offsets, { group: "h", topic: "U", queueId: 0, queueOffset: 0 }, "a"),
    ).toBeUndefined()
  })
})
