import { expect, it } from "vitest"
import { RegistrationMemo } from "./RegistrationMemo.ts"

const body = Buffer.alloc(100_000, 1)
const dataVersion = { counter: 3, stateVersion: 0, timestamp: 9 }
const read = { filterServerList: ["f:1"], topicConfigSerializeWrapper: { dataVersion, topicConfigTable: new Map() } }

const start = () => {
  const memo = new RegistrationMemo()
  const connection = {}
  memo.registered(connection, "a", body, read)
  return { connection, memo }
}

it("knows the body that a connection registered last", () => {
  const { connection, memo } = start()
  expect(memo.unchanged(connection, "a", Buffer.from(body))).toEqual(read)
})

it("knows nothing of other bytes, other brokers and other connections", () => {
  const { connection, memo } = start()
  const other = Buffer.from(body)
  other[50_000] = 2
  expect(memo.unchanged(connection, "a", other)).toBeUndefined()
  expect(memo.unchanged(connection, "a", body.subarray(1))).toBeUndefined()
  expect(memo.unchanged(connection, "b", body)).toBeUndefined()
  expect(memo.unchanged({}, "a", body)).toBeUndefined()
})

it("forgets everything when something was removed, and small bodies at once", () => {
  const { connection, memo } = start()
  memo.removed()
  expect(memo.unchanged(connection, "a", body)).toBeUndefined()
  memo.registered(connection, "a", body.subarray(0, 100), read)
  expect(memo.unchanged(connection, "a", body.subarray(0, 100))).toBeUndefined()
})
