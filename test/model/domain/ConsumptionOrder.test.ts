import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as ConsumptionOrder from "../../../src/domain/ConsumptionOrder.ts"
import { name } from "./arbitrary.ts"

const step = fc.oneof(
  fc.record({ _tag: fc.constant("Locked" as const), group: name, topics: fc.array(name, { maxLength: 3 }) }),
  fc.record({ _tag: fc.constant("TopicDeleted" as const), topic: name }),
  fc.record({ _tag: fc.constant("GroupDeleted" as const), group: name }),
)

describe("ConsumptionOrder", () => {
  it("replay, once: what was locked is in order until it is deleted, and is told once", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const order = ConsumptionOrder.make()
        const log: Array<ConsumptionOrder.Event> = []
        const known = new Set<string>()
        for (const given of steps) {
          if (given._tag === "Locked") {
            const fresh = new Set(given.topics.filter((topic) => !known.has(`${given.group} ${topic}`)))
            const event = ConsumptionOrder.decide(order, given.group, given.topics)
            expect(new Set(event?.topics)).toEqual(fresh)
            expect(event === undefined).toBe(fresh.size === 0)
            for (const topic of fresh) known.add(`${given.group} ${topic}`)
            if (event !== undefined) log.push(event)
          } else {
            log.push(given)
            for (const one of known) {
              const [group, topic] = one.split(" ")
              if (given._tag === "TopicDeleted" ? topic === given.topic : group === given.group) known.delete(one)
            }
          }
          if (log.length > 0 && (given._tag !== "Locked" || log.at(-1)?._tag === "Ordered"))
            ConsumptionOrder.evolve(order, log.at(-1)!)
          for (const group of ["a", "b", "c", "d"])
            for (const topic of ["a", "b", "c", "d"])
              expect(ConsumptionOrder.isOrdered(order, group, topic)).toBe(known.has(`${group} ${topic}`))
        }
        const folded = ConsumptionOrder.make()
        for (const event of log) ConsumptionOrder.evolve(folded, event)
        expect(folded).toEqual(order)
      }),
    )
  })
})
