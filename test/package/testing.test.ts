/** Simulated clusters, as an application's tests use them. */
import { setTimeout } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { crc31 } from "../../src/format/Crc32.ts"
import type * as StoredMessage from "../../src/format/StoredMessage.ts"
import { type BrokerLog, check } from "../../src/testing/checks.ts"
import type { Acknowledged } from "../../src/testing/SendLedger.ts"
import { simulate, type Simulation } from "../../src/testing/index.ts"

const send = async (simulation: Simulation, count: number): Promise<void> => {
  const producer = simulation.client().producer({ group: "senders" })
  for (let n = 0; n < count; n++) await producer.send({ body: `message ${n}`, topic: "orders" })
}

const stormy = async (sim: Simulation): Promise<void> => {
  await send(sim, 20)
  sim.broker.crash()
  await sim.broker.restart()
  await send(sim, 5)
}

describe("simulate", () => {
  it("whole: what was acknowledged outlives a power cut, and an hour passes at once", async () => {
    const result = await simulate(7, async (sim) => {
      await send(sim, 10)
      await sim.advance(3_600_000)
      sim.broker.powerCut()
      expect(sim.broker.isAlive).toBe(false)
      await sim.broker.restart()
      await send(sim, 10)
    })
    expect(result).toMatchObject({ acknowledged: 20, seed: 7 })
    expect(result.virtualMs).toBeGreaterThan(3_600_000)
  })

  it("repeatable: the same seed takes the same steps, another one others", async () => {
    const first = await simulate(11, stormy, { weather: "foul" })
    expect(await simulate(11, stormy, { weather: "foul" })).toEqual(first)
    expect((await simulate(12, stormy, { weather: "foul" })).traceHash).not.toBe(first.traceHash)
  })

  it("a handler that fails sees its message again after the delay, in virtual time", async () => {
    const attempts: Array<readonly [number, number]> = []
    await simulate(9, async (sim) => {
      await sim.createTopic("orders")
      const consumer = sim.client().consumer({ consumeFromWhere: "first", group: "billing", subscriptions: ["orders"] })
      await consumer.run({
        eachMessage: (message) => {
          attempts.push([message.reconsumeTimes, sim.nowMs])
          if (attempts.length < 3) throw new Error("not yet")
        },
      })
      await sim.client().producer().send({ body: "hello", topic: "orders" })
      await sim.until(() => attempts.length === 3, 300_000)
    })
    expect(attempts.map(([times]) => times)).toEqual([0, 1, 2])
    const [first, second, third] = attempts.map(([, atMs]) => atMs)
    // The delays of the levels 3 and 4.
    expect(second! - first!).toBeGreaterThanOrEqual(10_000)
    expect(third! - second!).toBeGreaterThanOrEqual(30_000)
  })

  it("faults: partitions, pauses, clock jumps, an orderly stop, and a name server that was away", async () => {
    const result = await simulate(
      3,
      async (sim) => {
        await sim.createTopic("orders", { queues: 2 })
        const app = sim.machine("app")
        const producer = app.client().producer({ group: "senders", retryTimesWhenSendFailed: 0 })
        const sent = (): Promise<string> =>
          producer.send({ body: "hello", topic: "orders" }).then(
            ({ status }) => status,
            (error: Error) => error.constructor.name,
          )
        expect(await sent()).toBe("SEND_OK")
        sim.partition([app], sim.brokers)
        expect(await sent()).not.toBe("SEND_OK")
        sim.heal()
        await sim.advance(30_000)
        expect(await sent()).toBe("SEND_OK")
        for (const broker of sim.brokers) broker.pause()
        expect(await sent()).not.toBe("SEND_OK")
        for (const broker of sim.brokers) broker.resume()
        sim.broker.jumpClock(-3_600_000)
        sim.nameServer.crash()
        await sim.brokers[1]!.stop()
        expect(sim.brokers.map(({ isAlive }) => isAlive)).toEqual([true, false])
        await sim.nameServer.restart()
        await sim.brokers[1]!.restart()
        await sim.advance(60_000)
        expect(await sent()).toBe("SEND_OK")
        app.crash()
        expect(() => app.client()).toThrow("app is down")
        app.restart()
        const again = await app.client().producer().send({ body: "hello", topic: "orders" })
        expect(again.status).toBe("SEND_OK")
      },
      { brokers: 2 },
    )
    expect(result.acknowledged).toBeGreaterThanOrEqual(4)
  })

  it("stands still while something outside is waited for", async () => {
    await simulate(1, async (sim) => {
      const before = sim.nowMs
      expect(await sim.outside(setTimeout(20, "done"))).toBe("done")
      expect(sim.nowMs).toBe(before)
      await sim.until(() => sim.nowMs >= before + 500)
      await expect(sim.until(() => false, 1000)).rejects.toThrow("did not come within 1000 virtual ms")
    })
  })

  it("fails with the scenario's own error, and names the seed", async () => {
    const failing = simulate(42, () => Promise.reject(new RangeError("not what I wanted")))
    await expect(failing).rejects.toThrow(/^not what I wanted\n\(seed 42, at \d+ virtual ms\)$/)
    await expect(failing).rejects.toBeInstanceOf(RangeError)
  })

  it("ends a scenario that waits for what does not come", async () => {
    const endless = simulate(5, () => new Promise(() => {}), { virtualMsMax: 10_000 })
    await expect(endless).rejects.toThrow(/has not ended after 10 virtual seconds.*outside\(\.\.\.\)/)
  })

  it("tells of a server that does not start", async () => {
    const failing = simulate(5, async () => {}, { settings: { messageDelayLevel: "soon" } })
    await expect(failing).rejects.toMatchObject({ name: "BrokerFault" })
  })
})

