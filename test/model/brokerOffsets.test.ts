/** Where consumers go on: resets with members online, offline and out of reach. On simulated machines. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Command, Ext } from "../../src/format/Command.ts"
import * as Pull from "../../src/format/PullMessage.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import { RemotingError } from "../../src/infra/remoting/RemotingError.ts"
import { commit, createTopic, heartbeat, OneBroker, query, send } from "./cluster.ts"
import * as Offsets from "./reference/Offsets.ts"

const request = (code: number, ext: Ext = {}) => ({ code, ext })
const suspend = 2
const subscription = 4

const pull = (group: string, queueOffset: number, more: Partial<Pull.PullMessage> = {}) =>
  request(
    RequestCode.PULL_MESSAGE,
    Pull.PullMessage.encode({
      commitOffset: 0,
      consumerGroup: group,
      maxMsgNums: 32,
      queueId: 0,
      queueOffset,
      subVersion: 0,
      subscription: "*",
      suspendTimeoutMillis: 15_000,
      sysFlag: subscription,
      topic: "t",
      ...more,
    }),
  )
const reset = (timestamp: number, more: Ext = {}) =>
  request(RequestCode.INVOKE_BROKER_TO_RESET_OFFSET, { group: "g", isForce: true, timestamp, topic: "t", ...more })
const nextOf = (answer: Command): unknown => [answer.code, Number(answer.ext["nextBeginOffset"])]
const stored = (cluster: OneBroker): number => Number(cluster.ask(query("g", "t", 0)).ext["offset"])
const moved = (queueOffset: number): unknown => [ResponseCode.PULL_OFFSET_MOVED, queueOffset]

/** A topic "t" with five messages, 10 ms apart, of which group "g" has consumed all. Answers when each was stored. */
const begin = (seed: number): { readonly cluster: OneBroker; readonly storedMs: ReadonlyArray<number> } => {
  const cluster = new OneBroker(seed)
  cluster.ask(createTopic("t"))
  const storedMs = Array.from({ length: 5 }, (_, at) => {
    cluster.ask(send("t", 0))
    cluster.world.sim.runFor(10)
    const queue = cluster.broker.state.store.queues.get("t", 0)
    return cluster.broker.state.store.storeTimestampAt(queue, at)!
  })
  cluster.ask(heartbeat("g"))
  cluster.ask(commit("g", "t", 0, 5))
  return { cluster, storedMs }
}

describe("a reset of a group's offsets", () => {
  it("goes to the first message of a time, to the millisecond; before all is the start, after all the end", () => {
    const { cluster, storedMs } = begin(1)
    const landed = (timestamp: number): number => {
      expect(cluster.ask(reset(timestamp)).code).toBe(ResponseCode.SUCCESS)
      return stored(cluster)
    }
    for (const [at, ms] of storedMs.entries()) expect([landed(ms), landed(ms + 1)]).toEqual([at, at + 1])
    expect([landed(0), landed(storedMs[4]! + 60_000), landed(-1)]).toEqual([0, 5, 5])
  })

  it("is told at once to members that wait for news, and to no other group", () => {
    const { cluster } = begin(2)
    cluster.ask(heartbeat("h"))
    const waiting = cluster.tell(pull("g", 5, { sysFlag: subscription | suspend }))
    const other = cluster.tell(pull("h", 5, { sysFlag: subscription | suspend }))
    cluster.world.sim.runFor(1000)
    expect([waiting(), other()]).toEqual([undefined, undefined])
    cluster.ask(reset(0))
    cluster.world.sim.runFor(100)
    const answer = waiting()
    if (answer === undefined || answer instanceof RemotingError) throw new Error("the pull still waits")
    expect(nextOf(answer)).toEqual(moved(0))
    expect(other()).toBeUndefined()
  })

  it("stands until a member pulls from there: an answer that is lost, and commits of before, change nothing (P8)", () => {
    const { cluster } = begin(3)
    cluster.ask(reset(0))
    // The answer to the first is lost, as far as its member knows.
    for (let i = 0; i < 2; i++) expect(nextOf(cluster.ask(pull("g", 5)))).toEqual(moved(0))
    expect(cluster.ask(commit("g", "t", 0, 5)).remark).toBe("Offset has been previously reset")
    expect(stored(cluster)).toBe(0)
    expect(nextOf(cluster.ask(pull("g", 0)))).toEqual([ResponseCode.SUCCESS, 5])
    cluster.ask(commit("g", "t", 0, 4))
    expect(stored(cluster)).toBe(4)
  })

  it.each(["powerCut", "stop"] as const)("stands over a %s, until it is followed (P8, P9)", (end) => {
    const { cluster } = begin(4)
    cluster.ask(reset(0, { offset: 2, queueId: 0 }))
    cluster[end]()
    cluster.start()
    cluster.ask(heartbeat("g"))
    expect(nextOf(cluster.ask(pull("g", 5)))).toEqual(moved(2))
    expect(cluster.ask(commit("g", "t", 0, 5)).remark).toBe("Offset has been previously reset")
    for (let i = 0; i < 2; i++) cluster.ask(pull("g", 2))
    cluster.ask(commit("g", "t", 0, 5))
    cluster[end]()
    cluster.start()
    cluster.ask(heartbeat("g"))
    expect([stored(cluster), nextOf(cluster.ask(pull("g", 0)))]).toEqual([5, [ResponseCode.SUCCESS, 5]])
  })

  it("one truth: without the snapshot of offsets the same is folded from the log (P9)", () => {
    const { cluster } = begin(5)
    cluster.ask(reset(0, { offset: 3, queueId: 0 }))
    cluster.stop()
    cluster.node.disk.remove("/store/config/consumerOffset.json")
    cluster.start()
    cluster.ask(heartbeat("g"))
    expect([stored(cluster), nextOf(cluster.ask(pull("g", 5)))]).toEqual([3, moved(3)])
  })

  it("gives way to another one, and to the offsets of another group", () => {
    const { cluster } = begin(7)
    cluster.ask(heartbeat("h"))
    cluster.ask(commit("h", "t", 0, 4))
    cluster.ask(reset(0))
    cluster.ask(reset(-1, { offset: 2, queueId: 0 }))
    expect([stored(cluster), nextOf(cluster.ask(pull("g", 5)))]).toEqual([2, moved(2)])
    cluster.ask(request(RequestCode.CLONE_GROUP_OFFSET, { destGroup: "g", offline: true, srcGroup: "h", topic: "t" }))
    expect([stored(cluster), nextOf(cluster.ask(pull("g", 4)))]).toEqual([4, [ResponseCode.SUCCESS, 5]])
  })

  it("finds a group that is offline: its members start there", () => {
    const { cluster } = begin(6)
    cluster.ask(reset(-1, { offset: 1, queueId: 0 }))
    expect(stored(cluster)).toBe(1)
    // As RocketMQ does, a member is told with its first pull, also when that comes from there already.
    expect(nextOf(cluster.ask(pull("g", 1)))).toEqual(moved(1))
    expect(nextOf(cluster.ask(pull("g", 1)))).toEqual([ResponseCode.SUCCESS, 5])
  })
})

