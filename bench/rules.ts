/**
 * `pnpm bench:rules`: what filters, transactions, retries and locks cost beside the plain path, and beside Apache
 * RocketMQ: the same exchanges with each server, one after another, on the same disk. See bench/README.md.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import * as Processes from "../test/interop/processes.ts"
import * as Call from "./Call.ts"
import { type Contestant, find } from "./Contestant.ts"
import { drive, type Exchange, type ExchangeResult, type Slot } from "./Exchange.ts"
import * as Frame from "./Frame.ts"
import { parse } from "./options.ts"
import { compare, show } from "./Report.ts"

const help = `Usage: pnpm bench:rules [options]

  --only NAME         apache or gantry; may be given more than once     [apache and gantry]
  --seconds N         measured time of each exchange                    [5]
  --warmup N          seconds of the same before it                     [10]
  --help              this text
`

const code = { consumerSendMsgBack: 36, endTransaction: 37, lockBatch: 41 } as const
const queues = 8
const topic = "BenchRules"
const group = "bench-consumer"
const producerGroup = "bench-producer"
const body = Buffer.alloc(128, "gantry-bench-")

const property = (name: string, value: string): string => `${name}\u0001${value}\u0002`

let uniqKeys = 0
const uniqKey = (): string => `7F000001000026A42E8F0001${(uniqKeys++).toString(16).toUpperCase().padStart(8, "0")}`

/** One of four has the tag `TagA`, one of four a region in the north: the same ones. */
const sendOf = (slot: Slot, opaque: number, more = "", sysFlag = "0"): Buffer => {
  const turn = slot.round + slot.number + slot.connection
  const kind = turn % 4
  const key = uniqKey()
  slot.memory["uniqKey"] = key
  const properties =
    property("UNIQ_KEY", key) +
    property("WAIT", "true") +
    property("TAGS", `Tag${"ABCD"[kind]}`) +
    property("region", ["north", "east", "south", "west"][kind] ?? "") +
    property("price", String(60 + kind * 10)) +
    more
  return Frame.request(
    Frame.RequestCode.sendMessageV2,
    opaque,
    {
      a: producerGroup,
      b: topic,
      c: "TBW102",
      d: "4",
      e: String((slot.number + (slot.round >> 2)) % queues),
      f: sysFlag,
      g: String(Date.now()),
      h: "0",
      i: properties,
      j: "0",
      k: "false",
      m: "false",
      n: Call.brokerName,
    },
    body,
  )
}

/** The position in the log that the last sixteen digits of a message's offset id say. */
const logOffsetIn = (messageId: string): string => BigInt(`0x${messageId.slice(-16)}`).toString()

const one = (): number => 1

const plainSend: Exchange = {
  connections: 16,
  outstanding: 64,
  perRound: one,
  steps: [(slot, _, opaque) => sendOf(slot, opaque)],
}

const halfMessage = 4
const commit = "8"

const transaction: Exchange = {
  connections: 16,
  outstanding: 32,
  perRound: one,
  steps: [
    (slot, _, opaque) =>
      sendOf(slot, opaque, property("TRAN_MSG", "true") + property("PGROUP", producerGroup), String(halfMessage)),
    (slot, last, opaque) =>
      Frame.request(code.endTransaction, opaque, {
        bname: Call.brokerName,
        commitLogOffset: logOffsetIn(last.text("msgId")),
        commitOrRollback: commit,
        fromTransactionCheck: "false",
        msgId: slot.memory["uniqKey"] ?? "",
        producerGroup,
        topic,
        tranStateTableOffset: last.text("queueOffset"),
        transactionId: slot.memory["uniqKey"] ?? "",
      }),
  ],
}

/** What a consumer does with a message that it failed on: the broker keeps it for the group, to come again in 10 s. */
const sendBack: Exchange = {
  connections: 16,
  outstanding: 32,
  perRound: one,
  steps: [
    (slot, _, opaque) => sendOf(slot, opaque),
    (slot, last, opaque) =>
      Frame.request(code.consumerSendMsgBack, opaque, {
        bname: Call.brokerName,
        delayLevel: "3",
        group,
        maxReconsumeTimes: "16",
        offset: logOffsetIn(last.text("msgId")),
        originMsgId: slot.memory["uniqKey"] ?? "",
        originTopic: topic,
        unitMode: "false",
      }),
  ],
}

/** Every connection is a client with a queue of its own, whose lock it renews. */
const lock: Exchange = {
  connections: queues,
  outstanding: 16,
  perRound: one,
  steps: [
    ({ connection }, _, opaque) =>
      Frame.request(
        code.lockBatch,
        opaque,
        {},
        Buffer.from(
          JSON.stringify({
            clientId: `10.0.0.1@${connection}`,
            consumerGroup: group,
            mqSet: [{ brokerName: Call.brokerName, queueId: connection, topic }],
            onlyThisBroker: false,
          }),
        ),
      ),
  ],
}

