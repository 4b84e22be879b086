/**
 * A broker against the reference model, over sends, delays, transactions, retries, progress, the passing of time, stops,
 * kills and power cuts (promises P1, P2, P4, P6, P7, P8). A failure prints the commands that lead to it, and its seed.
 */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Properties from "../../src/domain/Properties.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import * as MessageId from "../../src/format/MessageId.ts"
import * as Pull from "../../src/format/PullMessage.ts"
import * as Send from "../../src/format/SendMessage.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import { commit, createTopic, heartbeat, OneBroker, query, send } from "./cluster.ts"
import * as Model from "./reference/Broker.ts"

const group = "g"
const attemptsMax = 2
const ordinary = ["orders", "bills"] as const

class Rig {
  readonly cluster: OneBroker
  /** Where each half lies. */
  readonly halves = new Map<number, Send.EndTransaction>()
  made = 0

  constructor(seed: number) {
    this.cluster = new OneBroker(seed, { mappedFileSizeCommitLog: 64 * 1024, transactionTimeOut: 86_400_000 })
    for (const topic of ordinary) this.ok(createTopic(topic))
    this.ok(heartbeat(group))
  }

  get nowMs(): number {
    return this.cluster.world.sim.nowMs
  }

  ok(request: Parameters<OneBroker["ask"]>[0]): ReturnType<OneBroker["ask"]> {
    const answer = this.cluster.ask(request)
    expect([request.code, answer.code, answer.remark]).toEqual([request.code, 0, answer.remark])
    return answer
  }

  /** A send of message `id`. */
  static message(topic: string, id: number, properties: Readonly<Record<string, string>> = {}) {
    const all = { UNIQ_KEY: `id${id}`, ...properties }
    return send(topic, 0, Properties.print(Object.entries(all)))
  }

  /** Everything in a topic, by pulls. */
  pull(topic: string): ReadonlyArray<Model.Message & { readonly offset: number }> {
    const found: Array<Model.Message & { readonly offset: number }> = []
    for (let queueOffset = 0; ;) {
      const ext = Pull.PullMessage.encode({
        commitOffset: 0,
        consumerGroup: "reader",
        maxMsgNums: 32,
        queueId: 0,
        queueOffset,
        subVersion: 0,
        subscription: "*",
        suspendTimeoutMillis: 0,
        sysFlag: 4,
        topic,
      })
      const answer = this.cluster.ask({ code: RequestCode.PULL_MESSAGE, ext })
      if (answer.code !== 0) return found
      for (const { physicalOffset, properties, reconsumeTimes } of StoredMessage.decodeAll(answer.body).messages) {
        const id = Number(Properties.find(properties, "UNIQ_KEY")!.slice(2))
        found.push({ attempts: reconsumeTimes, id, offset: physicalOffset })
      }
      queueOffset = Number(answer.ext["nextBeginOffset"])
    }
  }
}

interface Tied {
  state: Model.State
}

type Command = fc.Command<Tied, Rig>

/** What every topic shows now, and every group's progress, are what the model says, or may say. */
const check = (model: Tied, rig: Rig): void => {
  model.state = Model.elapsed(model.state, rig.nowMs - model.state.nowMs)
  for (const topic of Model.topics(model.state)) {
    // Read before it is judged: time passes while it is.
    const found = rig.pull(topic).map(({ attempts, id }) => ({ attempts, id }))
    model.state = Model.elapsed(model.state, rig.nowMs - model.state.nowMs)
    const next = Model.delivered(model.state, topic, found)
    if (typeof next === "string") throw new Error(next)
    model.state = next
  }
  for (const [key, offset] of model.state.progress)
    expect([key, rig.cluster.ask(query(group, key.slice(group.length + 1), 0)).ext["offset"]]).toEqual([
      key,
      String(offset),
    ])
}

const command = (name: string, run: (model: Tied, rig: Rig) => void): Command => ({
  check: () => true,
  run: (model, rig) => {
    run(model, rig)
    check(model, rig)
  },
  toString: () => name,
})

/** A wait begins when its message is stored, which is before that is answered: it is noted before it is asked for. */
const sends = (topic: string, level: number): Command =>
  command(`send to ${topic}${level === 0 ? "" : ` at level ${level}`}`, (model, rig) => {
    const id = rig.made++
    model.state = Model.sent(model.state, topic, id, level)
    rig.ok(Rig.message(topic, id, level === 0 ? {} : { DELAY: String(level) }))
  })

