/**
 * A part of what a broker knows beside messages: a fold of the log over a snapshot file (P9). Tables decide nothing and
 * write nothing; `Metadata` says when a record is true and when a file is written.
 */
import type { Snapshots } from "../Snapshots.ts"
import type { SystemRecord } from "../SystemRecords.ts"

/** The position of a file that another program wrote: no record of the log is newer. */
export const never = Number.MAX_SAFE_INTEGER

export abstract class Table {
  /** The snapshot's name in `config`. */
  abstract readonly fileName: string
  /** Records from here on are not in the snapshot that was loaded. */
  position = 0
  /** Whether another program wrote the snapshot last: it is the truth, and not yet in the log. */
  isForeign = false

  /** Takes over the snapshot; `context` is what a table needs to know besides. */
  abstract load(snapshots: Snapshots, context?: unknown): void

  /** Makes true what a record at CommitLog offset `at` says. Answers whether it says anything of this table. */
  abstract apply(record: SystemRecord, at: number): boolean

  /** The content of the file, which covers the log up to `position`. */
  abstract print(position: number, nowMs: number, logMinOffset: number): Iterable<string>

  /** What was applied just now changed the table: it has a new version. */
  changed(_nowMs: number): void {}

  protected covers(position: number | undefined): void {
    this.position = position ?? never
    this.isForeign = position === undefined
  }
}
