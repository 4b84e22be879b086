import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import * as Command from "../../format/Command.ts"
import { FrameSplitter } from "./FrameSplitter.ts"
import { RemotingClient } from "./RemotingClient.ts"
import type { RemotingClientOptions } from "./RemotingClient.ts"
import * as RemotingEffect from "./RemotingEffect.ts"
import type { RemotingError } from "./RemotingError.ts"
import type { ScriptedPeer } from "./ScriptedWorld.ts"
import { ScriptedWorld } from "./ScriptedWorld.ts"

const address = { host: "10.0.0.1", port: 9876 }
const elsewhere = { host: "10.0.0.2", port: 9876 }

const requests = (peer: ScriptedPeer): Command.Command[] => {
  const splitter = new FrameSplitter()
  splitter.push(peer.take())
  const found: Command.Command[] = []
  while (splitter.next()) found.push(Command.decode(splitter.frame, splitter.start, splitter.end) as Command.Command)
  return found
}

const answer = (opaque: number, code = 0): Buffer =>
  Command.encodeResponse(0, code, opaque, undefined, undefined, undefined)

const command = (code: number, flag: number): Buffer =>
  Command.encode({ ...Command.request(code, code, Command.noExt), flag })

const start = (options: RemotingClientOptions = {}) => {
  const world = new ScriptedWorld()
  const client = new RemotingClient(world, options)
  const outcomes: Array<Command.Command | RemotingError> = []
  const ask = (code: number, timeoutMs = 3000, to = address): number | undefined =>
    client.ask(to, { code }, timeoutMs, (outcome) => outcomes.push(outcome))
  return { ask, client, outcomes, world }
}

