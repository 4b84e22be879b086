/**
 * `pnpm bench:scale`: how much a cluster carries. Creates many topics, watches what broker and name server say to each
 * other, opens many connections that send heartbeats, and asks for routes; prints memory, traffic and latencies. See
 * bench/README.md.
 */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import * as Processes from "../test/interop/processes.ts"
import * as Call from "./Call.ts"
import { type Contestant, find } from "./Contestant.ts"
import * as Frame from "./Frame.ts"
import { Histogram } from "./Histogram.ts"
import { Link } from "./Link.ts"
import { parse } from "./options.ts"
import * as Usage from "./Usage.ts"

const help = `Usage: pnpm bench:scale [options]

  --only NAME         apache or gantry; may be given more than once     [gantry]
  --topics N          topics of eight queues each                       [100000]
  --connections N     connections that send heartbeats                  [10000]
  --help              this text
`

const heartBeat = 34
const createTopicList = 18
const topicsPerRequest = 1000
/** Members of one consumer group: each join and leave is told to all of them. */
const membersPerGroup = 100
/** The broker renews its registration this often; RocketMQ's least. */
const registerPeriodMs = 10_000
/** All clients of RocketMQ send a heartbeat in this time. */
const heartbeatPeriodMs = 30_000
const routeSeconds = 5
const routeConnections = 16

const topicName = (i: number): string => `orders-of-region-${i}`

/** A way to the name server that counts what goes through it. */
class Meter {
  readonly #server: Net.Server
  sent = 0
  answered = 0

  constructor(targetPort: number) {
    this.#server = Net.createServer((near) => {
      const far = Net.connect(targetPort, Call.host)
      near.on("data", (bytes) => {
        this.sent += bytes.length
        far.write(bytes)
      })
      far.on("data", (bytes) => {
        this.answered += bytes.length
        near.write(bytes)
      })
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on("error", () => other.destroy())
        one.on("close", () => other.destroy())
      }
    })
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, Call.host, () => resolve((this.#server.address() as Net.AddressInfo).port))
    })
  }

  close(): void {
    this.#server.close()
  }
}

const row = (what: string, figure: string): void => console.log(`  ${what.padEnd(58)}${figure.padStart(16)}`)
const count = (value: number): string => Math.round(value).toLocaleString("en")
const megabytes = (value: number | undefined): string => (value === undefined ? "unknown" : `${count(value)} MB`)
const milliseconds = (us: number): string => `${(us / 1000).toFixed(1)} ms`

interface Sizes {
  readonly topics: number
  readonly connections: number
}

const measure = async (contestant: Contestant, folder: string, { connections, topics }: Sizes): Promise<void> => {
  if (contestant.nameServer === undefined) throw new Error(`${contestant.title} has no name server`)
  const children: Array<Processes.Child> = []
  const killAll = (): void => children.forEach((child) => void child.process.kill("SIGKILL"))
  process.on("exit", killAll)
  const links: Array<Link> = []
  const nameServerPort = await Processes.freePort()
  const port = await Processes.freePort()
  const meter = new Meter(nameServerPort)
  try {
    for (const name of ["namesrv", "broker"]) mkdirSync(join(folder, name), { recursive: true })
    const nameServer = Processes.start(contestant.nameServer({ folder: join(folder, "namesrv"), port: nameServerPort }))
    children.push(nameServer)
    await Call.until(
      nameServer,
      nameServerPort,
      () => Call.routeOf("nothing"),
      () => true,
    )
    const brokerCommand = contestant.broker({
      folder: join(folder, "broker"),
      nameServerPort: await meter.listen(),
      port,
      properties: { registerNameServerPeriod: registerPeriodMs, enableSplitRegistration: true },
      storeFolder: join(folder, "broker/store"),
    })
    const broker = Processes.start(brokerCommand)
    children.push(broker)
    await Call.until(
      broker,
      port,
      () => Call.sendOnce("BenchFirst"),
      ({ code }) => code === 0,
    )
    console.log(`\n${contestant.title}`)
    await measureTopics({ broker, meter, nameServer, nameServerPort, port }, topics)
    await measureConnections({ broker, port }, connections, links)
    await measureRoutes(nameServer, nameServerPort, topics)
  } finally {
    for (const link of links) link.close()
    meter.close()
    for (const child of children.toReversed()) await Processes.kill(child)
    process.off("exit", killAll)
  }
}

