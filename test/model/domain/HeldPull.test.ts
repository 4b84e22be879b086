import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as HeldPull from "../../../src/domain/HeldPull.ts"
import { type Subscription, matchesCode, parse, tagsCode } from "../../../src/domain/Subscription.ts"

const subscription = (expression: string): Subscription => Result.getOrThrow(parse("T", expression))

const where = { topic: fc.constantFrom("T", "U"), queueId: fc.nat(1) }
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Hold" as const),
      ...where,
      group: fc.constantFrom("g", "h"),
      pullFromOffset: fc.nat(5),
      holdMs: fc.constantFrom(0, 50, 1_000, 15_000),
      expression: fc.constantFrom("*", "A", "B", undefined),
    }),
  },
  fc.record({
    _tag: fc.constant("Arrived" as const),
    ...where,
    queueOffsetMax: fc.nat(6),
    tag: fc.constantFrom("A", "B", "C", undefined),
  }),
  fc.record({ _tag: fc.constant("Reset" as const), ...where, group: fc.constantFrom("g", "h") }),
  fc.record({ _tag: fc.constant("Elapsed" as const), ms: fc.constantFrom(10, 500, 20_000) }),
  fc.record({ _tag: fc.constant("Cancel" as const), pick: fc.nat() }),
  fc.record({ _tag: fc.constant("Released" as const) }),
)

const heldMax = 6
type Held = HeldPull.Held<number>
const requests = (all: ReadonlyArray<Held>): ReadonlyArray<number> => all.map((held) => held.request)

describe("HeldPull", () => {
  it("once, woken, patient, in order and bounded: it hands out what a list of waiting pulls says", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const table = HeldPull.make<number>(heldMax)
        let waiting: Array<Held> = []
        let nowMs = 1_000
        let requestsMade = 0
        const out = new Set<number>()
        const handedOut = (all: ReadonlyArray<Held>, expected: ReadonlyArray<Held>): void => {
          expect(requests(all)).toEqual(requests(expected))
          for (const held of all) {
            expect(out.has(held.request)).toBe(false)
            out.add(held.request)
          }
          waiting = waiting.filter((held) => !all.includes(held))
        }
        for (const given of steps) {
          if (given._tag === "Hold") {
            const held: Held = {
              group: given.group,
              topic: given.topic,
              queueId: given.queueId,
              pullFromOffset: given.pullFromOffset,
              dueMs: nowMs + given.holdMs,
              subscription: given.expression === undefined ? undefined : subscription(given.expression),
              request: requestsMade++,
            }
            expect(HeldPull.hold(table, held)).toBe(waiting.length < heldMax)
            if (waiting.length < heldMax) waiting.push(held)
          } else if (given._tag === "Arrived") {
            const { queueId, queueOffsetMax, tag, topic } = given
            const code = tag === undefined ? undefined : tagsCode(tag)
            const expected = waiting.filter(
              (held) =>
                held.topic === topic &&
                held.queueId === queueId &&
                queueOffsetMax > held.pullFromOffset &&
                (held.subscription === undefined || matchesCode(held.subscription, code)),
            )
            handedOut(HeldPull.arrived(table, topic, queueId, queueOffsetMax, code), expected)
          } else if (given._tag === "Reset") {
            const { group, queueId, topic } = given
            const expected = waiting.filter(
              (held) => held.group === group && held.topic === topic && held.queueId === queueId,
            )
            handedOut(HeldPull.reset(table, group, topic, queueId), expected)
          } else if (given._tag === "Elapsed") {
            nowMs += given.ms
            const due = HeldPull.nextDueMs(table)
            const tickOf = (held: Held): number => Math.ceil(held.dueMs / HeldPull.tickMs)
            const expected = waiting
              .filter((held) => tickOf(held) * HeldPull.tickMs <= nowMs)
              .toSorted((a, b) => tickOf(a) - tickOf(b))
            expect(due !== undefined && due <= nowMs).toBe(expected.length > 0)
            for (const held of expected) expect(held.dueMs).toBeLessThanOrEqual(nowMs)
            handedOut(HeldPull.expired(table, nowMs), expected)
          } else if (given._tag === "Cancel" && waiting.length > 0) {
            const held = waiting[given.pick % waiting.length]!
            expect([HeldPull.cancel(table, held), HeldPull.cancel(table, held)]).toEqual([true, false])
            waiting = waiting.filter((other) => other !== held)
          } else if (given._tag === "Released") {
            const all = HeldPull.released(table)
            expect(new Set(requests(all))).toEqual(new Set(requests(waiting)))
            waiting = []
          }
          expect(table.size).toBe(waiting.length)
        }
        if (waiting.length === 0) expect([table.queues.size, table.ticks.size]).toEqual([0, 0])
      }),
      { numRuns: 500 },
    )
  })
})
