/** What administrators do with consumer groups: their settings, their progress, what their clients say. */
import { hint } from "../../domain/Nearest.ts"
import * as SubscriptionGroup from "../../domain/SubscriptionGroup.ts"
import * as Topic from "../../domain/Topic.ts"
import * as AdminFormat from "../../format/Admin.ts"
import * as ConfigJson from "../../format/ConfigJson.ts"
import type { ConsumeStats } from "../../format/ConsumeStats.ts"
import { RunningInfo } from "../../format/ConsumerRuntime.ts"
import { DeleteTopicInNamesrv } from "../../format/NameServer.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { Malformed } from "../../format/Malformed.ts"
import type { Call } from "../Call.ts"
import { CliFault } from "../CliFault.ts"
import type { Broker } from "../ClusterClient.ts"
import type { Admin } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import { printVersion } from "./clientVersion.ts"
import * as Output from "./Output.ts"
import { fileOf, flagOf, intMax, offsetMax } from "./options.ts"
import { aFewAtATime, byQueue, compare, connectionOf, statsOf } from "./progress.ts"

type GroupConfig = typeof ConfigJson.GroupConfig.Type

const updateSubGroup: Handler = async (admin, call) => {
  const groupName = admin.group("groupName")
  const usual = SubscriptionGroup.defaults(groupName)
  const config: GroupConfig = {
    ...(usual as GroupConfig),
    attributes: attributesOf(call),
    brokerId: call.integer("brokerId", 0, offsetMax) ?? usual.brokerId,
    consumeBroadcastEnable: flagOf(call, "consumeBroadcastEnable") ?? usual.consumeBroadcastEnable,
    consumeEnable: flagOf(call, "consumeEnable") ?? usual.consumeEnable,
    consumeFromMinEnable: flagOf(call, "consumeFromMinEnable") ?? usual.consumeFromMinEnable,
    consumeMessageOrderly: flagOf(call, "consumeMessageOrderly") ?? usual.consumeMessageOrderly,
    groupRetryPolicy: retryPolicyOf(call) ?? (usual.groupRetryPolicy as GroupConfig["groupRetryPolicy"]),
    notifyConsumerIdsChangedEnable: flagOf(call, "notifyConsumerIdsChanged") ?? usual.notifyConsumerIdsChangedEnable,
    retryMaxTimes: call.integer("retryMaxTimes", 0, intMax) ?? usual.retryMaxTimes,
    retryQueueNums: call.integer("retryQueueNums", 0, intMax) ?? usual.retryQueueNums,
    whichBrokerWhenConsumeSlowly:
      call.integer("whichBrokerWhenConsumeSlowly", 0, offsetMax) ?? usual.whichBrokerWhenConsumeSlowly,
  }
  const brokers = await admin.targets()
  const request = {
    body: ConfigJson.GroupConfig.encode(config),
    code: RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
  }
  await admin.change(brokers, () => request)
  return configTable(brokers.map(({ brokerName }) => ({ brokerName, config })))
}

const retryPolicyOf = (call: Call): GroupConfig["groupRetryPolicy"] | undefined => {
  const text = call.text("groupRetryPolicy")
  if (text === undefined) return undefined
  const read = ConfigJson.GroupConfig.parse(`{"groupName":"a","groupRetryPolicy":${text}}`)
  if (read instanceof Malformed) throw call.refusal(`--groupRetryPolicy is not understood: ${read.message}.`)
  return read.groupRetryPolicy
}

/** As mqadmin sends them: a member for each change, its sign in its name. */
const attributesOf = (call: Call): Readonly<Record<string, string>> => {
  const attributes: Record<string, string> = {}
  for (const part of (call.text("attributes") ?? "").split(",").filter((each) => each !== "")) {
    const [, name, value] = /^([+-][\w.]+)(?:=(.*))?$/.exec(part) ?? []
    if (name === undefined || name.startsWith("+") !== (value !== undefined))
      throw call.refusal(`--attributes ${part} is neither +name=value nor -name.`)
    attributes[name] = value ?? ""
  }
  return attributes
}

