/**
 * What the store does when its disk fails: it tells, it stops answering, it never serves what rotted, and it loses
 * nothing that it answered (promise P1).
 */
import { describe, expect, it } from "vitest"
import type { DiskCall, DiskFault, DiskFaults } from "../../src/infra/disk/DiskFaults.ts"
import { firstOf, strikeAt } from "../../src/infra/disk/DiskFaults.ts"
import type { SimDisk } from "../../src/infra/disk/SimDisk.ts"
import { keepAll, keepNone, keepSome } from "../../src/infra/disk/survival.ts"
import { SeededRandom } from "../../src/infra/random/SeededRandom.ts"
import { StoreError } from "../../src/infra/store/StoreError.ts"
import { expectedStore } from "../golden/golden.ts"
import { diskOf, recordedOptions } from "./store/goldenStore.ts"
import { type RigOptions, StoreRig } from "./store/StoreRig.ts"

const put = (rig: StoreRig, body: string, queueId = 0): unknown =>
  rig.put({ body, keys: [body.split(" ")[0]!], queueId, tag: undefined, topic: "T" })

const bodies = (rig: StoreRig, queueId = 0): ReadonlyArray<string> =>
  rig.readAll("T", queueId).map(({ body }) => body.trimEnd())

const statuses = (rig: StoreRig): ReadonlyArray<string> => rig.told.map(({ status }) => status)

const names = (count: number, from = 0): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `m${from + i}`)

/** A store with so many answered messages, each of about `sizeBytes`. */
const filled = (count: number, rig: Partial<RigOptions> = {}, sizeBytes = 60): StoreRig => {
  const store = new StoreRig({ seed: 1, ...rig }).open()
  for (const name of names(count)) {
    put(store, name.padEnd(sizeBytes))
    store.settle()
  }
  return store
}

const refusal = (run: () => unknown): StoreError => {
  try {
    run()
  } catch (error) {
    if (error instanceof StoreError) return error
    throw error
  }
  throw new Error("it was not refused")
}

const on =
  (operation: DiskCall["operation"], path: string) =>
  (call: DiskCall): boolean =>
    call.operation === operation && call.path.includes(path)

/** Every file's bytes, to see that nothing was changed. */
const contents = (disk: SimDisk, path = "/store"): ReadonlyMap<string, string> => {
  const all = new Map<string, string>()
  for (const name of disk.list(path)) {
    const below = `${path}/${name}`
    let file
    try {
      file = disk.open(below, "read")
    } catch {
      for (const [key, value] of contents(disk, below)) all.set(key, value)
      continue
    }
    const bytes = Buffer.alloc(file.sizeBytes())
    file.readSync(bytes, 0)
    file.close()
    all.set(below, bytes.toString("latin1"))
  }
  return all
}

describe("a failed sync", () => {
  const faults: ReadonlyArray<readonly [string, DiskFault]> = [
    ["that kept its pages", { kind: "fail", reason: "Io" }],
    ["that dropped its pages", { kind: "drop" }],
  ]

  it.for(faults)("of the log poisons it, %s; the next start writes the tail anew (P1)", ([, fault]) => {
    const rig = filled(5, { faults: strikeAt(on("sync", "/commitlog/"), fault, { skip: 6 }) })
    put(rig, "a")
    put(rig, "b")
    rig.settle()
    expect(statuses(rig).slice(5)).toEqual(["Failed", "Failed"])
    expect(put(rig, "c")).toBe("Closed")
    expect(rig.lines.join("\n")).toContain("the store answers no more")
    rig.close()
    rig.kill(keepAll)
    rig.open()
    const after = bodies(rig)
    expect(after.slice(0, 5)).toEqual(names(5))
    // What this start shows may be answered from: it must be on the disk, and not only in the page cache.
    rig.powerCut(keepNone)
    rig.open()
    expect(bodies(rig)).toEqual(after)
  })

  it.for(["/consumequeue/", "/index/", "gantry.mark", "/checkpoint"])("of %s poisons the store too", (path) => {
    const rig = filled(5, {
      faults: strikeAt(on("sync", path), { kind: "drop" }, { skip: path === "gantry.mark" ? 2 : 0 }),
    })
    expect(() => rig.checkpoint()).toThrow("sync")
    expect(put(rig, "late")).toBe("Closed")
    rig.powerCut(keepNone)
    rig.open()
    expect(bodies(rig)).toEqual(names(5))
    rig.checkpoint()
    rig.powerCut(keepNone)
    rig.open()
    expect(bodies(rig)).toEqual(names(5))
    expect(names(5).map((name) => rig.find("T", name).length)).toEqual([1, 1, 1, 1, 1])
  })

  it("of a new segment poisons it: the put that needed the segment is refused, those before are answered", () => {
    const rig = new StoreRig({
      faults: strikeAt(on("syncDirectory", "/commitlog"), { kind: "fail", reason: "Io" }, { skip: 1 }),
      seed: 1,
    })
    rig.open()
    let refused: unknown
    for (let i = 0; i < 60 && refused === undefined; i++) {
      const record = put(rig, `m${i}`.padEnd(200))
      if (typeof record === "string") refused = record
      else rig.settle()
    }
    expect(refused).toBe("Closed")
    const answered = rig.told.filter(({ status }) => status === "Stored").length
    expect(answered).toBeGreaterThan(5)
    rig.powerCut(keepNone)
    rig.open()
    expect(bodies(rig)).toEqual(names(answered))
  })

  it("of the log by ASYNC_FLUSH poisons it as well", () => {
    const rig = new StoreRig({
      faults: strikeAt(on("sync", "/commitlog/"), { kind: "drop" }, { skip: 1 }),
      options: { flush: "async" },
      seed: 1,
    }).open()
    put(rig, "a")
    rig.settle()
    rig.sim.runFor(2000)
    expect(put(rig, "b")).toBe("Closed")
    rig.kill(keepAll)
    rig.open()
    rig.powerCut(keepNone)
    rig.open()
    expect(bodies(rig)).toEqual(["a"])
  })
})

