/** Pulls by SQL92 of one broker on simulated machines: who gets what, who is refused, who waits. */
import { describe, expect, it } from "vitest"
import { ResponseCode } from "../../src/format/ResponseCode.ts"
import type { BrokerConfig } from "../../src/node/broker/BrokerConfig.ts"
import { FilterRig, group } from "./FilterRig.ts"

const on: Partial<BrokerConfig> = { enablePropertyFilter: true }

describe("filters", () => {
  it("P3: a pull that brings its condition gets what meets it, and is led past the rest", () => {
    const rig = new FilterRig(1, on)
    for (let i = 0; i < 100; i++) rig.send({ n: String(i), parity: i % 2 === 0 ? "even" : "odd" })
    expect(rig.pullAll("parity = 'even' AND n BETWEEN 10 AND 20")).toEqual(["10", "12", "14", "16", "18", "20"])
    expect(rig.pullAll("parity <> 'even' AND n > 94")).toEqual(["95", "97", "99"])
    expect(rig.pullAll("nothing IS NOT NULL")).toEqual([])
    // A value that is no number fails the condition, and the message is not delivered.
    expect(rig.pullAll("parity > 3 OR n = 5")).toEqual([])
    expect(rig.pullAll("n = 5 OR parity > 3")).toEqual(["5"])
    const answer = rig.pull("n = 1000", 0)
    expect(answer.code).toBe(ResponseCode.PULL_RETRY_IMMEDIATELY)
    expect(rig.next(answer)).toBe(100)
  })

  it("P3: so does a pull whose condition came with a heartbeat, on messages that are cold and across a restart", () => {
    const rig = new FilterRig(2, { ...on, writeRingBytes: 64 * 1024 })
    for (let i = 0; i < 300; i++) rig.send({ n: String(i) }, "x".repeat(700))
    rig.subscribe("n IN ('3', '150', '299')", 7)
    expect(rig.pullAll(undefined, 7)).toEqual(["3", "150", "299"])
    rig.restart()
    rig.subscribe("n IN ('3', '150', '299')", 7)
    expect(rig.pullAll(undefined, 7)).toEqual(["3", "150", "299"])
  })

  it("refuses as RocketMQ: the setting is off, the condition is none, or its heartbeat has not come", () => {
    const off = new FilterRig(3)
    off.send({ n: "1" })
    expect(off.pull("n = 1", 0)).toMatchObject({
      code: ResponseCode.SYSTEM_ERROR,
      remark: expect.stringContaining("The broker does not support consumer to filter message by SQL92"),
    })
    expect(off.check("n = 1")).toMatchObject({ code: ResponseCode.SYSTEM_ERROR })
    expect(off.check("A || B", "TAG").code).toBe(ResponseCode.SUCCESS)
    const rig = new FilterRig(4, on)
    rig.send({ n: "1" })
    expect(rig.pull("n ==", 0)).toMatchObject({
      code: ResponseCode.SUBSCRIPTION_PARSE_FAILED,
      remark: expect.stringContaining("line 1 column 4: expected"),
    })
    expect(rig.check("n = 1").code).toBe(ResponseCode.SUCCESS)
    expect(rig.check("n ==")).toMatchObject({
      code: ResponseCode.SUBSCRIPTION_PARSE_FAILED,
      remark: expect.stringContaining("line 1 column 4"),
    })
    expect(rig.check("", "SQL92").code).toBe(ResponseCode.SUBSCRIPTION_PARSE_FAILED)
    expect(rig.check("x", "XPATH").code).toBe(ResponseCode.SUBSCRIPTION_PARSE_FAILED)
    expect(rig.pull(undefined, 0, 1).code).toBe(ResponseCode.SUBSCRIPTION_NOT_EXIST)
    rig.subscribe("n ==", 1)
    expect(rig.pull(undefined, 0, 1)).toMatchObject({
      code: ResponseCode.FILTER_DATA_NOT_EXIST,
      remark: expect.stringContaining("line 1 column 4"),
    })
    rig.subscribe("n = 1", 2)
    expect(rig.pull(undefined, 0, 3).code).toBe(ResponseCode.SUBSCRIPTION_NOT_LATEST)
    expect(rig.pull(undefined, 0, 2).code).toBe(ResponseCode.SUCCESS)
  })

  it("refuses class filters: their codes are not served, and nothing of them is kept", () => {
    const rig = new FilterRig(5, on)
    for (const code of [301, 302])
      expect(rig.one.ask({ body: Buffer.from("class A {}"), code, ext: { topic: "T" } }).code).toBe(
        ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
      )
  })

  it("P1: a message whose properties rotted on the disk is reported, and not passed over", () => {
    const rig = new FilterRig(10, { ...on, writeRingBytes: 64 * 1024 })
    for (let i = 0; i < 20; i++) rig.send({ n: String(i) })
    rig.one.stop()
    const { disk } = rig.one.node
    const path = "/store/commitlog/00000000000000000000"
    const file = disk.open(path, "write")
    const log = Buffer.alloc(256 * 1024)
    file.readSync(log, 0)
    const at = log.indexOf("n\u000112\u0002")
    file.writeSync(Buffer.from("n\u000113\u0002"), at)
    file.close()
    rig.one.start()
    rig.run(10)
    const before = rig.pull("n = 11", 0)
    expect([rig.numbers(before), rig.next(before)]).toEqual([["11"], 12])
    for (const condition of ["n = 12", "n = 13", "n = 19"]) {
      const answer = rig.pull(condition, 12)
      expect(answer.code).toBe(ResponseCode.SYSTEM_ERROR)
      expect(answer.remark).toContain("is rotten on the broker's disk")
    }
  })

  it("P4: retries come again whatever the condition is by then, unless filterSupportRetry says otherwise", () => {
    const rig = new FilterRig(11, on)
    rig.subscribe("n > 0", 1)
    for (const n of ["1", "2", "3"]) rig.send({ n })
    for (const queueOffset of [0, 1, 2]) rig.sendBack(queueOffset)
    rig.subscribe("n = 2", 2)
    rig.run(3000)
    expect(rig.retried()).toEqual(["1", "2", "3"])
    rig.one.stop()
    rig.one.start({}, { filterSupportRetry: true })
    rig.run(10)
    rig.subscribe("n = 2", 2)
    expect(rig.retried()).toEqual(["2"])
  })

  it("reports a group whose members subscribe differently: in the log, to administrators and in the metrics", () => {
    const rig = new FilterRig(9, on)
    const mixed = (): unknown => rig.connections().mixedSubscriptions
    rig.subscribe("n = 1", 1)
    expect(mixed()).toBeUndefined()
    rig.subscribe("n = 2", 2, "SQL92", "other")
    expect(mixed()).toBe("orders: SQL92 n = 1 by c; SQL92 n = 2 by other")
    expect([...rig.one.broker.state.mixedGroups.keys()]).toEqual([group])
    rig.subscribe("n = 1", 3, "SQL92", "other")
    expect(mixed()).toBeUndefined()
    rig.subscribe(undefined, 4, "SQL92", "other")
    expect(mixed()).toBe("orders: SQL92 n = 1 by c; nothing by other")
    rig.leave("other")
    expect(mixed()).toBeUndefined()
    expect(rig.one.broker.state.mixedGroups.size).toBe(0)
  })

  it("a held pull is answered by the message that it waits for, and by no other", () => {
    const rig = new FilterRig(6, on)
    rig.send({ n: "0" })
    const answer = rig.hold("n = 7", 1, 15_000)
    for (let i = 1; i < 7; i++) rig.send({ n: String(i) })
    rig.run(5000)
    expect(answer()).toBeUndefined()
    rig.send({ n: "7" })
    rig.run(5)
    expect(answer()).toMatchObject({ code: ResponseCode.SUCCESS })
    expect(rig.numbers(answer()!)).toEqual(["7"])
  })

  it("a held pull ends in its time, and is led past what it waited through", () => {
    const rig = new FilterRig(7, on)
    rig.send({ n: "0" })
    const answer = rig.hold("n = 7", 1, 15_000)
    for (let i = 1; i < 5; i++) {
      rig.send({ n: String(i) })
      rig.run(2000)
    }
    rig.run(6500)
    expect(answer()).toBeUndefined()
    rig.run(1000)
    expect(answer()?.code).toBe(ResponseCode.PULL_NOT_FOUND)
    expect(rig.next(answer()!)).toBe(5)
  })

  it("P11: a pull that passes over much does it in pieces, and one that waits costs nothing when its client goes", () => {
    const rig = new FilterRig(8, on)
    for (let i = 0; i < 900; i++) rig.send({ n: String(i) })
    const first = rig.pull("n = 899", 0)
    expect([first.code, rig.next(first)]).toEqual([ResponseCode.PULL_RETRY_IMMEDIATELY, 800])
    expect(rig.pullAll("n = 899")).toEqual(["899"])
    const answer = rig.hold("n = 5000", 900, 15_000)
    rig.run(10)
    expect(rig.one.broker.state.held.size).toBe(1)
    rig.one.stop()
    expect(answer()?.code).not.toBe(ResponseCode.SUCCESS)
  })
})
