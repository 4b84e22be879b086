/**
 * Vectors: what Apache RocketMQ 5.5.0's own functions make of edge cases and random inputs.
 */
import { describe, expect, it } from "vitest"
import * as Admin from "../../src/format/Admin.ts"
import * as Batch from "../../src/format/Batch.ts"
import * as Checkpoint from "../../src/format/Checkpoint.ts"
import * as Command from "../../src/format/Command.ts"
import * as Compression from "../../src/format/Compression.ts"
import { ConsumerOffsets, GroupConfig, Topics } from "../../src/format/ConfigJson.ts"
import {
  BatchConsumeQueueEntry,
  ConsumeQueueEntry,
  isExtAddress,
  preBlank,
} from "../../src/format/ConsumeQueueEntry.ts"
import { ConsumeStats, ResetOffsets } from "../../src/format/ConsumeStats.ts"
import { crc31 } from "../../src/format/Crc32.ts"
import * as Ext from "../../src/format/Ext.ts"
import { Heartbeat } from "../../src/format/Heartbeat.ts"
import type { Header, Parameters } from "../../src/format/header.ts"
import type { Host } from "../../src/format/Host.ts"
import * as HostFormat from "../../src/format/Host.ts"
import * as IndexFile from "../../src/format/IndexFile.ts"
import type { Language } from "../../src/format/Language.ts"
import { LockBatch } from "../../src/format/LockBatch.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as MessageId from "../../src/format/MessageId.ts"
import * as NameServer from "../../src/format/NameServer.ts"
import * as PullMessage from "../../src/format/PullMessage.ts"
import * as RecordCrc from "../../src/format/RecordCrc.ts"
import { RouteData } from "../../src/format/RouteData.ts"
import * as SendMessage from "../../src/format/SendMessage.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import type { Members, RecordShape } from "../../src/format/shape.ts"
import { legacy, map, pretty, text } from "../../src/format/shape.ts"
import { TimerCheckpoint, TimerLogUnit, TimerSlot, slotIndex } from "../../src/format/Timer.ts"
import * as UniqKey from "../../src/format/UniqKey.ts"
import * as SysFlag from "../../src/domain/SysFlag.ts"
import type { Case } from "../golden/golden.ts"
import { cases } from "../golden/golden.ts"

const valueOf = <T>(decoded: T | Malformed): T => {
  if (decoded instanceof Malformed) throw decoded
  return decoded
}

const hex = (bytes: Buffer): string => bytes.toString("hex")
const bytesOf = (text: string | null): Buffer => Buffer.from(text ?? "", "hex")
const isError = (expected: unknown): boolean => typeof expected === "object" && expected !== null && "error" in expected
const isExact = (digits: string): boolean => Number.isSafeInteger(Number(digits))

const hostOf = ({ ip, port }: { readonly ip: string; readonly port: number }): Host => {
  const tail = Buffer.alloc(4)
  tail.writeInt32BE(port)
  return Buffer.concat([bytesOf(ip), tail])
}

/** Parameters as texts, without the absent ones. */
const texts = (ext: Ext.Ext) =>
  Object.fromEntries(
    Object.keys(ext).flatMap((name) => {
      const value = Ext.text(ext, name)
      return value === undefined ? [] : [[name, value]]
    }),
  )

/** A message model of 5.5.0 that we read as CLUSTERING. */
const known = (json: string) => json.replace("LITE_SELECTIVE", "CLUSTERING")

/** The message that a case describes. */
const messageOf = (one: Case): StoredMessage.StoredMessage => ({
  version: one["version"] as 1 | 2,
  topic: one["topic"] as string,
  queueId: one["queueId"] as number,
  flag: one["flag"] as number,
  queueOffset: Number(one["queueOffset"] ?? 0),
  physicalOffset: 0,
  sysFlag: one["sysFlag"] as number,
  bornTimestamp: Number(one["bornTimestamp"]),
  bornHost: hostOf(one["bornHost"]),
  storeTimestamp: Number(one["storeTimestamp"]),
  storeHost: hostOf(one["storeHost"]),
  reconsumeTimes: one["reconsumeTimes"] as number,
  preparedTransactionOffset: Number(one["preparedTransactionOffset"] ?? 0),
  body: bytesOf(one["body"] as string | null),
  properties: (one["propertiesString"] as string | null) ?? "",
})

