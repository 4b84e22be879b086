import { expect, it } from "vitest"
import { SimProcess } from "../sim/SimProcess.ts"
import { Sim } from "../sim/Sim.ts"
import { suite } from "./Network.contract.ts"
import type { Address, Connection, ConnectionEvents, NetworkError } from "./Network.ts"
import { SimNetwork } from "./SimNetwork.ts"
import { fairWeather, foulWeather, type Weather } from "./Weather.ts"

const makeNetwork = (sim: Sim, weather: Weather): SimNetwork =>
  new SimNetwork({
    later: (delayMs, run) => sim.after(delayMs, run),
    nowMs: () => sim.nowMs,
    random: sim.random.fork(),
    record: (what, value, bytes) => sim.record(what, value, bytes),
    weather,
  })

const weathers: Readonly<Record<string, Weather>> = {
  fair: fairWeather,
  foul: { ...foulWeather, breakChance: 0 },
  narrow: { ...fairWeather, highWaterBytes: 100, segmentBytesMax: 7000, windowBytes: 8000 },
}

for (const [name, weather] of Object.entries(weathers)) {
  for (const seed of [1, 2, 3]) {
    suite(`SimNetwork, ${name} weather, seed ${seed}`, () => {
      const sim = new Sim(seed)
      const network = makeNetwork(sim, weather)
      const server = new SimProcess(sim, "server")
      const client = new SimProcess(sim, "client")
      return {
        address: { host: "10.0.0.1", port: 0 },
        client: network.host("10.0.0.2", (run) => client.enter(run)),
        idle: async () => sim.runFor(1),
        server: network.host("10.0.0.1", (run) => server.enter(run)),
        wait: async (done) => {
          if (!sim.runUntil(done, 600_000)) throw new Error("the network never did it")
        },
      }
    })
  }
}

interface Rig {
  readonly sim: Sim
  readonly network: SimNetwork
  readonly log: Array<string>
  readonly processes: { readonly a: SimProcess; readonly b: SimProcess }
  /** Opens a connection from b to a, whose ends write what happens to them into `log`. */
  readonly connect: (to?: Address) => void
  readonly ends: { a?: Connection; b?: Connection }
}

/** Host a listens on port 1; what it receives is logged by length. */
const rig = (weather: Weather = fairWeather, seed = 1): Rig => {
  const sim = new Sim(seed)
  const network = makeNetwork(sim, weather)
  const processes = { a: new SimProcess(sim, "a"), b: new SimProcess(sim, "b") }
  const hosts = {
    a: network.host("a", (run) => processes.a.enter(run)),
    b: network.host("b", (run) => processes.b.enter(run)),
  }
  const log: Array<string> = []
  const ends: Rig["ends"] = {}
  const events = (name: "a" | "b") => (connection: Connection) => {
    ends[name] = connection
    log.push(`${name} open`)
    return {
      onClose: (error: NetworkError | undefined) => void log.push(`${name} closed ${error?.reason ?? "well"}`),
      onData: (chunk: Buffer) => void log.push(`${name} got ${chunk.toString()}`),
      onDrain: () => void log.push(`${name} drained`),
    }
  }
  hosts.a.listen({ host: "0.0.0.0", port: 1 }, events("a"), (error) => {
    if (error !== undefined) throw error
  })
  sim.runFor(1)
  const connect = (to: Address = { host: "a", port: 1 }): void =>
    hosts.b.connect(to, 3000, events("b"), (error) => void log.push(`b failed ${error.reason}`))
  return { connect, ends, log, network, processes, sim }
}

const deaf = (): ConnectionEvents => ({ onClose: () => {}, onData: () => {}, onDrain: () => {} })

const opened = (weather?: Weather, seed?: number): Rig => {
  const made = rig(weather, seed)
  made.connect()
  made.sim.runFor(100)
  made.log.length = 0
  return made
}

