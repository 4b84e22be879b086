/** Vectors of store-records.json: records, batches, and the files of a store. */
import { expect } from "vitest"
import * as Batch from "../../../src/format/Batch.ts"
import * as Checkpoint from "../../../src/format/Checkpoint.ts"
import * as Compression from "../../../src/format/Compression.ts"
import {
  BatchConsumeQueueEntry,
  ConsumeQueueEntry,
  isExtAddress,
  preBlank,
} from "../../../src/format/ConsumeQueueEntry.ts"
import { crc31 } from "../../../src/format/Crc32.ts"
import * as IndexFile from "../../../src/format/IndexFile.ts"
import { Malformed } from "../../../src/format/Malformed.ts"
import * as MessageId from "../../../src/format/MessageId.ts"
import * as RecordCrc from "../../../src/format/RecordCrc.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import { TimerCheckpoint, TimerLogUnit, TimerSlot, slotIndex } from "../../../src/format/Timer.ts"
import * as SysFlag from "../../../src/domain/SysFlag.ts"
import * as Ext from "../../../src/format/ConsumeQueueExt.ts"
import { ConsumeQueueExt } from "../../../src/infra/store/ConsumeQueueExt.ts"
import { OpenFiles, SegmentFiles } from "../../../src/infra/store/SegmentFiles.ts"
import { makeSimWorld } from "../../../src/infra/world/SimWorld.ts"
import type { Account, Case } from "./Account.ts"
import { bytesOf, hex, messageOf, valueOf } from "./bytes.ts"

