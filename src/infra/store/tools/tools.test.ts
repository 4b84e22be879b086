/** The tools on a simulated disk: what they see, what they say, and what a repair leaves. */
import { describe, expect, it } from "vitest"
import type { SimDisk } from "../../disk/SimDisk.ts"
import { keepAll, keepNone, keepSome } from "../../disk/survival.ts"
import { SeededRandom } from "../../random/SeededRandom.ts"
import { diskOf, recordedOptions } from "../../../../test/model/store/goldenStore.ts"
import { ConsumeQueueEntry, isBlank, isWritten } from "../../../format/ConsumeQueueEntry.ts"
import * as Host from "../../../format/Host.ts"
import * as StoredMessage from "../../../format/StoredMessage.ts"
import { messageIn, StoreRig } from "../../../../test/model/store/StoreRig.ts"
import { expectedStore, storeNames } from "../../../../test/golden/golden.ts"
import { messages } from "./Dump.ts"
import { apply, plan, printPlan } from "./Repair.ts"
import { StoreView } from "./StoreView.ts"
import { type Verdict, verify } from "./Verify.ts"

const topics = ["Orders", "%RETRY%g"]

/** A closed store of so many messages of two topics with two queues each. */
const closed = (count = 120, sizeBytes = 60): StoreRig => {
  const rig = new StoreRig({ seed: 1 }).open()
  for (let i = 0; i < count; i++) {
    rig.put({
      body: `m${i} `.padEnd(sizeBytes),
      keys: [`k${i}`],
      queueId: i % 2,
      tag: "t",
      topic: topics[(i >> 1) % 2]!,
    })
    rig.settle()
  }
  rig.close()
  rig.restart()
  return rig
}

const finished = <T>(run: Generator<unknown, T>): T => {
  for (;;) {
    const { done, value } = run.next()
    if (done === true) return value
  }
}

const viewOf = (rig: StoreRig): StoreView => new StoreView(rig.disk, "/store", { index: rig.options.index })

const verified = (rig: StoreRig): Verdict => finished(verify(viewOf(rig)))

const repaired = (rig: StoreRig): ReadonlyArray<string> => {
  const found = finished(plan(viewOf(rig)))
  const lines = printPlan(found)
  let failed: Error | "busy" | undefined = "busy"
  finished(apply(rig.world, rig.options, found, (error) => (failed = error)))
  rig.until(() => failed !== "busy")
  expect(failed).toBeUndefined()
  rig.restart()
  return lines
}

const corrupt = (disk: SimDisk, path: string, from: number, sizeBytes: number): void => {
  for (let at = from; at < from + sizeBytes; at++) disk.corrupt(path, at, 0x55)
}

const segment = (base: number): string => `/store/commitlog/${String(base).padStart(20, "0")}`

const bodies = (rig: StoreRig, topic: string, queueId: number): ReadonlyArray<string> =>
  rig.readAll(topic, queueId).map(({ body }) => body.trimEnd())

const expectedBodies = (count: number, topic: string, queueId: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => i)
    .filter((i) => i % 2 === queueId && topics[(i >> 1) % 2] === topic)
    .map((i) => `m${i}`)

/** Where a message lies, by the log itself. */
const placeOf = (rig: StoreRig, name: string): { at: number; sizeBytes: number } => {
  for (const some of messages(viewOf(rig), {})) {
    for (const { body, physicalOffset, sizeBytes } of some)
      if (body.toString().trimEnd() === name) return { at: physicalOffset, sizeBytes }
  }
  throw new Error(`there is no ${name}`)
}

