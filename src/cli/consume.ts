/** `gantry consume`: prints messages, oldest first; with a group it goes on where the group was, and commits. */
import { setTimeout as sleep } from "node:timers/promises"
import * as Topic from "../domain/Topic.ts"
import * as Subscription from "../domain/Subscription.ts"
import * as Result from "effect/Result"
import type { Ext } from "../format/Command.ts"
import { ConsumerList } from "../format/Heartbeat.ts"
import { Malformed } from "../format/Malformed.ts"
import * as PullMessage from "../format/PullMessage.ts"
import { RequestCode } from "../format/RequestCode.ts"
import { ResponseCode } from "../format/ResponseCode.ts"
import type { Call } from "./Call.ts"
import { CliFault } from "./CliFault.ts"
import { ClusterClient, type Queue, queuesOf } from "./ClusterClient.ts"
import { type Printer, printers } from "./messageText.ts"
import { QueueReader } from "./QueueReader.ts"
import { readTime } from "./time.ts"

/** Reads of a tool that belongs to no group; RocketMQ has a group of this name everywhere. */
const toolGroup = "TOOLS_CONSUMER"

interface Plan {
  readonly topic: string
  readonly group: string | undefined
  readonly from: "first" | "last" | { readonly sinceMs: number }
  readonly subscription: Subscription.Subscription
  readonly countMax: number
  /** How long to wait for a further message, ms; 0 ends when all that is there was printed. */
  readonly idleMsMax: number
  readonly print: Printer
}

export const run = async (call: Call): Promise<number> => {
  const plan = planOf(call)
  const cluster = ClusterClient.of(call)
  const stop = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      stop.abort()
    })
  const consumption = new Consumption(cluster, plan, stop.signal)
  try {
    await consumption.run()
    return consumption.exitCode()
  } finally {
    cluster.close()
  }
}

const planOf = (call: Call): Plan => {
  const topic = call.operands[0]!
  const illegal = Topic.validateName(topic)
  if (illegal !== undefined && !Topic.isRetry(topic) && !Topic.isDlq(topic)) throw call.refusal(`${illegal}.`)
  const from = call.text("from") ?? "first"
  const sinceMs = from === "first" || from === "last" ? undefined : readTime(from, Date.now())
  if (sinceMs === undefined && from !== "first" && from !== "last")
    throw call.refusal(`--from ${from} is none of first, last, a time such as 2026-01-31T08:00, or an age such as 10m.`)
  const sql = call.text("sql")
  const tag = call.text("tag")
  if (sql !== undefined && tag !== undefined)
    throw call.refusal("--tag and --sql: give one of them. A condition can ask for tags, too: TAGS IN ('A', 'B').")
  const subscription =
    sql === undefined
      ? Subscription.parse(topic, tag ?? Subscription.subscribeAll, 0)
      : Subscription.parseTyped(topic, sql, "SQL92", 0)
  if (Result.isFailure(subscription))
    throw call.refusal(`${sql === undefined ? "--tag" : "--sql"}: ${subscription.failure.remark}`)
  const timeoutSeconds = call.integer("timeout", 1, 86_400)
  return {
    countMax: call.integer("max", 1, 1_000_000_000) ?? Number.POSITIVE_INFINITY,
    from: sinceMs === undefined ? (from as "first" | "last") : { sinceMs },
    group: call.text("group"),
    idleMsMax:
      timeoutSeconds !== undefined ? timeoutSeconds * 1000 : call.flag("follow") ? Number.POSITIVE_INFINITY : 0,
    print: printers[call.choice("output", ["text", "json"]) ?? "text"],
    subscription: subscription.success,
    topic,
  }
}

/** How often a follower looks for new queues, and for a topic that does not exist yet, ms. */
const routeIntervalMs = 2_000
/** How long a broker may hold a pull, ms. RocketMQ's clients ask for the same. */
const holdMsMax = 15_000

/** How long, and how often, a commit is tried for a group that does not exist yet, ms. */
const groupPatienceMs = 5_000
const groupIntervalMs = 20

class Consumption {
  readonly #cluster: ClusterClient
  readonly #plan: Plan
  readonly #stopped: AbortSignal
  readonly #readers = new Map<string, QueueReader>()
  #count = 0
  #lastMs = Date.now()
  #routedMs = Number.NEGATIVE_INFINITY

  constructor(cluster: ClusterClient, plan: Plan, stopped: AbortSignal) {
    this.#cluster = cluster
    this.#plan = plan
    this.#stopped = stopped
  }

