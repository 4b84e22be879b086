/**
 * The store opens what Apache RocketMQ 5.5.0 left behind, clean or killed, shows what Apache's own classes report of it,
 * and goes on from there; and what Gantry leaves at a clean close is what Apache expects to find, byte for byte as far as
 * the formats say.
 */
import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import * as Properties from "../../src/domain/Properties.ts"
import * as Checkpoint from "../../src/format/Checkpoint.ts"
import { ConsumeQueueEntry, isWritten } from "../../src/format/ConsumeQueueEntry.ts"
import * as Host from "../../src/format/Host.ts"
import * as IndexFormat from "../../src/format/IndexFile.ts"
import { Malformed } from "../../src/format/Malformed.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import type { Disk } from "../../src/infra/disk/Disk.ts"
import { keepSome } from "../../src/infra/disk/survival.ts"
import { SeededRandom } from "../../src/infra/random/SeededRandom.ts"
import { Metadata } from "../../src/node/broker/Metadata.ts"
import { type ExpectedStore, expectedStore, type StoreName, storeNames } from "../golden/golden.ts"
import { recordedOptions, rigOf } from "./store/goldenStore.ts"
import { StoreRig } from "./store/StoreRig.ts"

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")

const simpleQueues = ({ queues }: ExpectedStore): ExpectedStore["queues"] =>
  queues.filter(({ type }) => type === "SimpleCQ")

const checkMessages = (rig: StoreRig, { messages }: ExpectedStore): void => {
  for (const expected of messages) {
    const message = rig.lookAt(expected.commitLogOffset)
    expect(message, `the record at ${expected.commitLogOffset}`).toMatchObject({
      flag: expected.flag,
      preparedTransactionOffset: expected.preparedTransactionOffset,
      queueId: expected.queueId,
      queueOffset: expected.queueOffset,
      reconsumeTimes: expected.reconsumeTimes,
      storeTimestamp: expected.storeTimestamp,
      sysFlag: expected.sysFlag,
      topic: expected.topic,
    })
    expect(`/${Host.print(message!.bornHost)}`).toBe(expected.bornHost)
    expect(sha256(message!.body)).toBe(expected.bodySha256)
    expect(Object.fromEntries(Properties.parse(message!.properties))).toEqual(expected.properties)
  }
}

const checkQueues = (rig: StoreRig, expected: ExpectedStore): void => {
  for (const { entries, maxOffset, minOffset, queueId, topic } of simpleQueues(expected)) {
    const queue = rig.store.queues.get(topic, queueId)
    expect([queue.minOffset, queue.maxOffset], `bounds of ${topic}-${queueId}`).toEqual([minOffset, maxOffset])
    const found = entries.map(([queueOffset]) => ({ queueOffset, ...queue.entrySync(queueOffset) }))
    expect(found).toEqual(
      entries.map(([queueOffset, commitLogOffset, sizeBytes, tagsCode]) => ({
        commitLogOffset,
        queueOffset,
        sizeBytes,
        tagsCode,
      })),
    )
    expect(rig.readAll(topic, queueId).map((one) => one.queueOffset)).toEqual(
      entries.map(([queueOffset]) => queueOffset),
    )
  }
}

const checkIndex = (rig: StoreRig, { indexQueries }: ExpectedStore): void => {
  for (const { commitLogOffsets, key, topic } of indexQueries) {
    const hash = IndexFormat.indexKeyHash(`${topic}#${key}`)
    const found = rig.store.index.find(hash, 1000, 0, Number.MAX_SAFE_INTEGER)
    expect(
      [...found].toSorted((a, b) => a - b),
      `${topic} ${key}`,
    ).toEqual(commitLogOffsets)
  }
}

const checkStore = (rig: StoreRig, expected: ExpectedStore): void => {
  expect([rig.store.log.minOffset, rig.store.log.readableOffset]).toEqual([
    expected.minPhyOffset,
    expected.maxPhyOffset,
  ])
  checkMessages(rig, expected)
  checkQueues(rig, expected)
  checkIndex(rig, expected)
}

/** Every key of every message: more than the recorded queries. */
const checkEveryKey = (rig: StoreRig, { messages }: ExpectedStore): void => {
  for (const { commitLogOffset, keys, tags, topic, uniqKey } of messages) {
    for (const key of IndexFormat.keysOf(topic, uniqKey ?? undefined, keys ?? undefined, tags ?? undefined)) {
      const found = rig.store.index.find(IndexFormat.indexKeyHash(key), 10_000, 0, Number.MAX_SAFE_INTEGER)
      expect(
        found.filter((offset) => offset === commitLogOffset),
        key,
      ).toEqual([commitLogOffset])
    }
  }
}

