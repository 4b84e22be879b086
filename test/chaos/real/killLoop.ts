/**
 * A real broker process on a real folder is killed with SIGKILL, again and again, while a producer sends; at the end
 * everything that was answered SEND_OK must be there, each queue in the order it was sent (promises P1, P2).
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Malformed } from "../../../src/format/Malformed.ts"
import { PullMessage, PullMessageAnswer } from "../../../src/format/PullMessage.ts"
import { RequestCode } from "../../../src/format/RequestCode.ts"
import { ResponseCode } from "../../../src/format/ResponseCode.ts"
import { SendMessageV2 } from "../../../src/format/SendMessage.ts"
import * as StoredMessage from "../../../src/format/StoredMessage.ts"
import type { Command } from "../../../src/format/Command.ts"
import { RemotingClient } from "../../../src/infra/remoting/RemotingClient.ts"
import type { Request } from "../../../src/infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../../src/infra/remoting/RemotingError.ts"
import { SeededRandom } from "../../../src/infra/random/SeededRandom.ts"
import { silent } from "../../../src/infra/telemetry/Log.ts"
import { makeNodeWorld } from "../../../src/infra/world/NodeWorld.ts"

export interface KillLoopOptions {
  readonly cycles: number
  readonly seed: number
  readonly tell?: (line: string) => void
}

export interface KillLoopReport {
  readonly acknowledged: number
  readonly read: number
  readonly violations: ReadonlyArray<string>
}

const queues = 4
const outstanding = 16
const readyMs = 30_000
const main = path.join(import.meta.dirname, "../../../src/cli/main.ts")

interface Broker {
  readonly child: ChildProcess
  readonly port: number
}

/** Starts the broker on a port of the system's choice and waits until it says that it is ready. */
const start = (folder: string): Promise<Broker> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      main,
      "broker",
      "-c",
      path.join(folder, "broker.conf"),
      "--set",
      "listenPort=0",
    ])
    let said = ""
    const timer = setTimeout(() => {
      child.kill("SIGKILL")
      reject(new Error(`the broker is not ready after ${readyMs / 1000} s: ${said}`))
    }, readyMs)
    const hear = (chunk: Buffer): void => {
      said += chunk.toString()
      const ready = /is ready on 127\.0\.0\.1:(\d+)/.exec(said)
      if (ready === null) return
      clearTimeout(timer)
      resolve({ child, port: Number(ready[1]) })
    }
    child.stdout.on("data", hear)
    child.stderr.on("data", hear)
    child.once("exit", (code) => {
      clearTimeout(timer)
      reject(new Error(`the broker ended with ${code}: ${said}`))
    })
  })

const killed = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.removeAllListeners("exit")
    child.once("exit", () => resolve())
    child.kill("SIGKILL")
  })

const ask = (client: RemotingClient, port: number, request: Request): Promise<Command | undefined> =>
  new Promise((resolve) => {
    client.ask({ host: "127.0.0.1", port }, request, 5000, (answer) =>
      resolve(answer instanceof RemotingError ? undefined : answer),
    )
  })

