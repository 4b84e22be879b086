import { describe, expect, it } from "vitest"
import * as Command from "../../format/Command.ts"
import type { NetworkError } from "../network/Network.ts"
import type { Call } from "./Call.ts"
import { FrameSplitter } from "./FrameSplitter.ts"
import type { Handler } from "./Hub.ts"
import type { RemotingConnection } from "./RemotingConnection.ts"
import { RemotingError } from "./RemotingError.ts"
import { RemotingServer } from "./RemotingServer.ts"
import type { RemotingServerOptions } from "./RemotingServer.ts"
import type { ScriptedPeer } from "./ScriptedWorld.ts"
import { ScriptedWorld } from "./ScriptedWorld.ts"

const port = 10911

const request = (code: number, opaque: number, more: Partial<Command.Command> = {}): Buffer =>
  Command.encode({ ...Command.request(code, opaque, Command.noExt), ...more })

const commands = (bytes: Buffer): Command.Command[] => {
  const splitter = new FrameSplitter()
  splitter.push(bytes)
  const found: Command.Command[] = []
  while (splitter.next()) {
    const command = Command.decode(splitter.frame, splitter.start, splitter.end)
    if (command instanceof Error) throw command
    found.push(command)
  }
  expect(splitter.broken).toBeUndefined()
  expect(splitter.heldBytes).toBe(0)
  return found
}

const echo: Handler = (command, call) => call.answer({ body: command.body, code: 0, ext: { echo: "yes" } })

const serve = (handlers: Record<number, Handler>, options: RemotingServerOptions = {}) => {
  const world = new ScriptedWorld()
  const server = new RemotingServer(world, options)
  const table = new Map(Object.entries(handlers).map(([code, handler]) => [Number(code), handler]))
  server.listen({ host: "10.0.0.1", port }, table, (error) => expect(error).toBeUndefined())
  const dial = (): ScriptedPeer => world.dial(port)!
  return { dial, server, world }
}

/** A handler that keeps its calls for later. */
const keeper = (): { calls: Call[]; handler: Handler } => {
  const calls: Call[] = []
  return { calls, handler: (_command, call) => void calls.push(call) }
}

describe("answers", () => {
  it("repeat the request's number, are marked as responses and written as the request was", () => {
    const { dial } = serve({ 11: echo })
    for (const serialize of [0, 1] as const) {
      const peer = dial()
      peer.send(request(11, 77, { body: Buffer.from("hi"), serialize }))
      const [answer, ...others] = commands(peer.take())
      expect(others).toEqual([])
      expect(answer).toMatchObject({ code: 0, flag: 1, opaque: 77, serialize, version: 513 })
      expect(answer?.ext["echo"]).toBe("yes")
      expect(answer?.body.toString()).toBe("hi")
    }
  })

  it("of one chunk leave in one write", () => {
    const { dial } = serve({ 11: echo })
    const peer = dial()
    peer.send(...[1, 2, 3, 4, 5].map((opaque) => request(11, opaque, { body: Buffer.from("x") })))
    expect(peer.writes.length).toBe(1)
    expect(commands(peer.take()).map((c) => c.opaque)).toEqual([1, 2, 3, 4, 5])
  })

  it("given later leave in one write at the end of their turn, in the order given", () => {
    const { calls, handler } = keeper()
    const { dial, world } = serve({ 10: handler })
    const peer = dial()
    peer.send(request(10, 1), request(10, 2), request(10, 3))
    expect(peer.writes).toEqual([])
    for (const call of [calls[2]!, calls[0]!, calls[1]!]) call.answer({ code: 0 })
    expect(peer.writes).toEqual([])
    world.clock.turn()
    expect(peer.writes.length).toBe(1)
    expect(commands(peer.take()).map((c) => c.opaque)).toEqual([3, 1, 2])
  })

  it("may have a body in parts, or be frames already", () => {
    const parts = [Buffer.from("ab"), Buffer.alloc(100_000, 1), Buffer.from("yz")]
    const encoded = Command.encodeResponse(0, 0, 2, undefined, undefined, Buffer.from("ready"))
    const { dial } = serve({
      11: (_command, call) => call.answer({ body: parts, code: 0 }),
      12: (_command, call) => call.answerEncoded(encoded),
      13: (_command, call) => call.answerEncoded([encoded.subarray(0, 10), encoded.subarray(10)]),
    })
    const peer = dial()
    peer.send(request(11, 1), request(12, 2), request(13, 2))
    const bodies = commands(peer.take()).map((c) => c.body)
    expect(bodies[0]?.equals(Buffer.concat(parts))).toBe(true)
    expect(bodies.slice(1).map(String)).toEqual(["ready", "ready"])
  })

  it("that would not fit into a frame become a refusal that says so", () => {
    const { dial } = serve({ 11: (_command, call) => call.answer({ body: Buffer.alloc(16 * 1024 * 1024), code: 0 }) })
    const peer = dial()
    peer.send(request(11, 1))
    expect(commands(peer.take())).toMatchObject([{ code: 1, opaque: 1, remark: expect.stringContaining("16777216") }])
  })

  it("say 3 for a code without a handler and 1 for a handler that throws", () => {
    const { dial } = serve({
      11: () => {
        throw new Error("the disk is on fire")
      },
    })
    const peer = dial()
    peer.send(request(9999, 1), request(11, 2))
    expect(commands(peer.take())).toMatchObject([
      { code: 3, opaque: 1, remark: " request type 9999 not supported" },
      { code: 1, opaque: 2, remark: "the disk is on fire" },
    ])
  })

  it("never go to a oneway request, whatever happens to it", () => {
    const { dial, world } = serve({
      11: echo,
      12: () => {
        throw new Error("no")
      },
    })
    const peer = dial()
    for (const code of [11, 12, 9999]) peer.send(request(code, code, { flag: Command.onewayFlag }))
    world.clock.turn()
    expect(peer.writes).toEqual([])
  })

  it("count once: the first end of a call is the end", () => {
    const { dial, world } = serve({
      11: (_command, call) => {
        call.answer({ code: 5 })
        call.answer({ code: 6 })
        call.drop()
        throw new Error("too late to matter")
      },
      12: (_command, call) => {
        call.drop()
        call.answer({ code: 7 })
      },
    })
    const peer = dial()
    peer.send(request(11, 1), request(12, 2))
    world.clock.turn()
    expect(commands(peer.take()).map((c) => c.code)).toEqual([5])
  })
})

