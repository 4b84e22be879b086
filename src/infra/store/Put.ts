/** A put: what goes in, what it became, and what its caller is told. */
import type * as Properties from "../../domain/Properties.ts"
import type { Host } from "../../format/Host.ts"
import type { ConsumeQueue } from "./ConsumeQueue.ts"

/** A message to be stored, before it has a place: what a broker made of a request, or of a record it moves. */
export interface MessageIn {
  readonly flag: number
  readonly sysFlag: number
  readonly bornTimestamp: number
  readonly bornHost: Host
  readonly reconsumeTimes: number
  readonly preparedTransactionOffset: number
  readonly body: Buffer
  readonly properties: string
  /** `Properties.glance` of the properties, when the caller has it already. */
  readonly glance?: Properties.Glance
}

/** What a put came to. `Stored`: as durable as the settings promise. `FlushTimedOut`: in the log, the sync is late. */
export type StoredStatus = "Stored" | "FlushTimedOut" | "Failed"

/** Called once for the last record of a put, when it is readable, late, or never going to be. */
export interface PutWaiter {
  readonly stored: (status: StoredStatus, record: Appended) => void
  /** Waits as long as it takes: it is never told `FlushTimedOut`, which leaves open what will be. */
  readonly isPatient?: boolean
}

/** Why a put was refused at once; nothing was appended. */
export type PutRefusal = "Busy" | "Closed" | "DiskFull" | "MessageTooLarge" | "PropertiesTooLarge"

/** A record between its append and its readability. */
export interface Appended {
  readonly queue: ConsumeQueue
  readonly queueOffset: number
  readonly commitLogOffset: number
  readonly sizeBytes: number
  readonly tagsCode: number
  readonly storeTimestamp: number
  readonly glance: Properties.Glance
  /** Who is told; undefined when nobody waits, or when it was told. */
  waiter: PutWaiter | undefined
  readonly appendedAtMs: number
}