it("partition: bytes wait for the path and then arrive", () => {
  const { ends, log, network, sim } = opened()
  network.partition(["a"], ["b"])
  ends.b!.write(Buffer.from("hello"))
  sim.runFor(5000)
  expect(log).toEqual([])
  network.healBetween("a", "b")
  sim.runFor(100)
  expect(log.join("")).toContain("a got ")
  expect(log.join("").replaceAll("a got ", "")).toBe("hello")
})

it("partition: a sender gives up after its patience, its peer hears only when it writes itself", () => {
  const { ends, log, network, sim } = opened()
  network.partition(["a"], ["b"])
  ends.b!.write(Buffer.from("x"))
  sim.runFor(20_000)
  expect(log).toEqual(["b closed TimedOut"])
  network.heal()
  sim.runFor(20_000)
  expect(log).toEqual(["b closed TimedOut"])
  ends.a!.write(Buffer.from("y"))
  sim.runFor(100)
  expect(log).toEqual(["b closed TimedOut", "a closed Reset"])
})

it("partition: patience runs through changes of other paths", () => {
  const { ends, log, network, sim } = opened()
  network.partition(["a"], ["b"])
  ends.b!.write(Buffer.from("x"))
  for (let round = 0; round < 20; round++) {
    sim.runFor(1000)
    network.healBetween("b", "c")
  }
  expect(log).toEqual(["b closed TimedOut"])
})

it("partition one way: bytes pass the open way, and the sender still misses their receipts", () => {
  const { ends, log, network, sim } = opened()
  network.blockOneWay("a", "b")
  ends.a!.write(Buffer.from("no"))
  ends.b!.write(Buffer.from("y"))
  sim.runFor(1000)
  expect(log).toEqual(["a got y"])
  sim.runFor(20_000)
  expect(log.toSorted()).toEqual(["a closed TimedOut", "a got y", "b closed TimedOut"])
})

it("connect: a partition, a dead machine and an unknown host each fail in their own way", () => {
  const { connect, log, network, sim } = rig()
  network.partition(["a"], ["b"])
  connect()
  sim.runFor(2999)
  expect(log).toEqual([])
  sim.runFor(2)
  expect(log).toEqual(["b failed TimedOut"])
  network.heal()
  connect({ host: "nowhere", port: 1 })
  connect({ host: "a", port: 2 })
  sim.runFor(10)
  expect(log.toSorted()).toEqual(["b failed NotFound", "b failed Refused", "b failed TimedOut"])
  network.sever("a", "silent")
  connect()
  sim.runFor(4000)
  expect(log.filter((line) => line === "b failed TimedOut")).toHaveLength(2)
})

it("connect: a path that comes back in time lets the connection open", () => {
  const { connect, log, network, sim } = rig()
  network.partition(["a"], ["b"])
  connect()
  sim.runFor(1000)
  network.heal()
  sim.runFor(100)
  expect(log.toSorted()).toEqual(["a open", "b open"])
})

it("names: aliases and loopback lead to their hosts, and a loopback listener is for its own host only", () => {
  const { connect, log, network, processes, sim } = rig()
  network.alias("broker.example", "a")
  connect({ host: "broker.example", port: 1 })
  sim.runFor(10)
  expect(log.toSorted()).toEqual(["a open", "b open"])
  const inner = network.host("c", (run) => processes.a.enter(run))
  inner.listen({ host: "127.0.0.1", port: 5 }, deaf, () => {})
  sim.runFor(1)
  connect({ host: "c", port: 5 })
  sim.runFor(10)
  expect(log.at(-1)).toBe("b failed Refused")
  let remote: Address | undefined
  inner.connect(
    { host: "localhost", port: 5 },
    1000,
    (connection) => {
      remote = connection.remote
      return deaf()
    },
    () => {},
  )
  inner.listen({ host: "a", port: 0 }, deaf, (error) => log.push(`c ${error?.reason}`))
  sim.runFor(10)
  expect(remote).toEqual({ host: "localhost", port: 5 })
  expect(log.at(-1)).toBe("c NotFound")
})

