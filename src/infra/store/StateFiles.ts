/**
 * The small files at the root of a store: `abort` (the last exit was not clean), `gantry.mark` (what is known to be
 * durable), `gantry.queues` (where the queues ended) and `checkpoint` (the second for Apache RocketMQ, should it open
 * the store next). Nothing here is on a hot path.
 */
import * as Checkpoint from "../../format/Checkpoint.ts"
import * as DurableMark from "../../format/DurableMark.ts"
import { Malformed } from "../../format/Malformed.ts"
import * as QueueEnds from "../../format/QueueEnds.ts"
import type { Disk, DiskError, DiskFile } from "../disk/Disk.ts"
import { makeDurableDirectory } from "../disk/durable.ts"
import { attempt } from "./attempt.ts"

export const checkpointBytes = 4096
const repairFile = "gantry.repair"
const queuesFile = "gantry.queues"

/** Reads a whole small file; undefined when it is missing. */
export const readWhole = (disk: Disk, path: string): Buffer | undefined => {
  if (!disk.exists(path)) return undefined
  const file = disk.open(path, "read")
  try {
    const content = Buffer.alloc(file.sizeBytes())
    const sizeBytes = file.readSync(content, 0)
    return content.subarray(0, sizeBytes)
  } finally {
    file.close()
  }
}

/**
 * Replaces a file as a whole: after a crash at any instant its name leads to the old content or to the new one.
 */
export const replaceWhole = (disk: Disk, directory: string, name: string, content: Buffer): void => {
  const path = `${directory}/${name}`
  const temporary = `${path}.tmp`
  makeDurableDirectory(disk, directory)
  const file = disk.open(temporary, "create")
  file.truncate(0)
  file.writeSync(content, 0)
  file.syncSync()
  file.close()
  disk.rename(temporary, path)
  disk.syncDirectory(directory)
}

export class StateFiles {
  readonly #disk: Disk
  readonly #root: string
  #markFile: DiskFile | undefined
  #checkpointFile: DiskFile | undefined
  #sequence = 0

  constructor(disk: Disk, root: string) {
    this.#disk = disk
    this.#root = root
  }

  /** Whether the last owner of the store, Gantry or Apache RocketMQ, did not close it. */
  get isAborted(): boolean {
    return this.#disk.exists(`${this.#root}/abort`)
  }

  /** Whether that owner was another program: it writes its process id alone, Gantry ends it with a line feed. */
  get isAbortedByOther(): boolean {
    return readWhole(this.#disk, `${this.#root}/abort`)?.at(-1) !== 0x0a
  }

  /** Leaves the mark of a store in use; durable before the first append. */
  markOpen(processId: number): void {
    replaceWhole(this.#disk, this.#root, "abort", Buffer.from(`${processId}\n`))
  }

  markClosed(): void {
    this.#disk.remove(`${this.#root}/abort`)
    this.#disk.syncDirectory(this.#root)
  }

  /** Whether a repair was begun and not ended: what the files say of queue offsets may be too little. */
  get isInRepair(): boolean {
    return this.#disk.exists(`${this.#root}/${repairFile}`)
  }

  markRepair(): void {
    replaceWhole(this.#disk, this.#root, repairFile, Buffer.from("gantry store repair\n"))
  }

  endRepair(): void {
    // What was cut out of the log has no entries any more.
    this.#disk.remove(`${this.#root}/${queuesFile}`)
    this.#disk.remove(`${this.#root}/${repairFile}`)
    this.#disk.syncDirectory(this.#root)
  }

  /** Where the queues ended at the last clean close; empty when nobody knows. */
  readQueueEnds(): QueueEnds.QueueEnds {
    const content = readWhole(this.#disk, `${this.#root}/${queuesFile}`)
    return (content === undefined ? undefined : QueueEnds.decode(content)) ?? new Map()
  }

  writeQueueEnds(ends: QueueEnds.QueueEnds): void {
    replaceWhole(this.#disk, this.#root, queuesFile, QueueEnds.encode(ends))
  }

  /** The mark as it stands; undefined in a store that Gantry never opened. */
  readMark(): DurableMark.DurableMark | Malformed | undefined {
    const content = readWhole(this.#disk, `${this.#root}/gantry.mark`)
    if (content === undefined) return undefined
    const mark = DurableMark.decode(content)
    if (mark !== undefined && !(mark instanceof Malformed)) this.#sequence = mark.sequence
    return mark
  }

  readCheckpoint(): Checkpoint.Checkpoint | undefined {
    const content = readWhole(this.#disk, `${this.#root}/checkpoint`)
    if (content === undefined) return undefined
    const checkpoint = Checkpoint.decode(content)
    return checkpoint instanceof Malformed ? undefined : checkpoint
  }

  /** Writes and syncs the mark at once: start-up and shutdown. */
  writeMarkSync(mark: Omit<DurableMark.DurableMark, "sequence">): void {
    const file = this.#mark()
    const slot = this.#nextSlot(mark)
    file.writeSync(slot.bytes, slot.position)
    file.syncSync()
  }

  /** Writes and syncs the mark beside the traffic. */
  writeMark(mark: Omit<DurableMark.DurableMark, "sequence">, done: (error: DiskError | undefined) => void): void {
    if (!attempt(() => void this.#mark(), done)) return
    const file = this.#mark()
    const slot = this.#nextSlot(mark)
    file.write(slot.bytes, slot.position, (error) => (error === undefined ? file.sync(done) : done(error)))
  }

  writeCheckpoint(checkpoint: Checkpoint.Checkpoint, done: (error: DiskError | undefined) => void): void {
    if (!attempt(() => void this.#checkpoint(), done)) return
    const file = this.#checkpoint()
    file.write(Checkpoint.encode(checkpoint), 0, (error) => (error === undefined ? file.sync(done) : done(error)))
  }

  writeCheckpointSync(checkpoint: Checkpoint.Checkpoint): void {
    const file = this.#checkpoint()
    file.writeSync(Checkpoint.encode(checkpoint), 0)
    file.syncSync()
  }

  close(): void {
    this.#markFile?.close()
    this.#checkpointFile?.close()
    this.#markFile = undefined
    this.#checkpointFile = undefined
  }

  #nextSlot(mark: Omit<DurableMark.DurableMark, "sequence">): { bytes: Buffer; position: number } {
    this.#sequence++
    return {
      bytes: DurableMark.encode({ ...mark, sequence: this.#sequence }),
      position: (this.#sequence % 2) * DurableMark.slotBytes,
    }
  }

  #mark(): DiskFile {
    this.#markFile ??= this.#openSized("gantry.mark", DurableMark.fileBytes)
    return this.#markFile
  }

  #checkpoint(): DiskFile {
    this.#checkpointFile ??= this.#openSized("checkpoint", checkpointBytes)
    return this.#checkpointFile
  }

  #openSized(name: string, sizeBytes: number): DiskFile {
    const path = `${this.#root}/${name}`
    const isNew = !this.#disk.exists(path)
    const file = this.#disk.open(path, "create")
    if (isNew || file.sizeBytes() < sizeBytes) {
      file.truncate(sizeBytes)
      file.syncSync()
      this.#disk.syncDirectory(this.#root)
    }
    return file
  }
}
