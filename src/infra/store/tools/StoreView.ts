/**
 * A store as the tools look at it: read only, whatever state it is in, its sizes taken from its files. Nothing here
 * changes a byte.
 */
import * as Checkpoint from "../../../format/Checkpoint.ts"
import { ConsumeQueueEntry } from "../../../format/ConsumeQueueEntry.ts"
import * as DurableMark from "../../../format/DurableMark.ts"
import { Malformed } from "../../../format/Malformed.ts"
import type { Disk, DiskFile } from "../../disk/Disk.ts"
import type { IndexOptions } from "../IndexFile.ts"
import { type LastLife, lastLife } from "../LogEnd.ts"
import type { LogBytes } from "../LogWalk.ts"
import type { Segment } from "../SegmentFiles.ts"
import { readWhole, StateFiles } from "../StateFiles.ts"
import { StoreError } from "../StoreError.ts"

export interface ViewedFile extends Segment {
  readonly sizeBytes: number
}

/** What the files do not tell. */
export interface ViewSizes {
  readonly index: IndexOptions
  /** Undefined takes the size that most of the files have. */
  readonly commitLogSegmentBytes?: number | undefined
}

export class StoreView implements LogBytes {
  readonly disk: Disk
  readonly root: string
  readonly sizes: ViewSizes
  /** Segments of the log that are files of 20 digits, in order; there may be gaps between them. */
  readonly segments: ReadonlyArray<ViewedFile>
  readonly segmentBytes: number
  /** Other names in the folder of the log: a broker refuses to start beside them. */
  readonly strangers: ReadonlyArray<string>
  /** Undefined in a store that Gantry never opened, or whose mark is rotten. */
  readonly mark: DurableMark.DurableMark | undefined
  /** Whether there is a mark in which nothing can be read. */
  readonly isMarkRotten: boolean
  readonly checkpoint: Checkpoint.Checkpoint | undefined
  readonly lastLife: LastLife
  /** Whether its last owner did not close it. */
  readonly isAborted: boolean
  /** Whether a repair was begun and not ended. */
  readonly isInRepair: boolean
  #open: { readonly path: string; readonly file: DiskFile } | undefined

  /** Throws `StoreError` when a newer Gantry wrote it. */
  constructor(disk: Disk, root: string, sizes: ViewSizes) {
    this.disk = disk
    this.root = root
    this.sizes = sizes
    this.segments = listFiles(disk, `${root}/commitlog`)
    this.segmentBytes = sizes.commitLogSegmentBytes ?? sizeOf(this.segments)
    this.strangers = strangersIn(disk, `${root}/commitlog`)
    const mark = readWhole(disk, `${root}/gantry.mark`)
    const decoded = mark === undefined ? undefined : DurableMark.decode(mark)
    if (decoded instanceof Malformed)
      throw new StoreError(
        "NewerVersion",
        `${root}/gantry.mark was written by a newer Gantry (${decoded.reason}). Use that version, or a newer one.`,
      )
    this.mark = decoded
    // One that was never written is zero.
    this.isMarkRotten = decoded === undefined && mark?.some((byte) => byte !== 0) === true
    const checkpoint = readWhole(disk, `${root}/checkpoint`)
    const known = checkpoint === undefined ? undefined : Checkpoint.decode(checkpoint)
    this.checkpoint = known instanceof Malformed ? undefined : known
    const state = new StateFiles(disk, root)
    this.isAborted = state.isAborted
    this.isInRepair = state.isInRepair
    this.lastLife = lastLife(decoded, state)
  }

  /** Whether there is anything to look at. */
  get isStore(): boolean {
    return (
      this.segments.length > 0 || ["gantry.mark", "checkpoint"].some((name) => this.disk.exists(`${this.root}/${name}`))
    )
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

  readonly holding = (commitLogOffset: number): ViewedFile | undefined => {
    const found = this.segments.findLast(({ baseOffset }) => baseOffset <= commitLogOffset)
    return found !== undefined && commitLogOffset < found.baseOffset + this.segmentBytes ? found : undefined
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

  /** The size of the files of queues; undefined when there are none. */
  get queueSegmentBytes(): number | undefined {
    for (const [topic, queueId] of this.queues()) {
      const size = sizeOf(listFiles(this.disk, this.queueFolder(topic, queueId)))
      if (size > 0 && size % ConsumeQueueEntry.sizeBytes === 0) return size
    }
    return undefined
  }

  queueFolder(topic: string, queueId: number): string {
    return `${this.root}/consumequeue/${topic}/${queueId}`
  }
}

const isSegmentName = (name: string): boolean => /^\d{20}$/.test(name) && Number.isSafeInteger(Number(name))

/** The files of a folder that are segments by their names, in order. */
export const listFiles = (disk: Disk, folder: string): ReadonlyArray<ViewedFile> =>
  disk
    .list(folder)
    .filter(isSegmentName)
    .map((name) => {
      const path = `${folder}/${name}`
      const file = disk.open(path, "read")
      const sizeBytes = file.sizeBytes()
      file.close()
      return { baseOffset: Number(name), path, sizeBytes }
    })

export const strangersIn = (disk: Disk, folder: string): ReadonlyArray<string> =>
  disk
    .list(folder)
    .filter((name) => !isSegmentName(name))
    .map((name) => `${folder}/${name}`)

/** The size that most segments have, of those by which every name is a multiple; the largest when none is. */
const sizeOf = (segments: ReadonlyArray<ViewedFile>): number => {
  const counts = new Map<number, number>()
  for (const { sizeBytes } of segments) counts.set(sizeBytes, (counts.get(sizeBytes) ?? 0) + 1)
  const sizes = [...counts.keys()].filter((size) => size > 0)
  const fitting = sizes.filter((size) => segments.every(({ baseOffset }) => baseOffset % size === 0))
  const largest = Math.max(0, ...sizes)
  return fitting.toSorted((a, b) => counts.get(b)! - counts.get(a)! || b - a)[0] ?? largest
}