/** A file that takes the room away, and how it is given back. */
const ballast = (rig: StoreRig, freeBytes: number): (() => void) => {
  const file = rig.disk.open("/ballast", "create")
  const { freeBytes: all } = rig.disk.usage("/")
  file.writeSync(Buffer.alloc(Math.max(0, all - freeBytes)), 0)
  file.close()
  return () => rig.disk.remove("/ballast")
}

describe("a full disk", () => {
  it("writes wait, nothing is lost, and go on when there is room", () => {
    const rig = filled(5, { capacityBytes: 2 ** 20 }, 600)
    const free = ballast(rig, 0)
    // The segment is sparse: bytes of it that were never written have no room on the disk yet.
    for (const name of names(20, 5)) put(rig, name.padEnd(600))
    rig.sim.runFor(1000)
    expect(rig.store.isDiskFull).toBe(true)
    expect(rig.lines.join("\n")).toContain("the disk is full")
    expect(put(rig, "late")).toBe("DiskFull")
    const waiting = 20 - statuses(rig).slice(5).length
    expect(waiting).toBeGreaterThan(0)
    free()
    rig.settle()
    expect(statuses(rig).every((status) => status === "Stored")).toBe(true)
    expect(rig.store.isDiskFull).toBe(false)
    const count = rig.told.length
    expect(typeof put(rig, `m${count}`)).toBe("object")
    rig.settle()
    rig.powerCut(keepNone)
    rig.open()
    expect(bodies(rig)).toEqual(names(count + 1))
  })

  it("a put that waits too long is told so, and is there nevertheless", () => {
    const rig = filled(5, { capacityBytes: 2 ** 20 }, 1500)
    const free = ballast(rig, 0)
    for (const name of names(4, 5)) put(rig, name.padEnd(1500))
    rig.sim.runFor(20_000)
    const late = statuses(rig).filter((status) => status === "FlushTimedOut").length
    expect(late).toBeGreaterThan(0)
    free()
    rig.settle()
    expect(bodies(rig)).toEqual(names(rig.told.length))
  })

  it("Gantry's own records still go through while clients are refused", () => {
    const rig = filled(2)
    rig.store.setDiskFull(true, 91)
    expect(put(rig, "client")).toBe("DiskFull")
    const own = { ...rig.told[0]!.record.queue }
    expect(own.topic).toBe("T")
    const message = {
      body: Buffer.from("own"),
      bornHost: Buffer.alloc(8),
      bornTimestamp: 0,
      flag: 0,
      preparedTransactionOffset: 0,
    }
    expect(typeof rig.putRaw("Own", 0, { ...message, properties: "", reconsumeTimes: 0, sysFlag: 0 }, true)).toBe(
      "object",
    )
    rig.store.setDiskFull(false, 60)
    expect(typeof put(rig, "client")).toBe("object")
    rig.settle()
    expect(rig.readAll("Own", 0)).toHaveLength(1)
  })

  it("no room for the next segment: the put is refused, a later one goes through", () => {
    const noSpace = { kind: "fail", reason: "NoSpace" } as const
    const rig = new StoreRig({
      faults: strikeAt(on("create", "/commitlog/"), noSpace, { skip: 1, times: 2 }),
      seed: 1,
    }).open()
    const refused: Array<unknown> = []
    let count = 0
    for (let i = 0; i < 40; i++) {
      const record = put(rig, `m${count}`.padEnd(300))
      if (typeof record === "string") refused.push(record)
      else count++
      rig.settle()
    }
    expect(refused).toEqual(["DiskFull", "DiskFull"])
    expect(bodies(rig)).toEqual(names(count))
  })

  it("no room for queues and index: messages are stored and read, the rest follows when there is room", () => {
    const noSpace = { kind: "fail", reason: "NoSpace" } as const
    const rig = filled(30, {
      faults: firstOf(
        strikeAt(on("write", "/consumequeue/"), noSpace, { times: 3 }),
        strikeAt(on("create", "/index/"), noSpace, { times: 2 }),
        strikeAt(on("create", "/consumequeue/"), noSpace, { times: 1 }),
      ),
    })
    for (let i = 0; i < 6; i++) expect(() => rig.checkpoint()).toThrow("NoSpace")
    expect(bodies(rig)).toEqual(names(30))
    rig.checkpoint()
    expect(names(30).map((name) => rig.find("T", name).length)).toEqual(names(30).map(() => 1))
    rig.powerCut(keepNone)
    rig.open()
    expect(bodies(rig)).toEqual(names(30))
    expect(names(30).map((name) => rig.find("T", name).length)).toEqual(names(30).map(() => 1))
  })

  it("a close on a full disk ends, says that it was not clean, and the next start has all that was answered", () => {
    const rig = filled(5, { capacityBytes: 2 ** 20 }, 1500)
    const free = ballast(rig, 0)
    for (const name of names(3, 5)) put(rig, name.padEnd(1500))
    rig.sim.runFor(1000)
    const answered = statuses(rig).filter((status) => status === "Stored").length
    rig.close()
    expect(rig.lines.join("\n")).toContain("was not closed cleanly")
    free()
    rig.sim.runFor(5000)
    rig.restart()
    rig.open()
    expect(bodies(rig).slice(0, answered)).toEqual(names(answered))
  })
})

