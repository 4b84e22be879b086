/** The SDK and the Java client as members of one group: they share the queues, and lose and repeat nothing. */
import * as assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { join } from "node:path"
import * as Java from "../java.ts"
import type { Scenario } from "./scenarios.ts"

interface JavaMember {
  readonly got: ReadonlyArray<string>
  readonly leave: () => Promise<void>
}

const startMember = async (
  java: Java.Java,
  words: ReadonlyArray<string>,
  onGot: (queueId: number, queueOffset: number, body: string) => void,
): Promise<JavaMember> => {
  const classPath = Java.classPath(java, { folder: "driver", version: "5.5.0" })
  const args = [
    ...Java.smallJvm(128),
    "-Drocketmq.client.rebalance.waitInterval=1000",
    "-classpath",
    classPath,
    join(import.meta.dirname, "Member.java"),
    ...words,
  ]
  const child = spawn(java.java, args, { stdio: ["pipe", "pipe", "ignore"] })
  const ready = Promise.withResolvers<void>()
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  void ended.then(() => ready.reject(new Error("the Java member ended before it was ready")))
  const got: Array<string> = []
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "ready") return ready.resolve()
    const [, queueId, queueOffset, body] = /^got (\d+) (\d+) (.*)$/.exec(line) ?? []
    if (body === undefined) return
    got.push(body)
    onGot(Number(queueId), Number(queueOffset), body)
  })
  await ready.promise
  return {
    got,
    leave: async () => {
      child.stdin.end()
      await ended
    },
  }
}

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const endMs = Date.now() + 60_000
  while (!holds()) {
    if (Date.now() > endMs) throw new Error(`not within a minute: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const mixed =
  (java: Java.Java, isOrdered: boolean): Scenario =>
  async (scene) => {
    const topic = `mixed-${scene.tag}`
    const group = `group-${scene.tag}`
    await scene.client().admin().createTopic({ queues: 4, topic })
    const places = new Map<number, Array<number>>()
    const times = new Map<string, number>()
    const note = (queueId: number, queueOffset: number, body: string): void => {
      const list = places.get(queueId) ?? []
      list.push(queueOffset)
      places.set(queueId, list)
      times.set(body, (times.get(body) ?? 0) + 1)
    }
    const ours = scene
      .client()
      .consumer({ consumeFromWhere: "first", group, ordered: isOrdered, subscriptions: [topic] })
    await ours.run({ eachMessage: (message) => note(message.queue.queueId, message.queueOffset, message.text()) })
    const theirs = await startMember(
      java,
      [scene.namesrvAddr, group, topic, isOrdered ? "ordered" : "concurrent"],
      note,
    )
    await until("two queues each", () => ours.assigned.filter((queue) => queue.topic === topic).length === 2)
    // The other two have to arrive there, with their locks.
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    const producer = scene.client().producer()
    const send = async (from: number, to: number): Promise<void> => {
      for (let i = from; i < to; i++) await producer.send({ body: `${i}`, shardingKey: `${i % 16}`, topic })
    }
    await send(0, 100)
    await until("100 are handled", () => times.size === 100)
    assert.ok(theirs.got.length > 0 && theirs.got.length < 100, "both had a share")
    await theirs.leave()
    await until("all queues are ours", () => ours.assigned.filter((queue) => queue.topic === topic).length === 4)
    await send(100, 150)
    await until("150 are handled", () => times.size === 150)
    assert.ok(
      [...times.values()].every((count) => count === 1),
      "nothing came twice",
    )
    if (isOrdered) {
      for (const offsets of places.values())
        assert.deepEqual(
          offsets,
          offsets.toSorted((left, right) => left - right),
        )
    }
  }

/** Questions of ours that Java answers, and questions of Java's that are answered here. */
const asked =
  (java: Java.Java): Scenario =>
  async (scene) => {
    const topic = `asked-${scene.tag}`
    const group = `group-${scene.tag}`
    await scene.client().admin().createTopic({ queues: 2, topic })
    const gantry = scene.client()
    const producer = gantry.producer()
    const theirs = await startMember(java, [scene.namesrvAddr, group, topic, "replying"], () => {})
    const replies = await Promise.all(
      ["one", "two", "three"].map((body) => producer.request({ body, topic }, { timeoutMs: 60_000 })),
    )
    assert.deepEqual(
      replies.map((reply) => reply.text()),
      ["java: one", "java: two", "java: three"],
    )
    await theirs.leave()
    const ours = gantry.consumer({ consumeFromWhere: "first", group, subscriptions: [topic] })
    await ours.run({ eachMessage: async (message) => void (await producer.reply(message, `re: ${message.text()}`)) })
    const asking = await startMember(java, [scene.namesrvAddr, `${group}-asking`, topic, "asking"], () => {})
    await until("five replies", () => asking.got.length === 5)
    assert.deepEqual(
      asking.got,
      [0, 1, 2, 3, 4].map((i) => `re: java asks ${i}`),
    )
    await asking.leave()
  }

export const scenarios = (java: Java.Java): Readonly<Record<string, Scenario>> => ({
  "a group with a Java member": mixed(java, false),
  "requests and replies with Java": asked(java),
  "an ordered group with a Java member": mixed(java, true),
})
