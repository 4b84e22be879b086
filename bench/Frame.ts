/**
 * The few frames that the load generator speaks, by hand: JSON headers as the Java client 5.5.0 writes them, answers read
 * just far enough to know which request they belong to. Not shared with src/format on purpose: the generator must stay
 * the same while the codecs change, must not hide a bug that both ends have, and may skip all that it does not need.
 *
 * A request frame is built once per queue and then only patched: the opaque has ten digits, the time of birth thirteen
 * and the counter in the unique key eight hex digits in every message, so that no length ever changes.
 *
 * Source: spec/wire.md §1 (frames), §5.1 (send), §6.1 (pull); the bytes are checked against recorded ones in
 * test/model/benchLoad.test.ts.
 */

export const RequestCode = {
  pullMessage: 11,
  updateAndCreateTopic: 17,
  getMaxOffset: 30,
  getRouteInfoByTopic: 105,
  sendMessageV2: 310,
} as const

export const ResponseCode = {
  success: 0,
  topicNotExist: 17,
  pullNotFound: 19,
  pullRetryImmediately: 20,
  pullOffsetMoved: 21,
} as const

/** The protocol version that the requests announce: 5.5.0. */
const version = 513

/** Every patched opaque lies in `opaqueBase .. 2^31-1`, and so has ten digits. */
export const opaqueBase = 1_000_000_000
const opaqueSpan = 1_000_000_000

/** The opaque of the `turn`-th request of a slot: unique until `opaqueSpan` requests of the connection are over. */
export const opaqueOf = (slot: number, turn: number, slots: number): number =>
  opaqueBase + (((turn % Math.floor(opaqueSpan / slots)) * slots + slot) | 0)

/** The slot that an opaque made by `opaqueOf` belongs to. */
export const slotOf = (opaque: number, slots: number): number => (opaque - opaqueBase) % slots

/** A whole frame: length, header length (type 0, JSON), header, body. */
export const frame = (header: string, body: Uint8Array): Buffer => {
  const headerSizeBytes = Buffer.byteLength(header)
  const bytes = Buffer.allocUnsafe(8 + headerSizeBytes + body.length)
  bytes.writeUInt32BE(4 + headerSizeBytes + body.length, 0)
  bytes.writeUInt32BE(headerSizeBytes, 4)
  bytes.write(header, 8)
  bytes.set(body, 8 + headerSizeBytes)
  return bytes
}

const noBody = new Uint8Array(0)

/** A request with a JSON header, its members in the order in which the Java client prints them. */
export const request = (
  code: number,
  opaque: number,
  extFields: Readonly<Record<string, string>>,
  body: Uint8Array = noBody,
): Buffer =>
  frame(
    JSON.stringify({ code, extFields, flag: 0, language: "JAVA", opaque, serializeTypeCurrentRPC: "JSON", version }),
    body,
  )

export interface SendFields {
  readonly producerGroup: string
  readonly topic: string
  readonly queueId: number
  readonly bornTimestamp: number
  readonly uniqKey: string
  readonly brokerName: string
  readonly opaque: number
}

/** One SEND_MESSAGE_V2 (310), as `DefaultMQProducer.send` writes it. */
export const sendRequest = (fields: SendFields, body: Uint8Array): Buffer =>
  request(
    RequestCode.sendMessageV2,
    fields.opaque,
    {
      a: fields.producerGroup,
      b: fields.topic,
      c: "TBW102",
      d: "4",
      e: String(fields.queueId),
      f: "0",
      g: String(fields.bornTimestamp),
      h: "0",
      i: `UNIQ_KEY\u0001${fields.uniqKey}\u0002WAIT\u0001true\u0002`,
      j: "0",
      k: "false",
      m: "false",
      n: fields.brokerName,
    },
    body,
  )

export interface PullFields {
  readonly consumerGroup: string
  readonly topic: string
  readonly queueId: number
  readonly queueOffset: number
  readonly maxMsgNums: number
  readonly brokerName: string
  readonly opaque: number
}

/** Bit 2 of a pull's sysFlag: the subscription stands in the request, so that no heartbeat has to come before. */
const pullWithSubscription = "4"

/** One PULL_MESSAGE (11) of everything in a queue, without long polling and without a commit. */
export const pullRequest = (fields: PullFields): Buffer =>
  request(RequestCode.pullMessage, fields.opaque, {
    queueId: String(fields.queueId),
    commitOffset: "0",
    subscription: "*",
    suspendTimeoutMillis: "1000",
    bname: fields.brokerName,
    sysFlag: pullWithSubscription,
    expressionType: "TAG",
    ReqT: "0",
    topic: fields.topic,
    consumerGroup: fields.consumerGroup,
    maxMsgNums: String(fields.maxMsgNums),
    queueOffset: String(fields.queueOffset),
    subVersion: "0",
    maxMsgBytes: "2147483647",
  })

