import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Properties from "../../../src/domain/Properties.ts"
import { PropertyName } from "../../../src/domain/Properties.ts"
import * as RequestReply from "../../../src/domain/RequestReply.ts"
import { name } from "./arbitrary.ts"

const step = fc.oneof(
  { arbitrary: fc.record({ _tag: fc.constant("Open" as const), id: name, ttlMs: fc.nat(100) }), weight: 3 },
  fc.record({ _tag: fc.constant("Replied" as const), id: name }),
  fc.record({ _tag: fc.constant("Forgotten" as const), id: name }),
  fc.record({ _tag: fc.constant("Elapsed" as const), ms: fc.nat(60) }),
  fc.record({ _tag: fc.constant("Released" as const) }),
)

const openMax = 3

describe("RequestReply", () => {
  it("once, own, patient and bounded: requests end as a list of open ones says", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = RequestReply.make<number>(openMax)
        let open: Array<{ readonly id: string; readonly dueMs: number; readonly request: number }> = []
        let nowMs = 0
        let requestsMade = 0
        for (const given of steps) {
          if (given._tag === "Open") {
            const request = requestsMade++
            const hasRoom = open.length < openMax && !open.some(({ id }) => id === given.id)
            expect(RequestReply.open(table, given.id, nowMs + given.ttlMs, request)).toBe(hasRoom)
            if (hasRoom) open.push({ dueMs: nowMs + given.ttlMs, id: given.id, request })
          } else if (given._tag === "Replied") {
            expect(RequestReply.replied(table, given.id)).toBe(open.find(({ id }) => id === given.id)?.request)
            open = open.filter(({ id }) => id !== given.id)
          } else if (given._tag === "Forgotten") {
            expect(RequestReply.forgotten(table, given.id)).toBe(open.some(({ id }) => id === given.id))
            open = open.filter(({ id }) => id !== given.id)
          } else if (given._tag === "Elapsed") {
            nowMs += given.ms
            const ended = open.filter(({ dueMs }) => dueMs <= nowMs)
            expect(RequestReply.expired(table, nowMs)).toEqual(ended.map(({ request }) => request))
            open = open.filter(({ dueMs }) => dueMs > nowMs)
          } else {
            expect(RequestReply.released(table)).toEqual(open.map(({ request }) => request))
            open = []
          }
          const due = open.length === 0 ? undefined : Math.min(...open.map(({ dueMs }) => dueMs))
          expect(RequestReply.nextDueMs(table)).toBe(due)
        }
      }),
    )
  })

  it("there: a reply to a request goes to the client that asked, with its correlation id", () => {
    const word = fc.string({ minLength: 1, unit: fc.constantFrom("a", "1", "@", "#", ".", "-") })
    fc.assert(
      fc.property(word, word, word, fc.nat(), (correlationId, clientId, cluster, ttlMs) => {
        const request = Properties.parse(
          Properties.print([
            ...RequestReply.requestProperties(correlationId, clientId, ttlMs),
            [PropertyName.CLUSTER, cluster],
          ]),
        )
        const { properties, topic } = Result.getOrThrow(RequestReply.envelope((asked) => request.get(asked)))
        const text = Properties.print(properties)
        expect(topic).toBe(`${cluster}_REPLY_TOPIC`)
        expect(Result.getOrThrow(RequestReply.requesterOf(text))).toBe(clientId)
        expect(Properties.find(text, PropertyName.CORRELATION_ID)).toBe(correlationId)
        expect(Properties.find(text, PropertyName.TTL)).toBe(String(ttlMs))
        expect(Properties.find(text, PropertyName.MSG_TYPE)).toBe("reply")
      }),
    )
  })

  it("a message that asks for no reply has none, and says what it lacks", () => {
    const whole = new Map([
      [PropertyName.CLUSTER, "c"],
      [PropertyName.CORRELATION_ID, "id"],
      [PropertyName.REPLY_TO_CLIENT, "client"],
    ] as ReadonlyArray<readonly [string, string]>)
    expect(Result.isSuccess(RequestReply.envelope((asked) => whole.get(asked)))).toBe(true)
    for (const lacking of whole.keys()) {
      const refused = RequestReply.envelope((asked) => (asked === lacking ? undefined : whole.get(asked)))
      expect(Result.isFailure(refused) && refused.failure.remark).toContain(lacking)
    }
  })

  it("a reply is pushed to who is connected and reads", () => {
    expect(Result.isFailure(RequestReply.requesterOf("MSG_TYPE\u0001reply\u0002"))).toBe(true)
    const lost = RequestReply.mayPush("c@1", undefined)
    expect(Result.isFailure(lost) && lost.failure.remark).toMatch(
      /^push reply message fail, channel of <c@1> not found\./,
    )
    expect(Result.isSuccess(RequestReply.mayPush("c@1", RequestReply.unreadBytesMax))).toBe(true)
    const slow = RequestReply.mayPush("c@1", RequestReply.unreadBytesMax + 1)
    expect(Result.isFailure(slow) && slow.failure.code).toBe("SYSTEM_ERROR")
  })

  it("what is pushed keeps the replier's properties, and says when and from where", () => {
    const text = RequestReply.pushedProperties("a\u00011\u0002", { regionId: "r", traceOn: "true" }, 77)
    expect(Object.fromEntries(Properties.parse(text))).toEqual({
      MSG_REGION: "r",
      PUSH_REPLY_TIME: "77",
      TRACE_ON: "true",
      a: "1",
    })
  })
})