  /** Fewer messages than asked for by --max is no success. */
  exitCode(): number {
    const { countMax, idleMsMax } = this.#plan
    if (countMax === Number.POSITIVE_INFINITY || this.#count >= countMax || this.#stopped.aborted) return 0
    const within = idleMsMax > 0 && Number.isFinite(idleMsMax) ? `; no other came within ${idleMsMax / 1000} s` : ""
    process.stderr.write(`${this.#count} of ${countMax} messages are there${within}.\n`)
    return 1
  }

  async run(): Promise<void> {
    const isFollowing = this.#plan.idleMsMax > 0
    await this.#findQueues(isFollowing)
    await this.#refuseBesideOthers()
    await this.#catchUp()
    this.#lastMs = Date.now()
    if (isFollowing) await this.#follow()
    await this.#commit()
  }

  get #isDone(): boolean {
    return this.#stopped.aborted || this.#count >= this.#plan.countMax
  }

  /** Prints what is there now, merged by store time: each queue is in order, and the oldest of their heads comes next. */
  async #catchUp(): Promise<void> {
    const readers = [...this.#readers.values()]
    while (!this.#isDone) {
      const empty = readers.filter((reader) => reader.head === undefined && reader.isBehind)
      if (empty.length > 0) {
        await this.#commit()
        await Promise.all(empty.map((reader) => reader.fill(0)))
        continue
      }
      let oldest: QueueReader | undefined
      for (const reader of readers) {
        const head = reader.head
        if (head === undefined) continue
        if (oldest?.head === undefined || head.storeTimestamp < oldest.head.storeTimestamp) oldest = reader
      }
      if (oldest === undefined) return
      this.#print(oldest)
    }
  }

