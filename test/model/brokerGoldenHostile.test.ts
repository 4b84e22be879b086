/**
 * Hostile input to a broker (promise P11): whatever a client sends to any served request, the broker answers, goes on
 * serving, keeps to its folder, and starts again on what it stored.
 */
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Command from "../../src/format/Command.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import type { SimDisk } from "../../src/infra/disk/SimDisk.ts"
import * as Broker from "../../src/node/broker/Broker.ts"
import { type Hostile, hostile, singleChanges, valid } from "./brokerGolden/hostile.ts"
import type { Peer } from "./brokerGolden/Peer.ts"
import { messagesOf, numberOf } from "./brokerGolden/Recording.ts"
import { settings, start, type Started } from "./brokerGolden/Replay.ts"

const nowMs = 1_795_000_000_000

const frame = (opaque: number, { body, code, ext, isOneway, serialize }: Hostile): Buffer =>
  Command.encode({ ...Command.request(code, opaque, ext, body), flag: isOneway ? 2 : 0, serialize })

const plain = (code: number, ext: Command.Ext = {}, body: string | Buffer = ""): Hostile => ({
  body: Buffer.from(body as string),
  code,
  ext,
  isOneway: false,
  serialize: 0,
})

let opaque = 1
const ask = (peer: Peer, request: Hostile, waitMs = 2000): Command.Command | undefined =>
  peer.ask(frame(opaque++, request), waitMs)

/** Longer than any answer takes, and than the held pulls of `valid` are held. */
const answeredWithinMs = 2000

/** A pull that waits for messages; an end of a transaction that says nothing. */
const isHeld = ({ code, ext }: Hostile): boolean =>
  (code === 37 && Number(ext["commitOrRollback"]) === 0) ||
  ((code === 11 || code === 361) && (Number(ext["sysFlag"]) & 2) !== 0 && Number(ext["suspendTimeoutMillis"]) > 1000)

const responseCodes: ReadonlySet<number> = new Set(Object.values(ResponseCode))

/** Sends one request; why its answer is not a clear one, or undefined. */
const complaint = (peer: Peer, request: Hostile): string | undefined => {
  const mayStayOpen = request.isOneway || isHeld(request)
  const answer = ask(peer, request, mayStayOpen ? 10 : answeredWithinMs)
  if (peer.isClosed) return "the connection was closed"
  if (answer === undefined) return mayStayOpen ? undefined : "no answer"
  if (request.isOneway) return "an answer to a oneway request"
  if (!responseCodes.has(answer.code)) return `response code ${answer.code}`
  return answer.code !== 0 && (answer.remark ?? "").trim() === "" ? `code ${answer.code} without a word` : undefined
}

/** Every path on a disk. */
const pathsOf = (disk: SimDisk, folder = ""): ReadonlyArray<string> => {
  const paths: Array<string> = []
  for (const name of disk.list(folder === "" ? "/" : folder)) {
    const path = `${folder}/${name}`
    let isFile = false
    try {
      disk.list(path)
    } catch {
      isFile = true
    }
    paths.push(path, ...(isFile ? [] : pathsOf(disk, path)))
  }
  return paths
}

const isQueuePath = (path: string): boolean => {
  const match = /^\/store\/consumequeue\/(?<topic>[^/]+)(?:\/(?<queueId>\d+)(?:\/\d{20})?)?$/.exec(path)
  return match !== null && isName(match.groups!["topic"]!)
}

/** Paths that no broker should have made. */
const strangePaths = (disk: SimDisk): ReadonlyArray<string> =>
  pathsOf(disk).filter(
    (path) =>
      !/^\/store(?:\/(?:abort|checkpoint|lock|gantry\.mark|commitlog(?:\/\d{20})?|consumequeue|index(?:\/\d{17})?))?$/.test(
        path,
      ) &&
      !/^\/store\/config(?:\/(?:topics|subscriptionGroup|consumerOffset|delayOffset|messageRequestMode|gantryTransactions)\.json(?:\.bak|\.tmp)?)?$/.test(
        path,
      ) &&
      !isQueuePath(path),
  )

