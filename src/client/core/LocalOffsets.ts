/**
 * Offsets of a broadcasting consumer, in RocketMQ's file: `<folder>/<clientId>/<group>/offsets.json`, with the content of
 * before in `offsets.json.bak`. A file that cannot be read counts as its backup, and no file as no progress.
 */
import { type MessageQueue, isEqual, print } from "../../domain/MessageQueue.ts"
import { ResetOffsets } from "../../format/ConsumeStats.ts"
import { Malformed } from "../../format/Malformed.ts"
import { type Disk, DiskError } from "../../infra/disk/Disk.ts"
import type { Log } from "../../infra/telemetry/Log.ts"
import { type GantryError, StateError } from "../GantryError.ts"
import type { Offsets } from "./Offsets.ts"

type Table = Array<readonly [MessageQueue, number]>

export class LocalOffsets implements Offsets {
  readonly #disk: Disk
  readonly #log: Log
  readonly #folder: string
  readonly #entries = new Map<string, { readonly queue: MessageQueue; offset: number }>()
  #isChanged = false

  constructor(disk: Disk, log: Log, folder: string) {
    this.#disk = disk
    this.#log = log
    this.#folder = folder
    for (const [queue, offset] of this.#read()) this.#entries.set(print(queue), { offset, queue })
  }

  fetch(queue: MessageQueue, done: (stored: number | undefined | "failed") => void): void {
    done(this.known(queue))
  }

  known(queue: MessageQueue): number | undefined {
    return this.#entries.get(print(queue))?.offset
  }

  advance(queue: MessageQueue, offset: number): void {
    if (offset > (this.known(queue) ?? -1)) this.set(queue, offset)
  }

  set(queue: MessageQueue, offset: number): void {
    if (this.known(queue) === offset) return
    this.#entries.set(print(queue), { offset, queue })
    this.#isChanged = true
  }

  /** Who broadcasts needs no lock. */
  fence(): void {}

  persist(): void {
    this.#write()
  }

  commit(_queues: Iterable<MessageQueue>, done: (error: GantryError | undefined) => void): void {
    done(this.#write())
  }

  /** A broadcasting consumer keeps the progress of queues that are away for a while. */
  forget(): void {}

  #read(): Table {
    for (const name of ["offsets.json", "offsets.json.bak"]) {
      const text = this.#readFile(`${this.#folder}/${name}`)
      if (text === undefined || text.length === 0) continue
      const table = ResetOffsets.decode(text)
      if (!(table instanceof Malformed)) return [...table.offsetTable]
      this.#log.warn("a file of offsets cannot be read", { error: table.message, file: `${this.#folder}/${name}` })
    }
    return []
  }

  #readFile(path: string): Buffer | undefined {
    if (!this.#disk.exists(path)) return undefined
    try {
      const file = this.#disk.open(path, "read")
      try {
        const bytes = Buffer.alloc(file.sizeBytes())
        return bytes.subarray(0, file.readSync(bytes, 0))
      } finally {
        file.close()
      }
    } catch (error) {
      if (error instanceof DiskError) return undefined
      throw error
    }
  }

  #write(): GantryError | undefined {
    if (!this.#isChanged) return undefined
    const merged = this.#read().filter(
      ([queue]) => ![...this.#entries.values()].some((one) => isEqual(one.queue, queue)),
    )
    for (const { offset, queue } of this.#entries.values()) merged.push([queue, offset])
    const path = `${this.#folder}/offsets.json`
    try {
      this.#disk.makeDirectory(this.#folder)
      this.#writeFile(`${path}.tmp`, ResetOffsets.encode({ offsetTable: merged }))
      // A rename is whole or not at all: a crash leaves the file of before, or the backup, to read from.
      if (this.#disk.exists(path)) this.#disk.rename(path, `${path}.bak`)
      this.#disk.rename(`${path}.tmp`, path)
      this.#disk.syncDirectory(this.#folder)
      this.#isChanged = false
      return undefined
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#log.error("the offsets of a broadcasting consumer cannot be written", { error: error.message })
      return new StateError("NOT_RUNNING", `The offsets cannot be written to ${path}: ${error.message}`)
    }
  }

  #writeFile(path: string, content: Buffer): void {
    this.#disk.remove(path)
    const file = this.#disk.open(path, "create")
    try {
      file.writeSync(content, 0)
      file.syncSync()
    } finally {
      file.close()
    }
  }
}
