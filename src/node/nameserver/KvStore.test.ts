import { describe, expect, it } from "vitest"
import { Malformed } from "../../format/Malformed.ts"
import { makeMemoryDisk } from "../../infra/disk/MemoryDisk.ts"
import type { SimDisk } from "../../infra/disk/SimDisk.ts"
import { ScriptedClock } from "../../infra/remoting/ScriptedWorld.ts"
import { makeSimWorld } from "../../infra/world/SimWorld.ts"
import { KvStore, parse, print } from "./KvStore.ts"

const path = "/namesrv/kvConfig.json"

const open = (disk: SimDisk): KvStore => {
  const store = KvStore.open(disk, path)
  if (store instanceof Malformed) throw store
  return store
}

const start = () => {
  const clock = new ScriptedClock()
  const disk = makeMemoryDisk(clock)
  return { clock, disk, store: open(disk) }
}

describe("KvStore", () => {
  it("reads a change once it is durable, and after a restart", () => {
    const { clock, disk, store } = start()
    const done: unknown[] = []
    store.put("ns", "k", "v ✓", (error) => done.push(error))
    expect(store.get("ns", "k")).toBeUndefined()
    clock.turn()
    expect(done).toEqual([undefined])
    expect(store.get("ns", "k")).toBe("v ✓")
    expect([...(open(disk).list("ns") ?? [])]).toEqual([["k", "v ✓"]])
    expect(disk.list("/namesrv")).toEqual(["kvConfig.json"])
  })

  it("answers changes in order, several with one write", () => {
    const { clock, disk, store } = start()
    const done: string[] = []
    for (const n of [1, 2, 3, 4]) store.put("ns", "k", String(n), () => done.push(`${n} reads ${store.get("ns", "k")}`))
    store.remove("ns", "k", () => done.push(`removed reads ${store.get("ns", "k")}`))
    clock.turn()
    expect(done).toEqual([
      "1 reads 1",
      "2 reads undefined",
      "3 reads undefined",
      "4 reads undefined",
      "removed reads undefined",
    ])
    expect(open(disk).list("ns")).toBeUndefined()
    expect(store.sizeBytes()).toBe(0)
  })

  it("refuses the changes that wait when the disk fails, and goes on with what was durable", () => {
    const world = makeSimWorld(1)
    const node = world.node("namesrv", "10.0.0.1")
    const store = open(node.disk)
    const done: Array<string | undefined> = []
    const note = (error: { reason: string } | undefined): void => void done.push(error?.reason)
    store.put("ns", "a", "1", note)
    world.sim.runFor(1000)
    node.disk.makeDirectory(`${path}.tmp`)
    store.put("ns", "b", "2", note)
    world.sim.runFor(1000)
    expect(done.length).toBe(2)
    expect(done[0]).toBeUndefined()
    expect(done[1]).toEqual(expect.any(String))
    expect([store.get("ns", "a"), store.get("ns", "b")]).toEqual(["1", undefined])
  })

  it("power cut at any moment: an answered change is there afterwards (P1)", () => {
    for (let seed = 0; seed < 40; seed++) {
      const world = makeSimWorld(seed)
      const node = world.node("namesrv", "10.0.0.1")
      const store = open(node.disk)
      let answered = 0
      const put = (n: number): void =>
        store.put("ns", "k", String(n), (error) => {
          if (error === undefined) answered = n
          put(n + 1)
        })
      put(1)
      world.sim.runFor(1 + seed * 0.37)
      node.powerCut()
      node.restart()
      const kept = Number(open(node.disk).get("ns", "k") ?? 0)
      expect([answered, answered + 1]).toContain(kept)
    }
  })
})

describe("kvConfig.json", () => {
  it("is read as RocketMQ writes it, and printed so that it reads the same", () => {
    const apache = '{\n\t"configTable":{"ORDER_TOPIC_CONFIG":{\n\t\t"TopicA":"broker-a:4;broker-b:4"\n\t}\n\t}\n}'
    const config = parse(Buffer.from(apache))
    expect(config).toEqual(new Map([["ORDER_TOPIC_CONFIG", new Map([["TopicA", "broker-a:4;broker-b:4"]])]]))
    expect(parse(print(config as never))).toEqual(config)
  })

  it.each(["", "[]", '{"configTable":[]}', '{"configTable":{"ns":1}}', '{"configTable":{"ns":{"k":1}}}', "{"])(
    "is refused when damaged: %s",
    (text) => {
      expect(parse(Buffer.from(text))).toBeInstanceOf(Malformed)
    },
  )

  it("damaged stops the name server instead of being overwritten", () => {
    const { disk } = start()
    disk.makeDirectory("/namesrv")
    const file = disk.open(path, "create")
    file.writeSync(Buffer.from('{"configTable"'), 0)
    expect(KvStore.open(disk, path)).toBeInstanceOf(Malformed)
  })
})
