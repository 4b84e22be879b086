/** Members whose broker shares out the queues (clientRebalance: false), in a simulated world. */
import { expect, it } from "vitest"
import type { Consumer, ConsumerOptions } from "../../../src/client/index.ts"
import { ArgumentError } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

const join = (cluster: SimCluster, options: Partial<ConsumerOptions> = {}): Promise<Consumer> => {
  const consumer = cluster.client().consumer({
    clientRebalance: false,
    consumeFromWhere: "first",
    group: "billing",
    subscriptions: ["orders"],
    ...options,
  })
  return cluster.settle(consumer.run({ eachMessage: async () => {} }))
}

const queuesOf = (consumer: Consumer): ReadonlyArray<string> =>
  consumer.assigned
    .filter(({ topic }) => topic === "orders")
    .map(({ brokerName, queueId }) => `${brokerName} ${queueId}`)

const shares = (...members: ReadonlyArray<Consumer>): ReadonlyArray<number> =>
  members.map((member) => queuesOf(member).length).toSorted()

it("P3: each queue is one member's, whoever computes it, while members come and go", async () => {
  const cluster = new SimCluster(51)
  const producer = cluster.client().producer()
  await cluster.settle(producer.send({ body: "first", topic: "orders" }))
  const first = await join(cluster)
  expect(await cluster.pass(() => queuesOf(first).length === 4, 60_000)).toBe(true)
  // One of them computes its share itself: from the same lists it comes to the same.
  const second = await join(cluster, { clientRebalance: true })
  expect(await cluster.pass(() => shares(first, second).join() === "2,2", 60_000)).toBe(true)
  expect(new Set([...queuesOf(first), ...queuesOf(second)]).size).toBe(4)
  const third = await join(cluster, { rebalanceStrategy: "AVG" })
  expect(await cluster.pass(() => shares(first, second, third).join() === "1,1,2", 60_000)).toBe(true)
  await cluster.settle(first.close())
  expect(await cluster.pass(() => shares(second, third).join() === "2,2", 60_000)).toBe(true)
})

it("a group that is set to POP is shared by its members, and a strategy that no broker knows is refused", async () => {
  const cluster = new SimCluster(52)
  const producer = cluster.client().producer()
  await cluster.settle(producer.send({ body: "first", topic: "orders" }))
  const first = await join(cluster)
  expect(await cluster.pass(() => queuesOf(first).length === 4, 60_000)).toBe(true)
  const admin = cluster.client().admin()
  await cluster.settle(admin.setRequestMode({ group: "billing", mode: "POP", topic: "orders" }))
  const second = await join(cluster)
  expect(await cluster.pass(() => shares(first, second).join() === "2,2", 60_000)).toBe(true)
  expect(cluster.logs.some(({ message }) => message.startsWith("the group is set to POP"))).toBe(true)
  expect(() =>
    cluster.client().consumer({ clientRebalance: false, group: "g", rebalanceStrategy: "CONSISTENT_HASH" }),
  ).toThrow(ArgumentError)
})
