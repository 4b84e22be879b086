/** The Effect API against a broker in a simulated world. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
import * as Api from "../../../src/client/effect.ts"
import { makeFixedEnvironment } from "../../../src/infra/environment/Environment.ts"
import { SimCluster, namesrvAddr } from "./SimCluster.ts"

const optionsOf = (cluster: SimCluster, host: string): Api.GantryOptions => {
  const { world } = cluster.world.node(`machine ${host}`, host)
  return { environment: makeFixedEnvironment({ localAddress: host, soon: world.clock.soon }), namesrvAddr, world }
}

/** Runs a program with a client of its own, in virtual time. */
const run = <A, E>(
  cluster: SimCluster,
  host: string,
  program: Effect.Effect<A, E, Api.Gantry | import("effect/Scope").Scope>,
): Promise<A> =>
  cluster.settle(
    Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Api.Gantry.layer(optionsOf(cluster, host))))),
  )

it("sends, and fails with typed errors", async () => {
  const cluster = new SimCluster(91)
  const program = Effect.gen(function* () {
    const gantry = yield* Api.Gantry
    const producer = yield* gantry.producer({ group: "shop" })
    const sent = yield* producer.send({ body: "hello", topic: "orders" })
    const batch = yield* producer.sendBatch([
      { body: "a", topic: "orders" },
      { body: "b", topic: "orders" },
    ])
    yield* producer.sendOneway({ body: "c", topic: "orders" })
    const refused = yield* Effect.flip(producer.send({ body: "", topic: "orders" }))
    const second = yield* gantry.producer({ group: "shop" })
    const inUse = yield* second
      .send({ body: "x", topic: "orders" })
      .pipe(Effect.as(undefined), Effect.catchTag("StateError", Effect.succeed))
    return { batch: batch.length, inUse: inUse?.code, refused: refused.code, status: sent.status }
  })
  expect(await run(cluster, "10.0.5.1", program)).toEqual({
    batch: 2,
    inUse: "GROUP_IN_USE",
    refused: "MESSAGE_ILLEGAL",
    status: "SEND_OK",
  })
})

it("consumes until the scope closes; a failure brings the message again", async () => {
  const cluster = new SimCluster(92)
  const seen: Array<string> = []
  const program = Effect.gen(function* () {
    const gantry = yield* Api.Gantry
    const producer = yield* gantry.producer()
    yield* producer.send({ body: "shaky", topic: "orders" })
    const consumer = yield* gantry.consume({
      consumeFromWhere: "first",
      eachMessage: (message) =>
        Effect.suspend(() => {
          seen.push(`${message.text()} ${message.reconsumeTimes}`)
          return message.reconsumeTimes === 0
            ? Effect.fail(new Api.RetryLater("once more", { delayLevel: 1 }))
            : Effect.void
        }),
      group: "billing",
      subscriptions: ["orders"],
    })
    expect(yield* consumer.assigned).not.toHaveLength(0)
    yield* Effect.repeat(Effect.sleep(200), { until: () => seen.length === 2 })
    yield* consumer.commit
  })
  await run(cluster, "10.0.5.1", Effect.provide(program, cluster.node("names").world.context))
  expect(seen).toEqual(["shaky 0", "shaky 1"])
})

it("streams messages, and administers", async () => {
  const cluster = new SimCluster(93)
  const program = Effect.gen(function* () {
    const gantry = yield* Api.Gantry
    yield* gantry.admin.createTopic({ queues: 1, topic: "orders" })
    const producer = yield* gantry.producer()
    for (const body of ["a", "b", "c"]) yield* producer.send({ body, topic: "orders" })
    const reader = yield* gantry.pullConsumer({
      consumeFromWhere: "first",
      group: "reports",
      subscriptions: ["orders"],
    })
    const texts = yield* reader.messages.pipe(
      Stream.take(3),
      Stream.map((message) => message.text()),
      Stream.runCollect,
    )
    yield* reader.commit()
    const [progress] = yield* gantry.admin.groupProgress("reports", "orders")
    const missing = yield* Effect.flip(gantry.admin.topicOffsets("nothing"))
    return { code: missing.code, lag: progress!.lag, texts: [...texts] }
  })
  expect(await run(cluster, "10.0.5.1", program)).toEqual({ code: "TOPIC_NOT_FOUND", lag: 0, texts: ["a", "b", "c"] })
})

it("an interrupted send is forgotten", async () => {
  const cluster = new SimCluster(94)
  const program = Effect.gen(function* () {
    const gantry = yield* Api.Gantry
    const producer = yield* gantry.producer()
    yield* producer.send({ body: "x", topic: "orders" })
    cluster.node("broker-a").pause()
    const fiber = yield* Effect.forkChild(producer.send({ body: "y", topic: "orders" }))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    return Exit.isFailure(yield* Fiber.await(fiber))
  })
  expect(await run(cluster, "10.0.5.1", program)).toBe(true)
})

it("asks and answers; a request that is interrupted is forgotten", async () => {
  const cluster = new SimCluster(97)
  const program = Effect.gen(function* () {
    const gantry = yield* Api.Gantry
    const producer = yield* gantry.producer()
    yield* gantry.admin.createTopic({ queues: 1, topic: "questions" })
    yield* gantry.consume({
      consumeFromWhere: "first",
      eachMessage: (message) =>
        message.text() === "silence" ? Effect.void : producer.reply(message, { body: `re: ${message.text()}` }),
      group: "repliers",
      subscriptions: ["questions"],
    })
    const reply = yield* producer.request({ body: "how much?", topic: "questions" }, { timeoutMs: 10_000 })
    const silent = { body: "silence", topic: "questions" }
    const late = yield* producer
      .request(silent, { timeoutMs: 1_000 })
      .pipe(Effect.as(undefined), Effect.catchTag("ConnectionError", Effect.succeed))
    const fiber = yield* Effect.forkChild(producer.request(silent, { timeoutMs: 3_600_000 }))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    return { late: late?.code, text: reply.text() }
  })
  // The producer closes at once: nothing waits any more.
  expect(await run(cluster, "10.0.5.1", program)).toEqual({ late: "NO_REPLY", text: "re: how much?" })
})
