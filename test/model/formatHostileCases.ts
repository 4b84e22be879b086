/**
 * Hostile bytes, made from real ones by a seed: cut, overwritten, lengths replaced by negative and huge ones, JSON nested
 * deep, text that is not UTF-8, noise. The same seed gives the same cases. Used by the test and by the bench.
 */
import * as Batch from "../../src/format/Batch.ts"
import * as Checkpoint from "../../src/format/Checkpoint.ts"
import * as Command from "../../src/format/Command.ts"
import * as Compression from "../../src/format/Compression.ts"
import * as ConfigJson from "../../src/format/ConfigJson.ts"
import { ConsumeQueueEntry } from "../../src/format/ConsumeQueueEntry.ts"
import * as Heartbeat from "../../src/format/Heartbeat.ts"
import * as Host from "../../src/format/Host.ts"
import * as LockBatch from "../../src/format/LockBatch.ts"
import * as Lz4Frame from "../../src/format/Lz4Frame.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as MessageId from "../../src/format/MessageId.ts"
import { PullMessage } from "../../src/format/PullMessage.ts"
import * as RegisterBroker from "../../src/format/RegisterBroker.ts"
import { RouteData } from "../../src/format/RouteData.ts"
import { SendMessage, SendMessageV2 } from "../../src/format/SendMessage.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import * as UniqKey from "../../src/format/UniqKey.ts"

/** A decoder under attack, and honest bytes to start from. */
export interface Target {
  readonly name: string
  readonly samples: readonly Buffer[]
  /** Decodes; answers whether the bytes were refused. */
  readonly isRefused: (bytes: Buffer) => boolean
  /** Cases of this target among a thousand. */
  readonly share: number
}

export interface Case {
  readonly target: Target
  readonly kind: Kind
  readonly bytes: Buffer
}

export type Kind = "cut" | "flip" | "length" | "deep" | "utf8" | "noise" | "grown"
const kinds: readonly Kind[] = ["cut", "flip", "length", "deep", "utf8", "noise", "grown"]

const properties = "UNIQ_KEY\u0001FD00000000000000000000000000000262654E0E2F2A68C5B7400000\u0002WAIT\u0001true\u0002"

const send = SendMessage.encode({
  producerGroup: "GroupP",
  topic: "TopicA",
  defaultTopic: "TBW102",
  defaultTopicQueueNums: 4,
  queueId: 1,
  sysFlag: 0,
  bornTimestamp: 1_795_248_987_968,
  flag: 0,
  properties,
  batch: false,
})
const sendV2 = SendMessageV2.encode(SendMessage.decode(send) as SendMessage)

const message: StoredMessage.StoredMessage = {
  version: 1,
  topic: "TopicA",
  queueId: 3,
  flag: 0,
  queueOffset: 5,
  physicalOffset: 1000,
  sysFlag: 0,
  bornTimestamp: 1_700_000_000_000,
  bornHost: Host.make("127.0.0.1", 5000) as Buffer,
  storeTimestamp: 1_700_000_000_001,
  storeHost: Host.make("2001:db8::1", 10_911) as Buffer,
  reconsumeTimes: 0,
  preparedTransactionOffset: 0,
  body: Buffer.from("a body of some words"),
  properties,
}
const record = StoredMessage.encode(message, true)
const batch = Batch.encode([
  { flag: 0, body: message.body, properties },
  { flag: 1, body: message.body, properties },
])

const heartbeat = Buffer.from(
  '{"clientID":"10.0.0.9@1#2","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"CG","messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[2598919,2598920],"expressionType":"TAG","subString":"TagA || TagB","subVersion":1700000000001,"tagsSet":["TagA","TagB"],"topic":"TopicA"}],"unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"}],"withoutSub":false}',
)
const route = Buffer.from(
  '{"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":4,"topicSysFlag":0,"writeQueueNums":4}]}',
)
const lock = Buffer.from(
  '{"clientId":"cid","consumerGroup":"CG","mqSet":[{"brokerName":"broker-a","queueId":0,"topic":"TopicA"}],"onlyThisBroker":false}',
)
const registration = RegisterBroker.decode(
  Buffer.from(
    '{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":2},"topicConfigTable":{"TopicA":{"attributes":{},"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"TopicA","topicSysFlag":0,"writeQueueNums":4}},"topicQueueMappingInfoMap":{}}}',
  ),
  false,
  513,
) as RegisterBroker.RegisterBody

