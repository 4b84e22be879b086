/**
 * A store as the tools look at it: read only, whatever state it is in, its sizes taken from its files. Nothing here
 * changes a byte.
 */
import * as Checkpoint from "../../../format/Checkpoint.ts"
import * as DurableMark from "../../../format/DurableMark.ts"
import { Malformed } from "../../../format/Malformed.ts"
import type { Disk, DiskFile } from "../../disk/Disk.ts"
import type { IndexOptions } from "../IndexFile.ts"
import type { LogBytes } from "../LogWalk.ts"
import type { Segment } from "../SegmentFiles.ts"
import { readWhole } from "../StateFiles.ts"
import { StoreError } from "../StoreError.ts"

export interface ViewedFile extends Segment {
  readonly sizeBytes: number
}

export class StoreView implements LogBytes {
  readonly disk: Disk
  readonly root: string
  readonly indexOptions: IndexOptions
  /** Segments of the log that are files of 20 digits, in order; there may be gaps between them. */
  readonly segments: ReadonlyArray<ViewedFile>
  readonly segmentBytes: number
  /** Undefined in a store that Gantry never opened, or whose mark is rotten. */
  readonly mark: DurableMark.DurableMark | undefined
  readonly checkpoint: Checkpoint.Checkpoint | undefined
  /** Whether its last owner did not close it. */
  readonly isAborted: boolean
  #open: { readonly path: string; readonly file: DiskFile } | undefined

  /** Throws `StoreError` when a newer Gantry wrote it. */
  constructor(disk: Disk, root: string, indexOptions: IndexOptions) {
    this.disk = disk
    this.root = root
    this.indexOptions = indexOptions
    this.segments = listFiles(disk, `${root}/commitlog`)
    this.segmentBytes = Math.max(0, ...this.segments.map(({ sizeBytes }) => sizeBytes))
    const mark = readWhole(disk, `${root}/gantry.mark`)
    const decoded = mark === undefined ? undefined : DurableMark.decode(mark)
    if (decoded instanceof Malformed)
      throw new StoreError("NewerVersion", `${root}/gantry.mark was written by a newer Gantry (${decoded.reason}).`)
    this.mark = decoded
    const checkpoint = readWhole(disk, `${root}/checkpoint`)
    const known = checkpoint === undefined ? undefined : Checkpoint.decode(checkpoint)
    this.checkpoint = known instanceof Malformed ? undefined : known
    this.isAborted = disk.exists(`${root}/abort`)
  }

  /** Whether there is anything to look at. */
  get isStore(): boolean {
    return this.segments.length > 0 || this.mark !== undefined
  }

  get minOffset(): number {
    return this.segments[0]?.baseOffset ?? 0
  }

  /** The open file of a segment; one at a time, as walks use them. */
  readonly file = (segment: Segment): DiskFile => {
    if (this.#open?.path === segment.path) return this.#open.file
    this.#open?.file.close()
    this.#open = { file: this.disk.open(segment.path, "read"), path: segment.path }
    return this.#open.file
  }

  close(): void {
    this.#open?.file.close()
    this.#open = undefined
  }

  /** Topics and queue ids that have a folder. */
  queues(): ReadonlyArray<readonly [topic: string, queueId: number]> {
    const found: Array<readonly [string, number]> = []
    for (const topic of this.disk.list(`${this.root}/consumequeue`)) {
      for (const queueId of this.disk.list(`${this.root}/consumequeue/${topic}`))
        if (/^\d+$/.test(queueId)) found.push([topic, Number(queueId)])
    }
    return found
  }

  queueFiles(topic: string, queueId: number): ReadonlyArray<ViewedFile> {
    return listFiles(this.disk, `${this.root}/consumequeue/${topic}/${queueId}`)
  }
}

const listFiles = (disk: Disk, folder: string): ReadonlyArray<ViewedFile> =>
  disk
    .list(folder)
    .filter((name) => /^\d{20}$/.test(name))
    .map((name) => {
      const path = `${folder}/${name}`
      const file = disk.open(path, "read")
      const sizeBytes = file.sizeBytes()
      file.close()
      return { baseOffset: Number(name), path, sizeBytes }
    })
