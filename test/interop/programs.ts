/** Clients in other languages: programs that run scenarios of their own and print an outcome a line. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Outcome } from "./driver.ts"
import * as Processes from "./processes.ts"
import type { Servers } from "./servers.ts"

interface Program {
  readonly client: string
  readonly topics: ReadonlyArray<string>
  /** What a machine must have for it. */
  readonly needs: string
  /** Builds it in a folder and answers how it is started; undefined without what it needs. */
  readonly build: (folder: string) => ((nameServer: string, broker: string) => Command) | undefined
}

type Command = Pick<Processes.Command, "args" | "file">

const run = (file: string, args: ReadonlyArray<string>, cwd: string): void => {
  const { error, status, stderr, stdout } = spawnSync(file, args, { cwd, encoding: "utf8" })
  if (status !== 0) throw new Error(`${file} ${args.join(" ")}: ${error?.message ?? stderr + stdout}`)
}

export const programs: Readonly<Record<string, Program>> = {
  go: {
    build: (folder) => {
      if (spawnSync("go", ["version"]).status !== 0) return undefined
      const driver = join(folder, "driver")
      run("go", ["build", "-o", driver, "."], join(import.meta.dirname, "go"))
      return (nameServer, broker) => ({ args: [nameServer, broker], file: driver })
    },
    client: "rocketmq-client-go 2.1.2",
    needs: "Go 1.22",
    topics: [],
  },
  ons: {
    build: (folder) => {
      cpSync(join(import.meta.dirname, "ons"), folder, { recursive: true })
      run("npm", ["install", "--no-package-lock", "--no-audit", "--no-fund"], folder)
      return (nameServer) => ({ args: [join(folder, "main.cjs"), nameServer], file: process.execPath })
    },
    client: "ali-ons 3.12.0",
    needs: "npm",
    topics: ["OnsPlain", "OnsTags", "OnsRetry", "OnsBroadcast"],
  },
}

const gantry = join(import.meta.dirname, "../../src/cli/main.ts")

/** Runs a program against a cluster of its own; without the language that it needs, says so. */
export const start = async (
  name: string,
  servers: Servers,
  folder: string,
  report: (outcome: Outcome) => void,
): Promise<void> => {
  const { build, client, needs, topics } = programs[name]!
  mkdirSync(folder, { recursive: true })
  const command = build(folder)
  if (command === undefined) return console.log(`skip ${name}: ${needs} is missing; nothing was tried with ${client}.`)
  const [nameServerPort, port] = [await Processes.freePort(), await Processes.freePort()]
  const nameServer = await servers.startNameServer({ folder: join(folder, "namesrv"), port: nameServerPort })
  const broker = await servers.startBroker({
    folder: join(folder, "broker"),
    nameServerPort,
    port,
    properties: { mappedFileSizeCommitLog: 16_777_216 },
    storeFolder: join(folder, "store"),
  })
  const [nameServerAddr, brokerAddr] = [`127.0.0.1:${nameServerPort}`, `127.0.0.1:${port}`]
  for (const topic of topics) {
    const args = [gantry, "admin", "updateTopic", "-n", nameServerAddr, "-b", brokerAddr, "-t", topic]
    run(process.execPath, args, folder)
  }
  const child = Processes.start({
    ...command(nameServerAddr, brokerAddr),
    cwd: folder,
    logPath: join(folder, "client.log"),
    name: client,
    talks: true,
  })
  let count = 0
  for await (const line of createInterface({ input: child.process.stdout! })) {
    const outcome = readOutcome(line)
    if (outcome === undefined) continue
    count++
    report({ ...outcome, client, scenario: `${name}: ${outcome.scenario}` })
  }
  const end = await child.end
  if (end !== 0 || count === 0) throw new Error(`${client} ended with ${end}\n${Processes.tail(child)}`)
  await Processes.stop(broker)
  await Processes.stop(nameServer)
}

const readOutcome = (line: string): Omit<Outcome, "client"> | undefined =>
  line.startsWith("{") ? (JSON.parse(line) as Omit<Outcome, "client">) : undefined
