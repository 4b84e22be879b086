/**
 * Whether our answer means what the recorded one means: the same code, parameters and body, apart from what belongs to
 * the run (times of the broker's clock, CommitLog offsets, ids that a broker makes up, ports) and from texts for people.
 */
import * as Properties from "../../../src/domain/Properties.ts"
import { PropertyName } from "../../../src/domain/Properties.ts"
import type { Command } from "../../../src/format/Command.ts"
import * as LenientJson from "../../../src/format/LenientJson.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as MessageId from "../../../src/format/MessageId.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import type { StoredMessage } from "../../../src/format/StoredMessage.ts"
import { bodyIsMessages, isReply, messagesOf, place, propertiesOf, type Recorded, textOf } from "./Recording.ts"
import type { Played, Replayed } from "./Replay.ts"

/** What differs, each in a few words; empty when the answers mean the same. */
export const differences = ({ ours, recorded }: Played, run: Replayed): ReadonlyArray<string> => {
  const { theirs } = recorded
  if (ours === undefined && theirs === undefined) return []
  if (ours === undefined) return ["no answer"]
  if (theirs === undefined) return ["an answer to what was not answered"]
  if (ours.code !== theirs.code) return [`code ${ours.code} for ${theirs.code}`]
  return [
    ...envelope(recorded, ours, theirs),
    ...parameters(recorded, ours, theirs, run),
    ...(bodyIsMessages(recorded.code)
      ? messages(messagesOf(ours), messagesOf(theirs), run)
      : body(recorded.code, ours, theirs)),
  ]
}

const isPull = (code: number): boolean => code === RequestCode.PULL_MESSAGE || code === RequestCode.LITE_PULL_MESSAGE

const envelope = ({ asked, code }: Recorded, ours: Command, theirs: Command): ReadonlyArray<string> => {
  const found: Array<string> = []
  if (ours.opaque !== asked.opaque) found.push("another request's number")
  if (ours.serialize !== asked.serialize) found.push("not in the form of the request")
  if (ours.code !== 0 && (ours.remark ?? "") === "") found.push("a refusal without words")
  // The remark of a pull is the store's status, and a client's log shows it.
  if (isPull(code) && "nextBeginOffset" in theirs.ext && ours.remark !== theirs.remark)
    found.push(`remark ${ours.remark} for ${theirs.remark}`)
  if (theirs.remark === resetPending && ours.remark !== resetPending) found.push("not dropped by the pending reset")
  return found
}

const resetPending = "Offset has been previously reset"

/** Parameters of the run: there in both answers, of the same kind. */
const ofTheRun: ReadonlySet<string> = new Set([
  "indexLastUpdatePhyoffset",
  "indexLastUpdateTimestamp",
  "totalGroupNum",
  "totalTopicNum",
  "version",
])

/** Both brokers' clocks follow the clients' times, apart from how long each took. */
const clockToleranceMs = 5000

const parameters = (recorded: Recorded, ours: Command, theirs: Command, run: Replayed): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const name of new Set([...Object.keys(theirs.ext), ...Object.keys(ours.ext)])) {
    const left = textOf(ours, name)
    const right = textOf(theirs, name)
    if (left === undefined || right === undefined) found.push(`${name} ${left ?? "missing"} for ${right ?? "nothing"}`)
    else if (!isSame(name, left, right, recorded, run)) found.push(`${name} ${left} for ${right}`)
  }
  return found
}

const isSame = (name: string, ours: string, theirs: string, { asked, code }: Recorded, run: Replayed): boolean => {
  if (ofTheRun.has(name)) return ours !== "" && Number.isNaN(Number(ours)) === Number.isNaN(Number(theirs))
  if (name === "msgId") return isSameIds(ours.split(","), theirs.split(","), run)
  if (name === "timestamp") return /^\d+$/.test(ours) && Math.abs(Number(ours) - Number(theirs)) < clockToleranceMs
  const properties = propertiesOf(asked)
  // A delayed message is answered its place among those of its level, whoever sent them.
  if (name === "queueOffset" && Properties.find(properties, PropertyName.DELAY) !== undefined) return /^\d+$/.test(ours)
  // All recordings were made with one broker, and their replies lie in one topic.
  if (name === "queueOffset" && isReply(code)) return /^\d+$/.test(ours)
  if (name === "transactionId" && Properties.find(properties, PropertyName.UNIQ_KEY) === undefined)
    return madeUniqKey.test(ours) && madeUniqKey.test(theirs)
  return ours === theirs
}