const configTable = (
  rows: ReadonlyArray<{ readonly brokerName: string; readonly config: GroupConfig }>,
): Output.Output =>
  Output.table(
    {
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      groupName: { cell: ({ config }) => config.groupName, title: "GROUP" },
      consumeEnable: { cell: ({ config }) => config.consumeEnable, title: "CONSUMES" },
      consumeFromMinEnable: { cell: ({ config }) => config.consumeFromMinEnable, title: "FROM FIRST" },
      consumeBroadcastEnable: { cell: ({ config }) => config.consumeBroadcastEnable, title: "BROADCAST" },
      consumeMessageOrderly: { cell: ({ config }) => config.consumeMessageOrderly, title: "ORDERLY" },
      retryQueueNums: { cell: ({ config }) => config.retryQueueNums, title: "RETRY QUEUES" },
      retryMaxTimes: { cell: ({ config }) => config.retryMaxTimes, title: "RETRIES" },
      retryPolicy: { cell: ({ config }) => config.groupRetryPolicy.type.toLowerCase(), title: "SPACING" },
      notifyConsumerIdsChangedEnable: {
        cell: ({ config }) => config.notifyConsumerIdsChangedEnable,
        title: "MEMBERS ARE TOLD",
      },
    },
    rows,
  )

const updateSubGroupList: Handler = async (admin, call) => {
  admin.given("brokerAddr")
  const groupConfigList = fileOf(call, ConfigJson.GroupConfig.read)
  for (const { groupName } of groupConfigList) {
    const illegal = SubscriptionGroup.validateName(groupName)
    if (illegal !== undefined) throw new CliFault(`${call.text("filename")}: ${illegal}. Nothing was changed.`)
  }
  const brokers = await admin.targets()
  const request = {
    body: ConfigJson.GroupConfigList.encode({ groupConfigList }),
    code: RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST,
  }
  await admin.change(brokers, () => request)
  return configTable(brokers.flatMap(({ brokerName }) => groupConfigList.map((config) => ({ brokerName, config }))))
}

const deleteSubGroup: Handler = async (admin, call) => {
  const groupName = admin.group("groupName")
  const removeOffset = flagOf(call, "removeOffset") ?? false
  const clusterName = admin.given("brokerAddr") === undefined ? call.text("clusterName") : undefined
  const brokers = await admin.targets()
  if (!(await admin.groups(brokers)).has(groupName)) throw await admin.unknownGroup(groupName)
  const names = brokers.map(({ brokerName }) => brokerName).join(", ")
  const lost = clusterName === undefined ? "" : ", with its dead letters"
  await admin.confirm(`Group ${groupName} is deleted from ${names}${lost}.`)
  const request = {
    code: RequestCode.DELETE_SUBSCRIPTIONGROUP,
    ext: AdminFormat.DeleteSubscriptionGroup.encode({ cleanOffset: removeOffset, groupName, removeOffset }),
  }
  await admin.change(brokers, () => request)
  if (clusterName !== undefined)
    for (const topic of [Topic.retryTopic(groupName), Topic.dlqTopic(groupName)]) {
      const deletion = { code: RequestCode.DELETE_TOPIC_IN_BROKER, ext: AdminFormat.TopicOf.encode({ topic }) }
      await Promise.all(
        brokers.map((broker) => admin.askIf(broker, deletion, { decode: () => true }, [ResponseCode.TOPIC_NOT_EXIST])),
      )
      await admin.askNameServers({
        code: RequestCode.DELETE_TOPIC_IN_NAMESRV,
        ext: DeleteTopicInNamesrv.encode({ clusterName, topic }),
      })
    }
  return Output.table(
    {
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      result: { cell: () => `${groupName} is deleted${removeOffset ? ", with its offsets" : ""}`, title: "RESULT" },
    },
    brokers,
  )
}

