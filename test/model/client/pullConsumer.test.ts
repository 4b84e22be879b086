/** The pull consumer against a broker in a simulated world. */
import { expect, it } from "vitest"
import type { Message, MessageQueue, PullConsumer, PullConsumerOptions } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

const sendAll = async (cluster: SimCluster, bodies: ReadonlyArray<string>, more: object = {}): Promise<void> => {
  const gantry = cluster.client()
  const producer = gantry.producer()
  const queues = await cluster.settle(producer.queues("orders"))
  for (const [i, body] of bodies.entries()) {
    await cluster.settle(producer.send({ body, topic: "orders", ...more }, { queue: queues[i % queues.length]! }))
  }
  await cluster.settle(gantry.close())
}

const numbered = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `m${i}`)

const reader = (cluster: SimCluster, more: Partial<PullConsumerOptions> = {}): PullConsumer =>
  cluster.client().pullConsumer({ consumeFromWhere: "first", group: "reports", subscriptions: ["orders"], ...more })

const drain = async (cluster: SimCluster, consumer: PullConsumer, count: number): Promise<Array<Message>> => {
  const got: Array<Message> = []
  while (got.length < count) {
    const batch = await cluster.settle(consumer.poll({ timeoutMs: 30_000 }))
    if (batch.length === 0) break
    got.push(...batch)
  }
  return got
}

it("polls what is there, queue by queue, and nothing when there is nothing in time", async () => {
  const cluster = new SimCluster(41)
  await sendAll(cluster, numbered(50))
  const consumer = reader(cluster)
  const got = await drain(cluster, consumer, 50)
  expect(new Set(got.map((message) => message.text()))).toEqual(new Set(numbered(50)))
  const beganMs = cluster.world.sim.nowMs
  expect(await cluster.settle(consumer.poll({ timeoutMs: 700 }))).toEqual([])
  expect(cluster.world.sim.nowMs - beganMs).toBeGreaterThanOrEqual(700)
})

it("behind: what was handed out and not settled comes again; what was committed does not (P8)", async () => {
  const cluster = new SimCluster(42)
  await sendAll(cluster, numbered(40))
  const first = reader(cluster, { pullBatchSize: 32 })
  const done = await cluster.settle(first.poll({ max: 5 }))
  expect(done).toHaveLength(5)
  const open = await cluster.settle(first.poll({ max: 3 }))
  await cluster.settle(first.close())
  const second = reader(cluster)
  const got = await drain(cluster, second, 35)
  const texts = new Set(got.map((message) => message.text()))
  for (const message of done) expect(texts.has(message.text())).toBe(false)
  for (const message of open) expect(texts.has(message.text())).toBe(true)
  await cluster.settle(second.commit())
  await cluster.settle(second.close())
  expect(await cluster.settle(reader(cluster).poll({ timeoutMs: 2_000 }))).toEqual([])
})

it("without auto-commit only a commit moves the progress", async () => {
  const cluster = new SimCluster(43)
  await sendAll(cluster, numbered(4))
  const first = reader(cluster, { autoCommit: false })
  await drain(cluster, first, 4)
  expect(await cluster.settle(first.poll({ timeoutMs: 1_000 }))).toEqual([])
  const queue = first.assigned[0]!
  expect(await cluster.settle(first.committed(queue))).toBe(0)
  await cluster.settle(first.commit([[queue, 1]]))
  expect(await cluster.settle(first.committed(queue))).toBe(1)
  await cluster.settle(first.close())
  expect(await drain(cluster, reader(cluster), 3)).toHaveLength(3)
})

it("iterates message by message, until it is left or aborted; the message it is left at comes again", async () => {
  const cluster = new SimCluster(44)
  await sendAll(cluster, numbered(8))
  const got: Array<string> = []
  const loop = async (): Promise<void> => {
    await using consumer = reader(cluster)
    for await (const message of consumer) {
      got.push(message.text())
      if (got.length === 5) break
    }
  }
  await cluster.settle(loop())
  const fifth = got[4]!
  const again: Array<string> = []
  const controller = new AbortController()
  const rest = async (): Promise<void> => {
    await using consumer = reader(cluster)
    for await (const message of consumer.messages({ signal: controller.signal })) again.push(message.text())
  }
  const ending = rest()
  expect(await cluster.pass(() => again.length >= 4, 60_000)).toBe(true)
  controller.abort()
  await cluster.settle(ending)
  expect(again).toHaveLength(4)
  expect(again).toContain(fifth)
  expect(new Set([...got, ...again])).toEqual(new Set(numbered(8)))
})

