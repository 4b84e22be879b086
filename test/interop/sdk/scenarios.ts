/** What the SDK promises, against any cluster, in real time. Each scenario has topics and groups of its own. */
import * as assert from "node:assert/strict"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  type Consumer,
  type ConsumerOptions,
  Gantry,
  type GantryOptions,
  type Message,
  type MessageQueue,
  RetryLater,
  type RunOptions,
} from "../../../src/client/index.ts"
import * as EffectApi from "../../../src/client/effect.ts"
import * as Examples from "../../model/client/exampleLines.ts"

export interface Scene {
  readonly namesrvAddr: string
  /** Ends a name: no other scenario, and no run before this one, has it. */
  readonly tag: string
  /** A client that is closed when the scenario ends. */
  readonly client: (options?: GantryOptions) => Gantry
}

export type Scenario = (scene: Scene) => Promise<void>

const patienceMs = 60_000

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const endMs = Date.now() + patienceMs
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`not within ${patienceMs / 1000} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const numbered = (count: number): ReadonlyArray<string> => Array.from({ length: count }, (_, i) => `m${i}`)

const makeTopic = async (scene: Scene, topic: string, queues = 4): Promise<void> =>
  scene.client().admin().createTopic({ queues, topic })

const join = (
  scene: Scene,
  options: Omit<ConsumerOptions, "group"> & { readonly group?: string },
  run: RunOptions,
  gantry = scene.client(),
): Promise<Consumer> => gantry.consumer({ consumeFromWhere: "first", group: `group-${scene.tag}`, ...options }).run(run)

const everything: Scenario = async (scene) => {
  const topic = `all-${scene.tag}`
  const producer = scene.client().producer()
  const sent = await producer.send({
    body: Buffer.from([0, 1, 254, 255]),
    flag: 42,
    keys: ["k1", "k2"],
    properties: { Farbe: "grün" },
    shardingKey: "s",
    tags: "tag",
    topic,
  })
  assert.equal(sent.status, "SEND_OK")
  const got: Array<Message> = []
  await join(scene, { subscriptions: [topic] }, { eachMessage: (message) => void got.push(message) })
  await until("the message arrives", () => got.length === 1)
  const [message] = got
  assert.deepEqual([...message!.body], [0, 1, 254, 255])
  assert.equal(message!.messageId, sent.messageId)
  assert.equal(message!.offsetMessageId, sent.offsetMessageId)
  assert.deepEqual([message!.flag, message!.tags, message!.keys, message!.shardingKey], [42, "tag", ["k1", "k2"], "s"])
  assert.equal(message!.property("Farbe"), "grün")
  assert.deepEqual(message!.queue, sent.queue)
}

const compression: Scenario = async (scene) => {
  const topic = `zip-${scene.tag}`
  const body = "the same again and again. ".repeat(1_000)
  for (const type of ["ZLIB", "LZ4", "ZSTD"] as const) {
    await scene.client().producer({ compression: { type } }).send({ body, topic })
  }
  const got: Array<Message> = []
  await join(scene, { subscriptions: [topic] }, { eachMessage: (message) => void got.push(message) })
  await until("all three arrive", () => got.length === 3)
  for (const message of got) {
    assert.equal(message.text(), body)
    assert.ok(message.sizeBytes < 2_000)
  }
}

const batches: Scenario = async (scene) => {
  const topic = `batch-${scene.tag}`
  await makeTopic(scene, topic)
  const producer = scene.client().producer({ maxMessageSize: 4_000 })
  const [queue] = await producer.queues(topic)
  const messages = numbered(100).map((body) => ({ body: body.padEnd(100, "."), keys: body, topic }))
  const results = await producer.sendBatch(messages, { queue: queue! })
  assert.deepEqual(
    results.map(({ queueOffset }) => queueOffset),
    Array.from({ length: 100 }, (_, i) => i),
  )
  const gathering = scene.client().producer({ autoBatch: true })
  const gathered = await Promise.all(numbered(50).map((body) => gathering.send({ body, topic })))
  assert.equal(new Set(gathered.map(({ messageId }) => messageId)).size, 50)
  const got = new Map<string, string>()
  await join(scene, { subscriptions: [topic] }, { eachMessage: (one) => void got.set(one.messageId, one.text()) })
  await until("all arrive", () => got.size === 150)
  for (const [i, { messageId }] of results.entries()) assert.equal(got.get(messageId), messages[i]!.body)
  for (const [i, { messageId }] of gathered.entries()) assert.equal(got.get(messageId), `m${i}`)
}

const oneway: Scenario = async (scene) => {
  const topic = `oneway-${scene.tag}`
  await makeTopic(scene, topic)
  const producer = scene.client().producer()
  for (const body of numbered(10)) await producer.sendOneway({ body, topic })
  const got = new Set<string>()
  await join(scene, { subscriptions: [topic] }, { eachMessage: (message) => void got.add(message.text()) })
  await until("all arrive", () => got.size === 10)
}

const tags: Scenario = async (scene) => {
  const topic = `tags-${scene.tag}`
  const producer = scene.client().producer()
  // "Aa" and "BB" have one hash code in Java.
  for (const tag of ["Aa", "BB", "C"]) await producer.send({ body: tag, tags: tag, topic })
  await producer.send({ body: "none", topic })
  const got: Array<string> = []
  await join(
    scene,
    { subscriptions: [{ tags: ["Aa", "C"], topic }] },
    { eachMessage: (message) => void got.push(message.text()) },
  )
  await until("both arrive", () => got.length >= 2)
  await pause(500)
  assert.deepEqual(got.toSorted(), ["Aa", "C"])
}

/** Sends every price from 0 to 29, of two kinds of fruit; answers what the condition of the scenario picks. */
const sendFruit = async (scene: Scene, topic: string): Promise<ReadonlyArray<string>> => {
  const producer = scene.client().producer()
  for (let price = 0; price < 30; price++) {
    const fruit = price % 3 === 0 ? "pear" : "apple"
    const ripe = price % 5 === 0 ? { ripe: "no" } : {}
    await producer.send({ body: `${fruit}${price}`, properties: { fruit, price: String(price), ...ripe }, topic })
  }
  return ["pear3", "pear6", "pear9", "pear12", "pear18"]
}

const conditions: Scenario = async (scene) => {
  const topic = `fruit-${scene.tag}`
  await makeTopic(scene, topic, 1)
  const wanted = await sendFruit(scene, topic)
  const sql = "fruit = 'pear' AND price BETWEEN 1 AND 20 AND ripe IS NULL"
  const got: Array<string> = []
  await join(scene, { subscriptions: [{ sql, topic }] }, { eachMessage: (one) => void got.push(one.text()) })
  await until("what the condition picks arrives", () => got.length === wanted.length)
  const reader = scene
    .client()
    .pullConsumer({ consumeFromWhere: "first", group: `reader-${scene.tag}`, subscriptions: [{ sql, topic }] })
  const read: Array<string> = []
  for await (const message of reader) if (read.push(message.text()) === wanted.length) break
  const [queue] = await reader.queues(topic)
  const page = await reader.fetch(queue!, 0, { sql })
  const none = await reader.fetch(queue!, 0, { sql: "fruit = 'plum'" })
  await pause(500)
  assert.deepEqual([got, read], [wanted, wanted])
  assert.deepEqual([page.messages.map((one) => one.text()), page.nextOffset], [wanted, 30])
  assert.deepEqual([none.status, none.nextOffset], ["NO_MATCHED_MESSAGE", 30])
  await assert.rejects(reader.fetch(queue!, 0, { sql: "fruit == 1" }), { code: "INVALID_ARGUMENT" })
}

const ordered: Scenario = async (scene) => {
  const topic = `steps-${scene.tag}`
  await makeTopic(scene, topic)
  const producer = scene.client().producer()
  for (let i = 0; i < 60; i++) await producer.send({ body: `${i % 6} ${i}`, shardingKey: `key-${i % 6}`, topic })
  const firsts = new Map<number, Array<number>>()
  const active = new Set<number>()
  const failed = new Set<string>()
  let settled = 0
  const run = {
    eachMessage: async (message: Message) => {
      const { queueId } = message.queue
      assert.ok(!active.has(queueId), "two handlers at work on one queue")
      active.add(queueId)
      await pause(2)
      active.delete(queueId)
      const list = firsts.get(queueId) ?? []
      if (!list.includes(message.queueOffset)) list.push(message.queueOffset)
      firsts.set(queueId, list)
      if (Number(message.text().split(" ")[1]) % 7 === 0 && !failed.has(message.text())) {
        failed.add(message.text())
        throw new Error("once")
      }
      settled++
    },
  }
  const options = { ordered: true, subscriptions: [topic], suspendCurrentQueueTimeMs: 20 }
  const first = await join(scene, options, run, scene.client({ log: false }))
  await until("some are settled", () => settled > 10)
  await join(scene, options, run, scene.client({ log: false }))
  await until("half is settled", () => settled > 30)
  await first.close()
  await until("all are settled", () => settled >= 60)
  for (const offsets of firsts.values())
    assert.deepEqual(
      offsets,
      offsets.toSorted((left, right) => left - right),
    )
}

const delay: Scenario = async (scene) => {
  const topic = `delay-${scene.tag}`
  const producer = scene.client().producer()
  const got: Array<number> = []
  await producer.send({ body: "later", delayLevel: 1, topic })
  const sentMs = Date.now()
  await join(scene, { subscriptions: [topic] }, { eachMessage: () => void got.push(Date.now() - sentMs) })
  await until("it arrives", () => got.length === 1)
  assert.ok(got[0]! >= 950, `delivered after ${got[0]} ms`)
}

const retry: Scenario = async (scene) => {
  const topic = `retry-${scene.tag}`
  const group = `group-${scene.tag}`
  const producer = scene.client().producer()
  for (const body of ["flaky", "poison", "hopeless"]) await producer.send({ body, topic })
  const attempts: Record<string, Array<number>> = { flaky: [], hopeless: [], poison: [] }
  await join(
    scene,
    { maxReconsumeTimes: 1, subscriptions: [topic] },
    {
      eachMessage: (message, { deadLetter }) => {
        assert.equal(message.topic, topic)
        attempts[message.text()]!.push(message.reconsumeTimes)
        if (message.text() === "hopeless") return deadLetter(message)
        if (message.text() === "poison" || message.reconsumeTimes === 0) throw new RetryLater("x", { delayLevel: 1 })
      },
    },
    scene.client({ log: false }),
  )
  await until("both came again", () => attempts["flaky"]!.length === 2 && attempts["poison"]!.length === 2)
  const dead: Array<string> = []
  const queues = async (): Promise<ReadonlyArray<MessageQueue>> =>
    scene
      .client()
      .admin()
      .queues(`%DLQ%${group}`)
      .catch(() => [])
  while ((await queues()).length === 0) await pause(100)
  await join(
    scene,
    { group: `undertaker-${scene.tag}`, subscriptions: [`%DLQ%${group}`] },
    { eachMessage: (message) => void dead.push(message.text()) },
  )
  await until("both are dead letters", () => dead.length === 2)
  assert.deepEqual(dead.toSorted(), ["hopeless", "poison"])
  assert.deepEqual(attempts, { flaky: [0, 1], hopeless: [0], poison: [0, 1] })
}

const sharing: Scenario = async (scene) => {
  const topic = `share-${scene.tag}`
  await makeTopic(scene, topic, 6)
  const producer = scene.client().producer()
  const got = new Map<string, number>()
  const run = { eachMessage: (message: Message) => void got.set(message.text(), (got.get(message.text()) ?? 0) + 1) }
  const members = [
    await join(scene, { subscriptions: [topic] }, run),
    await join(scene, { subscriptions: [topic] }, run),
  ]
  const shares = (): string =>
    members.map(({ assigned }) => assigned.filter((one) => one.topic === topic).length).join()
  await until("both have three queues", () => shares() === "3,3")
  for (const body of numbered(60)) await producer.send({ body, topic })
  await until("all arrive", () => got.size === 60)
  await members.shift()!.close()
  await until("the other one has all", () => shares() === "6")
  for (const body of numbered(90).slice(60)) await producer.send({ body, topic })
  await until("all arrive", () => got.size === 90)
  assert.ok(
    [...got.values()].every((times) => times === 1),
    "a graceful change of shares repeats nothing",
  )
}

const progress: Scenario = async (scene) => {
  const topic = `progress-${scene.tag}`
  await makeTopic(scene, topic)
  const producer = scene.client().producer()
  for (const body of numbered(40)) await producer.send({ body, topic })
  const got: Array<string> = []
  const first = await join(scene, { subscriptions: [topic] }, { eachMessage: (one) => void got.push(one.text()) })
  await until("all arrive", () => got.length === 40)
  await first.close()
  await producer.send({ body: "new", topic })
  await join(scene, { subscriptions: [topic] }, { eachMessage: (one) => void got.push(one.text()) })
  await until("the new one arrives", () => got.length > 40)
  await pause(500)
  assert.deepEqual(got.slice(40), ["new"])
}

const pull: Scenario = async (scene) => {
  const topic = `pull-${scene.tag}`
  const group = `group-${scene.tag}`
  await makeTopic(scene, topic, 2)
  const producer = scene.client().producer()
  const queues = await producer.queues(topic)
  for (const [i, body] of numbered(20).entries()) await producer.send({ body, topic }, { queue: queues[i % 2]! })
  const seen = new Set<string>()
  const reader = scene.client().pullConsumer({ consumeFromWhere: "first", group, subscriptions: [topic] })
  for await (const message of reader) {
    seen.add(message.text())
    if (seen.size === 20) break
  }
  await reader.commit()
  const committed = await Promise.all(queues.map((queue) => reader.committed(queue)))
  assert.deepEqual(committed, [10, 10])
  await reader.close()
  const own = scene
    .client()
    .pullConsumer({ group: `own-${scene.tag}` })
    .assign([queues[0]!])
  await own.seek(queues[0]!, 7)
  assert.equal((await own.poll({ max: 1 }))[0]!.queueOffset, 7)
  await own.seek(queues[0]!, "begin")
  assert.equal((await own.poll({ max: 1 }))[0]!.queueOffset, 0)
  await assert.rejects(own.seek(queues[0]!, 99), { code: "INVALID_ARGUMENT" })
  const page = await own.fetch(queues[1]!, 8)
  assert.deepEqual([page.status, page.messages.length, page.nextOffset, page.maxOffset], ["FOUND", 2, 10, 10])
  assert.equal((await own.fetch(queues[1]!, 10)).status, "NO_NEW_MESSAGE")
  assert.equal((await own.fetch(queues[1]!, 50)).status, "OFFSET_ILLEGAL")
  assert.equal(await own.offsetAt(queues[0]!, 0), 0)
}

const administration: Scenario = async (scene) => {
  const topic = `admin-${scene.tag}`
  const group = `group-${scene.tag}`
  const admin = scene.client().admin()
  await admin.createTopic({ queues: 1, topic })
  await admin.createGroup({ group, retryMaxTimes: 3 })
  assert.ok((await admin.topics()).includes(topic))
  assert.ok((await admin.groups()).includes(group))
  const producer = scene.client().producer()
  const sent = await producer.send({ body: "found", keys: `key-${scene.tag}`, topic })
  await producer.send({ body: "other", topic })
  assert.equal((await admin.message(sent.offsetMessageId))?.text(), "found")
  await pause(1_000)
  assert.deepEqual(
    (await admin.messages({ key: `key-${scene.tag}`, topic })).map((message) => message.text()),
    ["found"],
  )
  assert.deepEqual(
    (await admin.topicOffsets(topic)).map(({ maxOffset, minOffset }) => [minOffset, maxOffset]),
    [[0, 2]],
  )
  let handled = 0
  const gantry = scene.client()
  const consumer = await join(scene, { subscriptions: [topic] }, { eachMessage: () => void handled++ }, gantry)
  await until("both are handled", () => handled === 2)
  await consumer.commit()
  assert.deepEqual(await admin.consumers(group), [gantry.clientId])
  assert.equal((await admin.groupProgress(group, topic))[0]!.lag, 0)
  await admin.resetOffsets({ group, to: "begin", topic })
  await until("both come again", () => handled === 4)
  await consumer.close()
  await admin.deleteGroup(group, { removeOffsets: true })
  await admin.deleteTopic(topic)
  assert.ok(!(await admin.topics()).includes(topic))
}

const failures: Scenario = async (scene) => {
  const producer = scene.client().producer()
  await assert.rejects(producer.send({ body: "", topic: "t" }), { code: "MESSAGE_ILLEGAL", retriable: false })
  const lost = scene.client({ namesrvAddr: "127.0.0.1:1" }).producer()
  await assert.rejects(lost.send({ body: "x", topic: "t" }), { code: "NAME_SERVER_UNREACHABLE", retriable: true })
  await assert.rejects(scene.client().admin().queues(`nothing-${scene.tag}`), { code: "TOPIC_NOT_FOUND" })
  const signal = AbortSignal.abort(new Error("gone"))
  await assert.rejects(producer.send({ body: "x", topic: "t" }, { signal }), { message: "gone" })
}

const effects: Scenario = async (scene) => {
  const topic = `effect-${scene.tag}`
  await makeTopic(scene, topic, 1)
  const handled: Array<string> = []
  const program = Effect.gen(function* () {
    const gantry = yield* EffectApi.Gantry
    const producer = yield* gantry.producer()
    yield* producer.send({ body: "one", topic })
    yield* producer.sendBatch([
      { body: "two", topic },
      { body: "three", topic },
    ])
    yield* gantry.consume({
      consumeFromWhere: "first",
      eachMessage: (message) => Effect.sync(() => handled.push(message.text())),
      group: `group-${scene.tag}`,
      subscriptions: [topic],
    })
    const reader = yield* gantry.pullConsumer({
      consumeFromWhere: "first",
      group: `reader-${scene.tag}`,
      subscriptions: [topic],
    })
    const read = yield* reader.messages.pipe(
      Stream.take(3),
      Stream.map((message) => message.text()),
      Stream.runCollect,
    )
    assert.deepEqual([...read], ["one", "two", "three"])
    yield* Effect.promise(() => until("all are handled", () => handled.length === 3))
  })
  const layer = EffectApi.Gantry.layer({ namesrvAddr: scene.namesrvAddr })
  await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(layer)))
}

const requests: Scenario = async (scene) => {
  const topic = `asked-${scene.tag}`
  await makeTopic(scene, topic)
  const replier = scene.client().producer({ group: `repliers-${scene.tag}` })
  await join(
    scene,
    { subscriptions: [topic] },
    {
      eachMessage: async (message) => {
        assert.ok(message.wantsReply)
        if (message.text() !== "silence") await replier.reply(message, { body: `re: ${message.text()}`, tags: "reply" })
      },
    },
  )
  const asking = scene.client().producer()
  const replies = await Promise.all(
    numbered(20).map((body) => asking.request({ body, topic }, { timeoutMs: patienceMs })),
  )
  assert.deepEqual(
    replies.map((reply) => reply.text()),
    numbered(20).map((text) => `re: ${text}`),
  )
  assert.equal(replies[0]!.tags, "reply")
  await assert.rejects(asking.request({ body: "silence", topic }, { timeoutMs: 1_000 }), { code: "NO_REPLY" })
}

const namespaces: Scenario = async (scene) => {
  const topic = `named-${scene.tag}`
  const got: Record<string, Array<string>> = { a: [], b: [] }
  for (const namespace of ["a", "b"]) {
    const gantry = scene.client({ namespace })
    await gantry.producer().send({ body: namespace, topic })
    const eachMessage = (message: Message): void => void got[namespace]!.push(`${message.topic} ${message.text()}`)
    await join(scene, { subscriptions: [topic] }, { eachMessage }, gantry)
  }
  await until("each has its own", () => got["a"]!.length > 0 && got["b"]!.length > 0)
  await pause(1_000)
  assert.deepEqual(got, { a: [`${topic} a`], b: [`${topic} b`] })
}

const examples: Scenario = async ({ namesrvAddr }) => {
  assert.deepEqual(await Examples.run(namesrvAddr), Examples.sortedLines())
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  "everything that belongs to a message": everything,
  compression,
  batches,
  oneway,
  tags,
  conditions,
  ordered,
  delay,
  "retries and dead letters": retry,
  "members share the queues": sharing,
  "progress is kept": progress,
  pull,
  administration,
  failures,
  namespaces,
  requests,
  effects,
  examples,
}
