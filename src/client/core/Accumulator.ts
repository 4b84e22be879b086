/**
 * Gathers single sends into batches: messages of one topic, queue, tag and WAIT that come within a few milliseconds go
 * together. Delayed messages, and what would take more memory than is set aside, go by themselves.
 *
 * Laws (test/model/client/producer.test.ts)
 *   own      each send gets the outcome of its own message, at its own place in the queue
 *   order    messages of one batch are stored in the order in which they were sent
 *   bounded  no more than `totalMaxBytes` are held back
 * Source: behaviour of RocketMQ 5.5.0 (ProduceAccumulator).
 */
import { PropertyName } from "../../domain/Properties.ts"
import { isRetry } from "../../domain/Topic.ts"
import { type Done, GantryError } from "../GantryError.ts"
import type { SendResult } from "../OutgoingMessage.ts"
import { slices } from "./batches.ts"
import { type Parcel, batchOf, elementSizeBytes, isDelayed } from "./Parcel.ts"
import type { Sender, Target } from "./Sender.ts"

interface Held {
  readonly parcel: Parcel
  readonly done: Done<SendResult>
  isForgotten: boolean
}

interface Gathering {
  readonly target: Target
  readonly held: Array<Held>
  sizeBytes: number
  readonly cancelTimer: () => void
}

export interface AccumulatorSettings {
  readonly maxDelayMs: number
  readonly maxBytes: number
  readonly totalMaxBytes: number
}

export class Accumulator {
  readonly #sender: Sender
  readonly #settings: AccumulatorSettings
  readonly #gatherings = new Map<string, Gathering>()
  #heldBytes = 0

  constructor(sender: Sender, settings: AccumulatorSettings) {
    this.#sender = sender
    this.#settings = settings
  }

  /** The answer of this call forgets the send. */
  send(parcel: Parcel, target: Target, timeoutMs: number, done: Done<SendResult>): () => void {
    const key = keyOf(parcel, target)
    const sizeBytes = elementSizeBytes(parcel)
    if (key === undefined || this.#heldBytes + sizeBytes > this.#settings.totalMaxBytes) {
      return this.#sender.send(parcel, target, timeoutMs, done)
    }
    const held: Held = { done, isForgotten: false, parcel }
    this.#hold(key, target, held, sizeBytes, timeoutMs)
    return () => {
      held.isForgotten = true
    }
  }

  /** Sends what is held back, now. */
  flush(): void {
    for (const key of this.#gatherings.keys()) this.#send(key)
  }

  #hold(key: string, target: Target, held: Held, sizeBytes: number, timeoutMs: number): void {
    const { maxBytes, maxDelayMs } = this.#settings
    const before = this.#gatherings.get(key)
    if (before !== undefined && before.sizeBytes + sizeBytes > this.#sender.settings.maxMessageSize) this.#send(key)
    let gathering = this.#gatherings.get(key)
    if (gathering === undefined) {
      const delayMs = Math.min(maxDelayMs, timeoutMs)
      const cancelTimer = this.#sender.instance.world.clock.after(delayMs, () => this.#send(key))
      gathering = { cancelTimer, held: [], sizeBytes: 0, target }
      this.#gatherings.set(key, gathering)
    }
    gathering.held.push(held)
    gathering.sizeBytes += sizeBytes
    this.#heldBytes += sizeBytes
    if (gathering.sizeBytes > maxBytes) this.#send(key)
  }

  #send(key: string): void {
    const gathering = this.#gatherings.get(key)
    if (gathering === undefined) return
    this.#gatherings.delete(key)
    gathering.cancelTimer()
    this.#heldBytes -= gathering.sizeBytes
    const held = gathering.held.filter(({ isForgotten }) => !isForgotten)
    const [first] = held
    if (first === undefined) return
    const parcels = held.map(({ parcel }) => parcel)
    const parcel = held.length === 1 ? first.parcel : batchOf(parcels, this.#sender.instance.uniqKeys.next())
    this.#sender.send(parcel, gathering.target, this.#sender.settings.sendMsgTimeoutMs, (outcome) => {
      const results = outcome instanceof GantryError || held.length === 1 ? undefined : slices(parcels, outcome)
      for (const [index, one] of held.entries()) {
        if (!one.isForgotten) one.done(results === undefined ? outcome : results[index]!)
      }
    })
  }
}

/** Equal for messages that may travel together; undefined for one that must go alone. */
const keyOf = (parcel: Parcel, target: Target): string | undefined => {
  if (isDelayed(parcel) || isRetry(parcel.topic) || parcel.properties.has(PropertyName.PGROUP)) return undefined
  const { properties, topic } = parcel
  const where =
    target._tag === "Turn"
      ? "turn"
      : target._tag === "Queue"
        ? [target.queue.brokerName, target.queue.queueId]
        : parcel.shardingKey === undefined
          ? undefined
          : ["key", parcel.shardingKey]
  if (where === undefined) return undefined
  return JSON.stringify([topic, where, properties.get(PropertyName.WAIT), properties.get(PropertyName.TAGS)])
}
