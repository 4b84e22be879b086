/**
 * Counts what goes through a broker. Puts cost the traffic nothing here: every 10 s the counters of all open queues are
 * looked at, some thousands in a turn; what was got is counted once per pull. See `domain/Statistics` and `domain/Rates`.
 */
import * as Rates from "../../domain/Rates.ts"
import * as Statistics from "../../domain/Statistics.ts"
import { isGantry } from "../../domain/Topic.ts"
import type { ConsumeQueue } from "../../infra/store/ConsumeQueue.ts"
import type { BrokerState } from "./BrokerState.ts"

const queuesPerTurn = 5000

interface Counted {
  count: number
  bytes: number
}

export class StatisticsService {
  readonly rates: Rates.Rates
  /** Bytes of the records that were put since the start. */
  putBytes = 0
  readonly #state: BrokerState
  /** What was taken of each queue's counters already. */
  readonly #counted = new WeakMap<ConsumeQueue, Counted>()
  #cancel: (() => void) | undefined
  #isStopped = false

  constructor(state: BrokerState) {
    this.#state = state
    const { clock } = state.world
    this.rates = Rates.make(clock.monotonicMs(), this.#localMs())
    // What recovery brought back was not put now.
    for (const queue of state.store.queues.opened())
      this.#counted.set(queue, { bytes: queue.appendedBytes, count: queue.appendedCount })
    this.#later()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  /** Totals as of now; those of puts as of the last look at the queues. */
  totals(): Rates.Totals {
    const { config, counts, statistics } = this.#state
    const cluster = config.brokerClusterName
    return {
      found: counts.getFound,
      got: Statistics.total(statistics, "BROKER_GET_NUMS", cluster),
      missed: counts.getMiss,
      put: Statistics.total(statistics, "BROKER_PUT_NUMS", cluster),
    }
  }

  /** Takes over what the queues have counted. */
  collect(): void {
    for (const queue of this.#state.store.queues.opened()) this.#take(queue)
  }

  #later(): void {
    const { clock } = this.#state.world
    this.#cancel = clock.after(Statistics.sampleEveryMs, () => {
      const queues = this.#state.store.queues.opened()
      const turn = (): void => {
        if (this.#isStopped) return
        for (let left = queuesPerTurn; left > 0; left--) {
          const next = queues.next()
          if (next.done === true) return this.#sample()
          this.#take(next.value)
        }
        clock.soon(turn)
      }
      turn()
      this.#later()
    })
  }

  #take(queue: ConsumeQueue): void {
    const { appendedBytes, appendedCount, topic } = queue
    let counted = this.#counted.get(queue)
    if (counted === undefined) this.#counted.set(queue, (counted = { bytes: 0, count: 0 }))
    const count = appendedCount - counted.count
    if (count <= 0) return
    const bytes = appendedBytes - counted.bytes
    counted.count = appendedCount
    counted.bytes = appendedBytes
    if (isGantry(topic)) return
    const { config, statistics, world } = this.#state
    this.putBytes += bytes
    const nowMs = world.clock.nowMs()
    Statistics.raise(statistics, "TOPIC_PUT_NUMS", topic, count, count, nowMs)
    Statistics.raise(statistics, "TOPIC_PUT_SIZE", topic, bytes, count, nowMs)
    Statistics.raise(statistics, "BROKER_PUT_NUMS", config.brokerClusterName, count, count, nowMs)
  }

  #sample(): void {
    const { statistics, world } = this.#state
    Statistics.sample(statistics, world.clock.nowMs())
    Rates.sample(this.rates, this.totals(), world.clock.monotonicMs(), this.#localMs())
  }

  #localMs(): number {
    const { config, world } = this.#state
    return world.clock.nowMs() + config.utcOffsetMinutes * 60_000
  }
}

/** A pull of a group was answered with messages. */
export const countGot = (state: BrokerState, group: string, topic: string, count: number, bytes: number): void => {
  const { config, counts, statistics, world } = state
  counts.getFound++
  const nowMs = world.clock.nowMs()
  const key = `${topic}@${group}`
  Statistics.raise(statistics, "GROUP_GET_NUMS", key, count, 1, nowMs)
  Statistics.raise(statistics, "GROUP_GET_SIZE", key, bytes, 1, nowMs)
  Statistics.raise(statistics, "BROKER_GET_NUMS", config.brokerClusterName, count, 1, nowMs)
}
