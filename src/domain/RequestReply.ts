/**
 * Request and reply: a producer sends a message and waits for a message in return. The request is an ordinary message
 * with three properties more: which request it is (CORRELATION_ID), whose (REPLY_TO_CLIENT, a client id) and how long an
 * answer is of use (TTL, ms). Whoever consumes it sends the reply to the reply topic of the cluster that stored it; the
 * broker hands the reply on over the requester's connection, at once, and keeps a copy in that topic.
 *
 * What always holds: a request ends once, by its reply, its timeout or its owner. Nothing is promised about replies: one
 * that finds its requester gone is refused to the replier and handed to nobody later.
 *
 * Laws (test/model/domain/RequestReply.test.ts)
 *   once      each request that was taken ends by exactly one of `replied`, `forgotten`, `expired` or `released`
 *   own       a reply ends the request whose correlation id it carries, and no other
 *   patient   no request expires before its time, and each one does that is still open then
 *   bounded   no more than `openMax` requests are open (P11)
 *   there     a reply to a message made by `request` goes to the client that asked, with its correlation id
 * Source: behaviour of RocketMQ 5.5.0 (DefaultMQProducerImpl, RequestFutureHolder, MessageUtil, ReplyMessageProcessor).
 */
import * as Result from "effect/Result"
import * as Properties from "./Properties.ts"
import { PropertyName } from "./Properties.ts"
import { type Refusal, refuse } from "./Refusal.ts"
import { replyTopic } from "./Topic.ts"

/** MSG_TYPE of a reply: by it clients choose the request codes 324 and 325. */
export const replyType = "reply"

/** Of what a requester must have read, bytes; who reads no longer is sent no more replies (P11). */
export const unreadBytesMax = 4 * 1024 * 1024

/** What makes a message a request. */
export const requestProperties = (
  correlationId: string,
  clientId: string,
  ttlMs: number,
): ReadonlyArray<readonly [string, string]> => [
  [PropertyName.CORRELATION_ID, correlationId],
  [PropertyName.REPLY_TO_CLIENT, clientId],
  [PropertyName.TTL, String(ttlMs)],
]

/** Where the reply to a message goes, and the properties by which it finds its way. */
export interface Envelope {
  readonly topic: string
  readonly properties: ReadonlyArray<readonly [string, string]>
}

/** The envelope of a reply to a message with these properties; refused when nobody waits for one. */
export const envelope = (find: (name: string) => string | undefined): Result.Result<Envelope, Refusal> => {
  const cluster = find(PropertyName.CLUSTER)
  const correlationId = find(PropertyName.CORRELATION_ID)
  const clientId = find(PropertyName.REPLY_TO_CLIENT)
  if (correlationId === undefined || clientId === undefined) {
    return refuse(
      "MESSAGE_ILLEGAL",
      `the message asks for no reply: it has no ${correlationId === undefined ? PropertyName.CORRELATION_ID : PropertyName.REPLY_TO_CLIENT}. ` +
        "Reply to messages that were sent as requests.",
    )
  }
  if (cluster === undefined) {
    return refuse(
      "MESSAGE_ILLEGAL",
      `create reply message fail, requestMessage error, property[${PropertyName.CLUSTER}] is null. Brokers set it when ` +
        "they store a request; reply to a message as it was consumed.",
    )
  }
  const ttl = find(PropertyName.TTL)
  return Result.succeed({
    properties: [
      [PropertyName.MSG_TYPE, replyType],
      [PropertyName.CORRELATION_ID, correlationId],
      [PropertyName.REPLY_TO_CLIENT, clientId],
      ...(ttl === undefined ? [] : [[PropertyName.TTL, ttl] as const]),
    ],
    topic: replyTopic(cluster),
  })
}

