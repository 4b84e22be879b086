/**
 * Laws of the simulated disk's power cut, which every crash test of the store stands on (promise P1). A cut must be
 * neither kinder than the port's guarantees (Disk.ts), or crash tests pass that should not, nor harsher, or they
 * fail where a real disk keeps its word.
 */
import fc from "fast-check"
import { expect, it } from "vitest"
import type { DiskFile } from "../../src/infra/disk/Disk.ts"
import { SimDisk } from "../../src/infra/disk/SimDisk.ts"
import { keepAll, keepNone, keepSome } from "../../src/infra/disk/survival.ts"
import { sectorBytes } from "../../src/infra/disk/Volume.ts"
import { SeededRandom } from "../../src/infra/random/SeededRandom.ts"

const makeDisk = (): SimDisk => new SimDisk({ later: (_call, run) => run() })

const content = (disk: SimDisk, path: string): Buffer => {
  const file = disk.open(path, "read")
  const all = Buffer.alloc(file.sizeBytes())
  file.readSync(all, 0)
  file.close()
  return all
}

type Step =
  | { readonly kind: "write"; readonly at: number; readonly size: number; readonly value: number }
  | { readonly kind: "truncate"; readonly size: number }
  | { readonly kind: "sync" }

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        at: fc.nat(6000),
        kind: fc.constant("write" as const),
        size: fc.nat(3000),
        value: fc.integer({ max: 255, min: 1 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("truncate" as const), size: fc.nat(9000) }) },
    { weight: 2, arbitrary: fc.constant({ kind: "sync" as const }) },
  ),
  { maxLength: 20 },
)

const play = (file: DiskFile, step: Step): void => {
  if (step.kind === "write") file.writeSync(Buffer.alloc(step.size, step.value), step.at)
  else if (step.kind === "truncate") file.truncate(step.size)
  else file.syncSync()
}

/** Plays the steps and answers the disk with every state that the file had since its last sync, that state first. */
const playAll = (all: ReadonlyArray<Step>): { disk: SimDisk; states: ReadonlyArray<Buffer> } => {
  const disk = makeDisk()
  const file = disk.open("/file", "create")
  disk.syncDirectory("/")
  let states: ReadonlyArray<Buffer> = [Buffer.alloc(0)]
  for (const step of all) {
    play(file, step)
    const now = content(disk, "/file")
    states = step.kind === "sync" ? [now] : [...states, now]
  }
  return { disk, states }
}

const sectorOf = (state: Buffer, sector: number, sizeBytes: number): Buffer => {
  const padded = Buffer.alloc(sizeBytes)
  state.copy(padded)
  return padded.subarray(sector * sectorBytes, Math.min(sizeBytes, (sector + 1) * sectorBytes))
}

it("synced: what a sync covered survives every cut, when nothing was changed since", () => {
  fc.assert(
    fc.property(steps, fc.integer(), (all, seed) => {
      const { disk, states } = playAll([...all, { kind: "sync" }])
      expect(content(disk.survivor(keepSome(new SeededRandom(seed))), "/file").equals(states[0]!)).toBe(true)
    }),
  )
})

it("exact: keeping all leaves what was readable, keeping none what was synced", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const { disk, states } = playAll(all)
      expect(content(disk.survivor(keepAll), "/file").equals(states.at(-1)!)).toBe(true)
      expect(content(disk.survivor(keepNone), "/file").equals(states[0]!)).toBe(true)
    }),
  )
})

it("versions: each surviving sector, and the size, is one that the file had since its last sync", () => {
  fc.assert(
    fc.property(steps, fc.integer(), (all, seed) => {
      const { disk, states } = playAll(all)
      const survived = content(disk.survivor(keepSome(new SeededRandom(seed))), "/file")
      expect(states.map((state) => state.length)).toContain(survived.length)
      for (let sector = 0; sector * sectorBytes < survived.length; sector++) {
        const got = sectorOf(survived, sector, survived.length)
        // The last sector is cut at the surviving size, and zeros follow where a version ended before it.
        const versions = states.map((state) => sectorOf(state, sector, survived.length))
        expect(versions.some((version) => version.equals(got))).toBe(true)
      }
    }),
    { numRuns: 300 },
  )
})

