/** The producer against brokers in a simulated world. */
import { expect, it } from "vitest"
import { SimCluster } from "./SimCluster.ts"

it("sends a message and tells where it is", async () => {
  const cluster = new SimCluster(1)
  const producer = cluster.client().producer()
  const first = await cluster.settle(producer.send({ body: "hello", keys: ["k1", "k2"], tags: "a", topic: "orders" }))
  expect(first.status).toBe("SEND_OK")
  expect(first.queue.topic).toBe("orders")
  expect(first.queueOffset).toBe(0)
  expect(first.messageId).toMatch(/^[0-9A-F]{32}$/)
  await cluster.settle(producer.close())
})
