/**
 * How far a group is in each queue, as one consumer knows it, and where that is kept: on the brokers for a group that
 * shares its messages, in a file of this machine for one that broadcasts.
 *
 * Laws (test/model/client/consumer.test.ts)
 *   forward  `advance` never moves an offset back
 *   kept     what was persisted and answered is what `fetch` answers (P8)
 * Source: behaviour of RocketMQ 5.5.0 (RemoteBrokerOffsetStore, LocalFileOffsetStore).
 */
import { type MessageQueue, print } from "../../domain/MessageQueue.ts"
import { OffsetAnswer, QueryConsumerOffset, UpdateConsumerOffset } from "../../format/PullMessage.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { ResponseCode } from "../../format/ResponseCode.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { GantryError } from "../GantryError.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

export interface Offsets {
  /** What is kept; undefined when nothing is, "failed" when it could not be asked. */
  readonly fetch: (queue: MessageQueue, done: (stored: number | undefined | "failed") => void) => void
  /** What this consumer knows. */
  readonly known: (queue: MessageQueue) => number | undefined
  /** Moves forward, never back. */
  readonly advance: (queue: MessageQueue, offset: number) => void
  /** Moves anywhere: a seek, a reset, an offset that the broker corrected. */
  readonly set: (queue: MessageQueue, offset: number) => void
  /** The grant of the lock that a queue's progress is told under from now on; undefined when it has none (P5). */
  readonly fence: (queue: MessageQueue, grant: number | undefined) => void
  /** Tells what has changed, without waiting. */
  readonly persist: (queues: Iterable<MessageQueue>) => void
  /** Tells, and waits for the answer: an error of the first that could not be told. */
  readonly commit: (queues: Iterable<MessageQueue>, done: (error: GantryError | undefined) => void) => void
  /** Forgets a queue that is another's now. */
  readonly forget: (queue: MessageQueue) => void
}

interface Entry {
  offset: number
  grant: number | undefined
  /** What was told last, and when. */
  toldOffset: number | undefined
  toldMs: number
}

/** A commit that nobody answers may be lost with its connection: what has not changed is told again after so long. */
const tellAgainMs = 30_000
const queryTimeoutMs = 5_000

const queryAnswers: ReadonlySet<number> = new Set([ResponseCode.SUCCESS, ResponseCode.QUERY_NOT_FOUND])

/** Offsets that the brokers keep. */
export class BrokerOffsets implements Offsets {
  readonly #instance: Instance
  readonly #group: string
  readonly #entries = new Map<string, Entry>()

  constructor(instance: Instance, group: string) {
    this.#instance = instance
    this.#group = group
  }

  fetch(queue: MessageQueue, done: (stored: number | undefined | "failed") => void): void {
    const { remoting, routes, world } = this.#instance
    const broker = routes.reader(queue.brokerName, 0)
    if (broker === undefined) return done("failed")
    const { queueId, topic } = queue
    const code = RequestCode.QUERY_CONSUMER_OFFSET
    const ext = QueryConsumerOffset.encode({ consumerGroup: this.#group, queueId, topic })
    const failed = (error: GantryError): void => {
      world.log.warn("the group's progress could not be asked for", { error: error.message, group: this.#group, queue })
      done("failed")
    }
    Peers.ask(
      remoting,
      broker.address,
      { code, ext },
      queryTimeoutMs,
      (answer) => {
        if (answer instanceof GantryError) return failed(answer)
        if (answer.code === ResponseCode.QUERY_NOT_FOUND) return done(undefined)
        const read = Peers.parametersOf(OffsetAnswer, answer, code, PeerAddress.print(broker.address))
        if (read instanceof GantryError) return failed(read)
        done(read.offset < 0 ? undefined : read.offset)
      },
      queryAnswers,
    )
  }

  known(queue: MessageQueue): number | undefined {
    return this.#entries.get(print(queue))?.offset
  }

  advance(queue: MessageQueue, offset: number): void {
    const entry = this.#entries.get(print(queue))
    if (entry === undefined) this.set(queue, offset)
    else if (offset > entry.offset) entry.offset = offset
  }

  set(queue: MessageQueue, offset: number): void {
    const entry = this.#entries.get(print(queue))
    if (entry !== undefined) entry.offset = offset
    else this.#entries.set(print(queue), { grant: undefined, offset, toldMs: -Infinity, toldOffset: undefined })
  }

  fence(queue: MessageQueue, grant: number | undefined): void {
    const entry = this.#entries.get(print(queue))
    if (entry !== undefined) entry.grant = grant
  }

  persist(queues: Iterable<MessageQueue>): void {
    const nowMs = this.#instance.world.clock.monotonicMs()
    for (const queue of queues) {
      const entry = this.#entries.get(print(queue))
      const address = this.#instance.routes.master(queue.brokerName)
      if (entry === undefined || address === undefined) continue
      if (entry.offset === entry.toldOffset && nowMs < entry.toldMs + tellAgainMs) continue
      entry.toldOffset = entry.offset
      entry.toldMs = nowMs
      this.#instance.remoting.tell(address, this.#request(queue, entry))
    }
  }

  commit(queues: Iterable<MessageQueue>, done: (error: GantryError | undefined) => void): void {
    const asked = [...queues].flatMap((queue) => {
      const entry = this.#entries.get(print(queue))
      const address = this.#instance.routes.master(queue.brokerName)
      return entry === undefined || address === undefined ? [] : [{ address, entry, queue }]
    })
    let left = asked.length
    let failure: GantryError | undefined
    if (left === 0) return done(undefined)
    for (const { address, entry, queue } of asked) {
      const { offset } = entry
      Peers.ask(this.#instance.remoting, address, this.#request(queue, entry), queryTimeoutMs, (answer) => {
        if (answer instanceof GantryError) failure ??= answer
        else {
          entry.toldOffset = offset
          entry.toldMs = this.#instance.world.clock.monotonicMs()
        }
        if (--left === 0) done(failure)
      })
    }
  }

  forget(queue: MessageQueue): void {
    this.#entries.delete(print(queue))
  }

  #request({ queueId, topic }: MessageQueue, { grant, offset }: Entry) {
    const ext = UpdateConsumerOffset.encode({
      commitOffset: offset,
      consumerGroup: this.#group,
      queueId,
      topic,
      ...(grant === undefined ? {} : { gantryGrant: grant }),
    })
    return { code: RequestCode.UPDATE_CONSUMER_OFFSET, ext }
  }
}
