/** Finding messages: by id, key or place; and who has consumed them. */
import * as Properties from "../../domain/Properties.ts"
import * as Topic from "../../domain/Topic.ts"
import * as AdminFormat from "../../format/Admin.ts"
import { ConsumedDirectly } from "../../format/ConsumerRuntime.ts"
import * as Host from "../../format/Host.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as MessageId from "../../format/MessageId.ts"
import * as PullMessage from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { Call } from "../Call.ts"
import { CliFault } from "../CliFault.ts"
import { type Broker, queuesOf } from "../ClusterClient.ts"
import { MessageSender } from "../MessageSender.ts"
import { bodyOf } from "../messageText.ts"
import type { Admin } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import { charsetOf, factsOf } from "./messageFacts.ts"
import { messageAt, queueOf } from "./messageReads.ts"
import { type FindCopies, tracks } from "./messageTracks.ts"
import * as Output from "./Output.ts"
import { flagOf, intMax, offsetMax, timeOf } from "./options.ts"
import { tracesIn } from "./traces.ts"

/** A message, and the broker that holds it. */
interface Found {
  readonly broker: Broker
  readonly message: StoredMessage.Decoded
}

/** RocketMQ looks through so many messages for a unique id. */
const uniqueMax = 32

interface Query {
  readonly topic: string
  readonly key: string
  readonly maxNum: number
  readonly beginTimestamp: number
  readonly endTimestamp: number
  readonly indexType?: string
  readonly lastKey?: string
  readonly uniqueKeyQuery?: boolean
}

/** What the brokers' indexes lead to. They keep hashes, so that the caller holds each message against what it wants. */
const query = async (admin: Admin, brokers: ReadonlyArray<Broker>, asked: Query): Promise<ReadonlyArray<Found>> => {
  const request = { code: RequestCode.QUERY_MESSAGE, ext: PullMessage.QueryMessage.encode(asked) }
  const bodies = await Promise.all(
    brokers.map((broker) => admin.askIf(broker, request, { decode: (body) => body }, [ResponseCode.QUERY_NOT_FOUND])),
  )
  return bodies.flatMap((body, at) => (body === undefined ? [] : messagesIn(brokers[at]!, body)))
}

const messagesIn = (broker: Broker, body: Buffer): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  for (let at = 0; at < body.length;) {
    const message = StoredMessage.decode(body, at)
    if (message instanceof Malformed)
      throw new CliFault(`The broker ${broker.brokerName} sent a message that cannot be read: ${message.message}.`)
    found.push({ broker, message })
    at += message.sizeBytes
  }
  return found
}

const byTime = (a: Found, b: Found): number => a.message.storeTimestamp - b.message.storeTimestamp

const byUniqueKey = async (
  admin: Admin,
  topic: string,
  key: string,
  times: { readonly beginTimestamp: number; readonly endTimestamp: number },
): Promise<ReadonlyArray<Found>> => {
  const brokers = await admin.mastersOf(topic)
  const found = await query(admin, brokers, { ...times, key, maxNum: uniqueMax, topic, uniqueKeyQuery: true })
  return found
    .filter(({ message }) => Properties.find(message.properties, Properties.PropertyName.UNIQ_KEY) === key)
    .toSorted(byTime)
}

const always = { beginTimestamp: 0, endTimestamp: offsetMax }

/** The message at the place in the log that an offset id leads to; undefined when the id leads to no broker here. */
const byOffsetId = async (admin: Admin, topic: string, text: string): Promise<Found | undefined> => {
  const id = MessageId.decode(text)
  if (id instanceof Malformed) return undefined
  const at = Host.print(id.host)
  const broker = (await admin.members()).find(({ address }) => PeerAddress.print(address) === at)
  if (broker === undefined) return undefined
  const request = {
    code: RequestCode.VIEW_MESSAGE_BY_ID,
    ext: PullMessage.ViewMessage.encode({ offset: id.physicalOffset, topic }),
  }
  const { body } = await admin.accepted(broker, request)
  const found = messagesIn(broker, body)[0]
  if (found !== undefined && found.message.topic !== topic)
    throw new CliFault(`The message ${text} is of topic ${found.message.topic}, and not of ${topic}.`)
  return found
}

/** A message with who consumed it, group by group. */
const told = async (admin: Admin, { broker, message }: Found, charset?: string): Promise<Output.Output> =>
  Output.parts({ message: factsOf(message, charset), groups: await tracks(admin, broker, message, copiesIn(admin)) })

