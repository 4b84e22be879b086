/**
 * The load generator of the bench, whose figures are only as good as its frames: they are the bytes of the Java client,
 * patching changes what it should and no length, and every answer is counted once, however the bytes arrive.
 */

import { describe, expect, it } from "vitest"
import { listen } from "../../bench/FakeBroker.ts"
import * as Frame from "../../bench/Frame.ts"
import { Histogram } from "../../bench/Histogram.ts"
import { compare, show } from "../../bench/Report.ts"
import { type PullJob, pull, send, type SendJob } from "../../bench/load.ts"

/** A recorded frame by its parts: the eight bytes of both lengths, then text. */
const golden = (lengths: string, header: string, body: string): string =>
  Buffer.concat([Buffer.from(lengths, "hex"), Buffer.from(header), Buffer.from(body)]).toString("latin1")

// Recorded: Java client 5.5.0 to broker 5.5.0, a synchronous send of "plain body".
const javaSend = golden(
  "0000016e00000160",
  String.raw`{"code":310,"extFields":{"a":"PGJ5","b":"J5Topic","c":"TBW102","d":"4","e":"0","f":"0","g":"1795248987968","h":"0","i":"UNIQ_KEY\u0001FD00000000000000000000000000000262654E0E2F2A68C5B7400000\u0002WAIT\u0001true\u0002","j":"0","k":"false","m":"false","n":"broker-a"},"flag":0,"language":"JAVA","opaque":31,"serializeTypeCurrentRPC":"JSON","version":513}`,
  "plain body",
)
// Recorded: Java client 5.5.0 to broker 5.5.0, a pull that names its subscription.
const javaPull = golden(
  "0000018900000185",
  `{"code":11,"extFields":{"queueId":"0","commitOffset":"0","subscription":"*","suspendTimeoutMillis":"1000","bname":"broker-a","sysFlag":"4","expressionType":"TAG","ReqT":"0","topic":"J5Topic","consumerGroup":"J5GroupPull","maxMsgNums":"32","queueOffset":"0","subVersion":"0","maxMsgBytes":"2147483647"},"flag":0,"language":"JAVA","opaque":117,"serializeTypeCurrentRPC":"JSON","version":513}`,
  "",
)
// Recorded: the broker's answer to the send; its extFields come in another order than anybody would print them in.
const brokerAnswer = golden(
  "0000013700000133",
  `{"code":0,"extFields":{"queueId":"0","transactionId":"FD00000000000000000000000000000262654E0E2F2A68C5B7400000","msgId":"7F00000200009BE70000000000000000","TRACE_ON":"true","MSG_REGION":"DefaultRegion","queueOffset":"0"},"flag":1,"language":"JAVA","opaque":31,"serializeTypeCurrentRPC":"JSON","version":513}`,
  "",
)

describe("the frames of the load generator", () => {
  it("are those of the Java client, byte for byte", () => {
    const send = Frame.sendRequest(
      {
        producerGroup: "PGJ5",
        topic: "J5Topic",
        queueId: 0,
        bornTimestamp: 1795248987968,
        uniqKey: "FD00000000000000000000000000000262654E0E2F2A68C5B7400000",
        brokerName: "broker-a",
        opaque: 31,
      },
      Buffer.from("plain body"),
    )
    const pull = Frame.pullRequest({
      consumerGroup: "J5GroupPull",
      topic: "J5Topic",
      queueId: 0,
      queueOffset: 0,
      maxMsgNums: 32,
      brokerName: "broker-a",
      opaque: 117,
    })
    expect(send.toString("latin1")).toBe(javaSend)
    expect(pull.toString("latin1")).toBe(javaPull)
  })

  it("change nothing but opaque, time and counter when they are patched", () => {
    const fields = { producerGroup: "g", topic: "T", queueId: 3, brokerName: "broker-a" }
    const body = Buffer.alloc(128, 7)
    const template = Frame.sendTemplate(fields, body)
    Frame.patchDecimal(template.bytes, template.opaqueAt, 10, 2_147_483_647)
    Frame.patchDecimal(template.bytes, template.bornTimestampAt, 13, 1_795_248_987_968)
    Frame.patchHex(template.bytes, template.counterAt, 0xfedcba98)
    const whole = Frame.sendRequest(
      {
        ...fields,
        opaque: 2_147_483_647,
        bornTimestamp: 1_795_248_987_968,
        uniqKey: "7F000001000026A42E8F0001FEDCBA98",
      },
      body,
    )
    expect(template.bytes.equals(whole)).toBe(true)
  })

  it("have opaques of ten digits that name their slot", () => {
    for (const slots of [1, 7, 64, 100]) {
      for (const turn of [0, 1, 12_345, 3_000_000_000]) {
        const opaque = Frame.opaqueOf(slots - 1, turn, slots)
        expect(opaque).toBeGreaterThanOrEqual(1_000_000_000)
        expect(opaque).toBeLessThanOrEqual(2_147_483_647)
        expect(Frame.slotOf(opaque, slots)).toBe(slots - 1)
      }
    }
  })
})