describe("verify", () => {
  it("counts what is there and finds nothing wrong with a store that was closed", () => {
    const rig = closed()
    expect(verified(rig)).toMatchObject({
      holes: [],
      indexEntries: 240,
      problemCount: 0,
      queueEntries: 120,
      records: 120,
      tailBytes: 0,
    })
  })

  it("finds nothing wrong with a store that a crash left, torn tail or not", () => {
    for (let seed = 0; seed < 30; seed++) {
      const rig = closed(60)
      rig.open()
      for (let i = 0; i < 20; i++)
        rig.put({ body: `x${i}`.padEnd(300), keys: [], queueId: 0, tag: undefined, topic: "Orders" })
      rig.steps(2 + (seed % 5))
      rig.powerCut(keepSome(new SeededRandom(seed)))
      const { problems, records } = verified(rig)
      expect(problems).toEqual([])
      expect(records).toBeGreaterThanOrEqual(60)
    }
  })

  it.for(storeNames)("finds nothing wrong with the recorded store %s", (name) => {
    const rig = new StoreRig({ disk: diskOf(name), options: recordedOptions, seed: 1 })
    const { problems, records } = verified(rig)
    expect(problems).toEqual([])
    expect(records).toBe(expectedStore(name).messageCount)
  })

  it("names the bytes of a rotten record, and reads on behind it", () => {
    const rig = closed()
    const { at, sizeBytes } = placeOf(rig, "m5")
    rig.disk.corrupt(segment(0), at + 100)
    const { holes, problems, records } = verified(rig)
    expect(holes).toMatchObject([{ from: at, path: segment(0), reason: "record checksum", to: at + sizeBytes }])
    expect(problems[0]).toBe(
      `CommitLog ${at} to ${at + sizeBytes} (${sizeBytes} bytes of ${segment(0)}): record checksum`,
    )
    expect(records).toBe(119)
  })

  it("finds a missing segment, in the middle and at the end", () => {
    const middle = closed()
    middle.disk.remove(segment(4096))
    expect(verified(middle).holes).toMatchObject([{ from: 4096, path: undefined, to: 8192 }])
    const newest = closed()
    const last = newest.disk.list("/store/commitlog").at(-1)!
    newest.disk.remove(`/store/commitlog/${last}`)
    expect(verified(newest).holes).toMatchObject([{ from: Number(last), path: undefined }])
  })

  it("finds queue entries that lead elsewhere, are missing, or are too many", () => {
    const path = "/store/consumequeue/Orders/0/00000000000000000000"
    const rig = closed()
    rig.disk.corrupt(path, 3 * 20 + 7)
    expect(verified(rig).problems[0]).toContain("Orders-0: entry 3, of the record at")
    const missing = closed()
    missing.removeFolder("/store/consumequeue/Orders/1")
    expect(verified(missing).problemCount).toBe(30)
    const more = closed()
    const last = more.disk.list("/store/consumequeue/Orders/0").at(-1)!
    const file = more.disk.open(`/store/consumequeue/Orders/0/${last}`, "write")
    const first = Buffer.alloc(20)
    const count = 30 - Number(last) / 20
    file.readSync(first, (count - 1) * 20)
    file.writeSync(first, count * 20)
    expect(verified(more).problems).toEqual([expect.stringContaining("Orders-0: entry 30 leads to")])
  })

  it("finds keys that lead nowhere, and chains that are broken", () => {
    const rig = closed()
    const [first] = rig.disk.list("/store/index")
    // The log offset of the third entry; entries begin behind 40 bytes of header and 8 slots.
    rig.disk.corrupt(`/store/index/${first}`, 40 + 8 * 4 + 3 * 20 + 11)
    const { problems } = verified(rig)
    expect(problems.join("\n")).toContain("index: ")
    const chain = closed()
    chain.disk.corrupt(`/store/index/${first}`, 40 + 8 * 4 + 12 * 20 + 19)
    expect(verified(chain).problems.join("\n")).toContain("in its chain")
    const sizes = closed()
    const other = finished(verify(new StoreView(sizes.disk, "/store", { index: { entries: 17, slots: 8 } })))
    expect(other.problems.join("\n")).toContain("give the numbers that the store was made with")
  })

  it("does not take a record inside the body of a lost message for one of the log", () => {
    for (const hasQueues of [true, false]) {
      const rig = closed(30)
      rig.open()
      const at = rig.store.log.appendedOffset
      const bodyAt = at + StoredMessage.encodedSize(stored({ topic: "" })) - 3
      const forged = stored({ body: Buffer.from("forged"), physicalOffset: bodyAt, queueOffset: 99, topic: "Orders" })
      const body = Buffer.concat([StoredMessage.encode(forged), Buffer.alloc(100)])
      rig.putRaw("Orders", 0, {
        ...messageIn({ body: "", keys: [], queueId: 0, tag: undefined, topic: "Orders" }),
        body,
      })
      rig.put({ body: "behind", keys: [], queueId: 0, tag: undefined, topic: "Orders" })
      rig.settle()
      rig.close()
      rig.restart()
      const found = placeOf(rig, "behind")
      const base = at - (at % 4096)
      // The forged record is where it says that it is.
      const bytes = readRange(rig, segment(base), bodyAt - base, 100)
      expect(StoredMessage.at.physicalOffset(bytes, 0)).toBe(bodyAt)
      corrupt(rig.disk, segment(base), at - base, 20)
      if (!hasQueues) rig.removeFolder("/store/consumequeue/Orders/0")
      expect(verified(rig).holes).toMatchObject([{ from: at, to: found.at }])
    }
  })

  it("does not take what Apache RocketMQ has cut off, and left in its file, for records of the log", () => {
    const rig = new StoreRig({ disk: diskOf("master-clean"), options: recordedOptions, seed: 1 })
    const { endOffset } = verified(rig)
    const path = `/store/commitlog/${rig.disk.list("/store/commitlog").at(-1)!}`
    const within = endOffset - Number(path.slice(-20))
    const stale = StoredMessage.encode(
      stored({ body: Buffer.from("cut off"), physicalOffset: endOffset + 50, queueOffset: 5000, topic: "BulkTopic" }),
    )
    const file = rig.disk.open(path, "write")
    file.writeSync(Buffer.concat([Buffer.alloc(50, 0x55), stale]), within)
    file.syncSync()
    file.close()
    // Its last two bytes, the length of no properties, are zero.
    const end = endOffset + 50 + stale.length - 2
    expect(verified(rig)).toMatchObject({ endOffset, holes: [{ from: endOffset, to: end }] })
    expect(() => rig.open()).toThrow("Rotten record")
    rig.restart()
    repaired(rig)
    expect(verified(rig).problems).toEqual([])
    rig.open()
    expect(rig.readAll("BulkTopic", 0).map(({ body }) => body)).not.toContain("cut off")
  })

  it("finds files that keep a broker from starting", () => {
    const rig = closed()
    write(rig.disk, "/store/commitlog/notes.txt", "mine")
    const far = rig.disk.open(segment(4096 * 100), "create")
    far.truncate(4096)
    far.close()
    write(rig.disk, "/store/config/topics.json", "{")
    write(rig.disk, "/store/index/x", "?")
    write(rig.disk, "/store/consumequeue/Orders/0/x", "?")
    corrupt(rig.disk, "/store/gantry.mark", 0, 1024)
    const { problems } = verified(rig)
    for (const part of [
      "/store/commitlog/notes.txt is no part of the log",
      "/store/config/topics.json cannot be read",
      "/store/gantry.mark cannot be read",
      "/store/index/x is no index file",
      "/store/consumequeue/Orders/0/x is no file of a queue",
      `${segment(4096 * 100)} is no part of the log`,
    ])
      expect(problems.join("\n")).toContain(part)
    expect(() => rig.open()).toThrow("the log has a gap. Restore what is missing from a backup")
    rig.restart()
    repaired(rig)
    expect(rig.disk.list("/store/lost+found/1")).toEqual([
      "00000000000000409600",
      "consumequeue",
      "index",
      "notes.txt",
      "topics.json",
    ])
    checkWhole(rig, 120, [])
  })

  it("a newest file that a crash left empty is no damage, a short one elsewhere is", () => {
    const rig = closed()
    rig.disk.open(segment(4096 * Math.ceil(verified(rig).endOffset / 4096)), "create").close()
    expect(verified(rig).problems).toEqual([])
    const short = closed()
    const file = short.disk.open(segment(4096), "write")
    file.truncate(1000)
    file.close()
    expect(verified(short).problems.join("\n")).toContain(`${segment(4096)} is 1000 bytes long, a segment has 4096`)
    const long = closed()
    const grown = long.disk.open(segment(4096), "write")
    grown.writeSync(Buffer.from("surplus"), 4096)
    grown.close()
    expect(repaired(long)).toEqual(["No message is lost: queues and index are rebuilt from the log."])
    expect(long.disk.exists("/store/lost+found/commitlog-8192-8199")).toBe(true)
    checkWhole(long, 120, [])
  })

  it("changes nothing", () => {
    const rig = closed()
    rig.disk.corrupt(segment(0), 300)
    const boundaries = rig.disk.boundaries
    verified(rig)
    finished(plan(viewOf(rig)))
    expect(rig.disk.boundaries).toBe(boundaries)
  })
})

