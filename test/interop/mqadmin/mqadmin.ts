/** Apache's mqadmin against a cluster: every command that administrators use, and what it prints. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Outcome } from "../driver.ts"
import type * as Java from "../java.ts"
import * as Processes from "../processes.ts"
import type { Servers } from "../servers.ts"
import { steps } from "./commands.ts"
import * as Tool from "./tool.ts"

const files: Readonly<Record<string, unknown>> = {
  "topics.json": ["listed-1", "listed-2"].map((topicName) => ({
    perm: 6,
    readQueueNums: 2,
    topicName,
    writeQueueNums: 2,
  })),
  "groups.json": [{ groupName: "listed-group", retryMaxTimes: 3 }],
}

/** What mqadmin prints of a failure: it has no exit codes. */
const failure = /^\s+at [\w.$]+\(|^mqadmin (?:has )?ended its JVM|^no end within|\[error\]/m

/** Clients commit offsets every 5 s, and send what they traced when there is enough of it or after a while. */
const laterMs = 30_000

/** A broker that has just started may not have told the name server yet. */
const registered = async (tool: Tool.Tool): Promise<void> => {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (/broker-a/.test(await tool.admin(["clusterList"]))) return
    await sleep(100)
  }
  throw new Error("the name server knows no broker after 10 s")
}

export const run = async (
  java: Java.Java,
  servers: Servers,
  folder: string,
  report: (outcome: Outcome) => void,
): Promise<void> => {
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content))
  const [nameServerPort, port] = [await Processes.freePort(), await Processes.freePort()]
  const nameServer = await servers.startNameServer({ folder: join(folder, "namesrv"), port: nameServerPort })
  const broker = await servers.startBroker({
    folder: join(folder, "broker"),
    nameServerPort,
    port,
    properties: { mappedFileSizeCommitLog: 16_777_216, traceTopicEnable: true },
    storeFolder: join(folder, "store"),
  })
  const tool = Tool.start(java, nameServerPort, folder)
  const client = `mqadmin ${Tool.version}`
  const known = new Map([
    ["broker", `127.0.0.1:${port}`],
    ["namesrv", `127.0.0.1:${nameServerPort}`],
  ])
  const filled = (word: string): string =>
    word
      .replace(/^\$file\((.*)\)$/, (_, name: string) => join(folder, name))
      .replace(/^\$(\w+)$/, (_, name: string) => known.get(name) ?? `no-${name}`)
  try {
    await registered(tool)
    for (const step of steps) {
      const startMs = Date.now()
      const [name = "", ...words] = step.line.split(" ").map(filled)
      const ask = (): Promise<string> =>
        name === "client" ? tool.client(words[0]!, words[1]!) : tool.admin([name, ...words])
      const refused = servers.make === "Gantry" ? step.refused : undefined
      const wanted = refused ?? step.says
      let printed = await ask()
      for (; step.isLater && !wanted.test(printed) && Date.now() - startMs < laterMs; await sleep(200))
        printed = await ask()
      const match = wanted.exec(printed)
      for (const [group, value] of Object.entries(match?.groups ?? {})) known.set(group, value)
      const ok = match !== null && failure.test(printed) === (refused !== undefined)
      report({
        client,
        detail: ok ? (refused === undefined ? "" : "refused, as it should be") : printed,
        ms: Date.now() - startMs,
        ok,
        scenario: `mqadmin: ${name}${step.about === undefined ? "" : `, ${step.about}`}`,
      })
    }
    await Processes.stop(broker)
    await Processes.stop(nameServer)
  } finally {
    await tool.close()
  }
}
