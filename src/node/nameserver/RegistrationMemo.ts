/**
 * Brokers send their whole topic table every 30 s, changed or not: 14 MB for 80,000 topics, 300 ms to read and apply.
 * The memo knows what each connection registered last, and so spares reading the same bytes again; comparing them by
 * length and CRC takes a few ms. What it knows is void as soon as any topic or broker was removed here, since a
 * registration also brings back what is missing.
 */
import type { DataVersion } from "../../domain/DataVersion.ts"
import { crc31 } from "../../format/Crc32.ts"
import type { RegisterBody } from "../../format/RegisterBroker.ts"

interface Known {
  readonly broker: string
  readonly sizeBytes: number
  readonly crc: number
  readonly removals: number
  readonly unchanged: RegisterBody
}

/** Bodies below this are read in less time than the memo is worth. */
const memoSizeBytesMin = 64 * 1024

export class RegistrationMemo {
  readonly #known = new WeakMap<object, Known>()
  #removals = 0

  /** Something that registrations may bring back was removed. */
  removed(): void {
    this.#removals++
  }

  /**
   * What stands for a body that this connection sent last, too, for the same broker: its version and filter servers,
   * and no topics, for all of them are known. Undefined when the body must be read.
   */
  unchanged(connection: object, broker: string, body: Buffer): RegisterBody | undefined {
    const known = this.#known.get(connection)
    if (known === undefined || known.removals !== this.#removals) return undefined
    if (known.broker !== broker || known.sizeBytes !== body.length || known.crc !== crc31(body)) return undefined
    return known.unchanged
  }

  /** Notes a body that was read and registered. */
  registered(connection: object, broker: string, body: Buffer, read: RegisterBody): void {
    if (body.length < memoSizeBytesMin) return
    const dataVersion: DataVersion = read.topicConfigSerializeWrapper.dataVersion
    const unchanged: RegisterBody = {
      filterServerList: read.filterServerList,
      topicConfigSerializeWrapper: { dataVersion, topicConfigTable: new Map() },
    }
    const sizeBytes = body.length
    this.#known.set(connection, { broker, crc: crc31(body), removals: this.#removals, sizeBytes, unchanged })
  }
}
