/** Who is connected: consumers and producers. */
import * as AdminFormat from "../../format/Admin.ts"
import { ProducerConnection, ProducerTable } from "../../format/Connections.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { CliFault } from "../CliFault.ts"
import type { Admin } from "./Admin.ts"
import type { Handler, Handlers } from "./AdminWords.ts"
import { printVersion } from "./clientVersion.ts"
import { connectionOf } from "./progress.ts"
import * as Output from "./Output.ts"

interface Client {
  readonly clientId: string
  readonly clientAddr: string
  readonly language: string
  readonly version: number
}

const clientColumns = {
  clientId: { cell: (client: Client) => client.clientId, title: "CLIENT" },
  clientAddr: { cell: (client: Client) => client.clientAddr, title: "ADDRESS" },
  language: { cell: (client: Client) => client.language, title: "LANGUAGE" },
  version: { cell: (client: Client) => printVersion(client.version), title: "VERSION" },
}

const consumerConnection: Handler = async (admin) => {
  const group = admin.group("consumerGroup")
  const given = admin.given("brokerAddr")
  const brokers = given === undefined ? await admin.masters() : [given]
  const connections = (await Promise.all(brokers.map((broker) => connectionOf(admin, broker, group)))).filter(
    (connection) => connection !== undefined,
  )
  const first = connections[0]
  if (first === undefined) throw await notConnected(admin, group)
  // A client is connected to every broker of its topics.
  const clients = new Map(
    connections.flatMap(({ connectionSet }) => connectionSet.map((each) => [each.clientId, each])),
  )
  const subscriptions = new Map(connections.flatMap(({ subscriptionTable }) => Array.from(subscriptionTable)))
  const mixed = connections.find(({ mixedSubscriptions }) => mixedSubscriptions !== undefined)?.mixedSubscriptions
  return Output.parts({
    clients: Output.table(clientColumns, [...clients.values()]),
    subscriptions: Output.table(
      {
        topic: { cell: ({ topic }) => topic, title: "TOPIC" },
        expression: { cell: ({ subString }) => subString, title: "EXPRESSION" },
        expressionType: { cell: ({ expressionType }) => expressionType, title: "BY" },
      },
      [...subscriptions.values()],
    ),
    group: Output.facts({
      consumeType: ["type", first.consumeType],
      messageModel: ["model", first.messageModel],
      consumeFromWhere: ["starts from", first.consumeFromWhere],
      ...(mixed === undefined ? {} : { mixedSubscriptions: ["loses messages: members subscribe differently", mixed] }),
    }),
  })
}

const notConnected = async (admin: Admin, group: string): Promise<CliFault> => {
  if (!(await admin.groups()).has(group)) return admin.unknownGroup(group)
  return new CliFault(
    `Group ${group} has no client that is connected. gantry admin consumerProgress -g ${group} tells how far it was.`,
  )
}

const producerConnection: Handler = async (admin, call) => {
  const producerGroup = call.text("producerGroup")!
  const brokers = await admin.mastersOf(admin.topic())
  const request = {
    code: RequestCode.GET_PRODUCER_CONNECTION_LIST,
    ext: AdminFormat.ProducerGroupOf.encode({ producerGroup }),
  }
  // A broker that knows nobody of the group says SYSTEM_ERROR.
  const lists = await Promise.all(
    brokers.map((broker) => admin.askIf(broker, request, ProducerConnection, [ResponseCode.SYSTEM_ERROR])),
  )
  const clients = new Map(lists.flatMap((list) => (list?.connectionSet ?? []).map((each) => [each.clientId, each])))
  if (clients.size === 0)
    throw new CliFault(
      `No producer of group ${producerGroup} is connected to a broker of topic ${admin.topic()}. Producers connect to a broker when they send to it.`,
    )
  return Output.table(clientColumns, [...clients.values()])
}

const producer: Handler = async (admin) => {
  const broker = admin.given("broker")!
  const { data } = await admin.ask(broker, { code: RequestCode.GET_ALL_PRODUCER_INFO }, ProducerTable)
  const rows = [...data]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([group, clients]) =>
      clients.map((client) => ({ ...client, clientAddr: client.remoteIP.replace(/^\//, ""), group })),
    )
  return Output.table(
    {
      group: { cell: ({ group }) => group, title: "GROUP" },
      ...clientColumns,
      lastUpdateTimestamp: { cell: (client) => client.lastUpdateTimestamp, print: Output.time, title: "LAST HEARD" },
    },
    rows,
  )
}

export const handlers: Handlers = { consumerConnection, producer, producerConnection }
