/**
 * Recorded stores: every record, queue entry, index entry, checkpoint and config file that Apache RocketMQ 5.5.0 left on
 * disk reads as its own classes say, and is written back to the byte.
 */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import * as Batch from "../../src/format/Batch.ts"
import * as Checkpoint from "../../src/format/Checkpoint.ts"
import * as Compression from "../../src/format/Compression.ts"
import * as ConfigJson from "../../src/format/ConfigJson.ts"
import { BatchConsumeQueueEntry, ConsumeQueueEntry, isWritten } from "../../src/format/ConsumeQueueEntry.ts"
import * as Host from "../../src/format/Host.ts"
import * as IndexFile from "../../src/format/IndexFile.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as MessageId from "../../src/format/MessageId.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import { TimerCheckpoint, TimerLogUnit, TimerSlot } from "../../src/format/Timer.ts"
import * as UniqKey from "../../src/format/UniqKey.ts"
import * as Properties from "../../src/domain/Properties.ts"
import { tagsCode } from "../../src/domain/Subscription.ts"
import * as SysFlag from "../../src/domain/SysFlag.ts"
import type { ExpectedMessage, StoreName } from "../golden/golden.ts"
import { expectedStore, storeFiles, storeNames } from "../golden/golden.ts"

/** The recordings were made with these sizes. */
const settings = { segmentBytes: 65_536, slots: 100, entries: 400 }

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")

const joined = (pieces: Iterable<string>): string => [...pieces].join("")

const valueOf = <T>(decoded: T | Malformed): T => {
  if (decoded instanceof Malformed) throw decoded
  return decoded
}

const found = (files: Map<string, Buffer>, path: string): Buffer => {
  const content = files.get(path)
  if (content === undefined) throw new Error(`${path} is not in the archive`)
  return content
}

const configText = (files: Map<string, Buffer>, file: string): string => found(files, `config/${file}`).toString("utf8")

/** Files of one folder in the order of their names, each with the offset that its name says. */
const segments = (files: Map<string, Buffer>, folder: string): (readonly [number, Buffer])[] =>
  [...files]
    .filter(([path]) => path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes("/"))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([path, content]) => [Number(path.slice(folder.length + 1)), content])

interface Scanned {
  readonly records: { readonly offset: number; readonly bytes: Buffer }[]
  readonly blanks: (readonly [number, number])[]
  readonly end: number
}

/** Walks a CommitLog by `check` alone, as recovery does. */
const scan = (files: Map<string, Buffer>): Scanned => {
  const records: Scanned["records"] = []
  const blanks: Scanned["blanks"] = []
  for (const [base, segment] of segments(files, "commitlog")) {
    let at = 0
    for (;;) {
      const checked = StoredMessage.check(segment, at, segment.length - at)
      if (checked.kind === "bad") return { records, blanks, end: base + at }
      if (checked.kind === "blank") {
        blanks.push([base + at, checked.sizeBytes])
        break
      }
      records.push({ offset: base + at, bytes: segment.subarray(at, at + checked.sizeBytes) })
      at += checked.sizeBytes
    }
  }
  throw new Error("a log without an end")
}

