/**
 * The rules used as a library, by their public entry, without any broker: a broker for one afternoon is a few tables and
 * the decisions of `gantry-mq/domain`. What is said of a message's life here is said by those modules alone.
 */
import { readFileSync, readdirSync } from "node:fs"
import * as path from "node:path"
import * as Result from "effect/Result"
import { expect, it } from "vitest"
import * as Domain from "../../../src/domain/index.ts"

const {
  ConsumerOffset,
  DelayLevel,
  Properties,
  Rebalance,
  Retry,
  Send,
  Sql92,
  Subscription,
  SubscriptionGroup,
  Topic,
} = Domain

interface Stored {
  readonly topic: string
  readonly queueId: number
  readonly properties: string
  readonly body: string
  readonly reconsumeTimes: number
  /** When it may be moved on, for a delayed one. */
  readonly dueMs: number
}

/** Tables, a clock that is set by hand, and nothing else. */
class Afternoon {
  nowMs = 1_000_000
  readonly topics = new Map(
    Topic.systemTopics({
      autoCreateTopicEnable: true,
      brokerName: "b",
      clusterName: "c",
      defaultTopicQueueNums: 4,
    }).map((config) => [config.topicName, config]),
  )
  readonly groups = new Map(SubscriptionGroup.predefined().map((config) => [config.groupName, config]))
  readonly queues = new Map<string, Array<Stored>>()
  readonly offsets = ConsumerOffset.make(0)
  readonly view: Domain.Send.View = {
    group: (name) => this.groups.get(name),
    isAnyLockHeld: () => false,
    topic: (name) => this.topics.get(name),
    topicNames: () => this.topics.keys(),
  }
  readonly settings = {
    autoCreateSubscriptionGroup: true,
    autoCreateTopicEnable: true,
    brokerName: "b",
    brokerPermission: 6,
    delayLevels: DelayLevel.defaultLevels,
    maxMessageSize: 100,
    rejectTransactionMessage: false,
  }
  #pick = 0

  send(topic: string, body: string, properties: Readonly<Record<string, string>> = {}): string {
    const request: Domain.Send.SendRequest = {
      bodySizeBytes: body.length,
      clientVersion: 513,
      defaultTopic: "TBW102",
      defaultTopicQueueNums: 4,
      isBatch: false,
      isReply: false,
      maxReconsumeTimes: undefined,
      pick: this.#pick++,
      properties: Properties.print(Object.entries(properties)),
      queueId: -1,
      reconsumeTimes: 0,
      sysFlag: 0,
      topic,
    }
    const decided = Send.decide(request, this.view, this.settings)
    if (Result.isFailure(decided)) return decided.failure.code
    for (const config of decided.success.create) this.topics.set(config.topicName, config)
    this.#put({ ...decided.success, body, reconsumeTimes: 0 })
    return "stored"
  }

  sendBack(group: string, message: Stored): string {
    const request = { clientVersion: 513, delayLevel: 0, group, maxReconsumeTimes: undefined, pick: 0 }
    const decided = Retry.decide(request, { ...message, msgId: "id" }, this.view, this.settings)
    if (Result.isFailure(decided)) return decided.failure.code
    const { success } = decided
    if (success._tag === "Dropped") return "dropped"
    for (const config of success.create) this.topics.set(config.topicName, config)
    if (success.createGroup !== undefined) this.groups.set(group, success.createGroup)
    this.#put({ ...success, body: message.body })
    return success._tag
  }

  /** Moves what is due to where it was meant for; answers how many that were. */
  deliver(): number {
    let count = 0
    for (const [key, queue] of this.queues) {
      if (!key.startsWith(Topic.TopicName.SCHEDULE)) continue
      const due = queue.filter(({ dueMs }) => dueMs <= this.nowMs)
      this.queues.set(
        key,
        queue.filter((message) => !due.includes(message)),
      )
      for (const message of due) {
        const target = DelayLevel.restore(message.properties)!
        this.queue(target.topic, target.queueId).push({ ...message, ...target, dueMs: 0 })
        count++
      }
    }
    return count
  }

  queue(topic: string, queueId: number): Array<Stored> {
    const key = `${topic} ${queueId}`
    const known = this.queues.get(key)
    if (known !== undefined) return known
    const fresh: Array<Stored> = []
    this.queues.set(key, fresh)
    return fresh
  }

  /** Everything in the queues of a topic. */
  all(topic: string): ReadonlyArray<Stored> {
    const { readQueueNums } = this.topics.get(topic)!
    return Array.from({ length: readQueueNums }, (_, queueId) => this.queue(topic, queueId)).flat()
  }

  #put(message: Omit<Stored, "dueMs">): void {
    const placed = Result.getOrThrow(DelayLevel.rewrite({ ...message, sysFlag: 0 }, this.settings.delayLevels))
    const isDelayed = placed.topic === Topic.TopicName.SCHEDULE
    const level = DelayLevel.levelOfQueue(placed.queueId)
    const dueMs = isDelayed ? DelayLevel.dueMs(this.settings.delayLevels, level, this.nowMs) : 0
    this.queue(placed.topic, placed.queueId).push({ ...message, ...placed, dueMs })
  }
}