describe("connections", () => {
  it("know their peer from its last request, and have a principal", () => {
    const seen: unknown[] = []
    const { dial } = serve({
      11: (_command, { connection, principal }) =>
        seen.push([connection.remote.host, connection.version, connection.language, principal.name]),
    })
    dial().send(request(11, 1, { language: "GO", version: 317 }))
    expect(seen).toEqual([["10.0.0.9", 317, "GO", "anonymous"]])
  })

  it("tell what is in hand and what is unsent", () => {
    const { calls, handler } = keeper()
    const { dial, server, world } = serve({ 10: handler })
    const peer = dial()
    const [connection] = server.connections
    peer.send(request(10, 1), request(10, 2))
    expect([connection!.inFlight, connection!.unsentBytes(), connection!.isClosed]).toEqual([2, 0, false])
    peer.isStuck = true
    for (const call of calls) call.answer({ code: 0 })
    const unsentBytes = connection!.unsentBytes()
    expect([connection!.inFlight, calls[0]!.hasEnded, unsentBytes > 0]).toEqual([0, true, true])
    world.clock.turn()
    expect(connection!.unsentBytes()).toBe(unsentBytes)
    peer.cut()
    expect([connection!.unsentBytes(), connection!.isClosed]).toEqual([0, true])
  })

  it("are announced when they open and when they close, and their calls may still be ended then", () => {
    const events: string[] = []
    const { calls, handler } = keeper()
    const { dial, server, world } = serve(
      { 10: handler },
      { listener: { onClose: (c) => events.push(`close ${c.id}`), onOpen: (c) => events.push(`open ${c.id}`) } },
    )
    const peer = dial()
    dial()
    peer.send(request(10, 1))
    peer.cut()
    expect(events).toEqual(["open 1", "open 2", "close 1"])
    expect(server.connections.size).toBe(1)
    calls[0]!.answer({ code: 0 })
    world.clock.turn()
    expect(peer.writes).toEqual([])
  })

  it.each([
    ["a negative length", Buffer.from("ffffffff", "hex")],
    ["a length beyond 16 MiB", Buffer.from("01000000", "hex")],
    ["TLS", Buffer.from("1603010200010001fc03", "hex")],
    ["an unknown serialize type", Buffer.from("0000000802000000ffffffff", "hex")],
    ["a header longer than its frame", Buffer.from("00000008000000ffffffffff", "hex")],
    ["a header that is no JSON", Buffer.from("00000008000000047b7b7b7b", "hex")],
    ["an empty header", Buffer.from("0000000400000000", "hex")],
  ])("are closed by %s, unanswered; what came before is answered (P11)", (_name, bytes) => {
    const { dial, server } = serve({ 11: echo })
    const peer = dial()
    peer.send(request(11, 1), bytes, request(11, 2))
    expect(peer.state).toBe("destroyed")
    expect(commands(peer.take()).map((c) => c.opaque)).toEqual([1])
    expect(server.connections.size).toBe(0)
  })

  it("are closed after 120 s without a byte, and not before", () => {
    const { dial, server, world } = serve({ 11: echo })
    const silent = dial()
    const lively = dial()
    for (let i = 0; i < 4; i++) {
      world.clock.advance(30_000)
      expect(silent.state).toBe("open")
      lively.send(request(11, i))
    }
    world.clock.advance(16_000)
    expect(silent.state).toBe("destroyed")
    expect(lively.state).toBe("open")
    expect(world.clock.timers).toBe(1)
    lively.cut()
    expect(server.connections.size).toBe(0)
    expect(world.clock.timers).toBe(0)
  })

  it("beyond the limit are closed at once", () => {
    const { dial, server } = serve({ 11: echo }, { limits: { connectionsMax: 2 } })
    const peers = [dial(), dial(), dial()]
    expect(peers.map((peer) => peer.state)).toEqual(["open", "open", "destroyed"])
    expect(server.connections.size).toBe(2)
  })
})