interface Cluster {
  readonly broker: Processes.Child
  readonly nameServer: Processes.Child
  readonly port: number
  readonly nameServerPort: number
  readonly meter: Meter
}

const measureTopics = async (cluster: Cluster, topics: number): Promise<void> => {
  const { broker, meter, nameServer, nameServerPort, port } = cluster
  const startedMs = performance.now()
  for (let from = 0; from < topics; from += topicsPerRequest) {
    const topicConfigList = Array.from({ length: Math.min(topicsPerRequest, topics - from) }, (_, i) => ({
      attributes: {},
      order: false,
      perm: 6,
      readQueueNums: 8,
      topicFilterType: "SINGLE_TAG",
      topicName: topicName(from + i),
      topicSysFlag: 0,
      writeQueueNums: 8,
    }))
    const body = Buffer.from(JSON.stringify({ topicConfigList }))
    const { code } = await Call.call(port, Frame.request(createTopicList, Frame.opaqueBase, {}, body), 120_000)
    if (code !== 0) throw new Error(`creating topics was answered with code ${code}`)
  }
  row(
    `${count(topics)} topics created, ${count(topicsPerRequest)} in a request`,
    `${count(performance.now() - startedMs)} ms`,
  )
  await Call.until(
    nameServer,
    nameServerPort,
    () => Call.routeOf(topicName(topics - 1)),
    ({ code }) => code === 0,
  )
  row("until the name server knows the last", `${count(performance.now() - startedMs)} ms`)
  row("bytes from the broker to the name server until then", count(meter.sent))
  await sleep(registerPeriodMs)
  const before = { broker: Usage.of(broker.process.pid)?.cpuMs ?? 0, sent: meter.sent }
  await sleep(2 * registerPeriodMs)
  const rounds = 2
  row("bytes of one renewal of the registration", count((meter.sent - before.sent) / rounds))
  const cpuMs = (Usage.of(broker.process.pid)?.cpuMs ?? 0) - before.broker
  row("broker's processor time for one", `${count(cpuMs / rounds)} ms`)
  row("broker, resident", megabytes(Usage.of(broker.process.pid)?.residentMb))
  row("name server, resident", megabytes(Usage.of(nameServer.process.pid)?.residentMb))
}

const heartbeatOf = (client: number): Buffer =>
  Frame.request(
    heartBeat,
    Frame.opaqueBase + client,
    {},
    Buffer.from(
      JSON.stringify({
        clientID: `10.0.0.1@${client}`,
        consumerDataSet: [
          {
            consumeFromWhere: "CONSUME_FROM_LAST_OFFSET",
            consumeType: "CONSUME_PASSIVELY",
            groupName: `group-${Math.floor(client / membersPerGroup)}`,
            messageModel: "CLUSTERING",
            subscriptionDataSet: [
              {
                classFilterMode: false,
                codeSet: [],
                expressionType: "TAG",
                subString: "*",
                subVersion: 1,
                tagsSet: [],
                topic: topicName(client % 1000),
              },
            ],
            unitMode: false,
          },
        ],
        heartbeatFingerprint: 0,
        isWithoutSub: false,
        producerDataSet: [{ groupName: "CLIENT_INNER_PRODUCER" }],
      }),
    ),
  )

