/**
 * The errors of the SDK, one set of classes. Each has a `code` (text that does not change between versions) and says by
 * `retriable` whether the same call may succeed later; the message says what failed, why, and what to do.
 *
 *   ConnectionError  a peer was not reached or gave no answer: CONNECT_FAILED, CONNECTION_CLOSED, TIMED_OUT, TOO_MANY_REQUESTS,
 *                    NO_REPLY (a request was stored, and nobody replied in time)
 *   BrokerError      a broker or name server answered "no": the name of its response code, such as MESSAGE_ILLEGAL
 *   RouteError       nobody knows where to go: NO_NAME_SERVER, NAME_SERVER_UNREACHABLE, TOPIC_NOT_FOUND, BROKER_NOT_FOUND
 *   ArgumentError    the call itself is wrong: INVALID_ARGUMENT, MESSAGE_ILLEGAL
 *   StateError       not now: CLOSED, NOT_RUNNING, ALREADY_RUNNING, GROUP_IN_USE, NOT_ASSIGNED
 *   AnswerError      the answer cannot be read: MALFORMED_ANSWER
 *
 * A call that was aborted by its AbortSignal is rejected with the signal's own reason.
 */
import * as SendAttempts from "../domain/SendAttempts.ts"
import type { Command } from "../format/Command.ts"
import type { Malformed } from "../format/Malformed.ts"
import { requestCodeName } from "../format/RequestCode.ts"
import { ResponseCode, responseCodeName } from "../format/ResponseCode.ts"
import type { RemotingError, RemotingReason } from "../infra/remoting/RemotingError.ts"

export interface ErrorOptions {
  readonly retriable: boolean
  readonly cause?: unknown
}

export abstract class GantryError extends Error {
  /** What went wrong, for programs. */
  readonly code: string
  /** Whether the same call may succeed later. */
  readonly retriable: boolean
  constructor(code: string, message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retriable = options.retriable
  }
}

export type ConnectionErrorCode =
  | "CONNECT_FAILED"
  | "CONNECTION_CLOSED"
  | "TIMED_OUT"
  | "TOO_MANY_REQUESTS"
  | "NO_REPLY"

/** A peer was not reached, or did not answer in time; in the latter case whether it acted is not known. */
export class ConnectionError extends GantryError {
  override readonly name = "ConnectionError"
  readonly _tag = "ConnectionError"
  declare readonly code: ConnectionErrorCode
  /** `host:port`, where it is known. */
  readonly peer: string | undefined
  constructor(code: ConnectionErrorCode, message: string, peer?: string, cause?: unknown) {
    super(code, message, { cause, retriable: true })
    this.peer = peer
  }
}

/** A broker or name server refused. */
export class BrokerError extends GantryError {
  override readonly name = "BrokerError"
  readonly _tag = "BrokerError"
  /** The number on the wire; `code` is its name. */
  readonly responseCode: number
  /** What the peer said. */
  readonly remark: string | undefined
  readonly peer: string
  constructor(responseCode: number, remark: string | undefined, peer: string, what: string) {
    const code = responseCodeName(responseCode)
    super(code, `${peer} refuses ${what}: ${code}${remark === undefined || remark === "" ? "" : `, ${remark}`}`, {
      retriable: retriableCodes.has(responseCode),
    })
    this.responseCode = responseCode
    this.remark = remark
    this.peer = peer
  }
}

export type RouteErrorCode = "NO_NAME_SERVER" | "NAME_SERVER_UNREACHABLE" | "TOPIC_NOT_FOUND" | "BROKER_NOT_FOUND"

/** It is not known where to go. */
export class RouteError extends GantryError {
  override readonly name = "RouteError"
  readonly _tag = "RouteError"
  declare readonly code: RouteErrorCode
  constructor(code: RouteErrorCode, message: string, cause?: unknown) {
    super(code, message, { cause, retriable: code !== "NO_NAME_SERVER" })
  }
}

/** The call cannot succeed as it is. */
export class ArgumentError extends GantryError {
  override readonly name = "ArgumentError"
  readonly _tag = "ArgumentError"
  constructor(message: string, code: "INVALID_ARGUMENT" | "MESSAGE_ILLEGAL" = "INVALID_ARGUMENT") {
    super(code, message, { retriable: false })
  }
}

export type StateErrorCode = "CLOSED" | "NOT_RUNNING" | "ALREADY_RUNNING" | "GROUP_IN_USE" | "NOT_ASSIGNED"

/** The object is not in a state for this call. */
export class StateError extends GantryError {
  override readonly name = "StateError"
  readonly _tag = "StateError"
  declare readonly code: StateErrorCode
  constructor(code: StateErrorCode, message: string) {
    super(code, message, { retriable: false })
  }
}

/** A peer's answer cannot be read: it speaks another dialect, or is broken. */
export class AnswerError extends GantryError {
  override readonly name = "AnswerError"
  readonly _tag = "AnswerError"
  constructor(what: string, peer: string, malformed: Malformed) {
    super("MALFORMED_ANSWER", `${peer} answers ${what} with something that cannot be read: ${malformed.message}`, {
      cause: malformed,
      retriable: false,
    })
  }
}

/** Throws nothing itself: what every callback of the core is given, a value or an error. */
export type Done<A> = (outcome: A | GantryError) => void

export const ofRemoting = (error: RemotingError, code: number): ConnectionError => {
  const what = requestCodeName(code)
  const told = /\(([^)]+)\)$/.exec(error.message)?.[1]
  const detail = told === undefined ? "" : ` (${told})`
  const said: Readonly<Record<RemotingReason, readonly [ConnectionErrorCode, string]>> = {
    Closed: ["CONNECTION_CLOSED", `${error.peer} closed the connection before it answered ${what}${detail}`],
    ConnectFailed: [
      "CONNECT_FAILED",
      `Nothing can be reached at ${error.peer}${detail}, so ${what} was not sent. Is it running? A broker behind Docker ` +
        "or NAT must be told by brokerIP1 which address clients can reach",
    ],
    TimedOut: ["TIMED_OUT", `${error.peer} did not answer ${what} in time; whether it acted is not known`],
    TooMany: [
      "TOO_MANY_REQUESTS",
      `Too many requests are under way to send ${what} to ${error.peer}; send fewer at once`,
    ],
  }
  const [name, message] = said[error.reason]
  return new ConnectionError(name, message, error.peer, error)
}

export const ofAnswer = (answer: Command, code: number, peer: string): BrokerError =>
  new BrokerError(answer.code, answer.remark, peer, requestCodeName(code))

/** What may be otherwise a moment later, or on another broker. */
export const retriableCodes: ReadonlySet<number> = new Set(SendAttempts.retriable.map((name) => ResponseCode[name]))
