import { randomInt } from "node:crypto"
import * as os from "node:os"
import * as UniqKey from "../format/UniqKey.ts"

/** Unique ids of messages, as RocketMQ's clients make them. */
export class MessageIds {
  readonly #prefix: string
  #counter = 0

  constructor() {
    const addresses = Object.values(os.networkInterfaces()).flatMap((list) => list ?? [])
    const own = addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1"
    this.#prefix = UniqKey.prefix(Buffer.from(own.split(".").map(Number)), process.pid, randomInt(2 ** 31))
  }

  next(): string {
    const now = new Date()
    const sinceMonthMs = now.getTime() - new Date(now.getFullYear(), now.getMonth()).getTime()
    return UniqKey.make(this.#prefix, sinceMonthMs, this.#counter++)
  }
}