describe("offsets of a group (P8)", () => {
  const command = fc.oneof(
    { arbitrary: fc.record({ kind: fc.constant("Commit" as const), offset: fc.nat(5) }), weight: 4 },
    { arbitrary: fc.record({ kind: fc.constant("Pull" as const), offset: fc.nat(5) }), weight: 4 },
    { arbitrary: fc.record({ kind: fc.constant("Follow" as const) }), weight: 2 },
    { arbitrary: fc.record({ kind: fc.constant("Reset" as const), offset: fc.nat(5) }), weight: 2 },
    fc.record({ kind: fc.constant("Clone" as const), offset: fc.nat(5) }),
    fc.record({
      end: fc.constantFrom("stop" as const, "kill" as const, "powerCut" as const),
      isOfLogAlone: fc.boolean(),
      kind: fc.constant("Restart" as const),
    }),
  )

  it("are where the reference model has them, over resets, copies, restarts and crashes", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25, minLength: 3 }), fc.nat(), (commands, seed) => {
        const { cluster } = begin(seed)
        cluster.ask(heartbeat("other"))
        let model = Offsets.commit(Offsets.empty, 5)
        const follow = (offset: number): void => {
          const [after, sentTo] = Offsets.pull(model, "c", offset)
          model = after
          const answer = cluster.ask(pull("g", offset))
          if (sentTo === undefined) expect(answer.remark).not.toBe("OFFSET_RESET")
          else expect([answer.remark, nextOf(answer)]).toEqual(["OFFSET_RESET", moved(sentTo)])
        }
        for (const one of commands) {
          switch (one.kind) {
            case "Commit": {
              const { remark } = cluster.ask(commit("g", "t", 0, one.offset))
              expect(remark === "Offset has been previously reset").toBe(model.sentTo !== undefined)
              model = Offsets.commit(model, one.offset)
              break
            }
            case "Pull":
              follow(one.offset)
              break
            case "Follow":
              follow(stored(cluster))
              break
            case "Reset":
              cluster.ask(reset(-1, { offset: one.offset, queueId: 0 }))
              model = Offsets.reset(one.offset)
              break
            case "Clone": {
              cluster.ask(commit("other", "t", 0, one.offset))
              const ext = { destGroup: "g", offline: true, srcGroup: "other", topic: "t" }
              cluster.ask(request(RequestCode.CLONE_GROUP_OFFSET, ext))
              model = Offsets.copied(one.offset)
              break
            }
            case "Restart":
              // What a pull has ended is in the log a moment later.
              cluster.world.sim.runFor(300)
              cluster[one.end]()
              if (one.isOfLogAlone && cluster.node.disk.list("/store/config").includes("consumerOffset.json"))
                cluster.node.disk.remove("/store/config/consumerOffset.json")
              cluster.start()
              for (const group of ["g", "other"]) cluster.ask(heartbeat(group))
              model = Offsets.restarted(model)
          }
          expect(stored(cluster)).toBe(model.sentTo ?? model.committed)
        }
      }),
      { numRuns: 100, seed: 8 },
    )
  })
})
