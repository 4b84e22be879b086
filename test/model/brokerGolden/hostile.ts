/**
 * Requests that nobody sends by accident: every served code with valid parameters of which some are replaced by what a
 * hostile or broken client may send instead, and bodies that are cut, changed, made up.
 */
import * as fc from "fast-check"
import * as Properties from "../../../src/domain/Properties.ts"
import { PropertyName } from "../../../src/domain/Properties.ts"
import * as Batch from "../../../src/format/Batch.ts"
import type { Ext } from "../../../src/format/Command.ts"

/** One valid request of a code. */
interface Valid {
  readonly code: number
  readonly ext: Ext
  readonly body?: string | Buffer
}

export interface Hostile {
  readonly code: number
  readonly ext: Ext
  readonly body: Buffer
  readonly serialize: 0 | 1
  readonly isOneway: boolean
}

const queue = { queueId: 0, topic: "T" }
const ofGroup = { ...queue, consumerGroup: "G" }
const sent = { a: "P", b: "T", c: "TBW102", d: 4, e: 0, f: 0, g: 1, h: 0, i: "TAGS\u0001A\u0002KEYS\u0001k\u0002" }
const sentV1 = {
  bornTimestamp: 1,
  defaultTopic: "TBW102",
  defaultTopicQueueNums: 4,
  flag: 0,
  producerGroup: "P",
  properties: "",
  queueId: 0,
  reconsumeTimes: 0,
  sysFlag: 0,
  topic: "T",
}
const reply = "MSG_TYPE\u0001reply\u0002REPLY_TO_CLIENT\u0001C\u0002CORRELATION_ID\u0001id\u0002"
const pull = {
  ...ofGroup,
  commitOffset: 0,
  expressionType: "TAG",
  maxMsgNums: 32,
  queueOffset: 0,
  subVersion: 0,
  subscription: "*",
  suspendTimeoutMillis: 100,
  sysFlag: 6,
}
const subscription = { subString: "A || B", subVersion: 1, tagsSet: ["A", "B"], codeSet: [65, 66], topic: "T" }
const heartbeat = {
  clientID: "C",
  consumerDataSet: [{ groupName: "G", consumeType: "CONSUME_PASSIVELY", subscriptionDataSet: [subscription] }],
  producerDataSet: [{ groupName: "P" }],
}
const locked = { clientId: "C", consumerGroup: "G", mqSet: [{ brokerName: "broker-a", ...queue }] }
const asked = { clientId: "C", consumerGroup: "G", messageModel: "CLUSTERING", strategyName: "AVG", topic: "T" }
const topic = { perm: 6, readQueueNums: 4, topic: "T", topicFilterType: "SINGLE_TAG", writeQueueNums: 4 }
const listedTopic = { attributes: { "+message.type": "FIFO" }, readQueueNums: 2, topicName: "L", writeQueueNums: 2 }
const group = { groupName: "G", retryQueueNums: 1, retryMaxTimes: 16 }
const elements = [1, 2].map((n) => ({ body: Buffer.from(`element ${n}`), flag: 0, properties: "TAGS\u0001A\u0002" }))

