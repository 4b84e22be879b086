/**
 * One recorded file as its broker saw it: the exchanges of clients with it in their order, when each was, who sent it,
 * and every message that it ever handed out.
 */
import * as Command from "../../../src/format/Command.ts"
import * as Properties from "../../../src/domain/Properties.ts"
import { PropertyName } from "../../../src/domain/Properties.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import { exchanges, type Exchange } from "../../golden/golden.ts"
import { decodeFrame } from "./Peer.ts"

export const files = ["java-5.5.0-json", "java-5.5.0-binary", "java-4.9.8-json", "java-4.9.8-binary"] as const
export type File = (typeof files)[number]

/** A line of a recording. */
interface Line extends Exchange {
  /** How long the answer took. */
  readonly waitMs?: number
}

export interface Recorded extends Line {
  /** `scenario code`, with a number when the scenario asks the same code again: names the exchange within its file. */
  readonly name: string
  readonly request: string
  readonly asked: Command.Command
  readonly theirs: Command.Command | undefined
  /** The client that asked, as far as the request or its consumer group tells; else `other`. */
  readonly client: string
  /** A held pull that a later recorded send was the answer to. */
  readonly isWoken: boolean
  /** The broker's clock can not have been earlier, ms. */
  readonly atMs: number
}

/** A heartbeat, as far as it matters here. */
interface Heartbeat {
  readonly clientID: string
  readonly consumerDataSet: ReadonlyArray<{
    readonly groupName: string
    readonly subscriptionDataSet: ReadonlyArray<{ readonly topic: string; readonly subVersion: number }>
  }>
}

export const heartbeatOf = (command: Command.Command): Heartbeat => JSON.parse(command.body.toString()) as Heartbeat

export interface Recording {
  readonly asked: ReadonlyArray<Recorded>
  /** Groups that administrators made in exchanges that the recording left out. */
  readonly groupsLeftOut: ReadonlyArray<string>
  /** What the broker sent by itself: code and consumer group. */
  readonly told: ReadonlyArray<{ readonly code: number; readonly group: string; readonly scenario: string }>
  /** Messages by `place`, as the recorded broker handed them out. */
  readonly messages: ReadonlyMap<string, StoredMessage.StoredMessage>
}

/** Where a message stands, as a key. */
export const place = (topic: string, queueId: number, queueOffset: number): string =>
  `${topic} ${queueId}@${queueOffset}`

export const messagesOf = (command: Command.Command): ReadonlyArray<StoredMessage.StoredMessage> => {
  const { messages, rest } = StoredMessage.decodeAll(command.body)
  return rest === undefined ? messages : []
}

export const textOf = (command: Command.Command, name: string): string | undefined => {
  const value = command.ext[name]
  return value === undefined || value === null ? undefined : String(value)
}

export const numberOf = (command: Command.Command, name: string): number | undefined => {
  const text = textOf(command, name)
  return text === undefined ? undefined : Number(text)
}

export const propertiesOf = (command: Command.Command): string =>
  textOf(command, "i") ?? textOf(command, "properties") ?? ""

/** Codes whose answer's body is stored messages. */
export const bodyIsMessages = (code: number): boolean => [11, 361, 12, 33, 200_050, 200_052].includes(code)

export const isReply = (code: number): boolean => code === 324 || code === 325

export const read = (file: File): Recording => {
  const all: ReadonlyArray<Line> = exchanges().filter((exchange) => exchange.file === `${file}.jsonl.gz`)
  const clientsOfGroup = groupClients(all)
  const messages = new Map<string, StoredMessage.StoredMessage>()
  const asked: Array<Recorded> = []
  const told: Array<Recording["told"][number]> = []
  const seen = new Map<string, number>()
  let atMs = 0
  for (const exchange of all) {
    const command = decodeFrame(Buffer.from(exchange.request, "hex"))
    if (exchange.from.startsWith("broker"))
      told.push({ code: exchange.code, group: textOf(command, "consumerGroup") ?? "", scenario: exchange.scenario })
    if (!exchange.to.startsWith("broker")) continue
    const theirs = exchange.response === null ? undefined : decodeFrame(Buffer.from(exchange.response, "hex"))
    if (theirs?.code === 0 && bodyIsMessages(exchange.code))
      for (const one of messagesOf(theirs)) messages.set(place(one.topic, one.queueId, one.queueOffset), one)
    const waker = wakerOf(exchange, theirs, all)
    atMs = Math.max(atMs, clockOf(command), waker === undefined ? 0 : clockOf(waker) - (exchange.waitMs ?? 0))
    const label = `${exchange.scenario} ${exchange.code}`
    const count = (seen.get(label) ?? 0) + 1
    seen.set(label, count)
    const name = count === 1 ? label : `${label} #${count}`
    const client = clientOf(command, clientsOfGroup, asked)
    asked.push({ ...exchange, asked: command, atMs, client, isWoken: waker !== undefined, name, theirs })
  }
  const prefix = /(?<prefix>[BJ][45])Topic/.exec(textOf(asked[0]!.asked, "topic")!)!.groups!["prefix"]!
  return { asked, groupsLeftOut: [`${prefix}GroupDoomed`, `${prefix}GroupPop`], messages, told }
}