const getConsumerConfig: Handler = async (admin) => {
  const groupName = admin.group("groupName")
  const masters = await admin.masters()
  const rows = await Promise.all(
    masters.map(async (broker) => {
      const config = (await admin.groups([broker])).get(groupName)
      return config === undefined ? [] : [{ brokerName: broker.brokerName, config }]
    }),
  )
  if (rows.flat().length === 0) throw await admin.unknownGroup(groupName)
  return configTable(rows.flat())
}

const setConsumeMode: Handler = async (admin, call) => {
  const topic = admin.topic("topicName")
  const consumerGroup = admin.group("groupName")
  const mode = call.text("mode")?.toUpperCase()
  if (mode !== "PULL" && mode !== "POP") throw call.refusal(`--mode ${call.text("mode")} is neither PULL nor POP.`)
  const popShareQueueNum = call.integer("popShareQueueNum", -1, intMax) ?? 0
  const brokers = await admin.targets()
  const request = {
    body: ConfigJson.RequestModeSetting.encode({ consumerGroup, mode, popShareQueueNum, topic }),
    code: RequestCode.SET_MESSAGE_REQUEST_MODE,
  }
  await admin.change(brokers, () => request)
  return Output.table(
    {
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      topic: { cell: () => topic, title: "TOPIC" },
      groupName: { cell: () => consumerGroup, title: "GROUP" },
      mode: { cell: () => mode, title: "MODE" },
      popShareQueueNum: { cell: () => popShareQueueNum, title: "SHARED WITH" },
    },
    brokers,
  )
}

type Progress = ConsumeStats["offsetTable"][number]

const lagOf = ([, { brokerOffset, consumerOffset }]: Progress): number => brokerOffset - consumerOffset

const inflightOf = ([, { consumerOffset, pullOffset }]: Progress): number => Math.max(0, pullOffset - consumerOffset)

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, each) => total + each, 0)

const consumerProgress: Handler = async (admin, call) => {
  const isWithClients = flagOf(call, "showClientIP") ?? false
  const topic = call.text("topicName") === undefined ? undefined : admin.topic("topicName")
  const group = call.text("groupName") === undefined ? undefined : admin.group("groupName")
  const masters = await admin.masters(call.text("cluster"))
  if (group === undefined) return allProgress(admin, masters)
  const stats = await Promise.all(masters.map((broker) => statsOf(admin, broker, group, topic)))
  const rows = stats.flatMap(({ offsetTable }) => offsetTable).toSorted(([a], [b]) => byQueue(a, b))
  if (rows.length === 0 && !(await admin.groups(masters)).has(group)) throw await admin.unknownGroup(group)
  if (rows.length === 0 && topic !== undefined) await admin.route(topic)
  const holders = isWithClients ? await holdersOf(admin, masters, group) : undefined
  return Output.table(
    {
      topic: { cell: ([queue]) => queue.topic, title: "TOPIC" },
      broker: { cell: ([queue]) => queue.brokerName, title: "BROKER" },
      queueId: { cell: ([queue]) => queue.queueId, title: "QUEUE" },
      brokerOffset: { cell: ([, { brokerOffset }]) => brokerOffset, title: "BROKER OFFSET" },
      consumerOffset: { cell: ([, { consumerOffset }]) => consumerOffset, title: "CONSUMER OFFSET" },
      ...(holders === undefined
        ? {}
        : {
            client: {
              cell: ([queue]: Progress) => holders.get(`${queue.topic} ${queue.brokerName} ${queue.queueId}`) ?? null,
              title: "CLIENT",
            },
          }),
      diff: { cell: lagOf, title: "LAG" },
      inflight: { cell: inflightOf, title: "IN FLIGHT" },
      lastTimestamp: { cell: ([, { lastTimestamp }]) => lastTimestamp, print: Output.time, title: "LAST CONSUMED" },
    },
    rows,
    {
      below: {
        facts: {
          diffTotal: ["lag", sum(rows.map(lagOf))],
          inflightTotal: ["in flight", sum(rows.map(inflightOf))],
          consumeTps: ["consumed a second", Output.rounded(sum(stats.map(({ consumeTps }) => consumeTps)))],
        },
        name: "queues",
      },
    },
  )
}

