/**
 * The requests of one client that wait for their replies. Which request a reply ends, and when one has waited long enough,
 * is decided in `domain/RequestReply`; here requests are sent once the brokers know where the replies go, one timer ends
 * those that are late, and a reply becomes a message.
 */
import { PropertyName, append, find } from "../../domain/Properties.ts"
import * as RequestReply from "../../domain/RequestReply.ts"
import { replyTopic } from "../../domain/Topic.ts"
import * as Host from "../../format/Host.ts"
import { Malformed } from "../../format/Malformed.ts"
import type { PushReplyMessage } from "../../format/SendMessage.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { ConnectionError, type Done, GantryError, StateError } from "../GantryError.ts"
import type { Message } from "../Message.ts"
import type { SendResult } from "../OutgoingMessage.ts"
import type { Instance } from "./Instance.ts"

export interface Asked {
  readonly correlationId: string
  readonly topic: string
  readonly timeoutMs: number
}

/** One open request. */
interface Waiting {
  readonly end: Done<Message>
  /** Why there is no reply, when the time is over. */
  readonly whyLate: () => GantryError
}

/** A request may end so much later than its timeout. */
const restMs = 20

/** Sends the request within `leftMs`; the answer forgets the send. */
export type Send = (leftMs: number, sent: Done<SendResult>) => () => void

export class Requests {
  readonly #instance: Instance
  readonly #open = RequestReply.make<Waiting>()
  #timerDueMs = Infinity
  #cancelTimer: () => void = () => {}

  constructor(instance: Instance) {
    this.#instance = instance
  }

  /** A correlation id: 128 random bits, as a UUID is printed. */
  newId(): string {
    const { random } = this.#instance.world
    const digits = Array.from({ length: 4 }, () => random.u32().toString(16).padStart(8, "0")).join("")
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
  }

  /** Sends a request; `done` runs once, with the reply or the reason why there is none. The answer forgets it. */
  ask({ correlationId, timeoutMs, topic }: Asked, send: Send, done: Done<Message>): () => void {
    const { clock } = this.#instance.world
    const dueMs = clock.monotonicMs() + timeoutMs
    let stored: SendResult | undefined
    let cancelSend: (() => void) | undefined
    const waiting: Waiting = {
      end: (outcome) => {
        cancelSend?.()
        done(outcome)
      },
      whyLate: () => (stored === undefined ? notStored(topic, timeoutMs) : noReply(stored, timeoutMs)),
    }
    if (!RequestReply.open(this.#open, correlationId, dueMs, waiting)) {
      done(new ConnectionError("TOO_MANY_REQUESTS", "Not sent: too many requests of this client wait for a reply"))
      return () => {}
    }
    this.#arm(dueMs)
    this.#acquaint(topic, () => {
      if (!this.#open.byCorrelationId.has(correlationId)) return
      cancelSend = send(Math.max(1, dueMs - clock.monotonicMs()), (outcome) => {
        if (!(outcome instanceof GantryError)) stored = outcome
        else if (RequestReply.forgotten(this.#open, correlationId)) done(outcome)
      })
    })
    return () => {
      if (RequestReply.forgotten(this.#open, correlationId)) cancelSend?.()
    }
  }

  /** A broker brought a reply. */
  replied(pushed: PushReplyMessage, body: Buffer, from: Address): void {
    const correlationId = find(pushed.properties ?? "", PropertyName.CORRELATION_ID)
    const waiting = correlationId === undefined ? undefined : RequestReply.replied(this.#open, correlationId)
    waiting?.end(this.#messageOf(pushed, body, from))
  }

  /** Ends all of them. */
  close(): void {
    this.#cancelTimer()
    for (const { end } of RequestReply.released(this.#open))
      end(new StateError("CLOSED", "The client was closed while it waited for a reply"))
  }

  /**
   * Makes this client known to the brokers by which a reply may come: those of the topic, and those of their clusters'
   * reply topics, of which a replier takes any.
   */
  #acquaint(topic: string, done: () => void): void {
    const { routes } = this.#instance
    routes.publishInfo(topic, () => {
      const clusters = new Set(routes.routeOf(topic)?.brokerDatas.map(({ cluster }) => cluster))
      const unknown = [...clusters].map(replyTopic).filter((name) => routes.routeOf(name) === undefined)
      let left = unknown.length
      if (left === 0) return this.#instance.introduce(done)
      for (const name of unknown) {
        routes.follow(name)
        routes.refresh(name, () => {
          if (--left === 0) this.#instance.introduce(done)
        })
      }
    })
  }

  #messageOf(pushed: PushReplyMessage, body: Buffer, from: Address): Message {
    const peer = PeerAddress.print(from)
    const broker = this.#instance.routes.brokers.find(({ address }) => PeerAddress.print(address) === peer)
    const arrivedMs = this.#instance.world.clock.nowMs()
    return this.#instance.names.message(
      {
        ...pushed,
        body,
        bodyCrc: 0,
        bornHost: hostOf(pushed.bornHost),
        physicalOffset: 0,
        preparedTransactionOffset: 0,
        properties: append(pushed.properties ?? "", PropertyName.ARRIVE_TIME, String(arrivedMs)),
        queueOffset: 0,
        reconsumeTimes: 0,
        sizeBytes: body.length,
        storeHost: hostOf(pushed.storeHost),
        version: 1,
      },
      broker?.brokerName ?? "",
    )
  }

  #arm(dueMs: number): void {
    if (dueMs >= this.#timerDueMs) return
    this.#cancelTimer()
    this.#timerDueMs = dueMs
    const { clock } = this.#instance.world
    this.#cancelTimer = clock.after(Math.max(0, dueMs - clock.monotonicMs()), () => {
      this.#timerDueMs = Infinity
      for (const { end, whyLate } of RequestReply.expired(this.#open, clock.monotonicMs())) end(whyLate())
      // Not more often than this, however many wait: each time looks at all of them.
      this.#arm(Math.max(RequestReply.nextDueMs(this.#open) ?? Infinity, clock.monotonicMs() + restMs))
    })
  }
}

const notStored = (topic: string, timeoutMs: number): ConnectionError =>
  new ConnectionError("TIMED_OUT", `No broker stored the request to topic "${topic}" within ${timeoutMs} ms`)

const noReply = ({ messageId, queue }: SendResult, timeoutMs: number): ConnectionError =>
  new ConnectionError(
    "NO_REPLY",
    `Nobody replied to ${messageId} in topic "${queue.topic}" within ${timeoutMs} ms. It is stored, and may have been handled: ` +
      "does its consumer run, and reply?",
  )

/** Where something came from, as far as a broker says it; for people. */
const hostOf = (text: string): Host.Host => {
  const host = Host.parse(text)
  return host instanceof Malformed ? nowhere : host
}

const nowhere = Buffer.alloc(8)
