/**
 * Subscriptions: which messages of a topic a group wants, by tags. A queue entry carries the 32-bit hash of the
 * message's tag, so the broker filters by hash and the consumer compares the text again.
 *
 * Laws (test/model/domain/Subscription.test.ts)
 *   no miss     a message whose tag is in `tagsSet` always passes `matchesCode`
 *   everything  `*` passes every message; so does an entry whose code is not known
 *   codes       `codeSet` holds the hash code of each tag, and nothing else
 * Source: behaviour of RocketMQ 5.5.0 (FilterAPI, ExpressionMessageFilter).
 */
import * as Result from "effect/Result"
import { hashCode, trim } from "./JavaString.ts"
import { type Refusal, refuse } from "./Refusal.ts"

export const subscribeAll = "*"

/** A group's subscription of one topic, by the protocol's member names. */
export interface Subscription {
  readonly topic: string
  /** The expression as given; `*` stands for everything. */
  readonly subString: string
  readonly tagsSet: ReadonlySet<string>
  readonly codeSet: ReadonlySet<number>
  /** Grows with each change: ms, by the consumer's clock. */
  readonly subVersion: number
  readonly expressionType: string
  readonly classFilterMode: boolean
}

/** Nothing given means TAG. */
export const isTagType = (expressionType: string | undefined): boolean =>
  expressionType === undefined || expressionType === "" || expressionType === "TAG"

/**
 * Reads a tag expression: nothing, "" or `*` for everything, else tags joined by `||`.
 * Refused with SUBSCRIPTION_PARSE_FAILED when nothing but separators is left.
 */
export const parse = (
  topic: string,
  expression: string | undefined,
  subVersion = 0,
): Result.Result<Subscription, Refusal> => {
  if (expression === undefined || expression === "" || expression === subscribeAll) {
    return Result.succeed(of(topic, subscribeAll, "TAG", subVersion, new Set(), new Set()))
  }
  const parts = expression.split("||")
  if (parts.every((part) => part === "")) {
    return refuse(
      "SUBSCRIPTION_PARSE_FAILED",
      `parse the consumer's subscription failed: subString split error, "${expression}" for topic[${topic}] names no ` +
        "tag. Use * for everything, or tags joined by ||.",
    )
  }
  const tagsSet = new Set<string>()
  const codeSet = new Set<number>()
  for (const part of parts) {
    const tag = trim(part)
    if (tag === "") continue
    tagsSet.add(tag)
    codeSet.add(hashCode(tag))
  }
  return Result.succeed(of(topic, expression, "TAG", subVersion, tagsSet, codeSet))
}

/**
 * Reads an expression of any type. A type other than TAG is kept as it is, for the filter that understands it, and
 * must not be empty: SUBSCRIPTION_PARSE_FAILED.
 */
export const parseTyped = (
  topic: string,
  expression: string | undefined,
  expressionType: string | undefined,
  subVersion = 0,
): Result.Result<Subscription, Refusal> => {
  if (expressionType === undefined || expressionType === "TAG") return parse(topic, expression, subVersion)
  if (expression === undefined || expression === "") {
    return refuse(
      "SUBSCRIPTION_PARSE_FAILED",
      `parse the consumer's subscription failed: Expression can't be null! ${expressionType}. ` +
        `Send the ${expressionType} expression for topic[${topic}].`,
    )
  }
  return Result.succeed(of(topic, expression, expressionType, subVersion, new Set(), new Set()))
}

/**
 * Whether a queue entry passes before its message is read. `tagsCode` undefined: not known, so it passes; what is not
 * filtered by tags passes too, and is judged by its own filter once the message is read.
 */
export const matchesCode = (subscription: Subscription, tagsCode: number | undefined): boolean =>
  tagsCode === undefined ||
  subscription.subString === subscribeAll ||
  subscription.codeSet.has(tagsCode | 0) ||
  subscription.classFilterMode ||
  !isTagType(subscription.expressionType)

/** The code of a message's tag in its queue entry; no tag is 0. */
export const tagsCode = (tags: string | undefined): number => (tags === undefined ? 0 : hashCode(tags))

/** Whether two subscriptions of a topic ask for the same: text and type; the version does not count. */
export const isSame = (left: Subscription, right: Subscription): boolean =>
  left.subString === right.subString && left.expressionType === right.expressionType

const of = (
  topic: string,
  subString: string,
  expressionType: string,
  subVersion: number,
  tagsSet: ReadonlySet<string>,
  codeSet: ReadonlySet<number>,
): Subscription => ({ topic, subString, tagsSet, codeSet, subVersion, expressionType, classFilterMode: false })
