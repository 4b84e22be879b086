import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { print } from "../../../src/domain/MessageQueue.ts"
import { isReadable, isWritable } from "../../../src/domain/Topic.ts"
import * as TopicRoute from "../../../src/domain/TopicRoute.ts"

const brokers = ["broker-c", "broker-a", "broker-b"] as const
const route: fc.Arbitrary<TopicRoute.TopicRoute> = fc.record({
  brokerDatas: fc.uniqueArray(
    fc.record({
      brokerAddrs: fc.uniqueArray(fc.nat(2)).map((ids) => new Map(ids.map((id) => [id, `10.0.0.${id}:1`]))),
      brokerName: fc.constantFrom(...brokers),
    }),
    { selector: ({ brokerName }) => brokerName },
  ),
  queueDatas: fc.uniqueArray(
    fc.record({
      brokerName: fc.constantFrom(...brokers),
      perm: fc.nat(7),
      readQueueNums: fc.integer({ max: 5, min: -1 }),
      writeQueueNums: fc.integer({ max: 5, min: -1 }),
    }),
    { selector: ({ brokerName }) => brokerName },
  ),
})

const printed = (queues: ReturnType<typeof TopicRoute.readQueues>) =>
  queues.map(({ brokerName, queueId }) => `${brokerName} ${queueId}`)

describe("TopicRoute", () => {
  it("permitted, counted: queues are those of brokers that may be used, each once, from 0 on", () => {
    fc.assert(
      fc.property(route, (given) => {
        const masters = new Set(
          given.brokerDatas.flatMap(({ brokerAddrs, brokerName }) => (brokerAddrs.has(0) ? [brokerName] : [])),
        )
        const of = (isUsed: (data: TopicRoute.QueueData) => boolean, count: (data: TopicRoute.QueueData) => number) =>
          given.queueDatas.flatMap((data) =>
            isUsed(data) ? Array.from({ length: Math.max(0, count(data)) }, (_, id) => `${data.brokerName} ${id}`) : [],
          )
        const writable = of(
          ({ brokerName, perm }) => isWritable(perm) && masters.has(brokerName),
          ({ writeQueueNums }) => writeQueueNums,
        )
        expect(printed(TopicRoute.writeQueues("T", given))).toEqual(writable.toSorted())
        const readable = of(
          ({ perm }) => isReadable(perm),
          ({ readQueueNums }) => readQueueNums,
        )
        expect(printed(TopicRoute.readQueues("T", given))).toEqual(readable)
      }),
    )
  })

  it("ordered: an order configuration alone says where to send, and not where to read", () => {
    fc.assert(
      fc.property(route, (given) => {
        const ordered = { ...given, orderTopicConf: "broker-z:2;broker-a:1" }
        const queues = TopicRoute.writeQueues("T", ordered).map((queue) => print(queue))
        expect(queues).toEqual(
          [
            { brokerName: "broker-z", queueId: 0, topic: "T" },
            { brokerName: "broker-z", queueId: 1, topic: "T" },
            { brokerName: "broker-a", queueId: 0, topic: "T" },
          ].map((queue) => print(queue)),
        )
        expect(TopicRoute.readQueues("T", ordered)).toEqual(TopicRoute.readQueues("T", given))
        expect(TopicRoute.writeQueues("T", { ...given, orderTopicConf: "" })).toEqual(
          TopicRoute.writeQueues("T", given),
        )
      }),
    )
  })

  it("what cannot be read of an order configuration is left out", () => {
    for (const text of [
      "broker-a",
      ":4",
      "broker-a:",
      "broker-a:-1",
      "broker-a:x",
      "broker-a:1.5",
      ";",
      "broker-a:1e3",
    ])
      expect([text, TopicRoute.orderedQueues("T", text)]).toEqual([text, []])
    expect(TopicRoute.orderedQueues("T", "broker-a:x;broker-b:1")).toHaveLength(1)
  })

  it("bounded: a route that names a billion queues has as many as a broker may have", () => {
    const data = { brokerName: "broker-a", perm: 6, readQueueNums: 2 ** 31, writeQueueNums: 2 ** 31 }
    const brokerDatas = [{ brokerAddrs: new Map([[0, "10.0.0.1:1"]]), brokerName: "broker-a" }]
    const given = { brokerDatas, queueDatas: [data] }
    expect(TopicRoute.writeQueues("T", given)).toHaveLength(TopicRoute.queueNumsMax)
    expect(TopicRoute.readQueues("T", given)).toHaveLength(TopicRoute.queueNumsMax)
    expect(TopicRoute.orderedQueues("T", "broker-a:999999999")).toHaveLength(TopicRoute.queueNumsMax)
  })

  it("a topic that is not there yet borrows the route of its template, with as many queues as asked at most", () => {
    const data = { brokerName: "broker-a", perm: 7, readQueueNums: 8, writeQueueNums: 6 }
    const template = { brokerDatas: [], queueDatas: [data, { ...data, brokerName: "broker-b", readQueueNums: 2 }] }
    const counts = TopicRoute.borrowed(template, 4).queueDatas.map(({ readQueueNums, writeQueueNums }) => [
      readQueueNums,
      writeQueueNums,
    ])
    expect(counts).toEqual([
      [4, 4],
      [2, 2],
    ])
  })
})
