/** Transactions of one broker, with its producers, on simulated machines: what is delivered, and what a crash leaves (P6). */
import { afterEach, describe, expect, it } from "vitest"
import * as Properties from "../../src/domain/Properties.ts"
import type { Command } from "../../src/format/Command.ts"
import * as Admin from "../../src/format/Admin.ts"
import * as Heartbeat from "../../src/format/Heartbeat.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import * as Send from "../../src/format/SendMessage.ts"
import { standard } from "../../src/format/shape.ts"
import * as StoredMessage from "../../src/format/StoredMessage.ts"
import type { Disk } from "../../src/infra/disk/Disk.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import type { Request } from "../../src/infra/remoting/RemotingConnection.ts"
import { Transactions } from "../../src/node/broker/Transactions.ts"
import { TransactionTable } from "../../src/node/broker/tables/TransactionTable.ts"
import { createTopic, OneBroker, send } from "./cluster.ts"

const broker = { host: "10.0.1.1", port: 10_911 }
const halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"
const opTopic = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
const givenUpTopic = "TRANS_CHECK_MAX_TIME_TOPIC"
const quick = { transactionCheckInterval: 1000, transactionTimeOut: 500 }

/** A broker with topic "t", and producers of group "g". */
class Scene extends OneBroker {
  readonly checks: Array<{ readonly by: string; readonly header: Send.CheckTransactionState; readonly body: Buffer }> =
    []
  #producers = 0

  /** Connects a producer that notes what it is asked, and says nothing. */
  producer(name: string, group = "g"): { readonly close: () => void } {
    const node = this.world.node(name, `10.0.3.${++this.#producers}`)
    const client = new RemotingClient(node.world, {
      handlers: new Map([
        [
          RequestCode.CHECK_TRANSACTION_STATE,
          (command, call) => {
            const header = Send.CheckTransactionState.decode(command.ext)
            if (header instanceof Error) throw header
            this.checks.push({ body: Buffer.from(command.body), by: name, header })
            call.drop()
          },
        ],
      ]),
    })
    const beat = Heartbeat.Heartbeat.encode(
      {
        clientID: name,
        consumerDataSet: [],
        heartbeatFingerprint: 0,
        producerDataSet: [{ groupName: group }],
        withoutSub: false,
      },
      standard,
    )
    let isKnown = false
    client.ask(broker, { body: beat, code: RequestCode.HEART_BEAT }, 3000, () => (isKnown = true))
    this.world.sim.runUntil(() => isKnown, 10_000)
    return { close: () => client.close() }
  }

  half(key: string, more = ""): Half {
    const properties = `TRAN_MSG\u0001true\u0002PGROUP\u0001g\u0002UNIQ_KEY\u0001${key}\u0002TAGS\u0001Tx\u0002${more}`
    const answer = this.ask(send("t", 0, properties))
    expect([answer.code, answer.remark ?? ""]).toEqual([ResponseCode.SUCCESS, ""])
    const header = Send.SendMessageAnswer.decode(answer.ext)
    if (header instanceof Error) throw header
    return { key, commitLogOffset: Number.parseInt(header.msgId.slice(16), 16), queueOffset: header.queueOffset }
  }

  end(half: Half, answer: number, changes: Partial<Send.EndTransaction> = {}): Command {
    return this.ask(endOf(half, answer, changes))
  }

  /** What consumers of "t" see, by unique key. */
  get seen(): ReadonlyArray<string> {
    return this.inQueue("t").map(({ properties }) => Properties.find(properties, "UNIQ_KEY") ?? "")
  }

  inQueue(topic: string): ReadonlyArray<StoredMessage.StoredMessage> {
    const { store } = this.broker.state
    const queue = store.queues.get(topic, 0)
    const messages: Array<StoredMessage.StoredMessage> = []
    for (let at = queue.minOffset; at < queue.maxOffset; at++)
      messages.push(store.recordAtSync(queue.entrySync(at)!.commitLogOffset)!)
    return messages
  }

  waitFor(isSo: () => boolean): void {
    expect(this.world.sim.runUntil(isSo, 300_000)).toBe(true)
  }
}

interface Half {
  readonly key: string
  readonly commitLogOffset: number
  readonly queueOffset: number
}

const commit = 8
const rollback = 12

const endOf = (half: Half, commitOrRollback: number, changes: Partial<Send.EndTransaction> = {}): Request => ({
  code: RequestCode.END_TRANSACTION,
  ext: Send.EndTransaction.encode({
    commitLogOffset: half.commitLogOffset,
    commitOrRollback,
    fromTransactionCheck: false,
    msgId: half.key,
    producerGroup: "g",
    topic: "t",
    tranStateTableOffset: half.queueOffset,
    transactionId: half.key,
    ...changes,
  }),
})

