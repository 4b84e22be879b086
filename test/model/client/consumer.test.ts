/** The push consumer against brokers in a simulated world. */
import { expect, it } from "vitest"
import type { Consumer, ConsumerOptions, Gantry, Message, RunOptions } from "../../../src/client/index.ts"
import { RetryLater } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

const join = async (
  cluster: SimCluster,
  options: Partial<ConsumerOptions>,
  run: RunOptions,
  gantry: Gantry = cluster.client(),
): Promise<Consumer> => {
  const consumer = gantry.consumer({
    consumeFromWhere: "first",
    group: "billing",
    subscriptions: ["orders"],
    ...options,
  })
  return cluster.settle(consumer.run(run))
}

const sendAll = async (cluster: SimCluster, bodies: ReadonlyArray<string>, more: object = {}): Promise<void> => {
  const gantry = cluster.client()
  const producer = gantry.producer()
  await cluster.settle(Promise.all(bodies.map((body) => producer.send({ body, topic: "orders", ...more }))))
  await cluster.settle(gantry.close())
}

const numbered = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `m${i}`)

it("hands each message to the handler and commits what was handled", async () => {
  const cluster = new SimCluster(2)
  await sendAll(cluster, ["m0"])
  const got: Array<string> = []
  const consumer = await join(cluster, {}, { eachMessage: (message) => void got.push(message.text()) })
  await sendAll(cluster, numbered(20).slice(1))
  expect(await cluster.pass(() => got.length >= 20, 30_000)).toBe(true)
  expect(got.toSorted()).toEqual(numbered(20).toSorted())
  // A start with nothing wrong says nothing.
  expect(cluster.logs.filter(({ level, node }) => node.startsWith("client") && level !== "debug")).toEqual([])
  await cluster.settle(consumer.close())
  // Another member goes on where the first one ended.
  const again: Array<string> = []
  await join(cluster, {}, { eachMessage: (message) => void again.push(message.text()) })
  await sendAll(cluster, ["last"])
  expect(await cluster.pass(() => again.length > 0, 30_000)).toBe(true)
  await cluster.wait(2_000)
  expect(again).toEqual(["last"])
})

it("a group that begins at the end gets what is sent after run has resolved, also by a later start", async () => {
  const cluster = new SimCluster(3)
  await sendAll(cluster, ["before"])
  const got: Array<string> = []
  // On a queue this young the broker says 0 for a group without progress, so that the end is reached by a time beyond it.
  const options = { consumeFromWhere: { timestampMs: Number.MAX_SAFE_INTEGER } } as const
  const consumer = await join(cluster, options, { eachMessage: (message) => void got.push(message.text()) })
  await cluster.settle(consumer.close())
  await sendAll(cluster, ["between"])
  await join(cluster, options, { eachMessage: (message) => void got.push(message.text()) })
  expect(await cluster.pass(() => got.includes("between"), 30_000)).toBe(true)
})

it("bounded: at most `concurrency` handlers are at work, and a queue holds no more than its threshold", async () => {
  const cluster = new SimCluster(4)
  await sendAll(cluster, numbered(200))
  let active = 0
  let activeMax = 0
  let count = 0
  const releases: Array<() => void> = []
  await join(
    cluster,
    { concurrency: 3, pullBatchSize: 8, pullThresholdForQueue: 10 },
    {
      eachMessage: async () => {
        activeMax = Math.max(activeMax, ++active)
        await new Promise<void>((resolve) => releases.push(resolve))
        active--
        count++
      },
    },
  )
  await cluster.wait(1_000)
  expect(active).toBe(3)
  const done = await cluster.pass(() => {
    releases.shift()?.()
    return count >= 200
  }, 60_000)
  expect(done).toBe(true)
  expect(activeMax).toBe(3)
})