/** A unique key that a broker made: the 4 or 16 bytes of its address, then 12 more. */
const madeUniqKey = /^(?:[0-9A-F]{32}|[0-9A-F]{56})$/

const isSameIds = (ours: ReadonlyArray<string>, theirs: ReadonlyArray<string>, run: Replayed): boolean =>
  ours.length === theirs.length &&
  ours.every((id, i) => {
    const left = MessageId.decode(id)
    const right = MessageId.decode(theirs[i]!)
    if (left instanceof Malformed || right instanceof Malformed) return false
    return left.host.equals(right.host) && run.offsets.get(right.physicalOffset) === left.physicalOffset
  })

const messages = (
  ours: ReadonlyArray<StoredMessage>,
  theirs: ReadonlyArray<StoredMessage>,
  run: Replayed,
): ReadonlyArray<string> => {
  const left = ours.map(placeOf)
  const right = theirs.map(placeOf)
  if (left.join() !== right.join()) return [`messages [${left.join()}] for [${right.join()}]`]
  return ours.flatMap((one, i) =>
    // Its content is recorded, its history is not ours.
    run.standIns.has(placeOf(one)) ? [] : message(one, theirs[i]!, run).map((what) => `${placeOf(one)}: ${what}`),
  )
}

const placeOf = ({ queueId, queueOffset, topic }: StoredMessage): string => place(topic, queueId, queueOffset)

const sameFields = ["flag", "sysFlag", "bornTimestamp", "reconsumeTimes", "version"] as const

const message = (ours: StoredMessage, theirs: StoredMessage, run: Replayed): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const field of sameFields) if (ours[field] !== theirs[field]) found.push(`${field} ${ours[field]}`)
  if (!ours.body.equals(theirs.body)) found.push("another body")
  if (!ours.storeHost.equals(theirs.storeHost)) found.push("another store host")
  if (!ours.bornHost.subarray(0, 4).equals(theirs.bornHost.subarray(0, 4))) found.push("another born host")
  if (run.offsets.get(theirs.physicalOffset) !== ours.physicalOffset) found.push("another CommitLog offset than before")
  if (Math.abs(ours.storeTimestamp - theirs.storeTimestamp) > clockToleranceMs) found.push("stored at another time")
  const left = Properties.parse(ours.properties)
  const right = Properties.parse(theirs.properties)
  for (const name of new Set([...left.keys(), ...right.keys()]))
    if (!isSameProperty(name, left.get(name), right.get(name), run))
      found.push(`property ${name} ${left.get(name)} for ${right.get(name)}`)
  return found
}

const isSameProperty = (name: string, ours: string | undefined, theirs: string | undefined, run: Replayed): boolean => {
  // Only ours seals its records.
  if (name === PropertyName.CRC32) return true
  if (ours === undefined || theirs === undefined) return false
  if (name === PropertyName.ORIGIN_MESSAGE_ID && ours !== theirs) return isSameIds([ours], [theirs], run)
  // Made by the broker when the sender gave none.
  if (name === PropertyName.UNIQ_KEY) return ours === theirs || isMadeByBroker(theirs)
  return ours === theirs
}

/** The recorded broker's process id, as its unique keys carry it, differs from its clients'. */
const isMadeByBroker = (uniqKey: string): boolean => uniqKey.startsWith("FD000000000000000000000000000002611C")

const json = (command: Command): LenientJson.Json => {
  const parsed = LenientJson.parseBytes(command.body)
  if (parsed instanceof Malformed) throw parsed
  return parsed
}

const body = (code: number, ours: Command, theirs: Command): ReadonlyArray<string> => {
  if (ours.body.length === 0 || theirs.body.length === 0)
    return ours.body.length === theirs.body.length ? [] : [`a body of ${ours.body.length} bytes`]
  if (code === RequestCode.GET_BROKER_CONFIG) return settings(ours.body.toString(), theirs.body.toString())
  if (code === RequestCode.GET_BROKER_CONSUME_STATS) return consumeStats(json(ours), json(theirs))
  if (code in tables) return table(tables[code]!, json(ours), json(theirs))
  const normal = normals[code]
  if (normal === undefined) return [`a body of ${ours.body.length} bytes that nobody compares`]
  const left = normal(json(ours))
  const right = normal(json(theirs))
  return JSON.stringify(left) === JSON.stringify(right) ? [] : jsonDifferences(left, right, "")
}

const isTree = (one: unknown): one is Readonly<Record<string, unknown>> => typeof one === "object" && one !== null

