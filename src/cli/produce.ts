/** `gantry produce`: sends messages by hand, and says of each where it went. */
import { randomInt } from "node:crypto"
import { createInterface } from "node:readline"
import * as Properties from "../domain/Properties.ts"
import * as Topic from "../domain/Topic.ts"
import type { Call } from "./Call.ts"
import { CliFault } from "./CliFault.ts"
import { ClusterClient, type Queue, queuesOf } from "./ClusterClient.ts"
import { MessageSender, defaultTopicQueueNums } from "./MessageSender.ts"

/** Sends under way at once: enough to fill a connection, few enough that a slow broker is felt. */
const underWayMax = 256

export const run = async (call: Call): Promise<number> => {
  const topic = call.operands[0]!
  const illegal = Topic.validateName(topic)
  if (illegal !== undefined) throw call.refusal(`${illegal}.`)
  const properties = propertiesOf(call)
  const count = call.integer("count", 1, 1_000_000_000) ?? 1
  const isQuiet = call.flag("quiet")
  const cluster = ClusterClient.of(call)
  try {
    const target = await targetOf(cluster, topic)
    const bodies = call.operands[1] === undefined ? lines() : [call.operands[1]]
    const sender = new Sender(cluster, target, properties, isQuiet)
    await sender.sendAll(bodies, count)
    return sender.finish(topic)
  } finally {
    cluster.close()
  }
}

interface Target {
  readonly queues: ReadonlyArray<Queue>
  /** The topic does not exist: its first message creates it. */
  readonly isNew: boolean
}

/** Where a message can go: the queues of the topic, or of the topic that its first message makes. */
export const targetOf = async (cluster: ClusterClient, topic: string): Promise<Target> => {
  const route = await cluster.routeOf(topic)
  if (route !== undefined) {
    const queues = queuesOf(topic, route, "write")
    if (queues.length > 0) return { isNew: false, queues }
    throw new CliFault(
      `Topic ${topic} has no queue that can be written to. Check its permission and that a master is running.`,
    )
  }
  const template = await cluster.routeOf(Topic.TopicName.AUTO_CREATE_TOPIC_KEY)
  const brokers =
    template === undefined ? [] : queuesOf(topic, template, "write").filter(({ queueId }) => queueId === 0)
  if (brokers.length === 0)
    throw await cluster.unknownTopic(
      topic,
      `No broker creates topics by itself there (autoCreateTopicEnable): create it with gantry admin updateTopic -t ${topic} -c DefaultCluster.`,
    )
  const near = await cluster.nearTopic(topic)
  process.stderr.write(`Topic ${topic} is new.${near === undefined ? "" : ` Did you mean ${near}?`}\n`)
  const queues = brokers.flatMap((broker) =>
    Array.from({ length: defaultTopicQueueNums }, (_, queueId) => ({ ...broker, queueId })),
  )
  return { isNew: true, queues }
}

class Sender {
  readonly #target: Target
  readonly #properties: ReadonlyArray<readonly [string, string]>
  readonly #isDelayed: boolean
  readonly #isQuiet: boolean
  readonly #sender: MessageSender
  readonly #underWay = new Set<Promise<void>>()
  readonly #startedMs = Date.now()
  #turn = randomInt(1024)
  #sent = 0
  #failed = 0
  #fault: unknown

  constructor(
    cluster: ClusterClient,
    target: Target,
    properties: ReadonlyArray<readonly [string, string]>,
    isQuiet: boolean,
  ) {
    this.#sender = new MessageSender(cluster)
    this.#target = target
    this.#properties = properties
    this.#isDelayed = properties.some(([name]) => name === Properties.PropertyName.DELAY)
    this.#isQuiet = isQuiet
  }

  async sendAll(bodies: Iterable<string> | AsyncIterable<string>, count: number): Promise<void> {
    for await (const text of bodies) {
      const body = Buffer.from(text)
      for (let i = 0; i < count; i++) await this.#admit(() => this.#send(body))
    }
    await Promise.all(this.#underWay)
    if (this.#fault !== undefined) throw this.#fault
  }

  /** Says what it came to; answers the exit code. */
  finish(topic: string): number {
    const total = this.#sent + this.#failed
    if (total !== 1) {
      const seconds = ((Date.now() - this.#startedMs) / 1000).toFixed(2)
      const failed = this.#failed === 0 ? "" : `, ${this.#failed} not`
      process.stderr.write(`${this.#sent} messages sent to ${topic} in ${seconds} s${failed}.\n`)
    }
    return this.#failed === 0 ? 0 : 1
  }

  /** Waits for room, then starts a send. The first one goes alone: it creates the topic. */
  async #admit(send: () => Promise<void>): Promise<void> {
    const isFirst = this.#sent + this.#failed === 0 && this.#underWay.size === 0
    const sending: Promise<void> = send()
      .catch((error: unknown) => {
        this.#fault ??= error
      })
      .finally(() => this.#underWay.delete(sending))
    this.#underWay.add(sending)
    if (isFirst && this.#target.isNew) await sending
    while (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay)
    if (this.#fault !== undefined) throw this.#fault
  }

  async #send(body: Buffer): Promise<void> {
    const queue = this.#target.queues[this.#turn++ % this.#target.queues.length]!
    const sent = await this.#sender.send(queue, this.#properties, body)
    if (sent.isOnDisk) this.#sent++
    else this.#failed++
    if (this.#isQuiet) return
    // The place of a delayed message is one in the broker's schedule, until it is delivered.
    const place = this.#isDelayed ? `${queue.topic}, delayed` : `${queue.topic}/${sent.queueId} at ${sent.queueOffset}`
    process.stdout.write(`${sent.status}  ${place}  id ${sent.id}\n`)
  }
}

const reserved: ReadonlySet<string> = new Set(Object.values(Properties.PropertyName))

const propertiesOf = (call: Call): ReadonlyArray<readonly [string, string]> => {
  const properties: Array<readonly [string, string]> = []
  const add = (name: string, value: string): void => {
    for (const text of [name, value])
      if (text.includes(Properties.nameEnd) || text.includes(Properties.pairEnd))
        throw call.refusal(`The property ${name} contains a control character that RocketMQ separates properties with.`)
    properties.push([name, value])
  }
  for (const text of call.all("property")) {
    const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? []
    if (name === undefined || value === undefined) throw call.refusal(`--property ${text} is not NAME=VALUE.`)
    if (reserved.has(name))
      throw call.refusal(
        `--property ${name}: RocketMQ keeps this name for itself; --tag, --key and --delay-level set tags, keys and delay.`,
      )
    add(name, value)
  }
  const keys = call.all("key")
  if (keys.length > 0) add(Properties.PropertyName.KEYS, keys.join(" "))
  const tag = call.text("tag")
  if (tag !== undefined) add(Properties.PropertyName.TAGS, tag)
  const level = call.integer("delay-level", 1, 1000)
  if (level !== undefined) add(Properties.PropertyName.DELAY, String(level))
  add(Properties.PropertyName.WAIT, "true")
  return properties
}

const lines = (): AsyncIterable<string> => {
  if (process.stdin.isTTY) process.stderr.write("Each line is a message; Ctrl-D ends.\n")
  return createInterface({ crlfDelay: Number.POSITIVE_INFINITY, input: process.stdin })
}
