import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as MessageTrack from "../../../src/domain/MessageTrack.ts"

const copy = fc.record({
  isPassed: fc.boolean(),
  place: fc.constantFrom("DeadLetter" as const, "Delayed" as const, "Retry" as const),
  reconsumeTimes: fc.integer({ max: 4, min: 1 }),
})
const members = fc.option(
  fc.record({
    isActive: fc.boolean(),
    isBroadcasting: fc.boolean(),
    tags: fc.option(fc.constantFrom(new Set(["A"]), new Set(["B"])), { nil: undefined }),
  }),
  { nil: undefined },
)
const message = { queueOffset: 5, tag: "A" }
const plain = { isActive: false, isBroadcasting: false, tags: undefined }
const read = (reading: Partial<MessageTrack.Reading>): MessageTrack.Track =>
  MessageTrack.of(message, { consumerOffset: undefined, copies: [], members: plain, ...reading })

describe("MessageTrack", () => {
  it("newest: the newest copy decides, whatever else is known", () => {
    fc.assert(
      fc.property(fc.array(copy, { maxLength: 6 }), members, fc.nat(9), (copies, of, consumerOffset) => {
        const last = { isPassed: false, place: "DeadLetter" as const, reconsumeTimes: 5 }
        const reading = { consumerOffset, members: of }
        expect(MessageTrack.of(message, { ...reading, copies: [last, ...copies] })).toBe("DeadLetter")
        const retry = { isPassed: false, place: "Retry" as const, reconsumeTimes: 5 }
        expect(MessageTrack.of(message, { ...reading, copies: [...copies, retry] })).toBe("Retrying")
        const handled = { ...retry, isPassed: true }
        const delayed = { ...retry, place: "Delayed" as const }
        expect(MessageTrack.of(message, { ...reading, copies: [handled, ...copies, delayed] })).toBe("Consumed")
      }),
    )
  })

  it("offset: without copies, the group's offset in the queue decides, with members or without", () => {
    fc.assert(
      fc.property(fc.option(fc.nat(9), { nil: undefined }), fc.boolean(), (consumerOffset, isOnline) => {
        const reading = { consumerOffset, copies: [], members: isOnline ? plain : undefined }
        const isPast = consumerOffset !== undefined && consumerOffset > 5
        expect(MessageTrack.of(message, reading)).toBe(isPast ? "Consumed" : "Waiting")
      }),
    )
  })

  it("tells who filters it, who keeps progress himself, and who waits for a retry", () => {
    expect(read({ consumerOffset: 9, members: { ...plain, tags: new Set(["B"]) } })).toBe("FilteredOut")
    expect(read({ members: { ...plain, tags: new Set(["A"]) } })).toBe("Waiting")
    expect(read({ consumerOffset: 9, members: { ...plain, isBroadcasting: true } })).toBe("Broadcast")
    expect(read({ members: { ...plain, isActive: true } })).toBe("Pulled")
    expect(read({ consumerOffset: 9, copies: [{ isPassed: false, place: "Delayed", reconsumeTimes: 1 }] })).toBe(
      "Retrying",
    )
    const untagged = { queueOffset: 5, tag: undefined }
    const wanted = { ...plain, tags: new Set(["A"]) }
    expect(MessageTrack.of(untagged, { consumerOffset: 1, copies: [], members: wanted })).toBe("FilteredOut")
  })
})