const measureConnections = async (
  { broker, port }: Pick<Cluster, "broker" | "port">,
  connections: number,
  links: Array<Link>,
): Promise<void> => {
  const residentMb = Usage.of(broker.process.pid)?.residentMb ?? 0
  const sentMs = new Float64Array(connections)
  let latency = new Histogram()
  let answered = 0
  let lost = 0
  let notified = 0
  const head: Frame.Head = { code: 0, opaque: 0 }
  const startedMs = performance.now()
  for (let client = 0; client < connections; client++) {
    const link = await Link.open(Call.host, port, 4096, {
      onFrame: (buffer, at) => {
        Frame.readHead(buffer, at, head)
        const isAnswer = head.code === 0 && head.opaque === Frame.opaqueBase + client
        if (!isAnswer) return void notified++
        answered++
        latency.record((performance.now() - (sentMs[client] ?? 0)) * 1000)
      },
      onLost: () => lost++,
      onTurn: () => undefined,
    })
    links.push(link)
    sentMs[client] = performance.now()
    link.post(heartbeatOf(client))
    link.flush()
  }
  while (answered < connections && lost === 0) await sleep(10)
  if (lost > 0) throw new Error(`${lost} connections were closed by the broker`)
  row(
    `${count(connections)} connections opened, first heartbeats answered`,
    `${count(performance.now() - startedMs)} ms`,
  )
  await sleep(2000)
  row(`notices of joins and leaves, groups of ${membersPerGroup}`, count(notified))
  latency = new Histogram()
  answered = 0
  const before = Usage.of(broker.process.pid)?.cpuMs ?? 0
  const roundMs = performance.now()
  for (const [client, link] of links.entries()) {
    const dueMs = roundMs + (client * heartbeatPeriodMs) / connections
    if (dueMs > performance.now() + 2) await sleep(dueMs - performance.now())
    sentMs[client] = performance.now()
    link.post(heartbeatOf(client))
    link.flush()
  }
  while (answered < connections) await sleep(10)
  const cpuMs = (Usage.of(broker.process.pid)?.cpuMs ?? 0) - before
  const { p50Us, p99Us } = latency.summary()
  row(`heartbeats, one per connection in ${heartbeatPeriodMs / 1000} s: latency p50`, milliseconds(p50Us))
  row("latency p99", milliseconds(p99Us))
  row("broker's processor", `${(cpuMs / (performance.now() - roundMs)).toFixed(3)} cores`)
  const nowMb = Usage.of(broker.process.pid)?.residentMb
  row("broker, resident", megabytes(nowMb))
  if (nowMb !== undefined)
    row("more for each connection", `${(((nowMb - residentMb) * 1024) / connections).toFixed(1)} kB`)
}

const measureRoutes = async (nameServer: Processes.Child, port: number, topics: number): Promise<void> => {
  const latency = new Histogram()
  let isOver = false
  let answers = 0
  let bytes = 0
  const before = Usage.of(nameServer.process.pid)?.cpuMs ?? 0
  const startedMs = performance.now()
  const links: Array<Link> = []
  for (let i = 0; i < routeConnections; i++) {
    let sentMs = 0
    let turn = i
    const ask = (): void => {
      sentMs = performance.now()
      link.post(Call.routeOf(topicName((turn * 7919) % topics)))
      link.flush()
    }
    const link = await Link.open(Call.host, port, 4096, {
      onFrame: (_, at, end) => {
        answers++
        bytes += end - at
        latency.record((performance.now() - sentMs) * 1000)
        turn += routeConnections
        if (!isOver) ask()
      },
      onLost: () => undefined,
      onTurn: () => undefined,
    })
    links.push(link)
    ask()
  }
  await sleep(routeSeconds * 1000)
  isOver = true
  const seconds = (performance.now() - startedMs) / 1000
  const { p50Us, p99Us } = latency.summary()
  const cpuMs = (Usage.of(nameServer.process.pid)?.cpuMs ?? 0) - before
  row(`routes, ${routeConnections} connections that ask without a pause`, `${count(answers / seconds)}/s`)
  row("latency p50", milliseconds(p50Us))
  row("latency p99", milliseconds(p99Us))
  row("bytes of an answer", count(bytes / answers))
  row("name server's processor for one", `${((cpuMs * 1000) / answers).toFixed(0)} us`)
  for (const link of links) link.close()
}

const whole = (name: string, text: string): number => {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`--${name} ${text}: a whole number is needed`)
  return Number(text)
}

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      connections: { default: "10000", type: "string" },
      help: { default: false, type: "boolean" },
      only: { default: ["gantry"], multiple: true, type: "string" },
      topics: { default: "100000", type: "string" },
    },
  })
  if (values.help) {
    console.log(help)
    return 0
  }
  const sizes = {
    connections: whole("connections", values.connections),
    topics: whole("topics", values.topics),
  }
  const cache = join(import.meta.dirname, "../.cache")
  const options = parse(
    values.only.flatMap((name) => ["--only", name]),
    cache,
  )
  if (options === "help") return 0
  mkdirSync(cache, { recursive: true })
  for (const name of options.only) {
    const folder = mkdtempSync(join(cache, "scale-"))
    try {
      const contestant = find(name, options)
      if ("absent" in contestant) throw new Error(contestant.absent)
      await measure(contestant, folder, sizes)
    } finally {
      rmSync(folder, { force: true, maxRetries: 20, recursive: true, retryDelay: 50 })
    }
  }
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
