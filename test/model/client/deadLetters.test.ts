/** What an administrator does with failed messages: seeing what became of them, sending dead letters again. */
import { expect, it } from "vitest"
import type { Admin, Producer, RunHandlers } from "../../../src/client/index.ts"
import { SimCluster } from "./SimCluster.ts"

interface Scene {
  readonly cluster: SimCluster
  readonly producer: Producer
  readonly admin: Admin
  readonly got: Array<string>
}

/** Group "workers" reads topic "jobs" of one queue; `handle` says what becomes of a message. */
const begin = async (seed: number, handle: RunHandlers["eachMessage"], ordered = false): Promise<Scene> => {
  const cluster = new SimCluster(seed, ["broker-a"], { messageDelayLevel: "1s 1s 1s 1s" })
  const gantry = cluster.client()
  const admin = gantry.admin()
  await cluster.settle(admin.createTopic({ queues: 1, topic: "jobs" }))
  const got: Array<string> = []
  const options = { consumeFromWhere: "first", group: "workers", maxReconsumeTimes: 2, ordered } as const
  const consumer = cluster.client().consumer({ ...options, subscriptions: ["jobs"] })
  await cluster.settle(
    consumer.run({
      eachMessage: async (message, context) => {
        got.push(`${message.text()} ${message.reconsumeTimes}`)
        return handle!(message, context)
      },
    }),
  )
  return { admin, cluster, got, producer: gantry.producer() }
}

const send = async ({ cluster, producer }: Scene, body: string, keys = body): Promise<string> =>
  (await cluster.settle(producer.send({ body, keys, properties: { tenant: "seven" }, topic: "jobs" }))).messageId

it("counts attempts, then keeps the message as a dead letter, and gives it all its attempts again when it is resent", async () => {
  let isBroken = true
  const scene = await begin(71, async () => {
    if (isBroken) throw new Error("broken")
  })
  const { admin, cluster, got } = scene
  expect(await cluster.settle(admin.deadLetters({ group: "workers" }))).toEqual([])
  const id = await send(scene, "a")
  expect(await cluster.pass(() => got.length === 3, 60_000)).toBe(true)
  await cluster.wait(2000)
  const letters = await cluster.settle(admin.deadLetters({ group: "workers" }))
  expect(letters.map((letter) => [letter.messageId, letter.text(), letter.reconsumeTimes])).toEqual([[id, "a", 3]])
  isBroken = false
  const resent = await cluster.settle(admin.resendDeadLetters({ group: "workers", ids: [id] }))
  expect(resent.map(({ letter, result }) => [letter.messageId, result.messageId])).toEqual([[id, id]])
  expect(await cluster.pass(() => got.length === 4, 60_000)).toBe(true)
  expect(got).toEqual(["a 0", "a 1", "a 2", "a 0"])
})

it("resends one, many, or those of a query, to the group or to the topic that they came from", async () => {
  let isBroken = true
  const scene = await begin(72, async (message, { deadLetter }) => (isBroken ? deadLetter(message) : undefined))
  const { admin, cluster, got } = scene
  const ids: Array<string> = []
  for (const body of ["a", "b", "c"]) ids.push(await send(scene, body))
  expect(await cluster.pass(() => got.length === 3, 60_000)).toBe(true)
  await cluster.wait(10_000)
  ids.push(await send(scene, "d"))
  expect(await cluster.pass(() => got.length === 4, 60_000)).toBe(true)
  await cluster.wait(1000)
  isBroken = false
  got.length = 0
  const late = (await cluster.settle(admin.deadLetters({ group: "workers" }))).at(-1)!
  const others: Array<string> = []
  const other = cluster.client().consumer({ consumeFromWhere: "first", group: "audit", subscriptions: ["jobs"] })
  await cluster.settle(other.run({ eachMessage: async (message) => void others.push(message.text()) }))
  expect(await cluster.pass(() => others.length === 4, 60_000)).toBe(true)
  const resend = async (query: object) => {
    const done = await cluster.settle(admin.resendDeadLetters({ group: "workers", ...query }))
    return done.map(({ letter }) => letter.text())
  }
  expect(await resend({ key: "b" })).toEqual(["b"])
  expect(await resend({ ids: [ids[0]!, late.offsetMessageId] })).toEqual(["a", "d"])
  expect((await resend({ endMs: late.storeTimestamp })).toSorted()).toEqual(["a", "b", "c"])
  expect(await cluster.settle(admin.deadLetters({ group: "workers", max: 2 }))).toHaveLength(2)
  expect(await resend({ beginMs: late.storeTimestamp, to: "origin" })).toEqual(["d"])
  expect(await cluster.pass(() => got.length === 7 && others.length === 5, 60_000)).toBe(true)
  expect(got.toSorted()).toEqual(["a 0", "a 0", "b 0", "b 0", "c 0", "d 0", "d 0"])
  expect(others.slice(4)).toEqual(["d"])
})