/** When a client wrote the request, by the times it carries: never later than the broker's clock. */
const clockOf = (command: Command.Command): number => {
  const times = ["g", "bornTimestamp", "bornTime", "subVersion"].map((name) => numberOf(command, name) ?? 0)
  // What was searched by time lay in the past.
  if (command.code === 29) times.push(numberOf(command, "timestamp") ?? 0)
  if (command.code === 34)
    for (const { subscriptionDataSet } of heartbeatOf(command).consumerDataSet)
      for (const { subVersion } of subscriptionDataSet) times.push(subVersion)
  return Math.max(...times)
}

/** The later send of the message which a held pull was answered with; undefined when nothing recorded woke it. */
const wakerOf = (
  exchange: Line,
  theirs: Command.Command | undefined,
  all: ReadonlyArray<Line>,
): Command.Command | undefined => {
  if (exchange.code !== 11 || theirs?.code !== 0) return undefined
  const key = Properties.find(messagesOf(theirs)[0]?.properties ?? "", PropertyName.UNIQ_KEY)
  if (key === undefined) return undefined
  for (const later of all.slice(all.indexOf(exchange) + 1)) {
    if (later.code !== 310) continue
    const sent = decodeFrame(Buffer.from(later.request, "hex"))
    if (Properties.find(propertiesOf(sent), PropertyName.UNIQ_KEY) === key) return sent
  }
  return undefined
}

const groupClients = (all: ReadonlyArray<Exchange>): ReadonlyMap<string, string> => {
  const clients = new Map<string, string>()
  for (const { code, request } of all) {
    if (code !== 34) continue
    const beat = heartbeatOf(decodeFrame(Buffer.from(request, "hex")))
    for (const { groupName } of beat.consumerDataSet) if (!clients.has(groupName)) clients.set(groupName, beat.clientID)
  }
  return clients
}

const clientOf = (
  command: Command.Command,
  clientsOfGroup: ReadonlyMap<string, string>,
  before: ReadonlyArray<Recorded>,
): string => {
  if (command.code === 34) return heartbeatOf(command).clientID
  const named = textOf(command, "clientID")
  if (named !== undefined) return named
  if (command.code === 41 || command.code === 42 || command.code === 400)
    return (JSON.parse(command.body.toString()) as { readonly clientId: string }).clientId
  const group = textOf(command, "consumerGroup") ?? textOf(command, "group")
  if (group === undefined || !consumerCodes.has(command.code)) return "other"
  // Of two clients of one group, the one that spoke last.
  const last = before.findLast(
    (one) => one.code === 34 && heartbeatOf(one.asked).consumerDataSet.some(({ groupName }) => groupName === group),
  )
  return last?.client ?? clientsOfGroup.get(group) ?? `a client of ${group}`
}

/** What consumers ask for their group; administrators ask others. */
const consumerCodes: ReadonlySet<number> = new Set([11, 14, 15, 36, 38, 361])

/** Property names that a broker adds to a message that is sent to it. */
const stamped: ReadonlySet<string> = new Set([
  PropertyName.MSG_REGION,
  PropertyName.TRACE_ON,
  PropertyName.CLUSTER,
  PropertyName.CRC32,
])

/** The properties that the sender of a stored message gave it. */
export const sentProperties = (properties: string): string =>
  Properties.print([...Properties.parse(properties)].filter(([name]) => !stamped.has(name)))