describe("bounds (P11)", () => {
  it("too many requests in flight stop reading until some are answered", () => {
    const { calls, handler } = keeper()
    const { dial, world } = serve({ 10: handler }, { limits: { inFlightMax: 2 } })
    const peer = dial()
    peer.send(...[1, 2, 3, 4, 5].map((opaque) => request(10, opaque)))
    expect(calls.length).toBe(2)
    expect(peer.isPaused).toBe(true)
    calls[0]!.answer({ code: 0 })
    world.clock.turn()
    expect(calls.map((call) => call.opaque)).toEqual([1, 2, 3])
    expect(peer.isPaused).toBe(true)
    for (const call of calls.slice(1)) call.answer({ code: 0 })
    world.clock.turn()
    expect(calls.map((call) => call.opaque)).toEqual([1, 2, 3, 4, 5])
    for (const call of calls.slice(3)) call.answer({ code: 0 })
    world.clock.turn()
    expect(peer.isPaused).toBe(false)
    expect(commands(peer.take()).map((c) => c.opaque)).toEqual([1, 2, 3, 4, 5])
  })

  it("a chunk that comes after the pause waits too", () => {
    const { calls, handler } = keeper()
    const { dial, world } = serve({ 10: handler }, { limits: { inFlightMax: 1 } })
    const peer = dial()
    const late = request(10, 3)
    peer.send(request(10, 1), request(10, 2), late.subarray(0, 9))
    peer.send(late.subarray(9))
    expect(calls.length).toBe(1)
    for (let i = 0; i < 3; i++) {
      calls[i]!.answer({ code: 0 })
      world.clock.turn()
    }
    expect(calls.map((call) => call.opaque)).toEqual([1, 2, 3])
    expect(peer.isPaused).toBe(false)
  })

  it("parked calls do not count, but can be answered", () => {
    const held: Call[] = []
    const { dial, world } = serve(
      {
        11: (_command, call) => {
          call.park()
          held.push(call)
        },
      },
      { limits: { inFlightMax: 1 } },
    )
    const peer = dial()
    peer.send(...[1, 2, 3].map((opaque) => request(11, opaque)))
    expect(held.length).toBe(3)
    expect(peer.isPaused).toBe(false)
    held[1]!.answer({ code: 19 })
    world.clock.turn()
    expect(commands(peer.take())).toMatchObject([{ code: 19, opaque: 2 }])
  })

  it("too many bytes in flight stop one connection; over all connections, all of them", () => {
    const { calls, handler } = keeper()
    const { dial, world } = serve({ 10: handler }, { limits: { inFlightBytesMax: 1000, inFlightTotalBytesMax: 3500 } })
    const big = { body: Buffer.alloc(1000) }
    const [a, b, c, d] = [dial(), dial(), dial(), dial()]
    a.send(request(10, 1, big), request(10, 2, big))
    expect([calls.length, a.isPaused, b.isPaused]).toEqual([1, true, false])
    b.send(request(10, 3, big))
    c.send(request(10, 4, big))
    expect(d.isPaused).toBe(false)
    d.send(request(10, 5, big))
    expect([a, b, c, d, dial()].map((peer) => peer.isPaused)).toEqual([true, true, true, true, true])
    for (const call of calls.slice(0, 4)) call.drop()
    world.clock.turn()
    expect(calls.map((call) => call.opaque)).toEqual([1, 3, 4, 5, 2])
    expect([a, b, c, d].map((peer) => peer.isPaused)).toEqual([true, false, false, false])
  })

  it("a slow reader's requests are not read until it has drained", () => {
    const { dial, world } = serve(
      { 11: (_c, call) => call.answer({ body: Buffer.alloc(600), code: 0 }) },
      { limits: { unsentBytesHigh: 1000 } },
    )
    const peer = dial()
    peer.isStuck = true
    peer.send(...[1, 2, 3, 4, 5, 6, 7, 8].map((opaque) => request(11, opaque)))
    expect(commands(Buffer.concat(peer.writes)).length).toBeLessThan(4)
    expect(peer.isPaused).toBe(true)
    peer.drain()
    world.clock.turn()
    expect(peer.isPaused).toBe(false)
    expect(commands(peer.take()).map((c) => c.opaque)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it("P11: frames for a slow reader lie in no room that they share with others", () => {
    const { dial, server, world } = serve({ 11: echo })
    const peer = dial()
    const [connection] = server.connections
    const shared = connection!.room(100).buffer.byteLength
    peer.isStuck = true
    connection!.tell({ code: 40 })
    world.clock.turn()
    expect(connection!.room(100).buffer.byteLength).toBe(100)
    peer.drain()
    expect(connection!.room(100).buffer.byteLength).toBe(shared)
    expect(shared).toBeGreaterThan(100)
  })

  it("a reader that has stopped is closed when too much waits for it", () => {
    const { dial, server, world } = serve({ 11: echo }, { limits: { unsentBytesMax: 10_000 } })
    const peer = dial()
    peer.isStuck = true
    const [connection] = server.connections
    for (let i = 0; i < 40 && peer.state === "open"; i++) {
      connection!.tell({ body: Buffer.alloc(1000), code: 40 })
      world.clock.turn()
    }
    expect(peer.state).toBe("destroyed")
    expect(peer.pendingBytes).toBeLessThan(12_000)
  })

  it("incomplete frames may not hold more than their share; the connection that goes beyond is closed", () => {
    const { dial } = serve({ 11: echo }, { limits: { partialTotalBytesMax: 5000 } })
    const huge = request(11, 1, { body: Buffer.alloc(100_000) })
    const [a, b] = [dial(), dial()]
    a.send(huge.subarray(0, 4000))
    b.send(huge.subarray(0, 4000))
    expect([a.state, b.state]).toEqual(["open", "destroyed"])
    a.cut()
    const c = dial()
    c.send(huge.subarray(0, 4500))
    expect(c.state).toBe("open")
  })

  it("pauseAll stops in the middle of a chunk, for new connections too; resumeAll goes on where it stopped", () => {
    const seen: number[] = []
    const { dial, server, world } = serve({
      10: (command, call) => {
        seen.push(command.opaque)
        if (command.opaque === 2) server.pauseAll()
        call.answer({ code: 0 })
      },
    })
    const peer = dial()
    const other = dial()
    peer.send(...[1, 2, 3].map((opaque) => request(10, opaque)))
    expect(seen).toEqual([1, 2])
    expect(commands(peer.take()).map((c) => c.opaque)).toEqual([1, 2])
    const late = dial()
    expect([peer, other, late].map((p) => p.isPaused)).toEqual([true, true, true])
    server.resumeAll()
    expect(seen).toEqual([1, 2])
    world.clock.turn()
    expect(seen).toEqual([1, 2, 3])
    expect([peer, other, late].map((p) => p.isPaused)).toEqual([false, false, false])
    expect(commands(peer.take()).map((c) => c.opaque)).toEqual([3])
  })
})

describe("requests to clients", () => {
  const outcomes: Array<Command.Command | RemotingError> = []
  const open = () => {
    outcomes.length = 0
    const served = serve({ 11: echo })
    const peer = served.dial()
    const connection: RemotingConnection = [...served.server.connections][0]!
    return { ...served, connection, peer }
  }
  const done = (outcome: Command.Command | RemotingError): void => void outcomes.push(outcome)

  it("are answered by number, each once", () => {
    const { connection, peer, world } = open()
    connection.ask({ code: 307, ext: { clientId: "c" } }, 1000, done)
    connection.ask({ code: 221 }, 1000, done)
    world.clock.turn()
    const asked = commands(peer.take())
    expect(asked).toMatchObject([{ code: 307, ext: { clientId: "c" }, flag: 0 }, { code: 221 }])
    for (const { opaque } of [asked[1]!, asked[0]!, asked[0]!])
      peer.send(Command.encodeResponse(0, 0, opaque, undefined, undefined, undefined))
    expect(outcomes).toMatchObject([{ opaque: asked[1]!.opaque }, { opaque: asked[0]!.opaque }])
  })

  it("count only when answered on their own connection", () => {
    const { connection, dial, peer, world } = open()
    connection.ask({ code: 307 }, 1000, done)
    world.clock.turn()
    const [asked] = commands(peer.take())
    dial().send(Command.encodeResponse(0, 0, asked!.opaque, undefined, undefined, undefined))
    expect(outcomes).toEqual([])
  })

  it("fail with TimedOut at their deadline, with Closed when the connection goes first", () => {
    const { connection, peer, world } = open()
    connection.ask({ code: 307 }, 3000, done)
    connection.ask({ code: 307 }, 1000, done)
    connection.ask({ code: 307 }, 9000, done)
    world.clock.advance(999)
    expect(outcomes).toEqual([])
    world.clock.advance(1)
    expect(outcomes).toMatchObject([{ reason: "TimedOut" }])
    world.clock.advance(2000)
    expect(outcomes).toMatchObject([{ reason: "TimedOut" }, { reason: "TimedOut" }])
    peer.cut()
    expect(outcomes[2]).toMatchObject({ peer: "10.0.0.9:50001", reason: "Closed" })
    connection.ask({ code: 307 }, 9000, done)
    expect(outcomes[3]).toMatchObject({ reason: "Closed" })
  })

  it("that are oneway expect nothing", () => {
    const { connection, peer, world } = open()
    connection.tell({ code: 40, ext: { consumerGroup: "g" } })
    world.clock.turn()
    expect(commands(peer.take())).toMatchObject([{ code: 40, flag: Command.onewayFlag }])
    expect(world.clock.timers).toBe(1)
  })
})

describe("listening", () => {
  it("serves other handlers on another port", () => {
    const { dial, server, world } = serve({ 11: echo })
    server.listen({ host: "10.0.0.1", port: 10909 }, new Map(), () => {})
    const [main, fast] = [dial(), world.dial(10909)!]
    for (const peer of [main, fast]) peer.send(request(11, 1))
    expect([main, fast].map((peer) => commands(peer.take())[0]?.code)).toEqual([0, 3])
  })

  it("tells when the address cannot be had", () => {
    const world = new ScriptedWorld()
    const error = { reason: "AddressInUse" } as NetworkError
    const server = new RemotingServer({
      ...world,
      network: { ...world.network, listen: (_a, _b, done) => done(error, undefined) },
    })
    server.listen({ host: "10.0.0.1", port }, new Map(), (failure, address) =>
      expect([failure, address]).toEqual([error, undefined]),
    )
    expect.assertions(1)
  })
})

describe("drain", () => {
  it("stops accepting, turns requests away, answers what is in hand, then closes", () => {
    const { calls, handler } = keeper()
    const { dial, server, world } = serve({ 10: handler, 11: echo })
    const [busy, idle] = [dial(), dial()]
    busy.send(request(10, 1))
    let isDone = false
    server.drain({ graceMs: 5000, lingerMs: 1000 }, () => (isDone = true))
    expect(world.dial(port)).toBeUndefined()
    idle.send(request(11, 2), request(11, 3, { version: 475 }), request(11, 4, { flag: Command.onewayFlag }))
    expect(commands(idle.take())).toMatchObject([{ code: 1500, opaque: 2 }])
    world.clock.advance(1000)
    expect([busy.state, idle.state, isDone]).toEqual(["open", "ended", false])
    calls[0]!.answer({ code: 0 })
    expect([busy.state, isDone]).toEqual(["ended", true])
    expect(commands(busy.take())).toMatchObject([{ code: 0, opaque: 1 }])
    expect(world.clock.timers).toBe(0)
  })

  it("destroys what is still busy after the grace", () => {
    const { dial, server, world } = serve({ 10: keeper().handler })
    const busy = dial()
    busy.send(request(10, 1))
    let isDone = false
    server.drain({ graceMs: 5000, lingerMs: 0 }, () => (isDone = true))
    world.clock.advance(4999)
    expect([busy.state, isDone]).toEqual(["open", false])
    world.clock.advance(1)
    expect([busy.state, isDone]).toEqual(["destroyed", true])
  })

  it("is done at once when nobody is connected", () => {
    const { server } = serve({})
    let isDone = false
    server.drain({ graceMs: 5000, lingerMs: 5000 }, () => (isDone = true))
    expect(isDone).toBe(true)
  })
})