describe("the answers", () => {
  const head: Frame.Head = { code: -1, opaque: -1 }

  it("are known by code and opaque, in any order of their members", () => {
    const recorded = Buffer.from(brokerAnswer, "latin1")
    expect(Frame.readHead(recorded, 4, head)).toBe(true)
    expect(head).toEqual({ code: 0, opaque: 31 })
    expect(Frame.extNumber(recorded, 4, "queueOffset")).toBe(0)
    expect(Frame.extNumber(recorded, 4, "offset")).toBe(-1)

    const other = Frame.frame(`{"flag":1,"opaque":1999999999,"remark":"no \\"code\\":5","code":2}`, new Uint8Array(0))
    expect(Frame.readHead(other, 4, head)).toBe(true)
    expect(head).toEqual({ code: 2, opaque: 1_999_999_999 })
    expect(
      Frame.readHead(Frame.frame(`{"flag":1,"remark":"nothing to be found here at all"}`, new Uint8Array(0)), 4, head),
    ).toBe(false)
  })

  it("may have a binary header", () => {
    const bytes = Buffer.from("000000190100001500130002013b9aca07000000010000000000000000", "hex")
    expect(Frame.readHead(bytes, 4, head)).toBe(true)
    expect(head).toEqual({ code: 19, opaque: 1_000_000_007 })
  })

  it("hold whole stored messages or are not counted", () => {
    const record = Buffer.alloc(100)
    record.writeUInt32BE(100, 0)
    record.writeUInt32BE(0xdaa320a7, 4)
    const three = Buffer.concat([record, record, record])
    expect(Frame.countRecords(three, 0, 300)).toBe(3)
    expect(Frame.countRecords(three, 0, 0)).toBe(0)
    expect(Frame.countRecords(three, 0, 299)).toBe(-1)
    three.writeUInt32BE(0xdaa320a8, 104)
    expect(Frame.countRecords(three, 0, 300)).toBe(-1)
  })
})

describe("the latencies", () => {
  it("are told by percentile, at most 1.6 % too high", () => {
    const histogram = new Histogram()
    for (let value = 1; value <= 100_000; value++) histogram.record(value)
    for (const share of [0.001, 0.5, 0.99, 0.999, 1]) {
      const told = histogram.percentile(share)
      expect(told).toBeGreaterThanOrEqual(share * 100_000)
      expect(told).toBeLessThanOrEqual(share * 100_000 * 1.016)
    }
    expect(histogram.summary().maxUs).toBe(100_000)
    expect(new Histogram().summary()).toEqual({ p50Us: 0, p99Us: 0, p999Us: 0, maxUs: 0 })
  })
})

describe("the table", () => {
  it("says better where the second is better, whichever direction that is", () => {
    expect(compare(100, 250, "more")).toBe("2.50x better")
    expect(compare(250, 100, "more")).toBe("2.50x worse")
    expect(compare(250, 100, "less")).toBe("2.50x better")
    expect(compare(100, 250, "less")).toBe("2.50x worse")
    expect(compare(100, 250, "none")).toBe("")
  })

  it("shows the median, and how far the rounds lie apart", () => {
    expect(show([72_104.4], { unit: "/s" })).toBe("72,104/s")
    expect(show([900, 3_000, 1_500], { unit: "us" })).toBe("1.50 ms (0.90..3.00)")
    expect(show([], { unit: "MB" })).toBe("-")
  })
})

/** Long by time: it ends by the count of messages. */
const base = (port: number) => ({
  host: "127.0.0.1",
  port,
  brokerName: "broker-a",
  topic: "T",
  connections: 3,
  warmupSeconds: 60,
  seconds: 60,
})
const sendJob = (port: number): SendJob => ({
  ...base(port),
  kind: "send",
  queues: 4,
  outstanding: 8,
  bodySizeBytes: 128,
  messagesMax: 2_000,
})
const tell = () => undefined

describe("the generator against a broker that answers at once", () => {
  it("counts each acknowledged send once and each refusal by its code", async () => {
    const broker = await listen({ refuseEvery: 10 })
    const result = await send(sendJob(broker.port), tell)
    await broker.close()
    const sends = broker.seen[Frame.RequestCode.sendMessageV2] ?? 0
    expect(result.messagesEver).toBeGreaterThanOrEqual(2_000)
    expect(result.messagesEver).toBe(sends - Math.floor(sends / 10))
    expect(result.refused).toEqual({ 2: Math.floor(sends / 10) })
    expect(result.unanswered).toBe(0)
  })

  it("puts answers together from pieces", async () => {
    const broker = await listen({ pieceSizeBytes: 97 })
    const result = await send({ ...sendJob(broker.port), messagesMax: 200 }, tell)
    await broker.close()
    expect(result.messagesEver).toBe(broker.seen[Frame.RequestCode.sendMessageV2])
    expect(result.unanswered).toBe(0)
  })

  it("pulls windows round and round, and counts the messages in the answers", async () => {
    const broker = await listen()
    const windows = [
      { queueId: 0, from: 64, to: 640 },
      { queueId: 1, from: 0, to: 320 },
    ]
    const job: PullJob = { ...base(broker.port), kind: "pull", windows, batch: 32, warmupSeconds: 0, seconds: 0.2 }
    const result = await pull(job, tell)
    await broker.close()
    expect(result.messagesEver).toBe(32 * (broker.seen[Frame.RequestCode.pullMessage] ?? 0))
    expect(result.refused).toEqual({})
    expect(result.unanswered).toBe(0)
  })

  it("fails when the server goes away", async () => {
    const broker = await listen()
    const running = send({ ...sendJob(broker.port), messagesMax: 1e9 }, tell)
    const outcome = expect(running).rejects.toThrow("connection lost")
    while ((broker.seen[Frame.RequestCode.sendMessageV2] ?? 0) < 500) {
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
    await broker.close()
    await outcome
  })
})
