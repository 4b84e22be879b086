/** A broker whose disk is slow or full, and what it answers (P11): it refuses with a reason, loses nothing, and goes on. */
import { expect, it } from "vitest"
import * as Batch from "../../src/format/Batch.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import * as Send from "../../src/format/SendMessage.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../src/infra/remoting/RemotingError.ts"
import { commit, createTopic, heartbeat, OneBroker, query, send } from "./cluster.ts"

/** A broker with a topic, whose syncs take so long from now on. */
const slow = (
  seed: number,
  syncDelayMs: number,
  config: ConstructorParameters<typeof OneBroker>[1] = {},
): OneBroker => {
  const cluster = new OneBroker(seed, config)
  cluster.ask(createTopic("t"))
  cluster.ask(heartbeat("g"))
  cluster.diskWeather.syncDelayMs = syncDelayMs
  return cluster
}

const codeOf = (answer: ReturnType<ReturnType<OneBroker["tell"]>>): number | undefined =>
  answer === undefined || answer instanceof RemotingError ? undefined : answer.code

const stored = ({ broker }: OneBroker): number => broker.state.store.queues.get("t", 0).nextOffset

it("is busy while a put waits too long for the disk: further ones are refused at once, and not stored", () => {
  const cluster = slow(1, 4000)
  const first = cluster.tell(send("t", 0))
  cluster.world.sim.runFor(900)
  // Not yet: a second one is taken, and waits as well.
  const second = cluster.tell(send("t", 0))
  cluster.world.sim.runFor(600)
  const busy = cluster.ask(send("t", 0))
  expect(busy.code).toBe(ResponseCode.SYSTEM_BUSY)
  expect(busy.remark).toContain("[PCBUSY_CLEAN_QUEUE]broker busy")
  expect([codeOf(first()), codeOf(second())]).toEqual([undefined, undefined])
  expect(stored(cluster)).toBe(2)
  // What was taken is answered when it is on disk, and then the broker takes more.
  cluster.diskWeather.syncDelayMs = 0
  cluster.world.sim.runFor(4000)
  expect([codeOf(first()), codeOf(second())]).toEqual([0, 0])
  expect(cluster.ask(send("t", 0)).ext["queueOffset"]).toBe("2")
})

it("is never busy when it was told not to be", () => {
  const cluster = slow(2, 4000, { brokerFastFailureEnable: false })
  const answers = [cluster.tell(send("t", 0))]
  cluster.world.sim.runFor(2500)
  answers.push(cluster.tell(send("t", 0)))
  cluster.world.sim.runFor(10_000)
  // Both are stored; the second waited longer than syncFlushTimeout.
  expect(answers.map((answer) => codeOf(answer()))).toEqual([0, ResponseCode.FLUSH_DISK_TIMEOUT])
  expect(stored(cluster)).toBe(2)
})

it("its own records go on while it is busy: offsets, and delayed messages that are due", () => {
  const cluster = slow(3, 0)
  expect(cluster.ask(send("t", 0, "DELAY\u00011\u0002")).code).toBe(0)
  cluster.diskWeather.syncDelayMs = 3000
  cluster.tell(send("t", 0))
  const committed = cluster.tell(commit("g", "t", 0, 1))
  cluster.world.sim.runFor(1300)
  expect(cluster.ask(send("t", 0)).code).toBe(ResponseCode.SYSTEM_BUSY)
  cluster.world.sim.runFor(8000)
  expect(codeOf(committed())).toBe(0)
  expect(cluster.ask(query("g", "t", 0)).ext["offset"]).toBe("1")
  // The one sent, and the delayed one.
  expect(stored(cluster)).toBe(2)
})

it("beyond diskSpaceWarningLevelRatio sends are refused, reads and commits go on, and so does it when there is room", () => {
  const cluster = slow(4, 0, { cleanResourceInterval: 1000 })
  cluster.ask(send("t", 0))
  cluster.diskWeather.usedPercent = 91
  cluster.world.sim.runFor(1500)
  const full = cluster.ask(send("t", 0))
  expect([full.code, full.remark]).toEqual([
    ResponseCode.SERVICE_NOT_AVAILABLE,
    expect.stringContaining("the broker's disk is full"),
  ])
  expect(cluster.read("t", 0, 0)).toBe("hello")
  expect(cluster.ask(commit("g", "t", 0, 1)).code).toBe(0)
  cluster.diskWeather.usedPercent = 90
  cluster.world.sim.runFor(1500)
  expect(cluster.ask(send("t", 0)).code).toBe(0)
})