it("a message is taken or refused, and lands in a queue of its topic", () => {
  const broker = new Afternoon()
  expect(broker.send("orders", "one")).toBe("stored")
  expect(broker.send("orders", "x".repeat(101))).toBe("MESSAGE_ILLEGAL")
  expect(broker.send("no such/name", "one")).toBe("INVALID_PARAMETER")
  expect(broker.send(Topic.TopicName.SCHEDULE, "one")).toBe("NO_PERMISSION")
  expect(broker.all("orders").map(({ body }) => body)).toEqual(["one"])
})

it("the members of a group share the queues, and each gets what it subscribed", () => {
  const broker = new Afternoon()
  for (let i = 0; i < 12; i++) broker.send("orders", `${i}`, { TAGS: i % 2 === 0 ? "even" : "odd", size: `${i}` })
  const queues = Array.from({ length: 4 }, (_, queueId) => ({ brokerName: "b", queueId, topic: "orders" }))
  const clientIds = ["c1", "c2", "c3"]
  const shares = clientIds.map((currentClientId) =>
    Result.getOrThrow(Rebalance.assign(Rebalance.average, { clientIds, currentClientId, queues })),
  )
  expect(shares.flat().toSorted((a, b) => a.queueId - b.queueId)).toEqual(queues)
  const byTag = Result.getOrThrow(Subscription.parse("orders", "even"))
  const bySize = Sql92.compile("size BETWEEN 3 AND 8")
  if (!Sql92.isFilter(bySize)) throw new Error(Sql92.printFault(bySize))
  const wanted = shares
    .flat()
    .flatMap(({ queueId, topic }) => broker.queue(topic, queueId))
    .filter(({ properties }) => {
      const tags = Properties.find(properties, "TAGS")
      const view = Sql92.viewOf(bySize, Properties.parse(properties))
      return Subscription.matchesCode(byTag, Subscription.tagsCode(tags)) && Sql92.matches(bySize, view)
    })
  expect(wanted.map(({ body }) => body).toSorted()).toEqual(["4", "6", "8"])
})

it("a message that fails comes again later and later, and is a dead letter in the end", () => {
  const broker = new Afternoon()
  broker.send("orders", "broken")
  let message = broker.all("orders")[0]!
  const waits: Array<number> = []
  for (;;) {
    const outcome = broker.sendBack("billing", message)
    if (outcome === "DeadLetter") break
    expect(outcome).toBe("Retry")
    const beganMs = broker.nowMs
    while (broker.deliver() === 0) broker.nowMs += 1000
    waits.push(broker.nowMs - beganMs)
    message = broker.all("%RETRY%billing").at(-1)!
  }
  expect(waits).toHaveLength(16)
  expect(waits).toEqual(waits.toSorted((a, b) => a - b))
  expect([waits[0], waits.at(-1)]).toEqual([10_000, 7_200_000])
  expect(broker.all("%DLQ%billing").map(({ body, reconsumeTimes }) => [body, reconsumeTimes])).toEqual([["broken", 17]])
})

it("progress goes where its holder says, and nowhere else", () => {
  const { offsets } = new Afternoon()
  const commit = (clientId: string, queueOffset: number) =>
    ConsumerOffset.commit(offsets, {
      clientId,
      group: "billing",
      holder: "c1",
      nowMs: 0,
      queueId: 0,
      queueOffset,
      topic: "orders",
    })
  expect([commit("c1", 5), commit("c2", 9), commit("c1", 3)]).toEqual(["Stored", "NotHolder", "Backwards"])
  expect(ConsumerOffset.query(offsets, "billing", "orders", 0)).toBe(5)
})

const folder = path.join(import.meta.dirname, "../../../src/domain")
const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && file !== "index.ts")
/** Parts of a module that stands in the list. */
const parts: ReadonlyArray<string> = ["RouteTables.ts", "Sql92Token.ts", "Sql92Tree.ts"]

it("the entry lists every module, each with a line that says what it is about", () => {
  const index = readFileSync(path.join(folder, "index.ts"), "utf8")
  const listed = [...index.matchAll(/^\/\*\* [^\n]+\. \*\/\nexport \* as (\w+) from "\.\/(\w+)\.ts"$/gm)]
  for (const [, name, file] of listed) expect(name).toBe(file)
  expect(listed.map(([, name]) => `${name}.ts`).toSorted()).toEqual(files.filter((file) => !parts.includes(file)))
})

it.for(files)("%s says what it is, and where its rule comes from", (file) => {
  const [header = ""] = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(path.join(folder, file), "utf8")) ?? []
  expect(header.length).toBeGreaterThan(80)
  const law = / \((test\/\S+\.test\.ts)\)/.exec(header)
  if (law !== null)
    expect(readdirSync(path.join(folder, "../..", path.dirname(law[1]!)))).toContain(path.basename(law[1]!))
})