/** The copies of a message in a topic of the broker that holds it. */
const copiesIn =
  (admin: Admin): FindCopies =>
  async (broker, topic, key) => {
    const found = await query(admin, [broker], { ...always, key, maxNum: uniqueMax, topic, uniqueKeyQuery: true })
    return found
      .map(({ message }) => message)
      .filter(({ properties }) => Properties.find(properties, Properties.PropertyName.UNIQ_KEY) === key)
  }

const consumeDirectly = async (admin: Admin, call: Call, { broker, message }: Found): Promise<Output.Output> => {
  const consumerGroup = admin.group("consumerGroup")
  const clientId = call.text("clientId")!
  const request = {
    code: RequestCode.CONSUME_MESSAGE_DIRECTLY,
    ext: AdminFormat.ConsumeMessageDirectly.encode({
      brokerName: broker.brokerName,
      clientId,
      consumerGroup,
      msgId: MessageId.encode({ host: message.storeHost, physicalOffset: message.physicalOffset }),
      topic: message.topic,
    }),
  }
  const { consumeResult, order, remark, spentTimeMills } = await admin.ask(broker, request, ConsumedDirectly)
  return Output.facts({
    group: ["group", consumerGroup],
    clientId: ["client", clientId],
    consumeResult: ["result", consumeResult ?? "CR_RETURN_NULL"],
    order: ["in order", order],
    spentTimeMills: ["ms", spentTimeMills],
    remark: ["remark", remark],
  })
}

/** Whether --clientId and --consumerGroup ask a client to consume. Checked before anything is asked of a cluster. */
const isDirect = (admin: Admin, call: Call): boolean => {
  const clientId = call.text("clientId")
  const group = call.text("consumerGroup") === undefined ? undefined : admin.group("consumerGroup")
  if ((clientId === undefined) !== (group === undefined))
    throw call.refusal("--clientId and --consumerGroup go together: the client is asked in the name of its group.")
  return clientId !== undefined
}

const resend = async (admin: Admin, { broker, message }: Found): Promise<Output.Output> => {
  const kept = [...Properties.parse(message.properties)].filter(
    ([name]) => name === Properties.PropertyName.TAGS || name === Properties.PropertyName.KEYS || !internal.has(name),
  )
  const queue = queuesOf(message.topic, await admin.route(message.topic), "write").find(
    ({ brokerName, queueId }) => brokerName === broker.brokerName && queueId === message.queueId,
  )
  if (queue === undefined)
    throw new CliFault(`Queue ${message.queueId} of ${message.topic} on ${broker.brokerName} cannot be written to.`)
  const properties = [...kept, [Properties.PropertyName.WAIT, "true"] as const]
  const sent = await new MessageSender(admin.cluster).send(queue, properties, bodyOf(message))
  return Output.facts({
    result: ["result", sent.status],
    msgId: ["message id", sent.id],
    queueId: ["queue", sent.queueId],
    queueOffset: ["queue offset", sent.queueOffset],
  })
}

const internal: ReadonlySet<string> = new Set(Object.values(Properties.PropertyName))

const notFound = (topic: string, what: string): CliFault =>
  new CliFault(
    `No message of topic ${topic} has ${what}. It may have expired, or belong to another topic; the index finds a message a moment after it was stored.`,
  )

const queryMsgById: Handler = async (admin, call) => {
  const topic = admin.topic()
  const msgId = call.text("msgId")!.trim()
  const charset = charsetOf(call, "bodyFormat")
  const isResent = flagOf(call, "sendMessage") ?? false
  const isDirectly = isDirect(admin, call)
  const found = (await byOffsetId(admin, topic, msgId)) ?? (await byUniqueKey(admin, topic, msgId, always))[0]
  if (found === undefined) throw notFound(topic, `the id ${msgId}`)
  if (isDirectly) return consumeDirectly(admin, call, found)
  return isResent ? resend(admin, found) : told(admin, found, charset)
}

const queryMsgByUniqueKey: Handler = async (admin, call) => {
  const topic = admin.topic()
  const msgId = call.text("msgId")!.trim()
  const isDirectly = isDirect(admin, call)
  const found = await byUniqueKey(admin, topic, msgId, {
    beginTimestamp: timeOf(call, "startTime") ?? 0,
    endTimestamp: timeOf(call, "endTime") ?? offsetMax,
  })
  const first = found[0]
  if (first === undefined) throw notFound(topic, `the unique id ${msgId}`)
  if (isDirectly) return consumeDirectly(admin, call, first)
  if (!call.flag("showAll")) return told(admin, first)
  const all = await Promise.all(found.map((each) => told(admin, each)))
  return { json: all.map(({ json }) => json), text: all.map(({ text }) => text).join("\n") }
}

