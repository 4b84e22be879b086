/** Where the members of a group start and go on: by their setting, after a reset, and where messages were deleted. */
import { expect, it } from "vitest"
import type { ConsumeFromOption, Gantry } from "../../../src/client/index.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import { RemotingClient } from "../../../src/infra/remoting/RemotingClient.ts"
import { SimCluster } from "./SimCluster.ts"

const hourMs = 3_600_000

/**
 * Topic "t" of one queue, whose oldest messages were deleted with their segments. Answers the texts that are left, and when
 * each was stored.
 */
const begin = async (seed: number) => {
  const cluster = new SimCluster(seed, ["broker-a"], { mappedFileSizeCommitLog: 64 * 1024 })
  const gantry = cluster.client()
  const admin = gantry.admin()
  await cluster.settle(admin.createTopic({ queues: 1, topic: "t" }))
  const producer = gantry.producer({ compression: { overBytes: Number.POSITIVE_INFINITY } })
  const filler = ".".repeat(4000)
  const send = async (name: string) => {
    await cluster.settle(producer.send({ body: `${name}${filler}`, topic: "t" }))
    await cluster.wait(5)
  }
  for (let i = 0; i < 40; i++) await send(`old-${i}`)
  cluster.node("broker-a").process.clock.jump(100 * hourMs)
  for (let i = 0; i < 3; i++) await send(`new-${i}`)
  // Queues and index are on disk before the log may go.
  await cluster.wait(2000)
  const { world } = cluster.world.node("operator", "10.0.3.9")
  let isDone = false
  const address = { host: "10.0.1.1", port: 10_911 }
  new RemotingClient(world).ask(address, { code: RequestCode.DELETE_EXPIRED_COMMITLOG }, 5000, () => (isDone = true))
  await cluster.pass(() => isDone)
  await cluster.wait(500)
  const [offsets] = await cluster.settle(admin.topicOffsets("t"))
  expect(offsets!.minOffset).toBeGreaterThan(0)
  expect(offsets!.maxOffset).toBe(43)
  return { admin, cluster, gantry, minOffset: offsets!.minOffset, producer: { send } }
}

const nameOf = (text: string): string => text.replace(/\.+$/, "")

/** A new member of a group, and what it gets. */
const join = async (cluster: SimCluster, group: string, consumeFromWhere: ConsumeFromOption) => {
  const member: Gantry = cluster.client()
  const got: Array<string> = []
  const consumer = member.consumer({ consumeFromWhere, group, subscriptions: ["t"] })
  await cluster.settle(consumer.run({ eachMessage: (message) => void got.push(nameOf(message.text())) }))
  await cluster.wait(1000)
  return { consumer, got }
}

it("a group's first member starts at the first message, at the last, or at a time, to the millisecond", async () => {
  const { admin, cluster, gantry, minOffset, producer } = await begin(81)
  const [kept] = await cluster.settle(admin.topicOffsets("t"))
  const reader = gantry.pullConsumer({ consumeFromWhere: "first", group: "reader" })
  const queue = kept!.queue
  const { messages } = await cluster.settle(reader.fetch(queue, minOffset))
  const second = messages.find((message) => nameOf(message.text()) === "new-1")!
  const first = await join(cluster, "from-first", "first")
  const last = await join(cluster, "from-last", "last")
  const at = await join(cluster, "from-time", { timestampMs: second.storeTimestamp })
  const after = await join(cluster, "from-later", { timestampMs: second.storeTimestamp + 1 })
  await producer.send("newest")
  await cluster.wait(1000)
  const all = [...Array.from({ length: 40 - minOffset }, (_, i) => `old-${minOffset + i}`), "new-0", "new-1", "new-2"]
  expect(first.got.toSorted()).toEqual([...all, "newest"].toSorted())
  expect(last.got).toEqual(["newest"])
  expect(at.got.toSorted()).toEqual(["new-1", "new-2", "newest"])
  expect(after.got.toSorted()).toEqual(["new-2", "newest"])
})

it("a group whose next messages were deleted goes on at the oldest that is left", async () => {
  const { admin, cluster, minOffset } = await begin(82)
  await cluster.settle(admin.createGroup({ group: "late" }))
  const queue = { brokerName: "broker-a", queueId: 0, topic: "t" }
  await cluster.settle(admin.setOffset("late", queue, 2))
  // A reset that nobody has followed yet gives way.
  await cluster.settle(admin.resetOffsets({ group: "late", to: "end", topic: "t" }))
  await cluster.settle(admin.setOffset("late", queue, 42))
  expect((await cluster.settle(admin.groupProgress("late", "t")))[0]!.consumerOffset).toBe(42)
  await cluster.settle(admin.setOffset("late", queue, minOffset))
  const { got } = await join(cluster, "late", "last")
  await cluster.pass(() => got.length === 43 - minOffset, 30_000)
  expect(got).toHaveLength(43 - minOffset)
  expect(got.toSorted()[0]).toBe("new-0")
  const [progress] = await cluster.settle(admin.groupProgress("late", "t"))
  expect(progress!.consumerOffset).toBeGreaterThanOrEqual(2)
})

it("a member at work is sent to a time, to the start and to the end, and a backlog is skipped", async () => {
  const { admin, cluster, gantry, minOffset, producer } = await begin(83)
  const { got } = await join(cluster, "g", "first")
  await cluster.pass(() => got.length === 43 - minOffset, 30_000)
  const reset = async (to: "begin" | "end" | { readonly timestampMs: number }) => {
    got.length = 0
    await cluster.settle(admin.resetOffsets({ group: "g", to, topic: "t" }))
    await cluster.wait(3000)
    return got.toSorted()
  }
  const [message] = (
    await cluster.settle(
      gantry
        .pullConsumer({ consumeFromWhere: "first", group: "reader" })
        .fetch({ brokerName: "broker-a", queueId: 0, topic: "t" }, 42),
    )
  ).messages
  expect(await reset({ timestampMs: message!.storeTimestamp })).toEqual(["new-2"])
  expect(await reset("begin")).toHaveLength(43 - minOffset)
  expect(await reset("end")).toEqual([])
  await producer.send("after")
  await cluster.wait(1000)
  expect(got).toEqual(["after"])
})

it("messages are found by when they were stored, to the millisecond", async () => {
  const { admin, cluster, minOffset } = await begin(84)
  const all = await cluster.settle(admin.messagesByTime({ beginMs: 0, topic: "t" }))
  expect(all.map(({ queueOffset }) => queueOffset)).toEqual(
    Array.from({ length: 43 - minOffset }, (_, i) => minOffset + i),
  )
  const [first, second] = all.slice(-2).map(({ storeTimestamp }) => storeTimestamp) as [number, number]
  const names = async (beginMs: number, endMs?: number, max?: number) => {
    const times = { beginMs, ...(endMs === undefined ? {} : { endMs }), ...(max === undefined ? {} : { max }) }
    const found = await cluster.settle(admin.messagesByTime({ ...times, topic: "t" }))
    return found.map((message) => nameOf(message.text()))
  }
  expect(await names(first)).toEqual(["new-1", "new-2"])
  expect(await names(first, second)).toEqual(["new-1"])
  expect(await names(first + 1, second + 1)).toEqual(["new-2"])
  expect(await names(0, undefined, 1)).toHaveLength(1)
  expect(await names(second + 1)).toEqual([])
})