const sendsHalf = (topic: string): Command =>
  command(`send a half to ${topic}`, (model, rig) => {
    const id = rig.made++
    const { ext } = rig.ok(Rig.message(topic, id, { PGROUP: "p", TRAN_MSG: "true" }))
    const at = MessageId.decode(String(ext["msgId"]))
    if (at instanceof Error) throw at
    rig.halves.set(id, {
      commitLogOffset: at.physicalOffset,
      commitOrRollback: 0,
      msgId: `id${id}`,
      producerGroup: "p",
      topic,
      tranStateTableOffset: Number(ext["queueOffset"]),
      transactionId: `id${id}`,
    })
    model.state = Model.halfSent(model.state, topic, id)
  })

/** Ends a half, perhaps one that has ended: the first end counts. */
const ends = (pick: number, outcome: "commit" | "rollback"): Command =>
  command(`${outcome} half ${pick}`, (model, rig) => {
    const ids = [...rig.halves.keys()]
    const id = ids[pick % Math.max(1, ids.length)]
    if (id === undefined) return
    const ext = Send.EndTransaction.encode({
      ...rig.halves.get(id)!,
      commitOrRollback: outcome === "commit" ? 8 : 12,
    })
    const { code } = rig.cluster.ask({ code: RequestCode.END_TRANSACTION, ext })
    const isOpen = model.state.halves.has(id)
    if (isOpen) expect(code).toBe(0)
    model.state = Model.ended(model.state, id, outcome)
  })

const sendsBack = (topic: string, pick: number): Command =>
  command(`send back ${topic} ${pick}`, (model, rig) => {
    const found = rig.pull(topic)
    const one = found[pick % Math.max(1, found.length)]
    if (one === undefined) return
    const ext = Send.ConsumerSendMsgBack.encode({
      delayLevel: 0,
      group,
      maxReconsumeTimes: attemptsMax,
      offset: one.offset,
      originTopic: topic,
    })
    // What came meanwhile is noted first.
    check(model, rig)
    model.state = Model.sentBack(model.state, group, { attempts: one.attempts, id: one.id }, attemptsMax)
    rig.ok({ code: RequestCode.CONSUMER_SEND_MSG_BACK, ext })
  })

const commits = (topic: string, pick: number): Command =>
  command(`commit ${topic} ${pick}`, (model, rig) => {
    const offset = pick % (Model.visible(model.state, topic).length + 1)
    rig.ok(commit(group, topic, 0, offset))
    model.state = Model.committed(model.state, group, topic, offset)
  })

const elapses = (ms: number): Command => command(`${ms} ms`, (_model, rig) => rig.cluster.world.sim.runFor(ms))

const ends3 = ["stop", "kill", "powerCut"] as const

const restarts = (how: (typeof ends3)[number], pauseMs: number): Command =>
  command(`${how}, ${pauseMs} ms, start`, (model, { cluster }) => {
    cluster[how]()
    cluster.world.sim.runFor(pauseMs)
    cluster.start()
    model.state = Model.started(model.state, cluster.world.sim.nowMs)
  })

const topic = fc.constantFrom(...ordinary)
const commands = fc.commands(
  [
    fc.tuple(topic, fc.constantFrom(0, 0, 1, 2, 3)).map(([name, level]) => sends(name, level)),
    topic.map((name) => sendsHalf(name)),
    fc
      .tuple(fc.nat(20), fc.constantFrom("commit" as const, "rollback" as const))
      .map(([pick, outcome]) => ends(pick, outcome)),
    fc.tuple(fc.constantFrom(...ordinary, `%RETRY%${group}`), fc.nat(20)).map(([name, pick]) => sendsBack(name, pick)),
    fc.tuple(topic, fc.nat(20)).map(([name, pick]) => commits(name, pick)),
    fc.constantFrom(10, 1_100, 6_000, 31_000).map((ms) => elapses(ms)),
    fc.tuple(fc.constantFrom(...ends3), fc.constantFrom(0, 7_000)).map(([how, ms]) => restarts(how, ms)),
  ],
  { maxCommands: 25 },
)

it("P1 P2 P4 P6 P7 P8 a broker shows what the model shows, whatever happens to it", () => {
  fc.assert(
    fc.property(fc.nat(), commands, (seed, all) => {
      const rig = new Rig(seed)
      const model: Tied = { state: Model.elapsed(Model.empty, rig.nowMs) }
      fc.modelRun(() => ({ model, real: rig }), all)
      // In the end everything that waits has come, each in its time.
      for (let waitedMs = 0; waitedMs < 70_000; waitedMs += 5_000) {
        rig.cluster.world.sim.runFor(5_000)
        check(model, rig)
      }
      expect(model.state.waiting).toEqual([])
    }),
    JSON.parse(process.env["BROKER_FC"] ?? '{"numRuns":25}') as fc.Parameters<unknown>,
  )
})