/** Sends and reads one message on a new connection. */
const expectServing = (started: Started): void => {
  const peer = started.connect()
  const ext = { a: "P", b: "Alive", c: "TBW102", d: 1, e: 0, f: 0, g: 1, h: 0, i: "" }
  const sent = ask(peer, plain(RequestCode.SEND_MESSAGE_V2, ext, "alive"))!
  expect([sent.code, sent.remark]).toEqual([0, undefined])
  const place = { commitOffset: 0, consumerGroup: "Reader", queueId: 0, queueOffset: numberOf(sent, "queueOffset")! }
  const rest = { maxMsgNums: 1, subVersion: 0, subscription: "*", suspendTimeoutMillis: 0, sysFlag: 4, topic: "Alive" }
  const pulled = ask(peer, plain(RequestCode.PULL_MESSAGE, { ...place, ...rest }))!
  expect(messagesOf(pulled).map(({ body }) => body.toString())).toEqual(["alive"])
  peer.close()
}

const isName = (name: string): boolean => /^[%|a-zA-Z0-9_-]{1,255}$/.test(name)

/** Topics, groups and queues that no broker should know. */
const strangeState = ({ broker }: Started): ReadonlyArray<string> => {
  const { metadata, store } = broker.state
  const queues = [...store.queues.opened()].map(({ queueId, topic }) => ({ queueId, topic }))
  for (const topics of metadata.offsets.committed.values())
    for (const [topic, offsets] of topics) for (const queueId of offsets.keys()) queues.push({ queueId, topic })
  return [
    ...[...metadata.topics.keys(), ...metadata.groups.keys()].filter((name) => !isName(name)),
    ...queues.flatMap(({ queueId, topic }) => {
      const isReal = metadata.topics.has(topic) || topic.startsWith("rmq_sys_GANTRY_")
      return isReal && queueId >= 0 && queueId < 65_536 ? [] : [`${topic} ${queueId}`]
    }),
  ]
}

/** Goes on, has kept to its folder, and starts again on what it stored. */
const expectHealthy = (started: Started, logged: ReadonlyArray<string>): void => {
  // Delayed messages come due, queues and snapshots are written.
  started.cluster.sim.runFor(12_000)
  expectServing(started)
  expect(strangePaths(started.node.disk)).toEqual([])
  expect(strangeState(started)).toEqual([])
  expect(logged.filter((line) => line.startsWith("handler failed"))).toEqual([])
  expectServing(restart(started))
  expect(strangePaths(started.node.disk)).toEqual([])
}

const setUp = (peer: Peer): void => {
  // What the broker asks of this client in turn.
  peer.reply = ({ opaque }) => ({ ...Command.request(0, opaque, {}, Buffer.from("{}")), flag: 1 })
  for (const { body = "", code, ext } of valid) ask(peer, plain(code, ext, body))
}

const restart = (started: Started): Started => {
  const { cluster, node } = started
  node.crash()
  node.restart()
  const scope = cluster.sim.sync(Scope.make())
  const again = cluster.sim.run(Scope.provide(Broker.make(settings, node.world, 4712), scope))
  if (Exit.isFailure(again)) throw new Error("the broker does not start again", { cause: again.cause })
  return { ...started, broker: again.value }
}

describe("hostile requests to a broker (P11)", () => {
  it("cover every request that is served", () => {
    const peer = start(nowMs, 1).connect()
    const served = Object.values(RequestCode).filter((code) => ask(peer, plain(code), 50)?.code !== 3)
    expect(new Set(served)).toEqual(new Set(valid.map(({ code }) => code)))
  })

  it("are valid before they are changed", () => {
    const peer = start(nowMs, 1).connect()
    setUp(peer)
    for (const { body = "", code, ext } of valid) {
      // Offset 0 is a record of ours, of no transaction; after a reset the first pull is told so.
      const answers = [11, 36, 37, 323].includes(code) ? [0, 1, 21] : [0]
      expect([code, answers.includes(ask(peer, plain(code, ext, body))!.code)]).toEqual([code, true])
    }
  })

  it("are answered when one parameter or member is not what it should be, whatever it is", () => {
    const logged: Array<string> = []
    const started = start(nowMs, 7, logged)
    const peer = started.connect()
    setUp(peer)
    let asked = 0
    for (const request of singleChanges()) {
      asked++
      expect([complaint(peer, request), request]).toEqual([undefined, request])
    }
    expect(asked).toBeGreaterThan(8000)
    expectHealthy(started, logged)
  })

  it("are answered, each clearly; the broker goes on, keeps to its folder, and starts again", () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 60, minLength: 1, size: "max" }), (requests) => {
        const logged: Array<string> = []
        const started = start(nowMs, 7, logged)
        const peer = started.connect()
        setUp(peer)
        const complaints = requests.flatMap((request) => {
          const what = complaint(peer, request)
          return what === undefined ? [] : [[what, request] as const]
        })
        expect(complaints).toEqual([])
        expectHealthy(started, logged)
      }),
      { numRuns: Number(process.env["HOSTILE_RUNS"] ?? 30), seed: Number(process.env["HOSTILE_SEED"] ?? 4) },
    )
  })
})

