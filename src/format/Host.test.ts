import { describe, expect, it } from "vitest"
import * as Host from "./Host.ts"
import { Malformed } from "./Malformed.ts"

const hostOf = (address: string, port = 1): string => {
  const host = Host.make(address, port)
  return host instanceof Malformed ? "malformed" : Host.print(host)
}

describe("Host", () => {
  it("holds the address bytes and the port as an int32", () => {
    expect((Host.make("10.0.0.1", 10_911) as Buffer).toString("hex")).toBe("0a00000100002a9f")
    expect((Host.make("2001:db8::1", 10_911) as Buffer).toString("hex")).toBe(
      "20010db800000000000000000000000100002a9f",
    )
    expect(Host.print(Host.nowhere)).toBe("0.0.0.0:0")
  })

  it("reads every way to write an IPv6 address", () => {
    expect(hostOf("::")).toBe("[0000:0000:0000:0000:0000:0000:0000:0000]:1")
    expect(hostOf("::1")).toBe("[0000:0000:0000:0000:0000:0000:0000:0001]:1")
    expect(hostOf("fe80::1%eth0")).toBe("[fe80:0000:0000:0000:0000:0000:0000:0001]:1")
    expect(hostOf("1:2:3:4:5:6:7:8")).toBe("[0001:0002:0003:0004:0005:0006:0007:0008]:1")
    expect(hostOf("1:2::")).toBe("[0001:0002:0000:0000:0000:0000:0000:0000]:1")
    expect(hostOf("::FFFF:10.0.0.1")).toBe("10.0.0.1:1")
  })

  it("refuses what is no address or no port", () => {
    for (const address of [
      "",
      "1.2.3",
      "1.2.3.256",
      "1.2.3.4.5",
      "a.b.c.d",
      "1:2:3",
      "1::2::3",
      "1:2:3:4:5:6:7:8:9",
      "::g",
      "1:2:3:4:5:6:7::8",
      "::ffff:1.2.3.999",
    ]) {
      expect(hostOf(address), address).toBe("malformed")
    }
    for (const port of [-1, 65_536, 1.5, Number.NaN]) expect(hostOf("1.2.3.4", port)).toBe("malformed")
    for (const text of ["1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:999999", ""]) {
      expect(Host.parse(text), text).toBeInstanceOf(Malformed)
    }
  })
})
