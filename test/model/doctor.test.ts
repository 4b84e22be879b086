/** What `gantry doctor` finds, mistake by mistake. */
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { ClusterClient } from "../../src/cli/ClusterClient.ts"
import { type AddressFacts, address } from "../../src/cli/doctor/address.ts"
import { cluster as lookAtCluster } from "../../src/cli/doctor/cluster.ts"
import { type MachineFacts, machine } from "../../src/cli/doctor/machine.ts"
import { ports } from "../../src/cli/doctor/ports.ts"
import { type Room, judgeRoom, judgeSpeed, storeFolder } from "../../src/cli/doctor/storeFolder.ts"
import type { Verdict } from "../../src/cli/doctor/Verdict.ts"
import { print } from "../../src/cli/doctor.ts"
import * as Cluster from "../../src/embedded/Cluster.ts"
import { nodeDisk } from "../../src/infra/disk/NodeDisk.ts"
import type { Address } from "../../src/infra/network/Network.ts"
import { silent } from "../../src/infra/telemetry/Log.ts"
import { makeNodeWorld } from "../../src/infra/world/NodeWorld.ts"
import { type BrokerConfig, defaults } from "../../src/node/broker/BrokerConfig.ts"
import { captured } from "./admin/captured.ts"

const MiB = 1024 * 1024
const GiB = 1024 * MiB

/** One line of what the doctor says. */
const line = ({ check, evidence, verdict }: Verdict): string => `${verdict} ${check}: ${evidence}`

const scope = Effect.runSync(Scope.make())

/** A cluster in this process, whose clock is off by so much. */
const start = (advertisedHost: string, offMs = 0): Promise<Cluster.Cluster> => {
  const world = makeNodeWorld({ log: silent })
  const clock = { ...world.clock, nowMs: () => world.clock.nowMs() + offMs }
  const options = {
    advertisedHost,
    brokerPort: 0,
    host: "127.0.0.1",
    namesrvPort: 0,
    processId: process.pid,
    store: undefined,
  }
  return Effect.runPromise(Scope.provide(Cluster.make(options, { ...world, clock }), scope))
}

const clients: Array<ClusterClient> = []

const clientOf = (...addresses: ReadonlyArray<Address>): ClusterClient => {
  const client = new ClusterClient(addresses)
  clients.push(client)
  return client
}

let well: Cluster.Cluster
let folder: string

beforeAll(async () => {
  well = await start("127.0.0.1")
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "gantry-doctor-"))
})

afterAll(async () => {
  for (const client of clients) client.close()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  fs.rmSync(folder, { force: true, recursive: true })
})

describe("the machine", () => {
  const facts: MachineFacts = {
    availableBytes: 4 * GiB,
    nodeRange: ">=22.19",
    nodeVersion: "26.9.0",
    nowMs: Date.UTC(2026, 10, 21),
    openFilesMax: 65_535,
    packageTimeMs: Date.UTC(2026, 10, 20),
  }

  it.each<readonly [string, Partial<MachineFacts>, string]>([
    ["a Node that is too old", { nodeVersion: "22.18.1" }, "problem node: Node 22.18.1, and >=22.19 is needed"],
    ["little memory", { availableBytes: 200 * MiB }, "warning memory: 200 MiB are free; a broker takes about 320 MiB"],
    ["no memory", { availableBytes: 64 * MiB }, "problem memory: 64 MiB are free; a broker takes about 320 MiB"],
    ["few open files", { openFilesMax: 4096 }, "warning open files: at most 4096 open files; each client takes one"],
    ["hardly any", { openFilesMax: 256 }, "problem open files: at most 256 open files; each client takes one"],
    ["no limit told", { openFilesMax: undefined }, "unknown open files: this system does not tell its limit"],
    [
      "a clock that stands in the past",
      { nowMs: 0 },
      "problem clock: this machine says 1970-01-01T00:00:00.000Z, before these files were written (2026-11-20T00:00:00.000Z)",
    ],
  ])("has %s", (_, other, found) => {
    expect(machine(facts, defaults).every(({ verdict }) => verdict === "ok")).toBe(true)
    const told = machine({ ...facts, ...other }, defaults)
    expect(told.filter(({ verdict }) => verdict !== "ok").map(line)).toEqual([found])
  })

  it("takes a newer Node in any place of its version", () => {
    for (const nodeVersion of ["22.19.0", "22.20.1", "23.0.0"])
      expect(machine({ ...facts, nodeVersion }, defaults)[0]).toMatchObject({ verdict: "ok" })
  })
})