/** Three acknowledged messages and the log that holds them. */
const evidence = (): { readonly acknowledged: Array<Acknowledged>; readonly log: BrokerLog } => {
  const bodies = ["a", "b", "c"].map((text) => Buffer.from(text))
  const acknowledged = bodies.map((body, index) => ({
    askedQueueId: 0,
    bodyCrc: crc31(body),
    commitLogOffset: 100 * index,
    connection: 1,
    isWaiting: true,
    queueId: 0,
    queueOffset: index,
    sequence: index + 1,
    storeHost: "0a",
    topic: "orders",
  }))
  const records = new Map(
    bodies.map((body, index) => [
      100 * index,
      { body, queueId: 0, queueOffset: index, topic: "orders" } as unknown as StoredMessage.Decoded,
    ]),
  )
  return { acknowledged, log: { brokerName: "broker-a", minOffset: 0, records, storeHost: "0a" } }
}

const found = (log: BrokerLog, acknowledged: ReadonlyArray<Acknowledged>, isSynced = true): ReadonlyArray<string> =>
  check([log], acknowledged, isSynced)

const without = (log: BrokerLog, offset: number): BrokerLog => ({
  ...log,
  records: new Map([...log.records].filter(([at]) => at !== offset)),
})

/** The same messages with some of what is known of them replaced. */
const altered = (
  messages: ReadonlyArray<Acknowledged>,
  changes: (message: Acknowledged) => Partial<Acknowledged>,
): ReadonlyArray<Acknowledged> => messages.map((message) => Object.assign({}, message, changes(message)))

describe("the checks of a simulation find", () => {
  it("nothing in a log that holds what was acknowledged", () => {
    const { acknowledged, log } = evidence()
    expect(found(log, acknowledged)).toEqual([])
  })

  it("P1: a lost message, unless it was not waited for, or retention took it", () => {
    const { acknowledged, log } = evidence()
    const lost = "P1: orders/0 at 2 (log offset 200) was acknowledged and is lost"
    expect(found(without(log, 200), acknowledged)).toEqual([lost])
    expect(found(without(log, 200), acknowledged, false)).toEqual([])
    const careless = altered(acknowledged, ({ commitLogOffset }) => ({ isWaiting: commitLogOffset < 200 }))
    expect(found(without(log, 200), careless)).toEqual([])
    expect(found({ ...without(log, 0), minOffset: 100 }, acknowledged)).toEqual([])
  })

  it("P1: a body that is not the one that was sent, and another message in its place", () => {
    const { acknowledged, log } = evidence()
    const record = log.records.get(100)!
    const changed = new Map(log.records).set(100, { ...record, body: Buffer.from("x") })
    expect(found({ ...log, records: changed }, acknowledged)).toEqual([
      "P1: orders/0 at 1 (log offset 100) was acknowledged, and its body is not the one that was sent",
    ])
    const moved = altered(acknowledged, ({ commitLogOffset }) => (commitLogOffset === 100 ? { queueOffset: 7 } : {}))
    expect(found(log, moved)[0]).toContain("P1: orders/0 at 7 (log offset 100) was acknowledged, and orders/0 at 1")
  })

  it("P2: a gap between queue offsets", () => {
    const { acknowledged, log } = evidence()
    expect(found(without(log, 100), acknowledged, false)).toEqual([
      "P2: orders/0 of broker-a has 2 where 1 should follow",
    ])
  })

  it("P2: messages that lie in another order than they were sent", () => {
    const { acknowledged, log } = evidence()
    const swapped = altered(acknowledged, ({ sequence }) => ({ sequence: 4 - sequence }))
    expect(found(log, swapped)).toHaveLength(2)
    expect(found(log, swapped)[0]).toMatch(/^P2: orders\/0: sent as 2 and stored at 1, before 2, sent as 1$/)
    expect(
      found(
        log,
        altered(swapped, () => ({ askedQueueId: -1 })),
      ),
    ).toEqual([])
  })
})
