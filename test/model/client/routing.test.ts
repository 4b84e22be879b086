/** Where producers send and consumers read, against two brokers in a simulated world. */
import { expect, it } from "vitest"
import type { Message } from "../../../src/client/index.ts"
import { PutKvConfig, WritePermOfBroker } from "../../../src/format/NameServer.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import { RemotingClient } from "../../../src/infra/remoting/RemotingClient.ts"
import type { Request } from "../../../src/infra/remoting/RemotingConnection.ts"
import { SimCluster } from "./SimCluster.ts"

const brokers = ["broker-a", "broker-b"] as const
/** Routes are asked for every second, so that a test need not wait half a minute. */
const quick = { pollNameServerIntervalMs: 1_000 }

/** What an administrator asks of the name server. */
const askNames = async (cluster: SimCluster, request: Request): Promise<number> => {
  const node = cluster.world.nodes.find(({ name }) => name === "office") ?? cluster.world.node("office", "10.0.3.9")
  let code: number | undefined
  new RemotingClient(node.world).ask({ host: "10.0.0.1", port: 9876 }, request, 5_000, (outcome) => {
    code = "code" in outcome ? outcome.code : -1
  })
  await cluster.pass(() => code !== undefined)
  return code!
}

const queuesOf = async (cluster: SimCluster, producer: ReturnType<ReturnType<SimCluster["client"]>["producer"]>) =>
  (await cluster.settle(producer.queues("orders"))).map(({ brokerName, queueId }) => `${brokerName} ${queueId}`)

it("an order configuration says which queues a topic has, also while one of its brokers is away", async () => {
  const cluster = new SimCluster(1, brokers, {}, { orderMessageEnable: true })
  await cluster.settle(cluster.client().admin().createTopic({ queues: 4, topic: "orders" }))
  const ext = PutKvConfig.encode({ key: "orders", namespace: "ORDER_TOPIC_CONFIG", value: "broker-b:1;broker-a:2" })
  expect(await askNames(cluster, { code: RequestCode.PUT_KV_CONFIG, ext })).toBe(0)
  const producer = cluster.client(quick).producer({ retryTimesWhenSendFailed: 0 })
  const configured = ["broker-b 0", "broker-a 0", "broker-a 1"]
  expect(await queuesOf(cluster, producer)).toEqual(configured)
  const sent = await cluster.settle(
    Promise.all([..."abcdef"].map((shardingKey) => producer.send({ body: "x", shardingKey, topic: "orders" }))),
  )
  cluster.node("broker-b").crash()
  // Until the name server has dropped it, and the client has heard of that.
  await cluster.wait(150_000)
  expect(await queuesOf(cluster, producer)).toEqual(configured)
  // What belongs to the broker that is away waits for it: a key never changes its queue.
  const again = await cluster.settle(
    Promise.allSettled([..."abcdef"].map((shardingKey) => producer.send({ body: "x", shardingKey, topic: "orders" }))),
  )
  for (const [i, { queue }] of sent.entries()) {
    const outcome = again[i]!
    if (queue.brokerName === "broker-b") expect(outcome.status).toBe("rejected")
    else expect(outcome.status === "fulfilled" && outcome.value.queue).toEqual(queue)
  }
  expect(new Set(again.map(({ status }) => status)).size).toBe(2)
})

it("fewer read queues than write queues: the rest waits, and nothing of it is lost when they are read again", async () => {
  const cluster = new SimCluster(2)
  const client = cluster.client(quick)
  const admin = client.admin()
  await cluster.settle(admin.createTopic({ readQueues: 2, topic: "orders", writeQueues: 4 }))
  const producer = client.producer()
  expect(await queuesOf(cluster, producer)).toHaveLength(4)
  const got: Array<Message> = []
  const consumer = client.consumer({ consumeFromWhere: "first", group: "g", subscriptions: ["orders"] })
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(message) }))
  expect(consumer.assigned.filter(({ topic }) => topic === "orders")).toHaveLength(2)
  for (let i = 0; i < 8; i++) await cluster.settle(producer.send({ body: `${i}`, topic: "orders" }))
  expect(await cluster.pass(() => got.length === 4, 10_000)).toBe(true)
  await cluster.wait(2_000)
  expect(got.map(({ queue }) => queue.queueId).every((id) => id < 2)).toBe(true)
  await cluster.settle(admin.createTopic({ readQueues: 4, topic: "orders", writeQueues: 4 }))
  expect(await cluster.pass(() => got.length === 8, 60_000)).toBe(true)
  expect(new Set(got.map((message) => message.text())).size).toBe(8)
})