/** A send with a body and properties of a certain size. */
const sized = (bodyBytes: number, propertiesLength: number, batch = false): Request => ({
  body: Buffer.alloc(bodyBytes, 0x61),
  code: batch ? RequestCode.SEND_BATCH_MESSAGE : RequestCode.SEND_MESSAGE_V2,
  ext: Send.SendMessageV2.encode({
    batch,
    bornTimestamp: 1,
    defaultTopic: "TBW102",
    defaultTopicQueueNums: 1,
    flag: 0,
    producerGroup: "p",
    properties: propertiesLength === 0 ? "" : `a\u0001${"v".repeat(propertiesLength - 3)}\u0002`,
    queueId: 0,
    sysFlag: 0,
    topic: "t",
  }),
})

it("messages and properties are taken up to their limits, and refused beyond them with RocketMQ's code and the numbers", () => {
  const cluster = slow(5, 0)
  const answer = (request: Request): readonly [number, string | undefined] => {
    const { code, remark } = cluster.ask(request)
    return [code, remark]
  }
  // The helper's broker has maxMessageSize 8192.
  expect(answer(sized(8192, 0))[0]).toBe(0)
  expect(answer(sized(8193, 0))).toEqual([ResponseCode.MESSAGE_ILLEGAL, expect.stringMatching(/8192B.*8193B/)])
  expect(answer(sized(0, 0))).toEqual([ResponseCode.MESSAGE_ILLEGAL, expect.stringContaining("no body")])
  // The broker adds some properties of its own: 32,767 bytes hold both.
  expect(answer(sized(1, 32_000))[0]).toBe(0)
  expect(answer(sized(1, 32_767))).toEqual([ResponseCode.MESSAGE_ILLEGAL, expect.stringContaining("32767")])
  expect(answer(sized(8193, 0, true))).toEqual([ResponseCode.SYSTEM_ERROR, expect.stringContaining("8192")])
  expect(stored(cluster)).toBe(2)
})

/** A batch of so many elements. */
const batchOf = (bodies: ReadonlyArray<Buffer>): Request => ({
  ...sized(1, 0, true),
  body: Batch.encode(bodies.map((body) => ({ body, flag: 0, properties: "" }))),
})

it("a batch is stored whole or not at all, also when the disk has no room for the next segment of the log", () => {
  const cluster = slow(6, 0, { mappedFileSizeCommitLog: 64 * 1024, maxMessageSize: 32 * 1024 })
  const { log } = cluster.broker.state.store
  const bodies = Array.from({ length: 20 }, (_, i) => Buffer.alloc(1000, i))
  // So far that a batch no longer fits into the segment, and each of its messages would.
  while (64 * 1024 - (log.appendedOffset % (64 * 1024)) > 15_000) cluster.ask(sized(2000, 0))
  const before = stored(cluster)
  const appended = log.appendedOffset
  cluster.diskWeather.faults = {
    strike: ({ operation, path }) =>
      path.includes("/commitlog/") && operation !== "sync" ? { kind: "fail", reason: "NoSpace" } : undefined,
  }
  const refused = cluster.ask(batchOf(bodies))
  expect([refused.code, refused.remark]).toEqual([
    ResponseCode.SERVICE_NOT_AVAILABLE,
    expect.stringContaining("disk is full"),
  ])
  expect([stored(cluster), log.appendedOffset]).toEqual([before, appended])
  cluster.diskWeather.clear()
  expect(cluster.ask(batchOf(bodies)).code).toBe(0)
  expect(stored(cluster)).toBe(before + bodies.length)
  cluster.powerCut()
  cluster.start()
  expect(stored(cluster)).toBe(before + bodies.length)
})

it("a batch that the write buffer has no room for is refused whole", () => {
  const cluster = slow(7, 4000, { brokerFastFailureEnable: false, maxMessageSize: 300_000, writeRingBytes: 512 * 1024 })
  // Below half of the buffer sockets are still read.
  const waiting = Array.from({ length: 8 }, () => cluster.tell(sized(30_000, 0)))
  const batch = cluster.tell(batchOf(Array.from({ length: 9 }, (_, i) => Buffer.alloc(30_000, i))))
  cluster.world.sim.runFor(500)
  expect([codeOf(batch()), stored(cluster)]).toEqual([ResponseCode.SYSTEM_BUSY, waiting.length])
  cluster.diskWeather.syncDelayMs = 0
  cluster.world.sim.runFor(20_000)
  expect(waiting.map((answer) => codeOf(answer()))).toEqual(waiting.map(() => 0))
  expect(stored(cluster)).toBe(waiting.length)
})