  /** Prints what comes, queue by queue, until it is enough, or nothing has come for too long. */
  async #follow(): Promise<void> {
    const waiting = new Map<QueueReader, Promise<void>>()
    while (!this.#isDone) {
      const leftMs = this.#lastMs + this.#plan.idleMsMax - Date.now()
      if (leftMs <= 0) break
      if (Date.now() - this.#routedMs > routeIntervalMs * 5) await this.#findQueues(true)
      for (const reader of this.#readers.values()) {
        if (waiting.has(reader)) continue
        const holdMs = Math.min(holdMsMax, leftMs)
        waiting.set(
          reader,
          reader.fill(holdMs).finally(() => waiting.delete(reader)),
        )
      }
      const tick = Math.min(leftMs, routeIntervalMs)
      await Promise.race([...waiting.values(), sleep(tick, undefined, { signal: this.#stopped }).catch(() => {})])
      for (const reader of this.#readers.values())
        while (reader.head !== undefined && !this.#isDone) this.#print(reader)
      await this.#commit()
    }
    // What is held at the broker is let go with the connection.
    for (const pull of waiting.values()) pull.catch(() => {})
  }

  #print(reader: QueueReader): void {
    const message = reader.take()
    process.stdout.write(`${this.#plan.print(message)}\n`)
    this.#count++
    this.#lastMs = Date.now()
  }

  /** Commits how far each queue was printed. */
  async #commit(): Promise<void> {
    const { group, topic } = this.#plan
    if (group === undefined) return
    await Promise.all(
      [...this.#readers.values()].map(async (reader) => {
        const commitOffset = reader.toCommit()
        if (commitOffset === undefined) return
        const { queueId } = reader.queue
        await this.#commitQueue(
          reader.queue,
          PullMessage.UpdateConsumerOffset.encode({ commitOffset, consumerGroup: group, queueId, topic }),
        )
      }),
    )
  }

  /** A new group is made by its first pull, and is there when that is on disk: a moment later, perhaps. */
  async #commitQueue(queue: Queue, ext: Ext): Promise<void> {
    const request = { code: RequestCode.UPDATE_CONSUMER_OFFSET, ext }
    const lastMs = Date.now() + groupPatienceMs
    for (;;) {
      const answer = await this.#cluster.ask(queue.address, request)
      const isEarly = !(answer instanceof Error) && answer.code === ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST
      if (!isEarly || Date.now() > lastMs) return void this.#cluster.accepted(queue, request, answer)
      await sleep(groupIntervalMs)
    }
  }

  /** Learns the topic's queues; a follower waits for a topic that does not exist yet. */
  async #findQueues(waits: boolean): Promise<void> {
    const { topic } = this.#plan
    let isTold = false
    for (;;) {
      const route = await this.#cluster.routeOf(topic)
      this.#routedMs = Date.now()
      const queues = route === undefined ? [] : queuesOf(topic, route, "read")
      if (queues.length > 0) return this.#open(queues)
      if (this.#readers.size > 0 || this.#isDone) return
      if (!waits || this.#lastMs + this.#plan.idleMsMax <= Date.now())
        throw await this.#cluster.unknownTopic(topic, `Send it a message first: gantry produce ${topic} hello.`)
      if (!isTold) {
        const near = await this.#cluster.nearTopic(topic)
        process.stderr.write(
          `Topic ${topic} does not exist yet; waiting for it.${near === undefined ? "" : ` Did you mean ${near}?`}\n`,
        )
        isTold = true
      }
      await sleep(routeIntervalMs / 4, undefined, { signal: this.#stopped }).catch(() => {})
    }
  }

  async #open(queues: ReadonlyArray<Queue>): Promise<void> {
    const isFirst = this.#readers.size === 0
    const { group, subscription } = this.#plan
    await Promise.all(
      queues.map(async (queue) => {
        const key = `${queue.brokerName} ${queue.queueId}`
        if (this.#readers.has(key)) return
        const end = await this.#offset(queue, RequestCode.GET_MAX_OFFSET, {})
        // A queue that appeared while we were following is read from its first message.
        const start = isFirst ? await this.#startOf(queue, end) : 0
        this.#readers.set(key, new QueueReader(this.#cluster, queue, group ?? toolGroup, subscription, start, end))
      }),
    )
  }

  async #startOf(queue: Queue, end: number): Promise<number> {
    const { from, group } = this.#plan
    const committed = group === undefined ? undefined : await this.#committed(queue, group)
    if (committed !== undefined) return committed
    if (from === "last") return end
    if (from === "first") return this.#offset(queue, RequestCode.GET_MIN_OFFSET, {})
    return this.#offset(queue, RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, { timestamp: from.sinceMs })
  }

  async #offset(queue: Queue, code: number, ext: { readonly timestamp?: number }): Promise<number> {
    const { queueId, topic } = queue
    const answer = await this.#cluster.askBroker(queue, { code, ext: { ...ext, queueId, topic } })
    return offsetIn(answer.ext, queue)
  }

  /** Where the group stands; undefined when it has never been here. */
  async #committed(queue: Queue, group: string): Promise<number | undefined> {
    const ext = PullMessage.QueryConsumerOffset.encode({
      consumerGroup: group,
      queueId: queue.queueId,
      setZeroIfNotFound: false,
      topic: queue.topic,
    })
    const answer = await this.#cluster.ask(queue.address, { code: RequestCode.QUERY_CONSUMER_OFFSET, ext })
    if (answer instanceof Error) throw this.#cluster.brokerSilent(queue, answer)
    return answer.code === ResponseCode.SUCCESS ? offsetIn(answer.ext, queue) : undefined
  }

  /** A group whose consumers are at work would lose what is printed here, or see it twice (promise P8). */
  async #refuseBesideOthers(): Promise<void> {
    const { group } = this.#plan
    if (group === undefined) return
    const brokers = new Map([...this.#readers.values()].map(({ queue }) => [queue.brokerName, queue]))
    for (const queue of brokers.values()) {
      const answer = await this.#cluster.ask(queue.address, {
        code: RequestCode.GET_CONSUMER_LIST_BY_GROUP,
        ext: PullMessage.ConsumerGroupOf.encode({ consumerGroup: group }),
      })
      const list = answer instanceof Error || answer.code !== 0 ? undefined : ConsumerList.decode(answer.body)
      if (list === undefined || list instanceof Malformed || list.consumerIdList.length === 0) continue
      throw new CliFault(
        `Group ${group} has consumers at work (${list.consumerIdList.join(", ")}), which would miss what is consumed here. Stop them, name another group, or leave --group out to look on.`,
      )
    }
  }
}

const offsetIn = (ext: Readonly<Record<string, unknown>>, queue: Queue): number => {
  const answer = PullMessage.OffsetAnswer.decode(ext as Parameters<typeof PullMessage.OffsetAnswer.decode>[0])
  if (answer instanceof Malformed)
    throw new CliFault(`The broker ${queue.brokerName} answers no offset: ${answer.message}.`)
  return answer.offset
}
