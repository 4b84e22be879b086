/**
 * Laws of remoting (src/infra/remoting): on bytes cut at will, on hostile bytes, on the simulated network with weather
 * and breaking connections, and over real TCP on this machine.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Command from "../../src/format/Command.ts"
import type { Handler, Handlers } from "../../src/infra/remoting/Hub.ts"
import { RemotingClient } from "../../src/infra/remoting/RemotingClient.ts"
import { RemotingError } from "../../src/infra/remoting/RemotingError.ts"
import { RemotingServer } from "../../src/infra/remoting/RemotingServer.ts"
import type { ScriptedPeer } from "../../src/infra/remoting/ScriptedWorld.ts"
import { ScriptedWorld } from "../../src/infra/remoting/ScriptedWorld.ts"
import { makeNodeWorld } from "../../src/infra/world/NodeWorld.ts"
import { makeSimWorld } from "../../src/infra/world/SimWorld.ts"
import type { SimNode } from "../../src/infra/world/SimWorld.ts"
import { silent } from "../../src/infra/telemetry/Log.ts"

const echo: Handler = (command, call) => call.answer({ body: Buffer.from(command.body), code: 0, ext: command.ext })

/** What a handler was called with, in order, and everything that was written back. */
const observe = (chunks: ReadonlyArray<Buffer>, limits = {}) => {
  const world = new ScriptedWorld()
  const server = new RemotingServer(world, { limits })
  const calls: unknown[] = []
  const note: Handler = (command, call) => {
    const { body, code, ext, flag, opaque } = command
    calls.push({ body: body.toString("hex"), code, ext: { ...ext }, flag, opaque })
    if (opaque % 3 === 0) world.clock.soon(() => call.answer({ code: 0 }))
    else echo(command, call)
  }
  const codes: ReadonlyArray<number> = [10, 11, 34]
  server.listen({ host: "h", port: 1 }, new Map(codes.map((code) => [code, note])), () => {})
  const peer: ScriptedPeer = world.dial(1)!
  for (const chunk of chunks) {
    peer.send(chunk)
    world.clock.turn()
  }
  return { answers: peer.take().toString("hex"), calls, state: peer.state }
}

const cut = (bytes: Buffer, cuts: ReadonlyArray<number>): Buffer[] => {
  const at = [0, ...cuts.map((n) => n % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b)
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

const anyCommand: fc.Arbitrary<Command.Command> = fc.record({
  body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  code: fc.constantFrom(10, 11, 34, 9999),
  ext: fc.dictionary(
    fc.string({ maxLength: 8, minLength: 1 }).filter((name) => name !== "__proto__"),
    fc.string({ maxLength: 20, minLength: 1 }),
    { maxKeys: 4 },
  ),
  flag: fc.constantFrom(0, 0, 0, Command.onewayFlag),
  language: fc.constantFrom("JAVA", "CPP", "GO"),
  opaque: fc.nat(),
  remark: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
  serialize: fc.constantFrom(0, 1),
  version: fc.constantFrom(0, 317, 409, 513),
})

const anyCuts = fc.array(fc.nat(), { maxLength: 40 })

describe("laws of a connection", () => {
  it("chunking: any cut of the byte stream gives the same calls and the same answers", () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 12, minLength: 1 }), anyCuts, (commands, cuts) => {
        const bytes = Buffer.concat(commands.map(Command.encode))
        const each = observe(commands.map(Command.encode))
        const other = observe(cut(bytes, cuts))
        expect(other.calls).toEqual(each.calls)
        expect(other.state).toBe("open")
        expect(sortedFrames(other.answers)).toEqual(sortedFrames(each.answers))
        expect(each.calls.length).toBe(commands.filter((command) => command.code !== 9999).length)
      }),
    )
  })

  it("bounded: with room for one call in flight the calls are the same, in the same order (P2, P11)", () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 12, minLength: 1 }), anyCuts, (commands, cuts) => {
        const bytes = Buffer.concat(commands.map(Command.encode))
        const narrow = observe([...cut(bytes, cuts), Buffer.alloc(0), Buffer.alloc(0)], { inFlightMax: 1 })
        expect(narrow.calls).toEqual(observe([bytes]).calls)
      }),
    )
  })

  it("hostile: arbitrary bytes are answered or the connection is closed, and nothing throws (P11)", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (chunks) => {
        expect(["open", "destroyed"]).toContain(observe(chunks.map((chunk) => Buffer.from(chunk))).state)
      }),
      { numRuns: 500 },
    )
  })

  it("hostile: a flipped byte changes or closes, and what came before is answered all the same (P11)", () => {
    fc.assert(
      fc.property(anyCommand, anyCommand, fc.nat(), fc.integer({ max: 255, min: 1 }), (first, second, at, flip) => {
        const damaged = Command.encode(second)
        damaged[at % damaged.length]! ^= flip
        const intact = observe([Command.encode(first)])
        const { answers, calls, state } = observe([Buffer.concat([Command.encode(first), damaged])])
        expect(["open", "destroyed"]).toContain(state)
        expect(calls.slice(0, intact.calls.length)).toEqual(intact.calls)
        if (state === "open") for (const frame of sortedFrames(intact.answers)) expect(answers).toContain(frame)
      }),
      { numRuns: 500 },
    )
  })
})

