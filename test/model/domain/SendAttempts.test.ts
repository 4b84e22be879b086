import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as SendAttempts from "../../../src/domain/SendAttempts.ts"

const settings = fc.record({
  retryAnotherBrokerWhenNotStoreOK: fc.boolean(),
  retryTimesWhenSendFailed: fc.nat(4),
  sendMsgMaxTimeoutPerRequestMs: fc.integer({ max: 1500, min: -1 }),
})
const attempt = fc.record({
  outcome: fc.oneof(
    fc.constant({ _tag: "Stored" as const }),
    fc.constant({ _tag: "StoredUnsafely" as const }),
    fc.record({ _tag: fc.constant("Failed" as const), isInDoubt: fc.boolean(), isRetriable: fc.boolean() }),
  ),
  tookMs: fc.nat(2000),
})
const send = fc.record({
  forMs: fc.nat(5000),
  isChosen: fc.boolean(),
  isHalf: fc.boolean(),
  settings,
  stream: fc.infiniteStream(attempt),
})

describe("SendAttempts", () => {
  it("bounded, in time, kept, final, one half: sends end as these say, whatever brokers answer", () => {
    fc.assert(
      fc.property(send, ({ forMs, isChosen, isHalf, settings: given, stream }) => {
        const max = SendAttempts.attemptsMax(isChosen, given)
        let leftMs = forMs
        let tried = 0
        let kept = false
        let mayBeStored = 0
        let told: string | undefined
        while (leftMs > 0) {
          const { outcome, tookMs } = stream.next().value!
          tried++
          const patienceMs = SendAttempts.timeoutMs(tried, max, leftMs, given)
          const cap = given.sendMsgMaxTimeoutPerRequestMs
          expect(patienceMs).toBe(cap > -1 && tried < max ? Math.min(cap, leftMs) : leftMs)
          // An attempt that is not answered in its time has failed, and may be tried elsewhere.
          const isLate = tookMs > patienceMs
          const came = isLate ? ({ _tag: "Failed", isInDoubt: true, isRetriable: true } as const) : outcome
          leftMs -= Math.min(tookMs, patienceMs)
          if (came._tag !== "Failed" || came.isInDoubt) mayBeStored++
          const decision = SendAttempts.decide(came, { isHalf, leftMs, max, tried }, given)
          if (decision === "End") {
            told = came._tag === "Failed" && kept ? "StoredUnsafely" : came._tag
            break
          }
          expect(leftMs).toBeGreaterThan(0)
          if (decision === "Keep") kept = true
          expect(came._tag === "Stored" || (came._tag === "Failed" && !came.isRetriable)).toBe(false)
        }
        expect(tried).toBeLessThanOrEqual(max)
        if (isChosen) expect(tried).toBeLessThanOrEqual(1)
        if (isHalf) expect(mayBeStored).toBeLessThanOrEqual(1)
        // Whoever got something stored is never told that it failed.
        if (kept) expect(told).not.toBe("Failed")
        if (forMs > 0) expect(told).toBeDefined()
      }),
      { numRuns: 500 },
    )
  })

  it("what an answer other than SEND_OK comes to depends on the setting", () => {
    const given = { retryTimesWhenSendFailed: 2, sendMsgMaxTimeoutPerRequestMs: -1 }
    const decide = (isOn: boolean, tried: number): SendAttempts.Decision =>
      SendAttempts.decide(
        { _tag: "StoredUnsafely" },
        { isHalf: false, leftMs: 100, max: 3, tried },
        { ...given, retryAnotherBrokerWhenNotStoreOK: isOn },
      )
    expect([decide(false, 1), decide(true, 1), decide(true, 3)]).toEqual(["End", "Keep", "End"])
  })
})
