/** Clients in namespaces: one cluster, the same names, nothing in common. */
import { expect, it } from "vitest"
import { ArgumentError, type Message, RetryLater } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

const topicsOf = async (cluster: SimCluster): Promise<ReadonlyArray<string>> =>
  (await cluster.settle(cluster.client().admin().topics({ all: true }))).filter((name) => name.includes("orders"))

it("the same topic and group are others in another namespace, and their names come back as they were given", async () => {
  const cluster = new SimCluster(1)
  const got: Record<string, Array<Message>> = { none: [], a: [], b: [] }
  for (const name of ["none", "a", "b"]) {
    const client = cluster.client(name === "none" ? {} : { namespace: name })
    const producer = client.producer({ group: "p" })
    const sent = await cluster.settle(producer.send({ body: name, topic: "orders" }))
    expect(sent.queue.topic).toBe(name === "none" ? "orders" : `${name}%orders`)
    const consumer = client.consumer({ consumeFromWhere: "first", group: "g", subscriptions: ["orders"] })
    await cluster.settle(consumer.run({ eachMessage: (message) => void got[name]!.push(message) }))
  }
  expect(await cluster.pass(() => Object.values(got).every(({ length }) => length > 0), 60_000)).toBe(true)
  await cluster.wait(2_000)
  for (const [name, messages] of Object.entries(got)) {
    expect(messages.map((message) => message.text())).toEqual([name])
    expect(messages.map(({ topic }) => topic)).toEqual(["orders"])
  }
  expect((await topicsOf(cluster)).toSorted()).toEqual(["a%orders", "b%orders", "orders"])
})

it("retries, dead letters, requests and what is taken from the queues by hand stay in the namespace", async () => {
  const cluster = new SimCluster(2)
  const client = cluster.client({ namespace: "a" })
  const producer = client.producer()
  const queues = await cluster.settle(producer.queues("orders"))
  await cluster.settle(producer.send({ body: "broken", topic: "orders" }, { queue: queues[0]! }))
  const attempts: Array<Message> = []
  const consumer = client.consumer({
    consumeFromWhere: "first",
    group: "g",
    maxReconsumeTimes: 1,
    subscriptions: [{ expression: "*", topic: "orders" }],
  })
  await cluster.settle(
    consumer.run({
      eachMessage: async (message) => {
        if (message.wantsReply) return void (await producer.reply(message, "fine"))
        attempts.push(message)
        throw new RetryLater("no", { delayLevel: 1 })
      },
    }),
  )
  expect(await cluster.pass(() => attempts.length === 2, 60_000)).toBe(true)
  expect(attempts.map(({ reconsumeTimes, topic }) => [topic, reconsumeTimes])).toEqual([
    ["orders", 0],
    ["orders", 1],
  ])
  expect(attempts[1]!.queue.topic).toBe("%RETRY%a%g")
  const reply = await cluster.settle(producer.request({ body: "?", topic: "orders" }, { timeoutMs: 30_000 }))
  expect(reply.text()).toBe("fine")
  await cluster.wait(3_000)
  const all = await cluster.settle(cluster.client().admin().topics({ all: true }))
  expect(all.filter((name) => name.includes("%g"))).toEqual(["%DLQ%a%g", "%RETRY%a%g"])
  const pull = client.pullConsumer({ group: "reports" })
  const found = await cluster.settle(pull.queues("orders"))
  const { messages } = await cluster.settle(pull.fetch(found[0]!, 0))
  expect(messages.map(({ topic }) => topic)).toContain("orders")
  consumer.unsubscribe("orders")
  expect(consumer.assigned.filter(({ topic }) => topic === "a%orders")).toEqual([])
})

it("a namespace is made of what names are made of", () => {
  const cluster = new SimCluster(3)
  for (const namespace of ["a%b", "a b", "é", "x".repeat(65)])
    expect(() => cluster.client({ namespace })).toThrow(ArgumentError)
  expect(cluster.client({ namespace: "" }).producer().group).toBe("GANTRY_PRODUCER")
  expect(cluster.client({ namespace: "a" }).producer().group).toBe("a%GANTRY_PRODUCER")
})