/** The members that differ, with their path. */
const jsonDifferences = (ours: unknown, theirs: unknown, path: string): ReadonlyArray<string> => {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return []
  if (!isTree(ours) || !isTree(theirs)) return [`body${path} ${JSON.stringify(ours)} for ${JSON.stringify(theirs)}`]
  const names = new Set([...Object.keys(ours), ...Object.keys(theirs)])
  return [...names].flatMap((name) => jsonDifferences(ours[name], theirs[name], `${path}.${name}`))
}

// oxlint-disable-next-line typescript/no-explicit-any -- bodies of many shapes, compared by their meaning
type Tree = any

/** Without the ports. */
const connections = (body: Tree): unknown =>
  body.connectionSet
    .map(({ clientAddr, ...rest }: Tree) => JSON.stringify({ ...rest, host: clientAddr.split(":")[0] }))
    .toSorted()

/** Offsets by queue; of times whether there is one, of rates nothing. Pulls of retry topics were left out. */
const progress = (body: Tree, time: string): unknown =>
  Object.entries(body.offsetTable)
    .map(([queue, { pullOffset, ...offsets }]: [string, Tree]) => {
      const isRetry = queue.includes("%RETRY%")
      return [queue, { ...offsets, pullOffset: isRetry ? undefined : pullOffset, [time]: offsets[time] > 0 }]
    })
    .toSorted()

/** Settings that both have, by their names: what we default differently from the recorded broker is told. */
const settings = (ours: string, theirs: string): ReadonlyArray<string> => {
  const right = new Map(theirs.split("\n").map(pair))
  return ours
    .split("\n")
    .filter((line) => line !== "")
    .map(pair)
    .filter(([name, value]) => !settingsOfTheRun.has(name) && right.has(name) && right.get(name) !== value)
    .map(([name, value]) => `${name}=${value} for ${right.get(name)}`)
}

const settingsOfTheRun: ReadonlySet<string> = new Set([
  "bindAddress",
  "fileReservedTime",
  "mappedFileSizeCommitLog",
  "maxHashSlotNum",
  "maxIndexNum",
  "namesrvAddr",
  "registerNameServerPeriod",
  "storePathRootDir",
])

const pair = (line: string): readonly [string, string] => {
  const at = line.indexOf("=")
  return [line.slice(0, at), line.slice(at + 1)]
}

/** What both say of groups that both know: how far they were elsewhere belongs to the recording's other files. */
const consumeStats = (ours: Tree, theirs: Tree): ReadonlyArray<string> => {
  const [left, right] = [ours, theirs].map((body: Tree) => Object.assign({}, ...body.consumeStatsList))
  const found = ours.brokerAddr === theirs.brokerAddr ? [] : [`brokerAddr ${ours.brokerAddr}`]
  if (Object.keys(ours).join() !== Object.keys(theirs).join()) found.push(`members ${Object.keys(ours).join()}`)
  for (const group of Object.keys(right)) {
    if (!(group in left)) {
      // POP is not served, and what only it made is not there.
      if (!isOfAnotherFile(group, left) && !group.includes("Pop")) found.push(`${group} missing`)
      continue
    }
    const queues = (topics: Tree): Tree => Object.assign({}, ...topics.map(({ offsetTable }: Tree) => offsetTable))
    const their = queues(right[group])
    // What clients committed on their way out was left out of the recording.
    for (const [queue, { brokerOffset, ...rest }] of Object.entries<Tree>(queues(left[group]))) {
      const then = their[queue] ?? { brokerOffset, ...rest }
      if (then.brokerOffset !== brokerOffset) found.push(`${group} ${queue} ends at ${brokerOffset}`)
      if (Object.keys(then).length !== Object.keys(rest).length + 1) found.push(`${group} ${queue} has other members`)
    }
  }
  return found
}

/** Which member of a body is a table by name. */
const tables: { readonly [code: number]: string } = {
  [RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG]: "subscriptionGroupTable",
  [RequestCode.GET_ALL_TOPIC_CONFIG]: "topicConfigTable",
  [RequestCode.GET_ALL_MESSAGE_REQUEST_MODE]: "messageRequestModeMap",
}

/** Names that the recording's other files left behind: one broker served all four. */
const isOfAnotherFile = (name: string, ours: Tree): boolean => {
  const run = /(?:^|%)(?<run>[BEJ][45])[A-Z]/.exec(name)?.groups?.["run"]
  return run !== undefined && !Object.keys(ours).some((own) => own.startsWith(run))
}

