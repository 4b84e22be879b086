/**
 * One connection of the generator: answers are framed in place in one reused buffer, requests of a turn leave in one
 * write. `onFrame` is called once per answer, `onTurn` once per chunk of bytes after all its answers.
 */

import * as Net from "node:net"

const inboxSizeBytes = 256 * 1024
const frameSizeBytesMax = 16 * 1024 * 1024

export interface LinkEvents {
  /** `at` is where the four bytes of the header length stand, `end` the first byte behind the body. Read, do not keep. */
  readonly onFrame: (buffer: Buffer, at: number, end: number) => void
  readonly onTurn: () => void
  /** The connection is over; not called after `close`. */
  readonly onLost: (why: string) => void
}

export class Link {
  readonly #socket: Net.Socket
  readonly #events: LinkEvents
  #inbox = Buffer.allocUnsafe(inboxSizeBytes)
  #filled = 0
  #outbox: Buffer
  #pending = 0
  #closed = false

  private constructor(host: string, port: number, outboxSizeBytes: number, events: LinkEvents) {
    this.#events = events
    this.#outbox = Buffer.allocUnsafe(outboxSizeBytes)
    this.#socket = Net.connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: () => this.#inbox.subarray(this.#filled),
        callback: (sizeBytes) => {
          this.#received(sizeBytes)
          return true
        },
      },
    })
    this.#socket.on("error", (error) => this.#lost(error.message))
    this.#socket.on("close", () => this.#lost("closed by the server"))
  }

  /** Connects. `outboxSizeBytes` bounds what may be posted between two flushes. */
  static open(host: string, port: number, outboxSizeBytes: number, events: LinkEvents): Promise<Link> {
    return new Promise((resolve, reject) => {
      let opened = false
      const link = new Link(host, port, outboxSizeBytes, {
        ...events,
        onLost: (why) => (opened ? events.onLost(why) : reject(new Error(`${host}:${port}: ${why}`))),
      })
      link.#socket.once("connect", () => {
        opened = true
        resolve(link)
      })
    })
  }

  /** Room for one request of `sizeBytes`: write it into `outbox` at the answered position before the next call. */
  reserve(sizeBytes: number): number {
    const at = this.#pending
    this.#pending = at + sizeBytes
    return at
  }

  get outbox(): Buffer {
    return this.#outbox
  }

  post(bytes: Buffer): void {
    bytes.copy(this.#outbox, this.reserve(bytes.length))
  }

  /** Hands everything posted to the socket. The outbox is used again at once if the kernel took all of it. */
  flush(): void {
    if (this.#pending === 0 || this.#closed) return
    this.#socket.write(this.#outbox.subarray(0, this.#pending))
    this.#pending = 0
    if (this.#socket.writableLength > 0) this.#outbox = Buffer.allocUnsafe(this.#outbox.length)
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  #lost(why: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.destroy()
    this.#events.onLost(why)
  }

  #received(sizeBytes: number): void {
    if (this.#closed) return
    const inbox = this.#inbox
    const filled = this.#filled + sizeBytes
    let at = 0
    while (filled - at >= 8) {
      const frameSizeBytes = 4 + inbox.readUInt32BE(at)
      if (frameSizeBytes > frameSizeBytesMax) return this.#lost(`a frame of ${frameSizeBytes} bytes`)
      if (filled - at < frameSizeBytes) {
        if (frameSizeBytes > inbox.length) this.#inbox = Buffer.allocUnsafe(frameSizeBytes * 2)
        break
      }
      this.#events.onFrame(inbox, at + 4, at + frameSizeBytes)
      at += frameSizeBytes
    }
    inbox.copy(this.#inbox, 0, at, filled)
    this.#filled = filled - at
    this.#events.onTurn()
  }
}
