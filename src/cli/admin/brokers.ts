/** What administrators do with brokers. */
import * as AdminFormat from "../../format/Admin.ts"
import { ConsumeStatsList } from "../../format/ConsumeStats.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { KvTable } from "../../format/RouteData.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { hint } from "../../domain/Nearest.ts"
import { CliFault } from "../CliFault.ts"
import * as PropertyFile from "../../format/PropertyFile.ts"
import type { Broker } from "../ClusterClient.ts"
import type { Admin } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import { settings } from "./names.ts"
import * as Output from "./Output.ts"
import { flagOf, intMax, offsetMax } from "./options.ts"
import { timedSends } from "./sends.ts"

/** All brokers of --clusterName, replicas too, or the one of --brokerAddr. */
const members = async (admin: Admin): Promise<ReadonlyArray<Broker>> => {
  const given = admin.given("brokerAddr")
  return given === undefined ? admin.members(admin.call.text("clusterName")) : [given]
}

const titleOf = ({ address, brokerName, isGiven }: Broker): string =>
  isGiven === true ? brokerName : `${brokerName} ${PeerAddress.print(address)}`

const brokerStatus: Handler = async (admin) => {
  const brokers = await members(admin)
  const tables = await Promise.all(
    brokers.map((broker) => admin.ask(broker, { code: RequestCode.GET_BROKER_RUNTIME_INFO }, KvTable)),
  )
  return Output.parts(
    Object.fromEntries(
      tables.map(({ table }, at) => {
        const rows = [...table]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => [key, Output.visible(value)])
        const title = titleOf(brokers[at]!)
        return [
          title,
          { json: Object.fromEntries(table), text: `${title}\n${Output.aligned(["WHAT", "VALUE"], rows, new Set())}` },
        ]
      }),
    ),
  )
}

const getBrokerConfig: Handler = async (admin) => {
  const brokers = await members(admin)
  const answers = await Promise.all(
    brokers.map((broker) => admin.accepted(broker, { code: RequestCode.GET_BROKER_CONFIG })),
  )
  return Output.parts(
    Object.fromEntries(
      answers.map(({ body }, at) => {
        const title = titleOf(brokers[at]!)
        return [title, settings(title, body.toString())]
      }),
    ),
  )
}

const updateBrokerConfig: Handler = async (admin, call) => {
  const [name, value] = [call.text("key")!, call.text("value")!]
  const isAll = flagOf(call, "updateAllBroker") ?? false
  const brokers = isAll ? await members(admin) : await admin.targets()
  const known = await Promise.all(
    brokers.map(async (broker) => {
      const { body } = await admin.accepted(broker, { code: RequestCode.GET_BROKER_CONFIG })
      return PropertyFile.parse(body.toString(), broker.brokerName).map((entry) => entry.name)
    }),
  )
  // A broker takes any name, so that a mistyped one would seem to be set.
  for (const [at, names] of known.entries())
    if (!names.includes(name))
      throw new CliFault(
        `The broker ${brokers[at]!.brokerName} has no setting ${name}.${hint(name, names)} Nothing was changed.`,
      )
  const request = {
    body: Buffer.from(`${PropertyFile.escape(name)}=${PropertyFile.escape(value)}\n`),
    code: RequestCode.UPDATE_BROKER_CONFIG,
  }
  await admin.change(brokers, () => request)
  return results(brokers, `${name}=${value}`)
}

const results = (brokers: ReadonlyArray<Broker>, result: string): Output.Output =>
  Output.table(
    {
      broker: { cell: ({ brokerName }) => brokerName, title: "BROKER" },
      result: { cell: () => result, title: "RESULT" },
    },
    brokers,
  )

const brokerConsumeStats: Handler = async (admin, call) => {
  const broker = admin.given("brokerAddr")!
  const isOrder = flagOf(call, "order") ?? false
  const level = call.integer("level", 0, offsetMax) ?? 0
  const patienceMs = call.integer("timeoutMillis", 1, intMax) ?? 50_000
  const request = {
    code: RequestCode.GET_BROKER_CONSUME_STATS,
    ext: AdminFormat.GetBrokerConsumeStats.encode({ isOrder }),
  }
  const { body } = await admin.accepted(broker, request, patienceMs)
  const { consumeStatsList, totalDiff } = admin.read(ConsumeStatsList, body, `The broker ${broker.brokerName}`)
  const rows = consumeStatsList
    .flatMap((byGroup) => Array.from(byGroup))
    .flatMap(([group, stats]) =>
      stats.flatMap(({ offsetTable }) => offsetTable.map(([queue, progress]) => ({ group, progress, queue }))),
    )
    .filter(({ progress }) => progress.brokerOffset - progress.consumerOffset >= level)
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  return Output.table(
    {
      topic: { cell: ({ queue }) => queue.topic, title: "TOPIC" },
      group: { cell: ({ group }) => group, title: "GROUP" },
      broker: { cell: ({ queue }) => queue.brokerName, title: "BROKER" },
      queueId: { cell: ({ queue }) => queue.queueId, title: "QUEUE" },
      brokerOffset: { cell: ({ progress }) => progress.brokerOffset, title: "BROKER OFFSET" },
      consumerOffset: { cell: ({ progress }) => progress.consumerOffset, title: "CONSUMER OFFSET" },
      diff: { cell: ({ progress }) => progress.brokerOffset - progress.consumerOffset, title: "LAG" },
      lastTimestamp: { cell: ({ progress }) => progress.lastTimestamp, print: Output.time, title: "LAST CONSUMED" },
    },
    rows,
    { below: { facts: { diffTotal: ["lag", totalDiff] }, name: "queues" } },
  )
}

const keyOf = ({
  group,
  queue,
}: {
  readonly group: string
  readonly queue: { readonly topic: string; readonly queueId: number }
}): string => `${queue.topic} ${group} ${String(queue.queueId).padStart(6, "0")}`

const sendMsgStatus: Handler = async (admin, call) => {
  const count = call.integer("count", 1, 1_000_000) ?? 50
  const sizeBytes = call.integer("messageSize", 0, 4 * 1024 * 1024) ?? 128
  const broker = await admin.named(call.text("brokerName")!)
  return timedSends(admin, [{ ...broker, queueId: 0, topic: broker.brokerName }], count, sizeBytes)
}

/** One of the commands that tell brokers to tidy up. */
const tidy =
  (code: number, result: string, question?: string): Handler =>
  async (admin) => {
    const brokers = await admin.targets("cluster")
    if (question !== undefined)
      await admin.confirm(`${question} on ${brokers.map(({ brokerName }) => brokerName).join(", ")}.`)
    await admin.change(brokers, () => ({ code }))
    return results(brokers, result)
  }

export const handlers: Handlers = {
  brokerConsumeStats,
  brokerStatus,
  cleanExpiredCQ: tidy(RequestCode.CLEAN_EXPIRED_CONSUMEQUEUE, "expired queue files are deleted"),
  cleanUnusedTopic: tidy(
    RequestCode.CLEAN_UNUSED_TOPIC,
    "unused topics are cleaned",
    "What is left of unused topics is deleted",
  ),
  deleteExpiredCommitLog: tidy(
    RequestCode.DELETE_EXPIRED_COMMITLOG,
    "expired log files are deleted",
    "Expired log files are deleted",
  ),
  getBrokerConfig,
  sendMsgStatus,
  updateBrokerConfig,
}
