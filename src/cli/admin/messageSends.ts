/** Sending by hand. */
import * as Properties from "../../domain/Properties.ts"
import { CliFault } from "../CliFault.ts"
import { queuesOf } from "../ClusterClient.ts"
import { MessageSender } from "../MessageSender.ts"
import { targetOf } from "../produce.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import * as Output from "./Output.ts"
import { flagOf, intMax } from "./options.ts"
import { timedSends } from "./sends.ts"

const sendMessage: Handler = async (admin, call) => {
  const topic = admin.topic()
  const brokerName = call.text("broker")
  const queueId = call.integer("qid", 0, intMax)
  if (queueId !== undefined && brokerName === undefined)
    throw call.refusal("--qid needs --broker: queues are counted broker by broker.")
  if (flagOf(call, "msgTraceEnable") === true)
    throw call.refusal("--msgTraceEnable true: this command sends no traces; clients do, when they are told to.")
  const properties: Array<readonly [string, string]> = [[Properties.PropertyName.WAIT, "true"]]
  for (const [option, name] of [
    ["key", Properties.PropertyName.KEYS],
    ["tags", Properties.PropertyName.TAGS],
  ] as const) {
    const value = call.text(option)
    if (value === undefined) continue
    if (value.includes(Properties.nameEnd) || value.includes(Properties.pairEnd))
      throw call.refusal(`--${option} contains a control character that RocketMQ separates properties with.`)
    properties.push([name, value])
  }
  const { queues } = await targetOf(admin.cluster, topic)
  const fitting = queues.filter(
    (queue) =>
      (brokerName === undefined || queue.brokerName === brokerName) &&
      (queueId === undefined || queue.queueId === queueId),
  )
  const queue = fitting[Math.floor(Math.random() * fitting.length)]
  if (queue === undefined) {
    const brokers = [...new Set(queues.map((each) => each.brokerName))]
    throw new CliFault(
      `Topic ${topic} has no queue to write to ${queueId === undefined ? "" : `with number ${queueId} `}on broker ${brokerName}. It has ${brokers
        .map((name) => `${queues.filter((each) => each.brokerName === name).length} on ${name}`)
        .join(", ")}.`,
    )
  }
  const sent = await new MessageSender(admin.cluster).send(queue, properties, Buffer.from(call.text("body")!))
  const output = Output.table(
    {
      broker: { cell: () => queue.brokerName, title: "BROKER" },
      queueId: { cell: (row) => row.queueId, title: "QUEUE" },
      queueOffset: { cell: (row) => row.queueOffset, title: "OFFSET" },
      result: { cell: (row) => row.status, title: "RESULT" },
      msgId: { cell: (row) => row.id, title: "MESSAGE ID" },
    },
    [sent],
  )
  return { ...output, isPartial: !sent.isOnDisk }
}

const checkMsgSendRT: Handler = async (admin, call) => {
  const topic = admin.topic()
  const amount = call.integer("amount", 1, 1_000_000) ?? 100
  const sizeBytes = call.integer("size", 0, 4 * 1024 * 1024) ?? 128
  const queues = queuesOf(topic, await admin.route(topic), "write")
  if (queues.length === 0)
    throw new CliFault(
      `Topic ${topic} has no queue that can be written to. Open it: gantry admin updateTopicPerm -t ${topic} -c DefaultCluster -p 6.`,
    )
  return timedSends(admin, queues, amount, sizeBytes)
}

export const handlers: Handlers = { checkMsgSendRT, sendMessage }
