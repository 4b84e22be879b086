/**
 * One request in a handler's hands: what it needs to be answered, now or later, and nothing more. It does not keep the
 * request's bytes alive. A handler ends every call, oneway or not, by `answer`, `answerHeader`,
 * `answerEncoded` or `drop`; `park` tells that it now waits in a table that has its own bound (a held pull).
 *
 * Laws (test/model/remoting.test.ts)
 *   once     the first end counts, later ones do nothing
 *   oneway   a oneway call is never written to, however it ends
 *   account  a call that ended or is parked weighs nothing in its connection's limits
 */
import type { Ext, Serialize } from "../../format/Command.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { Principal } from "./Principal.ts"
import type { Body, RemotingConnection } from "./RemotingConnection.ts"

/** An answer before it has a frame. Several body parts are written one after another as one body. */
export interface Answer {
  readonly code: number
  readonly remark?: string | undefined
  readonly ext?: Ext
  readonly body?: Body
}

export class Call {
  readonly connection: RemotingConnection
  /** The requester's correlation number, repeated in the answer. */
  readonly opaque: number
  /** How the request's header was written, and so the answer's: 0 JSON, 1 binary. */
  readonly serialize: Serialize
  readonly isOneway: boolean
  /** What this call weighs in the connection's account, in bytes; 0 once it ended or is parked. */
  #weight: number
  #hasEnded = false

  constructor(connection: RemotingConnection, opaque: number, serialize: Serialize, isOneway: boolean, weight: number) {
    this.connection = connection
    this.opaque = opaque
    this.serialize = serialize
    this.isOneway = isOneway
    this.#weight = weight
  }

  /** Who asks. */
  get principal(): Principal {
    return this.connection.principal
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Encodes and queues the answer. */
  answer(answer: Answer): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (!this.isOneway) this.connection.sendAnswer(this.opaque, this.serialize, answer)
    this.#release()
  }

  /** Queues an answer to a call with a JSON header, whose own header `Command` has made already. It has no body. */
  answerHeader(header: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (!this.isOneway) this.connection.sendHeader(header)
    this.#release()
  }

  /**
   * Queues an answer that is already a frame, or a frame in parts (the first begins with the length of all). The bytes
   * must not change any more: whoever answers from a buffer that is reused copies first.
   */
  answerEncoded(frame: Body): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    if (!this.isOneway) this.connection.send(frame)
    this.#release()
  }

  /** Ends the call without an answer. */
  drop(): void {
    this.#hasEnded = true
    this.#release()
  }

  /** Answers code 1 with the text of what was thrown. */
  failed(error: unknown): void {
    this.answer({ code: ResponseCode.SYSTEM_ERROR, remark: error instanceof Error ? error.message : String(error) })
  }

  /** From now on the call does not count in its connection's limits; it still has to be ended. */
  park(): void {
    this.#release()
  }

  /** Comes after the answer was queued: a connection that drains ends with its last call. */
  #release(): void {
    if (this.#weight === 0) return
    this.connection.released(this.#weight)
    this.#weight = 0
  }
}
