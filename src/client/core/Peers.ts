/** Questions to one peer whose answer must have a certain code, and be readable. */
import type { Command, Ext } from "../../format/Command.ts"
import type { Header, Parameters, Values } from "../../format/header.ts"
import { Malformed } from "../../format/Malformed.ts"
import { requestCodeName } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import type { RemotingClient } from "../../infra/remoting/RemotingClient.ts"
import type { Body, Request } from "../../infra/remoting/RemotingConnection.ts"
import { RemotingError } from "../../infra/remoting/RemotingError.ts"
import { AnswerError, type Done, type GantryError, ofAnswer, ofRemoting } from "../GantryError.ts"

const successOnly: ReadonlySet<number> = new Set([ResponseCode.SUCCESS])

/** Asks; an answer with a code outside `accepted` is a BrokerError. The answer of this call forgets the question. */
export const ask = (
  remoting: RemotingClient,
  address: Address,
  request: Request,
  timeoutMs: number,
  done: Done<Command>,
  accepted: ReadonlySet<number> = successOnly,
): (() => void) => {
  const opaque = remoting.ask(address, request, timeoutMs, (outcome) => {
    if (outcome instanceof RemotingError) return done(ofRemoting(outcome, request.code))
    if (!accepted.has(outcome.code)) return done(ofAnswer(outcome, request.code, PeerAddress.print(address)))
    done(outcome)
  })
  return () => {
    if (opaque !== undefined) remoting.cancel(opaque)
  }
}

/** The parameters of an answer, or why they cannot be read. */
export const parametersOf = <P extends Parameters>(
  header: Header<P>,
  answer: Command,
  code: number,
  peer: string,
): Values<P> | GantryError => {
  const read = header.decode(answer.ext)
  return read instanceof Malformed ? new AnswerError(requestCodeName(code), peer, read) : read
}

/** The body of an answer, or why it cannot be read. */
export const bodyOf = <T>(
  shape: { readonly decode: (body: Buffer) => T | Malformed },
  answer: Command,
  code: number,
  peer: string,
): T | GantryError => {
  const read = shape.decode(answer.body)
  return read instanceof Malformed ? new AnswerError(requestCodeName(code), peer, read) : read
}

export const request = (code: number, ext: Ext, body?: Body): Request =>
  body === undefined ? { code, ext } : { body, code, ext }
