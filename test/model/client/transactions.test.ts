/** Transactions by the SDK: half messages, local transactions, ends, and answers to the brokers' checks (P6). */
import { expect, it } from "vitest"
import { BrokerError } from "../../../src/client/GantryError.ts"
import type { Message } from "../../../src/client/Message.ts"
import type { TransactionDecision } from "../../../src/client/OutgoingMessage.ts"
import { SimCluster } from "./SimCluster.ts"

const quick = { transactionCheckInterval: 1000, transactionTimeOut: 500 }

/** A consumer of topic "t": what it was given. */
const consume = async (cluster: SimCluster): Promise<ReadonlyArray<string>> => {
  const seen: Array<string> = []
  const consumer = cluster.client().consumer({ consumeFromWhere: "first", group: "readers", subscriptions: ["t"] })
  await cluster.settle(consumer.run({ eachMessage: (message) => seen.push(message.text()) }))
  return seen
}

it("a commit that is confirmed is delivered, a rollback is not, and unknown is asked about", async () => {
  const cluster = new SimCluster(1, ["broker-a"], quick)
  const asked: Array<string> = []
  const producer = cluster.client().producer({
    checkTransaction: (message: Message) => {
      asked.push(message.text())
      return "commit"
    },
    group: "bank",
  })
  const send = (body: string, decision: TransactionDecision) =>
    cluster.settle(producer.sendInTransaction({ body, topic: "t" }, () => decision))
  expect(await send("a", "commit")).toMatchObject({ decision: "commit", isConfirmed: true, status: "SEND_OK" })
  const seen = await consume(cluster)
  expect(await cluster.pass(() => seen.length === 1)).toBe(true)
  expect(await send("b", "rollback")).toMatchObject({ decision: "rollback", isConfirmed: true })
  expect(await send("c", "unknown")).toMatchObject({ decision: "unknown", isConfirmed: false })
  expect(seen).toEqual(["a"])
  expect(await cluster.pass(() => asked.length > 0)).toBe(true)
  expect(await cluster.pass(() => seen.length === 2)).toBe(true)
  expect(asked).toEqual(["c"])
  expect(seen).toEqual(["a", "c"])
  await cluster.settle(producer.close())
})

it("what the local transaction throws is thrown, and the broker asks; what the check throws is asked again", async () => {
  const cluster = new SimCluster(2, ["broker-a"], quick)
  let checks = 0
  const producer = cluster.client({ log: false }).producer({
    checkTransaction: async (): Promise<TransactionDecision> => {
      if (++checks === 1) throw new Error("the database is away")
      return "rollback"
    },
  })
  const failing = producer.sendInTransaction({ body: "a", topic: "t" }, async () => {
    throw new Error("no such account")
  })
  await expect(cluster.settle(failing)).rejects.toThrow("no such account")
  expect(await cluster.pass(() => checks === 2)).toBe(true)
  await cluster.wait(3_000)
  expect(checks).toBe(2)
  const seen = await consume(cluster)
  await cluster.wait(2_000)
  expect(seen).toEqual([])
})

it("another member of the group answers for one that is gone, once it is known to the brokers", async () => {
  const cluster = new SimCluster(3, ["broker-a"], quick)
  const first = cluster.client()
  const options = { checkTransaction: (): TransactionDecision => "unknown", group: "bank" }
  await cluster.settle(first.producer(options).sendInTransaction({ body: "a", topic: "t" }, () => "unknown"))
  await cluster.settle(first.close())
  const second = cluster.client().producer({ ...options, checkTransaction: () => "commit" })
  await cluster.settle(second.answerChecks("t"))
  const seen = await consume(cluster)
  expect(await cluster.pass(() => seen.length === 1)).toBe(true)
})

it("a broker that goes away before the end leaves it unconfirmed, and asks when it is back", async () => {
  const cluster = new SimCluster(4, ["broker-a"], { ...quick, transactionCheckInterval: 5_000 })
  const producer = cluster.client({ log: false }).producer({ checkTransaction: () => "commit", group: "bank" })
  const sent = producer.sendInTransaction({ body: "a", topic: "t" }, () => {
    cluster.node("broker-a").crash()
    return "commit"
  })
  expect(await cluster.settle(sent)).toMatchObject({ decision: "commit", isConfirmed: false })
  cluster.restart("broker-a")
  const seen = await consume(cluster)
  expect(await cluster.pass(() => seen.length === 1)).toBe(true)
})

it("refuses what could not be a transaction", async () => {
  const cluster = new SimCluster(5, ["broker-a"], { rejectTransactionMessage: true })
  const message = { body: "a", topic: "t" }
  const without = cluster.client().producer({ group: "g" })
  await expect(without.sendInTransaction(message, () => "commit")).rejects.toThrow("no checkTransaction")
  const producer = cluster.client().producer({ checkTransaction: () => "commit", group: "h" })
  const delayed = producer.sendInTransaction({ ...message, delayLevel: 1 }, () => "commit")
  await expect(delayed).rejects.toThrow("no delayLevel")
  const failure = await cluster.settle(
    producer.sendInTransaction(message, () => "commit").catch((error: unknown) => error),
  )
  expect(failure).toBeInstanceOf(BrokerError)
})