/** Whole tables: the same members, and every entry that is in both the same. */
const table = (member: string, ours: Tree, theirs: Tree): ReadonlyArray<string> => {
  const found: Array<string> = []
  const left = ours[member]
  const right = theirs[member]
  if (Object.keys(ours).join() !== Object.keys(theirs).join()) found.push(`members ${Object.keys(ours).join()}`)
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)]))
    if (!(name in left)) found.push(...(isOfAnotherFile(name, left) ? [] : [`${name} missing`]))
    else if (!(name in right)) found.push(`${name} for nothing`)
    else found.push(...jsonDifferences(left[name], right[name], `.${name}`))
  return found
}

/** A text or number with each of its numbers as 0. */
const shapeOf = (value: unknown): string =>
  String(value)
    .replace(/\d+(?:\.\d+)?(?:[Ee]-?\d+)?/g, "0")
    .replace(/ (?:[KMGTPE]i)?B\b/g, " B")

/** The part of a body that does not belong to the run, in one order. */
const normals: { readonly [code: number]: (body: Tree) => unknown } = {
  [RequestCode.GET_CONSUMER_LIST_BY_GROUP]: (body) => [...body.consumerIdList].toSorted(),
  [RequestCode.LOCK_BATCH_MQ]: (body) => body.lockOKMQSet.map((queue: Tree) => JSON.stringify(queue)).toSorted(),
  [RequestCode.QUERY_ASSIGNMENT]: (body) =>
    body.messageQueueAssignments?.map((one: Tree) => JSON.stringify(one)).toSorted(),
  [RequestCode.GET_TOPIC_CONFIG]: (body) => body,
  [RequestCode.GET_CONSUMER_CONNECTION_LIST]: (body) => ({ ...body, connectionSet: connections(body) }),
  [RequestCode.GET_PRODUCER_CONNECTION_LIST]: (body) => ({ ...body, connectionSet: connections(body) }),
  [RequestCode.GET_TOPIC_STATS_INFO]: (body) => progress(body, "lastUpdateTimestamp"),
  [RequestCode.GET_CONSUME_STATS]: (body) => progress(body, "lastTimestamp"),
  [RequestCode.QUERY_TOPIC_CONSUME_BY_WHO]: (body) => body.groupList.toSorted(),
  [RequestCode.QUERY_TOPICS_BY_CONSUMER]: (body) => ({ ...body, topicList: body.topicList.toSorted() }),
  [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_BROKER]: (body) => body.topicList.toSorted(),
  // That the consumers had gone by then was left out of the recording, with what it shows in.
  [RequestCode.QUERY_SUBSCRIPTION_BY_CONSUMER]: ({ subscriptionData: _online, ...body }) => body,
  [RequestCode.UPDATE_AND_GET_GROUP_FORBIDDEN]: (body) => body,
  [RequestCode.GET_CONSUMER_RUNNING_INFO]: (body) => body,
  [RequestCode.CONSUME_MESSAGE_DIRECTLY]: (body) => body,
  [RequestCode.INVOKE_BROKER_TO_GET_CONSUMER_STATUS]: (body) => Object.entries(body.consumerTable).toSorted(),
  [RequestCode.QUERY_CONSUME_TIME_SPAN]: (body) =>
    body.consumeTimeSpanSet.map((span: Tree) =>
      Object.entries(span).map(([name, value]) => [name, typeof value === "object" ? value : shapeOf(value)]),
    ),
  [RequestCode.GET_BROKER_RUNTIME_INFO]: (body) =>
    Object.entries(body.table)
      .filter(([name]) => name !== "getMessageEntireTimeMax")
      .map(([name, value]) => [name.replace(/_\/.*/, "_"), name.endsWith("Tps") ? "" : shapeOf(value)])
      .toSorted(),
  [RequestCode.VIEW_BROKER_STATS_DATA]: (body) => shapeOf(JSON.stringify(body)),
  [RequestCode.QUERY_CONSUME_QUEUE]: ({ filterData, queueData, subscriptionData, ...body }) => ({
    ...body,
    queueData: queueData.map(({ tagsCode, ...one }: Tree) => [tagsCode, Object.keys(one)]),
    topic: subscriptionData?.topic ?? /@(?<topic>\S+)/.exec(filterData)?.groups?.["topic"],
  }),
  [RequestCode.GET_ALL_PRODUCER_INFO]: (body) =>
    Object.entries(body.data)
      .map(([group, clients]: [string, Tree]) => {
        const { language, remoteIP, version } = clients[0]
        const hosts = new Set(clients.map(({ clientId }: Tree) => clientId.split("@")[0]))
        return [group, [...hosts], version, language, shapeOf(remoteIP)]
      })
      .toSorted(),
  [RequestCode.INVOKE_BROKER_TO_RESET_OFFSET]: (body) => Object.entries(body.offsetTable).toSorted(),
}