describe("the advertised address", () => {
  const cards: AddressFacts["cards"] = [
    { address: "127.0.0.1", isInternal: true, name: "lo" },
    { address: "192.168.1.20", isInternal: false, name: "eth0" },
    { address: "172.17.0.1", isInternal: false, name: "docker0" },
  ]
  const judged = (config: Partial<BrokerConfig>, facts: Partial<AddressFacts> = {}): string => {
    const all = { cards, isContainer: false, isGiven: true, ...facts }
    return line(address({ ...defaults, bindAddress: "0.0.0.0", ...config }, all))
  }

  it.each<readonly [string, string]>([
    [
      judged({ bindAddress: "127.0.0.1" }),
      "ok advertised: clients are told 127.0.0.1: only clients on this machine are served",
    ],
    [judged({ brokerIP1: "192.168.1.20" }), "ok advertised: clients are told 192.168.1.20"],
    [
      judged({ brokerIP1: "127.0.0.1" }),
      "warning advertised: clients are told 127.0.0.1, and the broker listens on 0.0.0.0: other machines find nobody",
    ],
    [judged({ brokerIP1: "0.0.0.0" }), "problem advertised: clients are told 0.0.0.0, which nobody can connect to"],
    [
      judged({ bindAddress: "127.0.0.1", brokerIP1: "192.168.1.20" }),
      "problem advertised: clients are told 192.168.1.20, and the broker listens on 127.0.0.1 only",
    ],
    [
      judged({ brokerIP1: "172.17.0.1" }),
      "warning advertised: clients are told 172.17.0.1, the address of docker0: only containers of this machine reach it",
    ],
    [
      judged({ brokerIP1: "203.0.113.7" }),
      "warning advertised: clients are told 203.0.113.7, which no network card of this machine has",
    ],
    [
      judged({ brokerIP1: "192.168.1.20" }, { isContainer: true, isGiven: false }),
      "warning advertised: clients are told 192.168.1.20 (brokerIP1 is not set), an address within this container",
    ],
    [
      judged(
        { brokerIP1: "192.168.1.20" },
        { cards: [...cards, { address: "10.0.0.5", isInternal: false, name: "eth1" }], isGiven: false },
      ),
      "warning advertised: clients are told 192.168.1.20 (brokerIP1 is not set), one address of several",
    ],
  ])("%s", (told, expected) => {
    expect(told).toBe(expected)
  })
})

describe("ports", () => {
  it("are free, or this broker's own, or taken: by a broker, by another program", async () => {
    const holder = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1")
    await once(holder, "listening")
    const { port } = holder.address() as net.AddressInfo
    const client = clientOf(well.namesrv)
    const told = async (config: Partial<BrokerConfig>, isAnyones = false): Promise<string> =>
      line((await ports(client, { ...defaults, ...config }, isAnyones))[0]!)
    const broker = well.broker.port
    expect(await told({ listenPort: 0 })).toBe("ok port 0: listenPort=0 takes a free one")
    expect(await told({ listenPort: broker })).toBe(
      `ok port ${broker}: broker-a itself is running on 127.0.0.1:${broker}`,
    )
    expect(await told({ brokerName: "broker-b", listenPort: broker })).toMatch(
      new RegExp(`^problem port ${broker}: 127\\.0\\.0\\.1:${broker} is taken by another broker, broker-a`),
    )
    expect(await told({ brokerName: "broker-b", listenPort: broker }, true)).toBe(
      `ok port ${broker}: broker-a is running on 127.0.0.1:${broker}`,
    )
    expect(await told({ listenPort: port }, true)).toMatch(
      new RegExp(`^problem port ${port}: 127\\.0\\.0\\.1:${port} is taken by `),
    )
    holder.close()
    await once(holder, "close")
    expect(await told({ listenPort: port })).toBe(`ok port ${port}: 127.0.0.1:${port} is free`)
    expect(await told({ bindAddress: "203.0.113.7", listenPort: port })).toBe(
      `problem port ${port}: this machine has no address 203.0.113.7`,
    )
  })

  it.runIf(process.platform === "linux")("names the process that has one", async () => {
    const holder = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1")
    await once(holder, "listening")
    const { port } = holder.address() as net.AddressInfo
    const [verdict] = await ports(clientOf(well.namesrv), { ...defaults, listenPort: port })
    holder.close()
    expect(verdict!.evidence).toContain(`is taken by process ${process.pid} (`)
  })
})

