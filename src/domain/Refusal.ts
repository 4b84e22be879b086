/**
 * A refusal: an expected "no" to a request, with the response code that says it on the wire and a remark that says
 * what was refused, why, and what to do about it. Refusals are values; nothing in the domain throws them.
 * Source: src/format/ResponseCode.ts has the numbers of the codes.
 */
import * as Result from "effect/Result"

/** Names of the response codes that a decision may refuse with. */
export type RefusalCode =
  | "SYSTEM_ERROR"
  | "SYSTEM_BUSY"
  | "REQUEST_CODE_NOT_SUPPORTED"
  | "MESSAGE_ILLEGAL"
  | "SERVICE_NOT_AVAILABLE"
  | "NO_PERMISSION"
  | "TOPIC_NOT_EXIST"
  | "QUERY_NOT_FOUND"
  | "SUBSCRIPTION_PARSE_FAILED"
  | "SUBSCRIPTION_NOT_EXIST"
  | "SUBSCRIPTION_NOT_LATEST"
  | "SUBSCRIPTION_GROUP_NOT_EXIST"
  | "FILTER_DATA_NOT_EXIST"
  | "FILTER_DATA_NOT_LATEST"
  | "INVALID_PARAMETER"
  | "CONSUMER_NOT_ONLINE"
  | "ILLEGAL_OPERATION"
  | "NOT_LEADER_FOR_QUEUE"

export interface Refusal {
  readonly _tag: "Refusal"
  readonly code: RefusalCode
  readonly remark: string
  /** Only on a pull refused with NO_PERMISSION: 1 broker, 2 group, 3 topic, 4 broadcasting, 5 subscription. */
  readonly forbiddenType?: number
}

export const make = (code: RefusalCode, remark: string, forbiddenType?: number): Refusal =>
  forbiddenType === undefined ? { _tag: "Refusal", code, remark } : { _tag: "Refusal", code, remark, forbiddenType }

/** The failed Result of a decision that refuses. */
export const refuse = (code: RefusalCode, remark: string, forbiddenType?: number): Result.Result<never, Refusal> =>
  Result.fail(make(code, remark, forbiddenType))