const queryMsgByKey: Handler = async (admin, call) => {
  const topic = admin.topic()
  const key = call.text("msgKey")!
  const keyType = call.choice("keyType", ["K", "T"]) ?? "K"
  const lastKey = call.text("lastKey")
  const asked = {
    beginTimestamp: timeOf(call, "beginTimestamp") ?? 0,
    endTimestamp: timeOf(call, "endTimestamp") ?? offsetMax,
    indexType: keyType,
    key,
    maxNum: call.integer("maxNum", 1, 10_000) ?? 64,
    topic,
    ...(lastKey === undefined ? {} : { lastKey }),
  }
  const found = await query(admin, await admin.mastersOf(topic), asked)
  const rows = found
    .filter(({ message }) => {
      const { properties } = message
      if (keyType === "T") return Properties.find(properties, Properties.PropertyName.TAGS) === key
      return (Properties.find(properties, Properties.PropertyName.KEYS) ?? "").split(" ").includes(key)
    })
    .toSorted(byTime)
  if (rows.length === 0)
    throw notFound(topic, `the ${keyType === "T" ? "tag" : "key"} ${key}, within the time that is asked for`)
  return Output.table(
    {
      msgId: {
        cell: ({ message }) => Properties.find(message.properties, Properties.PropertyName.UNIQ_KEY),
        title: "MESSAGE ID",
      },
      broker: { cell: ({ broker }) => broker.brokerName, title: "BROKER" },
      queueId: { cell: ({ message }) => message.queueId, title: "QUEUE" },
      queueOffset: { cell: ({ message }) => message.queueOffset, title: "OFFSET" },
      storeTimestamp: { cell: ({ message }) => message.storeTimestamp, print: Output.time, title: "STORED" },
    },
    rows,
  )
}

const queryMsgByOffset: Handler = async (admin, call) => {
  const topic = admin.topic()
  const charset = charsetOf(call, "bodyFormat")
  const offset = call.integer("offset", 0, offsetMax)!
  const queueId = call.integer("queueId", 0, intMax)!
  const queue = await queueOf(admin, topic, call.text("brokerName")!, queueId)
  return told(admin, { broker: queue, message: await messageAt(admin, queue, offset) }, charset)
}

const queryMsgTraceById: Handler = async (admin, call) => {
  const msgId = call.text("msgId")!.trim()
  const topic = call.text("traceTopic") === undefined ? Topic.TopicName.TRACE : admin.topic("traceTopic")
  const asked = {
    beginTimestamp: timeOf(call, "beginTimestamp") ?? 0,
    endTimestamp: timeOf(call, "endTimestamp") ?? offsetMax,
    key: msgId,
    maxNum: call.integer("maxNum", 1, 10_000) ?? 64,
    topic,
  }
  const route = await admin.cluster.routeOf(topic)
  if (route === undefined)
    throw new CliFault(
      `There is no topic ${topic}: no traces are kept. A broker makes it with traceTopicEnable=true; -t names another one.`,
    )
  const found = await query(admin, await admin.mastersOf(topic), asked)
  const rows = found
    .flatMap(({ message }) => tracesIn(bodyOf(message).toString(), msgId))
    .toSorted((a, b) => a.timeMs - b.timeMs)
  if (rows.length === 0)
    throw new CliFault(
      `No trace of ${msgId} is in ${topic}. Clients send traces a few seconds later, and only when they are told to (enableTrace).`,
    )
  return Output.table(
    {
      type: { cell: ({ type }) => type, title: "WHAT" },
      group: { cell: ({ group }) => group, title: "GROUP" },
      timeMs: { cell: ({ timeMs }) => timeMs, print: Output.time, title: "WHEN" },
      costMs: { cell: ({ costMs }) => costMs, title: "MS" },
      isSuccess: { cell: ({ isSuccess }) => isSuccess, title: "WENT WELL" },
    },
    rows,
  )
}

export const handlers: Handlers = {
  queryMsgById,
  queryMsgByKey,
  queryMsgByOffset,
  queryMsgByUniqueKey,
  queryMsgTraceById,
}
