/** Makes the unique ids of one client's messages (property UNIQ_KEY). */
import * as Host from "../../format/Host.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as UniqKey from "../../format/UniqKey.ts"
import type { Environment } from "../../infra/environment/Environment.ts"
import type { ClientWorld } from "../Options.ts"

/** How long the start of the month is believed: ids may be off by that much when a month begins. */
const monthBelievedMs = 60_000

export class UniqKeys {
  readonly #world: ClientWorld
  readonly #environment: Environment
  readonly #prefix: string
  #counter = 0
  #monthStartMs = 0
  #monthReadMs = -Infinity

  constructor(world: ClientWorld, environment: Environment, clientIP: string) {
    this.#world = world
    this.#environment = environment
    const host = Host.make(clientIP, 0)
    // A name instead of an address: any four bytes tell this client from others as well.
    const ip = host instanceof Malformed ? fourBytes(world.random.u32()) : host.subarray(0, host.length - 4)
    this.#prefix = UniqKey.prefix(ip, environment.processId, world.random.u32() | 0)
  }

  next(): string {
    const nowMs = this.#world.clock.nowMs()
    if (nowMs < this.#monthReadMs || nowMs >= this.#monthReadMs + monthBelievedMs) {
      this.#monthStartMs = this.#environment.monthStartMs(nowMs)
      this.#monthReadMs = nowMs
    }
    return UniqKey.make(this.#prefix, nowMs - this.#monthStartMs, this.#counter++)
  }
}

const fourBytes = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
