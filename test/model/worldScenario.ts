/**
 * A small service on the ports of the world, and a cluster that runs it under faults: enough to show that a world is
 * deterministic, and that its faults find a service that answers too early (promise P1).
 *
 * The server writes each number that it receives as a 512-byte record, syncs, and answers the number; a client sends
 * the next one when the last was answered, and the same again after a broken connection. The power of the server is
 * cut now and then.
 */
import * as Effect from "effect/Effect"
import type { DiskFile } from "../../src/infra/disk/Disk.ts"
import type { Connection, ConnectionEvents } from "../../src/infra/network/Network.ts"
import { foulWeather } from "../../src/infra/network/Weather.ts"
import { makeSimWorld, type SimNode } from "../../src/infra/world/SimWorld.ts"
import type { World } from "../../src/infra/world/World.ts"

const recordBytes = 512
const address = { host: "10.0.0.1", port: 9000 }

/** Hands over each number of four bytes; the borders of chunks mean nothing. */
const numbers = (onNumber: (value: number) => void): ((chunk: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (; rest.length >= 4; rest = rest.subarray(4)) onNumber(rest.readUInt32BE(0))
  }
}

const encode = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const stored = (file: DiskFile): Array<number> => {
  const values: Array<number> = []
  const record = Buffer.alloc(recordBytes)
  for (let at = 0; file.readSync(record, at) === recordBytes && record[4] === 1; at += recordBytes) {
    values.push(record.readUInt32BE(0))
  }
  return values
}

const serve = (world: World, answerEarly: boolean): void => {
  world.disk.makeDirectory("/store")
  const file = world.disk.open("/store/log", "create")
  world.disk.syncDirectory("/store")
  world.disk.syncDirectory("/")
  let end = stored(file).length * recordBytes
  const append = (value: number, connection: Connection): void => {
    const record = Buffer.alloc(recordBytes)
    record.writeUInt32BE(value)
    record[4] = 1
    const at = end
    end += recordBytes
    file.write(record, at, (failed) => {
      if (failed !== undefined) throw failed
      if (answerEarly) connection.write(encode(value))
      file.sync((error) => {
        if (error !== undefined) throw error
        world.trace?.("Stored", { value })
        if (!answerEarly) connection.write(encode(value))
      })
    })
  }
  world.network.listen(
    address,
    (connection) => ({
      onClose: () => {},
      onData: numbers((value) => append(value, connection)),
      onDrain: () => {},
    }),
    (error) => {
      if (error !== undefined) throw error
    },
  )
  // A fiber of the node, so that Effect's scheduler, clock and timers take part in the trace.
  Effect.runForkWith(world.context)(
    Effect.forever(
      Effect.andThen(
        Effect.sleep("70 millis"),
        Effect.sync(() => world.log.debug("alive", { end })),
      ),
    ),
  )
}

const send = (world: World, answered: Array<number>): void => {
  const { clock, network, random } = world
  const connect = (): void =>
    network.connect(address, 500, talk, () => void clock.after(20 + random.below(50), connect))
  const talk = (connection: Connection): ConnectionEvents => {
    let giveUp: (() => void) | undefined
    // A machine that lost its power says nothing: only a timeout ends the wait for its answer.
    const ask = (): void => {
      giveUp?.()
      connection.write(encode(answered.length))
      giveUp = clock.after(300, () => connection.destroy())
    }
    ask()
    return {
      onClose: () => {
        giveUp?.()
        clock.after(random.below(50), connect)
      },
      onData: numbers((value) => {
        // A number that was sent twice is answered twice; only the first answer counts.
        if (value !== answered.length) return
        answered.push(value)
        ask()
      }),
      onDrain: () => {},
    }
  }
  connect()
}

export interface Outcome {
  readonly traceHash: string
  readonly answered: number
  readonly cuts: number
  /** Answered and not stored: must be empty. */
  readonly lost: ReadonlyArray<number>
  readonly traced: number
}

/** Runs the cluster for ten virtual seconds. */
export const runScenario = (seed: number, answerEarly = false): Outcome => {
  let traced = 0
  const world = makeSimWorld(seed, {
    onLog: (line) => world.sim.record(`log ${line.node} ${line.message}`, line.atMs),
    onTrace: () => traced++,
    preemptChance: 0.05,
    weather: { ...foulWeather, latencyMs: [0.05, 3] },
  })
  const server = world.node("server", address.host, { driftPpm: 100 })
  const client = world.node("client", "10.0.0.2", { skewMs: -3000 })
  const answered: Array<number> = []
  serve(server.world, answerEarly)
  send(client.world, answered)
  let cuts = 0
  const chaos = world.sim.random.fork()
  const cut = (): void => {
    server.powerCut()
    cuts++
    world.sim.after(chaos.between(1, 300), () => serve(server.restart(), answerEarly))
    world.sim.after(chaos.between(400, 2000), cut)
  }
  world.sim.after(chaos.between(100, 1000), cut)
  world.sim.runFor(10_000)
  return { answered: answered.length, cuts, lost: lostOf(server, answered), traceHash: world.sim.traceHash(), traced }
}

const lostOf = (server: SimNode, answered: ReadonlyArray<number>): ReadonlyArray<number> => {
  server.powerCut(() => 0)
  const disk = server.restart().disk
  const kept = new Set(disk.exists("/store/log") ? stored(disk.open("/store/log", "read")) : [])
  return answered.filter((value) => !kept.has(value))
}

if (import.meta.main) process.stdout.write(runScenario(Number(process.argv[2])).traceHash)
