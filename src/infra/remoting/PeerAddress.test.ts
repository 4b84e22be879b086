import { expect, it } from "vitest"
import * as PeerAddress from "./PeerAddress.ts"

it("reads host and port, names and both kinds of IP", () => {
  expect(PeerAddress.parse("broker-a:10911")).toEqual({ host: "broker-a", port: 10_911 })
  expect(PeerAddress.parse("10.0.0.1:1")).toEqual({ host: "10.0.0.1", port: 1 })
  expect(PeerAddress.parse("[::1]:9876")).toEqual({ host: "::1", port: 9876 })
  expect(PeerAddress.parse("fe80::2:9876")).toEqual({ host: "fe80::2", port: 9876 })
})

it.each(["", "host", ":9876", "host:", "host:0", "host:65536", "host:98x", "host:-1", "host:1e3", "[]:80"])(
  "refuses %j",
  (text) => expect(PeerAddress.parse(text)).toBeUndefined(),
)

it("reads lists, and names the entry that is none", () => {
  expect(PeerAddress.parseList(" a:1 ;b:2;")).toEqual([
    { host: "a", port: 1 },
    { host: "b", port: 2 },
  ])
  expect(PeerAddress.parseList("a:1;nonsense;b:2")).toEqual({ illegal: "nonsense" })
  expect(PeerAddress.parseList("")).toEqual([])
})

it("prints what it reads", () => {
  for (const text of ["broker-a:10911", "[::1]:9876"]) expect(PeerAddress.print(PeerAddress.parse(text)!)).toBe(text)
})
