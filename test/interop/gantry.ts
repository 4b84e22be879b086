/** Gantry's own name server and broker, started as an operator starts them. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import * as Processes from "./processes.ts"
import { writeBrokerFile, writeNameServerFile, type Servers } from "./servers.ts"

const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts")

/** Numbers the logs: a server that is started again must not be found ready by the line of its last life. */
let starts = 0

const start = async (name: string, args: ReadonlyArray<string>, folder: string, port: number) => {
  const child = Processes.start({
    name: `Gantry ${name} ${port}`,
    file: process.execPath,
    args: [main, name, ...args],
    cwd: folder,
    logPath: join(folder, `${name}-${port}-${++starts}.log`),
  })
  await Processes.ready(child, /ready/, port)
  return child
}

/** `gantry dev`: name server and broker in one process, everything in memory. */
export const startDev = async (folder: string): Promise<{ child: Processes.Child; nameServerPort: number }> => {
  const [port, nameServerPort] = [await Processes.freePort(), await Processes.freePort()]
  const child = Processes.start({
    name: `gantry dev ${port}`,
    file: process.execPath,
    args: [main, "dev", "--port", String(port), "--namesrv-port", String(nameServerPort)],
    cwd: folder,
    logPath: join(folder, "dev.log"),
  })
  await Processes.ready(child, /Ctrl-C stops/, port)
  return { child, nameServerPort }
}

/** `gantry admin LINE` against a cluster of either make. Rejects with what it says when it does not do it. */
export const admin = async (line: string, nameServerPort: number): Promise<void> => {
  const words = ["admin", ...line.split(" "), "-n", `127.0.0.1:${nameServerPort}`]
  await promisify(execFile)(process.execPath, [main, ...words])
}

export const servers: Servers = {
  make: "Gantry",
  lanes: 2,
  checksums: true,
  offsetsAtRiskMs: 0,
  startNameServer: (spec) => start("namesrv", ["-c", writeNameServerFile(spec)], spec.folder, spec.port),
  startBroker: (spec) =>
    start("broker", ["-c", writeBrokerFile(spec), "-n", `127.0.0.1:${spec.nameServerPort}`], spec.folder, spec.port),
}
