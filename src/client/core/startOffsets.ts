/** Where a consumer starts in a queue: the group's progress, else where the consumer's setting says. */
import type { ConsumeFromWhere } from "../../domain/ConsumerGroup.ts"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import * as StartOffset from "../../domain/StartOffset.ts"
import { GetMaxOffset, GetMinOffset, OffsetAnswer, SearchOffset } from "../../format/PullMessage.ts"
import type { Ext } from "../../format/Command.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { type Done, GantryError, RouteError } from "../GantryError.ts"
import type { Instance } from "./Instance.ts"
import type { Offsets } from "./Offsets.ts"
import * as Peers from "./Peers.ts"

/** Undefined when it cannot be found out now. */
export const startOffset = (
  instance: Instance,
  offsets: Offsets,
  queue: MessageQueue,
  { consumeFromWhere, timestampMs }: { readonly consumeFromWhere: ConsumeFromWhere; readonly timestampMs: number },
  done: (offset: number | undefined) => void,
): void =>
  offsets.fetch(queue, (stored) => {
    const start = StartOffset.decide(consumeFromWhere, stored, queue.topic)
    const told = (outcome: number | GantryError): void => {
      if (!(outcome instanceof GantryError)) return done(outcome)
      instance.world.log.warn("where to start in a queue cannot be found out now", { error: outcome.message, queue })
      done(undefined)
    }
    switch (start._tag) {
      case "At":
        return done(start.queueOffset)
      case "Max":
        return maxOffset(instance, queue, told)
      case "Timestamp":
        return searchOffset(instance, queue, timestampMs, told)
      case "Unknown":
        return done(undefined)
    }
  })

export const minOffset = (instance: Instance, queue: MessageQueue, done: Done<number>): void =>
  ask(instance, queue, RequestCode.GET_MIN_OFFSET, GetMinOffset.encode(queue), done)

export const maxOffset = (instance: Instance, queue: MessageQueue, done: Done<number>): void =>
  ask(instance, queue, RequestCode.GET_MAX_OFFSET, GetMaxOffset.encode(queue), done)

/** The first message that was stored at this moment or later. */
export const searchOffset = (instance: Instance, queue: MessageQueue, timestamp: number, done: Done<number>): void =>
  ask(instance, queue, RequestCode.SEARCH_OFFSET_BY_TIMESTAMP, SearchOffset.encode({ ...queue, timestamp }), done)

const ask = (instance: Instance, queue: MessageQueue, code: number, ext: Ext, done: Done<number>): void => {
  const address = instance.routes.master(queue.brokerName)
  if (address === undefined) {
    return done(
      new RouteError("BROKER_NOT_FOUND", `The broker ${queue.brokerName} of topic "${queue.topic}" is not known`),
    )
  }
  Peers.ask(instance.remoting, address, { code, ext }, instance.settings.requestTimeoutMs, (answer) => {
    if (answer instanceof GantryError) return done(answer)
    const read = Peers.parametersOf(OffsetAnswer, answer, code, PeerAddress.print(address))
    done(read instanceof GantryError ? read : read.offset)
  })
}
