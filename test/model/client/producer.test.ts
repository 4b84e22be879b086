/** The producer against brokers in a simulated world. */
import { expect, it } from "vitest"
import {
  BrokerError,
  ConnectionError,
  type GantryError,
  PartialBatchError,
  RouteError,
} from "../../../src/client/index.ts"
import type { Message, OutgoingMessage } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

/** Everything that is in a topic, by a consumer that begins at its start. */
const readAll = async (cluster: SimCluster, topic: string, count: number): Promise<Array<Message>> => {
  const got: Array<Message> = []
  const consumer = cluster
    .client()
    .consumer({ consumeFromWhere: "first", group: `readers-of-${topic}`, subscriptions: [topic] })
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(message) }))
  expect(await cluster.pass(() => got.length >= count, 60_000)).toBe(true)
  await cluster.settle(consumer.close())
  return got
}

const failureOf = async (cluster: SimCluster, promise: Promise<unknown>): Promise<GantryError> =>
  cluster.settle(
    promise.then(
      () => {
        throw new Error("it did not fail")
      },
      (error: GantryError) => error,
    ),
  )

it("sends a message and tells where it is", async () => {
  const cluster = new SimCluster(1)
  const producer = cluster.client().producer()
  const first = await cluster.settle(producer.send({ body: "hello", keys: ["k1", "k2"], tags: "a", topic: "orders" }))
  expect(first.status).toBe("SEND_OK")
  expect(first.queue.topic).toBe("orders")
  expect(first.queueOffset).toBe(0)
  expect(first.messageId).toMatch(/^[0-9A-F]{32}$/)
  const [message] = await readAll(cluster, "orders", 1)
  expect(message!.text()).toBe("hello")
  expect(message!.keys).toEqual(["k1", "k2"])
  expect(message!.tags).toBe("a")
  expect(message!.messageId).toBe(first.messageId)
  expect(message!.offsetMessageId).toBe(first.offsetMessageId)
  await cluster.settle(producer.close())
})

it("everything that belongs to a message comes back", async () => {
  const cluster = new SimCluster(2)
  const producer = cluster.client().producer()
  await cluster.settle(
    producer.send({
      body: new Uint8Array([0, 255, 1]),
      flag: 7,
      properties: { colour: "grün", "a b": "c" },
      shardingKey: "customer-1",
      topic: "orders",
    }),
  )
  const [message] = await readAll(cluster, "orders", 1)
  expect([...message!.body]).toEqual([0, 255, 1])
  expect(message!.flag).toBe(7)
  expect(message!.property("colour")).toBe("grün")
  expect(message!.properties.get("a b")).toBe("c")
  expect(message!.shardingKey).toBe("customer-1")
})

it("compresses large bodies by each algorithm, and small ones not", async () => {
  const cluster = new SimCluster(3)
  const body = "a long sentence that repeats itself. ".repeat(400)
  for (const type of ["ZLIB", "LZ4", "ZSTD"] as const) {
    const producer = cluster.client().producer({ compression: { type } })
    await cluster.settle(producer.send({ body, tags: type, topic: "large" }))
    await cluster.settle(producer.send({ body: "small", tags: type, topic: "large" }))
  }
  const messages = await readAll(cluster, "large", 6)
  for (const message of messages) {
    const isSmall = message.sizeBytes === 5
    expect(message.text()).toBe(isSmall ? "small" : body)
    if (!isSmall) expect(message.sizeBytes).toBeLessThan(1_000)
  }
  expect(messages.filter(({ sizeBytes }) => sizeBytes !== 5)).toHaveLength(3)
})

it("messages of one sharding key go to one queue, in their order", async () => {
  const cluster = new SimCluster(4)
  const producer = cluster.client().producer()
  const results = await cluster.settle(
    Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        producer.send({ body: `${i}`, shardingKey: `key-${i % 4}`, topic: "orders" }),
      ),
    ),
  )
  for (let key = 0; key < 4; key++) {
    const ofKey = results.filter((_, i) => i % 4 === key)
    expect(new Set(ofKey.map(({ queue }) => queue.queueId)).size).toBe(1)
    const offsets = ofKey.map(({ queueOffset }) => queueOffset)
    expect(offsets).toEqual(offsets.toSorted((left, right) => left - right))
  }
})