it("reads the queues that are assigned to it, and no others", async () => {
  const cluster = new SimCluster(45)
  await sendAll(cluster, numbered(20))
  const consumer = cluster.client().pullConsumer({ consumeFromWhere: "first", group: "reports" })
  const queues = await cluster.settle(consumer.queues("orders"))
  expect(queues).toHaveLength(4)
  consumer.assign([queues[1]!])
  const got = await drain(cluster, consumer, 5)
  expect(new Set(got.map(({ queue }) => queue.queueId))).toEqual(new Set([1]))
  expect(() => consumer.subscribe("orders")).toThrow("either subscribes or is assigned")
  consumer.assign([queues[2]!])
  const next = await drain(cluster, consumer, 5)
  expect(new Set(next.map(({ queue }) => queue.queueId))).toEqual(new Set([2]))
})

it("sought: goes on from where it was sent to, and refuses places that are none", async () => {
  const cluster = new SimCluster(46)
  await sendAll(cluster, numbered(40))
  const consumer = cluster.client().pullConsumer({ consumeFromWhere: "first", group: "reports" })
  const [queue] = await cluster.settle(consumer.queues("orders"))
  consumer.assign([queue!])
  const first = await cluster.settle(consumer.poll({ max: 4 }))
  expect(first.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 2, 3])
  for (const [to, expected] of [
    [7, 7],
    ["begin", 0],
    [2, 2],
  ] as const) {
    await cluster.settle(consumer.seek(queue!, to))
    expect((await cluster.settle(consumer.poll({ max: 1 })))[0]!.queueOffset).toBe(expected)
  }
  await cluster.settle(consumer.seek(queue!, "end"))
  expect(await cluster.settle(consumer.poll({ timeoutMs: 500 }))).toEqual([])
  await expect(cluster.settle(consumer.seek(queue!, 11))).rejects.toThrow("not within 0 to 10")
  const other: MessageQueue = { ...queue!, queueId: 3 }
  await expect(cluster.settle(consumer.seek(other, 0))).rejects.toMatchObject({ code: "NOT_ASSIGNED" })
})

it("pauses and resumes single queues", async () => {
  const cluster = new SimCluster(47)
  await sendAll(cluster, numbered(8))
  const consumer = reader(cluster)
  await cluster.settle(consumer.start())
  const [paused] = consumer.assigned
  consumer.pause([paused!])
  const got = await drain(cluster, consumer, 6)
  expect(got.some(({ queue }) => queue.queueId === paused!.queueId)).toBe(false)
  expect(await cluster.settle(consumer.poll({ timeoutMs: 500 }))).toEqual([])
  consumer.resume([paused!])
  expect(await drain(cluster, consumer, 2)).toHaveLength(2)
})

it("fetches at an offset that the caller keeps, with filters and an answer for each case", async () => {
  const cluster = new SimCluster(48)
  await sendAll(cluster, numbered(8), { tags: "a" })
  await sendAll(cluster, ["x0", "x1", "x2", "x3"], { tags: "b" })
  const consumer = cluster.client().pullConsumer({ group: "tools" })
  const [queue] = await cluster.settle(consumer.queues("orders"))
  const found = await cluster.settle(consumer.fetch(queue!, 0, { max: 1 }))
  expect([found.status, found.nextOffset, found.maxOffset, found.messages.length]).toEqual(["FOUND", 1, 3, 1])
  const tagged = await cluster.settle(consumer.fetch(queue!, 0, { expression: "b" }))
  expect(tagged.messages.map((message) => message.text())).toEqual(["x0"])
  expect((await cluster.settle(consumer.fetch(queue!, 3))).status).toBe("NO_NEW_MESSAGE")
  const beyond = await cluster.settle(consumer.fetch(queue!, 99))
  expect([beyond.status, beyond.nextOffset]).toEqual(["OFFSET_ILLEGAL", 3])
  expect(await cluster.settle(consumer.minOffset(queue!))).toBe(0)
  expect(await cluster.settle(consumer.maxOffset(queue!))).toBe(3)
  expect(await cluster.settle(consumer.offsetAt(queue!, 0))).toBe(0)
})

it("members of a group share the queues", async () => {
  const cluster = new SimCluster(49)
  await sendAll(cluster, numbered(8))
  const members = [reader(cluster), reader(cluster)]
  for (const member of members) await cluster.settle(member.start())
  expect(await cluster.pass(() => members.every(({ assigned }) => assigned.length === 2), 60_000)).toBe(true)
  const got = [...(await drain(cluster, members[0]!, 4)), ...(await drain(cluster, members[1]!, 4))]
  expect(new Set(got.map((message) => message.text())).size).toBe(8)
})
