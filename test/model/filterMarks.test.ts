/** Marks beside queue entries (ConsumeQueueExt): they save reads, and never a message. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as ConsumerFilter from "../../src/domain/ConsumerFilter.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import type { BrokerConfig } from "../../src/node/broker/BrokerConfig.ts"
import { FilterRig, group, topic } from "./FilterRig.ts"

const marking: Partial<BrokerConfig> = {
  enableCalcFilterBitMap: true,
  enableConsumeQueueExt: true,
  enablePropertyFilter: true,
  mappedFileSizeConsumeQueueExt: 1024,
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("send" as const), count: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("subscribe" as const), kind: fc.nat(2) }) },
  fc.record({ do: fc.constantFrom("restart" as const, "kill" as const, "powerCut" as const), marks: fc.nat(3) }),
  fc.record({ do: fc.constant("clockBack" as const), ms: fc.constantFrom(1, 60_000) }),
  fc.record({ do: fc.constant("checkpoint" as const) }),
)

const conditions = ["kind = '0'", "kind = '1'", "kind IN ('0', '2')"] as const
const wanted = [["0"], ["1"], ["0", "2"]] as const

describe("marks", () => {
  it("P3, P9: whatever happens between, a group gets exactly what its condition takes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), fc.nat(1000), (steps, seed) => {
        const rig = new FilterRig(seed, marking)
        const sent: Array<string> = []
        let version = 0
        let kind = 0
        const subscribe = (): void => void rig.subscribe(conditions[kind]!, version)
        subscribe()
        for (const given of steps) {
          switch (given.do) {
            case "send":
              for (let i = 0; i < given.count; i++) {
                const is = String((sent.length * 7 + i * 3) % 3)
                rig.send({ kind: is, n: String(sent.length) })
                sent.push(is)
              }
              break
            case "subscribe":
              kind = given.kind
              version++
              subscribe()
              break
            case "clockBack":
              rig.one.node.process.clock.jump(-given.ms)
              break
            case "checkpoint":
              rig.run(1500)
              break
            default:
              if (given.do === "restart") rig.one.stop()
              else if (given.do === "kill") rig.one.kill()
              else rig.one.powerCut()
              rig.one.start(
                {},
                {
                  enableCalcFilterBitMap: given.marks !== 1,
                  enableConsumeQueueExt: given.marks !== 2,
                  expectConsumerNumUseFilter: given.marks === 3 ? 16 : 32,
                },
              )
              rig.run(10)
              subscribe()
          }
          const takes: ReadonlyArray<string> = wanted[kind]!
          const expected = sent.flatMap((is, at) => (takes.includes(is) ? [String(at)] : []))
          expect(rig.pullAll(undefined, version)).toEqual(expected)
        }
      }),
      { numRuns: 25 },
    )
  })

  it("saves reads: what is not marked is not looked at, also after a restart", () => {
    const rig = new FilterRig(1, marking)
    rig.subscribe("kind = '0'", 1)
    for (let i = 0; i < 100; i++) rig.send({ kind: String(i % 10), n: String(i) })
    const looks = (): number => {
      const filter = ConsumerFilter.find(rig.one.broker.state.filters, topic, group)!
      const compiled = filter.compiled
      if (typeof compiled === "string") throw new Error(compiled)
      let count = 0
      // The condition is asked by way of its test: counting its calls counts the messages that were looked at.
      const { test } = compiled
      Object.assign(compiled, { test: (view: Parameters<typeof test>[0]) => (count++, test(view)) })
      expect(rig.pullAll(undefined, 1)).toHaveLength(10)
      Object.assign(compiled, { test })
      return count
    }
    expect(looks()).toBe(10)
    rig.restart()
    rig.subscribe("kind = '0'", 1)
    expect(looks()).toBe(10)
    // The filter was kept while its group was away: what came meanwhile is marked, too.
    rig.restart()
    for (let i = 0; i < 10; i++) rig.send({ kind: String(i % 10), n: String(100 + i) })
    rig.subscribe("kind = '0'", 1)
    const filter = ConsumerFilter.find(rig.one.broker.state.filters, topic, group)!
    expect(filter.bornOffset).toBeLessThan(rig.one.broker.state.store.log.appendedOffset)
    expect(rig.pullAll(undefined, 1)).toHaveLength(11)
  })

  it("administrators see the marks, and what they say of a group's filter", () => {
    const rig = new FilterRig(5, marking)
    rig.subscribe(conditions[0], 0)
    rig.send({ TAGS: "A", kind: "0" }, "x")
    rig.send({ kind: "1" }, "x")
    const { filterData, queueData } = rig.queueView()
    expect(JSON.parse(filterData!)).toMatchObject({ expression: conditions[0], group, topic })
    expect(queueData.map((entry) => [entry.eval, entry.tagsCode])).toEqual([
      [true, 65],
      [false, 0],
    ])
    expect(queueData.map(({ bitMap }) => bitMap!.length)).toEqual([112, 112])
    expect(queueData[1]!.bitMap).not.toContain("1")
    rig.one.stop()
    rig.removeFiles("/store/consumequeue_ext")
    rig.one.start()
    rig.run(10)
    expect(rig.queueView().queueData[0]).toMatchObject({ msg: "Cq extend not exist!", tagsCode: 0 })
  })

  it("a clock that is set back makes no mark of what was stored before", () => {
    const rig = new FilterRig(3, marking)
    rig.subscribe(conditions[0], 0)
    for (let i = 0; i < 6; i++) rig.send({ kind: String(i % 3), n: String(i) })
    rig.one.node.process.clock.jump(-60_000)
    rig.subscribe(conditions[1], 1)
    expect(rig.pullAll(undefined, 1)).toEqual(["1", "4"])
  })

  it("a snapshot that a crash left behind tells nothing of what was marked since", () => {
    const rig = new FilterRig(4, marking)
    rig.subscribe(conditions[0], 0)
    rig.restart()
    rig.subscribe(conditions[1], 1)
    for (let i = 0; i < 6; i++) rig.send({ kind: String(i % 3), n: String(i) })
    rig.run(1500)
    rig.one.kill()
    rig.one.start()
    rig.run(10)
    rig.subscribe(conditions[0], 2)
    expect(rig.pullAll(undefined, 2)).toEqual(["0", "3"])
  })

  it("tags are read from the units, and without their files every message is looked at", () => {
    const rig = new FilterRig(2, marking)
    for (let i = 0; i < 40; i++) rig.send({ TAGS: i % 4 === 0 ? "A" : "B", n: String(i) })
    const tagged = (): number => rig.pullAll("A", 0, "TAG").length
    expect(tagged()).toBe(10)
    rig.restart()
    expect(tagged()).toBe(10)
    rig.one.stop()
    rig.removeFiles("/store/consumequeue_ext")
    rig.one.start()
    rig.run(10)
    // Unknown tags pass: the client looks at the tag itself.
    expect(tagged()).toBe(40)
    for (let i = 40; i < 48; i++) rig.send({ TAGS: i % 4 === 0 ? "A" : "B", n: String(i) })
    expect(tagged()).toBe(42)
    rig.one.stop()
    rig.removeFiles("/store/consumequeue")
    rig.one.start()
    rig.run(10)
    expect(tagged()).toBe(12)
    expect(rig.pull("n = 47", 0).code).toBe(ResponseCode.SUCCESS)
  })
})