const frames = [0 as const, 1 as const].flatMap((serialize) =>
  [
    Command.request(310, 31, sendV2, message.body),
    Command.request(10, 32, send, message.body),
    Command.request(320, 33, { ...sendV2, m: "true" }, batch),
    Command.request(11, 34, PullMessage.encode({ ...pull(), subscription: "*" })),
    Command.request(34, 35, Command.noExt, heartbeat),
  ].map((command) => Command.encode({ ...command, serialize })),
)

function pull(): PullMessage {
  return {
    consumerGroup: "GroupC",
    topic: "TopicA",
    queueId: 0,
    queueOffset: 17,
    maxMsgNums: 32,
    sysFlag: 7,
    commitOffset: 17,
    suspendTimeoutMillis: 15_000,
    subVersion: 1,
  }
}

const isFrameRefused = (bytes: Buffer): boolean => {
  const length = bytes.length < 4 ? Command.lengthMax + 1 : Command.frameLength(bytes, 0)
  if (length instanceof Malformed || length > bytes.length - 4) return true
  const command = Command.decode(bytes, 4, 4 + length)
  if (command instanceof Malformed) return true
  // What was accepted is looked at as a broker does.
  SendMessageV2.decode(command.ext)
  PullMessage.decode(command.ext)
  return false
}

const refuses =
  (decode: (bytes: Buffer) => unknown) =>
  (bytes: Buffer): boolean =>
    decode(bytes) instanceof Malformed

export const targets: readonly Target[] = [
  { name: "Command", share: 560, samples: frames, isRefused: isFrameRefused },
  { name: "StoredMessage", share: 100, samples: [record], isRefused: refuses(StoredMessage.decode) },
  {
    name: "StoredMessage.check",
    share: 100,
    samples: [record],
    isRefused: (bytes) => StoredMessage.check(bytes, 0, bytes.length).kind === "bad",
  },
  {
    name: "StoredMessage.decodeAll",
    share: 40,
    samples: [Buffer.concat([record, record])],
    isRefused: (bytes) => StoredMessage.decodeAll(bytes).rest !== undefined,
  },
  { name: "Batch", share: 60, samples: [batch], isRefused: refuses(Batch.decode) },
  { name: "Heartbeat", share: 40, samples: [heartbeat], isRefused: refuses(Heartbeat.Heartbeat.decode) },
  { name: "RouteData", share: 15, samples: [route], isRefused: refuses(RouteData.decode) },
  { name: "LockBatch", share: 20, samples: [lock], isRefused: refuses(LockBatch.LockBatch.decode) },
  {
    name: "RegisterBroker",
    share: 15,
    samples: [RegisterBroker.encode(registration)],
    isRefused: refuses((bytes) => RegisterBroker.decode(bytes, false, 513)),
  },
  {
    name: "RegisterBroker, compressed",
    share: 3,
    samples: [RegisterBroker.encodeCompressed(registration)],
    isRefused: refuses((bytes) => RegisterBroker.decode(bytes, true, 513)),
  },
  {
    name: "config files",
    share: 10,
    samples: [Buffer.from('{"dataVersion":{"counter":11},\n\t"offsetTable":{"T@G":{\n0:17,1:4}}}')],
    isRefused: refuses((bytes) => ConfigJson.parseConsumerOffsets(bytes.toString("utf8"))),
  },
  {
    name: "MessageId",
    share: 10,
    samples: [Buffer.from("0A00000100002A9F00000000075BCD15")],
    isRefused: refuses((bytes) => MessageId.decode(bytes.toString("latin1"))),
  },
  {
    name: "UniqKey",
    share: 5,
    samples: [Buffer.from("FD00000000000000000000000000000262654E0E2F2A68C5B7400000")],
    isRefused: refuses((bytes) => UniqKey.decode(bytes.toString("latin1"))),
  },
  {
    name: "Host",
    share: 5,
    samples: [Buffer.from("[2001:db8::1]:10911"), Buffer.from("10.0.0.1:10911")],
    isRefused: refuses((bytes) => Host.parse(bytes.toString("latin1"))),
  },
  {
    name: "ConsumeQueueEntry",
    share: 5,
    samples: [ConsumeQueueEntry.encode({ commitLogOffset: 135_064, sizeBytes: 323, tagsCode: 80 })],
    isRefused: refuses((bytes) => ConsumeQueueEntry.decode(bytes)),
  },
  {
    name: "Checkpoint",
    share: 5,
    samples: [Buffer.alloc(48)],
    isRefused: refuses((bytes) => Checkpoint.decode(bytes)),
  },
  {
    name: "Lz4Frame",
    share: 4,
    samples: [Lz4Frame.compress(Buffer.alloc(500, "abc def "))],
    isRefused: refuses((bytes) => Lz4Frame.decompress(bytes, 4096)),
  },
  {
    name: "ZLIB",
    share: 2,
    samples: [Compression.compress("ZLIB", Buffer.alloc(500, "abc def "))],
    isRefused: refuses((bytes) => Compression.decompress("ZLIB", bytes, 4096)),
  },
  {
    name: "ZSTD",
    share: 1,
    samples: [Compression.compress("ZSTD", Buffer.alloc(500, "abc def "))],
    isRefused: refuses((bytes) => Compression.decompress("ZSTD", bytes, 4096)),
  },
]