/** The client that holds each queue of a group, as the clients say. */
const holdersOf = async (
  admin: Admin,
  brokers: ReadonlyArray<Broker>,
  group: string,
): Promise<ReadonlyMap<string, string>> => {
  const holders = new Map<string, string>()
  for (const { clientId, info } of await runningOf(admin, brokers, group, false))
    for (const [queue] of [...info.mqTable, ...(info.mqPopTable ?? [])])
      holders.set(`${queue.topic} ${queue.brokerName} ${queue.queueId}`, clientId)
  return holders
}

const allProgress = async (admin: Admin, masters: ReadonlyArray<Broker>): Promise<Output.Output> => {
  const names = [...(await admin.groups(masters)).keys()].filter((name) => !SubscriptionGroup.isPredefined(name))
  const rows = await aFewAtATime(names.toSorted(), async (group) => {
    const connections = (await Promise.all(masters.map((broker) => connectionOf(admin, broker, group)))).filter(
      (connection) => connection !== undefined,
    )
    const stats = await Promise.all(masters.map((broker) => statsOf(admin, broker, group)))
    const clients = new Map(
      connections.flatMap(({ connectionSet }) => connectionSet.map((each) => [each.clientId, each])),
    )
    const first = connections[0]
    return {
      clients: clients.size,
      diff: sum(stats.flatMap(({ offsetTable }) => offsetTable.map(lagOf))),
      group,
      model: first?.messageModel ?? null,
      tps: Output.rounded(sum(stats.map(({ consumeTps }) => consumeTps))),
      type: first?.consumeType ?? null,
      version: clients.size === 0 ? null : Math.min(...[...clients.values()].map(({ version }) => version)),
    }
  })
  return Output.table(
    {
      group: { cell: ({ group }) => group, title: "GROUP" },
      clients: { cell: ({ clients }) => clients, title: "CLIENTS" },
      version: { cell: ({ version }) => (version === null ? null : printVersion(version)), title: "VERSION" },
      type: {
        cell: ({ type }) => (type === null ? null : type === "CONSUME_ACTIVELY" ? "PULL" : "PUSH"),
        title: "TYPE",
      },
      model: { cell: ({ model }) => model, title: "MODEL" },
      consumeTps: { cell: ({ tps }) => tps, title: "A SECOND" },
      diff: { cell: ({ diff }) => diff, title: "LAG" },
    },
    rows,
  )
}

interface Running {
  readonly clientId: string
  readonly version: number
  readonly info: RunningInfo
}

/** What each connected client of a group says of itself; each is asked once, through a broker that it is connected to. */
const runningOf = async (
  admin: Admin,
  brokers: ReadonlyArray<Broker>,
  consumerGroup: string,
  jstackEnable: boolean,
): Promise<ReadonlyArray<Running>> => {
  const clients = new Map<string, { readonly broker: Broker; readonly version: number }>()
  for (const broker of brokers)
    for (const { clientId, version } of (await connectionOf(admin, broker, consumerGroup))?.connectionSet ?? [])
      clients.set(clientId, { broker, version })
  return Promise.all(
    [...clients]
      .toSorted(([a], [b]) => compare(a, b))
      .map(async ([clientId, { broker, version }]) => {
        const ext = AdminFormat.GetConsumerRunningInfo.encode({ clientId, consumerGroup, jstackEnable })
        const request = { code: RequestCode.GET_CONSUMER_RUNNING_INFO, ext }
        return { clientId, info: await admin.ask(broker, request, RunningInfo), version }
      }),
  )
}