/** A send frame and where in it the parts stand that differ from message to message. */
export interface SendTemplate {
  readonly bytes: Buffer
  readonly opaqueAt: number
  readonly bornTimestampAt: number
  /** First of the eight hex digits that count. */
  readonly counterAt: number
}

const uniqKeyPrefix = "7F000001000026A42E8F0001"

export const sendTemplate = (
  fields: Pick<SendFields, "producerGroup" | "topic" | "queueId" | "brokerName">,
  body: Uint8Array,
): SendTemplate => {
  const bytes = sendRequest(
    { ...fields, bornTimestamp: 1_700_000_000_000, uniqKey: `${uniqKeyPrefix}00000000`, opaque: opaqueBase },
    body,
  )
  return {
    bytes,
    opaqueAt: bytes.indexOf(`"opaque":${opaqueBase}`) + '"opaque":'.length,
    bornTimestampAt: bytes.indexOf('"g":"1700000000000"') + '"g":"'.length,
    counterAt: bytes.indexOf(uniqKeyPrefix) + uniqKeyPrefix.length,
  }
}

/** Overwrites `digits` decimal digits at `at`. `value` is a whole number with no more digits than that. */
export const patchDecimal = (bytes: Buffer, at: number, digits: number, value: number): void => {
  let rest = value
  for (let position = at + digits - 1; position >= at; position--) {
    const next = Math.floor(rest / 10)
    bytes[position] = 0x30 + (rest - next * 10)
    rest = next
  }
}

/** Overwrites eight hex digits at `at` with a uint32. */
export const patchHex = (bytes: Buffer, at: number, value: number): void => {
  let rest = value
  for (let position = at + 7; position >= at; position--) {
    const digit = rest & 15
    bytes[position] = digit < 10 ? 0x30 + digit : 0x37 + digit
    rest >>>= 4
  }
}

/** What the generator knows of an answer, or the fake broker of a request. One object, filled again and again. */
export interface Head {
  code: number
  opaque: number
}

const codeFirst = [0x7b22636f, 0x6465223a] as const // {"code":
const opaqueKey = '"opaque":'
const opaqueMiddle = 0x70617175 // paqu

/** Where the opaque stood in the last header, counted from its end: the members behind it rarely change. */
let opaqueFromEnd = 58

const digitsAt = (buffer: Buffer, start: number, end: number): number => {
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = (buffer[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  return value
}

/** Reads the header in `start .. end`; false when it has no code or no opaque. */
export const readJsonHead = (buffer: Buffer, start: number, end: number, head: Head): boolean => {
  if (buffer.readUInt32BE(start) === codeFirst[0] && buffer.readUInt32BE(start + 4) === codeFirst[1]) {
    head.code = digitsAt(buffer, start + 8, end)
  } else {
    const at = buffer.subarray(start, end).indexOf('"code":')
    if (at < 0) return false
    head.code = digitsAt(buffer, start + at + 7, end)
  }
  let at = end - opaqueFromEnd
  if (at < start || buffer.readUInt32BE(at + 2) !== opaqueMiddle || buffer[at + 8] !== 0x3a) {
    const found = buffer.subarray(start, end).lastIndexOf(opaqueKey)
    if (found < 0) return false
    at = start + found
    opaqueFromEnd = end - at
  }
  head.opaque = digitsAt(buffer, at + opaqueKey.length, end)
  return true
}

/** Reads code and opaque of the frame whose header length stands at `at`, JSON or binary; false when neither fits. */
export const readHead = (buffer: Buffer, at: number, head: Head): boolean => {
  const typed = buffer.readUInt32BE(at)
  const start = at + 4
  if (typed >>> 24 === 0) return readJsonHead(buffer, start, start + typed, head)
  head.code = buffer.readInt16BE(start)
  head.opaque = buffer.readInt32BE(start + 5)
  return true
}

/** An extension field of an answer as a number; -1 when it is not there. JSON headers only. */
export const extNumber = (buffer: Buffer, at: number, key: string): number => {
  const end = at + 4 + (buffer.readUInt32BE(at) & 0xffffff)
  const needle = `"${key}":"`
  const found = buffer.subarray(at + 4, end).indexOf(needle)
  return found < 0 ? -1 : digitsAt(buffer, at + 4 + found + needle.length, end)
}

const recordMagic = [0xdaa320a7, 0xdaa320ab] as const

/** Counts the stored messages back to back in `start .. end`; -1 when they are not exactly that. */
export const countRecords = (buffer: Buffer, start: number, end: number): number => {
  let count = 0
  let at = start
  while (at < end) {
    if (end - at < 8) return -1
    const sizeBytes = buffer.readUInt32BE(at)
    const magic = buffer.readUInt32BE(at + 4)
    if (sizeBytes < 8 || sizeBytes > end - at || (magic !== recordMagic[0] && magic !== recordMagic[1])) return -1
    count += 1
    at += sizeBytes
  }
  return count
}