it("sends to the queue that is given or that a selector picks", async () => {
  const cluster = new SimCluster(5)
  const producer = cluster.client().producer()
  const queues = await cluster.settle(producer.queues("orders"))
  expect(queues).toHaveLength(4)
  const given = await cluster.settle(producer.send({ body: "x", topic: "orders" }, { queue: queues[2]! }))
  expect(given.queue.queueId).toBe(2)
  const picked = await cluster.settle(producer.send({ body: "x", topic: "orders" }, { selector: (all) => all.at(-1)! }))
  expect(picked.queue.queueId).toBe(3)
  const hashed = await cluster.settle(producer.send({ body: "x", topic: "orders" }, { selector: 9 }))
  expect(hashed.queue.queueId).toBe(1)
})

it("a batch is stored in its order, each message with a result of its own", async () => {
  const cluster = new SimCluster(6)
  const producer = cluster.client().producer()
  const messages = Array.from({ length: 10 }, (_, i) => ({ body: `b${i}`, keys: `k${i}`, topic: "batches" }))
  const results = await cluster.settle(producer.sendBatch(messages))
  expect(results.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(new Set(results.map(({ messageId }) => messageId)).size).toBe(10)
  const stored = await readAll(cluster, "batches", 10)
  const byOffset = stored.toSorted((left, right) => left.queueOffset - right.queueOffset)
  expect(byOffset.map((message) => message.text())).toEqual(messages.map(({ body }) => body))
  expect(byOffset.map(({ messageId }) => messageId)).toEqual(results.map(({ messageId }) => messageId))
  expect(byOffset.map(({ offsetMessageId }) => offsetMessageId)).toEqual(results.map((one) => one.offsetMessageId))
})

it("a batch that is too large is cut, and tells what is stored when a later part fails", async () => {
  const cluster = new SimCluster(7)
  const producer = cluster
    .client()
    .producer({ maxMessageSize: 1_000, retryTimesWhenSendFailed: 0, sendMsgTimeoutMs: 500 })
  const queue = (await cluster.settle(producer.queues("batches")))[0]!
  const messages = Array.from({ length: 10 }, (_, i) => ({ body: `${i}`.repeat(300), topic: "batches" }))
  const results = await cluster.settle(producer.sendBatch(messages, { queue }))
  expect(results.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  let picks = 0
  const selector = () => (picks++ < 2 ? queue : (undefined as never))
  const error = await failureOf(cluster, producer.sendBatch(messages, { selector }))
  expect(error).toBeInstanceOf(PartialBatchError)
  expect((error as PartialBatchError).sent.map(({ queueOffset }) => queueOffset)).toEqual([10, 11, 12, 13])
  expect(error.code).toBe("INVALID_ARGUMENT")
  const failure = await failureOf(cluster, producer.sendBatch([{ body: "x".repeat(2_000), topic: "batches" }]))
  expect(failure.code).toBe("MESSAGE_ILLEGAL")
})

it("refuses batches that could not be one", async () => {
  const cluster = new SimCluster(8)
  const producer = cluster.client().producer()
  const cases: ReadonlyArray<ReadonlyArray<OutgoingMessage>> = [
    [],
    [
      { body: "a", topic: "one" },
      { body: "b", topic: "two" },
    ],
    [{ body: "a", delayLevel: 1, topic: "one" }],
    [
      { body: "a", topic: "one" },
      { body: "b", topic: "one", waitStored: false },
    ],
  ]
  for (const messages of cases) {
    const error = await failureOf(cluster, producer.sendBatch(messages))
    expect(error.code).toBe("INVALID_ARGUMENT")
    expect(error.retriable).toBe(false)
  }
})

it("oneway messages arrive without an answer", async () => {
  const cluster = new SimCluster(9)
  const producer = cluster.client().producer()
  for (let i = 0; i < 5; i++) await cluster.settle(producer.sendOneway({ body: `o${i}`, topic: "oneway" }))
  const got = await readAll(cluster, "oneway", 5)
  expect(got.map((message) => message.text()).toSorted()).toEqual(["o0", "o1", "o2", "o3", "o4"])
})

it("a delayed message comes when its level's delay is over, not before (P7)", async () => {
  const cluster = new SimCluster(10)
  const producer = cluster.client().producer()
  await cluster.settle(producer.send({ body: "later", delayLevel: 3, topic: "delays" }))
  const sentMs = cluster.world.sim.nowMs
  let gotMs: number | undefined
  const consumer = cluster.client().consumer({ consumeFromWhere: "first", group: "delayed", subscriptions: ["delays"] })
  await cluster.settle(consumer.run({ eachMessage: () => void (gotMs = cluster.world.sim.nowMs) }))
  expect(await cluster.pass(() => gotMs !== undefined, 60_000)).toBe(true)
  expect(gotMs! - sentMs).toBeGreaterThanOrEqual(9_900)
})

it("away: a send goes to another broker when one is gone, and keeps away from it with latency faults on", async () => {
  const cluster = new SimCluster(11, ["broker-a", "broker-b"])
  const producer = cluster.client().producer({ sendLatencyFault: true, sendMsgTimeoutMs: 10_000 })
  const before = await cluster.settle(
    Promise.all(Array.from({ length: 16 }, () => producer.send({ body: "x", topic: "orders" }))),
  )
  expect(new Set(before.map(({ queue }) => queue.brokerName))).toEqual(new Set(["broker-a", "broker-b"]))
  cluster.node("broker-a").crash()
  const after = await cluster.settle(
    Promise.all(Array.from({ length: 16 }, () => producer.send({ body: "y", topic: "orders" }))),
  )
  expect(after.every(({ queue }) => queue.brokerName === "broker-b")).toBe(true)
  const beganMs = cluster.world.sim.nowMs
  for (let i = 0; i < 8; i++) await cluster.settle(producer.send({ body: "z", topic: "orders" }))
  // None of these even tried the dead one, which would have cost a connect timeout.
  expect(cluster.world.sim.nowMs - beganMs).toBeLessThan(1_000)
})

it("bounded: a send fails when its attempts are over, and says how often and where it was tried", async () => {
  const cluster = new SimCluster(12)
  const producer = cluster.client().producer({ sendMsgTimeoutMs: 20_000 })
  await cluster.settle(producer.send({ body: "x", topic: "orders" }))
  cluster.node("broker-a").crash()
  const error = await failureOf(cluster, producer.send({ body: "y", topic: "orders" }))
  expect(error).toBeInstanceOf(ConnectionError)
  expect(error.retriable).toBe(true)
  expect(error.message).toContain("sent 3 times")
})

it("a send ends within its timeout, and with its signal's reason when that is aborted", async () => {
  const cluster = new SimCluster(13)
  const producer = cluster.client().producer()
  await cluster.settle(producer.send({ body: "x", topic: "orders" }))
  cluster.node("broker-a").pause()
  const beganMs = cluster.world.sim.nowMs
  const late = await failureOf(cluster, producer.send({ body: "y", topic: "orders" }, { timeoutMs: 1_500 }))
  expect(late.code).toBe("TIMED_OUT")
  expect(cluster.world.sim.nowMs - beganMs).toBeLessThanOrEqual(1_600)
  const controller = new AbortController()
  const aborted = failureOf(cluster, producer.send({ body: "z", topic: "orders" }, { signal: controller.signal }))
  controller.abort(new Error("changed my mind"))
  expect((await aborted).message).toBe("changed my mind")
})

it("says why nothing can be sent", async () => {
  const cluster = new SimCluster(14, ["broker-a"], { autoCreateTopicEnable: false })
  const nowhere = cluster.client({ namesrvAddr: "" }).producer()
  const none = await failureOf(cluster, nowhere.send({ body: "x", topic: "orders" }))
  expect(none).toBeInstanceOf(RouteError)
  expect([none.code, none.retriable]).toEqual(["NO_NAME_SERVER", false])
  const deaf = cluster.client({ namesrvAddr: "10.0.9.9:9876" }).producer({ sendMsgTimeoutMs: 10_000 })
  expect((await failureOf(cluster, deaf.send({ body: "x", topic: "orders" }))).code).toBe("NAME_SERVER_UNREACHABLE")
  const producer = cluster.client().producer()
  const unknown = await failureOf(cluster, producer.send({ body: "x", topic: "ordrs" }))
  expect([unknown.code, unknown.retriable]).toEqual(["TOPIC_NOT_FOUND", true])
  expect(unknown.message).toContain('createTopic({ topic: "ordrs" })')
  for (const message of [
    { body: "", topic: "orders" },
    { body: "x", topic: "no spaces" },
    { body: "x", topic: "SCHEDULE_TOPIC_XXXX" },
    { body: "x", properties: { a: "\u0001" }, topic: "orders" },
    { body: "x", delayLevel: -1, topic: "orders" },
    { body: "x", properties: { a: "v".repeat(40_000) }, topic: "orders" },
  ]) {
    const error = await failureOf(cluster, producer.send(message))
    expect(error.retriable).toBe(false)
  }
})

it("what the broker refuses is told with its code and its words", async () => {
  const cluster = new SimCluster(15, ["broker-a"], { maxMessageSize: 8_192 })
  const producer = cluster.client().producer({ compression: { overBytes: Number.POSITIVE_INFINITY } })
  const error = await failureOf(cluster, producer.send({ body: "x".repeat(9_000), topic: "orders" }))
  expect(error).toBeInstanceOf(BrokerError)
  expect(error.code).toBe("MESSAGE_ILLEGAL")
  expect(error.message).toContain("10.0.1.1:10911 refuses SEND_MESSAGE_V2")
})

it("back-pressure: no more is under way than there is room for, and all of it arrives", async () => {
  const cluster = new SimCluster(16)
  const producer = cluster.client().producer({ backPressure: { bytes: 100, messages: 4 } })
  const results = await cluster.settle(
    Promise.all(
      Array.from({ length: 50 }, (_, i) => producer.send({ body: "x".repeat(1 + (i % 60)), topic: "orders" })),
    ),
  )
  expect(results).toHaveLength(50)
  cluster.node("broker-a").pause()
  const send = (timeoutMs: number) =>
    producer.send({ body: "x", topic: "orders" }, { timeoutMs }).catch((error: GantryError) => error.code)
  const errors = await cluster.settle(Promise.all([900, 900, 900, 900, 300, 300].map(send)))
  expect(errors.filter((code) => code === "TOO_MANY_REQUESTS")).toHaveLength(2)
  expect(errors.filter((code) => code === "TIMED_OUT")).toHaveLength(4)
})

it("auto-batching: sends at one time travel together, each with its own result", async () => {
  const cluster = new SimCluster(17)
  const producer = cluster.client().producer({ autoBatch: true })
  const results = await cluster.settle(
    Promise.all(Array.from({ length: 30 }, (_, i) => producer.send({ body: `a${i}`, topic: "auto" }))),
  )
  expect(new Set(results.map(({ queue }) => queue.queueId)).size).toBe(1)
  expect(results.map(({ queueOffset }) => queueOffset)).toEqual(Array.from({ length: 30 }, (_, i) => i))
  const single = await cluster.settle(producer.send({ body: "alone", delayLevel: 1, topic: "auto" }))
  expect(single.status).toBe("SEND_OK")
  const got = await readAll(cluster, "auto", 31)
  const ids = new Map(got.map((message) => [message.messageId, message.text()]))
  for (const [i, { messageId }] of results.entries()) expect(ids.get(messageId)).toBe(`a${i}`)
})

it("closing waits for sends under way; after it nothing is sent", async () => {
  const cluster = new SimCluster(18)
  const gantry = cluster.client()
  const producer = gantry.producer()
  const sending = producer.send({ body: "x", topic: "orders" })
  await cluster.settle(gantry.close())
  expect((await sending).status).toBe("SEND_OK")
  expect((await failureOf(cluster, producer.send({ body: "y", topic: "orders" }))).code).toBe("CLOSED")
  expect(() => gantry.producer()).toThrow("closed")
})
