import * as os from "node:os"
import { type Environment, PageError } from "./Environment.ts"

/** An interval that the event loop waits for; it does nothing when it fires. */
const longMs = 0x7fff_ffff

const isLinkLocal = (address: string): boolean => address.startsWith("fe80:") || address.startsWith("169.254.")

const localAddress = (): string => {
  const addresses = Object.values(os.networkInterfaces())
    .flat()
    .filter((one) => one !== undefined && !one.internal)
  const usable = addresses.filter((one) => !isLinkLocal(one!.address))
  return (
    usable.find((one) => one!.family === "IPv4")?.address ??
    usable.find((one) => one!.family === "IPv6")?.address ??
    "127.0.0.1"
  )
}

const fetchText = async (url: string, timeoutMs: number): Promise<string | PageError> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
    const page = await response.text()
    return response.ok ? page : new PageError(url, `status ${response.status}`)
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    return new PageError(url, cause instanceof Error ? cause.message : String(cause))
  }
}

/** This machine and this process. */
export const nodeEnvironment: Environment = {
  fetchText: (url, timeoutMs, done) => void fetchText(url, timeoutMs).then(done),
  homeFolder: () => os.homedir(),
  keepAlive: () => {
    const timer = setInterval(() => {}, longMs)
    return () => clearInterval(timer)
  },
  localAddress,
  monthStartMs: (nowMs) => {
    const now = new Date(nowMs)
    return new Date(now.getFullYear(), now.getMonth(), 1).getTime()
  },
  processId: process.pid,
  variable: (name) => process.env[name],
}
