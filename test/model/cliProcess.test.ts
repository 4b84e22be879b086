/** The command line as people use it: real processes, real ports, real signals. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"

const root = path.join(import.meta.dirname, "../..")
const main = path.join(root, "src/cli/main.ts")

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly out: string
  readonly err: string
}

class Gantry {
  readonly child: ChildProcess
  out = ""
  err = ""
  readonly ended: Promise<Ended>

  constructor(words: ReadonlyArray<string>, file = main) {
    this.child = spawn(process.execPath, [file, ...words], { cwd: folder, env: { ...process.env, HOME: folder } })
    running.add(this)
    this.child.stdout!.on("data", (chunk: Buffer) => (this.out += chunk))
    this.child.stderr!.on("data", (chunk: Buffer) => (this.err += chunk))
    this.ended = once(this.child, "close").then(([code, signal]) => {
      running.delete(this)
      return { code, err: this.err, out: this.out, signal }
    })
  }

  /** Waits until it has said `pattern`; fails when it ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const ended = this.ended.then(() => "ended" as const)
    for (;;) {
      const match = pattern.exec(this.out)
      if (match !== null) return match
      const event = await Promise.race([once(this.child.stdout!, "data"), ended])
      if (event === "ended" && pattern.exec(this.out) === null)
        throw new Error(`ended without saying ${pattern}:\n${this.out}\n${this.err}`)
    }
  }

  stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }
}

const running = new Set<Gantry>()
let folder = ""

const gantry = (...words: ReadonlyArray<string>): Promise<Ended> => {
  const started = new Gantry(words)
  started.child.stdin!.end()
  return started.ended
}

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "gantry-cli-"))
})

afterEach(async () => {
  await Promise.all([...running].map((started) => started.stop("SIGKILL")))
})

afterAll(() => {
  fs.rmSync(folder, { force: true, recursive: true })
})

/** A cluster on free ports; answers the process and the name server's address. */
const dev = async (...words: ReadonlyArray<string>): Promise<readonly [Gantry, string]> => {
  const started = new Gantry(["dev", "--namesrv-port", "0", "--port", "0", ...words])
  const [, namesrv] = await started.says(/name server +(\S+)[\s\S]*Ctrl-C/)
  return [started, namesrv!]
}

