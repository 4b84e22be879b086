/** What administrators look at first: the clusters, their brokers, their traffic. */
import { setTimeout as sleep } from "node:timers/promises"
import * as AdminFormat from "../../format/Admin.ts"
import { BrokerStatsData } from "../../format/BrokerStats.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { KvTable } from "../../format/RouteData.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import type { Call } from "../Call.ts"
import { type Broker, detailOf } from "../ClusterClient.ts"
import type { Admin, Member } from "./Admin.ts"
import { mastersIn } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import * as Output from "./Output.ts"
import { aFewAtATime, groupsOf, statsOf } from "./progress.ts"
import { sendTimed } from "./sends.ts"

/** Tells the outcome again and again when --interval asks for it: all but the last, which the caller tells. */
const repeated = async (call: Call, find: () => Promise<Output.Output>): Promise<Output.Output> => {
  const seconds = call.integer("interval", 1, 86_400)
  if (seconds === undefined) return find()
  const stop = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort())
  for (;;) {
    const output = await find()
    await sleep(seconds * 1000, undefined, { signal: stop.signal }).catch(() => {})
    if (stop.signal.aborted) return output
    const isJson = call.text("output") === "json"
    process.stdout.write(isJson ? `${JSON.stringify(output.json)}\n` : `${output.text}\n`)
  }
}

interface Listed {
  readonly member: Member
  /** What the broker measures; a text says why it is not known. */
  readonly runtime: ReadonlyMap<string, string> | string
}

const clusterList: Handler = (admin, call) => {
  const isMore = call.flag("moreStats")
  return repeated(call, async () => {
    const rows = await Promise.all(
      (await admin.members(call.text("clusterName"))).map(async (member): Promise<Listed> => ({
        member,
        runtime: await runtimeOf(admin, member),
      })),
    )
    const place = {
      cluster: { cell: ({ member }: Listed) => member.cluster, title: "CLUSTER" },
      broker: { cell: ({ member }: Listed) => member.brokerName, title: "BROKER" },
    }
    const output = isMore ? Output.table({ ...place, ...totals }, rows) : Output.table({ ...place, ...figures }, rows)
    const silent = rows.filter(({ runtime }) => typeof runtime === "string")
    if (silent.length === 0) return output
    const why = silent.map(
      ({ member, runtime }) => `${member.brokerName} ${PeerAddress.print(member.address)}: ${String(runtime)}\n`,
    )
    return { ...output, isPartial: true, text: `${output.text}\n${why.join("")}` }
  })
}

const runtimeOf = async (admin: Admin, broker: Broker): Promise<ReadonlyMap<string, string> | string> => {
  const answer = await admin.cluster.ask(broker.address, { code: RequestCode.GET_BROKER_RUNTIME_INFO }, 5_000)
  if (answer instanceof RemotingError) return `cannot be asked (${detailOf(answer)}); is its advertised address right?`
  if (answer.code !== ResponseCode.SUCCESS) return `does not tell: ${answer.remark ?? answer.code}`
  return admin.read(KvTable, answer.body, `The broker ${broker.brokerName}`).table
}

const textOf = ({ runtime }: Listed, key: string): string | undefined =>
  typeof runtime === "string" ? undefined : runtime.get(key)

