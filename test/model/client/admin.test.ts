/** Administration of brokers in a simulated world. */
import { expect, it } from "vitest"
import { SimCluster } from "./SimCluster.ts"

it("creates, lists, measures and deletes topics", async () => {
  const cluster = new SimCluster(61, ["broker-a", "broker-b"])
  const gantry = cluster.client()
  const admin = gantry.admin()
  const brokers = await cluster.settle(admin.brokers())
  expect(brokers.map(({ addresses, brokerName }) => [brokerName, addresses.get(0)])).toEqual([
    ["broker-a", "10.0.1.1:10911"],
    ["broker-b", "10.0.1.2:10911"],
  ])
  expect(await cluster.settle(admin.topics())).toEqual([])
  await cluster.settle(admin.createTopic({ queues: 2, topic: "orders" }))
  await cluster.settle(admin.createTopic({ brokers: ["broker-b"], queues: 1, topic: "invoices" }))
  expect(await cluster.settle(admin.topics())).toEqual(["invoices", "orders"])
  expect(await cluster.settle(admin.topics({ all: true }))).toContain("TBW102")
  expect(await cluster.settle(admin.queues("orders"))).toHaveLength(4)
  expect(await cluster.settle(admin.queues("invoices"))).toEqual([
    { brokerName: "broker-b", queueId: 0, topic: "invoices" },
  ])
  const producer = gantry.producer()
  for (let i = 0; i < 3; i++) await cluster.settle(producer.send({ body: "x", topic: "invoices" }))
  const [offsets] = await cluster.settle(admin.topicOffsets("invoices"))
  expect([offsets!.minOffset, offsets!.maxOffset]).toEqual([0, 3])
  await cluster.settle(admin.deleteTopic("orders"))
  expect(await cluster.settle(admin.topics())).toEqual(["invoices"])
  await expect(cluster.settle(admin.topicOffsets("orders"))).rejects.toMatchObject({ code: "TOPIC_NOT_FOUND" })
  await expect(cluster.settle(admin.createTopic({ topic: "TBW102" }))).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  })
  await expect(cluster.settle(admin.createTopic({ cluster: "moon", topic: "t" }))).rejects.toThrow(
    "DefaultCluster/broker-a",
  )
})

it("groups: settings, members, progress, and moving it", async () => {
  const cluster = new SimCluster(62)
  const gantry = cluster.client()
  const admin = gantry.admin()
  await cluster.settle(admin.createTopic({ queues: 1, topic: "orders" }))
  await cluster.settle(admin.createGroup({ group: "billing", retryMaxTimes: 3 }))
  expect(await cluster.settle(admin.groups())).toEqual(["billing"])
  const producer = gantry.producer({ group: "shop" })
  for (let i = 0; i < 5; i++) await cluster.settle(producer.send({ body: `${i}`, topic: "orders" }))
  await cluster.wait(1_500)
  expect(await cluster.settle(admin.producers("shop"))).toEqual([gantry.clientId])
  const got: Array<string> = []
  const member = cluster.client()
  const consumer = member.consumer({ consumeFromWhere: "first", group: "billing", subscriptions: ["orders"] })
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(message.text()) }))
  expect(await cluster.pass(() => got.length === 5, 30_000)).toBe(true)
  await cluster.settle(consumer.commit())
  expect(await cluster.settle(admin.consumers("billing"))).toEqual([member.clientId])
  const [progress] = await cluster.settle(admin.groupProgress("billing", "orders"))
  expect([progress!.brokerOffset, progress!.consumerOffset, progress!.lag]).toEqual([5, 5, 0])
  await cluster.settle(admin.resetOffsets({ group: "billing", to: "begin", topic: "orders" }))
  expect(await cluster.pass(() => got.length === 10, 60_000)).toBe(true)
  await cluster.settle(consumer.close())
  // Nobody is there: the brokers' own tables are moved.
  await cluster.settle(admin.setOffset("billing", progress!.queue, 4))
  expect((await cluster.settle(admin.groupProgress("billing", "orders")))[0]!.lag).toBe(1)
  await cluster.settle(admin.resetOffsets({ group: "billing", to: "begin", topic: "orders" }))
  expect((await cluster.settle(admin.groupProgress("billing", "orders")))[0]!.lag).toBe(5)
  await cluster.settle(admin.deleteGroup("billing", { removeOffsets: true }))
  expect(await cluster.settle(admin.groups())).toEqual([])
})

it("finds messages by id and by key", async () => {
  const cluster = new SimCluster(63)
  const gantry = cluster.client()
  const admin = gantry.admin()
  const producer = gantry.producer()
  const sent = await cluster.settle(producer.send({ body: "hello", keys: ["order-1", "order-2"], topic: "orders" }))
  await cluster.settle(producer.send({ body: "other", keys: "order-3", topic: "orders" }))
  await cluster.wait(1_000)
  const found = await cluster.settle(admin.message(sent.offsetMessageId))
  expect([found?.text(), found?.messageId, found?.queue]).toEqual(["hello", sent.messageId, sent.queue])
  const byKey = await cluster.settle(admin.messages({ key: "order-2", topic: "orders" }))
  expect(byKey.map((message) => message.text())).toEqual(["hello"])
  const byId = await cluster.settle(admin.messages({ key: sent.messageId, topic: "orders" }))
  expect(byId.map((message) => message.text())).toEqual(["hello"])
  expect(await cluster.settle(admin.messages({ key: "nobody", topic: "orders" }))).toEqual([])
  await expect(cluster.settle(admin.message("nonsense"))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
})