describe("what a broker keeps for clients (P11)", () => {
  const pull = { ...valid.find(({ code }) => code === 11)!.ext, queueOffset: 1, subscription: "A", topic: "T" }

  /** A topic T of four queues, a group G. */
  const begin = (): Started => {
    const started = start(nowMs, 3)
    const peer = started.connect()
    setUp(peer)
    // The first pull after the reset is told so, and the reset is over with the one that comes from there.
    const { nextBeginOffset } = ask(peer, plain(11, pull))!.ext
    ask(peer, plain(11, { ...pull, queueOffset: String(nextBeginOffset) }))
    return started
  }

  it("ends with their connection: held pulls", () => {
    const started = begin()
    const peer = started.connect()
    const state = started.broker.state
    const end = numberOf(ask(peer, plain(30, { queueId: 0, topic: "T" }))!, "offset")!
    const ext = { ...pull, queueOffset: end, suspendTimeoutMillis: "9223372036854775807" }
    for (let i = 0; i < 100; i++) ask(peer, plain(11, ext), 0)
    started.cluster.sim.runFor(10)
    expect(state.held.size).toBe(100)
    peer.close()
    expect(state.held.size).toBe(0)
    expect(state.store.queues.get("T", 0).heldCount).toBe(0)
    expectServing(started)
  })

  it("is bounded for each connection: the pull beyond is answered at once", () => {
    const started = begin()
    const peer = started.connect()
    const end = numberOf(ask(peer, plain(30, { queueId: 0, topic: "T" }))!, "offset")!
    const ext = { ...pull, queueOffset: end, suspendTimeoutMillis: 60_000 }
    for (let i = 0; i < 10_000; i++) ask(peer, plain(11, ext), 0)
    started.cluster.sim.runFor(100)
    expect(started.broker.state.held.size).toBe(10_000)
    expect(ask(peer, plain(11, ext), 50)?.code).toBe(ResponseCode.PULL_NOT_FOUND)
  })

  it("is nothing for queues that do not exist: offsets and locks", () => {
    const started = begin()
    const peer = started.connect()
    const { locks, metadata } = started.broker.state
    const mqSet = ["T", "U", "../x", "T"].map((topic, i) => ({ brokerName: "broker-a", queueId: i * 999, topic }))
    const lock = (consumerGroup: string): unknown =>
      JSON.parse(ask(peer, plain(41, {}, JSON.stringify({ clientId: "D", consumerGroup, mqSet })))!.body.toString())
    expect(lock("x".repeat(121))).toEqual({ lockOKMQSet: [] })
    for (const [queueId, commitOffset] of [
      [999_999, 1],
      [-1, 1],
      [0, -1],
    ] as const) {
      const ext = { commitOffset, consumerGroup: "G", queueId, topic: "T" }
      expect(ask(peer, plain(15, ext))?.code).toBe(ResponseCode.INVALID_PARAMETER)
    }
    ask(peer, plain(11, { ...pull, commitOffset: -7, queueOffset: 0, sysFlag: 5 }))
    expect(lock("G")).toEqual({ lockOKMQSet: [{ brokerName: "broker-a", queueId: 0, topic: "T" }] })
    expect([...locks.groups.get("G")!.keys()]).toEqual(["T@0"])
    expect(Math.min(...(metadata.offsets.committed.get("G")?.get("T")?.values() ?? [0]))).toBeGreaterThanOrEqual(0)
    expect([...metadata.offsets.committed.get("G")!.get("T")!.keys()].every((queueId) => queueId < 4)).toBe(true)
  })
})
