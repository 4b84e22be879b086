/** The locks of an ordered consumer on its brokers: asks for them, believes in them for 30 s, gives them back. */
import { type MessageQueue, isEqual } from "../../domain/MessageQueue.ts"
import { LockBatch, LockBatchAnswer, LockBatchHeader } from "../../format/LockBatch.ts"
import { RequestCode } from "../../format/RequestCode.ts"
import { standard } from "../../format/shape.ts"
import type { Address } from "../../infra/network/Network.ts"
import * as PeerAddress from "../../infra/remoting/PeerAddress.ts"
import { GantryError } from "../GantryError.ts"
import type { Instance } from "./Instance.ts"
import * as Peers from "./Peers.ts"

const timeoutMs = 1_000

/** A lock that a broker gave. */
export interface Grant {
  /** When it was asked for. */
  readonly askedMs: number
  /** Each acquisition has its own; undefined where the broker is not Gantry's. */
  readonly number: number | undefined
}

export class QueueLocks {
  readonly #instance: Instance
  readonly #group: string

  constructor(instance: Instance, group: string) {
    this.#instance = instance
    this.#group = group
  }

  /**
   * Asks the brokers for locks. `granted` runs once for each broker that answers, with what it was asked for and what it
   * grants; `done` when all have answered or failed.
   */
  lock(
    queues: ReadonlyArray<MessageQueue>,
    granted: (asked: ReadonlyArray<MessageQueue>, locked: ReadonlyMap<MessageQueue, Grant>) => void,
    done: () => void = () => {},
  ): void {
    const brokers = this.#byBroker(queues)
    let left = brokers.length
    if (left === 0) return done()
    for (const [address, asked] of brokers) {
      // A pause between the grant and its arrival must not make an old lease look young.
      const askedMs = this.#instance.world.clock.monotonicMs()
      const code = RequestCode.LOCK_BATCH_MQ
      const request = { body: this.#body(asked), code, ext: LockBatchHeader.encode({ gantryGrants: true }) }
      Peers.ask(this.#instance.remoting, address, request, timeoutMs, (answer) => {
        const read =
          answer instanceof GantryError
            ? answer
            : Peers.bodyOf(LockBatchAnswer, answer, code, PeerAddress.print(address))
        if (read instanceof GantryError) {
          this.#instance.world.log.warn("no locks were granted", { error: read.message, group: this.#group })
        } else {
          const { gantryGrants, lockOKMQSet } = read
          const locked = asked.flatMap((queue) => {
            const at = lockOKMQSet.findIndex((one) => isEqual(one, queue))
            return at < 0 ? [] : [[queue, { askedMs, number: gantryGrants?.[at] }] as const]
          })
          granted(asked, new Map(locked))
        }
        if (--left === 0) done()
      })
    }
  }

  /** Gives locks back; `done` runs when the brokers have answered, or had their time to. */
  unlock(queues: ReadonlyArray<MessageQueue>, done: () => void = () => {}): void {
    const brokers = this.#byBroker(queues)
    let left = brokers.length
    if (left === 0) return done()
    for (const [address, asked] of brokers) {
      const request = { body: this.#body(asked), code: RequestCode.UNLOCK_BATCH_MQ }
      Peers.ask(this.#instance.remoting, address, request, timeoutMs, () => {
        if (--left === 0) done()
      })
    }
  }

  #byBroker(queues: ReadonlyArray<MessageQueue>): ReadonlyArray<readonly [Address, ReadonlyArray<MessageQueue>]> {
    return [...Map.groupBy(queues, ({ brokerName }) => brokerName)].flatMap(([brokerName, all]) => {
      const address = this.#instance.routes.master(brokerName)
      return address === undefined ? [] : [[address, all] as const]
    })
  }

  #body(mqSet: ReadonlyArray<MessageQueue>): Buffer {
    return LockBatch.encode(
      { clientId: this.#instance.clientId, consumerGroup: this.#group, mqSet, onlyThisBroker: false },
      standard,
    )
  }
}
