/** Laws of what a consumer holds of one queue, and of the file of a broadcasting one's progress. */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { LocalOffsets } from "../../../src/client/core/LocalOffsets.ts"
import { ProcessQueue } from "../../../src/client/core/ProcessQueue.ts"
import { Message } from "../../../src/client/index.ts"
import * as Host from "../../../src/format/Host.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import { makeMemoryDisk } from "../../../src/infra/disk/MemoryDisk.ts"
import { silent } from "../../../src/infra/telemetry/Log.ts"
import { makeSimWorld } from "../../../src/infra/world/SimWorld.ts"

const queue = { brokerName: "broker-a", queueId: 0, topic: "orders" }

const message = (queueOffset: number, sizeBytes = 10): Message => {
  const stored = StoredMessage.encode({
    body: Buffer.alloc(sizeBytes, 1),
    bornHost: Host.nowhere,
    bornTimestamp: 0,
    flag: 0,
    physicalOffset: queueOffset * 100,
    preparedTransactionOffset: 0,
    properties: "",
    queueId: 0,
    queueOffset,
    reconsumeTimes: 0,
    storeHost: Host.nowhere,
    storeTimestamp: 0,
    sysFlag: 0,
    topic: "orders",
    version: 1,
  })
  return new Message(StoredMessage.decode(stored) as StoredMessage.Decoded, "broker-a")
}

it("behind: progress is the smallest offset that is not settled, in whatever order they are (P8)", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ max: 60, min: 0 }), { maxLength: 30, minLength: 1 }),
      fc.array(fc.nat(100), { maxLength: 40 }),
      (offsets, picks) => {
        const held = new ProcessQueue(queue, 0)
        const open = offsets.toSorted((left, right) => left - right).map((offset) => message(offset))
        const end = open.at(-1)!.queueOffset + 1
        expect(held.progress).toBeUndefined()
        held.put(open)
        for (const pick of picks) {
          const [one] = open.splice(pick % Math.max(1, open.length), 1)
          if (one !== undefined) expect(held.settle([one])).toBe(open[0]?.queueOffset ?? end)
          expect(held.bytes).toBe(open.length * 10)
          expect(held.count).toBe(open.length)
        }
      },
    ),
  )
})

const of = (...messages: ReadonlyArray<Message>): ProcessQueue => {
  const held = new ProcessQueue(queue, 0)
  held.put(messages)
  return held
}

it("bounded: is full as soon as one of its bounds is passed", () => {
  const bounds = { bytesMax: 100, messagesMax: 5, spanMax: 50 }
  expect(of(message(0), message(1)).isFull(bounds)).toBe(false)
  expect(of(...[0, 1, 2, 3, 4, 5].map((offset) => message(offset, 1))).isFull(bounds)).toBe(true)
  expect(of(message(0, 101)).isFull(bounds)).toBe(true)
  expect(of(message(0), message(51)).isFull(bounds)).toBe(true)
})

it("ordered: what was put back comes again before later messages, and counts as held (P5)", () => {
  const held = new ProcessQueue(queue, 0)
  held.put([0, 1, 2, 3, 4].map((offset) => message(offset)))
  const taken = held.take(3)
  expect(taken.map(({ queueOffset }) => queueOffset)).toEqual([0, 1, 2])
  expect([held.progress, held.count, held.bytes]).toEqual([0, 5, 50])
  held.putBack(taken.slice(1))
  expect([held.progress, held.count, held.bytes]).toEqual([1, 4, 40])
  expect(held.take(2).map(({ queueOffset }) => queueOffset)).toEqual([1, 2])
  expect(held.commit()).toBe(3)
  held.take(5)
  expect(held.commit()).toBe(5)
  expect(held.put([message(4), message(5)]).map(({ queueOffset }) => queueOffset)).toEqual([5])
})

it("a broadcast's progress is written in RocketMQ's form, and read back from the file or its backup", () => {
  const disk = makeMemoryDisk(makeSimWorld(1).node("n", "10.0.0.1").world.clock, 1_000_000)
  const folder = "/home/.rocketmq_offsets/10.0.0.1@DEFAULT/billing"
  const offsets = new LocalOffsets(disk, silent, folder)
  const other = { ...queue, queueId: 1 }
  offsets.advance(queue, 7)
  offsets.advance(queue, 3)
  offsets.persist()
  offsets.set(other, 5)
  offsets.persist()
  const read = (name: string): string => {
    const file = disk.open(`${folder}/${name}`, "read")
    const bytes = Buffer.alloc(file.sizeBytes())
    file.readSync(bytes, 0)
    file.close()
    return bytes.toString()
  }
  expect(read("offsets.json")).toBe(
    '{"offsetTable":{{"brokerName":"broker-a","queueId":0,"topic":"orders"}:7,{"brokerName":"broker-a","queueId":1,"topic":"orders"}:5}}',
  )
  expect(new LocalOffsets(disk, silent, folder).known(other)).toBe(5)
  const broken = disk.open(`${folder}/offsets.json`, "write")
  broken.writeSync(Buffer.from("}"), 0)
  broken.close()
  const backup = new LocalOffsets(disk, silent, folder)
  expect([backup.known(queue), backup.known(other)]).toEqual([7, undefined])
})