const numberOf = (listed: Listed, key: string): number | undefined => {
  const text = textOf(listed, key)
  const value = text === undefined || text === "" ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** `putTps` and such hold three rates: of the last 10 s, 1 min, 10 min. */
const rateOf = (listed: Listed, key: string): number | undefined => {
  const first = Number(textOf(listed, key)?.split(" ")[0] || Number.NaN)
  return Number.isFinite(first) ? Output.rounded(first) : undefined
}

const difference = (listed: Listed, later: string, earlier: string): number | undefined => {
  const [a, b] = [numberOf(listed, later), numberOf(listed, earlier)]
  return a === undefined || b === undefined ? undefined : a - b
}

const figures = {
  brokerId: { cell: ({ member }: Listed) => member.brokerId, title: "ID" },
  address: { cell: ({ member }: Listed) => PeerAddress.print(member.address), title: "ADDRESS" },
  version: { cell: (listed: Listed) => textOf(listed, "brokerVersionDesc"), title: "VERSION" },
  inTps: { cell: (listed: Listed) => rateOf(listed, "putTps"), title: "IN A SECOND" },
  outTps: {
    cell: (listed: Listed) => rateOf(listed, "getTransferredTps") ?? rateOf(listed, "getTransferedTps"),
    title: "OUT A SECOND",
  },
  pageCacheLockTimeMillis: { cell: (listed: Listed) => numberOf(listed, "pageCacheLockTimeMills"), title: "WAIT MS" },
  earliestMessageTimestamp: {
    cell: (listed: Listed) => numberOf(listed, "earliestMessageTimeStamp"),
    print: Output.time,
    title: "FIRST MESSAGE",
  },
  diskRatio: {
    cell: (listed: Listed) => numberOf(listed, "commitLogDiskRatio"),
    print: (value: Output.Cell) => (typeof value === "number" ? `${Math.round(value * 100)}%` : "-"),
    title: "DISK",
  },
  isActive: { cell: (listed: Listed) => textOf(listed, "brokerActive") !== "false", title: "ACTIVE" },
}

const totals = {
  inYesterday: {
    cell: (listed: Listed) => difference(listed, "msgPutTotalTodayMorning", "msgPutTotalYesterdayMorning"),
    title: "IN YESTERDAY",
  },
  outYesterday: {
    cell: (listed: Listed) => difference(listed, "msgGetTotalTodayMorning", "msgGetTotalYesterdayMorning"),
    title: "OUT YESTERDAY",
  },
  inToday: {
    cell: (listed: Listed) => difference(listed, "msgPutTotalTodayNow", "msgPutTotalTodayMorning"),
    title: "IN TODAY",
  },
  outToday: {
    cell: (listed: Listed) => difference(listed, "msgGetTotalTodayNow", "msgGetTotalTodayMorning"),
    title: "OUT TODAY",
  },
}

const clusterRT: Handler = (admin, call) => {
  const amount = call.integer("amount", 1, 1_000_000) ?? 100
  const sizeBytes = call.integer("size", 0, 4 * 1024 * 1024) ?? 128
  return repeated(call, async () => {
    const rows = []
    for (const master of await admin.masters(call.text("cluster"))) {
      const sends = await sendTimed(admin, [{ ...master, queueId: 0, topic: master.brokerName }], amount, sizeBytes)
      const done = sends.filter(({ sent }) => sent !== undefined)
      const total = done.reduce((sum, { ms }) => sum + ms, 0)
      rows.push({
        averageMs: done.length === 0 ? undefined : Output.rounded(total / done.length),
        failed: sends.length - done.length,
        master,
        reason: sends.find(({ reason }) => reason !== undefined)?.reason,
        succeeded: done.length,
      })
    }
    const output = Output.table(
      {
        cluster: { cell: ({ master }) => master.cluster, title: "CLUSTER" },
        broker: { cell: ({ master }) => master.brokerName, title: "BROKER" },
        averageMs: { cell: ({ averageMs }) => averageMs, title: "AVERAGE MS" },
        succeeded: { cell: ({ succeeded }) => succeeded, title: "SENT" },
        failed: { cell: ({ failed }) => failed, title: "FAILED" },
        reason: { cell: ({ reason }) => reason, title: "WHY" },
      },
      rows,
    )
    return { ...output, isPartial: rows.some(({ failed }) => failed > 0) }
  })
}

interface Traffic {
  readonly topic: string
  readonly group: string | null
  readonly lag: number | null
  readonly inTps: number
  readonly outTps: number | null
  readonly inDay: number
  readonly outDay: number | null
}

const statsAll: Handler = async (admin, call) => {
  const wanted = call.text("topic")
  if (wanted !== undefined) await admin.route(admin.topic())
  const topics = wanted === undefined ? await admin.applicationTopics() : [wanted]
  const rows = (await aFewAtATime(topics, (topic) => trafficOf(admin, topic))).flat()
  const shown = call.flag("activeTopic")
    ? rows.filter(({ inDay, inTps, outTps }) => inTps > 0 || inDay > 0 || (outTps ?? 0) > 0)
    : rows
  return Output.table<Traffic>(
    {
      topic: { cell: ({ topic }) => topic, title: "TOPIC" },
      group: { cell: ({ group }) => group ?? undefined, title: "GROUP" },
      accumulation: { cell: ({ lag }) => lag ?? undefined, title: "LAG" },
      inTps: { cell: ({ inTps }) => inTps, title: "IN A SECOND" },
      outTps: { cell: ({ outTps }) => outTps ?? undefined, title: "OUT A SECOND" },
      inMsg24Hour: { cell: ({ inDay }) => inDay, title: "IN 24 H" },
      outMsg24Hour: { cell: ({ outDay }) => outDay ?? undefined, title: "OUT 24 H" },
    },
    shown,
  )
}

/** A line for each group of a topic; one without a group when nobody consumes it. */
const trafficOf = async (admin: Admin, topic: string): Promise<ReadonlyArray<Traffic>> => {
  const route = await admin.cluster.routeOf(topic)
  if (route === undefined) return []
  const brokers = mastersIn(route)
  const sent = await countsOf(admin, brokers, "TOPIC_PUT_NUMS", topic)
  const groups = await groupsOf(admin, topic, brokers)
  if (groups.length === 0)
    return [{ group: null, inDay: sent.day, inTps: sent.tps, lag: null, outDay: null, outTps: null, topic }]
  return Promise.all(
    groups.map(async (group) => {
      const got = await countsOf(admin, brokers, "GROUP_GET_NUMS", `${topic}@${group}`)
      const stats = await Promise.all(brokers.map((broker) => statsOf(admin, broker, group, topic)))
      const lag = stats
        .flatMap(({ offsetTable }) => offsetTable)
        .reduce((sum, [, { brokerOffset, consumerOffset }]) => sum + brokerOffset - consumerOffset, 0)
      return { group, inDay: sent.day, inTps: sent.tps, lag, outDay: got.day, outTps: got.tps, topic }
    }),
  )
}

/** A count of the last minute and of the last day, over all brokers; a broker that has not counted knows nothing. */
const countsOf = async (
  admin: Admin,
  brokers: ReadonlyArray<Broker>,
  statsName: string,
  statsKey: string,
): Promise<{ readonly tps: number; readonly day: number }> => {
  const request = {
    code: RequestCode.VIEW_BROKER_STATS_DATA,
    ext: AdminFormat.ViewBrokerStats.encode({ statsKey, statsName }),
  }
  const found = await Promise.all(
    brokers.map((broker) => admin.askIf(broker, request, BrokerStatsData, [ResponseCode.SYSTEM_ERROR])),
  )
  const known = found.filter((stats) => stats !== undefined)
  return {
    // A broker fills the window of a day hour by hour: until then the smaller ones know more.
    day: known.reduce((sum, { statsDay, statsHour, statsMinute }) => {
      return sum + (statsDay.sum || statsHour.sum || statsMinute.sum)
    }, 0),
    tps: Output.rounded(known.reduce((sum, { statsMinute }) => sum + statsMinute.tps, 0)),
  }
}

export const handlers: Handlers = { clusterList, clusterRT, statsAll }
