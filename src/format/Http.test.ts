import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Http from "./Http.ts"

const read = (text: string) => Http.readRequest(Buffer.from(text, "latin1"))

describe("HTTP", () => {
  it("reads the method and the path, without the query", () => {
    expect(read("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")).toEqual({ method: "GET", path: "/healthz" })
    expect(read("HEAD /readyz?x=/y HTTP/1.0\r\n\r\nrest")).toEqual({ method: "HEAD", path: "/readyz" })
  })

  it("waits for the end of the head, up to a bound (P11)", () => {
    expect(read("GET / HTTP/1.1\r\nHost: a\r\n")).toBe("more")
    expect(read("x".repeat(Http.headSizeMax))).toBe("more")
    expect(read("x".repeat(Http.headSizeMax + 1))).toMatchObject({ status: 431 })
  })

  it("refuses what is no request", () => {
    for (const line of [
      "",
      "get / HTTP/1.1",
      "GET x HTTP/1.1",
      "GET / HTTP/2",
      "GET /\u0001 HTTP/1.1",
      "GET / a HTTP/1.1",
    ])
      expect(read(`${line}\r\n\r\n`)).toMatchObject({ status: 400 })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(Http.readRequest(Buffer.from(bytes))).toBeDefined()
      }),
    )
  })

  it("writes an answer whose length is that of its bytes", () => {
    const whole = Http.encodeAnswer(Http.json(200, { é: 1 }), false).toString()
    expect(whole).toBe(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{"é":1}\n',
    )
    expect(Http.encodeAnswer(Http.plain(405, "no"), true).toString()).toContain("Content-Length: 3\r\n")
    expect(Http.encodeAnswer(Http.plain(405, "no"), true).toString()).toMatch(/Allow: GET, HEAD\r\n\r\n$/)
  })
})
