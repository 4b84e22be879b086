/** Reading queues as they are: nothing is committed, nobody notices. Messages are printed as they come. */
import * as Result from "effect/Result"
import { PropertyName, find } from "../../domain/Properties.ts"
import * as Subscription from "../../domain/Subscription.ts"
import * as AdminFormat from "../../format/Admin.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as PullMessage from "../../format/PullMessage.ts"
import { QueueView } from "../../format/QueueView.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import type { Call } from "../Call.ts"
import { CliFault } from "../CliFault.ts"
import { type Queue, queuesOf } from "../ClusterClient.ts"
import { QueueReader, type Read } from "../QueueReader.ts"
import type { Admin } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import { charsetOf, lineOf } from "./messageFacts.ts"
import * as Output from "./Output.ts"
import { flagOf, intMax, offsetMax, timeOf } from "./options.ts"

/** Reads of a tool that belongs to no group; RocketMQ has a group of this name everywhere. */
export const toolGroup = "TOOLS_CONSUMER"

/** Which messages of a queue are wanted. */
interface Range {
  readonly group: string
  readonly subscription: Subscription.Subscription
  readonly beginMs: number | undefined
  readonly endMs: number | undefined
  readonly offset?: number | undefined
}

const rangeOf = (call: Call, topic: string, group = toolGroup): Range => {
  const expression = call.command.options["subExpression"] === undefined ? undefined : call.text("subExpression")
  const subscription = Subscription.parse(topic, expression ?? Subscription.subscribeAll, 0)
  if (Result.isFailure(subscription)) throw call.refusal(`--subExpression: ${subscription.failure.remark}`)
  return {
    beginMs: timeOf(call, "beginTimestamp"),
    endMs: timeOf(call, "endTimestamp"),
    group,
    subscription: subscription.success,
  }
}

const offsetAt = async (admin: Admin, queue: Queue, code: number, timestamp?: number): Promise<number> => {
  const { queueId, topic } = queue
  const ext =
    timestamp === undefined ? { queueId, topic } : PullMessage.SearchOffset.encode({ queueId, timestamp, topic })
  const answer = PullMessage.OffsetAnswer.decode((await admin.accepted(queue, { code, ext })).ext)
  if (answer instanceof Malformed)
    throw new CliFault(`The broker ${queue.brokerName} answers no offset: ${answer.message}.`)
  return answer.offset
}

/** The messages of a queue that are there now, oldest first. */
const messagesOf = async function* (admin: Admin, queue: Queue, range: Range): AsyncGenerator<Read> {
  const end = await offsetAt(admin, queue, RequestCode.GET_MAX_OFFSET)
  const first = await offsetAt(admin, queue, RequestCode.GET_MIN_OFFSET)
  const { beginMs, endMs, group, offset, subscription } = range
  if (offset !== undefined && (offset < first || offset >= end))
    throw new CliFault(
      first === end
        ? `Queue ${queue.queueId} of ${queue.topic} on ${queue.brokerName} is empty; its next offset is ${end}.`
        : `Queue ${queue.queueId} of ${queue.topic} on ${queue.brokerName} has the offsets ${first} to ${end - 1}, and not ${offset}.`,
    )
  const start =
    offset ??
    (beginMs === undefined ? first : await offsetAt(admin, queue, RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, beginMs))
  const reader = new QueueReader(admin.cluster, queue, group, subscription, start, end)
  for (;;) {
    while (reader.head !== undefined) {
      const message = reader.take()
      if (message.queueOffset >= end || (endMs !== undefined && message.storeTimestamp >= endMs)) return
      yield message
    }
    if (!reader.isBehind) return
    await reader.fill(0)
  }
}

/** The messages of a queue that were stored within a time, oldest first. */
export const allOf = (
  admin: Admin,
  queue: Queue,
  beginMs: number | undefined,
  endMs: number | undefined,
): AsyncGenerator<Read> => {
  const subscription = Subscription.parse(queue.topic, Subscription.subscribeAll, 0)
  if (Result.isFailure(subscription)) throw new CliFault(subscription.failure.remark)
  return messagesOf(admin, queue, { beginMs, endMs, group: toolGroup, subscription: subscription.success })
}

/** One message by its place. */
export const messageAt = async (admin: Admin, queue: Queue, offset: number): Promise<Read> => {
  const subscription = Subscription.parse(queue.topic, Subscription.subscribeAll, 0)
  if (Result.isFailure(subscription)) throw new CliFault(subscription.failure.remark)
  const range = { beginMs: undefined, endMs: undefined, group: toolGroup, offset, subscription: subscription.success }
  for await (const message of messagesOf(admin, queue, range)) if (message.queueOffset === offset) return message
  throw new CliFault(`Queue ${queue.queueId} of ${queue.topic} on ${queue.brokerName} has no message at ${offset}.`)
}

/** The queue of a topic that options name. */
export const queueOf = async (admin: Admin, topic: string, brokerName: string, queueId: number): Promise<Queue> => {
  const queues = queuesOf(topic, await admin.route(topic), "read")
  const found = queues.find((queue) => queue.brokerName === brokerName && queue.queueId === queueId)
  if (found !== undefined) return found
  await admin.named(brokerName)
  const count = queues.filter((queue) => queue.brokerName === brokerName).length
  throw new CliFault(
    `Topic ${topic} has ${count === 0 ? "no queue" : `the queues 0 to ${count - 1}`} on broker ${brokerName}, and no queue ${queueId}.`,
  )
}