describe("rot", () => {
  const segment = "/store/commitlog/00000000000000000000"

  it("below the mark is refused at the start, with the place, and nothing is changed (P1)", () => {
    const rig = filled(40)
    rig.checkpoint()
    // The newest record below the mark: the scan begins at the last index entry, which is its own.
    const { commitLogOffset, sizeBytes } = rig.told.at(-1)!.record
    const base = Math.floor(commitLogOffset / 4096) * 4096
    const path = `/store/commitlog/${String(base).padStart(20, "0")}`
    rig.kill(keepAll)
    rig.disk.corrupt(path, commitLogOffset - base + sizeBytes - 30)
    const before = contents(rig.disk)
    const { message, reason } = refusal(() => rig.open())
    expect(reason).toBe("Rot")
    expect(message).toContain(
      `Rotten record at CommitLog offset ${commitLogOffset} (byte ${commitLogOffset - base} of ${path})`,
    )
    expect(message).toContain("nothing was cut")
    expect(message).toContain("gantry store repair")
    expect(contents(rig.disk)).toEqual(before)
  })

  it("where the start does not look is found at the read: the message is not served, the others are", () => {
    const rig = filled(120)
    rig.close()
    const place = rig.told[3]!.record.commitLogOffset
    rig.disk.corrupt(segment, place + 110)
    rig.restart()
    rig.open()
    expect(rig.get("T", 0, 0, 3)).toMatchObject({ sound: true })
    expect(rig.get("T", 0, 3)).toMatchObject({ messages: [], sound: false })
    expect(rig.lines.join("\n")).toContain("rotten record: it is not served")
    expect(rig.get("T", 0, 4, 10).messages.map(({ body }) => body.trimEnd())).toEqual(names(10, 4))
    expect(rig.lookAt(place)).toBeUndefined()
  })

  it("that only one read saw is gone with the next", () => {
    const rig = filled(120)
    rig.close()
    const flip = strikeAt(on("read", "/commitlog/00000000000000000000"), { bit: 900, kind: "flip" })
    rig.restart({ faults: flip })
    rig.open()
    expect(rig.get("T", 0, 0, 3).sound).toBe(false)
    expect(rig.get("T", 0, 0, 3)).toMatchObject({ sound: true })
  })

  it("a torn tail above the mark is no rot: it is cut (P1)", () => {
    for (let seed = 0; seed < 40; seed++) {
      const rig = filled(10)
      for (const name of names(8, 10)) put(rig, name.padEnd(400))
      rig.steps(3 + (seed % 3))
      const answered = rig.told.length
      rig.powerCut(keepSome(new SeededRandom(seed)))
      rig.open()
      const left = bodies(rig)
      expect(left.length).toBeGreaterThanOrEqual(answered)
      expect(left).toEqual(names(left.length))
    }
  })

  it("a write that went astray is known by its place, below the mark and at a read", () => {
    // The seventh write of the log lands on the first record.
    const rig = filled(6)
    rig.close()
    rig.restart({ faults: strikeAt(on("write", "/commitlog/"), { kind: "misdirect", position: 0 }) })
    rig.open()
    put(rig, "m6".padEnd(60))
    rig.settle()
    for (const name of names(100, 7)) {
      put(rig, name.padEnd(60))
      rig.settle()
    }
    // Its own place was never written: by the ring it was served, and it is not served from the disk.
    expect(rig.get("T", 0, 6, 1)).toMatchObject({ sound: false })
    expect(rig.get("T", 0, 0, 1)).toMatchObject({ sound: false })
    expect(rig.lines.join("\n")).toContain("rotten record")
    expect(rig.get("T", 0, 1, 5).messages.map(({ body }) => body.trimEnd())).toEqual(names(5, 1))
    rig.store.index.find(0, 1, 0, 0)
    rig.kill(keepAll)
    rig.removeFolder("/store/index")
    expect(refusal(() => rig.open()).message).toContain("Rotten record at CommitLog offset 0")
  })

  it("bits that flipped on their way to the disk are found when they come back", () => {
    const rig = new StoreRig({
      faults: strikeAt(on("write", "/commitlog/"), { bit: 1000, kind: "flip" }, { skip: 1 }),
      seed: 1,
    }).open()
    for (const name of names(120)) {
      put(rig, name.padEnd(60))
      rig.settle()
    }
    const rotten = names(120).filter((_, queueOffset) => !rig.get("T", 0, queueOffset, 1).sound)
    expect(rotten).toEqual(["m1"])
  })

  it("of a queue entry is not served as a message, nor passed over in silence", () => {
    const rig = filled(60)
    rig.close()
    for (const at of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      const path = "/store/consumequeue/T/0/00000000000000000000"
      const file = rig.disk.open(path, "write")
      const zero = Buffer.alloc(1)
      file.writeSync(zero, 2 * 20 + at)
      file.close()
    }
    rig.restart()
    rig.open()
    expect(rig.get("T", 0, 0, 2)).toMatchObject({ sound: true })
    expect(() => rig.get("T", 0, 2, 5)).toThrow("the entry of queue offset 2 is rotten")
    expect(rig.get("T", 0, 3, 5).messages.map(({ body }) => body.trimEnd())).toEqual(names(5, 3))
  })

  it("of one slot of the mark leaves the other, of both leaves a store without a mark; nothing is lost", () => {
    for (const slots of [[0], [1], [0, 1]]) {
      const rig = filled(30)
      rig.checkpoint()
      for (const name of names(5, 30)) put(rig, name.padEnd(60))
      rig.settle()
      rig.kill(keepAll)
      for (const slot of slots) rig.disk.corrupt("/store/gantry.mark", slot * 512 + 20)
      rig.open()
      expect(bodies(rig)).toEqual(names(35))
    }
  })

  it("of a store of Apache RocketMQ, with good segments behind it, is refused and not cut", () => {
    for (const name of ["master-clean", "master-killed"] as const) {
      const rig = new StoreRig({ disk: diskOf(name), options: recordedOptions, seed: 1 })
      rig.removeFolder("/store/consumequeue")
      // A byte of a body: what Apache writes has no checksum but that of the body.
      const bulk = expectedStore(name).messages.find(({ topic }) => topic === "BulkTopic")!
      rig.disk.corrupt(segment, bulk.commitLogOffset + 90)
      const before = contents(rig.disk)
      expect(refusal(() => rig.open()).message).toContain("nothing was cut")
      expect(contents(rig.disk)).toEqual(before)
    }
  })

  it("a missing segment is refused: the newest, and one in the middle", () => {
    for (const [missing, sentence] of [
      [-1, "a segment is missing"],
      [1, "the log has a gap"],
    ] as const) {
      const rig = filled(60)
      rig.close()
      const path = rig.disk.list("/store/commitlog").at(missing)!
      rig.disk.remove(`/store/commitlog/${path}`)
      rig.restart()
      expect(refusal(() => rig.open()).message).toContain(sentence)
    }
  })
})

