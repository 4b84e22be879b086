/** One pull of one queue at an offset that the caller keeps: no group is joined, nothing is committed. */
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import { PropertyName, find } from "../../domain/Properties.ts"
import type { Subscription } from "../../domain/Subscription.ts"
import { buildPullFlag } from "../../domain/SysFlag.ts"
import * as Format from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as StoredMessage from "../../format/StoredMessage.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { AnswerError, type Done, GantryError, RouteError } from "../GantryError.ts"
import { Message } from "../Message.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

export interface Fetch {
  readonly group: string
  readonly queue: MessageQueue
  readonly offset: number
  readonly countMax: number
  readonly subscription: Subscription
  /** How long the broker may wait for a first message. */
  readonly holdMs: number
}

/** `OFFSET_ILLEGAL`: the queue does not reach there; `nextOffset` is the nearest place where it does. */
export type FetchStatus = "FOUND" | "NO_NEW_MESSAGE" | "NO_MATCHED_MESSAGE" | "OFFSET_ILLEGAL"

export interface Fetched {
  readonly status: FetchStatus
  readonly messages: ReadonlyArray<Message>
  /** Where to go on. */
  readonly nextOffset: number
  readonly minOffset: number
  readonly maxOffset: number
}

const statuses: ReadonlyMap<number, FetchStatus> = new Map<number, FetchStatus>([
  [ResponseCode.SUCCESS, "FOUND"],
  [ResponseCode.PULL_NOT_FOUND, "NO_NEW_MESSAGE"],
  [ResponseCode.PULL_RETRY_IMMEDIATELY, "NO_MATCHED_MESSAGE"],
  [ResponseCode.PULL_OFFSET_MOVED, "OFFSET_ILLEGAL"],
])
const answers: ReadonlySet<number> = new Set(statuses.keys())
const timeoutBeyondHoldMs = 10_000

/** The answer of this call forgets the pull. */
export const fetch = (instance: Instance, asked: Fetch, done: Done<Fetched>): (() => void) => {
  const { queue, subscription } = asked
  const broker = instance.routes.reader(queue.brokerName, 0)
  if (broker === undefined) {
    done(new RouteError("BROKER_NOT_FOUND", `The broker ${queue.brokerName} of topic "${queue.topic}" is not known`))
    return () => {}
  }
  const code = RequestCode.PULL_MESSAGE
  const ext = Format.PullMessage.encode({
    bname: queue.brokerName,
    commitOffset: 0,
    consumerGroup: asked.group,
    expressionType: subscription.expressionType,
    maxMsgNums: asked.countMax,
    queueId: queue.queueId,
    queueOffset: asked.offset,
    subVersion: subscription.subVersion,
    subscription: subscription.subString,
    suspendTimeoutMillis: asked.holdMs,
    sysFlag: buildPullFlag({ classFilter: false, commitOffset: false, subscription: true, suspend: asked.holdMs > 0 }),
    topic: queue.topic,
  })
  const peer = PeerAddress.print(broker.address)
  return Peers.ask(
    instance.remoting,
    broker.address,
    { code, ext },
    asked.holdMs + timeoutBeyondHoldMs,
    (answer) => {
      if (answer instanceof GantryError) return done(answer)
      const read = Peers.parametersOf(Format.PullMessageAnswer, answer, code, peer)
      if (read instanceof GantryError) return done(read)
      const status = statuses.get(answer.code)!
      const { messages, rest } = StoredMessage.decodeAll(status === "FOUND" ? answer.body : Buffer.alloc(0))
      if (rest !== undefined && messages.length === 0) return done(new AnswerError("PULL_MESSAGE", peer, rest))
      const { tagsSet } = subscription
      const wanted = messages.filter(
        ({ properties }) => tagsSet.size === 0 || tagsSet.has(find(properties, PropertyName.TAGS) ?? ""),
      )
      done({
        maxOffset: read.maxOffset,
        messages: wanted.map((stored) => instance.names.message(stored, queue.brokerName)),
        minOffset: read.minOffset,
        nextOffset: rest === undefined ? read.nextBeginOffset : messages.at(-1)!.queueOffset + 1,
        status,
      })
    },
    answers,
  )
}