/** What was printed is no part of the outcome. */
const printed: Output.Output = { json: undefined, text: "" }

const printMsg: Handler = async (admin, call) => {
  const topic = admin.topic()
  const print = lineOf(call, { charset: charsetOf(call, "charsetName"), isWithBody: flagOf(call, "printBody") ?? true })
  const range = rangeOf(call, topic)
  const queues = queuesOf(topic, await admin.route(topic), "read")
  for (const queue of queues)
    for await (const message of messagesOf(admin, queue, range)) process.stdout.write(print(message))
  return printed
}

const printMsgByQueue: Handler = async (admin, call) => {
  const topic = admin.topic()
  const isCounting = flagOf(call, "calculate") ?? false
  const isPrinting = flagOf(call, "printMsg") ?? !isCounting
  const print = lineOf(call, { charset: charsetOf(call, "charsetName"), isWithBody: flagOf(call, "printBody") ?? true })
  const range = rangeOf(call, topic)
  const queue = await queueOf(admin, topic, call.text("brokerName")!, call.integer("queueId", 0, intMax)!)
  const counts = new Map<string, number>()
  for await (const message of messagesOf(admin, queue, range)) {
    const tag = find(message.properties, PropertyName.TAGS) ?? ""
    counts.set(tag, (counts.get(tag) ?? 0) + 1)
    if (isPrinting) process.stdout.write(print(message))
  }
  if (!isCounting) return printed
  return Output.table(
    {
      tag: { cell: ([tag]) => tag, title: "TAG" },
      messages: { cell: ([, count]) => count, title: "MESSAGES" },
    },
    [...counts].toSorted(([, a], [, b]) => b - a),
  )
}

const consumeMessage: Handler = async (admin, call) => {
  const topic = admin.topic()
  const brokerName = call.text("brokerName")
  const queueId = call.integer("queueId", 0, intMax)
  const offset = call.integer("offset", 0, offsetMax)
  const countMax = call.integer("MessageNumber", 1, 1_000_000_000) ?? 128
  const group = call.text("consumerGroup") === undefined ? toolGroup : admin.group("consumerGroup")
  const range = { ...rangeOf(call, topic, group), offset }
  if (queueId !== undefined && brokerName === undefined)
    throw call.refusal("--queueId needs --brokerName: queues are counted broker by broker.")
  if (offset !== undefined && queueId === undefined)
    throw call.refusal("--offset needs --queueId: offsets are counted queue by queue.")
  const print = lineOf(call, { charset: "utf-8", isWithBody: true })
  const queues =
    brokerName !== undefined && queueId !== undefined
      ? [await queueOf(admin, topic, brokerName, queueId)]
      : queuesOf(topic, await admin.route(topic), "read").filter(
          (queue) => brokerName === undefined || queue.brokerName === brokerName,
        )
  if (queues.length === 0) await admin.named(brokerName!)
  let count = 0
  for (const queue of queues)
    for await (const message of messagesOf(admin, queue, range)) {
      process.stdout.write(print(message))
      if (++count >= countMax) return printed
    }
  return printed
}

const queryCq: Handler = async (admin, call) => {
  const topic = admin.topic()
  const queueId = call.integer("queue", 0, intMax)!
  const index = call.integer("index", 0, offsetMax)!
  const count = call.integer("count", 1, 10_000) ?? 10
  const consumerGroup = call.text("consumer") === undefined ? undefined : admin.group("consumer")
  const given = admin.given("broker")
  const brokers = await admin.mastersOf(topic)
  const broker = given ?? brokers[0]
  if (broker === undefined) throw new CliFault(`Topic ${topic} has no master now.`)
  const request = {
    code: RequestCode.QUERY_CONSUME_QUEUE,
    ext: AdminFormat.QueryConsumeQueue.encode({
      count,
      index,
      queueId,
      topic,
      ...(consumerGroup === undefined ? {} : { consumerGroup }),
    }),
  }
  const view = await admin.ask(broker, request, QueueView)
  return Output.table(
    {
      offset: { cell: ({ at }) => index + at, title: "OFFSET" },
      physicOffset: { cell: ({ entry }) => entry.physicOffset, title: "LOG OFFSET" },
      physicSize: { cell: ({ entry }) => entry.physicSize, title: "BYTES" },
      tagsCode: { cell: ({ entry }) => entry.tagsCode, title: "TAGS CODE" },
      ...(consumerGroup === undefined
        ? {}
        : {
            eval: {
              cell: ({ entry }: { readonly entry: QueueView["queueData"][number] }) => entry.eval,
              title: "TAKEN",
            },
          }),
      msg: { cell: ({ entry }) => entry.msg, title: "REMARK" },
    },
    view.queueData.map((entry, at) => ({ at, entry })),
    {
      below: {
        facts: {
          minQueueIndex: ["first offset", view.minQueueIndex],
          maxQueueIndex: ["next offset", view.maxQueueIndex],
        },
        name: "entries",
      },
    },
  )
}

export const handlers: Handlers = { consumeMessage, printMsg, printMsgByQueue, queryCq }