describe("ASYNC_FLUSH", () => {
  it("a power cut takes what was not synced and nothing else; a kill takes nothing", () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = new SeededRandom(seed)
      const rig = new StoreRig({ options: { flush: "async" }, seed }).open()
      for (const name of names(30)) {
        put(rig, name.padEnd(random.below(120)))
        if (random.chance(0.5)) rig.settle()
        if (random.chance(0.2)) rig.sim.runFor(random.below(700))
        if (random.chance(0.1)) rig.checkpoint()
      }
      const isKill = seed % 3 === 0
      const told = rig.told.length
      const synced = rig.told.filter(({ record }) => record.commitLogOffset < rig.store.log.syncedOffset).length
      if (isKill) rig.kill(keepSome(random))
      else rig.powerCut(keepSome(random))
      rig.open()
      const left = bodies(rig)
      expect(left).toEqual(names(left.length))
      expect(left.length).toBeGreaterThanOrEqual(isKill ? told : synced)
      // What is gone is gone from queues and index too, and the offsets of what comes now are dense.
      expect(names(30).map((name) => rig.find("T", name).length)).toEqual(
        names(30).map((_, i) => (i < left.length ? 1 : 0)),
      )
      put(rig, "again")
      rig.settle()
      expect(bodies(rig)).toEqual([...left, "again"])
    }
  })

  it("queues and index never hold what the log may lose: cut to what was synced, they show just that", () => {
    const rig = new StoreRig({ options: { flush: "async", flushIntervalMs: 60_000 }, seed: 4 }).open()
    for (const name of names(10)) put(rig, name)
    rig.settle()
    rig.checkpoint()
    for (const name of names(10, 10)) put(rig, name)
    rig.settle()
    expect(bodies(rig)).toEqual(names(20))
    // The log keeps what was synced, the other files keep all that was written.
    rig.powerCut((subject, options) => (subject.includes("commitlog") ? 0 : options - 1))
    rig.open()
    expect(bodies(rig)).toEqual(names(10))
    rig.close()
    rig.restart()
    rig.open()
    expect(bodies(rig)).toEqual(names(10))
  })
})

