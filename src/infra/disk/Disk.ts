/**
 * The disk, as a port. What holds for every adapter (contract suite: Disk.contract.ts):
 *
 *   read-own   a read sees every write that completed before it, synced or not
 *   synced     after `sync` completed without error, the file's bytes and size survive a power cut
 *   unsynced   writes, truncations, creations, renames and removals that were not synced may survive a power cut in
 *              part, in any order, torn at 512-byte boundaries, or not at all
 *   names      a creation, rename or removal survives a power cut only after `syncDirectory` of its folder
 *   whole      `write` writes all of its bytes or fails; after a failure the range holds anything; an empty write
 *              changes nothing
 *   later      no callback runs within the call that causes it; calls under way at once end in any order
 *   poisoned   after a failed `sync` nothing is known of the writes since the last good one (promise P1)
 *
 * Paths are absolute or relative to the process, with `/`. Methods that end in `Sync` and those without a callback
 * block the event loop: start-up, shutdown, tools, and cheap metadata calls only.
 */

/** Why a disk call failed. `NoSpace` and `Io` may pass; `Crashed` comes from a simulated power cut only. */
export type DiskReason = "NotFound" | "Exists" | "NoSpace" | "Denied" | "Io" | "Crashed"

/** The one fault of the port: what was tried, on which path, and why it failed. */
export class DiskError extends Error {
  override readonly name = "DiskError"
  readonly _tag = "DiskError"
  readonly reason: DiskReason
  readonly operation: string
  readonly path: string
  constructor(reason: DiskReason, operation: string, path: string, detail = "") {
    super(`${operation} ${path}: ${reason}${detail === "" ? "" : ` (${detail})`}`)
    this.reason = reason
    this.operation = operation
    this.path = path
  }
}

export type Done = (error: DiskError | undefined) => void

/** An open file. Positions and sizes are bytes. Buffers handed in must not change until the callback ran. */
export interface DiskFile {
  readonly path: string
  readonly sizeBytes: () => number
  /** Reads up to `target.length` bytes; fewer only at the end of the file. */
  readonly read: (
    target: Buffer,
    position: number,
    done: (error: DiskError | undefined, bytesRead: number) => void,
  ) => void
  readonly readSync: (target: Buffer, position: number) => number
  readonly write: (source: Buffer, position: number, done: Done) => void
  readonly writeSync: (source: Buffer, position: number) => void
  /** Makes the content and the size durable (fdatasync). */
  readonly sync: (done: Done) => void
  readonly syncSync: () => void
  /** Cuts or extends the file; an extension reads as zeros and takes no space (sparse). */
  readonly truncate: (sizeBytes: number) => void
  readonly close: () => void
}

export interface DiskUsage {
  readonly totalBytes: number
  readonly freeBytes: number
}

/** `read`: must exist; `write`: must exist; `create`: made empty when missing. */
export type OpenMode = "read" | "write" | "create"

export interface Disk {
  readonly open: (path: string, mode: OpenMode) => DiskFile
  readonly exists: (path: string) => boolean
  /** Names in a folder, sorted by code unit; empty when the folder is missing. */
  readonly list: (directory: string) => ReadonlyArray<string>
  /** Creates the folder and its missing parents. */
  readonly makeDirectory: (path: string) => void
  readonly rename: (source: string, target: string) => void
  /** Removes a file, or an empty folder; a missing one is no error. */
  readonly remove: (path: string) => void
  readonly syncDirectory: (path: string) => void
  readonly usage: (path: string) => DiskUsage
  /**
   * Takes the exclusive lock named `name` (the store's real path, say), which the operating system releases when the
   * process ends. Processes of one machine see it; on Linux those of one network namespace only.
   * Answers the release function, or undefined when somebody else holds it.
   */
  readonly lock: (name: string, done: (release: (() => void) | undefined) => void) => void
  /**
   * The process that holds a record lock on the file, as Apache RocketMQ does on a store that it has open; undefined when
   * nobody does, or where the system does not tell.
   */
  readonly recordLockHolder: (path: string) => number | undefined
}