/** The frames in a hex text, sorted: answers may come in any order. */
const sortedFrames = (hex: string): string[] => {
  const bytes = Buffer.from(hex, "hex")
  const frames: string[] = []
  for (let at = 0; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
    frames.push(bytes.toString("hex", at, at + 4 + bytes.readInt32BE(at)))
  }
  return frames.toSorted()
}

const serveAt = (node: SimNode, handlers: Handlers): RemotingServer => {
  const server = new RemotingServer(node.world)
  server.listen({ host: node.host, port: 10911 }, handlers, () => {})
  return server
}

/** Fifty requests, as the hash of everything that happened. */
const traceOf = (seed: number): string => {
  const cluster = makeSimWorld(seed)
  const [broker, client] = [cluster.node("broker", "10.0.0.1"), cluster.node("client", "10.0.0.2")]
  serveAt(broker, new Map([[1, echo]]))
  const remoting = new RemotingClient(client.world)
  for (let n = 0; n < 50; n++)
    remoting.ask({ host: "10.0.0.1", port: 10911 }, { body: Buffer.alloc(n * 10), code: 1 }, 1000, () => {})
  cluster.sim.runFor(3000)
  return cluster.sim.traceHash()
}

describe("on the simulated network", () => {
  const address = { host: "10.0.0.1", port: 10911 }

  it("once: every request ends exactly once, answered ones with their own answer, while connections break", () => {
    for (let seed = 0; seed < 30; seed++) {
      const cluster = makeSimWorld(seed)
      const [broker, client] = [cluster.node("broker", "10.0.0.1"), cluster.node("client", "10.0.0.2")]
      const late: Handler = (command, call) => {
        const body = Buffer.from(command.body)
        broker.world.clock.after(command.opaque % 7, () => call.answer({ body, code: 0 }))
      }
      serveAt(broker, new Map([[1, late]]))
      const remoting = new RemotingClient(client.world)
      const ends = new Map<number, string[]>()
      for (let n = 0; n < 200; n++) {
        client.world.clock.after(n, () => {
          ends.set(n, [])
          remoting.ask(address, { body: Buffer.from(`request ${n}`), code: 1 }, 500, (outcome) =>
            ends.get(n)!.push(outcome instanceof RemotingError ? outcome.reason : outcome.body.toString()),
          )
        })
      }
      for (const atMs of [50, 51, 120, 180])
        cluster.sim.after(atMs, () => cluster.network.breakConnections("10.0.0.1", "10.0.0.2"))
      cluster.sim.after(80, () => cluster.network.partition(["10.0.0.1"], ["10.0.0.2"]))
      cluster.sim.after(100, () => cluster.network.heal())
      cluster.sim.runFor(5000)
      let answered = 0
      for (const [n, outcomes] of ends) {
        expect(outcomes.length).toBe(1)
        expect([`request ${n}`, "Closed", "TimedOut", "ConnectFailed"]).toContain(outcomes[0])
        if (outcomes[0] === `request ${n}`) answered++
      }
      expect(ends.size).toBe(200)
      expect(answered).toBeGreaterThan(50)
    }
  })

  it("order: requests of one connection reach the handler in the order they were sent (P2)", () => {
    for (let seed = 0; seed < 20; seed++) {
      const cluster = makeSimWorld(seed)
      const [broker, client] = [cluster.node("broker", "10.0.0.1"), cluster.node("client", "10.0.0.2")]
      const sent: number[] = []
      const seen: number[] = []
      const note: Handler = (command, call) => {
        seen.push(Number(command.body.toString()))
        call.answer({ code: 0 })
      }
      serveAt(broker, new Map([[1, note]]))
      const remoting = new RemotingClient(client.world)
      for (let n = 0; n < 100; n++) {
        client.world.clock.after(n / 10, () => {
          sent.push(n)
          remoting.tell(address, { body: Buffer.from(String(n)), code: 1 })
        })
      }
      cluster.sim.runFor(2000)
      expect(seen).toEqual(sent)
      expect(seen.length).toBe(100)
    }
  })

  it("a server that crashed refuses, and answers again after its restart", () => {
    const cluster = makeSimWorld(7)
    const [broker, client] = [cluster.node("broker", "10.0.0.1"), cluster.node("client", "10.0.0.2")]
    serveAt(broker, new Map([[1, echo]]))
    const remoting = new RemotingClient(client.world)
    const outcomes: string[] = []
    const ask = (): void => {
      remoting.ask(address, { code: 1 }, 1000, (outcome) =>
        outcomes.push(outcome instanceof RemotingError ? outcome.reason : "answered"),
      )
      cluster.sim.runFor(2000)
    }
    ask()
    broker.crash()
    cluster.sim.runFor(100)
    ask()
    broker.restart()
    serveAt(broker, new Map([[1, echo]]))
    ask()
    expect(outcomes).toEqual(["answered", "ConnectFailed", "answered"])
  })

  it("the same seed gives the same trace", () => {
    expect(traceOf(3)).toBe(traceOf(3))
    expect(traceOf(3)).not.toBe(traceOf(4))
  })
})