export const killLoop = async ({ cycles, seed, tell = () => {} }: KillLoopOptions): Promise<KillLoopReport> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "gantry-kill-"))
  const world = makeNodeWorld({ log: silent })
  const random = new SeededRandom(seed)
  /** Per queue, the numbers of the messages that were answered SEND_OK, in the order in which they were sent. */
  const acknowledged: Array<Array<number>> = Array.from({ length: queues }, () => [])
  fs.writeFileSync(
    path.join(folder, "broker.conf"),
    `storePathRootDir=${folder}/store\nbrokerName=killed\nmappedFileSizeCommitLog=1048576\nmaxHashSlotNum=1000\nmaxIndexNum=4000\nflushIntervalConsumeQueue=100\n`,
  )
  let next = 0
  let broker: Broker | undefined
  try {
    for (let cycle = 1; cycle <= cycles; cycle++) {
      broker = await start(folder)
      const client = new RemotingClient(world)
      const { child, port } = broker
      let isOver = false
      const sender = async (queueId: number): Promise<void> => {
        while (!isOver) {
          const number = next++
          const answer = await ask(client, port, send(queueId, number))
          if (answer?.code === ResponseCode.SUCCESS) acknowledged[queueId]?.push(number)
          else if (answer === undefined) return
        }
      }
      const senders = Array.from({ length: outstanding }, (_, i) => sender(i % queues))
      await sleep(100 + random.below(400))
      isOver = true
      await killed(child)
      await Promise.all(senders)
      client.close()
      tell(`kill ${cycle}: ${acknowledged.flat().length} acknowledged so far`)
    }
    broker = await start(folder)
    const read = await readBack(new RemotingClient(world), broker.port)
    return { ...judge(acknowledged, read), read: read.flat().length }
  } finally {
    if (broker !== undefined && broker.child.exitCode === null) await killed(broker.child)
    fs.rmSync(folder, { force: true, recursive: true })
  }
}

const send = (queueId: number, number: number): Request => ({
  body: Buffer.from(String(number).padEnd(100 + (number % 900), ".")),
  code: RequestCode.SEND_MESSAGE_V2,
  ext: SendMessageV2.encode({
    bornTimestamp: 1,
    defaultTopic: "TBW102",
    defaultTopicQueueNums: queues,
    flag: 0,
    producerGroup: "killers",
    properties: `KEYS\u0001k${number}\u0002`,
    queueId,
    sysFlag: 0,
    topic: "killed",
  }),
})

const readBack = async (client: RemotingClient, port: number): Promise<ReadonlyArray<ReadonlyArray<number>>> => {
  const all: Array<Array<number>> = []
  for (let queueId = 0; queueId < queues; queueId++) {
    const numbers: Array<number> = []
    for (let queueOffset = 0; ;) {
      const ext = {
        consumerGroup: "readers",
        maxMsgNums: 32,
        queueId,
        queueOffset,
        subscription: "*",
        sysFlag: 4,
        topic: "killed",
      }
      const answer = await ask(client, port, {
        code: RequestCode.PULL_MESSAGE,
        ext: PullMessage.encode({ ...ext, commitOffset: 0, subVersion: 0, suspendTimeoutMillis: 0 }),
      })
      if (answer === undefined || answer.code !== ResponseCode.SUCCESS) break
      const { messages, rest } = StoredMessage.decodeAll(answer.body)
      if (rest !== undefined) throw new Error(`an answer with half a message: ${rest.message}`)
      for (const { body } of messages) numbers.push(Number.parseInt(body.toString(), 10))
      const header = PullMessageAnswer.decode(answer.ext)
      if (header instanceof Malformed) throw header
      queueOffset = header.nextBeginOffset
    }
    all.push(numbers)
  }
  client.close()
  return all
}

const judge = (
  acknowledged: ReadonlyArray<ReadonlyArray<number>>,
  read: ReadonlyArray<ReadonlyArray<number>>,
): { readonly acknowledged: number; readonly violations: ReadonlyArray<string> } => {
  const violations: Array<string> = []
  for (const [queueId, numbers] of acknowledged.entries()) {
    const stored = read[queueId] ?? []
    const held = new Set(stored)
    const lost = numbers.filter((number) => !held.has(number))
    if (lost.length > 0)
      violations.push(`P1: queue ${queueId} lost ${lost.length} acknowledged messages, first ${lost[0]}`)
    if (held.size < stored.length) violations.push(`P2: queue ${queueId} holds a message twice that was sent once`)
    const misplaced = stored.findIndex((number, i) => i > 0 && number < (stored[i - 1] ?? 0))
    if (misplaced >= 0) violations.push(`P2: queue ${queueId} is out of order at ${misplaced}`)
  }
  return { acknowledged: acknowledged.flat().length, violations }
}
