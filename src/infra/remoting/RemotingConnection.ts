/**
 * One connection of a remoting server or client: frames in, calls out to the handlers, answers and requests back. Both
 * ends are alike, since a server also asks its clients (transaction checks, relayed admin calls).
 *
 * The hot path is plain and synchronous: once per chunk, frames are cut, decoded and handed out, and what was answered
 * meanwhile leaves in one write. Answers given later leave in one write at the end of their turn.
 *
 * Laws (test/model/remoting.test.ts)
 *   order     requests are handed out in the order of their bytes (P2)
 *   hostile   a malformed frame closes the connection, and nothing is answered to it (P11)
 *   bounded   beyond a limit the socket is not read; what was read already is handed out when there is room again (P11)
 * Source: spec wire §1.1, §1.7.
 */
import * as Command from "../../format/Command.ts"
import type { Language } from "../../format/Language.ts"
import { gantryLanguage } from "../../format/Language.ts"
import { Malformed } from "../../format/Malformed.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import { gantryVersion, threshold } from "../../format/Version.ts"
import type { Address, Connection, ConnectionEvents } from "../network/Network.ts"
import type { Answer } from "./Call.ts"
import { Call } from "./Call.ts"
import type { Done } from "./Correlation.ts"
import { FrameSplitter, frameSizeBytesMax } from "./FrameSplitter.ts"
import type { Handlers, Hub } from "./Hub.ts"
import { Outbox } from "./Outbox.ts"
import type { Principal } from "./Principal.ts"
import { anonymous } from "./Principal.ts"
import { RemotingError } from "./RemotingError.ts"

/** One buffer, or several that are written one after another. They must not change any more. */
export type Body = Buffer | ReadonlyArray<Buffer>

/** A request before it has a frame. */
export interface Request {
  readonly code: number
  readonly ext?: Command.Ext
  readonly body?: Body
  readonly remark?: string | undefined
  /** How its header is written: 0 JSON (the default), 1 binary. */
  readonly serialize?: Command.Serialize
}

const noBody: Buffer = Buffer.alloc(0)

export class RemotingConnection {
  /** Counts up within one server or client. */
  readonly id: number
  readonly local: Address
  /** Where the peer is: the host that sends on this connection are born on. */
  readonly remote: Address
  principal: Principal = anonymous
  /** What the peer's last request announced; 0 and undefined before its first. */
  version = 0
  language: Language | undefined = undefined

  readonly #hub: Hub
  readonly #handlers: Handlers
  readonly #socket: Connection
  readonly #splitter = new FrameSplitter()
  readonly #outbox = new Outbox()
  #inFlight = 0
  #inFlightBytes = 0
  #partialBytes = 0
  #quietSweeps = 0
  #isDirty = false
  #isPumping = false
  #isSocketPaused = false
  #isReaderSlow = false
  #isClosing = false
  #isClosed = false

  constructor(hub: Hub, handlers: Handlers, socket: Connection) {
    this.#hub = hub
    this.#handlers = handlers
    this.#socket = socket
    this.id = hub.nextConnectionId()
    this.local = socket.local
    this.remote = socket.remote
  }

