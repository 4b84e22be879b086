import { deflateSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { Malformed } from "./Malformed.ts"
import * as RegisterBroker from "./RegisterBroker.ts"

const counted = (text: string): Buffer => {
  const bytes = Buffer.from(`0000${text}`)
  bytes.writeInt32BE(bytes.length - 4)
  return bytes
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const withTopic = (line: string) =>
  deflateSync(Buffer.concat([counted('{"counter":1}'), int32(1), counted(line), counted("[]"), int32(0)]))

const topicOf = (line: string) => {
  const body = RegisterBroker.decode(withTopic(line), true, 513)
  return body instanceof Malformed ? "malformed" : [...body.topicConfigSerializeWrapper.topicConfigTable.values()][0]
}

describe("RegisterBroker", () => {
  it("takes an absent body for no topics at version zero", () => {
    for (const compressed of [false, true]) {
      expect(RegisterBroker.decode(Buffer.alloc(0), compressed, 513)).toEqual({
        filterServerList: [],
        topicConfigSerializeWrapper: {
          dataVersion: { counter: 0, stateVersion: 0, timestamp: 0 },
          topicConfigTable: new Map(),
        },
      })
    }
  })

  it("takes the body of a broker before 3.0.11 for topics alone", () => {
    const topics = '{"dataVersion":{"counter":3,"timestamp":4},"topicConfigTable":{"T":{"topicName":"T","perm":4}}}'
    const body = RegisterBroker.decode(Buffer.from(topics), false, 36)
    if (body instanceof Malformed) throw body
    expect(body.topicConfigSerializeWrapper.topicConfigTable.get("T")).toMatchObject({ perm: 4, readQueueNums: 16 })
    expect(RegisterBroker.decode(Buffer.from("[]"), false, 36)).toBeInstanceOf(Malformed)
  })

  it("reads the text of a compressed topic with and without attributes", () => {
    expect(topicOf("T 4 8 6 MULTI_TAG")).toMatchObject({
      topicName: "T",
      readQueueNums: 4,
      writeQueueNums: 8,
      perm: 6,
      topicFilterType: "MULTI_TAG",
      attributes: {},
    })
    expect(topicOf('T 4 4 6 SINGLE_TAG {"message.type":"FIFO"}')).toMatchObject({
      attributes: { "message.type": "FIFO" },
    })
    expect(topicOf('T 4 4 6 SINGLE_TAG {"a b":"c d"}')).toMatchObject({ attributes: { "a b": "c d" } })
    expect(topicOf("T 4 4 6")).toMatchObject({ topicFilterType: "SINGLE_TAG" })
  })

  it("refuses topics it cannot read", () => {
    for (const line of [
      "",
      " 4 4 6",
      "T",
      "T x 4 6",
      "T 4 x 6",
      "T 4 4",
      "T 4 4 6 SINGLE_TAG {bad",
      "T 4 4 6 SINGLE_TAG []",
    ]) {
      expect(topicOf(line), line).toBe("malformed")
    }
  })

  it("refuses compressed content that ends too soon, is not UTF-8 or no JSON", () => {
    const version = counted('{"counter":1}')
    const contents = [
      Buffer.alloc(0),
      counted("{bad"),
      counted("[]"),
      version,
      Buffer.concat([version, int32(1)]),
      Buffer.concat([version, int32(1), int32(1), Buffer.from([0xff])]),
      Buffer.concat([version, int32(0), counted("{}")]),
      Buffer.concat([version, int32(0), counted("[]"), int32(1), counted("{}")]),
      Buffer.concat([version, int32(0), counted(`[${"[".repeat(100)}`), int32(0)]),
    ]
    for (const content of contents) {
      expect(RegisterBroker.decode(deflateSync(content), true, 513), content.toString("latin1")).toBeInstanceOf(
        Malformed,
      )
    }
    const old = Buffer.concat([version, int32(0), counted("[]")])
    expect(RegisterBroker.decode(deflateSync(old), true, 409)).not.toBeInstanceOf(Malformed)
    expect(RegisterBroker.decode(deflateSync(old), true, 413)).toBeInstanceOf(Malformed)
    expect(RegisterBroker.decode(deflateSync(old.subarray(0, -1)), true, 409)).toBeInstanceOf(Malformed)
  })
})