describe("a slow disk", () => {
  it("a sync that is late is told as such, and the message is read when it comes", () => {
    const slow: DiskFaults = { strike: () => undefined }
    const rig = new StoreRig({ faults: slow, options: { syncFlushTimeoutMs: 1 }, seed: 1 }).open()
    put(rig, "a")
    put(rig, "b")
    rig.sim.runFor(2000)
    expect(rig.told.length).toBe(2)
    expect(bodies(rig)).toEqual(["a", "b"])
  })

  it("more readers than the cache has room for all get their messages (P3)", () => {
    const rig = new StoreRig({ options: { coldBlocksMax: 1 }, seed: 1 }).open()
    for (let i = 0; i < 400; i++) {
      put(rig, `m${i}`.padEnd(150), i % 5)
      rig.settle()
    }
    rig.close()
    rig.restart()
    rig.open()
    const answers: Array<number> = []
    for (let reader = 0; reader < 40; reader++) {
      const queue = rig.store.queues.get("T", reader % 5)
      rig.store.get({ countMax: 8, matches: undefined, queue, queueOffset: reader }, (error, result) => {
        expect(error).toBeUndefined()
        expect(result?.status).toBe("FOUND")
        expect(result?.copyTo(Buffer.alloc(result.sizeBytes), 0)).toBe(true)
        answers.push(result!.nextBeginOffset - reader)
      })
    }
    rig.until(() => answers.length === 40)
    expect(answers.every((count) => count > 0)).toBe(true)
  })

  it("a read that fails is an error, and not an empty queue", () => {
    const rig = filled(60)
    rig.close()
    let isArmed = false
    rig.restart({
      faults: strikeAt((call) => isArmed && on("read", "/commitlog/")(call), { kind: "fail", reason: "Io" }),
    })
    rig.open()
    isArmed = true
    expect(() => rig.get("T", 0, 0)).toThrow("Io")
    expect(rig.get("T", 0, 0, 2).messages.map(({ body }) => body.trimEnd())).toEqual(names(2))
  })
})