/** In an order in which each is answered SUCCESS. */
export const valid: ReadonlyArray<Valid> = [
  { body: "hello", code: 10, ext: sentV1 },
  { body: "hello", code: 310, ext: sent },
  { body: "hello", code: 310, ext: { ...sent, i: "DELAY\u00011\u0002", e: -1 } },
  { body: "hello", code: 310, ext: { ...sent, b: "%RETRY%G", j: 3, l: 2 } },
  { body: "hello", code: 310, ext: { ...sent, i: "TRAN_MSG\u0001true\u0002PGROUP\u0001P\u0002UNIQ_KEY\u0001H\u0002" } },
  { body: Batch.encode(elements), code: 320, ext: { ...sent, m: true } },
  { code: 11, ext: pull },
  { code: 361, ext: { ...pull, sysFlag: 0x17 } },
  { code: 12, ext: { beginTimestamp: 0, endTimestamp: "9223372036854775807", key: "k", maxNum: 8, topic: "T" } },
  { code: 14, ext: ofGroup },
  { code: 15, ext: { ...ofGroup, commitOffset: 1 } },
  { code: 17, ext: topic },
  { code: 21, ext: { dataVersion: "", maxTopicNum: 2000, topicSeq: 0 } },
  { code: 26, ext: {} },
  { code: 29, ext: { ...queue, timestamp: 0, boundaryType: "UPPER" } },
  { code: 30, ext: { ...queue, committed: false } },
  { code: 31, ext: queue },
  { code: 32, ext: queue },
  { code: 33, ext: { offset: 0 } },
  { body: JSON.stringify(heartbeat), code: 34, ext: {} },
  { body: "hello", code: 324, ext: { ...sentV1, properties: reply, topic: "DefaultCluster_REPLY_TOPIC" } },
  { body: "hello", code: 325, ext: { ...sent, b: "DefaultCluster_REPLY_TOPIC", i: reply } },
  { code: 36, ext: { delayLevel: 1, group: "G", maxReconsumeTimes: 16, offset: 0 } },
  {
    code: 37,
    ext: {
      commitLogOffset: 0,
      commitOrRollback: 8,
      fromTransactionCheck: true,
      msgId: "H",
      producerGroup: "P",
      topic: "T",
      tranStateTableOffset: 0,
      transactionId: "H",
    },
  },
  { code: 323, ext: { msgId: "7F00000200009BE70000000000000000", topic: "T" } },
  { code: 38, ext: { consumerGroup: "G" } },
  { body: JSON.stringify(locked), code: 41, ext: {} },
  { body: JSON.stringify(locked), code: 42, ext: {} },
  { body: JSON.stringify({ clientId: "C", group: "G", subscriptionData: subscription }), code: 46, ext: {} },
  { body: JSON.stringify(group), code: 200, ext: {} },
  { code: 201, ext: { dataVersion: "", groupSeq: 0, maxGroupNum: 2000 } },
  { code: 202, ext: { topic: "T" } },
  { code: 203, ext: { consumerGroup: "G" } },
  { code: 204, ext: { producerGroup: "P" } },
  { code: 208, ext: { consumerGroup: "G", topic: "T", topicList: "T;U" } },
  { code: 222, ext: { group: "G", isForce: true, offset: -1, queueId: -1, timestamp: 0, topic: "T" } },
  { code: 351, ext: { lo: true, topic: "T" } },
  { body: JSON.stringify({ topicConfigList: [listedTopic] }), code: 18, ext: {} },
  { body: JSON.stringify({ groupConfigList: [{ groupName: "L" }] }), code: 225, ext: {} },
  { code: 352, ext: { group: "G" } },
  { code: 353, ext: { group: "G", readable: true, topic: "T" } },
  { code: 305, ext: {} },
  { code: 300, ext: { topic: "T" } },
  { code: 303, ext: { group: "G", topic: "T" } },
  { code: 308, ext: { compareGroup: "G", filterGroups: "H,I", topic: "T" } },
  { code: 314, ext: { destGroup: "L", offline: true, srcGroup: "G", topic: "T" } },
  { code: 315, ext: { statsKey: "T", statsName: "TOPIC_PUT_NUMS" } },
  { code: 317, ext: { isOrder: false } },
  { code: 321, ext: { ...ofGroup, count: 3, index: 0 } },
  { code: 328, ext: {} },
  { body: JSON.stringify(asked), code: 400, ext: {} },
  { body: JSON.stringify({ consumerGroup: "G", mode: "PULL", popShareQueueNum: 0, topic: "T" }), code: 401, ext: {} },
  { code: 402, ext: {} },
  { code: 343, ext: { group: "G" } },
  { code: 345, ext: { group: "G", topic: "T" } },
  { code: 28, ext: {} },
  { body: "fileReservedTime=71\n", code: 25, ext: {} },
  { code: 43, ext: {} },
  { code: 45, ext: {} },
  { code: 306, ext: {} },
  { code: 316, ext: {} },
  { code: 329, ext: {} },
  { code: 223, ext: { clientAddr: "", group: "G", topic: "T" } },
  { code: 307, ext: { clientId: "C", consumerGroup: "G", jstackEnable: false } },
  { code: 309, ext: { clientId: "C", consumerGroup: "G", msgId: "7F00000200009BE70000000000000000", topic: "T" } },
  { code: 215, ext: { topic: "L" } },
  { code: 207, ext: { cleanOffset: true, groupName: "L" } },
  { code: 35, ext: { clientID: "C", consumerGroup: "G", producerGroup: "P" } },
]

