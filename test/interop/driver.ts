/** A JVM that runs scenarios through one release of the Java client. The scenarios are in `driver/`, and so is the protocol. */
import { createInterface } from "node:readline"
import { join } from "node:path"
import * as Java from "./java.ts"
import * as Processes from "./processes.ts"
import type { Servers } from "./servers.ts"

/** What a client is told by its JVM: release, header serialization, and how it sends. */
export interface ClientSpec {
  readonly version: "5.5.0" | "4.9.8"
  readonly serialization: "JSON" | "ROCKETMQ"
  /** Sends by the old request with its long names, and compresses by LZ4 instead of zlib. */
  readonly oldSends: boolean
}

export const clientName = (spec: ClientSpec): string => `${spec.version}, ${spec.serialization}`

export interface Outcome {
  readonly scenario: string
  readonly client: string
  readonly ok: boolean
  readonly ms: number
  /** Remarks of a scenario that went well; why, of one that did not. */
  readonly detail: string
}

/** Does what a scenario asks to be done to the cluster. */
export type Act = (what: string) => Promise<void>

export interface Driver {
  readonly run: (scenario: string, act: Act) => Promise<Outcome>
  readonly close: () => Promise<void>
}

/** Longer than the patience inside any scenario: only a JVM that hangs gets here. */
const scenarioMsMax = 180_000

const reply = (line: string): { id: number; ask?: string; ok?: boolean; detail?: string } | undefined =>
  line.startsWith('{"id":') ? JSON.parse(line) : undefined

export const start = (
  java: Java.Java,
  spec: ClientSpec,
  servers: Servers,
  nameServerPort: number,
  folder: string,
): Driver => {
  const client = clientName(spec)
  const tag = `${spec.version.replaceAll(".", "")}-${spec.serialization}${spec.oldSends ? "-old" : ""}`
  const child = Processes.start({
    name: `driver ${client}`,
    file: java.java,
    args: [
      ...Java.smallJvm(256),
      `-Duser.home=${folder}`,
      `-Dinterop.namesrv=127.0.0.1:${nameServerPort}`,
      `-Dinterop.tag=${tag}`,
      `-Dinterop.checksums=${servers.checksums}`,
      `-Drocketmq.serialize.type=${spec.serialization}`,
      // Members of a group look for each other once a second instead of every 20 s.
      "-Drocketmq.client.rebalance.waitInterval=1000",
      ...(spec.oldSends
        ? ["-Dorg.apache.rocketmq.client.sendSmartMsg=false", "-Drocketmq.message.compressType=LZ4"]
        : []),
      "-classpath",
      Java.classPath(java, { folder: "driver", version: spec.version }),
      "interop.Driver",
    ],
    cwd: folder,
    logPath: join(folder, `driver-${tag}.log`),
    talks: true,
  })
  const { stdin, stdout } = child.process
  if (stdin === null || stdout === null) throw new Error("a driver without pipes")

  interface Running {
    readonly act: Act
    readonly settle: (verdict: Pick<Outcome, "ok" | "detail">) => void
  }
  const running = new Map<number, Running>()
  let lastId = 0
  const fail = (id: number, detail: string) => running.get(id)?.settle({ ok: false, detail })

  createInterface({ input: stdout }).on("line", (line) => {
    const message = reply(line)
    const scenario = message === undefined ? undefined : running.get(message.id)
    if (message === undefined || scenario === undefined) return
    if (message.ask === undefined) {
      scenario.settle({ ok: message.ok === true, detail: message.detail ?? "" })
      return
    }
    scenario.act(message.ask).then(
      () => stdin.write(`answer ${message.id} done\n`),
      (error: unknown) => fail(message.id, String(error instanceof Error ? error.message : error)),
    )
  })
  // Writing to a JVM that has just ended raises an error on the pipe; the end itself is what fails the scenarios.
  stdin.on("error", () => undefined)
  void child.end.then((outcome) => {
    for (const id of running.keys()) fail(id, `the JVM ended (${outcome})\n${Processes.tail(child)}`)
  })

  return {
    run: (scenario, act) => {
      const id = ++lastId
      const startMs = Date.now()
      const { promise, resolve } = Promise.withResolvers<Outcome>()
      const timer = setTimeout(() => fail(id, "the scenario hangs"), scenarioMsMax)
      running.set(id, {
        act,
        settle: (verdict) => {
          clearTimeout(timer)
          running.delete(id)
          resolve({
            scenario: spec.oldSends ? `${scenario}, old request` : scenario,
            client,
            ms: Date.now() - startMs,
            ...verdict,
          })
        },
      })
      if (child.ended()) fail(id, `the JVM has ended\n${Processes.tail(child)}`)
      else stdin.write(`run ${id} ${scenario}\n`)
      return promise
    },
    close: () => Processes.kill(child),
  }
}
