/** The push consumer against brokers in a simulated world. */
import { expect, it } from "vitest"
import { SimCluster } from "./SimCluster.ts"

it("hands each message to the handler and commits what was handled", async () => {
  const cluster = new SimCluster(2)
  const producer = cluster.client().producer()
  const consumer = cluster.client().consumer({ consumeFromWhere: "first", group: "billing", subscriptions: ["orders"] })
  await cluster.settle(producer.send({ body: "m0", topic: "orders" }))
  const got: Array<string> = []
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(message.text()) }))
  for (let i = 1; i < 20; i++) await cluster.settle(producer.send({ body: `m${i}`, topic: "orders" }))
  expect(await cluster.pass(() => got.length >= 20, 30_000)).toBe(true)
  expect(got.toSorted()).toEqual(Array.from({ length: 20 }, (_, i) => `m${i}`).toSorted())
  await cluster.settle(consumer.close())
  // A second member goes on where the first one ended.
  const again: Array<string> = []
  const next = cluster.client().consumer({ consumeFromWhere: "first", group: "billing", subscriptions: ["orders"] })
  await cluster.settle(next.run({ eachMessage: (message) => void again.push(message.text()) }))
  await cluster.settle(producer.send({ body: "last", topic: "orders" }))
  expect(await cluster.pass(() => again.length > 0, 30_000)).toBe(true)
  await cluster.wait(2_000)
  expect(again).toEqual(["last"])
})
