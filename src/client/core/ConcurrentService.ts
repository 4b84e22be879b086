/**
 * Concurrent consumption: messages go to the handler in batches, many at a time and in no order of settlement. A message
 * that failed is given back; one that nobody takes back is tried again here, and holds the progress where it is.
 *
 * Laws (test/model/client/consumer.test.ts)
 *   bounded   at most `concurrency` handlers are at work
 *   settled   progress moves over a message only after it was handled, given back, or broadcast (P4, P8)
 *   dropped   what a handler says about a queue that is another's changes nothing
 * Source: behaviour of RocketMQ 5.5.0 (ConsumeMessageConcurrentlyService).
 */
import type { ConsumerSettings } from "../ConsumerOptions.ts"
import type { Message } from "../Message.ts"
import type { ConsumeEvents, ConsumeService } from "./ConsumeService.ts"
import type { Handler, Verdict } from "./Handling.ts"
import type { Instance } from "./Instance.ts"
import type { ProcessQueue } from "./ProcessQueue.ts"
import type { SendBack } from "./SendBack.ts"

interface Batch {
  readonly queue: ProcessQueue
  readonly messages: ReadonlyArray<Message>
}

/** What could not be given back is handled again here after so long. */
const againMs = 5_000
/** The level of a message whose handler takes too long. */
const expiredLevel = 3

export class ConcurrentService implements ConsumeService {
  readonly #instance: Instance
  readonly #settings: ConsumerSettings
  readonly #handler: Handler
  readonly #sendBack: SendBack
  readonly #events: ConsumeEvents
  /** Batches that wait for a free hand; `#next` is the first of them. */
  #waiting: Array<Batch> = []
  #next = 0
  #active = 0
  #isStopped = false
  #whenIdle: (() => void) | undefined

  constructor(
    instance: Instance,
    settings: ConsumerSettings,
    handler: Handler,
    sendBack: SendBack,
    events: ConsumeEvents,
  ) {
    this.#instance = instance
    this.#settings = settings
    this.#handler = handler
    this.#sendBack = sendBack
    this.#events = events
  }

  readonly arrived = (queue: ProcessQueue, messages: ReadonlyArray<Message>): void => {
    const { batchMax } = this.#settings
    for (let start = 0; start < messages.length; start += batchMax) {
      this.#waiting.push({ messages: messages.slice(start, start + batchMax), queue })
    }
    this.#work()
  }

  readonly wake = (): void => {}
  readonly mayGo = (): boolean => true

  readonly stop = (): void => {
    this.#isStopped = true
    this.#waiting = []
    this.#next = 0
  }

  readonly whenIdle = (done: () => void): void => {
    if (this.#active === 0) return done()
    this.#whenIdle = done
  }

  #work(): void {
    while (this.#active < this.#settings.concurrency && this.#next < this.#waiting.length) {
      const batch = this.#waiting[this.#next++]!
      // Taking from the front of a long array moves all of it: what is done with is cut off now and then.
      if (this.#next > 1_024 && this.#next * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#next)
        this.#next = 0
      }
      if (!batch.queue.isDropped) this.#begin(batch)
    }
  }

  #begin({ messages, queue }: Batch): void {
    const { clock } = this.#instance.world
    const gone = new Set<() => void>()
    const tellGone = (): void => {
      for (const run of gone) run()
      gone.clear()
    }
    let hasEnded = false
    let isExpired = false
    this.#active++
    queue.lastConsumeMs = clock.nowMs()
    const forgetQueue = queue.onDropped(tellGone)
    const cancelTimer = clock.after(this.#settings.consumeTimeoutMs, () => {
      isExpired = true
      tellGone()
      this.#expired(queue, messages)
    })
    const onGone = (run: () => void): (() => void) => {
      gone.add(run)
      return () => gone.delete(run)
    }
    this.#handler(messages, { isOrdered: false, onGone, queue: queue.queue }, (verdict) => {
      if (hasEnded) return
      hasEnded = true
      cancelTimer()
      forgetQueue()
      this.#active--
      if (!isExpired && !queue.isDropped) this.#judged(queue, messages, verdict)
      this.#idle()
      // A handler that answers within its call must not nest the next one.
      if (this.#next < this.#waiting.length) clock.soon(() => this.#work())
    })
  }

  #judged(queue: ProcessQueue, messages: ReadonlyArray<Message>, verdict: Verdict): void {
    const failed: ReadonlyMap<Message, number> =
      verdict._tag === "Done"
        ? (verdict.failed ?? new Map())
        : new Map(messages.map((message) => [message, verdict.delayLevel ?? 0] as const))
    if (verdict._tag === "Failed") {
      this.#instance.world.log.warn("a message handler failed", {
        error: verdict.error,
        group: this.#settings.group,
        messageId: messages[0]?.messageId,
        topic: messages[0]?.topic,
      })
    }
    // Nobody keeps the progress of one member of a broadcast: what failed there is only told.
    if (failed.size === 0 || this.#settings.isBroadcasting) return this.#settle(queue, messages)
    this.#settle(
      queue,
      messages.filter((message) => !failed.has(message)),
    )
    for (const [message, delayLevel] of failed) this.#giveBack(queue, message, delayLevel)
  }

  #giveBack(queue: ProcessQueue, message: Message, delayLevel: number): void {
    if (!queue.has(message)) return
    this.#active++
    this.#sendBack.giveBack(message, delayLevel, (isTaken) => {
      this.#active--
      if (!queue.isDropped) {
        if (isTaken) this.#settle(queue, [message])
        else if (!this.#isStopped) this.#again(queue, message)
      }
      this.#idle()
      this.#work()
    })
  }

  #again(queue: ProcessQueue, message: Message): void {
    const next = message.failedOnce()
    queue.replace(next)
    const cancel = this.#instance.world.clock.after(againMs, () => {
      forget()
      if (!queue.isDropped && !this.#isStopped) this.arrived(queue, [next])
    })
    const forget = queue.onDropped(cancel)
  }

  #expired(queue: ProcessQueue, messages: ReadonlyArray<Message>): void {
    this.#instance.world.log.error("a message handler takes too long; its messages are given to others", {
      consumeTimeoutMs: this.#settings.consumeTimeoutMs,
      group: this.#settings.group,
      messageId: messages[0]?.messageId,
    })
    if (queue.isDropped || this.#settings.isBroadcasting) return
    for (const message of messages) this.#giveBack(queue, message, expiredLevel)
  }

  #idle(): void {
    if (this.#active > 0) return
    const done = this.#whenIdle
    this.#whenIdle = undefined
    done?.()
  }

  #settle(queue: ProcessQueue, messages: ReadonlyArray<Message>): void {
    if (messages.length === 0) return
    const { clientId, world } = this.#instance
    if (world.trace !== undefined)
      for (const { queueOffset } of messages)
        world.trace("Done", { ...queue.queue, clientId, group: this.#settings.group, queueOffset })
    this.#events.settled(queue, queue.settle(messages))
  }
}
