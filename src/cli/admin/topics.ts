/** What administrators do with topics. */
import * as Topic from "../../domain/Topic.ts"
import * as AdminFormat from "../../format/Admin.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import { TopicStats } from "../../format/ConsumeStats.ts"
import { Malformed } from "../../format/Malformed.ts"
import { DeleteTopicInNamesrv, GetKvConfigAnswer, KvConfigOf, PutKvConfig } from "../../format/NameServer.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { RouteData } from "../../format/RouteData.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { CliFault } from "../CliFault.ts"
import { type Broker, queuesOf, refused } from "../ClusterClient.ts"
import { type Admin, mastersIn } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import * as Output from "./Output.ts"
import { fileOf, flagOf, intMax, listOf, permOf } from "./options.ts"
import { aFewAtATime, byQueue, groupsOf } from "./progress.ts"

/** Where the name server keeps which queues clients use of ordered topics. */
const orderNamespace = "ORDER_TOPIC_CONFIG"

const done = {
  broker: { cell: (row: Done) => row.broker, title: "BROKER" },
  result: { cell: (row: Done) => row.result, title: "RESULT" },
}

interface Done {
  readonly broker: string
  readonly result: string
}

const updateTopic: Handler = async (admin, call) => {
  const topic = admin.topic()
  const readQueueNums = call.integer("readQueueNums", 0, intMax) ?? 8
  const writeQueueNums = call.integer("writeQueueNums", 0, intMax) ?? 8
  const perm = permOf(call, "perm") ?? Topic.Perm.READ_WRITE
  const order = flagOf(call, "order") ?? false
  const unit = flagOf(call, "unit") === true ? 1 : 0
  const hasUnitSub = flagOf(call, "hasUnitSub") === true ? 2 : 0
  const attributes = call.text("attributes")
  const brokers = await admin.targets()
  const names = order ? await Promise.all(brokers.map((broker) => nameOf(admin, broker))) : []
  const request = {
    code: RequestCode.UPDATE_AND_CREATE_TOPIC,
    ext: AdminFormat.CreateTopic.encode({
      ...(attributes === undefined ? {} : { attributes }),
      defaultTopic: Topic.TopicName.AUTO_CREATE_TOPIC_KEY,
      order,
      perm,
      readQueueNums,
      topic,
      topicFilterType: "SINGLE_TAG",
      topicSysFlag: unit | hasUnitSub,
      writeQueueNums,
    }),
  }
  await admin.change(brokers, () => request)
  if (order) await putOrder(admin, topic, names.map((name) => `${name}:${writeQueueNums}`).join(";"))
  return Output.table(
    {
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      topic: { cell: () => topic, title: "TOPIC" },
      readQueueNums: { cell: () => readQueueNums, title: "READ QUEUES" },
      writeQueueNums: { cell: () => writeQueueNums, title: "WRITE QUEUES" },
      perm: { cell: () => perm, print: Output.perm, title: "PERMISSION" },
      order: { cell: () => order, title: "ORDERED" },
    },
    brokers,
  )
}

/** The name of a broker that was given by its address. */
const nameOf = async (admin: Admin, broker: Broker): Promise<string> => {
  if (broker.isGiven !== true) return broker.brokerName
  const at = PeerAddress.print(broker.address)
  const member = (await admin.members()).find(({ address }) => PeerAddress.print(address) === at)
  if (member !== undefined) return member.brokerName
  throw new CliFault(`The name server ${admin.nameServerNames} knows no broker at ${at}: clients would not find it.`)
}

const updateTopicList: Handler = async (admin, call) => {
  admin.given("brokerAddr")
  const topicConfigList = fileOf(call, ConfigJson.TopicConfig.read)
  for (const { topicName } of topicConfigList) {
    const illegal = Topic.validateName(topicName)
    if (illegal !== undefined) throw new CliFault(`${call.text("filename")}: ${illegal}. Nothing was changed.`)
  }
  const brokers = await admin.targets()
  const request = {
    body: ConfigJson.TopicConfigList.encode({ topicConfigList }),
    code: RequestCode.UPDATE_AND_CREATE_TOPIC_LIST,
  }
  await admin.change(brokers, () => request)
  const result = `${topicConfigList.length} topics: ${topicConfigList.map(({ topicName }) => topicName).join(", ")}`
  return Output.table<Done>(
    done,
    brokers.map(({ brokerName }) => ({ broker: brokerName, result })),
  )
}

const deleteTopic: Handler = async (admin, call) => {
  const topic = admin.topic()
  const clusterName = call.text("clusterName")!
  const masters = await admin.masters(clusterName)
  await admin.route(topic)
  await admin.confirm(
    `Topic ${topic} and its messages are deleted from ${masters.map(({ brokerName }) => brokerName).join(", ")}.`,
  )
  return removeTopic(admin, topic, clusterName, masters)
}