const expectMessage = (bytes: Buffer, expected: ExpectedMessage) => {
  const message = valueOf(StoredMessage.decode(bytes))
  const properties = Properties.parse(message.properties)
  const tags = properties.get("TAGS")
  expect({
    commitLogOffset: message.physicalOffset,
    storeSize: message.sizeBytes,
    version: `MESSAGE_VERSION_V${message.version}`,
    topic: message.topic,
    queueId: message.queueId,
    queueOffset: message.queueOffset,
    flag: message.flag,
    sysFlag: message.sysFlag,
    bornTimestamp: message.bornTimestamp,
    bornHost: `/${Host.print(message.bornHost)}`,
    storeTimestamp: message.storeTimestamp,
    storeHost: `/${Host.print(message.storeHost)}`,
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: message.preparedTransactionOffset,
    bodyCRC: message.bodyCrc,
    bodyLength: message.body.length,
    bodySha256: sha256(message.body),
    offsetMsgId: MessageId.encode({ host: message.storeHost, physicalOffset: message.physicalOffset }),
    tags: tags ?? null,
    keys: properties.get("KEYS") ?? null,
    uniqKey: properties.get("UNIQ_KEY") ?? null,
    properties: Object.fromEntries(properties),
  }).toEqual({
    commitLogOffset: expected.commitLogOffset,
    storeSize: expected.storeSize,
    version: expected.version,
    topic: expected.topic,
    queueId: expected.queueId,
    queueOffset: expected.queueOffset,
    flag: expected.flag,
    sysFlag: expected.sysFlag,
    bornTimestamp: expected.bornTimestamp,
    bornHost: expected.bornHost,
    storeTimestamp: expected.storeTimestamp,
    storeHost: expected.storeHost,
    reconsumeTimes: expected.reconsumeTimes,
    preparedTransactionOffset: expected.preparedTransactionOffset,
    bodyCRC: expected.bodyCRC,
    bodyLength: expected.bodyLength,
    bodySha256: expected.bodySha256,
    offsetMsgId: expected.offsetMsgId,
    tags: expected.tags,
    keys: expected.keys,
    uniqKey: expected.uniqKey,
    properties: expected.properties,
  })
  if (expected.plainBodySha256 !== undefined && SysFlag.isCompressed(message.sysFlag)) {
    const type = SysFlag.compressionType(message.sysFlag) ?? "ZLIB"
    expect(sha256(valueOf(Compression.decompress(type, message.body)))).toBe(expected.plainBodySha256)
  }
  // Every field reads in place as it decodes.
  expect(StoredMessage.at.storeTimestamp(bytes, 0)).toBe(message.storeTimestamp)
  expect(StoredMessage.at.reconsumeTimes(bytes, 0)).toBe(message.reconsumeTimes)
  expect(StoredMessage.at.preparedTransactionOffset(bytes, 0)).toBe(message.preparedTransactionOffset)
  expect(StoredMessage.at.topic(bytes, 0)).toBe(message.topic)
  expect(StoredMessage.at.body(bytes, 0).equals(message.body)).toBe(true)
  expect(StoredMessage.at.properties(bytes, 0).toString("utf8")).toBe(message.properties)
  expect(StoredMessage.at.bornHost(bytes, 0).equals(message.bornHost)).toBe(true)
  expect(StoredMessage.at.storeHost(bytes, 0).equals(message.storeHost)).toBe(true)
  expect(StoredMessage.encode(message).equals(bytes)).toBe(true)
}