/** Names that reach for other files, for other records, or for JavaScript's own objects. */
const names = [
  "../x",
  "..",
  "a/b",
  "/etc/passwd",
  "..\\x",
  "T\u0000",
  "%RETRY%../../x",
  "%DLQ%/tmp/x",
  "rmq_sys_GANTRY_topic",
  "rmq_sys_GANTRY_offset",
  "SCHEDULE_TOPIC_XXXX",
  "%RETRY%",
  "%RETRY%G",
  "%RETRY%%RETRY%G",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "\u0001\u0002",
  "T\n2026 ERROR forged",
  "T@G",
  "\ud800",
  "名前",
  "x".repeat(128),
  "x".repeat(70_000),
  "TBW102",
  "broker-a",
  "TOOLS_CONSUMER",
]

const numbers = [
  "-1",
  "0",
  "1",
  "2147483647",
  "-2147483648",
  "2147483648",
  "4294967296",
  "9007199254740993",
  "9223372036854775807",
  "-9223372036854775808",
  "99999999999999999999",
  "1e9",
  "0x10",
  "1.5",
  "NaN",
  "Infinity",
  "",
  " 1",
]

const value: fc.Arbitrary<Ext[string]> = fc.oneof(
  fc.constantFrom(...names),
  fc.constantFrom(...numbers),
  fc.constantFrom<Ext[string]>(undefined, null, true, false, "true", "TRUE", "*", "||", "A || B", "SQL92", "a > 5"),
  fc.integer(),
  fc.integer({ max: 5000, min: -5000 }),
  fc.double(),
  fc.string({ unit: "binary", maxLength: 40 }),
)