/** Takes a topic from the masters of a cluster, then from the name servers. */
export const removeTopic = async (
  admin: Admin,
  topic: string,
  clusterName: string,
  masters: ReadonlyArray<Broker>,
): Promise<Output.Output> => {
  const request = { code: RequestCode.DELETE_TOPIC_IN_BROKER, ext: AdminFormat.TopicOf.encode({ topic }) }
  await admin.change(masters, () => request)
  await admin.askNameServers({
    code: RequestCode.DELETE_TOPIC_IN_NAMESRV,
    ext: DeleteTopicInNamesrv.encode({ clusterName, topic }),
  })
  return Output.table<Done>(
    done,
    masters.map(({ brokerName }) => ({ broker: brokerName, result: `${topic} is deleted` })),
  )
}

const updateTopicPerm: Handler = async (admin, call) => {
  const topic = admin.topic()
  const perm = permOf(call, "perm")!
  const brokers = await admin.targets()
  const configs = await Promise.all(brokers.map((broker) => configOf(admin, broker, topic)))
  const having = brokers.flatMap((broker, at) => {
    const config = configs[at]
    return config === undefined ? [] : [Object.assign({ config }, broker)]
  })
  if (having.length === 0) {
    await admin.route(topic)
    throw new CliFault(
      `${brokers.map(({ brokerName }) => brokerName).join(", ")}: topic ${topic} is not there. Nothing was changed.`,
    )
  }
  await admin.change(having, ({ config }) => ({
    code: RequestCode.UPDATE_AND_CREATE_TOPIC,
    ext: AdminFormat.CreateTopic.encode({
      defaultTopic: Topic.TopicName.AUTO_CREATE_TOPIC_KEY,
      order: config.order,
      perm,
      readQueueNums: config.readQueueNums,
      topic,
      topicFilterType: config.topicFilterType,
      topicSysFlag: config.topicSysFlag,
      writeQueueNums: config.writeQueueNums,
    }),
  }))
  return Output.table(
    {
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      topic: { cell: () => topic, title: "TOPIC" },
      before: { cell: ({ config }) => config.perm, print: Output.perm, title: "BEFORE" },
      perm: { cell: () => perm, print: Output.perm, title: "PERMISSION" },
    },
    having,
  )
}

const configOf = (admin: Admin, broker: Broker, topic: string) =>
  admin.askIf(
    broker,
    { code: RequestCode.GET_TOPIC_CONFIG, ext: AdminFormat.GetTopicConfig.encode({ topic }) },
    ConfigJson.TopicConfig,
    [ResponseCode.TOPIC_NOT_EXIST],
  )

const topicList: Handler = async (admin, call) => {
  const topics = await admin.topics()
  if (!call.flag("clusterModel")) return { json: topics, text: topics.map((topic) => `${topic}\n`).join("") }
  const found = await aFewAtATime(topics, async (topic) => {
    const route = await admin.cluster.routeOf(topic)
    if (route === undefined) return []
    const groups = await groupsOf(admin, topic, mastersIn(route))
    return clustersOf(route).map((cluster) => ({ cluster, groups, topic }))
  })
  return Output.table(
    {
      cluster: { cell: ({ cluster }) => cluster, title: "CLUSTER" },
      topic: { cell: ({ topic }) => topic, title: "TOPIC" },
      groups: { cell: ({ groups }) => groups, title: "GROUPS" },
    },
    found.flat(),
  )
}

const clustersOf = (route: RouteData): ReadonlyArray<string> =>
  [...new Set(route.brokerDatas.map(({ cluster }) => cluster))].toSorted()

const topicRoute: Handler = async (admin) => {
  const route = await admin.route(admin.topic())
  const rows = route.queueDatas.map((queue) => {
    const broker = route.brokerDatas.find(({ brokerName }) => brokerName === queue.brokerName)
    const addresses = Object.fromEntries(broker?.brokerAddrs ?? [])
    return { ...queue, addresses, cluster: broker?.cluster ?? "" }
  })
  return Output.table(
    {
      cluster: { cell: ({ cluster }) => cluster, title: "CLUSTER" },
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      addresses: { cell: ({ addresses }) => addresses, title: "ADDRESSES BY ID" },
      readQueueNums: { cell: ({ readQueueNums }) => readQueueNums, title: "READ QUEUES" },
      writeQueueNums: { cell: ({ writeQueueNums }) => writeQueueNums, title: "WRITE QUEUES" },
      perm: { cell: ({ perm }) => perm, print: Output.perm, title: "PERMISSION" },
    },
    rows,
    route.orderTopicConf === undefined
      ? undefined
      : { below: { facts: { orderConf: ["order", route.orderTopicConf] }, name: "queues" } },
  )
}

