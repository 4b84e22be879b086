/** Doubts of a hostile reader about what the store keeps (P1, P2), each as a case that once went wrong, or might. */
import { describe, expect, it } from "vitest"
import { ConsumeQueueEntry } from "../../src/format/ConsumeQueueEntry.ts"
import * as Host from "../../src/format/Host.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import { type DiskCall, strikeAt } from "../../src/infra/disk/DiskFaults.ts"
import { keepAll } from "../../src/infra/disk/survival.ts"
import { StoreRig } from "./store/StoreRig.ts"

const put = (rig: StoreRig, body: string, queueId = 0): unknown =>
  rig.put({ body, keys: [body.split(" ")[0]!], queueId, tag: undefined, topic: "T" })

const bodies = (rig: StoreRig): ReadonlyArray<string> => rig.readAll("T", 0).map(({ body }) => body.trimEnd())

const names = (count: number, from = 0): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `m${from + i}`)

const fill = (rig: StoreRig, all: ReadonlyArray<string>, sizeBytes = 60): void => {
  for (const name of all) {
    put(rig, name.padEnd(sizeBytes))
    rig.settle()
  }
}

const on =
  (operation: DiskCall["operation"], path: string) =>
  (call: DiskCall): boolean =>
    call.operation === operation && call.path.includes(path)

const bytesOf = (rig: StoreRig, path: string): Buffer => {
  const file = rig.disk.open(path, "read")
  const bytes = Buffer.alloc(file.sizeBytes())
  file.readSync(bytes, 0)
  file.close()
  return bytes
}

const noSpace = { kind: "fail", reason: "NoSpace" } as const

describe("a full disk", () => {
  it("that refuses what fills the front of a queue's first file does not leave it empty for ever", () => {
    // The queue begins at offset 5: the five entries before it are fillers, which Apache RocketMQ needs to read the file.
    const rig = new StoreRig({ faults: strikeAt(on("write", "/consumequeue/"), noSpace, { times: 1 }), seed: 1 }).open()
    rig.store.queues.get("T", 0).startAt(5)
    put(rig, "m0")
    rig.settle()
    expect(() => rig.checkpoint()).toThrow("NoSpace")
    rig.checkpoint()
    const bytes = bytesOf(rig, "/store/consumequeue/T/0/00000000000000000000")
    const sizes = Array.from({ length: 7 }, (_, i) => ConsumeQueueEntry.at.sizeBytes(bytes, i * 20))
    expect(sizes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 0x7f_ff_ff_ff))
    expect(sizes[5]).toBeGreaterThan(90)
    expect(sizes[6]).toBe(0)
  })

  it("that has no room for the next segment leaves no blank at the end of the log, which Apache would write over", () => {
    const rig = new StoreRig({
      faults: strikeAt(on("create", "/commitlog/"), noSpace, { skip: 1, times: 100 }),
      seed: 1,
    }).open()
    let count = 0
    while (typeof put(rig, `m${count}`.padEnd(300)) !== "string") count++
    rig.settle()
    const end = rig.store.log.syncedOffset
    rig.close()
    expect(
      bytesOf(rig, "/store/commitlog/00000000000000000000")
        .subarray(end)
        .every((byte) => byte === 0),
    ).toBe(true)
    rig.restart()
    rig.open()
    expect(bodies(rig)).toEqual(names(count))
  })
})

describe("a failed sync", () => {
  it("of the folder from which the oldest segment was deleted poisons the store: a gap may come back", () => {
    const rig = new StoreRig({ seed: 1 }).open()
    fill(rig, names(60))
    rig.checkpoint()
    rig.kill(keepAll, {
      faults: strikeAt(on("syncDirectory", "/store/commitlog"), { kind: "fail", reason: "Io" }, { skip: 1, times: 1 }),
    })
    rig.open()
    rig.checkpoint()
    expect(() => rig.store.deleteFirstSegment()).toThrow("Io")
    expect(rig.store.log.failed).toBeDefined()
    expect(put(rig, "new")).toBe("Closed")
  })
})

/** A record as bytes; `physicalOffset` is where it belongs. */
const stored = (some: Partial<StoredMessage.StoredMessage>): Buffer =>
  StoredMessage.encode(
    {
      body: Buffer.from("body"),
      bornHost: Host.nowhere,
      bornTimestamp: 1,
      flag: 0,
      physicalOffset: 0,
      preparedTransactionOffset: 0,
      properties: "",
      queueId: 0,
      queueOffset: 0,
      reconsumeTimes: 0,
      storeHost: Host.nowhere,
      storeTimestamp: 1,
      sysFlag: 0,
      topic: "T",
      version: 1,
      ...some,
    },
    true,
  )

describe("lost messages", () => {
  it("however many, do not take those before them out of their queue", () => {
    // A whole segment of one queue's short messages was lost, and a filler stands there.
    const segmentBytes = 128 * 1024 * 1024
    const queueOffset = 1_100_000
    const rig = new StoreRig({
      options: { commitLogSegmentBytes: segmentBytes, consumeQueueSegmentBytes: 6_000_000 },
      seed: 1,
    })
    const first = stored({ body: Buffer.from("first") })
    const blank = Buffer.alloc(8)
    StoredMessage.encodeBlankInto(segmentBytes - first.length, blank, 0)
    const write = (base: number, bytes: Buffer): void => {
      const file = rig.disk.open(`/store/commitlog/${String(base).padStart(20, "0")}`, "create")
      file.truncate(segmentBytes)
      file.writeSync(bytes, 0)
      file.syncSync()
      file.close()
    }
    rig.disk.makeDirectory("/store/commitlog")
    write(0, Buffer.concat([first, blank]))
    write(segmentBytes, stored({ body: Buffer.from("behind"), physicalOffset: segmentBytes, queueOffset }))
    rig.open()
    const queue = rig.store.queues.get("T", 0)
    expect([queue.minOffset, queue.maxOffset]).toEqual([0, queueOffset + 1])
    expect(rig.get("T", 0, 0).messages.map(({ body }) => body)).toEqual(["first"])
    expect(rig.get("T", 0, queueOffset).messages.map(({ body }) => body)).toEqual(["behind"])
  })
})

describe("rot", () => {
  it("inside a queue's newest file is not taken for its end: no offset is given out twice (P2)", () => {
    const rig = new StoreRig({ options: { consumeQueueSegmentBytes: 2000 }, seed: 1 }).open()
    fill(rig, names(60))
    rig.close()
    rig.restart()
    // Entry 50 of 60 in a file of 100 is where a search for the end looks first.
    const file = rig.disk.open("/store/consumequeue/T/0/00000000000000000000", "write")
    file.writeSync(Buffer.alloc(40), 50 * 20)
    file.syncSync()
    file.close()
    rig.open()
    expect(() => put(rig, "new")).toThrow("run `gantry store repair /store`, which rebuilds queues")
  })

  it("of an index header does not keep the store from starting, nor make it long", () => {
    const rig = new StoreRig({ seed: 1 }).open()
    fill(rig, names(20))
    rig.checkpoint()
    const name = rig.disk.list("/store/index").at(-1)!
    rig.kill(keepAll)
    const file = rig.disk.open(`/store/index/${name}`, "write")
    const count = Buffer.alloc(4)
    count.writeInt32BE(0x7f_ff_ff_ff)
    file.writeSync(count, 36)
    file.syncSync()
    file.close()
    rig.open()
    for (const one of names(20)) expect(rig.find("T", one)).toHaveLength(1)
    expect(rig.disk.exists(`/store/index/${name}`)).toBe(false)
  })
})