  /** Takes a new connection into a hub. The answer goes to the network. */
  static open(
    hub: Hub,
    handlers: Handlers,
    socket: Connection,
  ): { connection: RemotingConnection; events: ConnectionEvents } {
    const connection = new RemotingConnection(hub, handlers, socket)
    const events: ConnectionEvents = {
      onClose: () => connection.#onClose(),
      onData: (chunk) => connection.#onData(chunk),
      onDrain: () => connection.#onDrain(),
    }
    hub.opened(connection)
    connection.readingChanged()
    return { connection, events }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Requests handed out and neither ended nor parked. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Bytes given to this connection that the operating system has not taken yet. */
  unsentBytes(): number {
    return this.#isClosed ? 0 : this.#outbox.sizeBytes + this.#socket.pendingBytes()
  }

  /**
   * A buffer for a frame that is sent in this turn. To a reader that is behind it is one of its own, lest what it waits
   * with holds the room of many others (P11).
   */
  room(sizeBytes: number): Buffer {
    return this.#socket.pendingBytes() === 0 ? this.#hub.slab.cut(sizeBytes) : Buffer.allocUnsafeSlow(sizeBytes)
  }

  /** Queues a whole frame, or one in parts; written with everything else of this turn. The bytes must not change any more. */
  send(frame: Body): void {
    if (this.#isClosed) return
    this.#push(frame)
    this.#queued()
  }

  /** Encodes and queues an answer to the request with this number. */
  sendAnswer(opaque: number, serialize: Command.Serialize, answer: Answer): void {
    if (this.#isClosed) return
    const { code, remark, ext, body } = answer
    const sizeBytes = bodySizeBytes(body)
    if (serialize === Command.serializeJson) {
      const header = Command.responseHeader(code, opaque, remark, ext)
      if (Command.jsonHeadBytesMax(header) + sizeBytes <= frameSizeBytesMax)
        return this.#sendHeader(header, body, sizeBytes)
    }
    const head = Command.encodeResponseHead(serialize, code, opaque, remark, ext, sizeBytes)
    if (head.length + sizeBytes <= frameSizeBytesMax) return this.#sendWithBody(head, body)
    this.sendAnswer(opaque, serialize, {
      code: ResponseCode.SYSTEM_ERROR,
      remark: `the answer has ${head.length + sizeBytes} bytes, a frame at most ${frameSizeBytesMax}`,
    })
  }

  /** Queues a frame with a JSON header, made by `Command`. */
  sendHeader(header: string): void {
    if (!this.#isClosed) this.#sendHeader(header, undefined, 0)
  }

  /** Sends a request that is not answered. */
  tell(request: Request): void {
    if (this.#isClosed) return
    this.sendRequest(request, this.#hub.correlation.nextOpaque(), Command.onewayFlag)
  }

  /**
   * Sends a request; `done` runs once, with the answer or the reason why there is none. The answer is the request's
   * number, for `cancel`; undefined when `done` has run already.
   */
  ask(request: Request, timeoutMs: number, done: Done): number | undefined {
    const correlation = this.#hub.correlation
    const peer = `${this.remote.host}:${this.remote.port}`
    if (this.#isClosed || this.#isClosing || correlation.size >= this.#hub.limits.pendingMax) {
      done(new RemotingError(this.#isClosed || this.#isClosing ? "Closed" : "TooMany", peer))
      return undefined
    }
    const opaque = correlation.nextOpaque()
    correlation.add(opaque, peer, this, timeoutMs, done)
    this.sendRequest(request, opaque)
    return opaque
  }

  /** For `RemotingClient`: queues a request under a number that is in the correlation table already. */
  sendRequest(request: Request, opaque: number, flag = 0): void {
    if (this.#isClosed) return
    const command: Command.Command = {
      body: noBody,
      code: request.code,
      ext: request.ext ?? Command.noExt,
      flag,
      language: gantryLanguage,
      opaque,
      remark: request.remark,
      serialize: request.serialize ?? Command.serializeJson,
      version: gantryVersion,
    }
    this.#sendWithBody(Command.encodeHead(command, bodySizeBytes(request.body)), request.body)
  }

  /** Sends what is queued, then closes. */
  end(): void {
    if (this.#isClosed || this.#isClosing) return
    this.#isClosing = true
    this.#flush()
    if (!this.#isClosed) this.#socket.end()
  }

  /** Closes at once; what is queued may be lost. */
  destroy(reason: string): void {
    if (this.#isClosed) return
    this.#hub.world.log.debug("connection destroyed", { connection: this.id, reason, remote: this.remote })
    this.#isClosing = true
    this.#socket.destroy()
  }

  /** For `Call`: one call less in flight. */
  released(bytes: number): void {
    this.#inFlight--
    this.#inFlightBytes -= bytes
    this.#hub.weigh(-bytes)
    this.readingChanged()
    if (this.#hub.isDraining) this.endWhenIdle()
  }

  /** For `Hub`: while draining, ends the connection as soon as nothing is in hand. */
  endWhenIdle(): void {
    if (this.#inFlight === 0 && !this.#isPumping && this.#hub.mayEnd) this.end()
  }

  /** For `Hub`: something changed that reading depends on. Goes on reading at the end of the turn, stops at once. */
  readingChanged(): void {
    if (this.#isClosed || this.#isPumping) return
    if (this.#mustWait) return this.#pauseSocket()
    if (this.#isDirty || !(this.#isSocketPaused || this.#splitter.hasUnread)) return
    this.#isDirty = true
    this.#hub.atEndOfTurn(this)
  }

  /** For `Hub`: writes what was gathered, and hands out what waited. */
  endTurn(): void {
    this.#isDirty = false
    if (this.#isClosed) return
    if (this.#splitter.hasUnread && !this.#mustWait) this.#pump()
    else this.#flush()
    if (!this.#mustWait && !this.#splitter.hasUnread) this.#resumeSocket()
  }

  /** For `Hub`: one sweep passed; closes the connection after `sweepsMax` of them without a sign of life. */
  swept(sweepsMax: number): void {
    if (++this.#quietSweeps > sweepsMax) this.destroy("idle")
  }

  get #mustWait(): boolean {
    const limits = this.#hub.limits
    return (
      this.#isReaderSlow ||
      this.#inFlight >= limits.inFlightMax ||
      this.#inFlightBytes >= limits.inFlightBytesMax ||
      this.#hub.isReadingStopped
    )
  }

  #onData(chunk: Buffer): void {
    if (this.#isClosed) return
    this.#quietSweeps = 0
    this.#splitter.push(chunk)
    this.#pump()
  }

  #onDrain(): void {
    this.#quietSweeps = 0
    if (!this.#isReaderSlow) return
    this.#isReaderSlow = false
    this.readingChanged()
  }

  #onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isClosing = true
    this.#outbox.clear()
    this.#splitter.clear()
    this.#accountPartial()
    this.#hub.closed(this)
  }

  /** Hands out every whole frame that may be handed out now, then writes the answers. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    const splitter = this.#splitter
    const unsentBytesHigh = this.#hub.limits.unsentBytesHigh
    while (!this.#mustWait && !this.#isClosing && splitter.next()) {
      const command = Command.decode(splitter.frame, splitter.start, splitter.end)
      if (command instanceof Malformed) return this.#refuse(command.message)
      if (Command.isResponse(command)) this.#answered(command)
      else this.#dispatch(command, splitter.end - splitter.start)
      if (this.#outbox.sizeBytes > unsentBytesHigh) this.#flush()
    }
    if (splitter.broken !== undefined) return this.#refuse(splitter.broken)
    this.#isPumping = false
    this.#accountPartial()
    this.#flush()
    if (this.#mustWait) this.#pauseSocket()
    if (this.#hub.isDraining) this.endWhenIdle()
  }

  /** Wire §1.1: nothing is answered to a frame that cannot be read; what was answered before it still leaves. */
  #refuse(reason: string): void {
    this.#isPumping = false
    this.#hub.world.log.warn("unreadable frame, connection closed", { reason, remote: this.remote })
    this.#splitter.clear()
    this.#accountPartial()
    this.#flush()
    this.destroy("unreadable frame")
  }

  #answered(answer: Command.Command): void {
    if (answer.code === ResponseCode.GO_AWAY) this.#hub.listener.onGoAway?.(this)
    this.#hub.correlation.answered(answer, this)
  }

  #dispatch(command: Command.Command, sizeBytes: number): void {
    this.version = command.version
    this.language = command.language
    const isOneway = Command.isOneway(command)
    if (this.#hub.isDraining) return this.#turnAway(command, isOneway)
    this.#inFlight++
    this.#inFlightBytes += sizeBytes
    this.#hub.weigh(sizeBytes)
    const call = new Call(this, command.opaque, command.serialize, isOneway, sizeBytes)
    const handler = this.#handlers.get(command.code)
    if (handler === undefined) {
      call.answer({
        code: ResponseCode.REQUEST_CODE_NOT_SUPPORTED,
        remark: ` request type ${command.code} not supported`,
      })
      return
    }
    try {
      handler(command, call)
    } catch (error) {
      this.#hub.world.log.error("handler failed", { code: command.code, error })
      call.failed(error)
    }
  }

  #turnAway(command: Command.Command, isOneway: boolean): void {
    if (isOneway || command.version < threshold.goAway) return
    this.sendAnswer(command.opaque, command.serialize, {
      code: ResponseCode.GO_AWAY,
      remark: "shutting down, use another connection",
    })
  }

  #sendWithBody(head: Buffer, body: Body | undefined): void {
    this.#outbox.push(head)
    if (body !== undefined) this.#push(body)
    this.#queued()
  }

  #sendHeader(header: string, body: Body | undefined, sizeBytes: number): void {
    this.#outbox.pushJsonHead(header, sizeBytes)
    if (body !== undefined) this.#push(body)
    this.#queued()
  }

  #push(body: Body): void {
    if (Array.isArray(body)) for (const part of body) this.#outbox.push(part)
    else this.#outbox.push(body as Buffer)
  }

  #queued(): void {
    if (this.#isDirty || this.#isPumping) return
    this.#isDirty = true
    this.#hub.atEndOfTurn(this)
  }

  #flush(): void {
    if (this.#isClosed || this.#outbox.sizeBytes === 0) return
    if (this.#outbox.flush(this.#socket)) {
      this.#quietSweeps = 0
      return
    }
    const unsentBytes = this.#socket.pendingBytes()
    if (unsentBytes > this.#hub.limits.unsentBytesMax)
      return this.destroy(`reader stopped, ${unsentBytes} bytes unsent`)
    if (unsentBytes > this.#hub.limits.unsentBytesHigh) this.#isReaderSlow = true
  }

  #accountPartial(): void {
    const heldBytes = this.#splitter.heldBytes
    this.#hub.partialBytes += heldBytes - this.#partialBytes
    this.#partialBytes = heldBytes
    if (heldBytes > 0 && this.#hub.partialBytes > this.#hub.limits.partialTotalBytesMax) {
      this.#hub.world.log.warn("too many bytes of incomplete frames, connection closed", { remote: this.remote })
      this.destroy("partial frames beyond their limit")
    }
  }

  #pauseSocket(): void {
    if (this.#isSocketPaused || this.#isClosed) return
    this.#isSocketPaused = true
    this.#socket.pause()
  }

  #resumeSocket(): void {
    if (!this.#isSocketPaused || this.#isClosed) return
    this.#isSocketPaused = false
    this.#socket.resume()
  }
}

const bodySizeBytes = (body: Body | undefined): number => {
  if (body === undefined) return 0
  if (!Array.isArray(body)) return (body as Buffer).length
  let sizeBytes = 0
  for (const part of body) sizeBytes += part.length
  return sizeBytes
}

const ignore = (): void => {}

/** For a socket that is refused as soon as it is there. */
export const noEvents: ConnectionEvents = { onClose: ignore, onData: ignore, onDrain: ignore }
