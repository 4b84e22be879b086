/** Requests and replies against brokers in a simulated world. */
import { expect, it } from "vitest"
import { Gantry, type Message } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

/** Consumes a topic on a machine of its own, and answers every request by its text in capitals. */
const replier = async (cluster: SimCluster, topic: string, answer?: (message: Message) => string | undefined) => {
  const client = cluster.client()
  const producer = client.producer({ group: `${topic}-repliers` })
  const consumer = client.consumer({ consumeFromWhere: "first", group: topic, subscriptions: [topic] })
  const failures: Array<unknown> = []
  const run = consumer.run({
    eachMessage: async (message) => {
      const text = answer === undefined ? message.text().toUpperCase() : answer(message)
      if (text === undefined) return
      await producer
        .reply(message, { body: text, properties: { by: topic }, tags: "answer" })
        .catch((error: unknown) => {
          failures.push(error)
        })
    },
  })
  await cluster.settle(run)
  return { client, consumer, failures, producer }
}

const failureOf = (cluster: SimCluster, promise: Promise<unknown>): Promise<{ readonly code: string }> =>
  cluster.settle(
    promise.then(
      () => Promise.reject(new Error("it did not fail")),
      (error: { readonly code: string }) => error,
    ),
  )

it("a request is answered by whoever consumes it", async () => {
  const cluster = new SimCluster(1)
  const { failures } = await replier(cluster, "questions")
  const producer = cluster.client().producer()
  const reply = await cluster.settle(producer.request({ body: "how much?", topic: "questions" }))
  expect(reply.text()).toBe("HOW MUCH?")
  expect(reply.tags).toBe("answer")
  expect(reply.property("by")).toBe("questions")
  expect(reply.topic).toBe("DefaultCluster_REPLY_TOPIC")
  expect(reply.queue.brokerName).toBe("broker-a")
  expect(reply.wantsReply).toBe(false)
  expect(Number(reply.property("ARRIVE_TIME"))).toBeGreaterThanOrEqual(Number(reply.property("PUSH_REPLY_TIME")))
  expect(failures).toEqual([])
  await cluster.settle(producer.close())
})

it("many requests at once each get their own reply, over brokers of which each knows the requester", async () => {
  const cluster = new SimCluster(2, ["broker-a", "broker-b", "broker-c"])
  await replier(cluster, "questions")
  const producer = cluster.client().producer()
  const texts = Array.from({ length: 40 }, (_, i) => `q${i}`)
  const replies = await cluster.settle(
    Promise.all(texts.map((body) => producer.request({ body, topic: "questions" }, { timeoutMs: 20_000 }))),
  )
  expect(replies.map((reply) => reply.text())).toEqual(texts.map((text) => text.toUpperCase()))
  // A reply takes the way back by the broker of its request, and there was more than one.
  expect(new Set(replies.map(({ queue }) => queue.brokerName)).size).toBe(3)
})

it("nobody replies: the request fails with NO_REPLY, and a later reply is refused to nobody's harm", async () => {
  const cluster = new SimCluster(3)
  const waiting: Array<Message> = []
  const { producer: late } = await replier(cluster, "questions", (message) => void waiting.push(message))
  const producer = cluster.client().producer()
  const failure = await failureOf(cluster, producer.request({ body: "?", topic: "questions" }, { timeoutMs: 2_000 }))
  expect(failure.code).toBe("NO_REPLY")
  // The consumer hears of a topic that the request made within a minute.
  expect(await cluster.pass(() => waiting.length > 0)).toBe(true)
  // The requester is there still, and takes what it does not wait for any more.
  const result = await cluster.settle(late.reply(waiting[0]!, "too late"))
  expect(result.status).toBe("SEND_OK")
  await cluster.settle(producer.close())
})

it("a reply to a requester that went away is refused to the replier, with the reason", async () => {
  const cluster = new SimCluster(4)
  const waiting: Array<Message> = []
  const { producer: late } = await replier(cluster, "questions", (message) => void waiting.push(message))
  const gone = cluster.client()
  const request = gone.producer().request({ body: "?", topic: "questions" }, { timeoutMs: 60_000 })
  const outcome = failureOf(cluster, request)
  expect(await cluster.pass(() => waiting.length > 0)).toBe(true)
  cluster.node("client-2").crash()
  outcome.catch(() => {})
  await cluster.wait(1_000)
  cluster.world.network.breakConnections("10.0.2.2", "10.0.1.1")
  const failure = await failureOf(cluster, late.reply(waiting[0]!, "hello?"))
  expect(failure.code).toBe("SYSTEM_ERROR")
  expect(String(failure)).toContain("not found")
})

