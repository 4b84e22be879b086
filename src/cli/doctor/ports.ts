/** Whether the broker can listen where its settings say, and who is in the way. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs"
import * as net from "node:net"
import * as PropertyFile from "../../format/PropertyFile.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import { type BrokerConfig, fastPortOf } from "../../node/broker/BrokerConfig.ts"
import { isAny } from "../brokerSettings.ts"
import type { ClusterClient } from "../ClusterClient.ts"
import { type Verdict, ok, problem } from "./Verdict.ts"

/** `isAnyones`: the settings are nobody's in particular, so that a broker that runs there is as good as its own. */
export const ports = async (
  cluster: ClusterClient,
  config: BrokerConfig,
  isAnyones = false,
): Promise<ReadonlyArray<Verdict>> => {
  const fast = fastPortOf(config)
  const wanted = [
    { name: "listenPort", port: config.listenPort },
    ...(fast === undefined ? [] : [{ name: "fastListenPort", port: fast }]),
  ]
  const verdicts: Array<Verdict> = []
  for (const { name, port } of wanted) verdicts.push(await portOf(cluster, config, isAnyones, name, port))
  return verdicts
}

const portOf = async (
  cluster: ClusterClient,
  config: BrokerConfig,
  isAnyones: boolean,
  name: string,
  port: number,
): Promise<Verdict> => {
  const { bindAddress, brokerName } = config
  const at = PeerAddress.print({ host: bindAddress, port })
  const check = `port ${port}`
  const reason = port === 0 ? undefined : await listenFailure(bindAddress, port)
  if (reason === undefined) return ok(check, port === 0 ? `${name}=0 takes a free one` : `${at} is free`)
  if (reason === "EACCES")
    return problem(check, `${at} may not be listened on by this user`, `Choose ${name} above 1023, or allow it.`)
  if (reason === "EADDRNOTAVAIL" || reason === "ENOTFOUND")
    return problem(
      check,
      `this machine has no address ${bindAddress}`,
      "Set bindAddress to one of its own, or 0.0.0.0.",
    )
  if (reason !== "EADDRINUSE")
    return problem(check, `${at} cannot be listened on: ${reason}`, `Choose another ${name}.`)
  const running = await brokerAt(cluster, isAny(bindAddress) ? "127.0.0.1" : bindAddress, port)
  if (running === brokerName) return ok(check, `${brokerName} itself is running on ${at}`)
  if (running !== undefined && isAnyones) return ok(check, `${running} is running on ${at}`)
  const holder = holderOf(port)
  const who =
    running === undefined
      ? (holder ?? "another program")
      : `another broker, ${running}${holder === undefined ? "" : `, ${holder}`}`
  return problem(check, `${at} is taken by ${who}`, `Stop that one, or choose another ${name}.`)
}

/** Why a port cannot be listened on, as the system calls it; undefined when it can. */
const listenFailure = (host: string, port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const server = net.createServer((socket) => socket.destroy())
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ exclusive: true, host, port }, () => server.close(() => resolve(undefined)))
  })

/** The name of the broker that answers there. */
export const brokerAt = async (cluster: ClusterClient, host: string, port: number): Promise<string | undefined> => {
  const answer = await cluster.ask({ host, port }, { code: RequestCode.GET_BROKER_CONFIG }, 2_000)
  if (answer instanceof RemotingError || answer.code !== ResponseCode.SUCCESS) return undefined
  return PropertyFile.parse(answer.body.toString(), "broker").find(({ name }) => name === "brokerName")?.value
}

/** The process that listens on a port, where Linux tells: its own processes to every user, others' to root. */
export const holderOf = (port: number): string | undefined => {
  try {
    const inodes = new Set(
      ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((file) => listenersIn(readFileSync(file, "utf8"), port)),
    )
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      if (socketsOf(pid).some((inode) => inodes.has(inode)))
        return `process ${pid} (${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 80)})`
    return undefined
  } catch {
    return undefined
  }
}

/** The sockets that listen on a port, in the kernel's table: `sl local_address rem_address st … inode`. */
const listenersIn = (table: string, port: number): ReadonlyArray<string> =>
  table.split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const isIt = fields[3] === "0A" && Number.parseInt(fields[1]?.split(":")[1] ?? "", 16) === port
    return isIt && fields[9] !== undefined ? [fields[9]] : []
  })

/** The sockets that a process has open, as far as this user may see them. */
const socketsOf = (pid: string): ReadonlyArray<string> => {
  const folder = `/proc/${pid}/fd`
  return attempt(() => readdirSync(folder), []).flatMap((fd) => {
    // A descriptor may be gone by now; that of the folder itself always is.
    const [, inode] = /^socket:\[(\d+)\]$/.exec(attempt(() => readlinkSync(`${folder}/${fd}`), "")) ?? []
    return inode === undefined ? [] : [inode]
  })
}

const attempt = <T>(read: () => T, otherwise: T): T => {
  try {
    return read()
  } catch {
    return otherwise
  }
}
