/**
 * The body of REGISTER_BROKER (103): a broker's topics and their version. Plain JSON, or compressed: a zlib stream of
 *
 *   version, int32 length + JSON | topic count int32 | each topic, int32 length + text
 *   | filter servers, int32 length + JSON array | mapping count int32, each int32 length + JSON (from 5.0.0 on)
 *
 * where a topic is `name read write perm filterType attributesJson`: `order` and `topicSysFlag` are lost.
 * Source: spec/wire.md, register body.
 */
import { deflateSync } from "node:zlib"
import * as Compression from "./Compression.ts"
import { DataVersion, TopicConfig } from "./ConfigJson.ts"
import * as Ext from "./Ext.ts"
import * as LenientJson from "./LenientJson.ts"
import { Malformed } from "./Malformed.ts"
import { MappingInfo } from "./RouteData.ts"
import { flag, int, list, long, map, numberMap, optional, orElse, record, tableSizeMax, text } from "./shape.ts"
import * as Utf8 from "./Utf8.ts"
import { threshold } from "./Version.ts"

const noVersion: DataVersion = { stateVersion: 0, timestamp: 0, counter: 0 }

/** Which physical queues a logical queue of a static topic has lived in. */
const MappingItem = record("LogicQueueMappingItem", {
  bname: text,
  queueId: int,
  gen: orElse(int, 0),
  logicOffset: orElse(long, 0),
  startOffset: orElse(long, 0),
  endOffset: orElse(long, -1),
  timeOfStart: orElse(long, -1),
  timeOfEnd: orElse(long, -1),
})

const MappingDetail = record("TopicQueueMappingDetail", {
  topic: text,
  bname: text,
  totalQueues: int,
  epoch: orElse(long, 0),
  scope: orElse(text, "__global__"),
  dirty: orElse(flag, false),
  currIdMap: orElse(numberMap(int), new Map()),
  hostedQueues: orElse(numberMap(list(MappingItem)), new Map()),
})

/** A broker's topics: part of a registration, and the answer to GET_ALL_TOPIC_CONFIG (21). */
export const TopicConfigs = record(
  "TopicConfigAndMappingSerializeWrapper",
  {
    dataVersion: orElse(DataVersion, noVersion),
    topicConfigTable: orElse(map(TopicConfig), new Map()),
    mappingDataVersion: optional(DataVersion),
    topicQueueMappingInfoMap: optional(map(MappingInfo)),
    topicQueueMappingDetailMap: optional(map(MappingDetail)),
  },
  tableSizeMax,
)
export type TopicConfigs = typeof TopicConfigs.Type

export const RegisterBody = record(
  "RegisterBrokerBody",
  {
    topicConfigSerializeWrapper: orElse(TopicConfigs, { dataVersion: noVersion, topicConfigTable: new Map() }),
    filterServerList: orElse(list(text), []),
  },
  tableSizeMax,
)
export type RegisterBody = typeof RegisterBody.Type

const malformed = (reason: string) => new Malformed("RegisterBrokerBody", reason)

const nothing: RegisterBody = RegisterBody.read({}) as RegisterBody

/**
 * Reads a registration as the sender's version and its `compressed` parameter say. An absent body counts as no topics
 * at version zero; senders before 3.0.11 send the topics alone.
 */
export const decode = (body: Buffer, compressed: boolean, senderVersion: number): RegisterBody | Malformed => {
  if (body.length === 0) return nothing
  if (compressed) return decodeCompressed(body, senderVersion)
  if (senderVersion >= threshold.registerBody) return RegisterBody.decode(body)
  const topicConfigSerializeWrapper = TopicConfigs.decode(body)
  return topicConfigSerializeWrapper instanceof Malformed
    ? topicConfigSerializeWrapper
    : { topicConfigSerializeWrapper, filterServerList: [] }
}

export const encode = (body: RegisterBody): Buffer => RegisterBody.encode(body)

/** Longest content of a compressed registration: a small stream must not grow without bound. */
const inflatedSizeMax = 64 * 1024 * 1024