it("a message that failed comes again, counted, and is a dead letter after its last attempt (P4)", async () => {
  const cluster = new SimCluster(5)
  await sendAll(cluster, ["good", "bad"])
  const attempts: Array<number> = []
  let good = 0
  const gantry = cluster.client()
  await join(
    cluster,
    { maxReconsumeTimes: 2 },
    {
      eachMessage: (message) => {
        expect(message.topic).toBe("orders")
        if (message.text() === "good") return void good++
        attempts.push(message.reconsumeTimes)
        throw new RetryLater("not today", { delayLevel: 1 })
      },
    },
    gantry,
  )
  const dead: Array<Message> = []
  expect(await cluster.pass(() => attempts.length >= 3, 120_000)).toBe(true)
  expect(attempts).toEqual([0, 1, 2])
  await join(
    cluster,
    { group: "undertaker", subscriptions: ["%DLQ%billing"] },
    { eachMessage: (message) => void dead.push(message) },
  )
  expect(await cluster.pass(() => dead.length > 0, 60_000)).toBe(true)
  expect(dead[0]!.text()).toBe("bad")
  await cluster.wait(10_000)
  expect([good, attempts.length]).toEqual([1, 3])
})

it("a message may be made a dead letter at once", async () => {
  const cluster = new SimCluster(6)
  await sendAll(cluster, ["hopeless"])
  let count = 0
  await join(cluster, {}, { eachMessage: (message, { deadLetter }) => void (count++, deadLetter(message)) })
  const dead: Array<string> = []
  await join(
    cluster,
    { group: "undertaker", subscriptions: ["%DLQ%billing"] },
    { eachMessage: (message) => void dead.push(message.text()) },
  )
  expect(await cluster.pass(() => dead.length > 0, 60_000)).toBe(true)
  expect([dead, count]).toEqual([["hopeless"], 1])
})

it("batches: up to the batch size, of one queue, and single messages of one may be retried", async () => {
  const cluster = new SimCluster(7)
  await sendAll(cluster, numbered(40))
  const sizes: Array<number> = []
  const seen = new Map<string, number>()
  await join(
    cluster,
    { consumeMessageBatchMaxSize: 8, pullBatchSize: 32 },
    {
      eachBatch: (messages, { retry }) => {
        sizes.push(messages.length)
        expect(new Set(messages.map(({ queue }) => `${queue.topic}${queue.queueId}`)).size).toBe(1)
        for (const message of messages) {
          const times = (seen.get(message.text()) ?? 0) + 1
          seen.set(message.text(), times)
          if (message.text() === "m7" && times === 1) retry(message, 1)
        }
      },
    },
  )
  expect(await cluster.pass(() => seen.get("m7") === 2, 60_000)).toBe(true)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(8)
  expect(sizes.some((size) => size > 1)).toBe(true)
  expect([...seen].filter(([, times]) => times > 1)).toEqual([["m7", 2]])
  expect(seen.size).toBe(40)
})

it("tags: only what was asked for is handed over", async () => {
  const cluster = new SimCluster(8)
  // "Aa" and "BB" have one hash code in Java: the broker lets both pass, the consumer does not.
  for (const tags of ["Aa", "BB", "C", undefined])
    await sendAll(cluster, [`of ${tags}`], tags === undefined ? {} : { tags })
  const got: Array<string> = []
  await join(
    cluster,
    { subscriptions: [{ tags: ["Aa", "C"], topic: "orders" }] },
    { eachMessage: (message) => void got.push(message.text()) },
  )
  expect(await cluster.pass(() => got.length >= 2, 30_000)).toBe(true)
  await cluster.wait(2_000)
  expect(got.toSorted()).toEqual(["of Aa", "of C"])
})

it.each(["AVG", "AVG_BY_CIRCLE", "CONSISTENT_HASH"] as const)(
  "whole: members share the queues by %s, and what one leaves the others go on with (P3)",
  async (rebalanceStrategy) => {
    const cluster = new SimCluster(9)
    await sendAll(cluster, numbered(10))
    const got = new Set<string>()
    const run = { eachMessage: (message: Message) => void got.add(message.text()) }
    const members: Array<Consumer> = []
    for (let i = 0; i < 3; i++) members.push(await join(cluster, { rebalanceStrategy }, run))
    const owned = (): ReadonlyArray<string> =>
      members.flatMap(({ assigned }) =>
        assigned.filter(({ topic }) => topic === "orders").map(({ queueId }) => `${queueId}`),
      )
    const isShared = (): boolean => owned().toSorted().join() === "0,1,2,3"
    expect(await cluster.pass(isShared, 60_000)).toBe(true)
    expect(members.filter(({ assigned }) => assigned.some(({ topic }) => topic === "orders")).length).toBeGreaterThan(1)
    await sendAll(cluster, numbered(40))
    await cluster.settle(members[0]!.close())
    members.shift()
    expect(await cluster.pass(isShared, 60_000)).toBe(true)
    await sendAll(cluster, numbered(60))
    expect(await cluster.pass(() => got.size === 60, 60_000)).toBe(true)
  },
)

