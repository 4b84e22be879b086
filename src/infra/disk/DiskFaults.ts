/** What goes wrong on a simulated disk: asked once per call, answers the fault that strikes it. */
import type { SeededRandom } from "../random/SeededRandom.ts"
import type { DiskReason } from "./Disk.ts"

export type DiskOperation =
  | "create"
  | "makeDirectory"
  | "read"
  | "remove"
  | "rename"
  | "sync"
  | "syncDirectory"
  | "truncate"
  | "write"

/** One call as faults and hooks see it. `position` and `sizeBytes` are 0 where the call has none. */
export interface DiskCall {
  readonly operation: DiskOperation
  readonly path: string
  readonly position: number
  readonly sizeBytes: number
}

/**
 *   fail       any call: it fails and did nothing; after a failed sync the changes are still waiting for one
 *   drop       sync: it fails, and the changes count as written though they never reach the media, so that the next
 *              sync succeeds without them (as Linux does with pages that it could not write back)
 *   partial    write: the first `sizeBytes` are written, then it fails
 *   flip       write: one bit is stored wrongly; read: one bit is read wrongly; both report success
 *   misdirect  write: the bytes land at `position` of the same file instead, and success is reported
 */
export type DiskFault =
  | { readonly kind: "fail"; readonly reason: DiskReason }
  | { readonly kind: "drop" }
  | { readonly kind: "partial"; readonly sizeBytes: number; readonly reason: DiskReason }
  | { readonly kind: "flip"; readonly bit: number }
  | { readonly kind: "misdirect"; readonly position: number }

export interface DiskFaults {
  readonly strike: (call: DiskCall) => DiskFault | undefined
}

/** Strikes calls that `matches`: lets `skip` of them pass, then strikes `times` of them (default: the first one). */
export const strikeAt = (
  matches: (call: DiskCall) => boolean,
  fault: DiskFault,
  { skip = 0, times = 1 }: { readonly skip?: number; readonly times?: number } = {},
): DiskFaults => {
  let seen = 0
  return {
    strike: (call) => {
      if (!matches(call)) return undefined
      seen++
      return seen > skip && seen <= skip + times ? fault : undefined
    },
  }
}

/** The first fault that any of them answers. */
export const firstOf = (...all: ReadonlyArray<DiskFaults>): DiskFaults => ({
  strike: (call) => {
    for (const faults of all) {
      const fault = faults.strike(call)
      if (fault !== undefined) return fault
    }
    return undefined
  },
})

/** Probability per call, by operation. */
export type FaultRates = Partial<Readonly<Record<DiskOperation, number>>>

/** Calls fail now and then: reads and metadata with `Io`; writes in part; syncs with or without dropping changes. */
export const randomFailures = (random: SeededRandom, rates: FaultRates): DiskFaults => ({
  strike: (call) => {
    if (!random.chance(rates[call.operation] ?? 0)) return undefined
    if (call.operation === "sync" && random.chance(0.5)) return { kind: "drop" }
    if (call.operation === "write") {
      return { kind: "partial", reason: "Io", sizeBytes: random.below(call.sizeBytes + 1) }
    }
    return { kind: "fail", reason: "Io" }
  },
})
