import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as OpMessage from "../../../src/domain/OpMessage.ts"

const offsets = fc.uniqueArray(fc.nat(10_000_000), { maxLength: 60 })

const takeAll = (buffer: OpMessage.OpBuffer, max: number): ReadonlyArray<string> => {
  const bodies: Array<string> = []
  for (let body = OpMessage.take(buffer, max); body !== undefined; body = OpMessage.take(buffer, max)) bodies.push(body)
  return bodies
}

describe("OpMessage", () => {
  it("round-trip and bounded: what is taken is what was added, in bodies of bounded length", () => {
    fc.assert(
      fc.property(offsets, fc.integer({ min: 1, max: 100 }), (all, max) => {
        const buffer = OpMessage.makeBuffer()
        for (const offset of all) OpMessage.add(buffer, offset)
        expect(OpMessage.isFull(buffer, max)).toBe(all.map((one) => `${one},`).join("").length > max)
        const bodies = takeAll(buffer, max)
        expect(bodies.flatMap(OpMessage.parse)).toEqual(all)
        for (const body of bodies) expect(body.length).toBeLessThan(max + 9)
        expect(buffer).toEqual(OpMessage.makeBuffer())
      }),
    )
  })

  it("reads bodies of older brokers, and passes over what is no offset", () => {
    expect(OpMessage.parse("12")).toEqual([12])
    expect(OpMessage.parse("")).toEqual([])
    expect(OpMessage.parse("1,x,-2,3.5,99999999999999999999,4,")).toEqual([1, 4])
  })

  it("progress: an op message is passed when all halves that it tells of, and those before it, are settled", () => {
    fc.assert(
      fc.property(fc.array(offsets, { maxLength: 10 }), fc.nat(10_000_000), (messages, halfProgress) => {
        const ops: OpMessage.Ops = new Map()
        for (const [at, halves] of messages.entries()) OpMessage.noted(ops, at + 5, halves)
        const open = messages.findIndex((halves) => halves.some((half) => half >= halfProgress))
        const passed = open < 0 ? messages.length : open
        expect(OpMessage.progress(ops, 5, halfProgress)).toBe(passed + 5)
        expect([...ops.keys()]).toEqual([...messages.keys()].slice(passed).map((at) => at + 5))
      }),
    )
  })
})