it("CONFIG takes the queues that are given, MACHINE_ROOM those of its rooms", async () => {
  const cluster = new SimCluster(10, ["east@broker-a", "west@broker-b"])
  await sendAll(cluster, numbered(4))
  const run = { eachMessage: () => {} }
  const wanted = [{ brokerName: "west@broker-b", queueId: 1, topic: "orders" }]
  const fixed = await join(cluster, { group: "fixed", rebalanceStrategy: { config: wanted } }, run)
  expect(fixed.assigned.filter(({ topic }) => topic === "orders")).toEqual(wanted)
  const east = await join(cluster, { group: "east", rebalanceStrategy: { machineRoom: ["east"] } }, run)
  const rooms = east.assigned.filter(({ topic }) => topic === "orders").map(({ brokerName }) => brokerName)
  expect(new Set(rooms)).toEqual(new Set(["east@broker-a"]))
  const near = {
    inner: "AVG" as const,
    machineRoomNearby: {
      ofBroker: ({ brokerName }: { readonly brokerName: string }) => brokerName.split("@")[0],
      ofClient: () => "east",
    },
  }
  const nearby = await join(cluster, { group: "near", rebalanceStrategy: near }, run)
  // Nobody is in the west, so that its queues are everybody's.
  expect(nearby.assigned.filter(({ topic }) => topic === "orders")).toHaveLength(8)
})

it("broadcasting: each member gets everything, and goes on after a restart from its own file", async () => {
  const cluster = new SimCluster(11)
  await sendAll(cluster, numbered(10))
  const options = { messageModel: "BROADCASTING" } as const
  const got: ReadonlyArray<Array<string>> = [[], []]
  const gantries = [cluster.client({ instanceName: "one" }), cluster.client({ instanceName: "two" })]
  for (const i of [0, 1]) {
    await join(cluster, options, { eachMessage: (message) => void got[i]!.push(message.text()) }, gantries[i]!)
  }
  expect(await cluster.pass(() => got.every((each) => each.length === 10), 30_000)).toBe(true)
  await cluster.settle(gantries[0]!.close())
  const { disk } = cluster.node("client-2")
  expect(disk.exists("/home/.rocketmq_offsets/10.0.2.2@one/billing/offsets.json")).toBe(true)
  await sendAll(cluster, ["new"])
  const again: Array<string> = []
  const next = cluster.clientOn("client-2", { instanceName: "one" })
  await join(cluster, options, { eachMessage: (message) => void again.push(message.text()) }, next)
  expect(await cluster.pass(() => again.length > 0, 30_000)).toBe(true)
  await cluster.wait(1_000)
  expect(again).toEqual(["new"])
})

it("closing waits for the handler, commits what it did, and leaves the group", async () => {
  const cluster = new SimCluster(12)
  await sendAll(cluster, ["slow"])
  let release: (() => void) | undefined
  let isAborted = false
  const consumer = await join(
    cluster,
    {},
    {
      eachMessage: async (_message, { signal }) => {
        signal.addEventListener("abort", () => (isAborted = true))
        await new Promise<void>((resolve) => (release = resolve))
      },
    },
  )
  await cluster.wait(500)
  let isClosed = false
  const closing = consumer.close().then(() => (isClosed = true))
  await cluster.wait(3_000)
  expect(isClosed).toBe(false)
  release!()
  await cluster.settle(closing)
  expect(isAborted).toBe(false)
  const again: Array<string> = []
  await join(cluster, {}, { eachMessage: (message) => void again.push(message.text()) })
  await cluster.wait(3_000)
  expect(again).toEqual([])
})