describe("over TCP", () => {
  it("carries small and large bodies both ways, pipelined, and drains", async () => {
    const world = makeNodeWorld({ log: silent })
    const server = new RemotingServer(world)
    const port = await new Promise<number>((resolve, reject) =>
      server.listen({ host: "127.0.0.1", port: 0 }, new Map([[1, echo]]), (error, bound) =>
        bound === undefined ? reject(error) : resolve(bound.port),
      ),
    )
    const client = new RemotingClient(world)
    const ask = (body: Buffer): Promise<Command.Command> =>
      new Promise((resolve, reject) =>
        client.ask({ host: "127.0.0.1", port }, { body, code: 1 }, 20_000, (outcome) =>
          outcome instanceof RemotingError ? reject(outcome) : resolve(outcome),
        ),
      )
    const bodies = [0, 1, 100, 70_000, 300_000, 8 * 1024 * 1024, 10].map((size, n) => Buffer.alloc(size, n))
    const answers = await Promise.all(bodies.map(ask))
    expect(answers.map((answer, n) => answer.body.equals(bodies[n]!))).toEqual(bodies.map(() => true))
    const small = await Promise.all(Array.from({ length: 2000 }, (_, n) => ask(Buffer.from(String(n)))))
    expect(small.every((answer, n) => answer.body.toString() === String(n))).toBe(true)
    expect(client.connections.size).toBe(1)
    await new Promise<void>((resolve) => server.drain({ graceMs: 5000, lingerMs: 0 }, resolve))
    await expect(ask(Buffer.alloc(0))).rejects.toMatchObject({ _tag: "RemotingError" })
    client.close()
  })
})
