/**
 * Handlers for requests whose parameters are declared (format/header.ts): what the parameters say arrives decoded, a
 * missing or unreadable one is answered with code 1 and its name, as RocketMQ does.
 */
import type { Refusal } from "../../domain/Refusal.ts"
import type { Command } from "../../format/Command.ts"
import type { Header, Parameters, Values } from "../../format/header.ts"
import { Malformed } from "../../format/Malformed.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import type { Answer, Call } from "./Call.ts"
import type { Handler } from "./Hub.ts"

export const success: Answer = { code: ResponseCode.SUCCESS }

/** The answer that says "no", or that something was wrong with the request. */
export const refused = (refusal: Refusal): Answer => ({ code: ResponseCode[refusal.code], remark: refusal.remark })
export const failed = (reason: string): Answer => ({ code: ResponseCode.SYSTEM_ERROR, remark: reason })

/** Answers the call with what `run` answers; with undefined, `run` ends the call itself, now or later. */
export const typed =
  <P extends Parameters>(
    header: Header<P>,
    run: (parameters: Values<P>, command: Command, call: Call) => Answer | undefined,
  ): Handler =>
  (command, call) => {
    const parameters = header.decode(command.ext)
    const answer = parameters instanceof Malformed ? failed(parameters.message) : run(parameters, command, call)
    if (answer !== undefined) call.answer(answer)
  }
