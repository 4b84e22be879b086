/** Laws of the simulated world as a whole: one seed is one run, the world is closed, and its faults find mistakes. */
import { execFileSync, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { stat } from "node:fs/promises"
import { connect, Server } from "node:net"
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { closed, guarded } from "./worldGuard.ts"
import { runScenario } from "./worldScenario.ts"
import { makeSimWorld } from "../../src/infra/world/SimWorld.ts"

const seeds = Array.from({ length: 60 }, (_, seed) => seed)

it("repeatable: one seed gives one trace, in another process too; other seeds give others", () => {
  const hashes = seeds.map((seed) => runScenario(seed).traceHash)
  expect(new Set(hashes).size).toBe(seeds.length)
  expect(seeds.slice(0, 10).map((seed) => runScenario(seed).traceHash)).toEqual(hashes.slice(0, 10))
  const script = new URL("./worldScenario.ts", import.meta.url).pathname
  expect(execFileSync(process.execPath, [script, "7"], { encoding: "utf8" })).toBe(hashes[7])
})

it("closed: a cluster run reaches for no clock, timer, randomness or promise of the process", () => {
  const outcome = closed(() => runScenario(3))
  expect(outcome.answered).toBeGreaterThan(10)
  expect(outcome.traced).toBeGreaterThan(10)
})

it("closed: the guard sees each way round the ports, and takes itself away again", () => {
  const before = [Date, Date.now, setTimeout, process.nextTick, Math.random, Reflect.get(Promise.prototype, "then")]
  const ways: Readonly<Record<string, () => unknown>> = {
    "Date()": () => Date(),
    "Date.now": () => Date.now(),
    "Math.random": () => Math.random(),
    "a promise": () => Promise.resolve().then(() => {}),
    "child_process.spawnSync": () => spawnSync(process.execPath, ["--version"]),
    "crypto.getRandomValues": () => crypto.getRandomValues(new Uint8Array(1)),
    "crypto.randomBytes": () => randomBytes(4),
    "crypto.randomUUID": () => crypto.randomUUID(),
    "fs.existsSync": () => existsSync("/"),
    "fs.promises.stat": () => void stat("/"),
    "net.Server.listen": () => new Server().listen(0, "127.0.0.1").close(),
    "net.connect": () =>
      connect({ host: "127.0.0.1", port: 1 })
        .on("error", () => {})
        .destroy(),
    "new Date()": () => new Date(),
    "performance.now": () => performance.now(),
    "process.hrtime": () => process.hrtime(),
    "process.hrtime.bigint": () => process.hrtime.bigint(),
    "process.nextTick": () => process.nextTick(() => {}),
    queueMicrotask: () => queueMicrotask(() => {}),
    setImmediate: () => clearImmediate(setImmediate(() => {})),
    setInterval: () => clearInterval(setInterval(() => {}, 1000)),
    setTimeout: () => clearTimeout(setTimeout(() => {}, 1000)),
  }
  for (const [what, run] of Object.entries(ways)) {
    const { reached } = guarded(run)
    expect(reached.map((reach) => reach.what)).toContain(what)
    expect(reached.find((reach) => reach.what === what)?.from).toContain("world.test.ts")
  }
  expect(guarded(() => new Date(5).getTime()).reached).toEqual([])
  expect(() => closed(() => Math.random())).toThrow(/not closed.*\n {2}Math\.random at .*world\.test\.ts/)
  expect([Date, Date.now, setTimeout, process.nextTick, Math.random, Reflect.get(Promise.prototype, "then")]).toEqual(
    before,
  )
})

it("P1: what a service answers after its sync survives every power cut", () => {
  let cuts = 0
  for (const seed of seeds) {
    const outcome = runScenario(seed)
    expect(outcome.lost).toEqual([])
    expect(outcome.answered).toBeGreaterThan(10)
    cuts += outcome.cuts
  }
  expect(cuts).toBeGreaterThan(300)
})

it("P1: a service that answers before its sync is found out", () => {
  expect(seeds.some((seed) => runScenario(seed, true).lost.length > 0)).toBe(true)
})

it("a node keeps its disk over a crash and its clock over a restart; the boundary hook ends with its life", () => {
  const world = makeSimWorld(1)
  let boundaries = 0
  const node = world.node("a", "10.0.0.1", { onBoundary: () => boundaries++, skewMs: 50 })
  const file = node.world.disk.open("/kept", "create")
  file.writeSync(Buffer.from("x"), 0)
  node.process.clock.jump(1000)
  node.crash()
  expect(node.alive).toBe(false)
  node.crash()
  expect(() => node.world.disk.exists("/kept")).toThrow("Crashed")
  const next = node.restart()
  expect(next.disk.open("/kept", "write").sizeBytes()).toBe(1)
  expect(node.process.clock.skewMs).toBe(1050)
  next.disk.remove("/kept")
  expect(boundaries).toBe(2)
  expect(() => node.restart()).toThrow("still running")
  expect(() => world.node("a", "10.0.0.9")).toThrow("exists already")
  node.powerCut(() => 0)
  expect(node.restart().disk.list("/")).toEqual([])
})

it("a node that crashes at a disk boundary of its own ends there, quietly", () => {
  const world = makeSimWorld(1)
  const ran: Array<string> = []
  const node = world.node("a", "10.0.0.1", {
    onBoundary: (n) => {
      if (n === 3) node.powerCut()
    },
  })
  node.world.clock.after(10, () => {
    const file = node.world.disk.open("/a", "create")
    file.writeSync(Buffer.from("x"), 0)
    ran.push("written")
    file.syncSync()
    ran.push("synced")
  })
  world.sim.runFor(100)
  expect(ran).toEqual(["written"])
  expect(node.alive).toBe(false)
})

it("a paused node does nothing while time goes on, logs with its own clock, and its fibers go on after it", () => {
  const lines: Array<string> = []
  const world = makeSimWorld(1, { onLog: (line) => lines.push(`${line.node} ${line.level} ${line.message}`) })
  const node = world.node("a", "10.0.0.1")
  const start = node.world.clock.nowMs()
  Effect.runForkWith(node.world.context)(
    Effect.andThen(
      Effect.sleep("1 second"),
      Effect.sync(() => node.world.log.warn(`after ${node.world.clock.nowMs() - start} ms`)),
    ),
  )
  node.pause()
  world.sim.runFor(5000)
  expect(lines).toEqual([])
  node.resume()
  world.sim.runFor(1)
  expect(lines).toEqual(["a warn after 5000 ms"])
  expect(world.nodes.map(({ name, host }) => `${name} ${host}`)).toEqual(["a 10.0.0.1"])
})