const topicStatus: Handler = async (admin, call) => {
  const topic = admin.topic()
  const clusterName = call.text("cluster")
  const route = await admin.route(topic)
  const brokers = mastersIn({
    ...route,
    brokerDatas: route.brokerDatas.filter(({ cluster }) => clusterName === undefined || cluster === clusterName),
  })
  if (brokers.length === 0)
    throw new CliFault(
      `No master of cluster ${clusterName} serves topic ${topic}. It is served by ${clustersOf(route).join(", ")}.`,
    )
  const request = { code: RequestCode.GET_TOPIC_STATS_INFO, ext: AdminFormat.TopicOf.encode({ topic }) }
  const stats = await Promise.all(brokers.map((broker) => admin.ask(broker, request, TopicStats)))
  const rows = stats.flatMap(({ offsetTable }) => offsetTable).toSorted(([a], [b]) => byQueue(a, b))
  const messages = rows.reduce((sum, [, { maxOffset, minOffset }]) => sum + maxOffset - minOffset, 0)
  return Output.table(
    {
      broker: { cell: ([queue]) => queue.brokerName, title: "BROKER" },
      queueId: { cell: ([queue]) => queue.queueId, title: "QUEUE" },
      minOffset: { cell: ([, { minOffset }]) => minOffset, title: "FIRST" },
      maxOffset: { cell: ([, { maxOffset }]) => maxOffset, title: "NEXT" },
      messages: { cell: ([, { maxOffset, minOffset }]) => maxOffset - minOffset, title: "MESSAGES" },
      lastUpdateTimestamp: {
        cell: ([, { lastUpdateTimestamp }]) => lastUpdateTimestamp,
        print: Output.time,
        title: "LAST MESSAGE",
      },
    },
    rows,
    {
      below: {
        facts: {
          messages: ["messages", messages],
          putTps: ["sent a second", Output.rounded(stats.reduce((sum, { topicPutTps }) => sum + topicPutTps, 0))],
        },
        name: "queues",
      },
    },
  )
}

const topicClusterList: Handler = async (admin) => {
  const clusters = clustersOf(await admin.route(admin.topic()))
  return { json: clusters, text: clusters.map((name) => `${name}\n`).join("") }
}

const updateOrderConf: Handler = async (admin, call) => {
  const topic = admin.topic()
  const method = call.choice("method", ["put", "get", "delete"])!
  const key = { key: topic, namespace: orderNamespace }
  if (method === "put") {
    const orderConf = call.text("orderConf")
    if (orderConf === undefined) throw call.refusal("updateOrderConf -m put needs -v, --orderConf.")
    if (!/^[^:;\s]+:\d{1,5}(;[^:;\s]+:\d{1,5})*$/.test(orderConf))
      throw call.refusal(`--orderConf ${orderConf} is not BROKER:QUEUES;BROKER:QUEUES, such as broker-a:4;broker-b:4.`)
    await putOrder(admin, topic, orderConf)
    return Output.facts({ topic: ["topic", topic], orderConf: ["order", orderConf] })
  }
  if (method === "delete") {
    await admin.askNameServers({ code: RequestCode.DELETE_KV_CONFIG, ext: KvConfigOf.encode(key) })
    return Output.facts({ topic: ["topic", topic], orderConf: ["order", null] })
  }
  const request = { code: RequestCode.GET_KV_CONFIG, ext: KvConfigOf.encode(key) }
  const answer = await admin.cluster.askNameServer(request)
  const value = answer.code === ResponseCode.SUCCESS ? GetKvConfigAnswer.decode(answer.ext) : undefined
  if (answer.code !== ResponseCode.SUCCESS && answer.code !== ResponseCode.QUERY_NOT_FOUND)
    throw refused("The name server", request, answer)
  if (value === undefined || value instanceof Malformed || value.value === undefined)
    throw new CliFault(
      `Topic ${topic} has no order configuration. Make one: gantry admin updateOrderConf -t ${topic} -m put -v BROKER:QUEUES.`,
    )
  return Output.facts({ topic: ["topic", topic], orderConf: ["order", value.value] })
}

const putOrder = (admin: Admin, topic: string, value: string) =>
  admin.askNameServers({
    code: RequestCode.PUT_KV_CONFIG,
    ext: PutKvConfig.encode({ key: topic, namespace: orderNamespace, value }),
  })

const allocateMQ: Handler = async (admin, call) => {
  const topic = admin.topic()
  const clientIds = listOf(call, "ipList")
  if (clientIds.length === 0) throw call.refusal("--ipList names no client.")
  const queues = queuesOf(topic, await admin.route(topic), "read")
  // Loaded here: no other command about topics shares queues out.
  const [Rebalance, Result] = await Promise.all([import("../../domain/Rebalance.ts"), import("effect/Result")])
  const rows = clientIds.map((currentClientId) => {
    const share = Rebalance.assign(Rebalance.average, { clientIds, currentClientId, queues })
    return { client: currentClientId, queues: Result.isSuccess(share) ? share.success : [] }
  })
  return Output.table(
    {
      client: { cell: ({ client }) => client, title: "CLIENT" },
      queues: {
        cell: ({ queues }) => queues.map(({ brokerName, queueId }) => `${brokerName}/${queueId}`),
        title: "QUEUES",
      },
    },
    rows,
  )
}

export const handlers: Handlers = {
  allocateMQ,
  deleteTopic,
  topicClusterList,
  topicList,
  topicRoute,
  topicStatus,
  updateOrderConf,
  updateTopic,
  updateTopicList,
  updateTopicPerm,
}