/** Decodes a frame behind its length and compares it with what Java decodes. */
const expectDecoded = (bytes: Buffer, start: number, expected: Case["expected"], note: string) => {
  const command = valueOf(Command.decode(bytes, start, bytes.length))
  const extFields = Object.entries((expected.extFields ?? {}) as Record<string, string | null>)
  expect(
    {
      code: command.code,
      language: command.language ?? null,
      version: command.version,
      opaque: command.opaque,
      flag: command.flag,
      remark: command.remark ?? null,
      ext: texts(command.ext),
      response: Command.isResponse(command),
      oneway: Command.isOneway(command),
    },
    note,
  ).toEqual({
    code: expected.code,
    language: expected.language,
    version: expected.version,
    opaque: expected.opaque,
    flag: expected.flag,
    remark: expected.remark,
    ext: Object.fromEntries(extFields.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
    response: expected.response,
    oneway: expected.oneway,
  })
  return command
}

describe("remoting header", () => {
  it("encodes as Java does, to the byte", () => {
    for (const one of cases("remoting-header", "encode")) {
      const ext =
        one["extOrder"] === null
          ? Command.noExt
          : (Object.fromEntries(one["extOrder"] as [string, string][]) as Ext.Ext)
      const frame = Command.encode({
        code: one["code"] as number,
        language: one["language"] as Language,
        version: one["version"] as number,
        opaque: one["opaque"] as number,
        flag: one["flag"] as number,
        remark: (one["remark"] as string | null) ?? undefined,
        ext,
        body: bytesOf(one["body"] as string | null),
        serialize: one["type"] === "JSON" ? 0 : 1,
      })
      const { expected } = one
      // An object lists keys that are digits first: the order of such parameters is not kept, their meaning is.
      const isOrdered = Object.keys(ext).every((key, index) => key === one["extOrder"]?.[index]?.[0])
      if (isOrdered) expect(hex(frame), JSON.stringify(one)).toBe(expected.frame)
      // Java reads an empty name as the text null.
      if ("" in ext) continue
      expectDecoded(bytesOf(expected.frame as string), 4, expected.decoded, JSON.stringify(one))
    }
  })

  /** Where we read what 5.5.0 refuses: older peers send it, or it harms nothing. */
  const tolerated = new Set([
    "{opaque:1,code:5}",
    '{"opaque":1,"extFields":{1:"a"}}',
    '{"opaque":1,"extFields":{a:"b"}}',
    '{"opaque":1,"body":"aGk="}',
  ])

  it("decodes what Java decodes and refuses what it refuses", () => {
    for (const one of cases("remoting-header", "decode")) {
      const bytes = bytesOf(one["bytes"] as string)
      const json = bytes.toString("utf8", 4)
      // Java resolves references in a header; no peer sends them, and here they are text.
      if (json.includes("$ref")) continue
      if (!isError(one.expected)) expectDecoded(bytes, 0, one.expected, json)
      else if (!tolerated.has(json)) expect(Command.decode(bytes, 0, bytes.length), json).toBeInstanceOf(Malformed)
    }
  })

  const classes: Readonly<Record<string, Header<Parameters>>> = {
    SendMessageRequestHeader: SendMessage.SendMessage,
    SendMessageResponseHeader: SendMessage.SendMessageAnswer,
    ConsumerSendMsgBackRequestHeader: SendMessage.ConsumerSendMsgBack,
    EndTransactionRequestHeader: SendMessage.EndTransaction,
    CheckTransactionStateRequestHeader: SendMessage.CheckTransactionState,
    ReplyMessageRequestHeader: SendMessage.PushReplyMessage,
    RecallMessageRequestHeader: SendMessage.RecallMessage,
    PullMessageRequestHeader: PullMessage.PullMessage,
    PullMessageResponseHeader: PullMessage.PullMessageAnswer,
    QueryConsumerOffsetRequestHeader: PullMessage.QueryConsumerOffset,
    UpdateConsumerOffsetRequestHeader: PullMessage.UpdateConsumerOffset,
    SearchOffsetRequestHeader: PullMessage.SearchOffset,
    SearchOffsetResponseHeader: PullMessage.OffsetAnswer,
    GetMaxOffsetRequestHeader: PullMessage.GetMaxOffset,
    GetMinOffsetRequestHeader: PullMessage.GetMinOffset,
    GetEarliestMsgStoretimeResponseHeader: PullMessage.StoretimeAnswer,
    ViewMessageRequestHeader: PullMessage.ViewMessage,
    QueryMessageResponseHeader: PullMessage.QueryMessageAnswer,
    GetConsumerListByGroupRequestHeader: PullMessage.ConsumerGroupOf,
    UnregisterClientRequestHeader: PullMessage.UnregisterClient,
    RegisterBrokerRequestHeader: NameServer.RegisterBroker,
    RegisterBrokerResponseHeader: NameServer.RegisterBrokerAnswer,
    UnRegisterBrokerRequestHeader: NameServer.BrokerOf,
    QueryDataVersionResponseHeader: NameServer.QueryDataVersionAnswer,
    BrokerHeartbeatRequestHeader: NameServer.BrokerHeartbeat,
    GetBrokerMemberGroupRequestHeader: NameServer.GetBrokerMemberGroup,
    NotifyMinBrokerIdChangeRequestHeader: NameServer.NotifyMinBrokerIdChange,
    GetRouteInfoRequestHeader: NameServer.GetRouteInfo,
    PutKVConfigRequestHeader: NameServer.PutKvConfig,
    CreateTopicRequestHeader: Admin.CreateTopic,
    GetConsumeStatsRequestHeader: Admin.GetConsumeStats,
    ResetOffsetRequestHeader: Admin.ResetOffset,
    GetConsumerRunningInfoRequestHeader: Admin.GetConsumerRunningInfo,
    ConsumeMessageDirectlyResultRequestHeader: Admin.ConsumeMessageDirectly,
  }

  it("reads the parameters that Java's headers become, and writes the same", () => {
    const seen = new Set<string>()
    for (const one of cases("remoting-header", "customHeader")) {
      const name = one["class"] as string
      const declared = classes[name]
      if (declared === undefined) continue
      seen.add(name)
      const ext = one.expected as Record<string, string>
      const value = declared.decode(ext)
      if (value instanceof Malformed) {
        // Java leaves a missing parameter null; and a random long may lie beyond what a number holds exactly.
        expect(value.reason).toMatch(/is missing|is no number: -?\d{16,}/)
        continue
      }
      const written = texts(declared.encode(value))
      for (const key of Object.values(declared.keys)) if (key in ext) expect(written[key], name).toBe(ext[key])
    }
    expect(Object.keys(classes).filter((name) => !seen.has(name))).toEqual([])
  })

  it("prints bodies as Java does, on one line and indented, and reads them back", () => {
    const bodies: Readonly<Record<string, RecordShape<Members>>> = {
      TopicRouteData: RouteData,
      ConsumeStats,
      LockBatchRequestBody: LockBatch,
      ResetOffsetBody: ResetOffsets,
      HeartbeatData: Heartbeat,
      SubscriptionGroupConfig: GroupConfig,
      TopicConfigSerializeWrapper: Topics,
    }
    for (const one of cases("remoting-header", "jsonBody")) {
      const { compact, pretty: indented } = one.expected as { compact: string; pretty: string }
      const name = one["class"] as string
      const shape = bodies[name]
      if (name === "Map") {
        const value = valueOf(map(text).read(JSON.parse(compact)))
        expect(map(text).print(value, legacy, "")).toBe(compact)
        expect(map(text).print(value, pretty, "")).toBe(indented)
      } else if (name === "ConsumerOffsetSerializeWrapper") {
        // Written by a bean without a data version, which ours always has.
        const value = valueOf(ConsumerOffsets.decode(Buffer.from(compact)))
        expect(ConsumerOffsets.print(value, legacy, "")).toBe(
          `{"dataVersion":{"counter":0,"stateVersion":0,"timestamp":0},${compact.slice(1)}`,
        )
      } else {
        if (shape === undefined) throw new Error(`no shape for ${name}`)
        const value = valueOf(shape.decode(Buffer.from(compact)))
        expect(shape.print(value, legacy, "")).toBe(known(compact))
        expect(shape.print(value, pretty, "")).toBe(known(indented))
        expect(shape.decode(Buffer.from(indented))).toEqual(value)
      }
    }
  })

  it("escapes text as Java does", () => {
    for (const one of cases("remoting-header", "jsonStandardText")) {
      expect(text.print(one["text"] as string, legacy, "")).toBe(one.expected)
    }
  })
})

describe("records", () => {
  it("encodes a message as Java's encoder does, to the byte, and decodes it", () => {
    for (const one of cases("store-records", "record")) {
      const message = messageOf(one)
      const { bytes, decoded } = one.expected
      expect(hex(StoredMessage.encode(message)), JSON.stringify(one)).toBe(bytes)
      expect(StoredMessage.encodedSize(message)).toBe(bytes.length / 2)
      const again = valueOf(StoredMessage.decode(bytesOf(bytes)))
      expect(again).toMatchObject({ ...message, sizeBytes: decoded.storeSize, bodyCrc: decoded.bodyCRC })
      const id = { host: again.storeHost, physicalOffset: again.physicalOffset }
      expect(MessageId.encode(id)).toBe(decoded.msgId)
    }
  })

  it("measures properties as Java limits them", () => {
    const [one] = cases("store-records", "recordTooManyProperties")
    const size = StoredMessage.propertiesSize("x".repeat(one?.["propertiesLength"] as number))
    expect(size).toBeGreaterThan(StoredMessage.propertiesSizeMax)
    expect(StoredMessage.propertiesSize("x".repeat(StoredMessage.propertiesSizeMax))).toBe(
      StoredMessage.propertiesSizeMax,
    )
    expect(StoredMessage.propertiesSize("a\u0001b", true)).toBe(4 + RecordCrc.propertySizeBytes)
  })

  it("decodes what Java decodes, bodies decompressed, and refuses what it refuses", () => {
    for (const one of cases("store-records", "decode")) {
      const bytes = bytesOf(one["bytes"] as string)
      const message = StoredMessage.decode(bytes)
      // Java leaves out the body when told not to read it, and then checks nothing that follows from it.
      if (one.expected === null) {
        const isWhole = !(message instanceof Malformed) && StoredMessage.check(bytes, 0, bytes.length).kind === "record"
        expect(isWhole, one["bytes"] as string).toBe(false)
        continue
      }
      const { expected } = one
      const decoded = valueOf(message)
      expect(decoded).toMatchObject({
        topic: expected.topic,
        queueId: expected.queueId,
        flag: expected.flag,
        queueOffset: Number(expected.queueOffset),
        physicalOffset: Number(expected.physicalOffset),
        bornTimestamp: Number(expected.bornTimestamp),
        storeTimestamp: Number(expected.storeTimestamp),
        reconsumeTimes: expected.reconsumeTimes,
        bodyCrc: expected.bodyCRC,
        sizeBytes: expected.storeSize,
      })
      if (one["readBody"] !== true) continue
      const isCompressed = SysFlag.isCompressed(decoded.sysFlag)
      const type = SysFlag.compressionType(decoded.sysFlag) ?? "ZLIB"
      const body = isCompressed ? valueOf(Compression.decompress(type, decoded.body)) : decoded.body
      expect(hex(body)).toBe(expected.body ?? "")
    }
  })

  it("decompresses what Java compressed", () => {
    for (const one of cases("store-records", "decompress")) {
      const type = SysFlag.compressionType(one["sysFlag"] as number)
      expect(type).toBe(one.expected.type)
      const body = Compression.decompress(type ?? "ZLIB", bytesOf(one["bytes"] as string))
      expect(hex(valueOf(body)), JSON.stringify(one)).toBe(one.expected.body)
    }
  })

  it("seals a record with the checksum property that Java writes", () => {
    for (const one of cases("store-records", "recordCrc")) {
      const bytes = bytesOf(one["bytesBefore"] as string)
      expect(one.expected.reserved).toBe(RecordCrc.propertySizeBytes)
      RecordCrc.seal(bytes, 0, bytes.length)
      expect(hex(bytes)).toBe(one.expected.bytes)
      expect(crc31(bytes, 0, bytes.length - RecordCrc.propertySizeBytes)).toBe(one.expected.crc)
      expect(StoredMessage.check(bytes, 0, bytes.length)).toEqual({
        kind: "record",
        sizeBytes: bytes.length,
        isSealed: true,
      })
      bytes[40] = (bytes[40] as number) ^ 1
      expect(StoredMessage.check(bytes, 0, bytes.length)).toEqual({ kind: "bad", reason: "record checksum" })
    }
  })

  it("writes and reads the body of a batch as Java does", () => {
    for (const one of cases("store-records", "batchBody")) {
      const messages = one["messages"] as { flag: number; body: string; propertiesString: string }[]
      const elements = messages.map(({ body, flag, propertiesString }) => {
        return { flag, body: bytesOf(body), properties: propertiesString }
      })
      expect(hex(Batch.encode(elements))).toBe(one.expected.bytes)
      expect(valueOf(Batch.decode(bytesOf(one.expected.bytes))).length).toBe(one.expected.count)
    }
  })

  it("stores the elements of a batch as the records that Java makes of them", () => {
    for (const one of cases("store-records", "batchRecords")) {
      const elements = valueOf(Batch.decode(bytesOf(one["batchBody"] as string)))
      expect(elements.length).toBe(one.expected.batchSize)
      const records = elements.map((element) => {
        const { body, flag, properties } = element
        return StoredMessage.encode({ ...messageOf(one), flag, body, properties })
      })
      expect(hex(Buffer.concat(records))).toBe(one.expected.bytes)
    }
  })

  it("reads inner batches, whose body is a batch", () => {
    for (const one of cases("store-records", "innerBatchDecode")) {
      const message = valueOf(StoredMessage.decode(bytesOf(one["bytes"] as string)))
      const elements = valueOf(Batch.decode(message.body))
      expect(elements.length).toBeGreaterThan(0)
      expect(hex(message.body)).toBe(one.expected[0].body)
    }
  })
})

describe("store files", () => {
  it("writes queue entries as Java does, pre-blank ones included", () => {
    for (const one of cases("store-records", "consumeQueue")) {
      const entries = one["entries"] as {
        physicalOffset: string
        size: number
        tagsCode: string
        queueOffset: string
      }[]
      const first = Number(entries[0]?.queueOffset)
      const blanks = Array.from({ length: first }, () => ConsumeQueueEntry.encode(preBlank))
      const written = entries.map(({ physicalOffset, size, tagsCode }) =>
        ConsumeQueueEntry.encode({
          commitLogOffset: Number(physicalOffset),
          sizeBytes: size,
          tagsCode: Number(tagsCode),
        }),
      )
      expect(one.expected.bytes).toBe(hex(Buffer.concat([...blanks, ...written])))
    }
  })

  it("writes batch queue entries as Java does", () => {
    for (const one of cases("store-records", "batchConsumeQueue")) {
      const written = (one["entries"] as Record<string, string>[]).map((entry) =>
        BatchConsumeQueueEntry.encode({
          commitLogOffset: Number(entry["physicalOffset"]),
          sizeBytes: Number(entry["size"]),
          tagsCode: Number(entry["tagsCode"]),
          storeTimestamp: Number(entry["storeTime"]),
          baseOffset: Number(entry["baseOffset"]),
          count: Number(entry["batchSize"]),
          compactedOffset: -1,
          reserved: 0,
        }),
      )
      expect(one.expected.bytes).toBe(hex(Buffer.concat(written)))
    }
  })

  it("tells an address in a queue extension from a tag", () => {
    for (const one of cases("store-records", "consumeQueueExtAddress")) {
      expect(isExtAddress(Number(one["value"]))).toBe(one.expected.isExt)
    }
  })

  it("finds in Java's index files what Java finds", () => {
    for (const one of cases("store-records", "indexFile")) {
      const bytes = bytesOf(one.expected.bytes)
      const slots = one["hashSlotNum"] as number
      const { indexCount } = IndexFile.decodeHeader(bytes)
      expect(bytes.length).toBe(IndexFile.fileBytes(slots, one["indexNum"] as number))
      for (const { begin, end, key, maxNum, offsets } of one.expected.selects) {
        if (begin !== "0" || end !== "9223372036854775807" || maxNum !== 32) continue
        const hash = IndexFile.indexKeyHash(key)
        const hits: string[] = []
        let number = bytes.readInt32BE(IndexFile.slotPosition(hash % slots))
        while (number > 0 && number < indexCount) {
          const entry = IndexFile.readEntry(bytes, IndexFile.entryPosition(slots, number))
          if (entry.keyHash === hash) hits.push(String(entry.commitLogOffset))
          number = entry.previous
        }
        expect(hits).toEqual(offsets)
      }
    }
  })

  it("hashes index keys as Java does", () => {
    for (const one of cases("hashing", "indexKey")) {
      const keyHash = IndexFile.indexKeyHash(one["key"] as string)
      const slot = keyHash % (one["hashSlotNum"] as number)
      expect({ keyHash, slot, slotPosition: IndexFile.slotPosition(slot) }).toEqual(one.expected)
    }
  })

  it("checksums as Java does", () => {
    for (const one of cases("hashing", "crc32")) {
      const bytes = bytesOf(one["bytes"] as string)
      expect(crc31(bytes)).toBe(one.expected)
      expect(crc31(Buffer.concat([Buffer.from("xx"), bytes, Buffer.from("y")]), 2, 2 + bytes.length)).toBe(one.expected)
    }
  })

  it("writes checkpoints as Java does", () => {
    for (const one of cases("store-records", "checkpoint")) {
      const { fileSize, head, minTimestamp } = one.expected
      const checkpoint = {
        physicMsgTimestamp: Number(one["physicMsgTimestamp"]),
        logicsMsgTimestamp: Number(one["logicsMsgTimestamp"]),
        indexMsgTimestamp: Number(one["indexMsgTimestamp"]),
        masterFlushedOffset: Number(one["masterFlushedOffset"]),
        confirmPhyOffset: Number(one["confirmPhyOffset"]),
        logicsPhysicalOffset: Number(one["logicsPhysicalOffset"]),
      }
      expect(Checkpoint.fileBytes).toBe(fileSize)
      expect(valueOf(Checkpoint.decode(bytesOf(head)))).toEqual(checkpoint)
      expect(head.startsWith(hex(Checkpoint.encode(checkpoint)))).toBe(true)
      expect(Checkpoint.minTimestamp(checkpoint)).toBe(Number(minTimestamp))
    }
  })

  it("writes timer files as Java does", () => {
    for (const one of cases("store-records", "timerCheckpoint")) {
      const { head, networkForm } = one.expected
      const checkpoint = valueOf(TimerCheckpoint.decode(bytesOf(head)))
      expect(checkpoint.lastReadTimeMs).toBe(Number(one["lastReadTimeMs"]))
      expect(hex(TimerCheckpoint.encode(checkpoint))).toBe(networkForm)
    }
    for (const one of cases("store-records", "timerLogUnit")) {
      const unit = valueOf(TimerLogUnit.decode(bytesOf(one.expected.unit)))
      expect(unit).toMatchObject({
        commitLogOffset: Number(one["physicalOffset"]),
        recordSizeBytes: one["size"],
        writeTimeMs: Number(one["writeTimeMs"]),
      })
      expect(hex(TimerLogUnit.encode(unit))).toBe(one.expected.unit)
    }
    for (const one of cases("store-records", "timerWheel")) {
      const precision = one["precisionMs"] as number
      const puts = one["puts"] as { timeMs: string }[]
      const indexes = puts.map(({ timeMs }) => slotIndex(Number(timeMs), precision, one["slotsTotal"] as number))
      expect(indexes).toEqual(one.expected.slotIndexes)
      const bytes = bytesOf(one.expected.bytes)
      for (const [put, index] of indexes.entries()) {
        const slot = valueOf(TimerSlot.decode(bytes, index * TimerSlot.sizeBytes))
        const { firstPos, lastPos, magic, num, timeMs } = one.expected.slots[put]
        expect(slot).toEqual({
          tick: Number(timeMs) / precision,
          firstPos: Number(firstPos),
          lastPos: Number(lastPos),
          num,
          magic,
        })
      }
    }
  })

  it("reads whole logs that Java's store wrote, checksum properties included", () => {
    for (const one of cases("store-records", "storeRun")) {
      const log = bytesOf(one.expected.commitLog)
      const results = one.expected.results as { wroteOffset: string; wroteBytes: number; msgId: string }[]
      let at = 0
      for (const [index, { msgId, wroteBytes, wroteOffset }] of results.entries()) {
        expect(at).toBe(Number(wroteOffset))
        const withCrc = one["options"].enabledAppendPropCRC === true
        const checked = StoredMessage.check(log, at, log.length - at)
        expect(checked).toEqual({ kind: "record", sizeBytes: wroteBytes, isSealed: withCrc })
        const message = valueOf(StoredMessage.decode(log, at))
        expect(MessageId.encode({ host: message.storeHost, physicalOffset: at })).toBe(msgId)
        const written = StoredMessage.encode({ ...message, properties: message.properties }, withCrc)
        expect(hex(written)).toBe(hex(log.subarray(at, at + wroteBytes)))
        if (withCrc) {
          const given = messageOf((one["messages"] as Case[])[index] as Case)
          const final = { ...message, properties: given.properties }
          expect(hex(StoredMessage.encode(final, true))).toBe(hex(log.subarray(at, at + wroteBytes)))
        }
        at += wroteBytes
      }
      expect(at).toBe(log.length)
    }
  })
})

describe("message ids", () => {
  it("writes offset ids as Java does", () => {
    for (const one of cases("message-id", "encodeOffsetMsgId")) {
      const host = hostOf(one as never)
      if (isExact(one["offset"] as string)) {
        expect(MessageId.encode({ host, physicalOffset: Number(one["offset"]) })).toBe(one.expected)
      }
    }
  })

  it("reads offset ids as Java does, and refuses what it refuses", () => {
    for (const one of cases("message-id", "decodeOffsetMsgId")) {
      const id = one["id"] as string | null
      if (id === null) continue
      const decoded = MessageId.decode(id)
      // Java takes a character that is no hex digit for a value; here it is refused, and so is an inexact offset.
      if (isError(one.expected) || !isExact(one.expected.offset) || /[^0-9a-f]/i.test(id)) {
        expect(decoded, id).toBeInstanceOf(Malformed)
        continue
      }
      const { host, physicalOffset } = valueOf(decoded)
      const { ip, offset, port } = one.expected
      expect({ host: hex(host), port: HostFormat.port(host), physicalOffset }).toEqual({
        host: hex(hostOf({ ip, port })),
        port,
        physicalOffset: Number(offset),
      })
    }
  })

  it("reads unique keys as Java does", () => {
    for (const one of cases("message-id", "uniqKeyFields")) {
      const id = one["id"] as string
      if ((id.length !== 32 && id.length !== 56) || /[^0-9a-f]/i.test(id)) {
        expect(UniqKey.decode(id)).toBeInstanceOf(Malformed)
        continue
      }
      const key = valueOf(UniqKey.decode(id))
      expect({ ip: hex(key.ip), pid: key.pid }).toEqual({ ip: one.expected.ip, pid: one.expected.pid })
      expect(HostFormat.address(Buffer.concat([key.ip, Buffer.alloc(4)]))).toBe(one.expected.ipText)
      expect(UniqKey.encode(key)).toBe(id.toUpperCase())
    }
  })

  it("dates unique keys as Java does", () => {
    for (const one of cases("message-id", "uniqKeyTime")) {
      const nowMs = Number(one["now"])
      const now = new Date(nowMs)
      const months = {
        nowMs,
        monthStartMs: Date.UTC(now.getUTCFullYear(), now.getUTCMonth()),
        previousMonthStartMs: Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1),
      }
      const key = UniqKey.decode(one["id"] as string)
      if (!(key instanceof Malformed)) expect(UniqKey.timeMs(key, months)).toBe(Number(one.expected))
    }
  })
})