describe("gantry dev", () => {
  it("serves sends and pulls, says where, and is quiet until it is stopped", async () => {
    const [started, namesrv] = await dev()
    const greeting = started.out
    expect(greeting).toContain("in memory")
    expect(greeting).toContain(`producer.setNamesrvAddr("${namesrv}")`)

    const produced = await gantry("produce", "orders", "hello", "--tag", "A", "-p", "region=eu", "-n", namesrv)
    expect(produced).toMatchObject({ code: 0, err: "Topic orders is new.\n" })
    expect(produced.out).toMatch(/^SEND_OK {2}orders\/\d at 0 {2}id [0-9A-F]{32}\n$/)

    const consumed = await gantry("consume", "orders", "-o", "json", "-n", namesrv)
    expect(consumed).toMatchObject({ code: 0, err: "" })
    expect(JSON.parse(consumed.out)).toMatchObject({
      body: "hello",
      properties: { region: "eu" },
      queueOffset: 0,
      tag: "A",
      topic: "orders",
    })

    const picked = await gantry("consume", "orders", "--sql", "region IN ('eu') AND TAGS = 'A'", "-n", namesrv)
    expect(picked.out).toMatch(/hello\n$/)
    expect(await gantry("consume", "orders", "--sql", "region = 'us'", "-n", namesrv)).toMatchObject({
      code: 0,
      out: "",
    })
    expect((await gantry("consume", "orders", "--sql", "region ==", "-n", namesrv)).err).toContain("line 1 column 9")
    expect((await gantry("consume", "orders", "--sql", "a = 1", "--tag", "A", "-n", namesrv)).err).toContain(
      "one of them",
    )

    expect(await started.stop()).toEqual({ code: 0, err: "", out: greeting, signal: null })
  })

  it("says which port is taken, and how to take another", async () => {
    const holder = net.createServer().listen(0, "127.0.0.1")
    await once(holder, "listening")
    const { port } = holder.address() as net.AddressInfo
    const ended = await gantry("dev", "--namesrv-port", String(port), "--port", String(port))
    holder.close()
    const said = (title: string, flag: string): string =>
      `Port ${port} on 127.0.0.1 (${title}) is taken by another program. Stop that one, or choose another port with ${flag} (0 takes a free one).`
    expect(ended).toEqual({
      code: 1,
      err: `gantry: ${said("the name server", "--namesrv-port")}\n${said("the broker", "--port")}\n`,
      out: "",
      signal: null,
    })
  })

  it("keeps messages and progress in the folder that it is given (P1, P8)", async () => {
    const store = path.join(folder, "kept")
    const [first, namesrv] = await dev("--store", store)
    await gantry("produce", "kept", "one", "-n", namesrv)
    const read = await gantry("consume", "kept", "--group", "readers", "-n", namesrv)
    expect(read).toMatchObject({ code: 0, err: "" })
    expect(read.out).toMatch(/one\n$/)
    await gantry("produce", "kept", "two", "-n", namesrv)
    await first.stop("SIGKILL")

    const [, again] = await dev("--store", store)
    const rest = await gantry("consume", "kept", "--group", "readers", "-n", again)
    expect(rest.out).toMatch(/^\S+ \S+ {2}kept\/\d at \d {2}two\n$/)
    const all = await gantry("consume", "kept", "-n", again)
    expect(all.out.trimEnd().split("\n")).toHaveLength(2)
  })
})

describe("gantry namesrv and gantry broker", () => {
  it("start from RocketMQ's files, find each other, and end with 0", async () => {
    const namesrvFile = path.join(folder, "namesrv.conf")
    fs.writeFileSync(namesrvFile, `listenPort=0\nkvConfigPath=${folder}/kv.json\nconfigStorePath=${folder}/x\n`)
    const namesrv = new Gantry(["namesrv", "-c", namesrvFile])
    const [, address] = await namesrv.says(/The name server is ready on (\S+)\n/)

    const brokerFile = path.join(folder, "broker.conf")
    fs.writeFileSync(
      brokerFile,
      `brokerName=broker-x\nlistenPort=1\nnamesrvAddr=unused:1\nstorePathRootDir=${folder}/store\nmaxHashSlotNum=1000\nmaxIndexNum=4000\n`,
    )
    const broker = new Gantry(["broker", "-c", brokerFile, "-n", address!, "--set", "listenPort=0"])
    await broker.says(/The broker broker-x is ready on 127\.0\.0\.1:\d+\n/)

    expect(await gantry("produce", "orders", "hello", "-n", address!)).toMatchObject({ code: 0 })
    expect((await gantry("consume", "orders", "-n", address!)).out).toMatch(/hello\n$/)
    expect(await broker.stop("SIGINT")).toMatchObject({ code: 0, signal: null })
    expect(fs.existsSync(path.join(folder, "store/abort"))).toBe(false)
    expect((await gantry("consume", "orders", "-n", address!)).err).toContain("No broker serves topic orders")
    expect(await namesrv.stop()).toMatchObject({ code: 0, signal: null })
  })

  it("tell every setting that cannot be used, without a stack, and do not start", async () => {
    const file = path.join(folder, "bad.conf")
    fs.writeFileSync(file, "# a comment\nlistenPort=http\nbrokerRole=SLAVE\n")
    const ended = await gantry("broker", "-c", file)
    expect(ended).toMatchObject({ code: 1, out: "" })
    expect(ended.err.split("\n")).toEqual([
      "gantry: 2 settings cannot be used:",
      `  ${file}:2: listenPort=http is not a whole number from 0 to 65535.`,
      `  ${file}:3: brokerRole=SLAVE is refused: it asks for replication, which Gantry does not have yet; use ASYNC_MASTER.`,
      "",
    ])
    expect(await gantry("broker", "-c", "nowhere.conf")).toMatchObject({
      code: 1,
      err: "gantry: The settings nowhere.conf cannot be read: there is no such file. Check the path after -c.\n",
    })
  })

  it("print the settings that would be used: option before environment before file before default", async () => {
    const file = path.join(folder, "printed.conf")
    fs.writeFileSync(file, "brokerName=from-file\nnamesrvAddr=file:1\nfileReservedTime=48\n")
    const { out } = await gantry("broker", "-c", file, "--set", "fileReservedTime=24", "-n", "option:1", "-p")
    expect(out).toContain("\nbrokerName=from-file\n")
    expect(out).toContain("\nfileReservedTime=24\n")
    expect(out).toContain("\nnamesrvAddr=option:1\n")
    expect(out).toContain("\nlistenPort=10911\n")
    expect(out).toContain(`\nstorePathRootDir=${folder}/store\n`)
  })
})