/** Reads counted texts from a buffer; once one did not fit, `failed` says so and all others are empty. */
class Reader {
  readonly #buffer: Buffer
  #at = 0
  failed: string | undefined

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  count(): number {
    if (this.failed !== undefined || this.#buffer.length - this.#at < 4) return this.#fail("ends too soon")
    const value = this.#buffer.readInt32BE(this.#at)
    this.#at += 4
    // Whatever is counted takes at least the four bytes of its own length, or one byte of text.
    return value < 0 || value > this.#buffer.length - this.#at ? this.#fail(`count ${value}`) : value
  }

  text(): string {
    const length = this.count()
    const read = Utf8.read(this.#buffer, this.#at, this.#at + length)
    this.#at += length
    if (read === undefined) this.#fail("text is not UTF-8")
    return read ?? ""
  }

  json<T>(shape: { readonly read: (json: LenientJson.Json) => T | Malformed }): T | undefined {
    const start = this.#at + 4
    const source = this.text()
    if (this.failed !== undefined) return undefined
    const excess = LenientJson.guard(this.#buffer, start, this.#at)
    const json = excess === undefined ? LenientJson.parse(source) : malformed(excess)
    const value = json instanceof Malformed ? json : shape.read(json)
    if (!(value instanceof Malformed)) return value
    this.#fail(value.reason)
    return undefined
  }

  #fail(reason: string): number {
    this.failed ??= reason
    return 0
  }
}

const decodeCompressed = (body: Buffer, senderVersion: number): RegisterBody | Malformed => {
  const inflated = Compression.decompress("ZLIB", body, inflatedSizeMax)
  if (inflated instanceof Malformed) return malformed(inflated.reason)
  const reader = new Reader(inflated)
  const dataVersion = reader.json(DataVersion)
  const topicConfigTable = new Map<string, typeof TopicConfig.Type>()
  for (let left = reader.count(); left > 0 && reader.failed === undefined; left--) {
    const topic = parseTopic(reader.text())
    if (topic instanceof Malformed) return topic
    topicConfigTable.set(topic.topicName, topic)
  }
  const filterServerList = reader.json(list(text))
  const wrapper: TopicConfigs = { dataVersion: dataVersion ?? noVersion, topicConfigTable }
  if (senderVersion >= threshold.registerQueueMapping) {
    const topicQueueMappingInfoMap = new Map<string, typeof MappingInfo.Type>()
    for (let left = reader.count(); left > 0 && reader.failed === undefined; left--) {
      const info = reader.json(MappingInfo)
      if (info !== undefined) topicQueueMappingInfoMap.set(info.topic, info)
    }
    if (reader.failed !== undefined) return malformed(reader.failed)
    return {
      topicConfigSerializeWrapper: { ...wrapper, topicQueueMappingInfoMap },
      filterServerList: filterServerList ?? [],
    }
  }
  if (reader.failed !== undefined) return malformed(reader.failed)
  return { topicConfigSerializeWrapper: wrapper, filterServerList: filterServerList ?? [] }
}

/** `name read write perm filterType attributesJson`; before 5.0.0 without the last. */
const parseTopic = (line: string): typeof TopicConfig.Type | Malformed => {
  const [topicName, ...words] = line.split(" ")
  const [readQueueNums, writeQueueNums, perm] = words.slice(0, 3).map(Ext.parseInt32)
  const source = words.slice(4).join(" ")
  // Attributes are a flat object; nested ones would be refused, so their depth needs no guard of its own here.
  const attributes = source === "" || source.length > 65_536 ? {} : LenientJson.parse(source)
  if (attributes instanceof Malformed) return attributes
  if (topicName === undefined || topicName === "" || Number.isNaN(readQueueNums ?? Number.NaN)) {
    return malformed(`topic ${line.slice(0, 128)}`)
  }
  return TopicConfig.read({
    topicName,
    readQueueNums: readQueueNums ?? Number.NaN,
    writeQueueNums: writeQueueNums ?? Number.NaN,
    perm: perm ?? Number.NaN,
    topicFilterType: words[3] ?? "SINGLE_TAG",
    attributes,
  })
}

/** The compressed form, with the mapping section that peers of 5.0.0 and later expect. */
export const encodeCompressed = (body: RegisterBody): Buffer => {
  const { filterServerList, topicConfigSerializeWrapper } = body
  const topics = [...topicConfigSerializeWrapper.topicConfigTable.values()]
  const mappings = [...(topicConfigSerializeWrapper.topicQueueMappingInfoMap?.values() ?? [])]
  const parts = [
    counted(DataVersion.encode(topicConfigSerializeWrapper.dataVersion)),
    int32(topics.length),
    ...topics.map((topic) => counted(Buffer.from(topicLine(topic), "utf8"))),
    counted(Buffer.from(JSON.stringify(filterServerList), "utf8")),
    int32(mappings.length),
    ...mappings.map((info) => counted(MappingInfo.encode(info))),
  ]
  return deflateSync(Buffer.concat(parts), { level: 9 })
}

const topicLine = (topic: typeof TopicConfig.Type): string =>
  [
    topic.topicName,
    topic.readQueueNums,
    topic.writeQueueNums,
    topic.perm,
    topic.topicFilterType,
    JSON.stringify(topic.attributes),
  ].join(" ")

const int32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

const counted = (bytes: Buffer): Buffer => Buffer.concat([int32(bytes.length), bytes])
