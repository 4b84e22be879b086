/** `gantry admin` and `gantry doctor` as people and scripts run them: processes, what they load, and whom they ask. */
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Admin } from "../../src/cli/admin/Admin.ts"
import { areas } from "../../src/cli/admin/areas.ts"
import { commandOf } from "../../src/cli/admin/AdminWords.ts"
import { Call, parse } from "../../src/cli/Call.ts"
import { ClusterClient } from "../../src/cli/ClusterClient.ts"
import type { Verdict } from "../../src/cli/doctor/Verdict.ts"
import * as NameServer from "../../src/format/NameServer.ts"
import * as RegisterBroker from "../../src/format/RegisterBroker.ts"
import { RequestCode } from "../../src/format/RequestCode.ts"
import { Rig } from "./admin/Rig.ts"
import { captured } from "./admin/captured.ts"

const root = path.join(import.meta.dirname, "../..")
let rig: Rig

beforeAll(async () => {
  rig = await Rig.start()
})

afterAll(() => rig.stop())

/** A process beside this one, whose event loop the cluster needs meanwhile. */
const gantry = async (...words: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [path.join(root, "src/cli/main.ts"), ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  let [out, err] = ["", ""]
  child.stdout.on("data", (chunk: Buffer) => (out += chunk))
  child.stderr.on("data", (chunk: Buffer) => (err += chunk))
  const [code] = (await once(child, "close")) as [number]
  return { code, err, out }
}

/** The modules that come with one, as paths within the tree or within packages. */
const loadedBy = (module: string): ReadonlyArray<string> => {
  const script = `
    import { registerHooks } from "node:module"
    const urls = []
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) })
    await import(${JSON.stringify(path.join(root, module))})
    console.log(JSON.stringify(urls))`
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })
  if (ended.status !== 0) throw new Error(ended.stderr)
  return (JSON.parse(ended.stdout) as ReadonlyArray<string>).map((url) =>
    url.replace(/^.*\/node_modules\//, "").replace(`file://${root}/`, ""),
  )
}

const deleteTopic = (...words: ReadonlyArray<string>): Call => {
  const found = areas.flatMap(({ commands }) => commands).find(({ name }) => name === "deleteTopic")!
  const call = parse(commandOf(found), ["-t", "orders", ...words])
  if (call === "help") throw new Error("asked for help")
  return call
}

const asked = async (call: Call, answer: string): Promise<string> => {
  let question = ""
  const admin = new Admin(call, new ClusterClient([]), async (text) => {
    question = text
    return answer
  })
  await admin.confirm("Topic orders is deleted.").finally(() => admin.close())
  return question
}

describe("a process", () => {
  it("prints a table for people, JSON for programs, and mistakes to standard error", async () => {
    expect(await gantry("admin", "updateTopic", "-t", "orders", "-c", "DefaultCluster", "-r", "2", "-w", "2")).toEqual({
      code: 0,
      err: "",
      out: "BROKER    TOPIC   READ QUEUES  WRITE QUEUES  PERMISSION       ORDERED\nbroker-a  orders            2             2  6 (read, write)  no\n",
    })
    const { out } = await gantry("admin", "topicRoute", "-t", "orders", "-n", rig.namesrv, "-o", "json")
    expect(JSON.parse(out)).toEqual([
      {
        addresses: { "0": rig.broker },
        broker: "broker-a",
        cluster: "DefaultCluster",
        perm: 6,
        readQueueNums: 2,
        writeQueueNums: 2,
      },
    ])
    // Not on a terminal: it does not ask, as mqadmin does not.
    expect(await gantry("admin", "deleteTopic", "-t", "orders", "-c", "DefaultCluster")).toMatchObject({
      code: 0,
      err: "",
    })
    expect(await gantry("admin", "topicRoute", "-t", "orders")).toMatchObject({ code: 1, out: "" })
  })

  it("helps by area and by command", async () => {
    expect((await gantry("admin", "--help")).out).toMatch(/^Usage: gantry admin COMMAND[^]*\nTopics\n {2}updateTopic /)
    expect((await gantry("help", "admin", "updateTopic")).out).toContain(
      "gantry admin updateTopic -t orders -c DefaultCluster",
    )
    expect(await gantry("admin")).toMatchObject({ code: 2, err: "" })
  })

  it("is a doctor, too", async () => {
    const { code, out } = await gantry(
      "doctor",
      "-o",
      "json",
      "--set",
      "listenPort=0",
      "--set",
      `storePathRootDir=${rig.folder}`,
    )
    const verdicts = JSON.parse(out) as ReadonlyArray<Verdict>
    expect(verdicts.find(({ check }) => check === "broker broker-a")).toMatchObject({ verdict: "ok" })
    expect(code).toBe(verdicts.some(({ verdict }) => verdict === "problem") ? 1 : 0)
  })
})