const foundIn = async (storePathRootDir: string): Promise<ReadonlyArray<string>> =>
  (await storeFolder({ ...defaults, mappedFileSizeCommitLog: MiB, storePathRootDir })).map(line)

const verdictOf = (times: ReadonlyArray<number>) => judgeSpeed(defaults, times).verdict

describe("the store's folder", () => {
  it("will be made, or is there, and the disk is timed without a trace", async () => {
    const root = path.join(folder, "new", "store")
    expect(await foundIn(root)).toContain(`ok store: ${root} will be made`)
    expect(await foundIn(folder)).toContain("ok store lock: nobody has it open")
    expect((await foundIn(folder)).at(-1)).toMatch(
      /^\w+ disk speed: a durable write takes \d+\.\d ms, the slowest of 16 took \d+\.\d ms$/,
    )
    expect(fs.readdirSync(folder)).toEqual([])
  })

  it("is a file, or of another kind, or open, or was left by a crash", async () => {
    const file = path.join(folder, "file")
    fs.writeFileSync(file, "")
    expect(await foundIn(file)).toEqual([`problem store: ${file} is a file`])
    const rocks = path.join(folder, "rocks")
    fs.mkdirSync(path.join(rocks, "config/rdb"), { recursive: true })
    expect(await foundIn(rocks)).toContain(
      "problem store kind: it holds a RocksDB configuration (storeType=defaultRocksDB), which Gantry cannot read",
    )
    const open = path.join(folder, "open")
    fs.mkdirSync(open)
    const release = await new Promise<(() => void) | undefined>((resolve) => nodeDisk.lock(open, resolve))
    expect(await foundIn(open)).toContain("ok store lock: a running broker of Gantry has it open")
    release?.()
    fs.writeFileSync(path.join(open, "abort"), "")
    expect(await foundIn(open)).toContain(
      "warning store lock: nobody has it open, and its last broker did not stop cleanly",
    )
  })

  const whole: Room = { bavail: 60, blocks: 100, bsize: GiB, ffree: 9, files: 10, type: 0xef53 }

  it.each<readonly [string, Partial<Room>, string]>([
    ["room", {}, "ok disk room: 60 GiB of 100 GiB are free (40% used)"],
    [
      "little room",
      { bavail: 20 },
      "warning disk room: 20 GiB of 100 GiB are free (80% used); from 75% on the oldest messages are deleted before their time",
    ],
    [
      "hardly any",
      { bavail: 8 },
      "problem disk room: 8192 MiB of 100 GiB are free (92% used); from 90% on sends are refused",
    ],
    [
      "too little for a file",
      { bavail: 1, blocks: 2 },
      "problem disk room: 1024 MiB of 2048 MiB are free (50% used); one file of the log alone takes 1024 MiB",
    ],
    ["no inodes", { ffree: 0 }, "problem disk room: the disk has no free inodes"],
    [
      "a disk in memory",
      { type: 0x0102_1994 },
      "warning disk room: 60 GiB of 100 GiB are free (40% used); it is memory (tmpfs): messages do not survive a restart of the machine",
    ],
  ])("has %s", (_, other, expected) => {
    expect(line(judgeRoom(defaults, { ...whole, ...other }))).toBe(expected)
  })

  it("is on a disk that is fast, has stalls, or is slow", () => {
    expect(verdictOf([1, 2, 3])).toBe("ok")
    expect(verdictOf([1, 2, 300])).toBe("warning")
    expect(verdictOf([30, 30, 30])).toBe("warning")
    expect(verdictOf([250, 250, 250])).toBe("problem")
  })
})