const dumped = (filter: Parameters<typeof messages>[1]): ReadonlyArray<string> =>
  [...messages(viewOf(closed(40)), filter)].flat().map(({ body }) => body.toString().trimEnd())

describe("dump", () => {
  it("shows all messages in the order of the log, or those of a topic, a queue, from an offset", () => {
    expect(dumped({})).toEqual(Array.from({ length: 40 }, (_, i) => `m${i}`))
    expect(dumped({ topic: "Orders" })).toHaveLength(20)
    expect(dumped({ queueId: 1, topic: "Orders" })).toEqual(expectedBodies(40, "Orders", 1))
    expect(dumped({ from: 7, queueId: 1, topic: "Orders" })).toEqual(expectedBodies(40, "Orders", 1).slice(7))
    expect(dumped({ from: 4096 }).length).toBeLessThan(40)
    expect(dumped({ topic: "None" })).toEqual([])
  })
})

/** A record as bytes of ours. */
const stored = (some: Partial<StoredMessage.StoredMessage>): StoredMessage.StoredMessage => ({
  body: Buffer.alloc(0),
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
})

const readRange = (rig: StoreRig, path: string, from: number, sizeBytes: number): Buffer => {
  const bytes = Buffer.alloc(sizeBytes)
  const file = rig.disk.open(path, "read")
  file.readSync(bytes, from)
  file.close()
  return bytes
}