describe("what is loaded", () => {
  it("to find a command is words alone, and never a runtime", () => {
    const loaded = loadedBy("src/cli/admin.ts")
    expect(
      loaded.filter((name) =>
        /admin\/(topics|groups|messages|brokers|cluster|names|offsets|connections)\.ts$/.test(name),
      ),
    ).toEqual([])
  })

  it.each(["topics", "groups", "brokers", "cluster", "names", "offsets", "connections"])(
    "for %s is nothing of Effect (ADR 0002)",
    (area) => {
      const loaded = loadedBy(`src/cli/admin/${area}.ts`)
      expect(loaded).toContain(`src/cli/admin/${area}.ts`)
      expect(loaded.filter((name) => /^@?effect\//.test(name))).toEqual([])
    },
  )

  it("for messages is neither Schema nor Effect's runtime", () => {
    const loaded = loadedBy("src/cli/admin/messages.ts")
    expect(loaded.filter((name) => /^effect\/dist\/(?:Effect|Schema|Layer|Stream|index)\.js$/.test(name))).toEqual([])
  })
})

describe("a broker that does not answer", () => {
  let ghost: ClusterClient

  /** The name server knows it for as long as the connection lasts, and nobody is there. */
  const registerGhost = async (): Promise<void> => {
    ghost = new ClusterClient([rig.cluster.namesrv])
    const answer = await ghost.askNameServer({
      body: RegisterBroker.encode({
        filterServerList: [],
        topicConfigSerializeWrapper: {
          dataVersion: { counter: 1, stateVersion: 0, timestamp: 1 },
          topicConfigTable: new Map(),
        },
      }),
      code: RequestCode.REGISTER_BROKER,
      ext: NameServer.RegisterBroker.encode({
        brokerAddr: "127.0.0.1:1",
        brokerId: 0,
        brokerName: "broker-b",
        clusterName: "DefaultCluster",
        haServerAddr: "127.0.0.1:2",
      }),
    })
    expect(answer.code).toBe(0)
  }

  afterAll(() => ghost.close())

  it("keeps nobody else from a change, and the fault says who has made it", async () => {
    await registerGhost()
    const { code, err } = await captured(["admin", "updateTopic", "-t", "halves", "-c", "DefaultCluster"])
    expect(code).toBe(1)
    expect(err).toBe(
      "gantry: The name server says that broker-b is at 127.0.0.1:1, and nothing can be reached there (the connection is refused). Is it running? If it is behind Docker or NAT, set its brokerIP1 (gantry dev: --advertise) to an address that can be reached from here. It is done on broker-a: run this again when all answer.\n",
    )
    expect(await captured(["admin", "topicRoute", "-t", "halves"])).toMatchObject({ code: 0 })
  })

  it("is a line of the list of brokers, and the exit code says that something is missing", async () => {
    const { code, out } = await captured(["admin", "clusterList"])
    expect(code).toBe(1)
    expect(out).toMatch(/DefaultCluster {2}broker-a +0 /)
    expect(out).toContain(
      "broker-b 127.0.0.1:1: cannot be asked (the connection is refused); is its advertised address right?\n",
    )
  })
})

describe("before something is lost", () => {
  it("a person is asked, and everything but yes changes nothing", async () => {
    expect(await asked(deleteTopic(), "yes")).toBe("Topic orders is deleted. Type yes to go on: ")
    await expect(asked(deleteTopic(), "y")).rejects.toThrow("Nothing was changed.")
    expect(await asked(deleteTopic("--yes"), "no")).toBe("")
  })
})