it("torn: a long write survives whole, not at all, cut in one place, and in pieces", () => {
  const sectors = 32
  const seen = { all: 0, none: 0, pieces: 0, prefix: 0 }
  for (let seed = 0; seed < 400; seed++) {
    const disk = makeDisk()
    const file = disk.open("/file", "create")
    file.truncate(sectors * sectorBytes)
    file.syncSync()
    disk.syncDirectory("/")
    file.writeSync(Buffer.alloc(sectors * sectorBytes, 1), 0)
    const survived = content(disk.powerCut(keepSome(new SeededRandom(seed))), "/file")
    const kept = Array.from({ length: sectors }, (_, sector) => survived[sector * sectorBytes]!).join("")
    if (!kept.includes("0")) seen.all++
    else if (!kept.includes("1")) seen.none++
    else if (/^1+0+$/.test(kept)) seen.prefix++
    else seen.pieces++
  }
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(10)
})

it("cut: nothing survives beyond a truncation that was kept", () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const disk = makeDisk()
    const file = disk.open("/file", "create")
    disk.syncDirectory("/")
    file.writeSync(Buffer.alloc(5000, 1), 0)
    file.syncSync()
    file.truncate(100)
    file.truncate(300)
    const survived = content(disk.powerCut(keepSome(new SeededRandom(seed))), "/file")
    seen.add(`${survived.lastIndexOf(1) + 1} of ${survived.length}`)
  }
  expect([...seen].toSorted()).toEqual(["100 of 100", "100 of 300", "5000 of 5000"])
})

it("covered: a sync promises nothing about a write that was still under way when it began", () => {
  const late: Array<() => void> = []
  const disk = new SimDisk({ later: (_call, run) => late.push(run) })
  const file = disk.open("/file", "create")
  disk.syncDirectory("/")
  file.write(Buffer.from("late"), 0, () => {})
  file.sync(() => {})
  for (const run of late) run()
  expect(content(disk.survivor(keepNone), "/file")).toHaveLength(0)
  expect(content(disk.survivor(keepAll), "/file").toString()).toBe("late")
})

it("under way: a write whose callback did not run may survive, in part too", () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 100; seed++) {
    const disk = new SimDisk({ later: () => {} })
    const file = disk.open("/file", "create")
    disk.syncDirectory("/")
    file.truncate(1024)
    file.syncSync()
    file.write(Buffer.alloc(1024, 1), 0, () => {})
    const survived = content(disk.powerCut(keepSome(new SeededRandom(seed))), "/file")
    seen.add(`${survived[0]}${survived[512]}`)
  }
  expect([...seen].toSorted()).toEqual(["00", "01", "10", "11"])
})

it("names: a creation, a rename and a removal need the sync of their folder", () => {
  const disk = makeDisk()
  for (const name of ["old", "gone"]) disk.open(`/${name}`, "create").close()
  disk.syncDirectory("/")
  const file = disk.open("/new", "create")
  file.writeSync(Buffer.from("data"), 0)
  file.syncSync()
  disk.rename("/old", "/moved")
  disk.remove("/gone")
  expect(disk.survivor(keepNone).list("/")).toEqual(["gone", "old"])
  expect(disk.survivor(keepAll).list("/")).toEqual(["moved", "new"])
  disk.syncDirectory("/")
  expect(disk.survivor(keepNone).list("/")).toEqual(["moved", "new"])
  expect(content(disk.survivor(keepNone), "/new").toString()).toBe("data")
})

it("names: a folder is lost with all that is in it until its parent is synced", () => {
  const disk = makeDisk()
  disk.makeDirectory("/a/b")
  disk.open("/a/b/file", "create").close()
  disk.syncDirectory("/a/b")
  disk.syncDirectory("/a")
  expect(disk.survivor(keepNone).list("/")).toEqual([])
  disk.syncDirectory("/")
  expect(disk.survivor(keepNone).list("/a/b")).toEqual(["file"])
})

