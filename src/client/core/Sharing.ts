/**
 * A member's share of a topic's queues: all of them for a broadcast, else what the strategy gives it among the members
 * that a broker names. Nothing changes while that is not known, nor while the broker does not count this member yet.
 * Source: behaviour of RocketMQ 5.5.0 (RebalanceImpl).
 */
import * as Result from "effect/Result"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import * as Rebalance from "../../domain/Rebalance.ts"
import { ConsumerList } from "../../format/Heartbeat.ts"
import { ConsumerGroupOf } from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { GantryError } from "../GantryError.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

export interface SharingOptions {
  readonly group: string
  readonly isBroadcasting: boolean
  readonly strategy: Rebalance.Strategy
}

/** `Unknown`: could not be found out now. `NoQueues`: nobody serves the topic. */
export type Share =
  | { readonly _tag: "Share"; readonly queues: ReadonlyArray<MessageQueue> }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "NoQueues" }

export const find = (
  instance: Instance,
  options: SharingOptions,
  topic: string,
  done: (share: Share) => void,
): void => {
  const { routes } = instance
  const all = routes.readQueues(topic)
  if (all.length > 0) return ofQueues(instance, options, topic, all, done)
  routes.refresh(topic, (outcome) => {
    if (outcome instanceof GantryError) return done({ _tag: "Unknown" })
    const found = routes.readQueues(topic)
    if (found.length === 0) return done({ _tag: "NoQueues" })
    ofQueues(instance, options, topic, found, done)
  })
}

const ofQueues = (
  instance: Instance,
  { group, isBroadcasting, strategy }: SharingOptions,
  topic: string,
  queues: ReadonlyArray<MessageQueue>,
  done: (share: Share) => void,
): void => {
  if (isBroadcasting) return done({ _tag: "Share", queues })
  const address = instance.routes.someBroker(topic)
  if (address === undefined) return done({ _tag: "Unknown" })
  const code = RequestCode.GET_CONSUMER_LIST_BY_GROUP
  const request = { code, ext: ConsumerGroupOf.encode({ consumerGroup: group }) }
  const unknown = (why: string): void => {
    // Passes with the next heartbeat, mostly; a broker that takes none is warned of where that fails.
    instance.world.log.debug("the queues cannot be shared out now", { group, topic, why })
    done({ _tag: "Unknown" })
  }
  Peers.ask(instance.remoting, address, request, instance.settings.requestTimeoutMs, (answer) => {
    const list =
      answer instanceof GantryError ? answer : Peers.bodyOf(ConsumerList, answer, code, PeerAddress.print(address))
    if (list instanceof GantryError) return unknown(list.message)
    const clientIds = list.consumerIdList
    if (!clientIds.includes(instance.clientId)) {
      // A broker that was started anew has not heard from everybody; without a place among the ids the share is empty,
      // and every queue would be let go for nothing.
      instance.beat()
      return unknown(`the broker ${PeerAddress.print(address)} does not count this client among the group's yet`)
    }
    const share = Rebalance.assign(strategy, { clientIds, currentClientId: instance.clientId, queues })
    if (Result.isFailure(share)) return unknown(share.failure.remark)
    done({ _tag: "Share", queues: share.success })
  })
}
