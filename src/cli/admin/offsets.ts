/** Moving the offsets of consumer groups, which administrators may do in either direction (promise P8). */
import * as AdminFormat from "../../format/Admin.ts"
import { ResetOffsets } from "../../format/ConsumeStats.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import type { RouteData } from "../../format/RouteData.ts"
import { CliFault } from "../CliFault.ts"
import type { Broker } from "../ClusterClient.ts"
import { type Admin, mastersIn } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import * as Output from "./Output.ts"
import { flagOf, intMax, offsetMax, timeOf } from "./options.ts"
import { byQueue, statsOf } from "./progress.ts"

/** What a time of -1 means: the end of the queue. */
const endMs = -1

type Reset = ResetOffsets["offsetTable"][number]

const reset = async (
  admin: Admin,
  brokers: ReadonlyArray<Broker>,
  group: string,
  topic: string,
  where: { readonly timestamp: number; readonly queueId?: number; readonly offset?: number },
): Promise<Output.Output> => {
  // Who mistypes a group would make a new one: brokers take any.
  if (!(await admin.groups(brokers)).has(group)) throw await admin.unknownGroup(group)
  const request = {
    code: RequestCode.INVOKE_BROKER_TO_RESET_OFFSET,
    ext: AdminFormat.ResetOffset.encode({ group, isForce: true, topic, ...where }),
  }
  const tables = await Promise.all(brokers.map((broker) => admin.ask(broker, request, ResetOffsets)))
  const rows = tables.flatMap(({ offsetTable }) => offsetTable).toSorted(([a], [b]) => byQueue(a, b))
  return Output.table<Reset>(
    {
      topic: { cell: ([queue]) => queue.topic, title: "TOPIC" },
      broker: { cell: ([queue]) => queue.brokerName, title: "BROKER" },
      queueId: { cell: ([queue]) => queue.queueId, title: "QUEUE" },
      offset: { cell: ([, offset]) => offset, title: "OFFSET" },
    },
    rows,
  )
}

const inCluster = async (admin: Admin, topic: string): Promise<ReadonlyArray<Broker>> => {
  const clusterName = admin.call.text("cluster")
  const route: RouteData = await admin.route(topic)
  const brokerDatas = route.brokerDatas.filter(({ cluster }) => clusterName === undefined || cluster === clusterName)
  if (brokerDatas.length > 0) return mastersIn({ ...route, brokerDatas })
  throw new CliFault(
    `Cluster ${clusterName} does not serve topic ${topic}. It is served by ${[...new Set(route.brokerDatas.map(({ cluster }) => cluster))].join(", ")}.`,
  )
}

const resetOffsetByTime: Handler = async (admin, call) => {
  const group = admin.group("group")
  const topic = admin.topic()
  const timestamp = call.text("timestamp") === "-1" ? endMs : timeOf(call, "timestamp")!
  flagOf(call, "force")
  const queueId = call.integer("queue", 0, intMax)
  const offset = call.integer("offset", 0, offsetMax)
  const broker = admin.given("broker")
  if (queueId !== undefined && broker === undefined)
    throw call.refusal("--queue needs --broker: queues are counted broker by broker.")
  if (offset !== undefined && queueId === undefined)
    throw call.refusal("--offset needs --queue: offsets are counted queue by queue.")
  return reset(admin, broker === undefined ? await inCluster(admin, topic) : [broker], group, topic, {
    timestamp,
    ...(queueId === undefined ? {} : { queueId }),
    ...(offset === undefined ? {} : { offset }),
  })
}

const skipAccumulatedMessage: Handler = async (admin, call) => {
  const group = admin.group("group")
  const topic = admin.topic()
  flagOf(call, "force")
  const brokers = await inCluster(admin, topic)
  await admin.confirm(`Group ${group} skips all messages of ${topic} that it has not consumed.`)
  return reset(admin, brokers, group, topic, { timestamp: endMs })
}

const cloneGroupOffset: Handler = async (admin, call) => {
  const source = admin.group("srcGroup")
  const target = admin.group("destGroup")
  const topic = admin.topic()
  flagOf(call, "offline")
  const brokers = await admin.mastersOf(topic)
  const known = await admin.groups(brokers)
  for (const group of [source, target]) if (!known.has(group)) throw await admin.unknownGroup(group)
  const stats = await Promise.all(brokers.map((broker) => statsOf(admin, broker, source, topic)))
  const rows = stats
    .flatMap(({ offsetTable }, at) =>
      offsetTable.map(([queue, { consumerOffset }]) => Object.assign({ consumerOffset, queue }, brokers[at]!)),
    )
    .toSorted((a, b) => byQueue(a.queue, b.queue))
  await admin.change(brokers, () => ({
    code: RequestCode.CLONE_GROUP_OFFSET,
    ext: AdminFormat.CloneGroupOffset.encode({ destGroup: target, offline: true, srcGroup: source, topic }),
  }))
  return Output.table(
    {
      group: { cell: () => target, title: "GROUP" },
      topic: { cell: () => topic, title: "TOPIC" },
      broker: { cell: ({ queue }) => queue.brokerName, title: "BROKER" },
      queueId: { cell: ({ queue }) => queue.queueId, title: "QUEUE" },
      offset: { cell: ({ consumerOffset }) => consumerOffset, title: "OFFSET" },
    },
    rows,
  )
}

export const handlers: Handlers = { cloneGroupOffset, resetOffsetByTime, skipAccumulatedMessage }
