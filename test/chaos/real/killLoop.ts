/**
 * A real broker on a real disk, killed again and again: `kill -9` at a random moment of its life, its start included,
 * while a client sends as fast as it is answered. At the end everything acknowledged is read back.
 *
 *   P1  every message answered SEND_OK is where the answer said
 *   P2  offsets are dense, and what one connection sent lies in the order sent
 *   P8  the committed offset is one that was sent, and not older than the last one answered
 *
 * The kills come at real times, so that a seed chooses the delays and not the moments. Every process that is started
 * here ends with this one.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import { silent } from "../../../src/infra/telemetry/Log.ts"
import { makeNodeWorld } from "../../../src/infra/world/NodeWorld.ts"
import { type Child, freePort, kill, ready, start, stop, tail } from "../../interop/processes.ts"
import { Client } from "./Client.ts"
import { readBack, type ReadBack } from "./readBack.ts"

export interface KillLoopOptions {
  readonly seed: number
  readonly cycles: number
  /** Where the store lies; default: a temporary folder that is removed when all is well. */
  readonly folder?: string
  readonly tell?: (line: string) => void
}

export interface KillReport {
  readonly cycles: number
  readonly sent: number
  readonly acknowledged: number
  readonly read: number
  readonly violations: ReadonlyArray<string>
  /** Where to look when there are any. */
  readonly folder: string
}

const main = join(import.meta.dirname, "../../../src/cli/main.ts")

export const killLoop = async (options: KillLoopOptions): Promise<KillReport> => {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "gantry-kill-"))
  const random = new SeededRandom(options.seed)
  const [nameServerPort, brokerPort] = [await freePort(), await freePort()]
  configure(folder, nameServerPort, brokerPort)
  const processOf = (name: "broker" | "namesrv"): Child =>
    start({
      args: [main, name, "-c", `${name}.conf`],
      cwd: folder,
      file: process.execPath,
      logPath: join(folder, `${name}.log`),
      name,
    })
  const nameServer = processOf("namesrv")
  const world = makeNodeWorld({ log: silent })
  const address = { host: "127.0.0.1", port: brokerPort }
  let broker = processOf("broker")
  const violations: Array<string> = []
  try {
    await ready(nameServer, /./, nameServerPort)
    const client = new Client(world, random, address)
    for (let cycle = 1; cycle <= options.cycles; cycle++) {
      const before = client.acknowledged.length
      // One life in four ends during its start, when it recovers.
      if (random.chance(0.75)) await until(() => client.acknowledged.length > before || broker.ended(), startMsMax)
      await sleep(random.below(random.chance(0.5) ? 100 : 600))
      if (broker.ended()) violations.push(`the broker ended by itself in cycle ${cycle}\n${tail(broker)}`)
      await kill(broker)
      broker = processOf("broker")
      options.tell?.(`kill ${cycle} of ${options.cycles}: ${client.acknowledged.length} acknowledged`)
    }
    const before = client.acknowledged.length
    if (!(await until(() => client.acknowledged.length > before || broker.ended(), startMsMax)))
      violations.push(`nothing is acknowledged after the last start\n${tail(broker)}`)
    await new Promise<void>((resolve) => client.end(resolve))
    // Once more, so that everything is read from the disk.
    await kill(broker)
    broker = processOf("broker")
    await ready(broker, /./, brokerPort)
    const read = await readBack(world, address)
    violations.push(...judge(client, read))
    return {
      acknowledged: client.acknowledged.length,
      cycles: options.cycles,
      folder,
      sent: client.sent,
      read: read.queues.reduce((sum, queue) => sum + queue.length, 0),
      violations,
    }
  } finally {
    await Promise.all([stop(broker), stop(nameServer)])
    if (options.folder === undefined && violations.length === 0) rmSync(folder, { force: true, recursive: true })
  }
}

const startMsMax = 60_000

const configure = (folder: string, nameServerPort: number, brokerPort: number): void => {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, settings: Readonly<Record<string, string | number>>): void =>
    writeFileSync(
      join(folder, name),
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    )
  write("namesrv.conf", {
    bindAddress: "127.0.0.1",
    kvConfigPath: join(folder, "kvConfig.json"),
    listenPort: nameServerPort,
  })
  write("broker.conf", {
    bindAddress: "127.0.0.1",
    brokerIP1: "127.0.0.1",
    listenPort: brokerPort,
    mappedFileSizeCommitLog: 1024 * 1024,
    mappedFileSizeConsumeQueue: 20_000,
    maxHashSlotNum: 1000,
    maxIndexNum: 4000,
    namesrvAddr: `127.0.0.1:${nameServerPort}`,
    storePathRootDir: join(folder, "store"),
  })
}

function* judge(client: Client, { committed, queues }: ReadBack): Generator<string> {
  for (const [queueId, queue] of queues.entries()) {
    const last = new Map<number, number>()
    for (const [index, { bornPort, queueOffset, sequence }] of queue.entries()) {
      if (queueOffset !== index) yield `P2: queue ${queueId} shows offset ${queueOffset} where ${index} should follow`
      const before = last.get(bornPort)
      if (before !== undefined && before >= sequence)
        yield `P2: queue ${queueId}: ${sequence} lies behind ${before}, of one connection`
      last.set(bornPort, sequence)
    }
  }
  for (const { commitLogOffset, queueId, queueOffset, sequence } of client.acknowledged) {
    const stored = queues[queueId]?.[queueOffset]
    if (stored?.sequence !== sequence || stored.commitLogOffset !== commitLogOffset)
      yield `P1: ${sequence} was acknowledged at ${queueId}/${queueOffset}, where ${stored?.sequence ?? "nothing"} lies`
  }
  if (committed < client.committed || committed > client.committing)
    yield `P8: the offset is ${committed}; ${client.committed} was answered, ${client.committing} sent`
}

const until = async (predicate: () => boolean, patienceMs: number): Promise<boolean> => {
  const deadlineMs = performance.now() + patienceMs
  while (!predicate()) {
    if (performance.now() > deadlineMs) return false
    await sleep(10)
  }
  return true
}
