/**
 * What a connection has to say in this turn. Frames are gathered and written together: the number of `write` calls
 * decides throughput before anything else (one write per answer costs 14 times as much as one per turn). Small frames
 * are put together as they come, so that an answer needs no buffer of its own.
 */
import * as Command from "../../format/Command.ts"
import type { Connection } from "../network/Network.ts"

/** Frames are joined into writes of about this size; beyond it copying costs more than another call. */
const writeSizeBytes = 256 * 1024
/** A buffer of at least this size is written as it is. */
const uncopiedSizeBytes = 64 * 1024
/** A buffer of at least this size is not put together with others at once, but with those of its turn. */
const largeSizeBytes = 4096
/** A turn begins with room for as much as the last one said, within these bounds. */
const chunkSizeBytesMin = 1024
const chunkSizeBytesMax = 64 * 1024

const nothing: Buffer = Buffer.alloc(0)

export class Outbox {
  #buffers: Buffer[] = []
  /** Small frames, from `#chunkStart` to `#chunkEnd`, which follow those in `#buffers`. */
  #chunk: Buffer = nothing
  #chunkStart = 0
  #chunkEnd = 0
  #chunkSizeBytes = chunkSizeBytesMin
  /** Bytes gathered and not yet handed to the connection. */
  sizeBytes = 0

  /** Takes bytes that must not change any more. */
  push(bytes: Buffer): void {
    this.sizeBytes += bytes.length
    if (bytes.length < largeSizeBytes) {
      this.#makeRoom(bytes.length)
      this.#chunkEnd += bytes.copy(this.#chunk, this.#chunkEnd)
      return
    }
    this.#sealChunk()
    this.#buffers.push(bytes)
  }

  /** Takes the head of a frame whose JSON header this is; a body of `bodySizeBytes` follows by `push`. */
  pushJsonHead(header: string, bodySizeBytes: number): void {
    this.#makeRoom(Command.jsonHeadBytesMax(header))
    const start = this.#chunkEnd
    this.#chunkEnd = Command.writeJsonHead(header, bodySizeBytes, this.#chunk, start)
    this.sizeBytes += this.#chunkEnd - start
  }

  /** Writes everything, in order. False when the connection asks to wait for its drain. */
  flush(connection: Connection): boolean {
    if (this.sizeBytes === 0) return true
    this.#sealChunk()
    const buffers = this.#buffers
    const sizeBytes = this.sizeBytes
    this.#chunkSizeBytes = Math.min(Math.max(sizeBytes, chunkSizeBytesMin), chunkSizeBytesMax)
    this.clear()
    if (buffers.length === 1) return connection.write(buffers[0]!)
    if (sizeBytes <= uncopiedSizeBytes) return connection.write(Buffer.concat(buffers, sizeBytes))
    return writeJoined(connection, buffers)
  }

  clear(): void {
    this.#buffers = []
    this.#chunk = nothing
    this.#chunkStart = 0
    this.#chunkEnd = 0
    this.sizeBytes = 0
  }

  #makeRoom(sizeBytes: number): void {
    if (this.#chunk.length - this.#chunkEnd >= sizeBytes) return
    const isFirst = this.#chunkEnd === 0
    this.#sealChunk()
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(sizeBytes, isFirst ? this.#chunkSizeBytes : chunkSizeBytesMax))
    this.#chunkStart = 0
    this.#chunkEnd = 0
  }

  #sealChunk(): void {
    if (this.#chunkEnd === this.#chunkStart) return
    this.#buffers.push(this.#chunk.subarray(this.#chunkStart, this.#chunkEnd))
    this.#chunkStart = this.#chunkEnd
  }
}

/** Joins neighbours that are small, up to `writeSizeBytes`, and leaves large buffers alone. */
const writeJoined = (connection: Connection, buffers: ReadonlyArray<Buffer>): boolean => {
  let isRoomy = true
  let run: Buffer[] = []
  let runBytes = 0
  const writeRun = (): void => {
    if (run.length > 0) isRoomy = connection.write(run.length === 1 ? run[0]! : Buffer.concat(run, runBytes)) && isRoomy
    run = []
    runBytes = 0
  }
  for (const buffer of buffers) {
    if (buffer.length >= uncopiedSizeBytes || runBytes + buffer.length > writeSizeBytes) writeRun()
    if (buffer.length >= uncopiedSizeBytes) {
      isRoomy = connection.write(buffer) && isRoomy
    } else {
      run.push(buffer)
      runBytes += buffer.length
    }
  }
  writeRun()
  return isRoomy
}
