import { describe, expect, it } from "vitest"
import * as Http from "../../format/Http.ts"
import { makeSimWorld } from "../world/SimWorld.ts"
import { HttpPages } from "./HttpPages.ts"

const address = { host: "10.0.0.1", port: 8080 }

const begin = () => {
  const cluster = makeSimWorld(1)
  const node = cluster.node("server", address.host)
  const pages = new HttpPages(node.world, new Map([["/healthz", () => Http.plain(200, "ok")]]))
  pages.listen(node.world.network, address, () => {})
  cluster.sim.runFor(10)
  const client = cluster.node("client", "10.0.0.2")
  /** Sends pieces, 10 ms apart; what came back, and whether the connection ended. */
  const ask = (...pieces: ReadonlyArray<string>) => {
    const seen = { hasEnded: false, text: "" }
    client.world.network.connect(
      address,
      1000,
      (connection) => {
        for (const [i, piece] of pieces.entries())
          client.world.clock.after(i * 10, () => connection.write(Buffer.from(piece)))
        return {
          onClose: () => (seen.hasEnded = true),
          onData: (chunk) => (seen.text += chunk.toString()),
          onDrain: () => {},
        }
      },
      () => (seen.hasEnded = true),
    )
    return seen
  }
  return { ask, cluster, pages }
}

describe("pages over HTTP", () => {
  it("answer a request that comes in pieces, and end the connection", () => {
    const { ask, cluster } = begin()
    const seen = ask("GET /healthz HT", "TP/1.1\r\n", "\r\n")
    cluster.sim.runFor(1000)
    expect(seen.hasEnded).toBe(true)
    expect(seen.text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok\n$/s)
  })

  it("answer what they do not have with what they have, and other methods with what is allowed", () => {
    const { ask, cluster } = begin()
    const [unknown, post, head, odd] = [
      ask("GET /x HTTP/1.1\r\n\r\n"),
      ask("POST /healthz HTTP/1.1\r\n\r\n"),
      ask("HEAD /healthz HTTP/1.1\r\n\r\n"),
      ask("\u0000\u0000\u0001\u0000 not HTTP\r\n\r\n"),
    ]
    cluster.sim.runFor(1000)
    expect(unknown!.text).toMatch(/ 404 .*there are \/healthz\n$/s)
    expect(post!.text).toMatch(/ 405 .*Allow: GET, HEAD\r\n/s)
    expect(head!.text).toMatch(/ 200 .*\r\n\r\n$/s)
    expect(odd!.text).toMatch(/ 400 /)
  })

  it("are bounded: silence ends after 5 s, and more connections than 64 are closed at once (P11)", () => {
    const { ask, cluster } = begin()
    const silent = Array.from({ length: 64 }, () => ask("GET /"))
    cluster.sim.runFor(100)
    const beyond = ask("GET /healthz HTTP/1.1\r\n\r\n")
    cluster.sim.runFor(1000)
    expect([beyond.hasEnded, beyond.text]).toEqual([true, ""])
    expect(silent.some(({ hasEnded }) => hasEnded)).toBe(false)
    cluster.sim.runFor(5000)
    expect(silent.every(({ hasEnded }) => hasEnded)).toBe(true)
  })

  it("free their port when they are closed, and end who still waits", () => {
    const { ask, cluster, pages } = begin()
    const waiting = ask("GET /")
    cluster.sim.runFor(100)
    let isFree = false
    pages.close(() => (isFree = true))
    cluster.sim.runFor(1000)
    expect([isFree, waiting.hasEnded, ask("GET /healthz HTTP/1.1\r\n\r\n").text]).toEqual([true, true, ""])
  })
})
