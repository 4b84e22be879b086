/** `gantry store` as an operator uses it: real processes on a real folder that a real broker has written. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const main = path.join(import.meta.dirname, "../../src/cli/main.ts")
/** Sizes that are small, and none of them the default. */
const sizes = ["mappedFileSizeCommitLog=1048576", "maxHashSlotNum=100", "maxIndexNum=1000"]
const listening = ["listenPort=0", "bindAddress=127.0.0.1", "brokerIP1=127.0.0.1"]
const index = ["--set", "maxHashSlotNum=100", "--set", "maxIndexNum=1000"]

let folder = ""
let store = ""
const running = new Set<ChildProcess>()

const gantry = (...words: ReadonlyArray<string>): { code: number | null; out: string; err: string } => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [main, ...words], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, HOME: folder },
  })
  return { code: status, err: stderr, out: stdout }
}

/** Starts a server; answers the address that it says it listens on. */
const start = async (...words: ReadonlyArray<string>): Promise<readonly [ChildProcess, string]> => {
  const child = spawn(process.execPath, [main, ...words], { cwd: folder, env: { ...process.env, HOME: folder } })
  running.add(child)
  let said = ""
  child.stderr!.on("data", (chunk: Buffer) => (said += chunk))
  for (;;) {
    const [chunk] = (await Promise.race([once(child.stdout!, "data"), once(child, "close").then(() => [])])) as [
      Buffer?,
    ]
    if (chunk === undefined) throw new Error(`ended without listening:\n${said}`)
    said += chunk
    const match = /is ready on (\S+?)[;\n]/.exec(said)
    if (match !== null) return [child, match[1]!]
  }
}

const stop = async (child: ChildProcess): Promise<void> => {
  const closed = once(child, "close")
  child.kill()
  await closed
  running.delete(child)
}

const startBroker = (namesrv: string): Promise<readonly [ChildProcess, string]> =>
  start(
    "broker",
    "-n",
    namesrv,
    ...[`storePathRootDir=${store}`, ...listening, ...sizes].flatMap((one) => ["--set", one]),
  )

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "gantry-store-"))
  store = path.join(folder, "data")
})

afterAll(() => {
  for (const child of running) child.kill("SIGKILL")
  fs.rmSync(folder, { force: true, recursive: true })
})

const corrupt = (name: string, position: number, text: string): void => {
  const file = fs.openSync(path.join(store, name), "r+")
  fs.writeSync(file, text, position)
  fs.closeSync(file)
}

const bodiesOf = (out: string): ReadonlyArray<string> =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { body: string }).body)

