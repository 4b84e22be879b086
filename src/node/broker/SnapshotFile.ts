/**
 * One JSON file in `config/`, written whole whenever something in it has changed: aside, synced, then put in the place of
 * the old one. A table of 100,000 topics is printed and written in slices between which the traffic goes on, and
 * changes that come meanwhile share the next write.
 *
 * The table may change while it is printed. That is no harm: the file says from where in the log to fold again (P9), a
 * record says what is so and not what is different, and whatever is in the table is on disk in the log before the file is
 * put in place.
 */
import type { Disk, DiskFile } from "../../infra/disk/Disk.ts"
import { DiskError } from "../../infra/disk/Disk.ts"
import { makeDurableDirectory } from "../../infra/disk/durable.ts"
import type { World } from "../../infra/world/World.ts"

/** Called when the file is durable, or with the reason why it is not known to be. */
type Done = (failure: string | undefined) => void

/** A slice: about 2 ms of printing. */
const sliceChars = 128 * 1024
const slicePieces = 2000

export class SnapshotFile {
  readonly #world: World
  readonly #disk: Disk
  readonly #directory: string
  readonly #name: string
  readonly #print: () => Iterable<string>
  readonly #settle: (done: Done) => void
  #hasChanged = false
  #isWriting = false
  /** Who waits for the write under way, and for the one after it. */
  #current: Array<Done> = []
  #next: Array<Done> = []

  /** `print` gives the content in pieces. `settle` runs `done` when what was printed cannot be lost by the log any more. */
  constructor(
    world: World,
    directory: string,
    name: string,
    print: () => Iterable<string>,
    settle: (done: Done) => void,
  ) {
    this.#world = world
    this.#disk = world.disk
    this.#directory = directory
    this.#name = name
    this.#print = print
    this.#settle = settle
  }

  /** The table is not any more what the file says. */
  changed(): void {
    this.#hasChanged = true
  }

  /** Runs `done` when the file says everything that was in the table before this call; at once when it does already. */
  write(done: Done): void {
    if (this.#hasChanged) this.#next.push(done)
    else if (this.#isWriting) this.#current.push(done)
    else return done(undefined)
    if (this.#isWriting || this.#next.length > 1) return
    // What else changes in this turn shares the write.
    this.#world.clock.soon(() => this.#begin())
  }

  #begin(): void {
    this.#current = this.#next
    this.#next = []
    this.#hasChanged = false
    this.#isWriting = true
    const temporary = `${this.#directory}/${this.#name}.tmp`
    this.#try(() => {
      makeDurableDirectory(this.#disk, this.#directory)
      const file = this.#disk.open(temporary, "create")
      try {
        file.truncate(0)
      } catch (error) {
        file.close()
        throw error
      }
      this.#writeSlice(file, this.#print()[Symbol.iterator](), 0)
    })
  }

  #writeSlice(file: DiskFile, pieces: Iterator<string>, position: number): void {
    let text = ""
    let isOver = false
    for (let count = 0; count < slicePieces && text.length < sliceChars; count++) {
      const { done, value } = pieces.next()
      isOver = done === true
      if (isOver) break
      text += value
    }
    const bytes = Buffer.from(text)
    file.write(bytes, position, (error) => {
      if (error !== undefined) return this.#failed(file, error)
      if (!isOver) return this.#writeSlice(file, pieces, position + bytes.length)
      file.sync((failed) => {
        if (failed !== undefined) return this.#failed(file, failed)
        this.#settle((failure) => {
          file.close()
          if (failure !== undefined) return this.#end(failure)
          this.#try(() => {
            this.#disk.rename(file.path, `${this.#directory}/${this.#name}`)
            this.#disk.syncDirectory(this.#directory)
            this.#end(undefined)
          })
        })
      })
    })
  }

  #failed(file: DiskFile, error: DiskError): void {
    file.close()
    this.#end(error.message)
  }

  #try(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#end(error.message)
    }
  }

  #end(failure: string | undefined): void {
    this.#isWriting = false
    const told = this.#current
    this.#current = []
    if (failure !== undefined) {
      this.#hasChanged = true
      this.#world.log.error(`${this.#directory}/${this.#name} cannot be written: ${failure}`)
    }
    if (this.#next.length > 0) this.#world.clock.soon(() => this.#begin())
    for (const done of told) done(failure === undefined ? undefined : `${this.#name} cannot be written: ${failure}`)
  }
}