describe("a server", () => {
  it("ends at once at the second signal, whatever it still owes", async () => {
    const script = path.join(folder, "stubborn.ts")
    fs.writeFileSync(
      script,
      `import * as Effect from ${JSON.stringify(path.join(root, "node_modules/effect/dist/Effect.js"))}
import { serve } from ${JSON.stringify(path.join(root, "src/cli/serve.ts"))}
setInterval(() => {}, 1000)
await serve(Effect.gen(function*() {
  yield* Effect.addFinalizer(() => Effect.andThen(Effect.sync(() => console.log("draining")), Effect.never))
  console.log("ready")
  return yield* Effect.never
}))
`,
    )
    const started = new Gantry([], script)
    await started.says(/ready/)
    started.child.kill("SIGTERM")
    await started.says(/draining/)
    expect(await started.stop("SIGTERM")).toMatchObject({ code: 143, signal: null })
  })
})

describe("mistakes", () => {
  it("are told in a sentence, with the nearest thing that is known", async () => {
    const [, namesrv] = await dev()
    await gantry("produce", "orders", "hello", "-n", namesrv)
    expect(await gantry("consume", "oders", "-n", namesrv)).toEqual({
      code: 1,
      err: `gantry: No broker serves topic oders, says the name server ${namesrv}. Did you mean orders? Send it a message first: gantry produce oders hello.\n`,
      out: "",
      signal: null,
    })
    expect(await gantry("consume", "orders", "--max", "2", "-n", namesrv)).toMatchObject({
      code: 1,
      err: "1 of 2 messages are there.\n",
    })
    expect(await gantry("cnsume", "orders")).toMatchObject({
      code: 2,
      err: "gantry: gantry has no command cnsume. Did you mean consume? See gantry --help.\n",
    })
  })

  it("of the address are told with what to start", async () => {
    const holder = net.createServer().listen(0, "127.0.0.1")
    await once(holder, "listening")
    const { port } = holder.address() as net.AddressInfo
    holder.close()
    await once(holder, "close")
    expect(await gantry("consume", "orders", "-n", `127.0.0.1:${port}`)).toMatchObject({
      code: 1,
      err: `gantry: No name server answers at 127.0.0.1:${port} (the connection is refused). Start one with gantry dev or gantry namesrv, or say where it is with -n HOST:PORT.\n`,
    })
  })

  it("helps, and tells its version", async () => {
    expect((await gantry("--help")).out).toContain("gantry COMMAND --help")
    expect((await gantry("dev", "--help")).out).toContain("--namesrv-port PORT")
    expect((await gantry("help", "dev")).out).toContain("--namesrv-port PORT")
    expect((await gantry("--version")).out).toMatch(/^gantry \d+\.\d+\.\d+\n$/)
  })
})