describe("gantry store", () => {
  it("verifies, shows and repairs what a broker has written, and the broker serves the rest (P1)", async () => {
    const [names, namesrv] = await start("namesrv", "--set", "listenPort=0", "--set", "bindAddress=127.0.0.1")
    const [broker] = await startBroker(namesrv)
    expect(gantry("produce", "orders", "hello", "--count", "40", "--key", "k", "-q", "-n", namesrv).code).toBe(0)
    expect(gantry("store", "verify", store)).toEqual({
      code: 2,
      err: `gantry: The store ${store} is in use by a broker, or by another gantry store. Stop the broker first: what changes while it is read is not told from damage.\n`,
      out: "",
    })
    await stop(broker)

    expect(gantry("store", "verify", store)).toEqual({
      code: 2,
      err: `gantry: The index files of ${store} are 20440 bytes long; maxHashSlotNum=5000000 and maxIndexNum=20000000 make 420000040. Give the numbers that the store was made with: -c broker.conf, or --set maxHashSlotNum=NUMBER --set maxIndexNum=NUMBER.\n`,
      out: "",
    })
    fs.writeFileSync(path.join(folder, "broker.conf"), sizes.concat("listenPort=7", "brokerRole=SLAVE").join("\n"))
    const whole = gantry("store", "verify", store, "-c", "broker.conf")
    expect(whole).toMatchObject({ code: 0, err: "" })
    expect(whole.out).toMatch(
      new RegExp(
        `^${store}: whole\n {2}log {5}\\d+ records in 1 segment, bytes 0 to \\d+\n {2}queues {2}\\d+ entries\n {2}index {3}80 entries\n$`,
      ),
    )
    expect(gantry("store", "repair", store, ...index)).toEqual({
      code: 0,
      err: "",
      out: `${store} is whole: there is nothing to repair.\n`,
    })

    const dumped = gantry("store", "dump", store, "--topic", "orders", "-o", "json")
    expect(dumped).toMatchObject({ code: 0, err: "" })
    expect(bodiesOf(dumped.out)).toEqual(Array.from({ length: 40 }, () => "hello"))
    const third = gantry("store", "dump", store, "--topic", "orders", "--queue", "1", "--from", "3", "--max", "1")
    expect(third.out).toMatch(/^\S+ \S+ {2}orders\/1 at 3 {2}key=k {2}hello\n$/)

    const { offsetMsgId } = JSON.parse(dumped.out.split("\n")[9]!) as { offsetMsgId: string }
    const at = Number.parseInt(offsetMsgId.slice(16), 16)
    corrupt("commitlog/00000000000000000000", at + 60, "XXXX")
    const damaged = gantry("store", "verify", store, "-c", "broker.conf")
    expect(damaged).toMatchObject({ code: 1, err: "" })
    expect(damaged.out).toContain(`CommitLog ${at} to `)
    expect(damaged.out).toContain(`To see what a repair would do: gantry store repair ${store} -c broker.conf\n`)
    const told = JSON.parse(gantry("store", "verify", store, ...index, "-o", "json").out) as object
    expect(told).toMatchObject({ holes: [{ from: at }], isWhole: false, root: store })
    const left = gantry("store", "dump", store, "--topic", "orders")
    expect(left.code).toBe(1)
    expect(left.err).toContain("A place in the log of")
    expect(left.out.trimEnd().split("\n")).toHaveLength(39)

    const bytes = fs.readFileSync(path.join(store, "commitlog/00000000000000000000"))
    const planned = gantry("store", "repair", store, ...index)
    expect(planned.code).toBe(1)
    expect(planned.out).toContain("1 message is known to be lost")
    expect(planned.out).toContain(
      `Nothing was changed. To do it: gantry store repair ${store} --set maxHashSlotNum=100 --set maxIndexNum=1000 --yes\n`,
    )
    expect(fs.readFileSync(path.join(store, "commitlog/00000000000000000000")).equals(bytes)).toBe(true)
    expect(fs.existsSync(path.join(store, "lost+found"))).toBe(false)

    const repaired = gantry("store", "repair", store, ...index, "--yes")
    expect(repaired).toMatchObject({ code: 0 })
    expect(repaired.out).toContain(`Repaired. What was taken away is in ${store}/lost+found.\n${store}: whole\n`)
    const kept = fs.readdirSync(path.join(store, "lost+found")).find((name) => name.startsWith("commitlog-"))
    expect(fs.readFileSync(path.join(store, "lost+found", kept!)).includes("XXXX")).toBe(true)

    const [again] = await startBroker(namesrv)
    const consumed = gantry("consume", "orders", "-o", "json", "-n", namesrv)
    expect(bodiesOf(consumed.out)).toHaveLength(39)
    expect(gantry("produce", "orders", "new", "-q", "-n", namesrv).code).toBe(0)
    await stop(again)
    await stop(names)
    expect(gantry("store", "verify", store, ...index).code).toBe(0)
  })

  it("refuses what is no store, or one of another kind, by name", () => {
    const missing = path.join(folder, "missing")
    expect(gantry("store", "verify", missing)).toEqual({
      code: 2,
      err: `gantry: There is no folder ${missing}.\n`,
      out: "",
    })
    fs.mkdirSync(path.join(folder, "empty"))
    expect(gantry("store", "dump", "empty").err).toBe(
      `gantry: ${path.join(folder, "empty")} is no store: it holds neither segments in commitlog nor a checkpoint.\n`,
    )
    expect(gantry("store", "dump", path.join(store, "commitlog")).err).toContain(`Did you mean ${store}?`)
    fs.mkdirSync(path.join(folder, "rocks/config/rdb"), { recursive: true })
    expect(gantry("store", "repair", "rocks", "--yes")).toEqual({
      code: 2,
      err: `gantry: ${path.join(folder, "rocks")} holds a RocksDB configuration (storeType=defaultRocksDB). gantry store knows RocketMQ's default kind of store only.\n`,
      out: "",
    })
  })

  it("refuses words that it does not understand, with what it knows", () => {
    expect(gantry("store", "repare", store).err).toBe(
      "gantry: gantry store does not repare: it knows verify, dump and repair. Did you mean repair? See gantry store --help.\n",
    )
    expect(gantry("store", "verify", store, "--topic", "orders")).toMatchObject({
      code: 2,
      err: "gantry: --topic means nothing to gantry store verify. See gantry store --help.\n",
    })
    expect(gantry("store", "dump", store, "--queue", "1").err).toContain("--queue needs a topic: --topic TOPIC.")
    expect(gantry("store", "verify", store, "--set", "listenPort=1").err).toContain("--set listenPort tells nothing of")
    expect(gantry("store", "verify", store, "--set", "mappedFileSizeCommitLog=2097152", ...index).out).toContain(
      "is 1048576 bytes long, a segment has 2097152",
    )
  })
})
