import { expect, it } from "vitest"
import { SeededRandom } from "../random/SeededRandom.ts"
import { SimProcess } from "../sim/SimProcess.ts"
import { Sim } from "../sim/Sim.ts"
import { suite } from "./Disk.contract.ts"
import type { DiskError, DiskFile } from "./Disk.ts"
import { type DiskCall, type DiskFaults, firstOf, randomFailures, strikeAt } from "./DiskFaults.ts"
import { makeMemoryDisk } from "./MemoryDisk.ts"
import { SimDisk, type SimDiskOptions } from "./SimDisk.ts"
import { keepAll, keepNone } from "./survival.ts"
import type { Choose } from "./Volume.ts"

const stepped =
  (sim: Sim) =>
  async (done: () => boolean): Promise<void> => {
    if (!sim.runUntil(done, 60_000)) throw new Error("the disk never answered")
  }

for (const seed of [1, 2, 3]) {
  suite(`SimDisk, seed ${seed}`, async () => {
    const sim = new Sim(seed)
    const disk = new SimDisk({ later: (_call, run) => void sim.after(sim.random.between(0, 5), run) })
    disk.makeDirectory("/data")
    return { close: () => {}, disk, root: "/data", wait: stepped(sim) }
  })
}

suite("MemoryDisk", async () => {
  const sim = new Sim(1)
  const disk = makeMemoryDisk(new SimProcess(sim, "one").clock)
  disk.makeDirectory("data")
  return { close: () => {}, disk, root: "data", wait: stepped(sim) }
})

const rig = (options: Partial<SimDiskOptions> = {}): { disk: SimDisk; file: DiskFile; sim: Sim } => {
  const sim = new Sim(5)
  const disk = new SimDisk({ later: (_call, run) => void sim.after(1, run), ...options })
  return { disk, file: disk.open("/a", "create"), sim }
}

const text = (file: DiskFile): string => {
  const target = Buffer.alloc(file.sizeBytes())
  file.readSync(target, 0)
  return target.toString()
}

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as DiskError).reason
  }
}

const isWrite = (call: DiskCall): boolean => call.operation === "write"

it("a failed write has done nothing, or a part; both say why", () => {
  const { disk, file, sim } = rig({
    faults: firstOf(
      strikeAt(isWrite, { kind: "fail", reason: "NoSpace" }, { skip: 1 }),
      strikeAt(isWrite, { kind: "partial", reason: "Io", sizeBytes: 2 }, { skip: 1 }),
    ),
  })
  file.writeSync(Buffer.from("one."), 0)
  expect(reasonOf(() => file.writeSync(Buffer.from("two."), 4))).toBe("NoSpace")
  expect(text(file)).toBe("one.")
  const answers: Array<string | undefined> = []
  file.write(Buffer.from("six."), 4, (error) => answers.push(error?.reason))
  file.write(Buffer.from("END."), 8, (error) => answers.push(error?.reason))
  sim.runFor(10)
  expect(answers.toSorted()).toEqual(["Io", undefined])
  expect(text(disk.open("/a", "read"))).toBe("one.si\0\0END.")
})

it("a failed sync that dropped its pages lets the next one succeed without them (P1)", () => {
  const { disk, file } = rig({ faults: strikeAt((call) => call.operation === "sync", { kind: "drop" }) })
  disk.syncDirectory("/")
  file.writeSync(Buffer.from("lost"), 0)
  expect(reasonOf(() => file.syncSync())).toBe("Io")
  file.writeSync(Buffer.from("kept"), 4)
  file.syncSync()
  expect(text(file)).toBe("lostkept")
  expect(text(disk.survivor(keepAll).open("/a", "read"))).toBe("\0\0\0\0kept")
})

it("a failed sync that kept its pages lets the next one write them", () => {
  const { disk, file, sim } = rig({
    faults: strikeAt((call) => call.operation === "sync", { kind: "fail", reason: "Io" }),
  })
  disk.syncDirectory("/")
  file.writeSync(Buffer.from("data"), 0)
  const answers: Array<string | undefined> = []
  file.sync((error) => answers.push(error?.reason))
  sim.runFor(10)
  file.syncSync()
  expect(answers).toEqual(["Io"])
  expect(text(disk.survivor(keepNone).open("/a", "read"))).toBe("data")
})

