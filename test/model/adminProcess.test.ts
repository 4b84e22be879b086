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
import { Rig } from "./admin/Rig.ts"

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

  it.each(["topics", "groups", "messages", "brokers", "cluster", "names", "offsets", "connections"])(
    "for %s is neither Schema nor Effect's runtime (ADR 0002)",
    (area) => {
      const loaded = loadedBy(`src/cli/admin/${area}.ts`)
      expect(loaded).toContain(`src/cli/admin/${area}.ts`)
      expect(loaded.filter((name) => /^effect\/dist\/(?:Effect|Schema|Layer|Stream|index)\.js$/.test(name))).toEqual([])
    },
  )
})

describe("before something is lost", () => {
  it("a person is asked, and everything but yes changes nothing", async () => {
    expect(await asked(deleteTopic(), "yes")).toBe("Topic orders is deleted. Type yes to go on: ")
    await expect(asked(deleteTopic(), "y")).rejects.toThrow("Nothing was changed.")
    expect(await asked(deleteTopic("--yes"), "no")).toBe("")
  })
})