const consumerStatus: Handler = async (admin, call) => {
  const group = admin.group("consumerGroup")
  const clientId = call.text("clientId")
  const given = admin.given("brokerAddr")
  const brokers = given === undefined ? await admin.masters() : [given]
  const all = await runningOf(admin, brokers, group, call.flag("jstack"))
  if (all.length === 0) {
    if (!(await admin.groups(brokers)).has(group)) throw await admin.unknownGroup(group)
    throw new CliFault(
      `Group ${group} has no client that is connected. gantry admin consumerProgress -g ${group} tells how far it was.`,
    )
  }
  const clients = all.filter((client) => clientId === undefined || client.clientId === clientId)
  if (clients.length === 0) {
    const ids = all.map((client) => client.clientId)
    throw new CliFault(`Group ${group} has no client ${clientId}.${hint(clientId!, ids)} It has ${ids.join(", ")}.`)
  }
  const subscriptions = new Set(all.map(subscriptionsOf))
  const rows = clients.flatMap((client) =>
    client.info.mqTable.map(([queue, held]) => ({ clientId: client.clientId, held, queue })),
  )
  const told = {
    clients: Output.table(
      {
        clientId: { cell: (client) => client.clientId, title: "CLIENT" },
        version: { cell: ({ version }) => printVersion(version), title: "VERSION" },
        subscriptions: { cell: subscriptionsOf, title: "SUBSCRIPTIONS" },
        queues: { cell: ({ info }) => info.mqTable.length, title: "QUEUES" },
        consumeOkTps: { cell: ({ info }) => rateOf(info, "consumeOKTPS"), title: "A SECOND" },
        consumeFailedMsgs: {
          cell: ({ info }) => sum([...info.statusTable.values()].map(({ consumeFailedMsgs }) => consumeFailedMsgs)),
          title: "FAILED",
        },
      },
      clients,
    ),
    queues: Output.table(
      {
        clientId: { cell: (row) => row.clientId, title: "CLIENT" },
        topic: { cell: ({ queue }) => queue.topic, title: "TOPIC" },
        broker: { cell: ({ queue }) => queue.brokerName, title: "BROKER" },
        queueId: { cell: ({ queue }) => queue.queueId, title: "QUEUE" },
        commitOffset: { cell: ({ held }) => held.commitOffset, title: "OFFSET" },
        cachedMsgCount: { cell: ({ held }) => held.cachedMsgCount, title: "CACHED" },
        cachedMsgSizeInMiB: { cell: ({ held }) => held.cachedMsgSizeInMiB, title: "MIB" },
        locked: { cell: ({ held }) => held.locked, title: "LOCKED" },
        lastPullTimestamp: { cell: ({ held }) => held.lastPullTimestamp, print: Output.time, title: "LAST PULL" },
        lastConsumeTimestamp: {
          cell: ({ held }) => held.lastConsumeTimestamp,
          print: Output.time,
          title: "LAST CONSUMED",
        },
      },
      rows,
    ),
    verdict: Output.facts({
      sameSubscription: [
        "same subscriptions",
        subscriptions.size === 1,
        (value) =>
          value === true ? "yes" : "NO: members of one group must subscribe to the same, or messages are missed",
      ],
    }),
    ...(call.flag("jstack") ? { stacks: stacksOf(clients) } : {}),
  }
  return Output.parts(told)
}

const subscriptionsOf = ({ info }: Running): string =>
  info.subscriptionSet
    .filter(({ topic }) => !Topic.isRetry(topic))
    .map(({ subString, topic }) => `${topic}:${subString}`)
    .toSorted()
    .join(" ")

const rateOf = (info: RunningInfo, rate: "consumeOKTPS"): number =>
  Output.rounded(sum([...info.statusTable.values()].map((status) => status[rate])))

const stacksOf = (clients: ReadonlyArray<Running>): Output.Output => ({
  json: Object.fromEntries(clients.map(({ clientId, info }) => [clientId, info.jstack ?? null])),
  text: clients.map(({ clientId, info }) => `${clientId}\n${info.jstack ?? "(none)"}\n`).join("\n"),
})

export const handlers: Handlers = {
  consumerProgress,
  consumerStatus,
  deleteSubGroup,
  getConsumerConfig,
  setConsumeMode,
  updateSubGroup,
  updateSubGroupList,
}
