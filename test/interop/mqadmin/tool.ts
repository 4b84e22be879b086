/** Apache's own mqadmin, whose commands run one after another in one JVM. The JVM's side is in `driver/`. */
import { createInterface } from "node:readline"
import { join } from "node:path"
import * as Java from "../java.ts"
import * as Processes from "../processes.ts"

export const version = "5.5.0"

export interface Tool {
  /** Runs a command line of mqadmin; answers all that it printed. */
  readonly admin: (words: ReadonlyArray<string>) => Promise<string>
  /** Connects a producer and a consumer that stay; answers what went wrong, or nothing. */
  readonly client: (topic: string, group: string) => Promise<string>
  readonly close: () => Promise<void>
}

/** No command here takes longer by itself; mqadmin's own patience with a silent server is 5 s. */
const commandMsMax = 60_000

export const start = (java: Java.Java, nameServerPort: number, folder: string): Tool => {
  const child = Processes.start({
    name: "mqadmin",
    file: java.java,
    args: [
      ...Java.smallJvm(256),
      `-Duser.home=${folder}`,
      `-Djava.io.tmpdir=${folder}`,
      `-Drocketmq.home.dir=${folder}`,
      `-Drocketmq.namesrv.addr=127.0.0.1:${nameServerPort}`,
      // What mqadmin prints is judged; what its client library logs is not.
      "-Drocketmq.client.logLevel=ERROR",
      "-classpath",
      Java.classPath(java, { folder: "mqadmin/driver", version }),
      "interop.Mqadmin",
    ],
    cwd: folder,
    logPath: join(folder, "mqadmin.log"),
    talks: true,
  })
  const { stdin, stdout } = child.process
  if (stdin === null || stdout === null) throw new Error("a tool without pipes")
  const waiting: Array<(printed: string) => void> = []
  createInterface({ input: stdout }).on("line", (line) =>
    waiting.shift()?.(Buffer.from(line, "base64").toString("utf8")),
  )
  stdin.on("error", () => undefined)
  void child.end.then((outcome) => {
    for (const settle of waiting.splice(0)) settle(`mqadmin ended its JVM (${outcome})\n${Processes.tail(child)}`)
  })
  const ask = (words: ReadonlyArray<string>): Promise<string> =>
    new Promise((resolve) => {
      if (child.ended()) return resolve("mqadmin has ended its JVM")
      const timer = setTimeout(() => resolve(`no end within ${commandMsMax} ms`), commandMsMax)
      waiting.push((printed) => {
        clearTimeout(timer)
        resolve(printed)
      })
      stdin.write(`${words.join("\t")}\n`)
    })
  return {
    admin: (words) => ask(["admin", ...words]),
    client: (topic, group) => ask(["client", topic, group]),
    close: () => Processes.kill(child),
  }
}