export const account: Account = {
  checks: {
    record: {
      holds: (one) => {
        const message = messageOf(one)
        const { bytes, decoded } = one.expected
        expect(hex(StoredMessage.encode(message)), JSON.stringify(one)).toBe(bytes)
        expect(StoredMessage.encodedSize(message)).toBe(bytes.length / 2)
        const again = valueOf(StoredMessage.decode(bytesOf(bytes)))
        expect(again).toMatchObject({ ...message, sizeBytes: decoded.storeSize, bodyCrc: decoded.bodyCRC })
        const id = { host: again.storeHost, physicalOffset: again.physicalOffset }
        expect(MessageId.encode(id)).toBe(decoded.msgId)
      },
    },
    decode: {
      holds: (one) => {
        const bytes = bytesOf(one["bytes"] as string)
        const message = StoredMessage.decode(bytes)
        // Java leaves out the body when told not to read it, and then checks nothing that follows from it.
        if (one.expected === null) {
          const isWhole =
            !(message instanceof Malformed) && StoredMessage.check(bytes, 0, bytes.length).kind === "record"
          expect(isWhole, one["bytes"] as string).toBe(false)
          return undefined
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
        if (one["readBody"] !== true) return undefined
        const isCompressed = SysFlag.isCompressed(decoded.sysFlag)
        const type = SysFlag.compressionType(decoded.sysFlag) ?? "ZLIB"
        const body = isCompressed ? valueOf(Compression.decompress(type, decoded.body)) : decoded.body
        expect(hex(body)).toBe(expected.body ?? "")
      },
    },
    decompress: {
      holds: (one) => {
        const type = SysFlag.compressionType(one["sysFlag"] as number)
        expect(type).toBe(one.expected.type)
        const body = Compression.decompress(type ?? "ZLIB", bytesOf(one["bytes"] as string))
        expect(hex(valueOf(body)), JSON.stringify(one)).toBe(one.expected.body)
      },
    },
    recordCrc: {
      holds: (one) => {
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
      },
    },
    batchBody: {
      holds: (one) => {
        const messages = one["messages"] as { flag: number; body: string; propertiesString: string }[]
        const elements = messages.map(({ body, flag, propertiesString }) => {
          return { flag, body: bytesOf(body), properties: propertiesString }
        })
        expect(hex(Batch.encode(elements))).toBe(one.expected.bytes)
        expect(valueOf(Batch.decode(bytesOf(one.expected.bytes))).length).toBe(one.expected.count)
      },
    },
    batchRecords: {
      holds: (one) => {
        const elements = valueOf(Batch.decode(bytesOf(one["batchBody"] as string)))
        expect(elements.length).toBe(one.expected.batchSize)
        const records = elements.map((element) => {
          const { body, flag, properties } = element
          return StoredMessage.encode({ ...messageOf(one), flag, body, properties })
        })
        expect(hex(Buffer.concat(records))).toBe(one.expected.bytes)
      },
    },
    innerBatchDecode: {
      holds: (one) => {
        const message = valueOf(StoredMessage.decode(bytesOf(one["bytes"] as string)))
        const elements = valueOf(Batch.decode(message.body))
        expect(elements.length).toBeGreaterThan(0)
        expect(hex(message.body)).toBe(one.expected[0].body)
      },
    },
    consumeQueue: {
      holds: (one) => {
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
      },
    },
    batchConsumeQueue: {
      holds: (one) => {
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
      },
    },
    consumeQueueExt: {
      holds: (one) => {
        const units = one["units"] as ReadonlyArray<{
          readonly bitMap: string | null
          readonly storeTime: string
          readonly tagsCode: string
        }>
        if (units.some(({ tagsCode }) => !Number.isSafeInteger(Number(tagsCode))))
          return "a tags code is a hash of 32 bits or a time: nothing writes one that a number does not hold"
        const world = makeSimWorld(1)
        const { disk } = world.node("broker", "10.0.0.1").world
        disk.makeDirectory("/ext")
        const files = new SegmentFiles(disk, new OpenFiles(disk), "/ext", one["mappedFileSize"] as number)
        const ext = new ConsumeQueueExt(files)
        const addresses = units.map((unit) => {
          const mark = unit.bitMap === null ? undefined : bytesOf(unit.bitMap)
          const offset = ext.append({ mark, storeTimestamp: Number(unit.storeTime), tagsCode: Number(unit.tagsCode) })
          const address = Buffer.alloc(8)
          Ext.writeAddress(offset, address, 0)
          expect(Ext.offsetOf(address.readInt32BE(0), address.readInt32BE(4))).toBe(offset)
          return String(address.readBigInt64BE(0))
        })
        expect(addresses).toEqual(one.expected.addresses)
        let isWritten = false
        ext.flush((error) => (isWritten = error === undefined))
        world.sim.runUntil(() => isWritten, 1000)
        const written = disk.list("/ext").map((name) => {
          const content = Buffer.alloc(one["mappedFileSize"] as number)
          disk.open(`/ext/${name}`, "read").readSync(content, 0)
          return [name, hex(content)]
        })
        expect(Object.fromEntries(written)).toEqual(one.expected.files)
        return undefined
      },
    },
    consumeQueueExtAddress: {
      holds: (one) => {
        expect(isExtAddress(Number(one["value"]))).toBe(one.expected.isExt)
      },
    },
    indexFile: {
      holds: (one) => {
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
      },
    },
    checkpoint: {
      holds: (one) => {
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
      },
    },
    timerCheckpoint: {
      holds: (one) => {
        const { head, networkForm } = one.expected
        const checkpoint = valueOf(TimerCheckpoint.decode(bytesOf(head)))
        expect(checkpoint.lastReadTimeMs).toBe(Number(one["lastReadTimeMs"]))
        expect(hex(TimerCheckpoint.encode(checkpoint))).toBe(networkForm)
      },
    },
    timerLogUnit: {
      holds: (one) => {
        const unit = valueOf(TimerLogUnit.decode(bytesOf(one.expected.unit)))
        expect(unit).toMatchObject({
          commitLogOffset: Number(one["physicalOffset"]),
          recordSizeBytes: one["size"],
          writeTimeMs: Number(one["writeTimeMs"]),
        })
        expect(hex(TimerLogUnit.encode(unit))).toBe(one.expected.unit)
      },
    },
    timerWheel: {
      holds: (one) => {
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
      },
    },
    storeRun: {
      holds: (one) => {
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
      },
    },
    recordTooManyProperties: {
      holds: (one) => {
        const size = StoredMessage.propertiesSize("x".repeat(one["propertiesLength"] as number))
        expect(size).toBeGreaterThan(StoredMessage.propertiesSizeMax)
        const fits = "x".repeat(StoredMessage.propertiesSizeMax)
        expect(StoredMessage.propertiesSize(fits)).toBe(StoredMessage.propertiesSizeMax)
        expect(StoredMessage.propertiesSize("a\u0001b", true)).toBe(4 + RecordCrc.propertySizeBytes)
      },
    },
  },
}