describe("RemotingClient", () => {
  it("opens one connection per address when it is needed, and pipelines on it", () => {
    const { ask, client, outcomes, world } = start()
    expect(world.dialled).toEqual([])
    for (const code of [1, 2, 3]) ask(code)
    ask(4, 3000, elsewhere)
    world.clock.turn()
    expect(world.dialled.map((peer) => peer.connection.remote.host)).toEqual(["10.0.0.1", "10.0.0.2"])
    const [peer] = world.dialled
    expect(peer!.writes.length).toBe(1)
    const asked = requests(peer!)
    expect(asked.map((c) => c.code)).toEqual([1, 2, 3])
    for (const { code, opaque } of asked.toReversed()) peer!.send(answer(opaque, code * 10))
    expect(outcomes).toMatchObject([{ code: 30 }, { code: 20 }, { code: 10 }])
    expect(client.connections.size).toBe(2)
  })

  it("sends what waited for the connection in order, oneway requests too", () => {
    const { ask, client, world } = start()
    world.onConnect = "wait"
    ask(1)
    client.tell(address, { body: Buffer.from("x"), code: 2 })
    ask(3)
    world.clock.turn()
    expect(world.dialled).toEqual([])
    world.settle("open")
    world.clock.turn()
    expect(requests(world.dialled[0]!)).toMatchObject([
      { code: 1, flag: 0 },
      { body: Buffer.from("x"), code: 2, flag: 2 },
      { code: 3, flag: 0 },
    ])
  })

  it("says ConnectFailed to all who waited, and tries again with the next request", () => {
    const { ask, outcomes, world } = start()
    world.onConnect = "wait"
    ask(1)
    ask(2)
    world.settle("refuse")
    expect(outcomes).toMatchObject([
      { message: "10.0.0.1:9876: ConnectFailed (Refused)", reason: "ConnectFailed" },
      { reason: "ConnectFailed" },
    ])
    world.onConnect = "open"
    ask(3)
    world.clock.turn()
    expect(requests(world.dialled[0]!).map((c) => c.code)).toEqual([3])
  })

  it("deadline: counts from the call, the wait for the connection included; a late request is not sent", () => {
    const { ask, outcomes, world } = start()
    world.onConnect = "wait"
    ask(1, 1000)
    ask(2, 5000)
    world.clock.advance(1000)
    expect(outcomes).toMatchObject([{ reason: "TimedOut" }])
    world.settle("open")
    world.clock.turn()
    expect(requests(world.dialled[0]!).map((c) => c.code)).toEqual([2])
    world.clock.advance(4000)
    expect(outcomes).toMatchObject([{ reason: "TimedOut" }, { reason: "TimedOut" }])
  })

  it("once: an answer after the deadline, a second answer and a foreign number change nothing", () => {
    const { ask, outcomes, world } = start()
    ask(1, 1000)
    ask(2, 2000)
    world.clock.turn()
    const [peer] = world.dialled
    const [first, second] = requests(peer!)
    world.clock.advance(1000)
    peer!.send(answer(first!.opaque), answer(424_242), answer(second!.opaque), answer(second!.opaque))
    expect(outcomes).toMatchObject([{ reason: "TimedOut" }, { code: 0 }])
    expect(peer!.state).toBe("open")
  })

  it("says Closed to what was under way when the connection breaks, and opens another one", () => {
    const { ask, outcomes, world } = start()
    ask(1)
    world.clock.turn()
    world.dialled[0]!.cut()
    expect(outcomes).toMatchObject([{ reason: "Closed" }])
    ask(2)
    world.clock.turn()
    expect(requests(world.dialled[1]!).map((c) => c.code)).toEqual([2])
  })

  it("does not use a connection again whose peer said GO_AWAY; what is under way there is still answered", () => {
    const { ask, outcomes, world } = start()
    ask(1)
    ask(2)
    world.clock.turn()
    const [leaving] = world.dialled
    const [first, second] = requests(leaving!)
    leaving!.send(answer(second!.opaque, 1500))
    ask(3)
    world.clock.turn()
    expect(requests(world.dialled[1]!).map((c) => c.code)).toEqual([3])
    leaving!.send(answer(first!.opaque))
    expect(outcomes).toMatchObject([{ code: 1500 }, { code: 0 }])
  })

  it("refuses more than its limit under way, without sending", () => {
    const { ask, outcomes, world } = start({ limits: { pendingMax: 2 } })
    for (const code of [1, 2, 3]) ask(code)
    expect(outcomes).toMatchObject([{ reason: "TooMany" }])
    world.clock.turn()
    expect(requests(world.dialled[0]!).map((c) => c.code)).toEqual([1, 2])
  })

  it("hands the peer's requests to its handlers and answers them; unknown ones with 3", () => {
    const seen: number[] = []
    const { ask, world } = start({
      handlers: new Map([
        [307, (_command, call) => call.answer({ body: Buffer.from("{}"), code: 0 })],
        [40, (command, _call) => void seen.push(command.code)],
      ]),
    })
    ask(34)
    world.clock.turn()
    const [peer] = world.dialled
    peer!.take()
    peer!.send(command(307, 0), command(40, 2), command(777, 0))
    expect(requests(peer!)).toMatchObject([
      { code: 0, flag: 1, opaque: 307 },
      { code: 3, opaque: 777 },
    ])
    expect(seen).toEqual([40])
  })

  it("closes a connection whose answers cannot be read", () => {
    const { ask, outcomes, world } = start()
    ask(1)
    world.clock.turn()
    world.dialled[0]!.send(Buffer.from("HTTP/1.1 400 Bad Request"))
    expect(world.dialled[0]!.state).toBe("destroyed")
    expect(outcomes).toMatchObject([{ reason: "Closed" }])
  })

  it("close: fails what is under way, closes the connections, also one that opens later", () => {
    const { ask, client, outcomes, world } = start()
    ask(1)
    world.onConnect = "wait"
    ask(2, 3000, elsewhere)
    client.close()
    client.close()
    expect(outcomes).toMatchObject([{ reason: "Closed" }, { reason: "Closed" }])
    world.settle("open")
    expect(world.dialled.map((peer) => peer.state)).toEqual(["ended", "destroyed"])
    ask(3)
    expect(outcomes[2]).toMatchObject({ reason: "Closed" })
    expect(world.clock.timers).toBe(0)
  })
})

describe("RemotingEffect", () => {
  it("answers with the response, or fails with the reason", async () => {
    const { client, world } = start()
    const fiber = Effect.runFork(RemotingEffect.ask(client, address, { code: 1 }, 3000))
    await Effect.runPromise(Effect.yieldNow)
    world.clock.turn()
    const [peer] = world.dialled
    peer!.send(answer(requests(peer!)[0]!.opaque, 17))
    expect(await Effect.runPromise(Fiber.join(fiber))).toMatchObject({ code: 17 })
    world.onConnect = "refuse"
    const exit = await Effect.runPromiseExit(RemotingEffect.ask(client, elsewhere, { code: 1 }, 3000))
    expect(Exit.isFailure(exit)).toBe(true)
    const error = await Effect.runPromise(Effect.flip(RemotingEffect.ask(client, elsewhere, { code: 1 }, 3000)))
    expect(error).toMatchObject({ peer: "10.0.0.2:9876", reason: "ConnectFailed" })
  })

  it("forgets the request when it is interrupted", async () => {
    const { client, world } = start({ limits: { pendingMax: 1 } })
    const fiber = Effect.runFork(RemotingEffect.ask(client, address, { code: 1 }, 3000))
    await Effect.runPromise(Effect.yieldNow)
    await Effect.runPromise(Fiber.interrupt(fiber))
    const outcomes: unknown[] = []
    client.ask(address, { code: 2 }, 3000, (outcome) => outcomes.push(outcome))
    world.clock.turn()
    expect(outcomes).toEqual([])
    expect(requests(world.dialled[0]!).map((c) => c.code)).toEqual([1, 2])
  })
})
