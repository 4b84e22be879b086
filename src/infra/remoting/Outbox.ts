/**
 * What a connection has to say in this turn. Frames are gathered and written together: the number of `write` calls
 * decides throughput before anything else (one write per answer costs 14 times as much as one per turn).
 */
import type { Connection } from "../network/Network.ts"

/** Frames are joined into writes of about this size; beyond it copying costs more than another call. */
const writeSizeBytes = 256 * 1024
/** A buffer of at least this size is written as it is. */
const uncopiedSizeBytes = 64 * 1024

export class Outbox {
  #buffers: Buffer[] = []
  /** Bytes gathered and not yet handed to the connection. */
  sizeBytes = 0

  /** Takes bytes that must not change any more. */
  push(bytes: Buffer): void {
    this.#buffers.push(bytes)
    this.sizeBytes += bytes.length
  }

  /** Writes everything, in order. False when the connection asks to wait for its drain. */
  flush(connection: Connection): boolean {
    const buffers = this.#buffers
    if (buffers.length === 0) return true
    const sizeBytes = this.sizeBytes
    this.clear()
    if (buffers.length === 1) return connection.write(buffers[0]!)
    if (sizeBytes <= uncopiedSizeBytes) return connection.write(Buffer.concat(buffers, sizeBytes))
    return writeJoined(connection, buffers)
  }

  clear(): void {
    this.#buffers = []
    this.sizeBytes = 0
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