it("bits flip on their way, bytes land elsewhere, and media rot", () => {
  const { disk, file } = rig({
    faults: firstOf(
      strikeAt(({ operation, position }) => operation === "write" && position === 0, { bit: 9, kind: "flip" }),
      strikeAt(({ operation, position }) => operation === "write" && position === 4, {
        kind: "misdirect",
        position: 8,
      }),
      strikeAt(({ operation }) => operation === "read", { bit: 0, kind: "flip" }, { skip: 1 }),
    ),
  })
  file.writeSync(Buffer.from("aaaa"), 0)
  file.writeSync(Buffer.from("bbbb"), 4)
  expect(text(file)).toBe("acaa\0\0\0\0bbbb")
  expect(text(file)).toBe("`caa\0\0\0\0bbbb")
  expect(text(file)).toBe("acaa\0\0\0\0bbbb")
  disk.corrupt("/a", 8, 0b11)
  expect(text(file)).toBe("acaa\0\0\0\0abbb")
  file.syncSync()
  disk.syncDirectory("/")
  disk.corrupt("/a", 9, 0b11)
  expect(text(disk.powerCut(keepNone).open("/a", "read"))).toBe("acaa\0\0\0\0aabb")
})

const failing = (operation: DiskCall["operation"]): DiskFaults =>
  strikeAt((call) => call.operation === operation, { kind: "fail", reason: "Io" })

it("reads and changes of names fail as told", () => {
  const { disk, file, sim } = rig({
    faults: firstOf(
      ...(["makeDirectory", "read", "remove", "rename", "syncDirectory", "truncate"] as const).map(failing),
    ),
  })
  for (const run of [
    () => disk.makeDirectory("/d"),
    () => disk.rename("/a", "/b"),
    () => disk.remove("/b"),
    () => disk.syncDirectory("/"),
    () => file.truncate(9),
    () => file.readSync(Buffer.alloc(1), 0),
  ]) {
    expect(reasonOf(run)).toBe("Io")
    expect(reasonOf(run)).toBe(undefined)
  }
  sim.runFor(1)
})

const strikes = (seed: number): ReadonlyArray<string | undefined> => {
  const faults = randomFailures(new SeededRandom(seed), { sync: 0.5, write: 0.2 })
  const operations = ["sync", "write", "read"] as const
  return Array.from({ length: 300 }, (_, n) => {
    const operation = operations[n % 3]!
    const fault = faults.strike({ operation, path: "/a", position: 0, sizeBytes: 10 })
    return fault && `${operation} ${fault.kind}`
  })
}

it("randomFailures strikes at its rates, and always the same way for one seed", () => {
  expect(strikes(1)).toEqual(strikes(1))
  expect(strikes(1)).not.toEqual(strikes(2))
  expect(new Set(strikes(1))).toEqual(new Set([undefined, "sync drop", "sync fail", "write partial"]))
})

it("a fault that cannot strike a call is a mistake of the test, and said so", () => {
  const { file } = rig({ faults: { strike: (call) => (call.operation === "write" ? { kind: "drop" } : undefined) } })
  expect(() => file.writeSync(Buffer.alloc(1), 0)).toThrow('a fault of kind "drop" cannot strike a write')
})

it("a full disk refuses what does not fit, and takes it once space is free", () => {
  const { disk, file } = rig({ capacityBytes: 3 * 4096 })
  file.writeSync(Buffer.alloc(8192, 1), 0)
  const other = disk.open("/b", "create")
  other.writeSync(Buffer.alloc(4096, 1), 0)
  expect(disk.usage("/")).toEqual({ freeBytes: 0, totalBytes: 3 * 4096 })
  expect(reasonOf(() => other.writeSync(Buffer.alloc(1), 4096))).toBe("NoSpace")
  other.writeSync(Buffer.alloc(4096, 2), 0)
  disk.remove("/a")
  expect(disk.usage("/").freeBytes).toBe(0)
  file.close()
  expect(disk.usage("/").freeBytes).toBe(8192)
  other.writeSync(Buffer.alloc(1), 4096)
})

it("boundaries count writes, syncs and changes of names; a cut at one stops the call that follows", () => {
  const seen: Array<string> = []
  const run = (cutAt: number): SimDisk | undefined => {
    let survived: SimDisk | undefined
    const disk = new SimDisk({
      later: (_call, done) => done(),
      onBoundary: (n, call) => {
        seen.push(`${n} ${call.operation}`)
        if (n === cutAt) survived = disk.powerCut(keepAll)
      },
    })
    const work = (): void => {
      disk.makeDirectory("/d")
      const file = disk.open("/d/a", "create")
      file.writeSync(Buffer.from("x"), 0)
      file.sync(() => {})
      file.truncate(10)
      disk.rename("/d/a", "/d/b")
      disk.syncDirectory("/d")
      disk.remove("/d/b")
    }
    const reason = reasonOf(work)
    expect(reason).toBe(cutAt === 0 ? undefined : "Crashed")
    return survived
  }
  expect(run(0)).toBeUndefined()
  expect(seen).toEqual([
    "1 makeDirectory",
    "2 create",
    "3 write",
    "4 sync",
    "5 truncate",
    "6 rename",
    "7 syncDirectory",
    "8 remove",
  ])
  expect(run(1)!.exists("/d")).toBe(false)
  expect(run(3)!.open("/d/a", "read").sizeBytes()).toBe(0)
  expect(run(5)!.open("/d/a", "read").sizeBytes()).toBe(1)
  expect(run(6)!.open("/d/a", "read").sizeBytes()).toBe(10)
  expect(run(7)!.list("/d")).toEqual(["b"])
})