/** What a cut after the first `upTo` steps of replacing a file leaves of it, over many seeds. */
const replacedUpTo = (upTo: number): ReadonlySet<string> => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const disk = makeDisk()
    const write = (path: string, text: string): void => {
      const file = disk.open(path, "create")
      file.writeSync(Buffer.from(text), 0)
      file.syncSync()
      file.close()
    }
    write("/config", "old")
    disk.syncDirectory("/")
    const actions = [
      () => write("/config.tmp", "new"),
      () => disk.rename("/config.tmp", "/config"),
      () => disk.syncDirectory("/"),
    ]
    for (const action of actions.slice(0, upTo)) action()
    seen.add(content(disk.powerCut(keepSome(new SeededRandom(seed))), "/config").toString())
  }
  return seen
}

it("names: temp file, sync, rename, sync of the folder: always the old content or the new one", () => {
  expect(replacedUpTo(1)).toEqual(new Set(["old"]))
  expect(replacedUpTo(2)).toEqual(new Set(["old", "new"]))
  expect(replacedUpTo(3)).toEqual(new Set(["new"]))
})

it("names: two creations survive in any order, and a rename never loses the file that it moves", () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const disk = makeDisk()
    disk.makeDirectory("/from")
    disk.makeDirectory("/to")
    disk.open("/from/moved", "create").close()
    disk.syncDirectory("/from")
    disk.syncDirectory("/")
    disk.open("/one", "create").close()
    disk.open("/two", "create").close()
    disk.rename("/from/moved", "/to/moved")
    const survived = disk.powerCut(keepSome(new SeededRandom(seed)))
    expect(survived.list("/from").length + survived.list("/to").length).toBe(1)
    seen.add(
      survived
        .list("/")
        .filter((name) => name === "one" || name === "two")
        .join(" "),
    )
  }
  expect(seen).toEqual(new Set(["", "one", "one two", "two"]))
})

it("names: a later change of a name does not survive without the earlier ones", () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 300; seed++) {
    const disk = makeDisk()
    for (const text of ["first", "second"]) {
      const file = disk.open("/x", "create")
      file.writeSync(Buffer.from(text), 0)
      file.syncSync()
      file.close()
      if (text === "first") disk.rename("/x", "/y")
    }
    const survived = disk.powerCut(keepSome(new SeededRandom(seed)))
    seen.add(
      survived
        .list("/")
        .map((name) => `${name}=${content(survived, `/${name}`).toString()}`)
        .join(" "),
    )
  }
  expect([...seen].toSorted()).toEqual(["", "x=first", "x=second y=first", "y=first"])
})

it("names: syncing one folder takes the earlier changes along that it rests on, and no others", () => {
  const disk = makeDisk()
  disk.makeDirectory("/a")
  disk.makeDirectory("/b")
  disk.syncDirectory("/")
  disk.open("/a/x", "create").close()
  disk.open("/a/y", "create").close()
  disk.rename("/a/x", "/b/x")
  disk.syncDirectory("/b")
  for (const choose of [keepNone, keepAll]) {
    const survived = disk.survivor(choose)
    expect(survived.list("/b")).toEqual(["x"])
    expect(survived.list("/a")).toEqual(choose === keepAll ? ["y"] : [])
  }
})

it("the operating system writes old changes back by itself: what is never synced costs bounded memory", () => {
  const disk = makeDisk()
  const file = disk.open("/file", "create")
  disk.syncDirectory("/")
  for (let at = 0; at < 10_000; at++) file.writeSync(Buffer.alloc(20, 1), at * 20)
  const synced = content(disk.survivor(keepNone), "/file").length
  expect(synced).toBeGreaterThan(100_000)
  expect(synced).toBeLessThan(200_000)
})

it("a survivor is synced through: a second cut changes nothing", () => {
  fc.assert(
    fc.property(steps, fc.integer(), (all, seed) => {
      const { disk } = playAll(all)
      const once = disk.survivor(keepSome(new SeededRandom(seed)))
      expect(content(once.survivor(keepNone), "/file").equals(content(once, "/file"))).toBe(true)
    }),
    { numRuns: 50 },
  )
})

it("a seed chooses one survivor", () => {
  fc.assert(
    fc.property(steps, fc.integer(), (all, seed) => {
      const { disk } = playAll(all)
      const [one, two] = [0, 1].map(() => content(disk.survivor(keepSome(new SeededRandom(seed))), "/file"))
      expect(one!.equals(two!)).toBe(true)
    }),
    { numRuns: 50 },
  )
})
