import { expect, it } from "vitest"
import { strikeAt } from "../../infra/disk/DiskFaults.ts"
import { makeSimWorld, type SimNode, type SimWorld } from "../../infra/world/SimWorld.ts"
import { readWhole } from "../../infra/store/StateFiles.ts"
import { SnapshotFile } from "./SnapshotFile.ts"

const path = "/store/config/table.json"

class Rig {
  readonly sim: SimWorld = makeSimWorld(1)
  readonly node: SimNode = this.sim.node("broker", "10.0.0.1")
  readonly table: Array<string> = []
  printed = 0
  settled: Array<(failure: string | undefined) => void> = []
  isSettling = false
  readonly file: SnapshotFile

  constructor() {
    const print = (): Iterable<string> => {
      this.printed++
      return this.table
    }
    const settle = (done: (failure: string | undefined) => void): void => {
      if (this.isSettling) this.settled.push(done)
      else done(undefined)
    }
    this.file = new SnapshotFile(this.node.world, "/store/config", "table.json", print, settle)
  }

  add(text: string): void {
    this.table.push(text)
    this.file.changed()
  }

  /** Answers what `write` says, once the world has come to rest. */
  write(): () => string | undefined {
    let said: string | undefined = "nothing yet"
    this.file.write((failure) => (said = failure))
    return () => said
  }

  run(): void {
    this.sim.sim.runFor(1000)
  }

  get content(): string | undefined {
    return readWhole(this.node.world.disk, path)?.toString()
  }
}

it("says at once that nothing has to be written", () => {
  const rig = new Rig()
  expect(rig.write()()).toBeUndefined()
  expect(rig.content).toBeUndefined()
})

it("changes of one turn share a write, and those that come during it the next", () => {
  const rig = new Rig()
  rig.add("a")
  const first = rig.write()
  rig.add("b")
  const second = rig.write()
  rig.sim.sim.runUntil(() => rig.printed === 1, 1000)
  rig.add("c")
  const third = rig.write()
  const fourth = rig.write()
  rig.run()
  expect([first(), second(), third(), fourth()]).toEqual([undefined, undefined, undefined, undefined])
  expect(rig.printed).toBe(2)
  expect(rig.content).toBe("abc")
})

it("a large table is written in slices, and what it gains meanwhile is in this write or in the next", () => {
  const rig = new Rig()
  for (let i = 0; i < 10_000; i++) rig.table.push(`line ${i}\n`)
  rig.add("end\n")
  const written = rig.write()
  rig.sim.sim.runUntil(() => rig.printed === 1, 1000)
  rig.add("late\n")
  rig.run()
  expect(written()).toBeUndefined()
  expect(rig.content?.startsWith("line 0\nline 1\n")).toBe(true)
  expect(rig.content).toContain("line 9999\nend\n")
  rig.write()
  rig.run()
  expect(rig.content?.endsWith("end\nlate\n")).toBe(true)
})

it("P9: the old file stays in place until the log has what the new one says", () => {
  const rig = new Rig()
  rig.add("old")
  rig.write()
  rig.run()
  rig.isSettling = true
  rig.add("new")
  const written = rig.write()
  rig.run()
  expect([written(), rig.content]).toEqual(["nothing yet", "old"])
  rig.settled.shift()?.("the log failed")
  expect(written()).toContain("the log failed")
  expect(rig.content).toBe("old")
  rig.isSettling = false
  const again = rig.write()
  rig.run()
  expect([again(), rig.content]).toEqual([undefined, "oldnew"])
})

it.each(["create", "truncate", "write", "sync", "rename", "syncDirectory"] as const)(
  "when %s fails, everybody who waits is told, and the next write tries again",
  (operation) => {
    const rig = new Rig()
    rig.add("a")
    rig.write()
    rig.run()
    rig.node.crash()
    const faults = strikeAt((call) => call.operation === operation, { kind: "fail", reason: "Io" })
    const world = rig.node.restart({ faults })
    const file = new SnapshotFile(
      world,
      "/store/config",
      "table.json",
      () => ["b"],
      (done) => done(undefined),
    )
    file.changed()
    const said: Array<string | undefined> = []
    file.write((failure) => said.push(failure))
    file.write((failure) => said.push(failure))
    rig.run()
    expect(said).toHaveLength(2)
    for (const one of said) expect(one).toContain("table.json cannot be written")
    file.write((failure) => said.push(failure))
    rig.run()
    expect(said[2]).toBeUndefined()
    expect(readWhole(world.disk, path)?.toString()).toBe("b")
  },
)

it("P1: a power cut at any time leaves the old content or the new one", () => {
  let olds = 0
  let news = 0
  for (let ms = 0; ms < 40; ms++) {
    const rig = new Rig()
    rig.add("old")
    rig.write()
    rig.run()
    rig.add(", new".repeat(100))
    const written = rig.write()
    for (let i = 0; i < ms && written() !== undefined; i++) rig.sim.sim.step()
    const wasTold = written() === undefined
    rig.node.powerCut(() => 0)
    const content = readWhole(rig.node.restart().disk, path)?.toString()
    if (content === "old") olds++
    else if (content === `old${", new".repeat(100)}`) news++
    expect(["old", `old${", new".repeat(100)}`]).toContain(content)
    if (wasTold) expect(content).not.toBe("old")
  }
  expect(olds).toBeGreaterThan(0)
  expect(news).toBeGreaterThan(0)
})
