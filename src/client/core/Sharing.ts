/**
 * A member's share of a topic's queues: all of them for a broadcast, else what the strategy gives it among the members
 * that a broker names, or what a broker assigns to it. Nothing changes while that is not known, nor while the broker does
 * not count this member yet.
 * Source: behaviour of RocketMQ 5.5.0 (RebalanceImpl).
 */
import * as Result from "effect/Result"
import type { MessageQueue } from "../../domain/MessageQueue.ts"
import * as Rebalance from "../../domain/Rebalance.ts"
import { QueryAssignment, QueryAssignmentAnswer } from "../../format/Assignment.ts"
import { ConsumerList } from "../../format/Heartbeat.ts"
import { ConsumerGroupOf } from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { standard } from "../../format/shape.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { BrokerError, GantryError } from "../GantryError.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

export interface SharingOptions {
  readonly group: string
  readonly isBroadcasting: boolean
  readonly strategy: Rebalance.Strategy
  /** A broker is asked for the share, and the member computes its own only where the broker cannot tell. */
  readonly isSharedByBroker?: boolean
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
  options: SharingOptions,
  topic: string,
  queues: ReadonlyArray<MessageQueue>,
  done: (share: Share) => void,
): void => {
  if (options.isBroadcasting) return done({ _tag: "Share", queues })
  const address = instance.routes.someBroker(topic)
  if (address === undefined) return done({ _tag: "Unknown" })
  if (options.isSharedByBroker !== true) return ofMembers(instance, options, topic, queues, address, done)
  assigned(instance, options, topic, address, (share) => {
    if (share === "NotServed") ofMembers(instance, options, topic, queues, address, done)
    else done(share)
  })
}

/** `NotServed`: the broker shares nothing out, or in a way that this client does not know. */
const assigned = (
  instance: Instance,
  { group, strategy }: SharingOptions,
  topic: string,
  address: Address,
  done: (share: Share | "NotServed") => void,
): void => {
  const code = RequestCode.QUERY_ASSIGNMENT
  const question = { clientId: instance.clientId, consumerGroup: group, strategyName: strategy.name, topic }
  const body = QueryAssignment.encode({ ...question, messageModel: "CLUSTERING" }, standard)
  Peers.ask(instance.remoting, address, { body, code }, instance.settings.requestTimeoutMs, (answer) => {
    const peer = PeerAddress.print(address)
    const read = answer instanceof GantryError ? answer : Peers.bodyOf(QueryAssignmentAnswer, answer, code, peer)
    if (read instanceof GantryError) {
      const isServed = !(read instanceof BrokerError)
      instance.world.log.debug("the broker does not say which queues are this member's", { error: read.message, topic })
      return done(isServed ? { _tag: "Unknown" } : "NotServed")
    }
    const { messageQueueAssignments: parts } = read
    if (parts === undefined) {
      instance.beat()
      return done({ _tag: "Unknown" })
    }
    if (parts.some(({ mode }) => mode !== "PULL")) {
      instance.world.log.warn(
        "the group is set to POP, which this consumer does not do: it shares the queues out with the other members",
        { group, topic },
      )
      return done("NotServed")
    }
    done({ _tag: "Share", queues: parts.map(({ messageQueue }) => messageQueue) })
  })
}

const ofMembers = (
  instance: Instance,
  { group, strategy }: SharingOptions,
  topic: string,
  queues: ReadonlyArray<MessageQueue>,
  address: Address,
  done: (share: Share) => void,
): void => {
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
    instance.world.trace?.("SeeMembers", { clientId: instance.clientId, clientIds, group, topic })
    const share = Rebalance.assign(strategy, { clientIds, currentClientId: instance.clientId, queues })
    if (Result.isFailure(share)) return unknown(share.failure.remark)
    done({ _tag: "Share", queues: share.success })
  })
}