it("an aborted request is forgotten, and closing waits for those that are open", async () => {
  const cluster = new SimCluster(5)
  await replier(cluster, "questions", () => undefined)
  const producer = cluster.client().producer()
  const controller = new AbortController()
  const aborted = producer.request({ body: "?", topic: "questions" }, { signal: controller.signal, timeoutMs: 60_000 })
  aborted.catch(() => {})
  await cluster.wait(500)
  controller.abort(new Error("never mind"))
  await expect(aborted).rejects.toThrow("never mind")
  const open = producer.request({ body: "?", topic: "questions" }, { timeoutMs: 3_000 })
  open.catch(() => {})
  const beganMs = cluster.world.sim.nowMs
  await cluster.settle(producer.close())
  expect(cluster.world.sim.nowMs - beganMs).toBeGreaterThanOrEqual(3_000)
  await expect(open).rejects.toThrow("Nobody replied")
})

it("a client that closes ends its requests", async () => {
  const cluster = new SimCluster(6)
  await replier(cluster, "questions", () => undefined)
  const client: Gantry = cluster.client()
  const open = client.producer().request({ body: "?", topic: "questions" }, { timeoutMs: 1_000 })
  open.catch(() => {})
  await cluster.settle(client.close())
  await expect(open).rejects.toThrow("Nobody replied")
})

it("what asks for no reply gets none, and a request needs a broker in time", async () => {
  const cluster = new SimCluster(7)
  const { producer } = await replier(cluster, "questions", () => undefined)
  const got: Array<Message> = []
  const consumer = cluster.client().consumer({ consumeFromWhere: "first", group: "g", subscriptions: ["plain"] })
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(message) }))
  await cluster.settle(producer.send({ body: "x", topic: "plain" }))
  expect(await cluster.pass(() => got.length > 0)).toBe(true)
  expect(got[0]!.wantsReply).toBe(false)
  await expect(producer.reply(got[0]!, "why?")).rejects.toThrow(/asks for no reply/)
  cluster.node("broker-a").crash()
  cluster.world.network.breakConnections("10.0.2.1", "10.0.1.1")
  const failure = await failureOf(cluster, producer.request({ body: "?", topic: "plain" }, { timeoutMs: 1_000 }))
  expect(["TIMED_OUT", "CONNECT_FAILED"]).toContain(failure.code)
})

it("what brokers push that is no reply, or to nothing that waits, harms nobody", async () => {
  const cluster = new SimCluster(9)
  const { client } = await replier(cluster, "questions")
  const producer = cluster.client().producer()
  await cluster.settle(producer.request({ body: "a", topic: "questions" }))
  // A second reply to a request that has ended, and one that nobody asked for: taken, and dropped.
  const other = client.producer({ group: "strangers" })
  const properties = { CORRELATION_ID: "unknown", MSG_TYPE: "reply", REPLY_TO_CLIENT: "nobody@1" }
  const lost = await failureOf(cluster, other.send({ body: "x", properties, topic: "DefaultCluster_REPLY_TOPIC" }))
  expect(lost.code).toBe("SYSTEM_ERROR")
  const reply = await cluster.settle(producer.request({ body: "b", topic: "questions" }))
  expect(reply.text()).toBe("B")
})

it("a thousand requests that nobody answers end, each in its time", async () => {
  const cluster = new SimCluster(10)
  const producer = cluster.client().producer({ backPressure: false })
  await cluster.settle(cluster.client().admin().createTopic({ queues: 1, topic: "silence" }))
  const beganMs = cluster.world.sim.nowMs
  const ends: Array<number> = []
  const all = Array.from({ length: 1000 }, (_, i) =>
    producer
      .request({ body: "?", topic: "silence" }, { timeoutMs: 2_000 + i })
      .catch((error: { readonly code: string }) => {
        ends.push(cluster.world.sim.nowMs - beganMs - 2_000 - i)
        return error.code
      }),
  )
  expect(new Set(await cluster.settle(Promise.all(all)))).toEqual(new Set(["NO_REPLY"]))
  expect(Math.min(...ends)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...ends)).toBeLessThan(100)
})

it("a reply finds its requester again after the broker was restarted", async () => {
  const cluster = new SimCluster(8)
  await replier(cluster, "questions")
  const producer = cluster.client().producer()
  await cluster.settle(producer.request({ body: "a", topic: "questions" }))
  cluster.node("broker-a").crash()
  for (const host of ["10.0.2.1", "10.0.2.2"]) cluster.world.network.breakConnections(host, "10.0.1.1")
  cluster.restart("broker-a")
  const reply = await cluster.settle(producer.request({ body: "b", topic: "questions" }, { timeoutMs: 60_000 }))
  expect(reply.text()).toBe("B")
})
