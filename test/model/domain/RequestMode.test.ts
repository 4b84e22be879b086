import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as RequestMode from "../../../src/domain/RequestMode.ts"
import { name } from "./arbitrary.ts"

const setting = fc.record({
  consumerGroup: name,
  mode: fc.constantFrom("PULL" as const, "POP" as const),
  popShareQueueNum: fc.integer({ max: 4, min: -1 }),
  topic: fc.oneof(name, fc.constant("%RETRY%a")),
})

/** What administrators do, on a broker that has some topics and groups. */
const step = fc.oneof(
  setting.map((asked) => ({ _tag: "Asked" as const, setting: asked })),
  fc.record({ _tag: fc.constant("TopicDeleted" as const), topic: name }),
  fc.record({ _tag: fc.constant("GroupDeleted" as const), group: name }),
)

const defaults: RequestMode.Defaults = { mode: "PULL", popShareQueueNum: -1 }

describe("RequestMode", () => {
  it("replay, bounded, retry: the table is the fold of its events, and names only what the broker has", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const topics = new Set(["a", "b", "c", "%RETRY%a"])
        const groups = new Set(["a", "b", "c"])
        const modes = RequestMode.make()
        const events: Array<RequestMode.Event> = []
        const last = new Map<string, RequestMode.Setting>()
        for (const given of steps) {
          if (given._tag === "Asked") {
            const { consumerGroup, topic } = given.setting
            const decision = RequestMode.decide(given.setting, {
              hasGroup: (group) => groups.has(group),
              hasTopic: (one) => topics.has(one),
            })
            const isAllowed = topics.has(topic) && groups.has(consumerGroup) && !topic.startsWith("%")
            expect(Result.isSuccess(decision)).toBe(isAllowed)
            if (Result.isFailure(decision)) continue
            events.push(decision.success)
            last.set(`${topic} ${consumerGroup}`, given.setting)
          } else {
            if (given._tag === "TopicDeleted") topics.delete(given.topic)
            else groups.delete(given.group)
            const gone = given._tag === "TopicDeleted" ? `${given.topic} ` : ` ${given.group}`
            for (const key of last.keys())
              if (given._tag === "TopicDeleted" ? key.startsWith(gone) : key.endsWith(gone)) last.delete(key)
            events.push(given)
          }
          RequestMode.evolve(modes, events.at(-1)!)
        }
        const folded = RequestMode.make()
        for (const event of events) RequestMode.evolve(folded, event)
        expect(folded).toEqual(modes)
        expect(new Set(RequestMode.settings(modes))).toEqual(new Set(last.values()))
        for (const groupsOfTopic of modes.values()) expect(groupsOfTopic.size).toBeGreaterThan(0)
        for (const topic of ["a", "b", "c", "d"])
          for (const group of ["a", "b", "c", "d"])
            expect(RequestMode.find(modes, topic, group, defaults)).toEqual(
              last.get(`${topic} ${group}`) ?? { ...defaults, consumerGroup: group, topic },
            )
      }),
    )
  })

  it("refuses as RocketMQ does, and says what to do", () => {
    const view = { hasGroup: () => false, hasTopic: (topic: string) => topic !== "unknown" }
    const refusalOf = (topic: string) =>
      Result.getOrUndefined(
        Result.flip(RequestMode.decide({ consumerGroup: "g", mode: "POP", popShareQueueNum: 0, topic }, view)),
      )
    expect(refusalOf("%RETRY%g")).toMatchObject({ code: "NO_PERMISSION" })
    expect(refusalOf("unknown")).toMatchObject({ code: "TOPIC_NOT_EXIST" })
    expect(refusalOf("t")).toMatchObject({ code: "SUBSCRIPTION_GROUP_NOT_EXIST" })
  })

  it("retry topics are pulled, whatever the broker's default is", () => {
    const pop: RequestMode.Defaults = { mode: "POP", popShareQueueNum: 3 }
    expect(RequestMode.find(RequestMode.make(), "%RETRY%g", "g", pop).mode).toBe("PULL")
    expect(RequestMode.find(RequestMode.make(), "t", "g", pop)).toMatchObject(pop)
  })
})