/** The client id that a reply is for. */
export const requesterOf = (properties: string): Result.Result<string, Refusal> => {
  const clientId = Properties.find(properties, PropertyName.REPLY_TO_CLIENT)
  return clientId === undefined
    ? refuse(
        "SYSTEM_ERROR",
        `reply message properties[${PropertyName.REPLY_TO_CLIENT}] is null. A reply carries the ${PropertyName.REPLY_TO_CLIENT} ` +
          "of its request.",
      )
    : Result.succeed(clientId)
}

/**
 * Whether a broker may push a reply to its requester. `unreadBytes`: what that client's connection has not taken yet;
 * undefined when no producer with this client id is connected. A refused reply is not pushed later.
 */
export const mayPush = (clientId: string, unreadBytes: number | undefined): Result.Result<undefined, Refusal> => {
  if (unreadBytes === undefined) {
    return refuse(
      "SYSTEM_ERROR",
      `push reply message fail, channel of <${clientId}> not found. No producer with this client id is connected to this ` +
        "broker: it went away, or knows other brokers of the cluster only.",
    )
  }
  return unreadBytes <= unreadBytesMax
    ? Result.succeed(undefined)
    : refuse(
        "SYSTEM_ERROR",
        `push reply message fail, <${clientId}> does not read: ${unreadBytes} bytes wait on its connection.`,
      )
}

/** The properties of a reply as it is pushed: the broker adds when, and of which region it is. */
export const pushedProperties = (
  properties: string,
  stamp: { readonly regionId: string; readonly traceOn: string },
  nowMs: number,
): string => {
  let text = Properties.set(properties, PropertyName.MSG_REGION, stamp.regionId)
  text = Properties.set(text, PropertyName.TRACE_ON, stamp.traceOn)
  return Properties.set(text, PropertyName.PUSH_REPLY_TIME, String(nowMs))
}

/** An open request; `request` is whatever its owner needs to end it. */
interface Open<R> {
  readonly dueMs: number
  readonly request: R
}

/** A requester's table. Mutable inside its owner. */
export interface OpenRequests<R> {
  readonly byCorrelationId: Map<string, Open<R>>
  readonly openMax: number
}

export const make = <R>(openMax = 65_535): OpenRequests<R> => ({ byCorrelationId: new Map(), openMax })

/** Takes a request that ends at `dueMs` at the latest. Answers false, and takes nothing, when the table is full. */
export const open = <R>(table: OpenRequests<R>, correlationId: string, dueMs: number, request: R): boolean => {
  if (table.byCorrelationId.size >= table.openMax || table.byCorrelationId.has(correlationId)) return false
  table.byCorrelationId.set(correlationId, { dueMs, request })
  return true
}

/** A reply came: the request that it ends. Undefined when that one has ended already, or was never made here. */
export const replied = <R>(table: OpenRequests<R>, correlationId: string): R | undefined => {
  const found = table.byCorrelationId.get(correlationId)
  table.byCorrelationId.delete(correlationId)
  return found?.request
}

/** Its owner gave a request up. Answers whether it was still open. */
export const forgotten = <R>(table: OpenRequests<R>, correlationId: string): boolean =>
  table.byCorrelationId.delete(correlationId)

/** The requests whose time is over, which end with this. */
export const expired = <R>(table: OpenRequests<R>, nowMs: number): ReadonlyArray<R> => {
  const ended: Array<R> = []
  for (const [correlationId, { dueMs, request }] of table.byCorrelationId) {
    if (dueMs > nowMs) continue
    table.byCorrelationId.delete(correlationId)
    ended.push(request)
  }
  return ended
}

/** When `expired` has something to answer at the earliest, or undefined while nothing is open. */
export const nextDueMs = <R>(table: OpenRequests<R>): number | undefined => {
  let due: number | undefined
  for (const { dueMs } of table.byCorrelationId.values()) if (due === undefined || dueMs < due) due = dueMs
  return due
}

/** Ends all requests: the requester closes. */
export const released = <R>(table: OpenRequests<R>): ReadonlyArray<R> => {
  const all = [...table.byCorrelationId.values()].map(({ request }) => request)
  table.byCorrelationId.clear()
  return all
}
