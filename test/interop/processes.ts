/**
 * Child processes and ports of a run against real servers and clients.
 *
 * Promises
 *   mortal    every child is killed when this process ends: normally, by an error, by SIGINT, SIGTERM or SIGHUP
 *   logged    a child's output goes to one file, and the end of that file is part of every error about the child
 */
import { spawn, type ChildProcess } from "node:child_process"
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { dirname } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

/** One running (or ended) child process. */
export interface Child {
  readonly name: string
  readonly process: ChildProcess
  readonly logPath: string
  /** Whether the process has ended. */
  readonly ended: () => boolean
  /** Resolves when the process has ended, with its exit code, or the signal that ended it. */
  readonly end: Promise<number | NodeJS.Signals>
}

export interface Command {
  readonly name: string
  readonly file: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string
  /** Standard output and standard error are appended here. */
  readonly logPath: string
  /** The child's standard input and output are pipes to the caller; standard error still goes to the log. */
  readonly talks?: boolean
}

const alive = new Set<ChildProcess>()
let guarded = false

/** Ends everything with this process. SIGKILL itself cannot be caught: a child that talks ends with its input instead. */
const guard = () => {
  if (guarded) return
  guarded = true
  process.on("exit", () => {
    for (const child of alive) child.kill("SIGKILL")
  })
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => process.exit(code))
  }
}

/** Starts a child. A program that cannot be started shows up as an ended child whose log says why. */
export const start = (command: Command): Child => {
  guard()
  mkdirSync(dirname(command.logPath), { recursive: true })
  const log = openSync(command.logPath, "a")
  const child = spawn(command.file, command.args, {
    cwd: command.cwd,
    stdio: command.talks === true ? ["pipe", "pipe", log] : ["ignore", log, log],
  })
  closeSync(log)
  alive.add(child)
  let over = false
  const { promise, resolve } = Promise.withResolvers<number | NodeJS.Signals>()
  const finish = (outcome: number | NodeJS.Signals) => {
    over = true
    alive.delete(child)
    resolve(outcome)
  }
  child.on("error", () => finish(127))
  child.on("exit", (code, signal) => finish(code ?? signal ?? 0))
  return { name: command.name, process: child, logPath: command.logPath, ended: () => over, end: promise }
}

/** Asks a child to stop (SIGTERM) and waits; kills it when it is still there after `patienceMs`. */
export const stop = async (child: Child, patienceMs = 30_000): Promise<number | NodeJS.Signals> => {
  if (!child.ended()) child.process.kill("SIGTERM")
  const late = Symbol("late")
  const patience = new AbortController()
  const outcome = await Promise.race([
    child.end,
    sleep(patienceMs, late, { signal: patience.signal }).catch(() => late),
  ])
  patience.abort()
  if (typeof outcome !== "symbol") return outcome
  await kill(child)
  throw new Error(`${child.name} did not stop within ${patienceMs} ms of SIGTERM\n${tail(child)}`)
}

/** Kills a child (SIGKILL) and waits until it is gone. */
export const kill = async (child: Child): Promise<void> => {
  if (!child.ended()) child.process.kill("SIGKILL")
  await child.end
}

/** The last lines that a child wrote. */
export const tail = (child: Child, lines = 25): string => {
  const text = readFileSync(child.logPath, "utf8").trimEnd()
  return `--- end of ${child.logPath}\n${text.split("\n").slice(-lines).join("\n")}`
}

/** Waits until the child's log holds `pattern` and its port, if any, answers. Throws, with the log's end, if it never does. */
export const ready = async (child: Child, pattern: RegExp, port: number | undefined, patienceMs = 60_000) => {
  const deadlineMs = Date.now() + patienceMs
  for (;;) {
    if (child.ended()) throw new Error(`${child.name} ended (${await child.end}) before it was ready\n${tail(child)}`)
    if (pattern.test(readFileSync(child.logPath, "utf8")) && (port === undefined || (await answers(port)))) return
    if (Date.now() > deadlineMs) {
      throw new Error(`${child.name} was not ready within ${patienceMs} ms: no ${pattern}\n${tail(child)}`)
    }
    await sleep(50)
  }
}

const answers = (port: number): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, "127.0.0.1")
  socket.on("connect", () => resolve(true))
  socket.on("error", () => resolve(false))
  return promise.finally(() => socket.destroy())
}

const bindable = (port: number): Promise<boolean> => {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.on("error", () => resolve(false))
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  return promise
}

const taken = new Set<number>()

/**
 * A port of 127.0.0.1 that is free together with its neighbours from two below to one above: a broker also listens
 * on `listenPort - 2` (fast port) and `listenPort + 1` (replication). Taken from below the range that systems hand
 * out to outgoing connections, so that a server can be stopped and started again on the same port.
 */
export const freePort = async (): Promise<number> => {
  for (let attempt = 0; attempt < 500; attempt++) {
    const port = 20_000 + 4 * Math.floor(Math.random() * 2_500) + 2
    if (taken.has(port)) continue
    taken.add(port)
    const free = await Promise.all([port - 2, port - 1, port, port + 1].map(bindable))
    if (free.every(Boolean)) return port
  }
  throw new Error("no four free neighbouring ports between 20000 and 30000 on 127.0.0.1")
}
