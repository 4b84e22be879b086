/**
 * Laws of the formats: whatever value a declaration allows is written and read back unchanged.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Properties from "../../src/domain/Properties.ts"
import * as Admin from "../../src/format/Admin.ts"
import * as Batch from "../../src/format/Batch.ts"
import * as BrokerStats from "../../src/format/BrokerStats.ts"
import * as Checkpoint from "../../src/format/Checkpoint.ts"
import * as Command from "../../src/format/Command.ts"
import * as Compression from "../../src/format/Compression.ts"
import * as ConfigJson from "../../src/format/ConfigJson.ts"
import * as Connections from "../../src/format/Connections.ts"
import * as ConsumerRuntime from "../../src/format/ConsumerRuntime.ts"
import { BatchConsumeQueueEntry, ConsumeQueueEntry } from "../../src/format/ConsumeQueueEntry.ts"
import * as ConsumeStats from "../../src/format/ConsumeStats.ts"
import * as Ext from "../../src/format/Ext.ts"
import * as Heartbeat from "../../src/format/Heartbeat.ts"
import type { Header, Parameters } from "../../src/format/header.ts"
import * as Host from "../../src/format/Host.ts"
import * as IndexFile from "../../src/format/IndexFile.ts"
import * as LenientJson from "../../src/format/LenientJson.ts"
import type { Fields, Layout } from "../../src/format/layout.ts"
import * as LockBatch from "../../src/format/LockBatch.ts"
import * as Lz4Frame from "../../src/format/Lz4Frame.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as MessageId from "../../src/format/MessageId.ts"
import * as NameServer from "../../src/format/NameServer.ts"
import * as PullMessage from "../../src/format/PullMessage.ts"
import * as QueueView from "../../src/format/QueueView.ts"
import * as RegisterBroker from "../../src/format/RegisterBroker.ts"
import * as RouteData from "../../src/format/RouteData.ts"
import * as SendMessage from "../../src/format/SendMessage.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import type { Members, RecordShape } from "../../src/format/shape.ts"
import { legacy, pretty, standard } from "../../src/format/shape.ts"
import { TimerCheckpoint, TimerLogUnit, TimerSlot } from "../../src/format/Timer.ts"
import * as UniqKey from "../../src/format/UniqKey.ts"
import * as Generate from "./formatGenerate.ts"

const valueOf = <T>(decoded: T | Malformed): T => {
  if (decoded instanceof Malformed) throw decoded
  return decoded
}

const isHeader = (one: unknown): one is Header<Parameters> =>
  typeof one === "object" && one !== null && "parameters" in one
const isRecord = (one: unknown): one is RecordShape<Members> => typeof one === "object" && one !== null && "kind" in one

const layouts: Layout<Fields>[] = [
  ConsumeQueueEntry,
  BatchConsumeQueueEntry,
  IndexFile.IndexHeader,
  IndexFile.IndexEntry,
  Checkpoint.Layout,
  TimerSlot,
  TimerLogUnit,
  TimerCheckpoint,
  StoredMessage.Front,
]

const headers = [Admin, NameServer, PullMessage, SendMessage].flatMap((module) =>
  Object.values(module).filter(isHeader),
)

const records = [
  BrokerStats,
  ConfigJson,
  Connections,
  ConsumerRuntime,
  ConsumeStats,
  Heartbeat,
  LockBatch,
  QueueView,
  RegisterBroker,
  RouteData,
].flatMap((module) => Object.values(module).filter(isRecord))

describe("fixed-size formats", () => {
  it.each(layouts.map((layout) => [layout.name, layout] as const))("round trip: %s", (_, layout) => {
    fc.assert(
      fc.property(Generate.ofLayout(layout), fc.nat(9), (value, start) => {
        const bytes = Buffer.alloc(start + layout.sizeBytes + 3)
        expect(layout.encodeInto(value, bytes, start)).toBe(start + layout.sizeBytes)
        expect(valueOf(layout.decode(bytes, start))).toEqual(value)
        for (const name of Object.keys(layout.fields)) {
          expect(layout.at[name]?.(bytes, start)).toBe(value[name])
          layout.set[name]?.(bytes, start, value[name] as number)
        }
        expect(valueOf(layout.decode(bytes, start))).toEqual(value)
        expect(layout.decode(bytes.subarray(0, start + layout.sizeBytes - 1), start)).toBeInstanceOf(Malformed)
      }),
    )
  })
})

describe("parameters", () => {
  it.each(headers.map((header) => [header.name, header] as const))("round trip: %s", (_, header) => {
    fc.assert(
      fc.property(Generate.ofHeader(header), fc.constantFrom(0 as const, 1 as const), (value, serialize) => {
        const frame = Command.encode({ ...Command.request(1, 2, header.encode(value)), serialize })
        const command = valueOf(Command.decode(frame, 4, frame.length))
        // An absent parameter with a fallback comes back as the fallback, so the value is compared after one trip.
        const once = valueOf(header.decode(command.ext))
        expect(once).toMatchObject(value)
        expect(valueOf(header.decode(header.encode(once)))).toEqual(once)
      }),
      { numRuns: 40 },
    )
  })
})

describe("JSON bodies", () => {
  it.each(records.map((shape) => [shape.name, shape] as const))("round trip: %s", (_, shape) => {
    fc.assert(
      fc.property(Generate.ofShape(shape), fc.constantFrom(legacy, standard, pretty), (value, style) => {
        const body = shape.encode(value, style)
        if (style === standard && !body.includes("{{")) JSON.parse(body.toString("utf8"))
        expect(valueOf(shape.decode(body))).toEqual(value)
        expect([...shape.pieces(value, style, "")].join("")).toBe(shape.print(value, style, ""))
      }),
      { numRuns: 40 },
    )
  })

  it("round trip: a compressed registration keeps everything but order and topicSysFlag", () => {
    // Names and attributes are separated by spaces in this form, so they cannot hold any.
    const word = fc.string({ unit: fc.constantFrom(..."abcXYZ019_-%|"), minLength: 1, maxLength: 12 })
    const topic = fc.tuple(
      word,
      fc.nat(64),
      fc.nat(7),
      fc.dictionary(word, word, { maxKeys: 2, noNullPrototype: true }),
    )
    const topics = fc.uniqueArray(topic, { selector: ([name]) => name, maxLength: 5 })
    fc.assert(
      fc.property(topics, Generate.ofShape(RegisterBroker.RegisterBody), fc.boolean(), (list, body, isOld) => {
        const topicConfigTable = new Map(
          list.map(([topicName, queues, perm, attributes]) => [
            topicName,
            {
              topicName,
              readQueueNums: queues,
              writeQueueNums: queues,
              perm,
              topicFilterType: "SINGLE_TAG" as const,
              topicSysFlag: 0,
              order: false,
              attributes,
            },
          ]),
        )
        const { dataVersion } = body.topicConfigSerializeWrapper
        const mappings = [...(body.topicConfigSerializeWrapper.topicQueueMappingInfoMap?.values() ?? [])]
        const topicQueueMappingInfoMap = new Map(mappings.map((info) => [info.topic, info]))
        const given = {
          ...body,
          topicConfigSerializeWrapper: { dataVersion, topicConfigTable, topicQueueMappingInfoMap },
        }
        const read = RegisterBroker.decode(RegisterBroker.encodeCompressed(given), true, isOld ? 409 : 513)
        const wrapper = isOld ? { dataVersion, topicConfigTable } : given.topicConfigSerializeWrapper
        expect(valueOf(read)).toEqual({ ...given, topicConfigSerializeWrapper: wrapper })
      }),
    )
  })
})

describe("commands", () => {
  it("round trip: any command, by either header", () => {
    fc.assert(
      fc.property(Generate.command, (command) => {
        const frame = Command.encode(command)
        expect(Command.frameLength(frame, 0)).toBe(frame.length - 4)
        const decoded = valueOf(Command.decode(frame, 4, frame.length))
        expect({ ...decoded, ext: { ...decoded.ext } }).toEqual(command)
        expect(Command.encode(decoded).equals(frame)).toBe(true)
      }),
    )
  })

  it("response: the quick encoder writes what the general one writes", () => {
    fc.assert(
      fc.property(Generate.command, fc.boolean(), (command, hasExt) => {
        const response = {
          ...Command.request(command.code, command.opaque, hasExt ? command.ext : Command.noExt, command.body),
          flag: Command.responseFlag,
          remark: command.remark,
          serialize: command.serialize,
        }
        const { body, code, ext, opaque, remark, serialize } = response
        const quick = Command.encodeResponse(serialize, code, opaque, remark, hasExt ? ext : undefined, body)
        expect(quick.equals(Command.encode(response))).toBe(true)
        const head = Command.encodeResponseHead(serialize, code, opaque, remark, hasExt ? ext : undefined, body.length)
        expect(Buffer.concat([head, body]).equals(quick)).toBe(true)
      }),
    )
  })

  it("parameters: numbers and booleans read as the text that Java would send", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer(), fc.boolean(), (long, int, flag) => {
        const frame = Command.encode(Command.request(1, 1, { long, int, flag, none: undefined, nothing: null }))
        const { ext } = valueOf(Command.decode(frame, 4, frame.length))
        expect(Ext.long(ext, "long")).toBe(long)
        expect(Ext.time(ext, "long")).toBe(long)
        expect(Ext.int(ext, "int")).toBe(int)
        expect(Ext.flag(ext, "flag")).toBe(flag)
        expect(Object.keys(ext)).toEqual(["long", "int", "flag"])
      }),
    )
  })
})

describe("messages", () => {
  it("round trip: any message, with and without the checksum of the whole record", () => {
    fc.assert(
      fc.property(Generate.storedMessage, fc.boolean(), fc.nat(7), (message, withRecordCrc, start) => {
        const size = StoredMessage.encodedSize(message, withRecordCrc)
        const target = Buffer.alloc(start + size + 5)
        expect(StoredMessage.encodeInto(message, target, start, withRecordCrc)).toBe(size)
        const checked = StoredMessage.check(target, start, size)
        expect(checked).toEqual({ kind: "record", sizeBytes: size, isSealed: withRecordCrc })
        const decoded = valueOf(StoredMessage.decode(target, start, { maxBytes: size }))
        const { bodyCrc: _, properties, sizeBytes, ...rest } = decoded
        expect(sizeBytes).toBe(size)
        expect({ ...rest, properties: withRecordCrc ? message.properties : properties }).toEqual(message)
        const names = [...Properties.parse(properties).keys()].filter((name) => name !== "__CRC32#")
        expect(names).toEqual([...Properties.parse(message.properties).keys()])
      }),
    )
  })

  it("checksum: no flipped bit and no torn tail leaves a record sealed", () => {
    const damage = fc.oneof(
      fc.tuple(fc.nat(), fc.nat(7)).map(([place, bit]) => (bytes: Buffer) => {
        const at = place % bytes.length
        bytes[at] = (bytes[at] as number) ^ (1 << bit)
      }),
      fc.tuple(fc.nat(), fc.nat(255)).map(([place, byte]) => (bytes: Buffer) => {
        bytes.fill(byte, place % bytes.length)
      }),
    )
    fc.assert(
      fc.property(Generate.storedMessage, damage, (message, harm) => {
        const bytes = StoredMessage.encode(message, true)
        const before = Buffer.from(bytes)
        harm(bytes)
        const checked = StoredMessage.check(bytes, 0, bytes.length)
        if (!bytes.equals(before)) expect(checked).not.toMatchObject({ kind: "record", isSealed: true })
      }),
      { numRuns: 1000 },
    )
  })

  it("pull answers: messages written back to back are read in order", () => {
    fc.assert(
      fc.property(fc.array(Generate.storedMessage, { maxLength: 5 }), fc.nat(40), (messages, cut) => {
        const whole = Buffer.concat(messages.map((message) => StoredMessage.encode(message)))
        const read = StoredMessage.decodeAll(whole)
        expect(read.rest).toBeUndefined()
        expect(read.messages.map(({ topic }) => topic)).toEqual(messages.map(({ topic }) => topic))
        if (whole.length === 0) return
        const torn = StoredMessage.decodeAll(whole.subarray(0, whole.length - 1 - (cut % 40)))
        expect(torn.rest === undefined).toBe(torn.messages.length === messages.length)
      }),
    )
  })

  it("round trip: the elements of a batch", () => {
    const element = fc.record(
      { flag: fc.integer(), body: Generate.bytes(), properties: Generate.text },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(fc.array(element, { maxLength: 6 }), (elements) => {
        expect(valueOf(Batch.decode(Batch.encode(elements)))).toEqual(elements)
      }),
    )
  })

  it("round trip: hosts, message ids and unique keys", () => {
    fc.assert(
      fc.property(Generate.host, fc.maxSafeNat(), (host, physicalOffset) => {
        expect(valueOf(Host.parse(Host.print(host))).equals(host)).toBe(true)
        expect(valueOf(Host.make(Host.address(host), Host.port(host))).equals(host)).toBe(true)
        expect(valueOf(MessageId.decode(MessageId.encode({ host, physicalOffset })))).toEqual({ host, physicalOffset })
      }),
    )
    const key = fc.record(
      {
        ip: Generate.host.map((host) => host.subarray(0, -4)),
        pid: fc.nat(65_535),
        random: fc.integer(),
        sinceMonthMs: fc.integer(),
        counter: fc.nat(65_535),
      },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(key, (one) => {
        expect(valueOf(UniqKey.decode(UniqKey.encode(one)))).toEqual(one)
      }),
    )
  })
})

describe("compression", () => {
  const content = fc.oneof(
    Generate.bytes(3000),
    fc.tuple(Generate.bytes(40), fc.nat(400)).map(([bytes, times]) => Buffer.concat(Array(times).fill(bytes))),
    fc
      .array(fc.constantFrom("abcd", "efghijkl", "0", "😀 "), { maxLength: 300 })
      .map((words) => Buffer.from(words.join(""))),
  )

  it.each(["ZLIB", "ZSTD", "LZ4"] as const)("round trip: %s, and never beyond the bound", (type) => {
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 9 }), (bytes, level) => {
        const packed = Compression.compress(type, bytes, level)
        expect(valueOf(Compression.decompress(type, packed)).equals(bytes)).toBe(true)
        if (bytes.length < 2) return
        expect(Compression.decompress(type, packed, bytes.length - 1)).toBeInstanceOf(Malformed)
      }),
      { numRuns: 60 },
    )
  })

  it("round trip: LZ4 over more than one block", () => {
    const bytes = Buffer.alloc(9_000_000, "the same words again and again, ")
    for (let at = 0; at < bytes.length; at += 4097) bytes[at] = at & 0xff
    const packed = Lz4Frame.compress(bytes)
    expect(packed.length).toBeLessThan(bytes.length / 4)
    expect(valueOf(Lz4Frame.decompress(packed, bytes.length)).equals(bytes)).toBe(true)
  })

  it("reads LZ4 frames that another implementation wrote, and is read by it", async () => {
    const { default: lz4js } = (await import("lz4js" as string)) as {
      readonly default: {
        readonly compress: (bytes: Uint8Array) => Uint8Array
        readonly decompress: (bytes: Uint8Array) => Uint8Array
      }
    }
    fc.assert(
      fc.property(content, (bytes) => {
        const theirs = Buffer.from(lz4js.compress(bytes))
        expect(valueOf(Lz4Frame.decompress(theirs, bytes.length)).equals(bytes)).toBe(true)
        if (bytes.length > 0) expect(Buffer.from(lz4js.decompress(Lz4Frame.compress(bytes))).equals(bytes)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

describe("JSON", () => {
  it("lenient: standard JSON reads as JSON.parse reads it", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (json) => {
        if (!json.includes("$ref")) expect(LenientJson.parse(json)).toEqual(JSON.parse(json))
      }),
    )
  })

  it("lenient: what standard JSON does not know reads the same", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        // A comment and a comma too many send the text through the tolerant parser, and change nothing.
        const odd = `/* c */[${json},]// end`
        if (!json.includes("$ref")) expect(LenientJson.parse(odd)).toEqual([JSON.parse(json)])
      }),
    )
  })
})