it("a group that consumes in order gets a resent letter too, and keeps what it gives up for good", async () => {
  let isBroken = true
  const scene = await begin(
    73,
    async (message) => {
      if (isBroken && message.text() === "bad") throw new Error("broken")
    },
    true,
  )
  const { admin, cluster, got } = scene
  await send(scene, "bad")
  await send(scene, "next")
  expect(await cluster.pass(() => got.includes("next 0"), 120_000)).toBe(true)
  expect(got).toEqual(["bad 0", "bad 1", "bad 2", "next 0"])
  isBroken = false
  expect(await cluster.settle(admin.resendDeadLetters({ group: "workers" }))).toHaveLength(1)
  expect(await cluster.pass(() => got.length === 5, 120_000)).toBe(true)
  expect(got.at(-1)).toBe("bad 0")
})

it("tracks a message: waiting, retried, dead, consumed, by each group", async () => {
  const scene = await begin(74, async (message, { deadLetter }) => {
    if (message.text() === "dead") deadLetter(message)
    if (message.text() === "flaky" && message.reconsumeTimes < 1) throw new Error("not now")
  })
  const { admin, cluster, got } = scene
  const tracks = async (messageId: string) => {
    const [message] = await cluster.settle(admin.messages({ key: messageId, topic: "jobs" }))
    const found = await cluster.settle(admin.track(message!))
    return Object.fromEntries(found.map(({ group, track }) => [group, track]))
  }
  const flaky = await send(scene, "flaky")
  expect(await cluster.pass(() => got.length === 1, 60_000)).toBe(true)
  await cluster.wait(300)
  expect(await tracks(flaky)).toEqual({ workers: "Retrying" })
  expect(await cluster.pass(() => got.length === 2, 60_000)).toBe(true)
  await cluster.wait(10_000)
  expect(await tracks(flaky)).toEqual({ workers: "Consumed" })
  const dead = await send(scene, "dead")
  const fine = await send(scene, "fine")
  expect(await cluster.pass(() => got.length === 4, 60_000)).toBe(true)
  await cluster.settle(admin.createGroup({ group: "late" }))
  await cluster.settle(admin.setOffset("late", { brokerName: "broker-a", queueId: 0, topic: "jobs" }, 0))
  await cluster.wait(10_000)
  expect(await tracks(dead)).toEqual({ late: "Waiting", workers: "DeadLetter" })
  expect(await tracks(fine)).toEqual({ late: "Waiting", workers: "Consumed" })
  await cluster.settle(admin.cloneOffsets({ from: "workers", to: "late", topic: "jobs" }))
  expect(await tracks(fine)).toEqual({ late: "Consumed", workers: "Consumed" })
})

it("spaces the retries of a group by its own policy", async () => {
  const cluster = new SimCluster(75, ["broker-a"], { messageDelayLevel: "1s 3s 9s 27s" })
  const gantry = cluster.client()
  const admin = gantry.admin()
  await cluster.settle(admin.createTopic({ queues: 1, topic: "jobs" }))
  const exponentialRetryPolicy = { initial: 900, max: 20_000, multiplier: 3 }
  const groupRetryPolicy = { exponentialRetryPolicy, type: "EXPONENTIAL" } as const
  await cluster.settle(admin.createGroup({ group: "growing", groupRetryPolicy }))
  const customizedRetryPolicy = { next: [5, 5, 2000, 1000] }
  const own = { customizedRetryPolicy, type: "CUSTOMIZED" } as const
  await cluster.settle(admin.createGroup({ group: "listed", groupRetryPolicy: own }))
  const attemptsMs = new Map<string, Array<number>>()
  for (const group of ["growing", "listed", "plain"]) {
    const times: Array<number> = []
    attemptsMs.set(group, times)
    const consumer = cluster.client().consumer({ consumeFromWhere: "first", group, subscriptions: ["jobs"] })
    await cluster.settle(
      consumer.run({
        eachMessage: async () => {
          times.push(cluster.world.sim.nowMs)
          if (times.length < 4) throw new Error("not now")
        },
      }),
    )
  }
  await cluster.settle(gantry.producer().send({ body: "a", topic: "jobs" }))
  expect(await cluster.pass(() => [...attemptsMs.values()].every(({ length }) => length === 4), 120_000)).toBe(true)
  const seconds = [...attemptsMs.values()].map((times) =>
    times.slice(1).map((ms, at) => Math.floor((ms - times[at]!) / 1000)),
  )
  // The first level that is as long as the policy says; without a policy the levels from the third on.
  expect(seconds).toEqual([
    [1, 3, 9],
    [3, 1, 1],
    [9, 27, 27],
  ])
})