/** Reads the topic over and over; counts the messages that were looked at, matching or not. */
const pulls = (expressionType: "TAG" | "SQL92", subscription: string): Exchange => ({
  accepted: [Frame.ResponseCode.pullNotFound, Frame.ResponseCode.pullRetryImmediately],
  connections: 4,
  outstanding: queues,
  perRound: (slot, last) => {
    const next = Number(last.text("nextBeginOffset"))
    const before = Number(slot.memory["offset"] ?? "0")
    slot.memory["offset"] = next >= Number(last.text("maxOffset")) ? "0" : String(next)
    return next - before
  },
  steps: [
    (slot, _, opaque) =>
      Frame.request(Frame.RequestCode.pullMessage, opaque, {
        ReqT: "0",
        bname: Call.brokerName,
        commitOffset: "0",
        consumerGroup: group,
        expressionType,
        maxMsgBytes: "2147483647",
        maxMsgNums: "32",
        queueId: String(slot.number),
        queueOffset: slot.memory["offset"] ?? "0",
        subVersion: "0",
        subscription,
        suspendTimeoutMillis: "1000",
        // The subscription stands in the request, so that no heartbeat has to come before.
        sysFlag: "4",
        topic,
      }),
  ],
})

/** In this order: the first ones fill the topic that the others read. */
const exchanges: Readonly<Record<string, Exchange>> = {
  "plain sends": plainSend,
  "transactions: half message, commit": transaction,
  "retries: send, send back": sendBack,
  "locks: renewals": lock,
  "pulls of everything: looked at": pulls("TAG", "*"),
  "pulls by tag, 1 of 4 matches: looked at": pulls("TAG", "TagA"),
  "pulls by SQL92, 1 of 4 matches: looked at": pulls("SQL92", "region = 'north' AND price BETWEEN 50 AND 70"),
}

type Results = Readonly<Record<string, ExchangeResult>>

const measure = async (
  contestant: Contestant,
  folder: string,
  warmup: number,
  seconds: number,
  say: (text: string) => void,
): Promise<Results> => {
  if (contestant.nameServer === undefined) throw new Error(`${contestant.title} has no name server`)
  const children: Array<Processes.Child> = []
  const killAll = (): void => children.forEach((child) => void child.process.kill("SIGKILL"))
  process.on("exit", killAll)
  const nameServerPort = await Processes.freePort()
  const port = await Processes.freePort()
  try {
    for (const name of ["namesrv", "broker"]) mkdirSync(join(folder, name), { recursive: true })
    children.push(
      Processes.start(contestant.nameServer({ folder: join(folder, "namesrv"), port: nameServerPort })),
      Processes.start(
        contestant.broker({
          folder: join(folder, "broker"),
          nameServerPort,
          port,
          properties: { autoCreateTopicEnable: true, enablePropertyFilter: true, flushDiskType: "SYNC_FLUSH" },
          storeFolder: join(folder, "broker/store"),
        }),
      ),
    )
    await Call.until(
      children[1]!,
      port,
      () => Call.sendOnce("BenchFirst"),
      ({ code: answered }) => answered === 0,
    )
    await Call.createTopic(port, topic, queues)
    const results: Record<string, ExchangeResult> = {}
    for (const [name, exchange] of Object.entries(exchanges)) {
      say(name)
      try {
        results[name] = await drive(Call.host, port, exchange, warmup, seconds)
      } catch (error) {
        throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
    return results
  } finally {
    for (const child of children.toReversed()) await Processes.kill(child)
    process.off("exit", killAll)
  }
}

const line = (label: string, cells: ReadonlyArray<string>, ratio = ""): string =>
  `${label.padEnd(46)}${cells.map((cell) => cell.padStart(24)).join("")}   ${ratio}`.trimEnd()

const print = (all: ReadonlyArray<{ readonly title: string; readonly results: Results }>): void => {
  console.log(
    line(
      "",
      all.map(({ title }) => title),
    ),
  )
  for (const name of Object.keys(exchanges)) {
    const [first, second] = all.map(({ results }) => results[name])
    const row = (label: string, of: (result: ExchangeResult) => number, unit: "/s" | "us"): void => {
      const ratio =
        first === undefined || second === undefined
          ? ""
          : compare(of(first), of(second), unit === "/s" ? "more" : "less")
      const cells = all.map(({ results }) => show(results[name] === undefined ? [] : [of(results[name])], { unit }))
      console.log(line(label, cells, ratio))
    }
    row(name, ({ perSecond }) => perSecond, "/s")
    row("  latency p50", ({ p50Us }) => p50Us, "us")
    row("  latency p99", ({ p99Us }) => p99Us, "us")
  }
  for (const { results, title } of all)
    for (const [name, { busy }] of Object.entries(results))
      if (busy > 0) console.log(`Note: ${title}, ${name}: ${busy} answers of code 2, not counted.`)
}

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      help: { default: false, type: "boolean" },
      only: { default: ["apache", "gantry"], multiple: true, type: "string" },
      seconds: { default: "5", type: "string" },
      warmup: { default: "10", type: "string" },
    },
  })
  if (values.help) {
    console.log(help)
    return 0
  }
  const cache = join(import.meta.dirname, "../.cache")
  const options = parse(
    [...values.only.flatMap((name) => ["--only", name]), "--seconds", values.seconds, "--warmup", values.warmup],
    cache,
  )
  if (options === "help") return 0
  mkdirSync(cache, { recursive: true })
  const all: Array<{ readonly title: string; readonly results: Results }> = []
  for (const name of options.only) {
    const contestant = find(name, options)
    if ("absent" in contestant) throw new Error(contestant.absent)
    const folder = mkdtempSync(join(cache, "rules-"))
    const say = (text: string): void => console.error(`[${name}] ${text}`)
    try {
      const results = await measure(contestant, folder, options.warmup, options.seconds, say)
      all.push({ results, title: contestant.title })
    } finally {
      rmSync(folder, { force: true, maxRetries: 20, recursive: true, retryDelay: 50 })
    }
  }
  print(all)
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
