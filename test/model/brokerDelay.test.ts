/**
 * Delayed messages on one broker (P7): tables of levels that change while messages wait, restarts, power cuts, and clocks
 * that are set. On simulated machines.
 */
import { describe, expect, it } from "vitest"
import { writeAddress } from "../../src/format/ConsumeQueueExt.ts"
import * as Properties from "../../src/domain/Properties.ts"
import type { StoredMessage } from "../../src/format/StoredMessage.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { createTopic, OneBroker, send } from "./cluster.ts"

const minuteMs = 60_000

const sendAt = (cluster: OneBroker, level: number, name: string): void => {
  const answer = cluster.ask(send("t", 0, `DELAY\u0001${level}\u0002KEYS\u0001${name}\u0002`))
  expect(answer.code).toBe(0)
}

interface Delivered {
  readonly name: string
  /** How long it has waited, by the broker's clock. */
  readonly waitedMs: number
}

/** What has arrived in the topic, in its order. */
const delivered = (cluster: OneBroker): ReadonlyArray<Delivered> => {
  const { store } = cluster.broker.state
  const queue = store.queues.get("t", 0)
  const found: Array<Delivered> = []
  for (let at = queue.minOffset; at < queue.maxOffset; at++) {
    let record: StoredMessage | undefined
    store.lookAt(queue.entrySync(at)!.commitLogOffset, (message) => (record = message))
    cluster.world.sim.runUntil(() => record !== undefined, minuteMs)
    const source = store.recordAtSync(record!.preparedTransactionOffset)!
    const name = Properties.find(record!.properties, Properties.PropertyName.KEYS)!
    found.push({ name, waitedMs: record!.storeTimestamp - source.storeTimestamp })
  }
  return found
}
const names = (cluster: OneBroker): ReadonlyArray<string> => delivered(cluster).map(({ name }) => name)
const waited = (cluster: OneBroker, name: string): number | undefined =>
  delivered(cluster).find((one) => one.name === name)?.waitedMs

const begin = (seed: number, messageDelayLevel?: string): OneBroker => {
  const cluster = new OneBroker(seed, messageDelayLevel === undefined ? {} : { messageDelayLevel })
  cluster.ask(createTopic("t"))
  return cluster
}

/** Waits as the table said when they were stored, within the precision of the delivery and a restart. */
const expectOnTime = (cluster: OneBroker, name: string, delayMs: number): void => {
  const waitedMs = waited(cluster, name)
  expect([name, waitedMs]).not.toEqual([name, undefined])
  expect(waitedMs).toBeGreaterThanOrEqual(delayMs)
  expect(waitedMs).toBeLessThan(delayMs + 200)
}

describe.each(["stop", "kill", "powerCut"] as const)("another table of delay levels, after a %s", (end) => {
  it("a level that was shortened: old messages are not early, new ones do not wait for them", () => {
    const cluster = begin(1, "30s 1m")
    sendAt(cluster, 1, "old-1")
    sendAt(cluster, 1, "old-2")
    cluster[end]()
    cluster.start({}, { messageDelayLevel: "2s 1m" })
    sendAt(cluster, 1, "new")
    cluster.world.sim.runFor(10_000)
    expect(names(cluster)).toEqual(["new"])
    cluster.world.sim.runFor(minuteMs)
    expect(names(cluster)).toEqual(["new", "old-1", "old-2"])
    for (const [name, delayMs] of [
      ["old-1", 30_000],
      ["old-2", 30_000],
      ["new", 2000],
    ] as const)
      expectOnTime(cluster, name, delayMs)
  })

  it("a level that was lengthened, and one that is gone: what waits in them comes on time", () => {
    const cluster = begin(2, "1s 5s 20s")
    sendAt(cluster, 2, "second")
    sendAt(cluster, 3, "third")
    cluster[end]()
    cluster.start({}, { messageDelayLevel: "1m 2m" })
    sendAt(cluster, 3, "clipped")
    cluster.world.sim.runFor(30_000)
    expect(names(cluster)).toEqual(["second", "third"])
    cluster.world.sim.runFor(3 * minuteMs)
    expectOnTime(cluster, "second", 5000)
    expectOnTime(cluster, "third", 20_000)
    expectOnTime(cluster, "clipped", 2 * minuteMs)
  })

  it("once: what was delivered ahead of older messages is not delivered again", () => {
    const cluster = begin(3, "1m")
    sendAt(cluster, 1, "old")
    cluster[end]()
    cluster.start({}, { messageDelayLevel: "1s" })
    sendAt(cluster, 1, "new-1")
    cluster.world.sim.runFor(3000)
    expect(names(cluster)).toEqual(["new-1"])
    cluster[end]()
    cluster.start()
    sendAt(cluster, 1, "new-2")
    cluster.world.sim.runFor(3000)
    expect(names(cluster)).toEqual(["new-1", "new-2"])
    cluster.world.sim.runFor(2 * minuteMs)
    expect(names(cluster)).toEqual(["new-1", "new-2", "old"])
    expect(cluster.broker.state.metadata.delayProgress(1)).toEqual({ ahead: [], next: 3 })
  })

  it("one truth: queues and progress that are made anew from the log say the same (P9)", () => {
    const cluster = begin(4, "30s")
    sendAt(cluster, 1, "old")
    cluster[end]()
    cluster.start({}, { messageDelayLevel: "1s" })
    sendAt(cluster, 1, "new")
    cluster.world.sim.runFor(3000)
    cluster.stop()
    const { disk } = cluster.node
    for (const folder of ["consumequeue", "config", "index"]) removeAll(disk, `/store/${folder}`)
    for (const name of ["checkpoint", "gantry.mark"]) disk.remove(`/store/${name}`)
    cluster.start()
    expect(cluster.broker.state.metadata.delayProgress(1)).toEqual({ ahead: [[1, 2]], next: 0 })
    cluster.world.sim.runFor(minuteMs)
    expect(names(cluster)).toEqual(["new", "old"])
    expectOnTime(cluster, "old", 30_000)
  })
})