const open: Array<Scene> = []
afterEach(() => {
  for (const scene of open.splice(0)) scene.node.crash()
})

const scene = (config: ConstructorParameters<typeof OneBroker>[1] = {}, seed = 1): Scene => {
  const made = new Scene(seed, config)
  open.push(made)
  made.ask(createTopic("t"))
  return made
}

/** The half at which a check asks to be ended. */
const asked = ({ header }: Scene["checks"][number]): Half => ({
  commitLogOffset: header.commitLogOffset,
  key: header.transactionId ?? "",
  queueOffset: header.tranStateTableOffset,
})

describe("transactions (P6)", () => {
  it("a half is seen by nobody until it is committed, and then once", () => {
    const cluster = scene()
    const half = cluster.half("A")
    expect(cluster.seen).toEqual([])
    expect(cluster.end(half, commit).code).toBe(ResponseCode.SUCCESS)
    // A commit answered is a commit delivered.
    expect(cluster.seen).toEqual(["A"])
    expect(cluster.end(half, commit).code).toBe(ResponseCode.SUCCESS)
    expect(cluster.end(half, rollback).code).toBe(ResponseCode.ILLEGAL_OPERATION)
    expect(cluster.seen).toEqual(["A"])
    const message = cluster.inQueue("t")[0]!
    expect(message.preparedTransactionOffset).toBe(half.commitLogOffset)
    expect(message.sysFlag & 0xc).toBe(commit)
    const properties = Properties.parse(message.properties)
    expect(properties.get("TRAN_MSG")).toBe("true")
    expect(properties.has("REAL_TOPIC") || properties.has("REAL_QID")).toBe(false)
  })

  it("what is rolled back is never seen, whatever is said later", () => {
    const cluster = scene()
    const half = cluster.half("A")
    expect(cluster.end(half, rollback).code).toBe(ResponseCode.SUCCESS)
    expect(cluster.inQueue(opTopic).map(({ body }) => body.toString())).toEqual(["0,"])
    cluster.powerCut()
    cluster.start()
    const late = cluster.end(half, commit)
    expect([late.code, late.remark]).toEqual([
      ResponseCode.ILLEGAL_OPERATION,
      expect.stringContaining("has ended before"),
    ])
    expect(cluster.seen).toEqual([])
  })

  it("an end touches nothing but the half that it names", () => {
    const cluster = scene()
    const half = cluster.half("A")
    cluster.ask(send("t", 0, "UNIQ_KEY\u0001plain\u0002PGROUP\u0001g\u0002"))
    const plain = cluster.inQueue("t")[0]!.physicalOffset
    for (const [changes, words] of [
      [{ producerGroup: "other" }, "producer group wrong"],
      [{ tranStateTableOffset: 7 }, "state table offset wrong"],
      [{ msgId: "B", transactionId: "B" }, "message id wrong"],
      [{ commitLogOffset: plain, msgId: "plain", transactionId: "plain" }, "no half message"],
      [{ commitLogOffset: half.commitLogOffset + 1 }, "no half message"],
      [{ commitLogOffset: 1 << 30 }, "no half message"],
    ] as const) {
      const answer = cluster.end(half, commit, changes)
      expect([answer.code, answer.remark]).toEqual([ResponseCode.SYSTEM_ERROR, expect.stringContaining(words)])
    }
    expect(cluster.end(half, 4).code).toBe(ResponseCode.SYSTEM_ERROR)
    expect(cluster.seen).toEqual(["plain"])
    expect(cluster.end(half, commit, { msgId: "" }).code).toBe(ResponseCode.SUCCESS)
    expect(cluster.seen).toEqual(["plain", "A"])
  })

  it("an undecided one is asked about, at any producer of its group, and ends by the answer", () => {
    const cluster = scene(quick)
    const sender = cluster.producer("sender")
    const half = cluster.half("A")
    sender.close()
    cluster.producer("other")
    cluster.waitFor(() => cluster.checks.length > 0)
    const [check] = cluster.checks
    expect(check!.by).toBe("other")
    const message = StoredMessage.decode(check!.body, 0, { maxBytes: check!.body.length })
    if (message instanceof Error) throw message
    expect([message.topic, message.queueId, message.body.toString()]).toEqual(["t", 0, "hello"])
    expect(Properties.find(message.properties, "TRANSACTION_CHECK_TIMES")).toBe("1")
    expect(check!.header).toMatchObject({ bname: "broker-a", msgId: "A", topic: halfTopic, transactionId: "A" })
    expect(cluster.end(asked(check!), commit, { fromTransactionCheck: true }).code).toBe(ResponseCode.SUCCESS)
    expect(cluster.seen).toEqual(["A"])
    // The producer's own answer comes late: it is heard, and makes no second message.
    expect(cluster.end(half, commit).code).toBe(ResponseCode.SUCCESS)
    expect(cluster.end(half, rollback).code).toBe(ResponseCode.ILLEGAL_OPERATION)
    cluster.world.sim.runFor(5000)
    expect(cluster.seen).toEqual(["A"])
    expect(cluster.checks).toHaveLength(1)
  })

  it("a late end names the first half, and ends the transaction although copies were made", () => {
    const cluster = scene(quick)
    cluster.producer("p")
    const half = cluster.half("A")
    cluster.waitFor(() => cluster.checks.length === 3)
    expect(cluster.end(half, rollback).code).toBe(ResponseCode.SUCCESS)
    for (const check of cluster.checks)
      expect(cluster.end(asked(check), commit).code).toBe(ResponseCode.ILLEGAL_OPERATION)
    cluster.world.sim.runFor(5000)
    expect(cluster.checks).toHaveLength(3)
    expect(cluster.seen).toEqual([])
  })

  it("one that nobody decides is given up after transactionCheckMax checks, and an administrator resumes it", () => {
    const cluster = scene({ ...quick, transactionCheckMax: 2 })
    cluster.producer("p")
    const half = cluster.half("A")
    cluster.waitFor(() => cluster.broker.state.metadata.topics.has(givenUpTopic))
    cluster.waitFor(() => cluster.inQueue(givenUpTopic).length === 1)
    expect(cluster.checks).toHaveLength(2)
    expect(cluster.end(half, commit)).toMatchObject({ code: ResponseCode.ILLEGAL_OPERATION })
    expect(cluster.seen).toEqual([])
    const givenUp = cluster.inQueue(givenUpTopic)[0]!
    const resume = (msgId: string) =>
      cluster.ask({
        code: RequestCode.RESUME_CHECK_HALF_MESSAGE,
        ext: Admin.ResumeCheckHalfMessage.encode({ msgId, topic: givenUpTopic }),
      })
    expect(resume("x").code).toBe(ResponseCode.SYSTEM_ERROR)
    expect(resume(cluster.broker.state.messageId(0)).code).toBe(ResponseCode.SYSTEM_ERROR)
    const msgId = cluster.broker.state.messageId(givenUp.physicalOffset)
    expect(resume(msgId).code).toBe(ResponseCode.SUCCESS)
    expect(resume(msgId).code).toBe(ResponseCode.SUCCESS)
    cluster.powerCut()
    cluster.start()
    cluster.producer("q")
    cluster.waitFor(() => cluster.checks.length === 3)
    expect(cluster.end(asked(cluster.checks[2]!), commit).code).toBe(ResponseCode.SUCCESS)
    expect(resume(msgId).code).toBe(ResponseCode.ILLEGAL_OPERATION)
    expect(cluster.seen).toEqual(["A"])
  })

  it("CHECK_IMMUNITY_TIME_IN_SECONDS keeps the broker from asking, and later ends from counting", () => {
    const cluster = scene(quick)
    cluster.producer("p")
    const half = cluster.half("A", "CHECK_IMMUNITY_TIME_IN_SECONDS\u000110\u0002")
    cluster.half("B")
    cluster.waitFor(() => cluster.checks.some(({ header }) => header.msgId === "B"))
    cluster.world.sim.runFor(5000)
    expect(cluster.checks.some(({ header }) => header.msgId === "A")).toBe(false)
    cluster.waitFor(() => cluster.checks.some(({ header }) => header.msgId === "A"))
    const late = cluster.end(half, commit)
    expect([late.code, late.remark]).toEqual([ResponseCode.ILLEGAL_OPERATION, expect.stringContaining("began")])
    expect(cluster.end(half, commit, { fromTransactionCheck: true }).code).toBe(ResponseCode.SUCCESS)
    expect(cluster.seen).toEqual(["A"])
  })

  it("refuses what could not be kept: a delay level, too many undecided, and all when told to", () => {
    const cluster = scene({ transactionPendingMax: 2 })
    const half = `TRAN_MSG\u0001true\u0002PGROUP\u0001g\u0002`
    expect(cluster.ask(send("t", 0, `${half}DELAY\u00013\u0002`)).code).toBe(ResponseCode.MESSAGE_ILLEGAL)
    cluster.half("A")
    cluster.half("B")
    expect(cluster.ask(send("t", 0, half)).code).toBe(ResponseCode.SYSTEM_BUSY)
    cluster.broker.state.changeConfig({ rejectTransactionMessage: true })
    expect(cluster.ask(send("t", 0, half)).code).toBe(ResponseCode.NO_PERMISSION)
  })

  it("a commit whose topic is gone is refused, and can be made up for", () => {
    const cluster = scene()
    const half = cluster.half("A")
    ;(cluster.broker.state.metadata.topics as Map<string, unknown>).delete("t")
    expect(cluster.end(half, commit).code).toBe(ResponseCode.TOPIC_NOT_EXIST)
    cluster.ask(createTopic("t"))
    expect(cluster.end(half, commit).code).toBe(ResponseCode.SUCCESS)
    expect(cluster.seen).toEqual(["A"])
  })

  it("op messages tell of many commits together, and the group's offsets follow", () => {
    const cluster = scene(quick)
    const halves = Array.from({ length: 20 }, (_, index) => cluster.half(`K${index}`))
    for (const half of halves) cluster.end(half, commit)
    expect(cluster.inQueue(opTopic)).toEqual([])
    cluster.world.sim.runFor(4000)
    expect(cluster.inQueue(opTopic).map(({ body }) => body.toString())).toEqual([
      `${halves.map(({ queueOffset }) => queueOffset).join(",")},`,
    ])
    expect(cluster.inQueue(opTopic)[0]!.properties).toContain("TAGS\u0001d")
    const offsets = () => cluster.broker.state.metadata.offsetTable()
    cluster.waitFor(() => offsets().get(`${halfTopic}@CID_RMQ_SYS_TRANS`)?.get(0) === 20)
    cluster.waitFor(() => offsets().get(`${opTopic}@CID_RMQ_SYS_TRANS`)?.get(0) === 1)
  })

  it("one truth: a crash after a commit and before its op message leaves it committed, once", () => {
    for (const crash of ["powerCut", "kill", "stop"] as const) {
      const cluster = scene(quick)
      const half = cluster.half("A")
      const other = cluster.half("B")
      cluster.end(half, commit)
      cluster[crash]()
      cluster.start()
      cluster.producer("p")
      expect(cluster.end(half, commit).code).toBe(crash === "stop" ? ResponseCode.ILLEGAL_OPERATION : 0)
      cluster.waitFor(() => cluster.checks.length > 1)
      expect(new Set(cluster.checks.map(({ header }) => header.msgId))).toEqual(new Set(["B"]))
      expect(cluster.end(other, commit).code).toBe(ResponseCode.SUCCESS)
      expect(cluster.seen).toEqual(["A", "B"])
    }
  })

  it("one truth: a start that writes its snapshots and crashes again leaves the ends of the life before to be found", () => {
    const table = new TransactionTable()
    table.position = 100
    // Before the half queue was looked at, and after.
    expect([...table.print(500)].join("")).toContain('"commitLogOffset":100')
    table.noted = (readableOffset) => readableOffset
    expect([...table.print(500)].join("")).toContain('"commitLogOffset":500')
  })

  it("seed 211: a start that cannot read what is undecided, and ends again, settles nothing", () => {
    const cluster = scene()
    cluster.half("A")
    new Transactions(cluster.broker.state).stop()
    cluster.world.sim.runFor(1000)
    const { metadata } = cluster.broker.state
    expect(metadata.offsetTable().get(`${halfTopic}@CID_RMQ_SYS_TRANS`)).toBeUndefined()
    expect(cluster.inQueue(opTopic)).toEqual([])
  })

  it("one truth: without snapshots, queues and index the same is undecided (P9)", () => {
    const cluster = scene(quick)
    cluster.producer("p")
    const [a, b, c] = ["A", "B", "C", "D"].map((key) => cluster.half(key))
    cluster.waitFor(() => cluster.checks.length >= 4)
    cluster.end(a!, commit)
    cluster.end(b!, rollback)
    cluster.world.sim.runFor(7000)
    const checksOf = (key: string) => cluster.checks.filter(({ header }) => header.msgId === key).length
    const before = { C: checksOf("C"), D: checksOf("D") }
    cluster.kill()
    const { disk } = cluster.node.restart()
    for (const folder of ["config", "consumequeue", "index"]) removeAll(disk, `/store/${folder}`)
    cluster.kill()
    cluster.start()
    cluster.producer("q")
    expect(cluster.end(c!, rollback).code).toBe(ResponseCode.SUCCESS)
    cluster.waitFor(() => checksOf("D") > before.D)
    expect(checksOf("A") + checksOf("B") + checksOf("C") - before.C).toBeLessThanOrEqual(2)
    const last = StoredMessage.decode(cluster.checks.at(-1)!.body, 0, { maxBytes: 4096 })
    if (last instanceof Error) throw last
    // The count of checks is a fact of the log, too.
    expect(Number(Properties.find(last.properties, "TRANSACTION_CHECK_TIMES"))).toBe(checksOf("D"))
    expect(cluster.seen).toEqual(["A"])
  })
})

const removeAll = (disk: Disk, folder: string): void => {
  for (const name of disk.list(folder)) {
    const path = `${folder}/${name}`
    if (isFolder(disk, path)) removeAll(disk, path)
    else disk.remove(path)
  }
}

const isFolder = (disk: Disk, path: string): boolean => {
  try {
    disk.list(path)
    return true
  } catch {
    return false
  }
}