it("a dead disk answers nothing and throws Crashed", () => {
  const { disk, file, sim } = rig()
  let answers = 0
  file.write(Buffer.from("a"), 0, () => answers++)
  file.sync(() => answers++)
  file.read(Buffer.alloc(1), 0, () => answers++)
  disk.powerCut(keepAll)
  file.write(Buffer.from("b"), 1, () => answers++)
  file.sync(() => answers++)
  file.read(Buffer.alloc(1), 0, () => answers++)
  sim.runFor(100)
  expect(answers).toBe(0)
  for (const run of [
    () => file.writeSync(Buffer.alloc(1), 0),
    () => file.readSync(Buffer.alloc(1), 0),
    () => file.syncSync(),
    () => file.truncate(0),
    () => disk.open("/a", "read"),
    () => disk.exists("/a"),
    () => disk.list("/"),
    () => disk.makeDirectory("/d"),
    () => disk.rename("/a", "/b"),
    () => disk.remove("/a"),
    () => disk.syncDirectory("/"),
    () => disk.usage("/"),
    () => disk.lock("x", () => {}),
  ]) {
    expect(reasonOf(run)).toBe("Crashed")
  }
  file.close()
})

it("a killed process leaves the page cache, frees its locks, and a later power cut still takes what was not synced", () => {
  const { disk, file, sim } = rig()
  disk.syncDirectory("/")
  let locked: unknown
  disk.lock("store", (release) => (locked = release))
  file.writeSync(Buffer.from("cached"), 0)
  sim.runFor(10)
  expect(locked).toBeDefined()
  const later = (_call: DiskCall, run: () => void): void => void sim.after(1, run)
  const next = disk.processKill(keepAll, { later })
  expect(text(next.open("/a", "read"))).toBe("cached")
  let again: unknown
  next.lock("store", (release) => (again = release))
  sim.runFor(10)
  expect(again).toBeDefined()
  expect(text(next.powerCut(keepNone).open("/a", "read"))).toBe("")
})

const outcome = (choose: Choose): string => {
  const { disk, file } = rig()
  file.write(Buffer.from("whole"), 0, () => {})
  return text(disk.processKill(choose).open("/a", "read"))
}

it("writes under way at a kill took place or not, whole", () => {
  expect(outcome(keepAll)).toBe("whole")
  expect(outcome(keepNone)).toBe("")
})

it("a snapshot is not touched by what happens later, and restores any number of times", () => {
  const { disk, file } = rig()
  file.writeSync(Buffer.from("first"), 0)
  const snapshot = disk.snapshot()
  file.writeSync(Buffer.from("other"), 0)
  disk.remove("/a")
  for (let round = 0; round < 2; round++) {
    const restored = SimDisk.restore(snapshot, { later: (_call, run) => run() })
    const again = restored.open("/a", "write")
    expect(text(again)).toBe("first")
    again.writeSync(Buffer.from("again"), 0)
    expect(text(restored.survivor(keepNone).open("/a", "read"))).toBe("first")
  }
})

it("a buffer changed while its write is under way is a defect of the caller, and said so", () => {
  const { file, sim } = rig()
  const source = Buffer.from("good")
  file.write(source, 0, () => {})
  source[0] = 0
  expect(() => sim.runFor(10)).toThrow("a buffer was changed while its write")
})

it("a memory disk keeps no journal: it frees what is removed and cannot lose its power", () => {
  const clock = new SimProcess(new Sim(1), "one").clock
  const disk = makeMemoryDisk(clock, 2 ** 20)
  for (let round = 0; round < 50; round++) {
    const file = disk.open("/segment", "create")
    file.truncate(2 ** 30)
    file.writeSync(Buffer.alloc(500_000, 1), 2 ** 29)
    file.close()
    disk.remove("/segment")
  }
  expect(disk.usage("/").freeBytes).toBe(2 ** 20)
  expect(() => disk.powerCut(keepAll)).toThrow("without a journal")
})