it("sever killed: the machine ends the connections and refuses new ones", () => {
  const { connect, log, network, processes, sim } = opened()
  processes.a.kill()
  network.sever("a", "killed")
  connect()
  sim.runFor(1000)
  expect(log).toHaveLength(2)
  expect(log).toContain("b failed Refused")
  expect(log.some((line) => line === "b closed well" || line === "b closed Reset")).toBe(true)
  expect(network.connectionCount("b")).toBe(0)
})

it("sever silent: nobody is told; a peer that writes gives up, or is reset by the next life", () => {
  for (const back of [false, true]) {
    const { ends, log, network, processes, sim } = opened()
    processes.a.kill()
    network.sever("a", "silent")
    sim.runFor(60_000)
    expect(log).toEqual([])
    ends.b!.write(Buffer.from("x"))
    sim.runFor(1000)
    if (back) network.host("a")
    sim.runFor(60_000)
    expect(log).toEqual([back ? "b closed Reset" : "b closed TimedOut"])
  }
})

it("a host lives once at a time", () => {
  const { network } = rig()
  expect(() => network.host("a")).toThrow("up already")
  network.sever("a", "killed")
  network.sever("a", "killed")
  network.host("a")
})

it("breakConnections resets both ends, of the named pair only", () => {
  const { log, network, sim } = opened()
  network.breakConnections("b", "c")
  sim.runFor(10)
  expect(log).toEqual([])
  network.breakConnections("a", "b")
  sim.runFor(10)
  expect(log.toSorted()).toEqual(["a closed Reset", "b closed Reset"])
})

it("weather breaks connections: what arrived is a beginning of what was sent, and both ends hear of it", () => {
  let broken = 0
  for (let seed = 0; seed < 40; seed++) {
    const { ends, log, sim } = opened({ ...fairWeather, breakChance: 0.1, splitChance: 0.9 }, seed)
    const sent = Array.from({ length: 100 }, (_, n) => `${n},`).join("")
    ends.b!.write(Buffer.from(sent))
    sim.runFor(1000)
    const got = log
      .filter((line) => line.startsWith("a got "))
      .map((line) => line.slice(6))
      .join("")
    expect(sent.startsWith(got)).toBe(true)
    if (got.length === sent.length) continue
    broken++
    expect(log.filter((line) => line.includes("closed")).toSorted()).toEqual(["a closed Reset", "b closed Reset"])
  }
  expect(broken).toBeGreaterThan(5)
  expect(broken).toBeLessThan(40)
})

it("pieces: chunks are split and merged at random", () => {
  const shapes = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const { ends, log, sim } = opened(fairWeather, seed)
    for (const text of ["ab", "cd"]) ends.b!.write(Buffer.from(text))
    sim.runFor(100)
    shapes.add(log.map((line) => line.slice(6)).join("|"))
  }
  for (const shape of ["abcd", "ab|cd", "a|bcd", "abc|d"]) expect(shapes).toContain(shape)
})

it("a paused process takes nothing in, and its peer's window fills up", () => {
  const { ends, log, processes, sim } = opened({ ...fairWeather, highWaterBytes: 1000, windowBytes: 5000 })
  processes.a.pause()
  ends.b!.write(Buffer.alloc(20_000, "x"))
  sim.runFor(1000)
  expect(log).toEqual([])
  expect(ends.b!.pendingBytes()).toBe(15_000)
  processes.a.resume()
  sim.runFor(1000)
  expect(ends.b!.pendingBytes()).toBe(0)
  expect(log).toContain("b drained")
})

it("bandwidth: a megabyte takes its time", () => {
  const { ends, log, sim } = opened({ ...fairWeather, bytesPerMs: 1000, windowBytes: 10_000_000 })
  const startMs = sim.nowMs
  ends.b!.write(Buffer.alloc(1_000_000, "x"))
  let got = 0
  sim.runUntil(() => {
    got = log.filter((line) => line.startsWith("a got")).reduce((sum, line) => sum + line.length - 6, 0)
    return got === 1_000_000
  }, 5000)
  expect(got).toBe(1_000_000)
  expect(sim.nowMs - startMs).toBeGreaterThan(900)
})