const found = async (...addresses: ReadonlyArray<Address>): Promise<ReadonlyArray<string>> =>
  (await lookAtCluster(clientOf(...addresses))).map(line)

describe("the cluster", () => {
  it("is well", async () => {
    const [namesrv, broker] = [well.namesrv.port, well.broker.port]
    expect(await found(well.namesrv)).toEqual([
      `ok name server: 127.0.0.1:${namesrv} answers and knows broker-a 127.0.0.1:${broker}`,
      `ok broker broker-a: answers at 127.0.0.1:${broker}, the address that it advertises`,
      "ok clock of broker-a: agrees with this machine's, to a few seconds",
    ])
  })

  it("has no name server there, or something else, or one that is silent", async () => {
    const mute = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1")
    await once(mute, "listening")
    const { port } = mute.address() as net.AddressInfo
    expect(await found({ host: "127.0.0.1", port })).toEqual([
      `problem name server: something at 127.0.0.1:${port} answers no request of RocketMQ: the connection was closed`,
    ])
    mute.close()
    await once(mute, "close")
    expect(await found({ host: "127.0.0.1", port })).toEqual([
      `problem name server: 127.0.0.1:${port} cannot be reached: the connection is refused`,
    ])
    expect(await found(well.broker)).toEqual([
      `problem name server: 127.0.0.1:${well.broker.port} is no name server, but perhaps a broker: it does not know clusters`,
    ])
  })

  it("has a broker that advertises what nobody reaches", async () => {
    const { broker, namesrv } = await start("127.0.0.2")
    expect((await found(namesrv)).at(-1)).toBe(
      `problem broker broker-a: it advertises 127.0.0.2:${broker.port}, and nothing can be reached there from here: the connection is refused`,
    )
  })

  it("has a broker whose clock is off", async () => {
    const { namesrv } = await start("127.0.0.1", 600_000)
    expect((await found(namesrv)).at(-1)).toMatch(
      /^problem clock of broker-a: it is (599|600|601) s ahead of this machine$/,
    )
  })
})

describe("gantry doctor", () => {
  it("tells each verdict with what to do, and the sum", () => {
    expect(
      print([
        { check: "node", evidence: "Node 26", verdict: "ok" },
        { advice: "Stop it.", check: "port 1", evidence: "taken", verdict: "problem" },
      ]),
    ).toBe("ok       node    Node 26\nproblem  port 1  taken\n                 Stop it.\n\n1 problem, 0 warnings.\n")
    expect(print([{ check: "node", evidence: "Node 26", verdict: "ok" }])).toContain("All is well.")
  })

  it("judges the settings of a file, as JSON too, and ends with 1 for a problem", async () => {
    const file = path.join(folder, "broker.conf")
    const settings = [`namesrvAddr=127.0.0.1:${well.namesrv.port}`, "listenPort=0", `storePathRootDir=${folder}/s`]
    fs.writeFileSync(file, [...settings, "brokerRole=SLAVE"].join("\n"))
    const { code, out } = await captured(["doctor", "-c", file, "-o", "json"])
    expect(code).toBe(1)
    const verdicts = JSON.parse(out) as ReadonlyArray<Verdict>
    expect(verdicts.filter(({ verdict }) => verdict === "problem").map(({ check }) => check)).toEqual(["settings"])
    expect(verdicts.map(({ check }) => check)).toContain("broker broker-a")
  })
})