describe("delayed messages", () => {
  it("come on time after a restart, and late ones at once, each once", () => {
    const cluster = begin(5)
    sendAt(cluster, 3, "waits")
    sendAt(cluster, 1, "is-late")
    cluster.stop()
    cluster.world.sim.runFor(5000)
    cluster.start()
    cluster.world.sim.runFor(1000)
    expect(names(cluster)).toEqual(["is-late"])
    cluster.world.sim.runFor(minuteMs)
    expectOnTime(cluster, "waits", 10_000)
    cluster.powerCut()
    cluster.start()
    cluster.world.sim.runFor(minuteMs)
    expect(names(cluster)).toEqual(["is-late", "waits"])
  })

  it("a clock that is set back makes none early, and holds none longer than one more wait", () => {
    const cluster = begin(6)
    sendAt(cluster, 3, "a")
    cluster.world.sim.runFor(1000)
    const setMs = cluster.world.sim.nowMs
    cluster.node.process.clock.jump(-3_600_000)
    cluster.world.sim.runUntil(() => cluster.broker.state.store.queues.get("t", 0).maxOffset > 0, 2 * minuteMs)
    const tookMs = cluster.world.sim.nowMs - setMs
    expect(tookMs).toBeGreaterThanOrEqual(9000)
    expect(tookMs).toBeLessThanOrEqual(11_000)
  })

  it("come on time where Apache RocketMQ has put their times beside the queue (enableConsumeQueueExt)", () => {
    const cluster = begin(11)
    sendAt(cluster, 3, "waits")
    cluster.stop()
    const entry = cluster.node.disk.open("/store/consumequeue/SCHEDULE_TOPIC_XXXX/2/00000000000000000000", "write")
    const address = Buffer.alloc(8)
    writeAddress(0, address, 0)
    entry.writeSync(address, 12)
    entry.close()
    cluster.start()
    cluster.world.sim.runFor(1000)
    expect(names(cluster)).toEqual([])
    cluster.world.sim.runFor(minuteMs)
    expectOnTime(cluster, "waits", 10_000)
  })

  it("a clock that is set forward brings what is due by it, and loses none", () => {
    const cluster = begin(7)
    for (const level of [3, 5, 18]) sendAt(cluster, level, `level-${level}`)
    cluster.node.process.clock.jump(70_000)
    cluster.world.sim.runFor(3000)
    expect(names(cluster).toSorted()).toEqual(["level-3", "level-5"])
    cluster.node.process.clock.jump(-70_000)
    cluster.world.sim.runFor(130 * minuteMs)
    expect(names(cluster)).toHaveLength(3)
  })

  it("are kept beyond the retention time when they have to wait longer", () => {
    const cluster = begin(9, "100h")
    sendAt(cluster, 1, "waits")
    for (let i = 0; i < 100; i++) cluster.ask({ ...send("t", 0, "KEYS\u0001filler\u0002"), body: Buffer.alloc(8000) })
    cluster.node.process.clock.jump(90 * 60 * minuteMs)
    const deleteExpired = () => {
      expect(cluster.ask({ code: RequestCode.DELETE_EXPIRED_COMMITLOG }).code).toBe(0)
      cluster.world.sim.runFor(1000)
      return cluster.broker.state.store.log.minOffset
    }
    expect(deleteExpired()).toBe(0)
    cluster.node.process.clock.jump(11 * 60 * minuteMs)
    cluster.world.sim.runFor(3000)
    expect(deleteExpired()).toBeGreaterThan(0)
    const { maxOffset } = cluster.broker.state.store.queues.get("t", 0)
    expect(cluster.read("t", 0, maxOffset - 1)).toBe("hello")
  })

  it("of a topic that was deleted meanwhile are dropped, and hold nobody up", () => {
    const cluster = begin(8)
    cluster.ask(createTopic("gone"))
    cluster.ask(send("gone", 0, "DELAY\u00011\u0002"))
    cluster.ask({ code: 215, ext: { topic: "gone" } })
    sendAt(cluster, 1, "other")
    cluster.world.sim.runFor(3000)
    expect(names(cluster)).toEqual(["other"])
    expect(cluster.broker.state.metadata.delayProgress(1)).toEqual({ ahead: [], next: 2 })
  })
})

const removeAll = (disk: OneBroker["node"]["disk"], path: string): void => {
  for (const name of disk.list(path)) {
    try {
      disk.remove(`${path}/${name}`)
    } catch {
      removeAll(disk, `${path}/${name}`)
      disk.remove(`${path}/${name}`)
    }
  }
}