describe.for(storeNames)("the recorded store %s", (name: StoreName) => {
  const expected = expectedStore(name)

  it("opens and shows what Apache RocketMQ reports of it", () => {
    const rig = rigOf(name).open()
    checkStore(rig, expected)
    checkEveryKey(rig, expected)
  })

  it("P9 shows the same when queues and index were thrown away", () => {
    const rig = rigOf(name)
    for (const folder of ["consumequeue", "index"]) rig.removeFolder(`/store/${folder}`)
    checkStore(rig.open(), expected)
    checkEveryKey(rig, expected)
  })

  it("keeps the inner batches of a BatchCQ topic in its log, unread", () => {
    const rig = rigOf(name).open()
    const batches = expected.queues.filter(({ type }) => type === "BatchCQ")
    for (const { entries, topic } of batches) {
      expect(rig.disk.exists(`/store/consumequeue/${topic}`)).toBe(false)
      for (const [, commitLogOffset] of entries) expect(rig.lookAt(commitLogOffset)?.topic).toBe(topic)
    }
    expect(rig.lines.filter((line) => line.includes("BatchCQ")).length).toBeLessThanOrEqual(batches.length)
  })

  it("goes on: new messages follow, through a clean close, a kill and a power cut", () => {
    const rig = rigOf(name).open()
    const { maxOffset } = simpleQueues(expected).find(({ queueId, topic }) => topic === "StdTopic" && queueId === 1)!
    const put = (body: string): void => {
      const record = rig.put({ body, keys: [body], queueId: 1, tag: "new", topic: "StdTopic" })
      expect(typeof record).toBe("object")
      rig.settle()
    }
    const bodies = (): ReadonlyArray<string> =>
      rig
        .readAll("StdTopic", 1)
        .slice(maxOffset)
        .map(({ body }) => body)
    put("first")
    rig.close()
    rig.restart()
    rig.open()
    put("second")
    rig.kill(keepSome(new SeededRandom(1)))
    rig.open()
    put("third")
    rig.powerCut(keepSome(new SeededRandom(2)))
    rig.open()
    expect(bodies()).toEqual(["first", "second", "third"])
    expect(rig.find("StdTopic", "second").map(({ body }) => body)).toEqual(["second"])
    checkMessages(rig, expected)
    checkIndex(rig, expected)
  })

  it("P8 gives topics, groups, offsets and delay progress", () => {
    const { world } = rigOf(name)
    const metadata = new Metadata(world, "/store")
    metadata.load()
    for (const { perm, readQueueNums, topic } of expected.topics)
      expect(metadata.topics.get(topic)).toMatchObject({ perm, readQueueNums, topicName: topic })
    expect([...metadata.topics.keys()].toSorted()).toEqual(expected.topics.map(({ topic }) => topic).toSorted())
    for (const [key, queues] of Object.entries(expected.consumerOffsets)) {
      const [topic = "", group = ""] = key.split("@")
      expect(Object.fromEntries(metadata.offsets.committed.get(group)?.get(topic) ?? [])).toEqual(queues)
    }
    expect(Object.fromEntries(metadata.delayOffsets)).toEqual(expected.delayOffsets)
    expect(metadata.groups.size).toBeGreaterThan(0)
  })
})

const bytesOf = (disk: Disk, path: string): Buffer => {
  const file = disk.open(path, "read")
  const bytes = Buffer.alloc(file.sizeBytes())
  file.readSync(bytes, 0)
  file.close()
  return bytes
}

const valueOf = <T>(decoded: T | Malformed): T => {
  if (decoded instanceof Malformed) throw decoded
  return decoded
}