const write = (disk: SimDisk, path: string, text: string): void => {
  disk.makeDirectory(path.slice(0, path.lastIndexOf("/")))
  const file = disk.open(path, "create")
  file.writeSync(Buffer.from(text), 0)
  file.syncSync()
  file.close()
}

const checkWhole = (rig: StoreRig, count: number, lost: ReadonlyArray<string>): void => {
  expect(verified(rig).problems).toEqual([])
  rig.open()
  for (const topic of topics) {
    for (const queueId of [0, 1]) {
      const expected = expectedBodies(count, topic, queueId)
      expect(bodies(rig, topic, queueId)).toEqual(expected.filter((name) => !lost.includes(name)))
      const queue = rig.store.queues.get(topic, queueId)
      expect(queue.maxOffset).toBe(expected.length)
      // Every message keeps its offset, and what comes now gets a new one.
      for (const message of rig.readAll(topic, queueId))
        expect(message.body.trimEnd()).toBe(expected[message.queueOffset])
      expect(rig.put({ body: "new", keys: ["new"], queueId, tag: undefined, topic })).toMatchObject({
        queueOffset: expected.length,
      })
    }
  }
  rig.settle()
  for (let i = 0; i < count; i++) {
    const name = `m${i}`
    expect(rig.find(topics[(i >> 1) % 2]!, `k${i}`).length).toBe(lost.includes(name) ? 0 : 1)
  }
  rig.powerCut(keepNone)
  rig.open()
  for (const topic of topics) expect(bodies(rig, topic, 0).at(-1)).toBe("new")
  rig.close()
  rig.restart()
  expect(verified(rig).problems).toEqual([])
}

const damaged = (): StoreRig => {
  const rig = closed(60)
  const { at } = placeOf(rig, "m5")
  corrupt(rig.disk, segment(0), at + 100, 3)
  rig.disk.remove(segment(4096))
  rig.disk.syncDirectory("/store/commitlog")
  return rig
}

/** The entries of a queue as they stand in its files. */
const entriesOf = (rig: StoreRig, topic: string, queueId: number): ReadonlyArray<readonly [number, number]> => {
  const folder = `/store/consumequeue/${topic}/${queueId}`
  return rig.disk.list(folder).flatMap((name) => {
    const bytes = readRange(rig, `${folder}/${name}`, 0, rig.options.consumeQueueSegmentBytes)
    return Array.from({ length: bytes.length / 20 }, (_, i) => i * 20)
      .filter((at) => isWritten(bytes, at))
      .map(
        (at) => [ConsumeQueueEntry.at.commitLogOffset(bytes, at), ConsumeQueueEntry.at.sizeBytes(bytes, at)] as const,
      )
  })
}