const propertyName = fc.constantFrom(
  ...Object.values(PropertyName).filter((name) => /^[\w#]+$/.test(name)),
  "__proto__",
  "",
)

/** A property string, or something like one. */
const properties = fc.oneof(
  fc
    .array(fc.tuple(propertyName, value), { maxLength: 6 })
    .map((pairs) => Properties.print(pairs.map(([name, one]) => [name, String(one).slice(0, 2000)] as const))),
  fc
    .array(fc.constantFrom("\u0001", "\u0002", "DELAY", "TAGS", "WAIT", "1", "false"), { maxLength: 20 })
    .map((parts) => parts.join("")),
  fc.constant("x".repeat(40_000)),
)

/** What stands for one member of a JSON body. */
const json = fc.oneof(
  value.map((one) => (typeof one === "number" && !Number.isFinite(one) ? null : one)),
  fc.constantFrom<unknown>([], {}, [null], [[]], { a: [1] }, -1, 1e300),
)

/** The paths of all members of parsed JSON. */
const pathsOf = (node: unknown, path: ReadonlyArray<string> = []): ReadonlyArray<ReadonlyArray<string>> => {
  const paths: Array<ReadonlyArray<string>> = []
  if (typeof node !== "object" || node === null) return paths
  for (const [name, one] of Object.entries(node)) {
    const below = [...path, name]
    paths.push(below, ...pathsOf(one, below))
  }
  return paths
}

const replaced = (node: unknown, path: ReadonlyArray<string>, by: unknown): unknown => {
  const [name, ...rest] = path
  if (name === undefined) return by
  const copy = (Array.isArray(node) ? [...node] : { ...(node as object) }) as { [name: string]: unknown }
  copy[name] = replaced(copy[name], rest, by)
  return copy
}

const hostileJson = (text: string): fc.Arbitrary<Buffer> => {
  const parsed: unknown = JSON.parse(text)
  return fc
    .array(fc.tuple(fc.constantFrom(...pathsOf(parsed)), json), { maxLength: 3, minLength: 1 })
    .map((changes) => {
      let changed: unknown = parsed
      for (const [path, by] of changes) {
        const parent = path.slice(0, -1).reduce<unknown>((node, name) => (node as never)?.[name], changed)
        if (typeof parent === "object" && parent !== null) changed = replaced(changed, path, by)
      }
      return Buffer.from(JSON.stringify(changed))
    })
}

const bodyOf = ({ body = "" }: Valid): fc.Arbitrary<Buffer> => {
  const bytes = Buffer.from(body as string)
  const cut = fc.nat(bytes.length).map((length) => bytes.subarray(0, length))
  const flipped = fc
    .tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.integer({ max: 255, min: 1 }))
    .map(([at, mask]) => {
      const copy = Buffer.from(bytes)
      if (copy.length > 0) copy[at]! ^= mask
      return copy
    })
  const random = fc.uint8Array({ maxLength: 64 }).map((one) => Buffer.from(one))
  const big = fc.constantFrom(Buffer.alloc(20_001, "x"), Buffer.from(`[${"[".repeat(50_000)}`), Buffer.alloc(100_000))
  const made = typeof body === "string" && body.startsWith("{") ? [hostileJson(body), hostileJson(body)] : []
  return fc.oneof({ arbitrary: fc.constant(bytes), weight: 3 }, cut, flipped, random, big, ...made)
}

const changesOf = ({ ext }: Valid): fc.Arbitrary<Ext> => {
  const entries = Object.entries(ext).map(([name, one]) => {
    const isProperties = name === "i" || name === "properties"
    const hostile = isProperties ? fc.oneof(properties, value) : value
    return [name, fc.oneof({ arbitrary: fc.constant(one), weight: 3 }, hostile)] as const
  })
  return fc
    .tuple(fc.record(Object.fromEntries(entries)), fc.dictionary(fc.constantFrom("n", "bname", "ns", ""), value))
    .map(([own, more]) => Object.assign({}, own, more) as Ext)
}

/** Every valid request with one parameter, or one member of its body, left out or replaced by each of the above. */
export const singleChanges = function* (): Generator<Hostile> {
  const all = [undefined, ...names, ...numbers]
  for (const { body = "", code, ext } of valid) {
    const plain = { body: Buffer.from(body as string), code, ext, isOneway: false }
    for (const name of Object.keys(ext))
      for (const [i, one] of all.entries())
        yield { ...plain, ext: { ...ext, [name]: one }, serialize: i % 2 === 0 ? 0 : 1 }
    if (typeof body !== "string" || !body.startsWith("{")) continue
    const parsed: unknown = JSON.parse(body)
    for (const path of pathsOf(parsed))
      for (const one of [...all, null, true, -1, 2 ** 31, 1e300, [], {}, [null], { a: [1] }])
        yield { ...plain, body: Buffer.from(JSON.stringify(replaced(parsed, path, one))), serialize: 0 }
  }
}

/** A hostile request of any served code. */
export const hostile: fc.Arbitrary<Hostile> = fc.constantFrom(...valid).chain((one) =>
  fc.record({
    body: bodyOf(one),
    code: fc.constant(one.code),
    ext: changesOf(one),
    isOneway: fc.integer({ max: 9, min: 0 }).map((n) => n === 0),
    serialize: fc.constantFrom<0 | 1>(0, 1),
  }),
)