describe("what Gantry leaves at a clean close", () => {
  const rig = new StoreRig({ options: recordedOptions, seed: 3 }).open()
  const put = (queueId: number, number: number): void => {
    const record = rig.put({ body: `m${number}`.padEnd(200), keys: [`k${number % 50}`], queueId, tag: "t", topic: "T" })
    expect(typeof record).not.toBe("string")
  }
  for (let number = 0; number < 1200; number++) {
    put(number % 7 === 0 ? 1 : 0, number)
    if (number % 50 === 0) rig.settle()
  }
  rig.close()
  const { disk } = rig

  const records = disk.list("/store/commitlog").flatMap((name) => {
    const bytes = bytesOf(disk, `/store/commitlog/${name}`)
    expect(bytes.length).toBe(65_536)
    const found: Array<StoredMessage.Decoded> = []
    let at = 0
    for (; at < bytes.length;) {
      const checked = StoredMessage.check(bytes, at, bytes.length - at)
      if (checked.kind !== "record") break
      const record = valueOf(StoredMessage.decode(bytes, at))
      expect(record.physicalOffset).toBe(Number(name) + at)
      found.push(record)
      at += record.sizeBytes
    }
    // A full segment ends in the blank, of which eight bytes are written; the newest one is empty behind its end.
    const rest = bytes.length - at
    const isNewest = name === disk.list("/store/commitlog").at(-1)
    if (!isNewest) expect(StoredMessage.check(bytes, at, rest)).toEqual({ kind: "blank", sizeBytes: rest })
    expect(bytes.subarray(at + (isNewest ? 0 : 8)).every((byte) => byte === 0)).toBe(true)
    return found
  })

  it("the files, and none besides", () => {
    expect(disk.list("/store")).toEqual([
      "checkpoint",
      "commitlog",
      "consumequeue",
      "gantry.mark",
      "gantry.queues",
      "index",
    ])
    const segments = Math.ceil(rig.store.log.readableOffset / 65_536)
    expect(disk.list("/store/commitlog")).toEqual(
      Array.from({ length: segments }, (_, i) => String(i * 65_536).padStart(20, "0")),
    )
    expect(disk.list("/store/consumequeue/T")).toEqual(["0", "1"])
    expect(disk.list("/store/consumequeue/T/0")).toEqual(
      ["0", "6000", "12000", "18000"].map((name) => name.padStart(20, "0")),
    )
    for (const name of disk.list("/store/index")) expect(name).toMatch(/^\d{17}$/)
  })

  it("every record in its segment, told by its queue at its offset", () => {
    expect(records).toHaveLength(1200)
    for (const queueId of [0, 1]) {
      const ofQueue = records.filter((record) => record.queueId === queueId)
      const entries = Buffer.concat(
        disk
          .list(`/store/consumequeue/T/${queueId}`)
          .map((name) => bytesOf(disk, `/store/consumequeue/T/${queueId}/${name}`)),
      )
      expect(entries.length % 6000).toBe(0)
      for (const [i, record] of ofQueue.entries()) {
        expect(record.queueOffset).toBe(i)
        expect(valueOf(ConsumeQueueEntry.decode(entries, i * 20))).toEqual({
          commitLogOffset: record.physicalOffset,
          sizeBytes: record.sizeBytes,
          tagsCode: 116,
        })
      }
      expect(isWritten(entries, ofQueue.length * 20)).toBe(false)
    }
  })

  it("an index whose chains lead from every key to its records", () => {
    const found = new Map<number, Array<number>>()
    for (const name of disk.list("/store/index")) {
      const bytes = bytesOf(disk, `/store/index/${name}`)
      expect(bytes.length).toBe(IndexFormat.fileBytes(100, 400))
      const { hashSlotCount, indexCount } = IndexFormat.decodeHeader(bytes)
      let used = 0
      for (let slot = 0; slot < 100; slot++) {
        let entry = bytes.readInt32BE(IndexFormat.slotPosition(slot))
        if (entry > 0) used++
        while (entry > 0) {
          expect(entry).toBeLessThan(indexCount)
          const { commitLogOffset, keyHash, previous } = IndexFormat.readEntry(
            bytes,
            IndexFormat.entryPosition(100, entry),
          )
          expect(keyHash % 100).toBe(slot)
          expect(previous).toBeLessThan(entry)
          found.set(keyHash, [...(found.get(keyHash) ?? []), commitLogOffset])
          entry = previous
        }
      }
      expect(used).toBe(hashSlotCount)
    }
    for (let key = 0; key < 50; key++) {
      expect(found.get(IndexFormat.indexKeyHash(`T#k${key}`))?.toSorted((a, b) => a - b)).toEqual(
        records
          .filter((record) => record.properties.includes(`\u0001k${key}\u0002`))
          .map((record) => record.physicalOffset),
      )
    }
  })

  it("a checkpoint that names the last record, of which everything is on disk", () => {
    const bytes = bytesOf(disk, "/store/checkpoint")
    expect(bytes).toHaveLength(4096)
    const last = records.at(-1)!
    expect(valueOf(Checkpoint.decode(bytes))).toMatchObject({
      logicsMsgTimestamp: last.storeTimestamp,
      logicsPhysicalOffset: last.physicalOffset,
      physicMsgTimestamp: last.storeTimestamp,
    })
    expect(bytes.subarray(48).every((byte) => byte === 0)).toBe(true)
  })
})
