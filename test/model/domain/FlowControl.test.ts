import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as FlowControl from "../../../src/domain/FlowControl.ts"

describe("FlowControl", () => {
  it("busy: exactly while the oldest put waits longer than it may", () => {
    fc.assert(
      fc.property(fc.option(fc.nat(5000), { nil: undefined }), fc.nat(5000), fc.boolean(), (waitMs, ms, isOn) => {
        const afterMs = FlowControl.busyAfterMs({ brokerFastFailureEnable: isOn, osPageCacheBusyTimeOutMills: ms })
        expect(FlowControl.isBusy(waitMs, afterMs)).toBe(isOn && waitMs !== undefined && waitMs > ms)
      }),
    )
  })

  it("lone, bounded: with room for one more, the bounds hold after it", () => {
    const room = { bytesMax: 100, messagesMax: 3 }
    fc.assert(
      fc.property(fc.nat(5), fc.nat(150), fc.nat(150), (messages, bytes, sizeBytes) => {
        const fits = messages + 1 <= room.messagesMax && bytes + sizeBytes <= room.bytesMax
        expect(FlowControl.hasRoom(room, messages, bytes, sizeBytes)).toBe(messages === 0 || fits)
      }),
    )
  })

  it("full: one bound passed is enough", () => {
    const bounds = { bytesMax: 100, messagesMax: 10, spanMax: 20 }
    const fine = { bytes: 100, messages: 10, span: 20 }
    expect(FlowControl.isFull(fine, bounds)).toBe(false)
    for (const more of [{ bytes: 101 }, { messages: 11 }, { span: 21 }])
      expect(FlowControl.isFull({ ...fine, ...more }, bounds)).toBe(true)
    expect(FlowControl.isFull({ ...fine, span: 1e9 }, { ...bounds, spanMax: Infinity })).toBe(false)
  })
})