describe("repair", () => {
  it("has nothing to say of a store that is whole", () => {
    expect(printPlan(finished(plan(viewOf(closed()))))).toEqual([])
  })

  it("a rotten record: says which message is lost, keeps its bytes, and everything else", () => {
    const rig = closed()
    const { at, sizeBytes } = placeOf(rig, "m5")
    corrupt(rig.disk, segment(0), at + 100, 3)
    const lines = repaired(rig)
    expect(lines).toEqual([
      `Lost: CommitLog ${at} to ${at + sizeBytes} (${sizeBytes} bytes of ${segment(0)}): record checksum.`,
      "Lost: message 1 of Orders-1.",
      "1 message is known to be lost, as the queues tell. Everything else is kept; queues and index are rebuilt.",
    ])
    const copy = rig.disk.open(`/store/lost+found/commitlog-${at}-${at + sizeBytes}`, "read")
    expect(copy.sizeBytes()).toBe(sizeBytes)
    checkWhole(rig, 120, ["m5"])
  })

  it("several records, across the end of a segment, and the first of all", () => {
    const rig = closed()
    const first = placeOf(rig, "m0")
    corrupt(rig.disk, segment(0), first.at + 8, 40)
    const before = [...messages(viewOf(rig), {})].flat().filter(({ physicalOffset }) => physicalOffset < 4096)
    const last = before.at(-1)!
    corrupt(rig.disk, segment(0), last.physicalOffset, 4096 - last.physicalOffset)
    corrupt(rig.disk, segment(4096), 0, 600)
    const lost = ["m0", last.body.toString().trimEnd()]
    const left = [...messages(viewOf(rig), {})].flat().map(({ body }) => body.toString().trimEnd())
    for (let i = 0; i < 120; i++) if (!left.includes(`m${i}`) && !lost.includes(`m${i}`)) lost.push(`m${i}`)
    expect(lost.length).toBeGreaterThan(3)
    repaired(rig)
    checkWhole(rig, 120, lost)
  })

  it("a missing segment in the middle, and the newest", () => {
    for (const which of [1, -1]) {
      const rig = closed()
      const name = rig.disk.list("/store/commitlog").at(which)!
      rig.disk.remove(`/store/commitlog/${name}`)
      const left = [...messages(viewOf(rig), {})].flat().map(({ body }) => body.toString().trimEnd())
      const lost = Array.from({ length: 120 }, (_, i) => `m${i}`).filter((one) => !left.includes(one))
      expect(lost.length).toBeGreaterThan(5)
      repaired(rig)
      checkWhole(rig, 120, lost)
    }
  })

  it("the newest records, below the mark: their offsets stay used, and the log goes on behind them", () => {
    const rig = closed()
    const { at } = placeOf(rig, "m117")
    const base = at - (at % 4096)
    corrupt(rig.disk, segment(base), at - base, 4096 - (at - base))
    expect(() => rig.open()).toThrow("Rotten record")
    rig.restart()
    expect(repaired(rig)[0]).toContain(`Lost: CommitLog ${at} to`)
    // What a snapshot says that it covers is still there: no position of the log is given out twice.
    expect(verified(rig).endOffset).toBeGreaterThanOrEqual(at)
    checkWhole(rig, 120, ["m117", "m118", "m119"])
  })

  it("entries of lost messages are such as Apache RocketMQ 5.5.0 passes over: cut by the end of the segment before", () => {
    const rig = damaged()
    repaired(rig)
    const blanks = [0, 1].flatMap((queueId) => entriesOf(rig, "Orders", queueId)).filter(([, size]) => isBlank(size))
    // The segment at 4096 is lost: its messages, up to where the one at 8192 goes on. In the first there is no such place.
    expect(blanks.filter(([at]) => at === 8191).length).toBeGreaterThan(3)
    expect(blanks.filter(([at, size]) => at === 8191 && size !== 2)).toEqual([])
    expect(blanks.filter(([at]) => at < 4096)).toMatchObject([[expect.any(Number), 0x7f_ff_ff_ff]])
  })

  it("the log does not end in a blank, which Apache RocketMQ would write over", () => {
    const rig = closed()
    const last = rig.disk.list("/store/commitlog").at(-1)!
    rig.disk.remove(`/store/commitlog/${last}`)
    repaired(rig)
    const { endOffset } = verified(rig)
    const segments = rig.disk.list("/store/commitlog")
    expect(Number(segments.at(-1))).toBe(endOffset - (endOffset % 4096))
  })

  it("no broker starts on a store whose repair was interrupted", () => {
    const rig = damaged()
    class Cut extends Error {}
    rig.kill(keepAll, {
      onBoundary: (n) => {
        if (n === 40) throw new Cut()
      },
    })
    expect(() => repaired(rig)).toThrow(Cut)
    rig.kill(keepAll)
    expect(() => rig.open()).toThrow("Run `gantry store repair /store --yes` again")
    rig.restart()
    expect(verified(rig).problems.join("\n")).toContain("a repair of /store was begun and not ended")
    repaired(rig)
    rig.open()
  })

  it("refuses what it cannot mend, and changes nothing", () => {
    const rig = closed()
    const boundaries = rig.disk.boundaries
    const other = new StoreView(rig.disk, "/store", { commitLogSegmentBytes: 5000, index: rig.options.index })
    expect(() => finished(plan(other))).toThrow("its name is no multiple of 5000")
    expect(rig.disk.boundaries).toBe(boundaries)
  })

  it("queues and index alone: nothing is lost", () => {
    const rig = closed()
    corrupt(rig.disk, "/store/consumequeue/Orders/0/00000000000000000000", 40, 20)
    rig.removeFolder("/store/consumequeue/Orders/1")
    corrupt(rig.disk, `/store/index/${rig.disk.list("/store/index")[0]!}`, 200, 50)
    expect(repaired(rig)).toEqual(["No message is lost: queues and index are rebuilt from the log."])
    checkWhole(rig, 120, [])
  })

  it("a queue of which retention left nothing goes on at its offset", () => {
    const rig = new StoreRig({ seed: 1 }).open()
    rig.put({ body: "old", keys: [], queueId: 0, tag: undefined, topic: "Old" })
    for (let i = 0; i < 60; i++) {
      rig.put({ body: `m${i}`.padEnd(100), keys: [`k${i}`], queueId: 0, tag: undefined, topic: "Orders" })
      rig.settle()
    }
    rig.checkpoint()
    expect(rig.store.deleteFirstSegment()).toBe(true)
    rig.close()
    rig.restart()
    const [entry] = rig.disk.list("/store/consumequeue/Orders/0")
    rig.disk.corrupt(`/store/consumequeue/Orders/0/${entry}`, 7 * 20 + 3)
    expect(repaired(rig)).toEqual(["No message is lost: queues and index are rebuilt from the log."])
    expect(verified(rig).problems).toEqual([])
    rig.open()
    const queue = rig.store.queues.get("Old", 0)
    expect([queue.minOffset, queue.maxOffset, queue.nextOffset]).toEqual([1, 1, 1])
    expect(rig.get("Old", 0, 0).result.status).toBe("OFFSET_TOO_SMALL")
    expect(rig.get("Old", 0, 1).result.status).toBe("OFFSET_OVERFLOW_ONE")
  })

  it("a recorded store of Apache RocketMQ", () => {
    const rig = new StoreRig({ disk: diskOf("master-clean"), options: recordedOptions, seed: 1 })
    const expected = expectedStore("master-clean")
    const bulk = expected.messages.find(({ topic }) => topic === "BulkTopic")!
    rig.disk.corrupt(segment(0), bulk.commitLogOffset + 90)
    expect(repaired(rig).join("\n")).toContain("Lost: message 0 of BulkTopic-0.")
    expect(verified(rig).problems).toEqual([])
    rig.open()
    expect(rig.readAll("BulkTopic", 0)).toHaveLength(309)
    expect(rig.readAll("BulkTopic", 0)[0]?.queueOffset).toBe(1)
  })

  it("interrupted at any place, it is done again and comes to the same", () => {
    const reference = damaged()
    const left = [...messages(viewOf(reference), {})].flat().map(({ body }) => body.toString().trimEnd())
    const lost = Array.from({ length: 60 }, (_, i) => `m${i}`).filter((one) => !left.includes(one))
    class Cut extends Error {}
    let cuts = 0
    for (let at = 1; at < 200; at += 3) {
      const rig = damaged()
      rig.kill(keepAll, {
        onBoundary: (n) => {
          if (n === at) throw new Cut()
        },
      })
      try {
        repaired(rig)
      } catch (error) {
        if (!(error instanceof Cut)) throw error
        cuts++
        rig.powerCut(keepSome(new SeededRandom(at)))
        repaired(rig)
      }
      checkWhole(rig, 60, lost)
    }
    expect(cuts).toBeGreaterThan(10)
  })
})
