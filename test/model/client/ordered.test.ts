/** Ordered consumption against a broker in a simulated world. */
import { expect, it } from "vitest"
import type { Consumer, Message } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

const send = async (cluster: SimCluster, from: number, count: number): Promise<void> => {
  const gantry = cluster.client()
  const producer = gantry.producer()
  for (let i = from; i < from + count; i++) {
    await cluster.settle(producer.send({ body: `${i}`, shardingKey: `key-${i % 6}`, topic: "orders" }))
  }
  await cluster.settle(gantry.close())
}

/** What was handled, by queue, in the order of the first handling of each message. */
class Record {
  readonly firsts = new Map<number, Array<number>>()
  readonly active = new Map<number, number>()
  readonly settled = new Set<string>()
  overlaps = 0

  begin({ queue, queueOffset }: Message): void {
    const list = this.firsts.get(queue.queueId) ?? []
    if (!list.includes(queueOffset)) list.push(queueOffset)
    this.firsts.set(queue.queueId, list)
    const active = (this.active.get(queue.queueId) ?? 0) + 1
    this.active.set(queue.queueId, active)
    if (active > 1) this.overlaps++
  }

  end({ queue, queueOffset }: Message, isSettled: boolean): void {
    this.active.set(queue.queueId, this.active.get(queue.queueId)! - 1)
    if (isSettled) this.settled.add(`${queue.queueId}/${queueOffset}`)
  }

  expectOrdered(): void {
    for (const offsets of this.firsts.values()) expect(offsets).toEqual(offsets.map((_, i) => i))
    expect(this.overlaps).toBe(0)
  }
}

const join = async (
  cluster: SimCluster,
  handle: (message: Message) => Promise<void>,
  more: { readonly maxReconsumeTimes?: number } = {},
): Promise<Consumer> => {
  const consumer = cluster.client().consumer({
    consumeFromWhere: "first",
    group: "ledger",
    ordered: true,
    subscriptions: ["orders"],
    suspendCurrentQueueTimeMs: 100,
    ...more,
  })
  return cluster.settle(consumer.run({ eachMessage: handle }))
}

const later = (cluster: SimCluster, ms: number): Promise<void> =>
  new Promise((resolve) => void cluster.world.sim.after(ms, resolve))

it("order: a message is handled after the one before it was settled, failures included (P5)", async () => {
  const cluster = new SimCluster(31)
  await send(cluster, 0, 30)
  const record = new Record()
  const failures = new Map<string, number>()
  await join(cluster, async (message) => {
    record.begin(message)
    await later(cluster, 7)
    const failed = failures.get(message.text()) ?? 0
    failures.set(message.text(), failed + 1)
    const fails = failed < Number(message.text()) % 3
    expect(message.reconsumeTimes).toBe(failed)
    record.end(message, !fails)
    if (fails) throw new Error("not yet")
  })
  expect(await cluster.pass(() => record.settled.size === 30, 60_000)).toBe(true)
  record.expectOrdered()
})

it("one: while members come and go, a queue is handled by one of them at a time, in order", async () => {
  const cluster = new SimCluster(32)
  await send(cluster, 0, 60)
  const record = new Record()
  const handle = async (message: Message): Promise<void> => {
    record.begin(message)
    await later(cluster, 60)
    record.end(message, true)
  }
  const first = await join(cluster, handle)
  await cluster.wait(200)
  const second = await join(cluster, handle)
  expect(await cluster.pass(() => second.assigned.some(({ topic }) => topic === "orders"), 60_000)).toBe(true)
  expect(first.assigned.filter(({ topic }) => topic === "orders")).toHaveLength(2)
  await send(cluster, 60, 30)
  await cluster.settle(first.close())
  await send(cluster, 90, 30)
  expect(await cluster.pass(() => record.settled.size === 120, 120_000)).toBe(true)
  record.expectOrdered()
})

it("fenced: a member that slept beyond its lease moves nothing back and settles nothing of the other's", async () => {
  const cluster = new SimCluster(33)
  await send(cluster, 0, 12)
  const record = new Record()
  let isSleepy = true
  const releases: Array<() => void> = []
  const sleeper = await join(cluster, async (message) => {
    record.begin(message)
    if (isSleepy) await new Promise<void>((resolve) => releases.push(resolve))
    record.end(message, false)
  })
  expect(await cluster.pass(() => releases.length > 0, 10_000)).toBe(true)
  const queues = sleeper.assigned.filter(({ topic }) => topic === "orders").length
  expect(queues).toBe(4)
  cluster.node("client-2").pause()
  const settledByOther = new Set<string>()
  await join(cluster, async ({ queue, queueOffset }) => void settledByOther.add(`${queue.queueId}/${queueOffset}`))
  expect(await cluster.pass(() => settledByOther.size === 12, 240_000)).toBe(true)
  await cluster.wait(6_000)
  isSleepy = false
  cluster.node("client-2").resume()
  for (const release of releases) release()
  await cluster.wait(60_000)
  // Everything new is handled once, by whoever has the queue now: nothing went back, nothing was skipped.
  const before = settledByOther.size
  await send(cluster, 12, 12)
  await cluster.wait(30_000)
  const handled = new Set([...settledByOther].slice(before))
  for (const [queueId, offsets] of record.firsts) for (const offset of offsets) handled.add(`${queueId}/${offset}`)
  expect(new Set([...settledByOther, ...handled]).size).toBe(24)
})

it("a message that had all its attempts goes away, and the queue goes on", async () => {
  const cluster = new SimCluster(34)
  const gantry = cluster.client()
  const producer = gantry.producer()
  for (const body of ["poison", "after"]) {
    await cluster.settle(producer.send({ body, shardingKey: "one", topic: "orders" }))
  }
  const seen: Array<string> = []
  await join(
    cluster,
    async (message) => {
      seen.push(message.text())
      if (message.text() === "poison") throw new Error("never")
    },
    { maxReconsumeTimes: 2 },
  )
  expect(await cluster.pass(() => seen.includes("after"), 60_000)).toBe(true)
  expect(seen).toEqual(["poison", "poison", "poison", "after"])
  const dead: Array<string> = []
  const undertaker = gantry.consumer({ consumeFromWhere: "first", group: "undertaker", subscriptions: ["%DLQ%ledger"] })
  await cluster.settle(undertaker.run({ eachMessage: (message) => void dead.push(message.text()) }))
  expect(await cluster.pass(() => dead.length > 0, 60_000)).toBe(true)
  expect(dead).toEqual(["poison"])
})