describe.each(storeNames)("%s", (name: StoreName) => {
  const files = storeFiles(name)
  const expected = expectedStore(name)
  const { blanks, end, records } = scan(files)

  it("holds the records that its writer counts, and ends where it says", () => {
    expect(records.length).toBe(expected.messageCount)
    expect(blanks).toEqual(expected.segmentEndBlanks)
    expect(end).toBe(expected.maxPhyOffset)
  })

  it("decodes every record as its writer does, and writes it back to the byte", () => {
    for (const [index, { bytes, offset }] of records.entries()) {
      const message = expected.messages[index] as ExpectedMessage
      expect(offset).toBe(message.commitLogOffset)
      expectMessage(bytes, message)
    }
  })

  it("gives every message the unique key and the packed batch that its writer made", () => {
    for (const { bytes } of records) {
      const message = valueOf(StoredMessage.decode(bytes))
      const uniqKey = Properties.find(message.properties, "UNIQ_KEY")
      // Checkpoints of POP carry a text of their own there, which is no id.
      if (uniqKey?.includes("@")) expect(UniqKey.decode(uniqKey)).toBeInstanceOf(Malformed)
      else if (uniqKey !== undefined) expect(UniqKey.encode(valueOf(UniqKey.decode(uniqKey)))).toBe(uniqKey)
      const count = Properties.find(message.properties, "INNER_NUM")
      if (count === undefined) continue
      const elements = valueOf(Batch.decode(message.body))
      expect(elements.length).toBe(Number(count))
      expect(Batch.encode(elements).equals(message.body)).toBe(true)
    }
  })

  it("reads every queue entry, and writes it back to the byte", () => {
    const byOffset = new Map(expected.messages.map((message) => [message.commitLogOffset, message]))
    for (const queue of expected.queues) {
      const isBatch = queue.type === "BatchCQ"
      const folder = `${isBatch ? "batchconsumequeue" : "consumequeue"}/${queue.topic}/${queue.queueId}`
      const layout = isBatch ? BatchConsumeQueueEntry : ConsumeQueueEntry
      const bytes = Buffer.concat(segments(files, folder).map(([, content]) => content))
      // After a kill some entries were not on disk: the expectation is what recovery made of the queue.
      const written = queue.entries.filter((_, index) => isWritten(bytes, index * layout.sizeBytes))
      if (name !== "master-killed") expect(written.length).toBe(queue.entries.length)
      for (const [index, [queueOffset, commitLogOffset, sizeBytes, code, count]] of written.entries()) {
        const start = index * layout.sizeBytes
        const entry = valueOf(layout.decode(bytes, start))
        expect(entry).toMatchObject({ commitLogOffset, sizeBytes, tagsCode: code })
        expect(layout.encode(entry as never).equals(bytes.subarray(start, start + layout.sizeBytes))).toBe(true)
        expect(ConsumeQueueEntry.at.commitLogOffset(bytes, start)).toBe(commitLogOffset)
        expect(ConsumeQueueEntry.at.sizeBytes(bytes, start)).toBe(sizeBytes)
        if (isBatch) expect(entry).toMatchObject({ baseOffset: queueOffset, count, compactedOffset: -1, reserved: 0 })
        else if (queue.topic !== "SCHEDULE_TOPIC_XXXX") {
          expect(tagsCode(byOffset.get(commitLogOffset)?.tags ?? undefined)).toBe(code)
        }
      }
    }
  })

  it("finds by hash what its writer finds by key, and explains every index entry", () => {
    const hashes = new Map<string, Set<number>>()
    for (const message of expected.messages) {
      const keys = IndexFile.keysOf(
        message.topic,
        message.uniqKey ?? undefined,
        message.keys ?? undefined,
        message.tags ?? undefined,
      )
      hashes.set(String(message.commitLogOffset), new Set(keys.map(IndexFile.indexKeyHash)))
    }
    const entries: IndexFile.IndexEntry[] = []
    for (const [, bytes] of segments(files, "index")) {
      expect(bytes.length).toBe(IndexFile.fileBytes(settings.slots, settings.entries))
      const header = IndexFile.decodeHeader(bytes)
      expect(IndexFile.encodeHeader(header).equals(bytes.subarray(0, IndexFile.headerBytes))).toBe(true)
      const newest = new Map<number, number>()
      for (let number = 1; number < header.indexCount; number++) {
        const place = IndexFile.entryPosition(settings.slots, number)
        const entry = IndexFile.readEntry(bytes, place)
        expect(hashes.get(String(entry.commitLogOffset))?.has(entry.keyHash)).toBe(true)
        const again = Buffer.alloc(IndexFile.entryBytes)
        IndexFile.writeEntry(again, 0, entry.keyHash, entry.commitLogOffset, entry.timeDiff, entry.previous)
        expect(again.equals(bytes.subarray(place, place + IndexFile.entryBytes))).toBe(true)
        const slot = entry.keyHash % settings.slots
        expect(entry.previous).toBe(newest.get(slot) ?? 0)
        newest.set(slot, number)
        entries.push(entry)
      }
      for (const [slot, number] of newest) expect(bytes.readInt32BE(IndexFile.slotPosition(slot))).toBe(number)
      expect(newest.size).toBe(header.hashSlotCount)
    }
    // A killed broker loses what its last index file had not flushed, and builds it again; the answer is of after that.
    if (name === "master-killed") return
    for (const { commitLogOffsets, key, topic } of expected.indexQueries) {
      const hash = IndexFile.indexKeyHash(`${topic}#${key}`)
      const hits = entries.filter((entry) => entry.keyHash === hash).map((entry) => entry.commitLogOffset)
      expect(hits.toSorted((left, right) => left - right)).toEqual(commitLogOffsets)
    }
  })

  it("reads the checkpoints, and writes them back to the byte", () => {
    const bytes = found(files, "checkpoint")
    const checkpoint = valueOf(Checkpoint.decode(bytes))
    expect(bytes.length).toBe(Checkpoint.fileBytes)
    expect(checkpoint).toEqual(expected.checkpoint)
    expect(Checkpoint.encode(checkpoint).equals(bytes.subarray(0, Checkpoint.Layout.sizeBytes))).toBe(true)
    const timer = found(files, "config/timercheck")
    expect(valueOf(TimerCheckpoint.decode(timer))).toMatchObject(expected.timerCheckpoint)
  })

  it("reads the timer log, whose units lead to records of the timer topic", () => {
    const [first] = segments(files, "timerlog")
    const bytes = first?.[1] ?? Buffer.alloc(0)
    const topics = new Map(expected.messages.map((message) => [message.commitLogOffset, message.topic]))
    const wheel = found(files, "timerwheel")
    let units = 0
    for (let at = 0; bytes.readInt32BE(at) === TimerLogUnit.sizeBytes; at += TimerLogUnit.sizeBytes) {
      const unit = valueOf(TimerLogUnit.decode(bytes, at))
      expect(topics.get(unit.commitLogOffset)).toBe("rmq_sys_wheel_timer")
      expect(TimerLogUnit.encode(unit).equals(bytes.subarray(at, at + TimerLogUnit.sizeBytes))).toBe(true)
      units++
    }
    expect(units).toBeGreaterThan(0)
    expect(wheel.length % TimerSlot.sizeBytes).toBe(0)
  })

  it("reads the files of config/, and writes them back to the byte", () => {
    const topics = valueOf(ConfigJson.parseTopics(configText(files, "topics.json")))
    expect(topics.position).toBeUndefined()
    expect(new Set(topics.topicConfigTable.keys())).toEqual(new Set(expected.topics.map(({ topic }) => topic)))
    for (const { perm, readQueueNums, topic } of expected.topics) {
      expect(topics.topicConfigTable.get(topic)).toMatchObject({ perm, readQueueNums, topicName: topic })
    }
    expect(joined(ConfigJson.printTopics(topics))).toBe(configText(files, "topics.json"))

    const groups = valueOf(ConfigJson.parseSubscriptionGroups(configText(files, "subscriptionGroup.json")))
    expect(joined(ConfigJson.printSubscriptionGroups(groups))).toBe(configText(files, "subscriptionGroup.json"))

    const offsets = valueOf(ConfigJson.parseConsumerOffsets(configText(files, "consumerOffset.json")))
    const plain = Object.fromEntries([...offsets.offsetTable].map(([key, table]) => [key, Object.fromEntries(table)]))
    expect(plain).toEqual(expected.consumerOffsets)
    const committed = new Map<string, Map<string, ReadonlyMap<number, number>>>()
    for (const [key, queues] of offsets.offsetTable) {
      const [topic = "", group = ""] = key.split("@")
      committed.set(group, (committed.get(group) ?? new Map()).set(topic, queues))
    }
    const { dataVersion, position } = offsets
    const text = joined(ConfigJson.printConsumerOffsets({ committed, dataVersion, position }))
    const printed = valueOf(ConfigJson.parseConsumerOffsets(text))
    const derived = (map: typeof offsets.groupTopicMap) => [...(map ?? [])].map(([key, list]) => [key, new Set(list)])
    // The derived map is printed in the order of our table, not of a Java hash map.
    expect(new Map(derived(printed.groupTopicMap) as never)).toEqual(new Map(derived(offsets.groupTopicMap) as never))
    expect({ ...printed, groupTopicMap: 0 }).toEqual({ ...offsets, groupTopicMap: 0 })

    const delays = valueOf(ConfigJson.parseDelayOffsets(configText(files, "delayOffset.json")))
    expect(Object.fromEntries(delays.offsetTable)).toEqual(expected.delayOffsets)
    expect(joined(ConfigJson.printDelayOffsets(delays))).toBe(configText(files, "delayOffset.json"))
  })
})