/** Marsaglia's xorshift: 32 bits, all that a choice among bytes needs. */
const randomOf = (seed: number): ((below: number) => number) => {
  let state = seed | 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const wheel = targets.flatMap((target) => Array.from({ length: target.share }, () => target))

/** Makes cases without end. */
export const hostileCases = (seed: number): (() => Case) => {
  const random = randomOf(seed)
  return () => {
    const target = wheel[random(wheel.length)] as Target
    const kind = kinds[random(kinds.length)] as Kind
    const sample = target.samples[random(target.samples.length)] as Buffer
    return { target, kind, bytes: attacks[kind](sample, random) }
  }
}

type Attack = (sample: Buffer, random: (below: number) => number) => Buffer

const hostileLengths = [-1, -2_147_483_648, 2_147_483_647, 16_777_216, 65_536, 0, 1, 255]
const badUtf8 = [0xff, 0xc0, 0x80, 0xed, 0xf5]

const attacks: Readonly<Record<Kind, Attack>> = {
  cut: (sample, random) => sample.subarray(0, random(sample.length)),
  flip: (sample, random) => {
    const bytes = Buffer.from(sample)
    for (let times = 1 + random(6); times > 0; times--) bytes[random(bytes.length)] = random(256)
    return bytes
  },
  length: (sample, random) => {
    const bytes = Buffer.from(sample)
    if (bytes.length < 4) return bytes
    bytes.writeInt32BE(hostileLengths[random(hostileLengths.length)] as number, random(bytes.length - 3))
    return bytes
  },
  deep: (sample, random) => {
    const depth = 40 + random(200)
    const open = ["[", '{"a":', "[{'a':", "{{", "/*"][random(5)] as string
    const json = open.repeat(depth)
    const at = random(2) === 0 ? sample.indexOf(0x7b) : random(sample.length)
    const bytes = Buffer.concat([sample.subarray(0, Math.max(at, 0)), Buffer.from(json)])
    return reframed(bytes, sample)
  },
  utf8: (sample, random) => {
    const bytes = Buffer.from(sample)
    bytes[random(bytes.length)] = badUtf8[random(badUtf8.length)] as number
    return bytes
  },
  noise: (sample, random) => {
    const bytes = Buffer.allocUnsafe(random(sample.length + 8))
    for (let at = 0; at < bytes.length; at++) bytes[at] = random(256)
    return random(2) === 0 ? reframed(bytes, sample) : bytes
  },
  grown: (sample, random) => {
    const at = random(sample.length)
    return reframed(Buffer.concat([sample.subarray(0, at), sample.subarray(random(at + 1))]), sample)
  },
}

/** Gives what was made from a frame the outer lengths of a frame, so that what is inside is reached. */
const reframed = (bytes: Buffer, sample: Buffer): Buffer => {
  if (bytes.length < 8 || sample.length < 8 || sample.readInt32BE(0) !== sample.length - 4) return bytes
  bytes.writeInt32BE(bytes.length - 4, 0)
  bytes.writeUInt32BE(((bytes[4] as number) & 1 ? 0x0100_0000 : 0) | (bytes.length - 8), 4)
  return bytes
}