it("fewer write queues than read queues: producers keep away from the rest, which is still read until it is empty", async () => {
  const cluster = new SimCluster(3)
  const client = cluster.client(quick)
  const admin = client.admin()
  await cluster.settle(admin.createTopic({ queues: 4, topic: "orders" }))
  const producer = client.producer()
  for (let i = 0; i < 8; i++) await cluster.settle(producer.send({ body: `${i}`, topic: "orders" }))
  await cluster.settle(admin.createTopic({ readQueues: 4, topic: "orders", writeQueues: 1 }))
  await cluster.wait(3_000)
  expect(await queuesOf(cluster, producer)).toEqual(["broker-a 0"])
  const got: Array<Message> = []
  const consumer = client.consumer({ consumeFromWhere: "first", group: "g", subscriptions: ["orders"] })
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(message) }))
  expect(await cluster.pass(() => got.length === 8, 10_000)).toBe(true)
})

it("permissions: a topic without write is not sent to, one without read is not read, and given back it goes on", async () => {
  const cluster = new SimCluster(4, brokers)
  const client = cluster.client(quick)
  const admin = client.admin()
  const give = (perm: number, broker?: string): Promise<void> =>
    cluster.settle(
      admin.createTopic({ perm, queues: 2, topic: "orders", ...(broker === undefined ? {} : { brokers: [broker] }) }),
    )
  await give(6)
  const producer = client.producer()
  await give(4, "broker-a")
  await cluster.wait(3_000)
  expect(await queuesOf(cluster, producer)).toEqual(["broker-b 0", "broker-b 1"])
  const consumer = client.consumer({ consumeFromWhere: "first", group: "g", subscriptions: ["orders"] })
  const got: Array<Message> = []
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(message) }))
  const assigned = (): number => consumer.assigned.filter(({ topic }) => topic === "orders").length
  expect(assigned()).toBe(4)
  await give(2, "broker-b")
  expect(await cluster.pass(() => assigned() === 2, 60_000)).toBe(true)
  const { queue } = await cluster.settle(producer.send({ body: "x", topic: "orders" }))
  expect(queue.brokerName).toBe("broker-b")
  await cluster.wait(3_000)
  expect(got).toEqual([])
  await give(6)
  expect(await cluster.pass(() => got.length === 1, 60_000)).toBe(true)
})

it("a broker whose write permission is wiped at the name server is not sent to until it is added again", async () => {
  const cluster = new SimCluster(5, brokers)
  const client = cluster.client(quick)
  await cluster.settle(client.admin().createTopic({ queues: 1, topic: "orders" }))
  const producer = client.producer()
  expect(await queuesOf(cluster, producer)).toEqual(["broker-a 0", "broker-b 0"])
  const ext = WritePermOfBroker.encode({ brokerName: "broker-a" })
  expect(await askNames(cluster, { code: RequestCode.WIPE_WRITE_PERM_OF_BROKER, ext })).toBe(0)
  await cluster.wait(3_000)
  expect(await queuesOf(cluster, producer)).toEqual(["broker-b 0"])
  expect(await askNames(cluster, { code: RequestCode.ADD_WRITE_PERM_OF_BROKER, ext })).toBe(0)
  await cluster.wait(3_000)
  expect(await queuesOf(cluster, producer)).toEqual(["broker-a 0", "broker-b 0"])
})