it("a handler that takes too long is told so, and its message goes to others", async () => {
  const cluster = new SimCluster(13)
  await sendAll(cluster, ["stuck"])
  let aborts = 0
  const attempts: Array<number> = []
  await join(
    cluster,
    { consumeTimeoutMs: 5_000 },
    {
      eachMessage: (message, { signal }) => {
        attempts.push(message.reconsumeTimes)
        if (message.reconsumeTimes > 0) return
        return new Promise<void>(() => signal.addEventListener("abort", () => aborts++))
      },
    },
  )
  expect(await cluster.pass(() => attempts.length === 2, 120_000)).toBe(true)
  expect([aborts, attempts]).toEqual([1, [0, 1]])
})

it("goes on after its broker and its connections were gone, and loses nothing (P3)", async () => {
  const cluster = new SimCluster(14)
  const got = new Set<string>()
  await sendAll(cluster, ["first"])
  await join(cluster, {}, { eachMessage: (message) => void got.add(message.text()) })
  expect(await cluster.pass(() => got.has("first"), 30_000)).toBe(true)
  cluster.node("broker-a").crash()
  await cluster.wait(5_000)
  cluster.restart("broker-a")
  await sendAll(cluster, numbered(10))
  expect(await cluster.pass(() => got.size === 11, 120_000)).toBe(true)
})

it("says what is wrong with a run", async () => {
  const cluster = new SimCluster(15)
  const gantry = cluster.client()
  const idle = gantry.consumer({ group: "nobody" })
  await expect(cluster.settle(idle.run({ eachMessage: () => {} }))).rejects.toThrow("has no subscription")
  await expect(cluster.settle(idle.run({}))).rejects.toThrow("either eachMessage or eachBatch")
  expect(() => gantry.consumer({ group: "no spaces" })).toThrow("illegal characters")
  expect(() => gantry.consumer({ concurrency: 0, group: "g" })).toThrow("within 1 to 100000")
  expect(() => idle.subscribe({ expression: "a", tags: ["b"], topic: "t" })).toThrow("more than one of")
  const deaf = cluster.client({ namesrvAddr: "10.0.9.9:1" }).consumer({ group: "g", subscriptions: ["t"] })
  await expect(cluster.settle(deaf.run({ eachMessage: () => {} }))).rejects.toMatchObject({
    code: "NAME_SERVER_UNREACHABLE",
    retriable: true,
  })
  await sendAll(cluster, ["x"])
  const first = await join(cluster, {}, { eachMessage: () => {} }, gantry)
  await expect(cluster.settle(first.run({ eachMessage: () => {} }))).rejects.toMatchObject({ code: "ALREADY_RUNNING" })
  const second = gantry.consumer({ group: "billing", subscriptions: ["orders"] })
  await expect(cluster.settle(second.run({ eachMessage: () => {} }))).rejects.toMatchObject({ code: "GROUP_IN_USE" })
})

it("pauses and resumes; subscribes and unsubscribes while it runs", async () => {
  const cluster = new SimCluster(16)
  await sendAll(cluster, ["a"])
  await sendAll(cluster, ["other"], { topic: "invoices" })
  const got: Array<string> = []
  const consumer = await join(cluster, {}, { eachMessage: (message) => void got.push(message.text()) })
  expect(await cluster.pass(() => got.length === 1, 30_000)).toBe(true)
  consumer.pause()
  // Polls that are under way still answer once.
  await cluster.wait(16_000)
  await sendAll(cluster, ["b"])
  await cluster.wait(5_000)
  expect(got).toEqual(["a"])
  consumer.resume()
  expect(await cluster.pass(() => got.length === 2, 30_000)).toBe(true)
  consumer.subscribe("invoices")
  expect(await cluster.pass(() => got.length === 3, 30_000)).toBe(true)
  consumer.unsubscribe("orders")
  expect(consumer.assigned.some(({ topic }) => topic === "orders")).toBe(false)
  await sendAll(cluster, ["c"])
  await cluster.wait(5_000)
  expect(got).toEqual(["a", "b", "other"])
})

it("an administrator's reset takes the group back", async () => {
  const cluster = new SimCluster(17)
  await sendAll(cluster, numbered(6))
  const got: Array<string> = []
  const consumer = await join(cluster, {}, { eachMessage: (message) => void got.push(message.text()) })
  expect(await cluster.pass(() => got.length === 6, 30_000)).toBe(true)
  await cluster.settle(consumer.commit())
  cluster.resetToBeginning("orders", "billing")
  expect(await cluster.pass(() => got.length === 12, 60_000)).toBe(true)
})
